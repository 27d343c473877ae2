// SPDX-License-Identifier: EUPL-1.2
//! Texts that are not JSON, or JSON in more than one reading, inside and in place of a payload.
//!
//! The names are those of nst/JSONTestSuite, the texts a selection written anew from what the names say. The body
//! of a kind that this version does not know may hold any JSON, so that nothing but the reader decides.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use concert_protocol::entry::{Entry, EntryError, KeyId};
use concert_protocol::key::SecretKey;
use concert_protocol::member::MemberId;

const REFUSED: &[(&str, &[u8])] = &[
    ("n_array_1_true_without_comma", b"[1 true]"),
    ("n_array_colon_instead_of_comma", b"[\"\": 1]"),
    ("n_array_comma_and_number", b"[,1]"),
    ("n_array_double_comma", b"[1,,2]"),
    ("n_array_double_extra_comma", b"[\"x\",,]"),
    ("n_array_extra_close", b"[\"x\"]]"),
    ("n_array_extra_comma", b"[\"\",]"),
    ("n_array_incomplete", b"[\"x\""),
    ("n_array_invalid_utf8", b"[\xff]"),
    ("n_array_just_comma", b"[,]"),
    ("n_array_newlines_unclosed", b"[\"a\",\n4\n,1,"),
    ("n_array_star_inside", b"[*]"),
    ("n_incomplete_false", b"[fals]"),
    ("n_incomplete_null", b"[nul]"),
    ("n_incomplete_true", b"[tru]"),
    ("n_number_++", b"[++1234]"),
    ("n_number_+1", b"[+1]"),
    ("n_number_+Inf", b"[+Inf]"),
    ("n_number_-01", b"[-01]"),
    ("n_number_-2.", b"[-2.]"),
    ("n_number_-NaN", b"[-NaN]"),
    ("n_number_.2e-3", b"[.2e-3]"),
    ("n_number_0.3e+", b"[0.3e+]"),
    ("n_number_0e", b"[0e]"),
    ("n_number_1_000", b"[1 000.0]"),
    ("n_number_2.e3", b"[2.e3]"),
    ("n_number_Inf", b"[Inf]"),
    ("n_number_NaN", b"[NaN]"),
    ("n_number_U+FF11_fullwidth_digit_one", "[\u{ff11}]".as_bytes()),
    ("n_number_expression", b"[1+2]"),
    ("n_number_hex_2_digits", b"[0x42]"),
    ("n_number_infinity", b"[Infinity]"),
    ("n_number_minus_space_1", b"[- 1]"),
    ("n_number_neg_int_starting_with_zero", b"[-012]"),
    ("n_number_real_without_fractional_part", b"[1.]"),
    ("n_number_starting_with_dot", b"[.123]"),
    ("n_number_with_alpha", b"[1.2a-3]"),
    ("n_number_with_leading_zero", b"[012]"),
    ("n_object_bracket_key", b"{[: \"x\"}"),
    ("n_object_comma_instead_of_colon", b"{\"x\", null}"),
    ("n_object_double_colon", b"{\"x\"::\"b\"}"),
    ("n_object_missing_colon", b"{\"a\" b}"),
    ("n_object_missing_key", b"{:\"b\"}"),
    ("n_object_missing_value", b"{\"a\":"),
    ("n_object_no-colon", b"{\"a\""),
    ("n_object_non_string_key", b"{1:1}"),
    ("n_object_single_quote", b"{'a':0}"),
    ("n_object_trailing_comma", b"{\"id\":0,}"),
    ("n_object_trailing_comment", b"{\"a\":\"b\"}/**/"),
    ("n_object_trailing_comment_slash_open", b"{\"a\":\"b\"}//"),
    ("n_object_unquoted_key", b"{a: \"b\"}"),
    ("n_object_with_trailing_garbage", b"{\"a\":\"b\"}#"),
    ("n_single_space", b" "),
    ("n_string_1_surrogate_then_escape", b"[\"\\uD800\\\"]"),
    ("n_string_1_surrogate_then_escape_u1", b"[\"\\uD800\\u1\"]"),
    ("n_string_accentuated_char_no_quotes", "[\u{e9}]".as_bytes()),
    ("n_string_backslash_00", b"[\"\\\0\"]"),
    ("n_string_escape_x", b"[\"\\x00\"]"),
    ("n_string_escaped_backslash_bad", b"[\"\\\\\\\"]"),
    ("n_string_escaped_ctrl_char_tab", b"[\"\\\t\"]"),
    ("n_string_incomplete_escaped_character", b"[\"\\u00A\"]"),
    ("n_string_incomplete_surrogate", b"[\"\\uD834\\uDd\"]"),
    ("n_string_invalid_utf8_after_escape", b"[\"\\\xe5\"]"),
    ("n_string_single_quote", b"['single quote']"),
    ("n_string_start_escape_unclosed", b"[\"\\"),
    ("n_string_unescaped_ctrl_char", b"[\"a\0a\"]"),
    ("n_string_unescaped_newline", b"[\"new\nline\"]"),
    ("n_string_unescaped_tab", b"[\"\t\"]"),
    ("n_string_unicode_CapitalU", b"\"\\UA66D\""),
    ("n_string_with_trailing_garbage", b"\"\"x"),
    ("n_structure_U+2060_word_joined", "[\u{2060}]".as_bytes()),
    ("n_structure_UTF8_BOM_no_data", b"\xef\xbb\xbf"),
    ("n_structure_angle_bracket_null", b"[<null>]"),
    ("n_structure_array_trailing_garbage", b"[1]x"),
    ("n_structure_capitalized_True", b"[True]"),
    ("n_structure_close_unopened_array", b"1]"),
    ("n_structure_double_array", b"[][]"),
    ("n_structure_no_data", b""),
    ("n_structure_null-byte-outside-string", b"[\0]"),
    ("n_structure_open_array_comma", b"[,"),
    ("n_structure_open_object_string_with_apostrophes", b"{'a'"),
    ("n_structure_single_star", b"*"),
    ("n_structure_whitespace_formfeed", b"[\x0c]"),
    // The suite leaves these three open; a lone surrogate is no text.
    ("i_string_1st_surrogate_but_2nd_missing", b"[\"\\uDADA\"]"),
    ("i_string_invalid_lonely_surrogate", b"[\"\\ud800\"]"),
    ("i_string_inverted_surrogates_U+1D11E", b"[\"\\uDd1e\\uD834\"]"),
    // These two are JSON to the suite; of two members with one name, each reader could keep another.
    ("y_object_duplicated_key", b"{\"a\":\"b\",\"a\":\"c\"}"),
    ("y_object_duplicated_key_and_value", b"{\"a\":\"b\",\"a\":\"b\"}"),
];

