// SPDX-License-Identifier: EUPL-1.2
//! One JSON object of an NDJSON export, read strictly.
//!
//! Refuses what a lenient reader would bend: a key that is there twice, numbers that would lose digits, more than the
//! allowed depth, values or bytes in one value. The line itself is bounded before this is asked.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::problem::Reason;
use super::reader::Limits;

/// Most values in one record, keys not counted.
const VALUES_MAX: usize = 2_000;

/// A JSON value as far as a profile can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    /// A text, `true`, `false` or a whole number, as written.
    Scalar(String),
    /// A number that cannot be kept exactly.
    Inexact,
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

/// A fault and the key it stands under, as a path with dots.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JsonFault {
    pub(super) path: String,
    pub(super) reason: Reason,
}

impl Json {
    /// The value of a key, `None` if there is none or this is no object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) | Self::Inexact => "one value",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Reads one object.
pub(super) fn parse_object(text: &str, limits: &Limits) -> Result<Json, JsonFault> {
    let context =
        Context { limits, values: RefCell::new(0), path: RefCell::default(), fault: RefCell::new(None) };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Node { context: &context, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value @ Json::Map(_)) => Ok(value),
        Ok(_) => Err(JsonFault { path: String::new(), reason: Reason::NotAnObject }),
        Err(error) => Err(context.fault.into_inner().unwrap_or_else(|| syntax(&error))),
    }
}

fn syntax(error: &serde_json::Error) -> JsonFault {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let what = if error.is_eof() { "it ends too early; it may have been cut off" } else { what };
    let reason = Reason::Json { column: error.column(), what: what.chars().take(120).collect() };
    JsonFault { path: String::new(), reason }
}

struct Context<'l> {
    limits: &'l Limits,
    values: RefCell<usize>,
    path: RefCell<Vec<String>>,
    fault: RefCell<Option<JsonFault>>,
}

impl Context<'_> {
    /// Keeps the fault with its place; the error only unwinds the parser.
    fn fail<E: serde::de::Error>(&self, reason: Reason) -> E {
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| JsonFault { path: self.path.borrow().join("."), reason });
        E::custom("refused")
    }

    fn check_len<E: serde::de::Error>(&self, len: usize) -> Result<(), E> {
        let len_max = self.limits.cell_len_max;
        if len > len_max { Err(self.fail(Reason::CellTooLong { len, len_max })) } else { Ok(()) }
    }
}

#[derive(Clone, Copy)]
struct Node<'c> {
    context: &'c Context<'c>,
    depth: usize,
}

impl Node<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth_max = self.context.limits.json_depth_max;
        if self.depth >= depth_max {
            return Err(self.context.fail(Reason::JsonTooDeep { depth_max }));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        *self.context.values.borrow_mut() += 1;
        if *self.context.values.borrow() > VALUES_MAX {
            return Err(self.context.fail(Reason::JsonTooMany { values_max: VALUES_MAX }));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Inexact)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json, E> {
        self.context.check_len(value.len())?;
        Ok(Json::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let node = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(node)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let node = self.deeper()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            self.context.check_len(key.len())?;
            let twice = members.iter().any(|(name, _)| *name == key);
            self.context.path.borrow_mut().push(key.clone());
            if twice {
                return Err(self.context.fail(Reason::JsonDuplicate));
            }
            let value = map.next_value_seed(node)?;
            self.context.path.borrow_mut().pop();
            members.push((key, value));
        }
        Ok(Json::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (String, &'static str) {
        let fault = parse_object(text, &Limits::default()).expect_err(text);
        (fault.path, fault.reason.code())
    }

    #[test]
    fn objects_are_read_as_written() {
        let json = parse_object(r#" {"a": {"b": [1, "x", null]}, "c": true} "#, &Limits::default())
            .expect("an object");
        let list = json.get("a").and_then(|a| a.get("b")).expect("a.b");
        assert_eq!(*list, Json::List(vec![Json::Scalar("1".into()), Json::Scalar("x".into()), Json::Null]));
        assert_eq!(json.get("c"), Some(&Json::Scalar("true".into())));
        assert_eq!(json.get("d"), None);
    }

    #[test]
    fn faults_name_their_key() {
        assert_eq!(fault(r#"{"a": {"b": 1, "b": 2}}"#), ("a.b".into(), "json_duplicate"));
        assert_eq!(fault(&format!(r#"{{"a": "{}"}}"#, "x".repeat(70_000))), ("a".into(), "cell_too_long"));
        assert_eq!(fault(&format!(r#"{{"a": {}"#, "[".repeat(100_000))), ("a".into(), "json_depth"));
        assert_eq!(
            fault(&format!(r#"{{"a": [{}0]}}"#, "0,".repeat(VALUES_MAX))),
            ("a".into(), "json_values")
        );
        assert_eq!(fault(r#"{"a": "b"#), (String::new(), "json"));
        assert_eq!(fault(r#"{} {}"#), (String::new(), "json"));
        assert_eq!(fault("[]"), (String::new(), "json"));
    }

    #[test]
    fn numbers_that_would_lose_digits_are_not_taken() {
        for number in ["1.5", "1e3", "18446744073709551616"] {
            let json = parse_object(&format!(r#"{{"a": {number}}}"#), &Limits::default()).expect("an object");
            assert_eq!(json.get("a"), Some(&Json::Inexact), "{number}");
        }
    }
}
