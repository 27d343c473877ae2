// SPDX-License-Identifier: EUPL-1.2
//! One accepted spelling for each shape of value (spec 01-entries, "Payload").
//!
//! `serde`'s derived readers also take an array for an object, `{"video":null}` for `"video"`, and `null` for a
//! member that is absent. Another implementation would refuse all three, and two members must never disagree on
//! whether an entry is valid: [`Strict`] refuses them for every type below it. Its errors name the field, and never
//! repeat a long text or an address, because they end in logs.

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a `T`, and everything inside it, without the spellings that only `serde` knows.
///
/// Enums must have unit variants alone, which is all that entries use.
pub struct Strict<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Narrow(deserializer)).map(Self).map_err(without_found_text)
    }
}

/// Narrows what it wraps: a deserializer, a visitor, a seed, or access to the parts of a value.
struct Narrow<X>(X);

macro_rules! pass_on {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Narrow(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Narrow<D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Narrow(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Named(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Narrow(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Narrow(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Narrow(visitor))
    }
}

macro_rules! visit_scalars {
    ($($method:ident($value:ty))*) => {
        $(fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Narrow<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    visit_scalars! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_str(text).map_err(|error| without(text, error))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(text).map_err(|error| without(text, error))
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        Err(E::custom("null is not a value; a member without a value is left out"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Narrow(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Narrow(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Values { values, at: 0 })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Members { members, name: String::new() })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Narrow<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Narrow(deserializer))
    }
}

/// The values of an array, counted for errors.
struct Values<A> {
    values: A,
    at: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Values<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let at = self.at;
        self.at += 1;
        self.values
            .next_element_seed(Narrow(seed))
            .map_err(|error| A::Error::custom(format_args!("{at}: {error}")))
    }
}

/// The members of an object; remembers the name for errors.
struct Members<A> {
    members: A,
    name: String,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let Some(name) = self.members.next_key()? else { return Ok(None) };
        self.name = name;
        let read = seed.deserialize(StrDeserializer::<A::Error>::new(&self.name));
        read.map(Some).map_err(|error| without(&self.name, error))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let name = &self.name;
        self.members
            .next_value_seed(Narrow(seed))
            .map_err(|error| A::Error::custom(format_args!("{name}: {error}")))
    }
}

/// Hands a text to an enum's visitor as the name of a unit variant.
struct Named<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Named<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<V::Value, E> {
        self.0.visit_enum(StrDeserializer::new(word)).map_err(|error: E| without(word, error))
    }
}

/// The error without a text that was found where something else was expected; `serde_json` quotes it in full.
fn without_found_text<E: Error>(error: E) -> E {
    const FOUND: &str = "string \"";
    let message = error.to_string();
    match (message.find(FOUND), message.rfind("\", expected ")) {
        (Some(start), Some(end)) if start < end => {
            E::custom(format_args!("{}a text{}", &message[..start], &message[end + 1..]))
        }
        _ => error,
    }
}

/// Longest text that an error may repeat, in bytes.
const REPEATED_MAX: usize = 40;

/// The error, unless it repeats a `text` that is long or may be an address.
fn without<E: Error>(text: &str, error: E) -> E {
    let start: String = text.chars().take(8).collect();
    let start = format!("{start:?}");
    let repeats = || error.to_string().contains(start.trim_matches('"')) || error.to_string().contains(text);
    if (text.len() > REPEATED_MAX || text.contains("://")) && repeats() {
        return E::custom("a text that does not belong here");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::json_strict;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        word: Choice,
        #[serde(default)]
        inner: Vec<Inner>,
        #[serde(default)]
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        number: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        One,
    }

    fn reads(json: &str) -> Result<Outer, String> {
        json_strict::<Strict<Outer>>(json.as_bytes()).map(|read| read.0).map_err(|error| error.to_string())
    }

    #[test]
    fn what_other_readers_accept_is_accepted() {
        let read = reads(r#"{"inner":[{"number":7}],"note":"n","word":"one"}"#);
        assert_eq!(
            read,
            Ok(Outer { word: Choice::One, inner: vec![Inner { number: 7 }], note: Some("n".to_owned()) })
        );
        assert!(reads(r#" { "word" : "\u006fne" } "#).is_ok(), "white space and escapes are JSON");
    }

    #[test]
    fn spellings_that_only_serde_knows_are_refused() {
        for (json, why) in [
            (r#"["one"]"#, "an array for an object"),
            (r#"{"word":"one","inner":[[7]]}"#, "an array for a nested object"),
            (r#"{"word":{"one":null}}"#, "an object for a word"),
            (r#"{"word":"one","note":null}"#, "null for an absent member"),
            (r#"{"word":"one","word":"one"}"#, "a member twice"),
            (r#"{"word":"one","inner":[{"number":7,"number":7}]}"#, "a nested member twice"),
            (r#"{"word":"one","inner":[{"number":7.0}]}"#, "a fraction"),
            (r#"{"word":"one","inner":[{"number":256}]}"#, "too large"),
            (r#"{"word":"one","more":1}"#, "a member too many"),
            (r#"{"word":"one"} x"#, "something behind"),
            ("\u{feff}{\"word\":\"one\"}", "a byte order mark"),
        ] {
            assert!(reads(json).is_err(), "{why}: {json}");
        }
    }

    #[test]
    fn errors_do_not_repeat_addresses_or_long_texts() {
        let long = "secret ".repeat(20);
        for json in [
            r#"{"word":"https://video-a.test/1"}"#.to_owned(),
            r#"{"word":"one","inner":[{"number":"https://video-a.test/1"}]}"#.to_owned(),
            r#"{"https://video-a.test/1":"one"}"#.to_owned(),
            format!(r#"{{"word":"{long}"}}"#),
            format!(r#"{{"word":"one","inner":"{long}"}}"#),
        ] {
            let error = reads(&json).expect_err("wrong");
            assert!(!error.contains("video-a") && !error.contains("secret"), "{error}");
            assert!(error.contains("a text") && error.contains(" at line 1 column "), "{error}");
        }
    }

    #[test]
    fn errors_say_where() {
        let error = reads("{\"word\":\"one\",\n\"note\":null}").expect_err("null");
        assert!(error.contains("null") && error.contains("line 2"), "{error}");
        assert!(error.starts_with("note: "), "{error}");
        let error = reads(r#"{"word":"two"}"#).expect_err("no such word");
        assert!(error.contains("`two`") && error.contains("`one`"), "{error}");
        let error = reads(r#"{"word":"one","inner":[{"number":1},{"number":300}]}"#).expect_err("too large");
        assert!(error.starts_with("inner: 1: number: ") && error.contains(" at line 1 column "), "{error}");
    }
}
