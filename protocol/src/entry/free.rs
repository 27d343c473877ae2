// SPDX-License-Identifier: EUPL-1.2
//! Bodies of kinds that this version does not know: any JSON, but without duplicate members and not deep.
//!
//! `serde_json::Value` keeps the last of two members with one name, so that two readers could show two different
//! bodies for one signature. Nothing acts on what is read here; it is kept and shown.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects in the body of an unknown kind.
pub const FREE_DEPTH_MAX: usize = 32;

/// Any JSON value of bounded depth, each member of each object once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Free(pub(crate) Value);

impl<'de> Deserialize<'de> for Free {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Level(0).deserialize(deserializer).map(Self)
    }
}

/// How many arrays and objects are open around a value.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 < FREE_DEPTH_MAX {
            Ok(Self(self.0 + 1))
        } else {
            Err(E::custom(format_args!("nested deeper than {FREE_DEPTH_MAX} levels")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let level = self.deeper()?;
        let mut read = Vec::new();
        while let Some(value) = values.next_element_seed(level)? {
            read.push(value);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let level = self.deeper()?;
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(level)?;
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("a member appears twice in one object"));
            }
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::json_strict;

    fn reads(json: &str) -> bool {
        json_strict::<Free>(json.as_bytes()).is_ok()
    }

    #[test]
    fn any_json_is_kept_as_it_is() {
        let json = r#"{"a":[1,-2,3.5,null,true,"x"],"b":{"a":{}}}"#;
        let read: Free = json_strict(json.as_bytes()).expect("JSON");
        assert_eq!(serde_json::to_string(&read).ok().as_deref(), Some(json));
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        assert!(!reads(r#"{"a":1,"a":1}"#));
        assert!(!reads(r#"[{"x":{"a":1,"b":2,"a":3}}]"#));
        assert!(!reads(r#"{"a":1,"\u0061":1}"#), "escaped is the same name");
        assert!(reads(r#"[{"a":1},{"a":1}]"#));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(reads(&nested(FREE_DEPTH_MAX)));
        assert!(!reads(&nested(FREE_DEPTH_MAX + 1)));
        assert!(!reads(&nested(30_000)));
    }
}