const ACCEPTED: &[(&str, &[u8])] = &[
    ("y_array_arraysWithSpaces", b"[[]   ]"),
    ("y_array_heterogeneous", b"[null, 1, \"1\", {}]"),
    ("y_array_with_1_and_newline", b"[1\n]"),
    ("y_number", b"[123e65]"),
    ("y_number_minus_zero", b"[-0]"),
    ("y_number_real_neg_exp", b"[1e-2]"),
    ("y_object_empty_key", b"{\"\":0}"),
    ("y_object_escaped_null_in_key", b"{\"foo\\u0000bar\": 42}"),
    ("y_object_with_newlines", b"{\n\"a\": \"b\"\n}"),
    ("y_string_accepted_surrogate_pair", b"[\"\\uD801\\udc37\"]"),
    ("y_string_allowed_escapes", b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    ("y_string_null_escape", b"[\"\\u0000\"]"),
    ("y_string_space", b"\" \""),
    ("y_string_uEscape", b"[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
    ("y_string_unescaped_char_delete", b"[\"\x7f\"]"),
    ("y_structure_whitespace_array", b" [] "),
];

fn member() -> MemberId {
    "FR".parse().expect("a member code")
}

/// Reads this payload as a signed entry of FR of a kind that is not known.
fn read(payload: &[u8]) -> Result<Entry, EntryError> {
    let key = SecretKey::from_seed(&[1; 32]);
    let kid = KeyId::of(&member(), &key.public());
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"concert.seal.v1+jws"}}"#);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let jws = format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())));
    Entry::verify(jws.as_bytes(), &member(), |id| (*id == kid).then(|| key.public()))
}

/// A good payload whose body has `value` as its only member's.
fn around(value: &[u8]) -> Vec<u8> {
    let before = concat!(
        r#"{"id":"01a20247-5ce8-7101-8101-010101010101","author":"FR","at":"2026-11-22T08:02:41.000000Z","#,
        r#""nonce":"AQEBAQEBAQEBAQEBAQEBAQ","audience":"members","body":{"value":"#
    );
    [before.as_bytes(), value, b"}}"].concat()
}

#[test]
fn what_is_not_json_in_one_reading_is_no_payload_and_no_part_of_one() {
    for (name, text) in REFUSED {
        for payload in [text.to_vec(), around(text)] {
            let refused = read(&payload).expect_err(name);
            assert_eq!(refused.code(), "payload", "{name}");
        }
    }
}

#[test]
fn what_is_json_may_be_part_of_a_payload() {
    for (name, text) in ACCEPTED {
        assert!(read(&around(text)).is_ok(), "{name}: {:?}", read(&around(text)).err());
    }
}
