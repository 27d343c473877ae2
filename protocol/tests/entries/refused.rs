// SPDX-License-Identifier: EUPL-1.2
//! Entries that every member refuses, each wrong in one way, with the refusal that the specification names.

use base64::Engine as _;
use concert_protocol::entry::KnownKind as K;
use serde_json::{Value, json};

use crate::bodies::{author, full, id, minimal, payload, reference};
use crate::forge::{
    base64url, entry, header, hmac, key_of, kid, kid_of, malleable, sign, sign_parts, small_order_r,
    stray_bits,
};

/// One entry that must be refused.
pub(crate) struct Case {
    /// What is wrong with it.
    pub(crate) name: String,
    /// The code of the refusal.
    pub(crate) refusal: &'static str,
    /// In whose log it stands.
    pub(crate) owner: &'static str,
    /// Whether any JOSE library that is told the algorithm and the keys refuses it too.
    pub(crate) jose: bool,
    pub(crate) jws: String,
}

fn case(refusal: &'static str, name: &str, jws: String) -> Case {
    let jose = matches!(refusal, "signature" | "unknown_key");
    Case { name: name.to_owned(), refusal, owner: "FR", jose, jws }
}

/// One that no JOSE library accepts either.
fn broken(refusal: &'static str, name: &str, jws: String) -> Case {
    Case { jose: true, ..case(refusal, name, jws) }
}

pub(crate) fn all() -> Vec<Case> {
    [envelope(), headers(), signatures(), documents(), values(), lists_and_texts(), rules()]
        .into_iter()
        .flatten()
        .collect()
}

/// The referral that most cases vary.
fn good_payload() -> String {
    payload(K::Referral, minimal(K::Referral)).to_string()
}

fn good() -> String {
    entry("FR", "referral", &good_payload())
}

fn parts() -> [String; 3] {
    let good = good();
    let mut parts = good.split('.').map(str::to_owned);
    [(); 3].map(|()| parts.next().expect("three parts"))
}

fn envelope() -> Vec<Case> {
    let [h, p, s] = parts();
    let standard = {
        // Signed again until the signature has a character in which the two alphabets differ.
        let jws = (0..).map(|n| entry("FR", "referral", &format!("{}{}", good_payload(), " ".repeat(n))));
        let jws =
            jws.into_iter().find(|jws| jws[jws.len() - 86..].contains(['-', '_'])).expect("such a signature");
        let (input, signature) = jws.rsplit_once('.').expect("three parts");
        format!("{input}.{}", signature.replace('-', "+").replace('_', "/"))
    };
    let uneven = |extra: usize| base64url(format!("{}{}", good_payload(), " ".repeat(extra)).as_bytes());
    let stray =
        (0..3).find_map(|extra| stray_bits(&uneven(extra))).expect("one of three lengths has unused bits");
    let padded = (0..3).map(uneven).find(|part| part.len() % 4 == 2).expect("one of three lengths");
    let json = json!({"protected": h, "payload": p, "signature": s}).to_string();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&s).expect("base64url");
    vec![
        broken("envelope", "no bytes at all", String::new()),
        broken("envelope", "one part", h.clone()),
        broken("envelope", "two parts", format!("{h}.{p}")),
        broken("envelope", "four parts", format!("{h}.{p}.{s}.{s}")),
        broken("envelope", "a dot behind the signature", format!("{h}.{p}.{s}.")),
        broken("envelope", "no signature", format!("{h}.{p}.")),
        broken("header", "no header", format!(".{p}.{s}")),
        broken("signature", "no payload under this signature", format!("{h}..{s}")),
        case("envelope", "JWS JSON serialisation", json),
        case("envelope", "padding behind the payload", sign_parts("FR", &h, &format!("{padded}=="))),
        case("envelope", "padding behind the signature", format!("{h}.{p}.{s}==")),
        case("envelope", "standard base64 in place of base64url", standard),
        case("envelope", "unused bits of the payload's last character set", sign_parts("FR", &h, &stray)),
        case(
            "envelope",
            "unused bits of the signature's last character set",
            format!("{h}.{p}.{}", stray_bits(&s).expect("86 characters")),
        ),
        case("envelope", "a line feed behind the signature", format!("{h}.{p}.{s}\n")),
        case("header", "a blank before the header", format!(" {h}.{p}.{s}")),
        case(
            "envelope",
            "a line feed in the payload's base64url",
            sign_parts("FR", &h, &format!("{}\n{}", &p[..64], &p[64..])),
        ),
        broken(
            "envelope",
            "a letter beyond ASCII in the payload's base64url",
            sign_parts("FR", &h, &format!("é{p}")),
        ),
        broken("envelope", "a signature of 63 bytes", format!("{h}.{p}.{}", base64url(&signature[..63]))),
        broken(
            "envelope",
            "a signature of 65 bytes",
            format!("{h}.{p}.{}", base64url(&[signature.as_slice(), &[0]].concat())),
        ),
    ]
}

fn headers() -> Vec<Case> {
    let p = base64url(good_payload().as_bytes());
    let kid = kid_of("FR");
    let signed = |header: &str| sign("FR", header, good_payload().as_bytes());
    let refused = |name: &str, header: &str| case("header", name, signed(header));
    let alg = |alg: &str| header("FR", "referral").replace("EdDSA", alg);
    let member =
        |extra: &str| format!(r#"{{"alg":"EdDSA",{extra},"kid":"{kid}","typ":"concert.referral.v1+jws"}}"#);
    let typ = |typ: &str| format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{typ}"}}"#);
    let key = |kid: &str| format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"concert.referral.v1+jws"}}"#);
    let hs256 = {
        let input = format!("{}.{p}", base64url(alg("HS256").as_bytes()));
        let mac = hmac(&key_of("FR").public().to_bytes(), input.as_bytes());
        format!("{input}.{}", base64url(&[mac.as_slice(), &mac].concat()))
    };
    let good = header("FR", "referral");
    let mut cases = vec![
        broken(
            "header",
            "alg none, without signature",
            format!("{}.{p}.", base64url(alg("none").as_bytes())),
        ),
        broken("header", "alg none, with a signature", signed(&alg("none"))),
        broken("header", "alg HS256, keyed with the public key", hs256),
        broken("header", "alg ES256", signed(&alg("ES256"))),
        case("header", "alg Ed25519 (RFC 9864)", signed(&alg("Ed25519"))),
        broken("header", "alg in lower case", signed(&alg("eddsa"))),
        broken("header", "no alg", signed(&format!(r#"{{"kid":"{kid}","typ":"concert.referral.v1+jws"}}"#))),
        refused("no kid", r#"{"alg":"EdDSA","typ":"concert.referral.v1+jws"}"#),
        refused("no typ", &format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)),
        broken("header", "crit", signed(&member(r#""crit":["concert"],"concert":1"#))),
        case("header", "b64 false", signed(&member(r#""b64":false,"crit":["b64"]"#))),
        refused("jku", &member(r#""jku":"https://keys.example/jwks.json""#)),
        refused("jwk", &member(r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#)),
        refused("cty", &member(r#""cty":"json""#)),
        refused("alg twice", &member(r#""alg":"EdDSA""#)),
        refused(
            "typ before kid",
            &format!(r#"{{"alg":"EdDSA","typ":"concert.referral.v1+jws","kid":"{kid}"}}"#),
        ),
        refused("a blank in the header", &good.replace(":", ": ")),
        refused("a line feed behind the header", &format!("{good}\n")),
        refused("an escape in the header", &good.replace("EdDSA", "\\u0045dDSA")),
        refused("a byte order mark before the header", &format!("\u{feff}{good}")),
        broken(
            "header",
            "the header as an array",
            signed(&format!(r#"["EdDSA","{kid}","concert.referral.v1+jws"]"#)),
        ),
        broken("header", "the header is not JSON", signed("EdDSA")),
        case(
            "header",
            "padding behind the header",
            sign_parts("FR", &format!("{}=", base64url(good.as_bytes())), &p),
        ),
    ];
    for wrong in [
        "JWT",
        "concert.referral",
        "concert.referral+jws",
        "concert.Referral.v1+jws",
        "concert.referral.v0+jws",
        "concert.referral.v01+jws",
        "concert..v1+jws",
        "concert.referral.v1+JWS",
        "application/concert.referral.v1+jws",
    ] {
        cases.push(refused(&format!("typ {wrong}"), &typ(wrong)));
    }
    cases.push(refused("typ of 81 bytes", &typ(&format!("concert.{}.v1+jws", "a".repeat(66)))));
    let digits = &kid[3..];
    for (name, wrong) in [
        ("kid without member", digits.to_owned()),
        ("kid without fingerprint", "FR".to_owned()),
        ("kid with the member in lower case", format!("fr/{digits}")),
        ("kid with upper-case digits", format!("FR/{}", digits.to_uppercase())),
        ("kid of 15 digits", format!("FR/{}", &digits[..15])),
        ("kid of 17 digits", format!("FR/{digits}0")),
    ] {
        cases.push(refused(name, &key(&wrong)));
    }
    cases
}

fn signatures() -> Vec<Case> {
    let [h, p, s] = parts();
    let input = format!("{h}.{p}");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&s).expect("base64url");
    let with = |signature: &[u8]| format!("{input}.{}", base64url(signature));
    let mut flipped = bytes.clone();
    flipped[7] ^= 1;
    let other_kind = base64url(header("FR", "alert").as_bytes());
    let weak = {
        // The neutral element as key: with R neutral and S zero the lenient equation holds for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let header =
            format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"concert.referral.v1+jws"}}"#, kid("FR", &neutral));
        let input = format!("{}.{p}", base64url(header.as_bytes()));
        format!("{input}.{}", base64url(&[neutral, [0; 32]].concat()))
    };
    vec![
        case("signature", "one bit of the signature flipped", with(&flipped)),
        case("signature", "S + L in place of S", with(&malleable(&bytes))),
        Case {
            jose: false,
            ..case(
                "signature",
                "R of small order, the equation holds",
                with(&small_order_r("FR", input.as_bytes())),
            )
        },
        case("signature", "all zero", with(&[0; 64])),
        case("signature", "signed with another member's key", {
            let signature = key_of("DE").sign(input.as_bytes());
            with(&signature)
        }),
        case("signature", "signed without the header", {
            let signature = key_of("FR").sign(p.as_bytes());
            with(&signature)
        }),
        case("signature", "signed before encoding", {
            let message = format!("{}.{}", header("FR", "referral"), good_payload());
            let signature = key_of("FR").sign(message.as_bytes());
            with(&signature)
        }),
        case("signature", "another kind under the same signature", format!("{other_kind}.{p}.{s}")),
        case("signature", "another payload under the same signature", {
            let other = good_payload().replace("\"tier\":2", "\"tier\":1");
            format!("{h}.{}.{s}", base64url(other.as_bytes()))
        }),
        case("unknown_key", "a key that the roster does not have", {
            let header = header("FR", "referral").replace(&kid_of("FR"), "FR/0123456789abcdef");
            sign("FR", &header, good_payload().as_bytes())
        }),
        case("unknown_key", "a key of small order, which no roster can hold", weak),
        case("author", "signed by DE, written as FR", entry("DE", "referral", &good_payload())),
        Case { owner: "DE", ..case("misplaced", "an entry of FR in the log of DE", good()) },
    ]
}

/// Varies the text of the good payload.
fn text(name: &str, edit: impl FnOnce(String) -> String) -> Case {
    let edited = edit(good_payload());
    assert_ne!(edited, good_payload(), "{name}");
    case("payload", name, entry("FR", "referral", &edited))
}

/// Replaces a part of the good payload that is there once.
fn swap(name: &str, from: &str, to: &str) -> Case {
    assert_eq!(good_payload().matches(from).count(), 1, "{name}: {from}");
    text(name, |good| good.replace(from, to))
}

fn raw(name: &str, payload: &[u8]) -> Case {
    case("payload", name, sign("FR", &header("FR", "referral"), payload))
}

/// Replaces one byte sequence of the good payload by bytes that are no text.
fn bytes(name: &str, to: &[u8]) -> Case {
    let good = good_payload().into_bytes();
    let at = good.windows(6).position(|w| w == b"Unit A").expect("the unit");
    raw(name, &[&good[..at], to, &good[at + 6..]].concat())
}

fn documents() -> Vec<Case> {
    let value: Value = serde_json::from_str(&good_payload()).expect("JSON");
    let array =
        json!([value["id"], value["author"], value["at"], value["nonce"], value["audience"], value["body"]]);
    let utf16: Vec<u8> = good_payload().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut cases = vec![
        raw("an empty payload", b""),
        raw("the payload null", b"null"),
        raw("the payload an empty object", b"{}"),
        raw("the payload an array", array.to_string().as_bytes()),
        raw("a byte order mark before the payload", format!("\u{feff}{}", good_payload()).as_bytes()),
        raw("UTF-16", &utf16),
        bytes("not UTF-8", b"\xff"),
        bytes("an overlong encoding", b"\xc0\xaf"),
        bytes("an encoded surrogate", b"\xed\xa0\x80"),
        bytes("a bare control character", b"Unit\nA"),
        bytes("an unpaired surrogate escape", b"\\ud800"),
        bytes("surrogate escapes in the wrong order", b"\\udc00\\ud800"),
        bytes("an escape that JSON does not have", b"\\x41"),
        text("a letter behind the document", |good| good + "x"),
        text("a second document", |good| good + "{}"),
        text("a zero byte behind the document", |good| good + "\0"),
        text("a comment", |good| format!("/* */{good}")),
        text("a comma too many", |good| good.replacen('{', "{,", 1)),
        text("a comma behind the last member", |good| format!("{},}}", &good[..good.len() - 1])),
        text("cut off", |good| good[..good.len() - 1].to_owned()),
        text("id twice", |good| good.replacen('{', &format!(r#"{{"id":"{}","#, id(K::Referral)), 1)),
        text("audience twice", |good| good.replacen('{', r#"{"audience":"coordinators","#, 1)),
        text("a name twice, once escaped", |good| {
            good.replacen('{', r#"{"\u0061udience":"coordinators","#, 1)
        }),
        swap("a member twice in the body", r#""tier":2"#, r#""tier":2,"tier":4"#),
        swap(
            "a member twice in a nested object",
            r#"{"finding":"none"}"#,
            r#"{"finding":"none","finding":"artistic"}"#,
        ),
        text("an unknown member", |good| good.replacen('{', r#"{"version":1,"#, 1)),
        swap("an unknown member in the body", r#""tier":2"#, r#""tier":2,"tlp":"red""#),
        swap(
            "an unknown member in a nested object",
            r#"{"finding":"none"}"#,
            r#"{"finding":"none","by":"x"}"#,
        ),
        swap("a name in other letter case", r#""tier":2"#, r#""Tier":2"#),
        swap("an object as an array", r#"{"finding":"none"}"#, r#"["none"]"#),
        swap("a word as an object", r#""content_type":"video""#, r#""content_type":{"video":null}"#),
        swap(
            "null for a member that is absent",
            r#"{"finding":"none"}"#,
            r#"{"finding":"none","note":null}"#,
        ),
        text("nested 200 deep", |good| {
            good.replacen('{', &format!(r#"{{"x":{}{},"#, "[".repeat(200), "]".repeat(200)), 1)
        }),
    ];
    for member in ["id", "author", "at", "nonce", "audience", "body"] {
        cases.push(edit(&format!("no {member}"), |payload| {
            drop(payload.as_object_mut().and_then(|o| o.remove(member)))
        }));
    }
    for member in [
        "unit",
        "reference",
        "detected_at",
        "items",
        "content_type",
        "reasons",
        "types",
        "exception_check",
        "tier",
        "handling",
        "retention",
        "source",
    ] {
        cases.push(body(&format!("no {member}"), |body| {
            drop(body.as_object_mut().and_then(|o| o.remove(member)))
        }));
    }
    let unknown = |name: &str, payload: String| case("payload", name, entry("FR", "seal", &payload));
    let free = |body: &str| good_payload().replace(&value["body"].to_string(), body);
    cases.push(unknown("a member twice in the body of an unknown kind", free(r#"{"a":[{"b":1,"b":1}]}"#)));
    cases.push(unknown(
        "the body of an unknown kind nested 33 deep",
        free(&format!("{}{}", "[".repeat(33), "]".repeat(33))),
    ));
    cases.push(unknown("an unknown kind without nonce", good_payload().replace("\"nonce\"", "\"Nonce\"")));
    cases
}

/// Varies the good payload as a value.
fn edit(name: &str, edit: impl FnOnce(&mut Value)) -> Case {
    let mut value: Value = serde_json::from_str(&good_payload()).expect("JSON");
    edit(&mut value);
    text(name, |_| value.to_string())
}

/// Varies the body of the good payload.
fn body(name: &str, change: impl FnOnce(&mut Value)) -> Case {
    edit(name, |payload| change(&mut payload["body"]))
}

fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut all = |member: &str, wrong: &[Value]| {
        for value in wrong {
            let shown: String = value.to_string().chars().take(50).collect();
            cases.push(edit(&format!("{member}: {shown}"), |payload| payload[member] = value.clone()));
        }
    };
    let upper = id(K::Referral).to_string().to_uppercase();
    all(
        "id",
        &[
            json!(upper),
            json!("0198c0de-0000-4000-8000-000000000000"),
            json!("0198c0de-0000-7000-0000-000000000000"),
            json!("00000000-0000-0000-0000-000000000000"),
            json!("{0198c0de-0000-7000-8000-000000000000}"),
            json!("urn:uuid:0198c0de-0000-7000-8000-000000000000"),
            json!("0198c0de000070008000000000000000"),
            json!(""),
            json!(7),
        ],
    );
    all(
        "author",
        &[json!("fr"), json!(""), json!("F"), json!("FR/1"), json!("FRANCE-REPUBLIQUE"), json!(["FR"])],
    );
    all(
        "at",
        &[
            json!("2026-11-22T08:02:41Z"),
            json!("2026-11-22T08:02:41.000Z"),
            json!("2026-11-22T08:02:41.000000000Z"),
            json!("2026-11-22T08:02:41.000000+00:00"),
            json!("2026-11-22T09:02:41.0000+01"),
            json!("2026-11-22t08:02:41.000000z"),
            json!("2026-11-22 08:02:41.000000Z"),
            json!("2026-11-22T08:02:60.000000Z"),
            json!("2026-02-30T08:02:41.000000Z"),
            json!("2026-11-22T24:00:00.000000Z"),
            json!("2026-11-22T08:02:41,000000Z"),
            json!("10000-01-01T00:00:00.00000Z"),
            json!("2026-W47-7T08:02:41.000000Z"),
            json!(1_795_334_561),
            json!(""),
        ],
    );
    all(
        "nonce",
        &[
            json!("AQEBAQEBAQEBAQEBAQEB"),
            json!("AQEBAQEBAQEBAQEBAQEBAQ=="),
            json!("AQEBAQEBAQEBAQEBAQEBAR"),
            json!("01010101010101010101010101010101"),
            json!(""),
        ],
    );
    let many: Vec<String> = (0..65).map(|n| format!("M{n}")).collect();
    all(
        "audience",
        &[
            json!("everyone"),
            json!("Members"),
            json!([]),
            json!(many),
            json!(["fr"]),
            json!([["FR"]]),
            json!({"members": null}),
            json!(null),
            json!(1),
        ],
    );
    let mut all = |member: &str, wrong: &[Value]| {
        for value in wrong {
            let shown: String = value.to_string().chars().take(50).collect();
            cases.push(body(&format!("{member}: {shown}"), |body| body[member] = value.clone()));
        }
    };
    all(
        "tier",
        &[
            json!(0),
            json!(5),
            json!("2"),
            json!(2.0),
            json!(-1),
            json!(258),
            json!(true),
            json!([2]),
            json!(null),
        ],
    );
    all("types", &[json!([]), json!("a"), json!(["f"]), json!(["A"]), json!(["a", "b", "c", "d", "e", "a"])]);
    all(
        "exception_check",
        &[
            json!({}),
            json!(""),
            json!("none"),
            json!({"finding": ""}),
            json!({"finding": null}),
            json!({"note": "x"}),
        ],
    );
    all("content_type", &[json!("Video"), json!("film"), json!(""), json!(0)]);
    all("handling", &[json!("public"), json!("")]);
    all("graphic", &[json!(1), json!("true"), json!(null)]);
    all(
        "languages",
        &[json!(["fr_FR"]), json!(["f"]), json!(["-fr"]), json!(["fr-"]), json!(["fr--x"]), json!("fr")],
    );
    all("entity", &[json!("Entity 77"), json!("")]);
    all(
        "fingerprints",
        &[
            json!([{"value": "sha256:00"}]),
            json!([{"value": "00"}]),
            json!([{"value": "pdq:00:q87"}]),
            json!(["sha256:00"]),
            json!([{"value": "md5:0123456789abcdef0123456789abcdef", "size": -1}]),
            json!([{"value": "md5:0123456789abcdef0123456789abcdef", "size": 1.5}]),
            json!([{"value": "md5:0123456789abcdef0123456789abcdef", "relation": "near"}]),
        ],
    );
    all(
        "links",
        &[
            json!([{"relation": "related", "entry": id(K::Order).to_string()}]),
            json!([{"relation": "parent", "entry": reference(K::Order).to_string()}]),
        ],
    );
    cases.push(swap("a size above 64 bits", r#""handling":"#, r#""fingerprints":[{"value":"md5:0123456789abcdef0123456789abcdef","size":18446744073709551616}],"handling":"#));
    cases.push(swap("a tier with an exponent", r#""tier":2"#, r#""tier":2e0"#));
    cases.push(swap("a tier with a leading zero", r#""tier":2"#, r#""tier":02"#));
    cases
}

fn lists_and_texts() -> Vec<Case> {
    let url = |name: &str, url: String| body(name, |body| body["items"][0]["url"] = json!(url));
    let reasons = |name: &str, reasons: String| body(name, |body| body["reasons"] = json!(reasons));
    let items: Vec<Value> = (0..51).map(|n| json!({"url": format!("https://paste-h.test/{n}")})).collect();
    let prints: Vec<Value> = (0..65).map(|n| json!({"value": format!("md5:{n:032x}")})).collect();
    vec![
        body("no item", |body| body["items"] = json!([])),
        body("51 items", |body| body["items"] = json!(items)),
        body("65 fingerprints", |body| body["fingerprints"] = json!(prints)),
        body("25 languages", |body| body["languages"] = json!(vec!["fr"; 25])),
        url("a scheme that is not http", "ftp://paste-h.test/1".to_owned()),
        url("a script", "javascript:alert(1)".to_owned()),
        url("the scheme in capitals", "HTTPS://paste-h.test/1".to_owned()),
        url("a defanged address", "hxxps://paste-h[.]test/1".to_owned()),
        url("a blank in an address", "https://paste-h.test/a b".to_owned()),
        url("an ideographic space in an address", "https://paste-h.test/a\u{3000}b".to_owned()),
        url("a tab in an address", "https://paste-h.test/a\tb".to_owned()),
        url("a zero byte in an address", "https://paste-h.test/a\0b".to_owned()),
        url("an address of 8193 bytes", format!("https://paste-h.test/{}", "a".repeat(8193 - 21))),
        url("an empty address", String::new()),
        reasons("empty reasons", String::new()),
        reasons("blank reasons", " \n\t ".to_owned()),
        reasons("reasons of 4001 characters", "é".repeat(4001)),
        reasons("a carriage return", "one\r\ntwo".to_owned()),
        reasons("a zero character", "one\0two".to_owned()),
        reasons("an escape character", "\u{1b}[2J".to_owned()),
        reasons("a delete character", "one\u{7f}".to_owned()),
        reasons("a C1 control character", "one\u{9b}".to_owned()),
        body("a unit of 121 characters", |body| body["unit"] = json!("u".repeat(121))),
    ]
}

/// A body of `kind` that breaks a rule between its fields.
fn rule(kind: K, name: &str, change: impl FnOnce(&mut Value)) -> Case {
    let mut body = full(kind);
    change(&mut body);
    let text = payload(kind, body).to_string();
    let code = author(kind);
    Case { owner: code, ..case("rule", &format!("{}: {name}", kind.name()), entry(code, kind.name(), &text)) }
}

fn rules() -> Vec<Case> {
    let twice = |list: &mut Value| {
        let list = list.as_array_mut().expect("a list");
        let first = list[0].clone();
        list.push(first);
    };
    let other = "DE/019aaa00-0000-7000-8000-000000000000";
    let mut cases = vec![
        rule(K::Referral, "types twice", |b| b["types"] = json!(["a", "a"])),
        rule(K::Referral, "an address twice", |b| twice(&mut b["items"])),
        rule(K::Referral, "a protected purpose without note", |b| {
            b["exception_check"] = json!({"finding": "artistic"})
        }),
        rule(K::Referral, "evidence by MD5", |b| {
            b["evidence"]["sha256"] = json!("md5:0123456789abcdef0123456789abcdef")
        }),
        rule(K::ReferralAmended, "another member's referral", |b| b["referral"] = json!(other)),
        rule(K::ReferralAmended, "a replacement that breaks a rule", |b| {
            b["replacement"]["types"] = json!(["e", "e"])
        }),
        rule(K::ReferralWithdrawn, "another member's referral", |b| b["referral"] = json!(other)),
        rule(K::ReferralEndorsed, "the author's own referral", |b| b["referral"] = json!(other)),
        rule(K::Order, "an address twice", |b| twice(&mut b["addresses"])),
        rule(K::Order, "types twice", |b| twice(&mut b["types"])),
        rule(K::Order, "non-disclosure over six weeks", |b| {
            b["non_disclosure"]["until"] = json!("2027-01-03T08:00:00.000001Z")
        }),
        rule(K::Order, "non-disclosure that ends before it begins", |b| {
            b["non_disclosure"]["until"] = b["non_disclosure"]["from"].clone()
        }),
        rule(K::OrderAnnulled, "another member's order", |b| b["order"] = json!(other)),
        rule(K::OrderFinal, "another member's order", |b| b["order"] = json!(other)),
        rule(K::Measure, "delisting without address", |b| b["addresses"] = json!([])),
        rule(K::Measure, "delisting a host", |b| b["hosts"] = json!(["paste-h.test"])),
        rule(K::Measure, "blocking an address", |b| b["measure"] = json!("blocking")),
        rule(K::Measure, "an address twice", |b| twice(&mut b["addresses"])),
        rule(K::MeasureLifted, "another member's measure", |b| b["measure"] = json!(other)),
        rule(K::Hold, "nothing held", |b| *b = json!({})),
        rule(K::Hold, "a fingerprint twice", |b| twice(&mut b["fingerprints"])),
        rule(K::HoldReleased, "another member's hold", |b| b["hold"] = json!(other)),
        rule(K::HashlistUpdated, "additions to another member's list", |b| b["owner"] = json!("DE")),
        rule(K::HashlistUpdated, "no change", |b| *b = json!({"owner": "FR", "list": "l"})),
        rule(K::HashlistUpdated, "a value added and removed", |b| {
            b["removed"] = json!([b["added"][0]["value"]])
        }),
        rule(K::HashlistUpdated, "two opinions on one value", |b| twice(&mut b["opinions"])),
        rule(K::RecipientRegistered, "a domain twice", |b| twice(&mut b["domains"])),
        rule(K::RecipientUpdated, "a language twice", |b| twice(&mut b["languages"])),
        rule(K::NoticeIssued, "an id that is not derived", |b| {
            b["notice"] = json!("N-00000000000000000000000000000000")
        }),
        rule(K::NoticeIssued, "an item twice", |b| twice(&mut b["items"])),
        rule(K::NoticeIssued, "an originator twice", |b| twice(&mut b["originators"])),
        rule(K::NoticeIssued, "types twice", |b| twice(&mut b["facts"]["types"])),
        rule(K::NoticeRevised, "an item added twice", |b| twice(&mut b["items_added"])),
        rule(K::NoticeRevised, "an item withdrawn twice", |b| twice(&mut b["items_withdrawn"])),
        rule(K::NoticeMerged, "into itself", |b| b["into"] = b["notice"].clone()),
        rule(K::Delivery, "a notice twice", |b| twice(&mut b["notices"])),
        rule(K::Answer, "an item twice", |b| twice(&mut b["items"])),
        rule(K::Answer, "geo_limited without countries", |b| b["items"][0]["countries"] = json!([])),
        rule(K::Answer, "removed with countries", |b| b["items"][0]["outcome"] = json!("removed")),
        rule(K::Answer, "a country twice", |b| twice(&mut b["items"][0]["countries"])),
        rule(K::ContentJoined, "a referral with itself", |b| b["second"] = b["first"].clone()),
        rule(K::ContentSplit, "a referral from itself", |b| b["second"] = b["first"].clone()),
    ];
    for outcome in ["kept", "not_precise"] {
        cases.push(rule(K::Answer, &format!("{outcome} without reason"), |b| {
            b["items"] =
                json!([{"item": b["items"][0]["item"], "outcome": outcome, "at": b["items"][0]["at"]}]);
        }));
    }
    cases
}
