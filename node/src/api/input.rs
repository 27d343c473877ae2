// SPDX-License-Identifier: EUPL-1.2
//! Reading requests strictly: unknown and duplicate members are refused, and a complaint points at the field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::problem::{Code, Problem};

/// Longest `Idempotency-Key`, in characters.
const KEY_LEN_MAX: usize = 128;
/// Longest complaint repeated from the JSON reader, in characters.
const COMPLAINT_LEN_MAX: usize = 300;

/// A JSON body of a type that refuses what it does not know.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the body as Content-Type: application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| body_problem(&rejection))?;
        decode(&bytes).map(Self)
    }
}

/// A body as it came, for what is signed elsewhere.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| body_problem(&rejection))
    }
}

fn body_problem(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(
            Code::TooLarge,
            "the body is larger than this route takes; send fewer records at once",
        );
    }
    Problem::new(Code::Malformed, "the body did not arrive whole")
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Query parameters of a type that refuses what it does not know.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                Err(Problem::new(Code::Malformed, format!("query: {}", clip(&rejection.body_text()))))
            }
        }
    }
}

/// Names in the path. What has not the form of a name is missing like any other.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

/// The `Idempotency-Key` header, which routes that need it cannot be called without.
pub(super) struct IdempotencyKey(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = |detail: &str| Problem::new(Code::IdempotencyKeyMissing, detail);
        let value = parts.headers.get("idempotency-key");
        let value = value
            .ok_or_else(|| missing("send an Idempotency-Key header: a fresh value for each thing to do"))?;
        let text = value.to_str().unwrap_or_default().trim();
        // The draft standard quotes the value; many clients do not.
        let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        if text.is_empty() || text.len() > KEY_LEN_MAX || text.contains('"') {
            return Err(missing(
                "the Idempotency-Key must be 1 to 128 visible ASCII characters without quotes",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Reads one JSON document strictly.
///
/// # Errors
///
/// `Malformed` when it is not JSON, `Invalid` with a pointer when it is not the type.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Without this, the JSON reader would take a list for an object, member by member in order.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| *b != b'{') {
        return Err(Problem::new(Code::Malformed, "expected a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let complaint = clip(&error.to_string());
        match error.classify() {
            serde_json::error::Category::Data => {
                let missing = complaint.starts_with("missing field");
                Problem::field(
                    pointer_at(bytes, error.line(), error.column(), missing),
                    strip_place(&complaint),
                )
            }
            _ => Problem::new(Code::Malformed, format!("the body is not one JSON document: {complaint}")),
        }
    })
}

fn clip(text: &str) -> String {
    text.chars().take(COMPLAINT_LEN_MAX).collect()
}

/// The pointer says where; line and column of a body that nobody sees again do not help.
fn strip_place(complaint: &str) -> &str {
    complaint.rsplit_once(" at line ").map_or(complaint, |(what, _)| what)
}

/// The JSON Pointer of the value in which the reader stopped. `bytes` was valid JSON up to there.
///
/// The reader passes the bracket that closes an object or a list before it notices where it is. What is `missing` is
/// missing in the object; everything else is wrong with its last member.
fn pointer_at(bytes: &[u8], line: usize, column: usize, missing: bool) -> String {
    let lines = bytes.split_inclusive(|b| *b == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let mut end = before.saturating_add(column).min(bytes.len());
    if !missing && bytes[..end].last().is_some_and(|b| matches!(b, b'}' | b']')) {
        end -= 1;
    }
    let mut place = Place::default();
    let mut at = 0;
    while at < end {
        at = place.step(bytes, at, end);
    }
    place.pointer()
}

/// Where a walk over a JSON text stands.
#[derive(Default)]
struct Place {
    /// The way down: each list or object with the index or key that is being read.
    frames: Vec<Frame>,
}

enum Frame {
    List(usize),
    Object { key: Option<String>, reading_key: bool },
}

impl Place {
    fn step(&mut self, bytes: &[u8], at: usize, end: usize) -> usize {
        match bytes[at] {
            b'{' => self.frames.push(Frame::Object { key: None, reading_key: true }),
            b'[' => self.frames.push(Frame::List(0)),
            b'}' | b']' => drop(self.frames.pop()),
            b',' => match self.frames.last_mut() {
                Some(Frame::List(index)) => *index += 1,
                Some(Frame::Object { reading_key, .. }) => *reading_key = true,
                None => {}
            },
            b'"' => return self.string(bytes, at, end),
            _ => {}
        }
        at + 1
    }

    fn string(&mut self, bytes: &[u8], start: usize, end: usize) -> usize {
        let mut at = start + 1;
        while at < end && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        let close = (at + 1).min(bytes.len());
        if let Some(Frame::Object { key, reading_key }) = self.frames.last_mut()
            && std::mem::take(reading_key)
        {
            *key = serde_json::from_slice(&bytes[start..close]).ok();
        }
        close
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.frames {
            match frame {
                Frame::List(index) => pointer.push_str(&format!("/{index}")),
                Frame::Object { key: Some(key), .. } => {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Frame::Object { key: None, .. } => {}
            }
        }
        pointer
    }
}

/// Any JSON value in which no object has one member twice; for records of a batch that are judged one by one.
#[derive(Clone, Debug)]
pub(super) struct StrictValue(pub(super) Value);

impl StrictValue {
    /// Reads the value as a `T`; pointers in the complaint begin at the value.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = serde_json::to_vec(&self.0).map_err(|error| super::problem::internal(&error))?;
        decode(&bytes)
    }
}

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(StrictValue(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some((key, StrictValue(value))) = map.next_entry::<String, _>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate field `{}`", clip(&key))));
            }
            values.insert(key, value);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use concert_protocol::entry::text::{List, Text};
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read by serde alone")]
    struct Outer {
        name: String,
        list: Vec<Inner>,
        #[serde(default)]
        text: Option<Text<1, 1>>,
        #[serde(default)]
        texts: List<Text<1, 1>, 0, 3>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read by serde alone")]
    struct Inner {
        n: u8,
    }

    fn pointer(text: &str) -> String {
        let problem = decode::<Outer>(text.as_bytes()).expect_err("refused");
        assert_eq!(problem.code, Code::Invalid, "{problem:?}");
        problem.errors[0].pointer.clone()
    }

    #[test]
    fn a_complaint_points_at_the_field() {
        assert_eq!(pointer("{\"name\":\"a, ]}\\\"\",\n \"list\":[{\"n\":1},{\"n\":\"x\"}]}"), "/list/1/n");
        assert_eq!(pointer(r#"{"name":"a","list":[{"n":1,"m":2}]}"#), "/list/0/m");
        assert_eq!(pointer(r#"{"name":"a","list":[{"n":1,"n":2}]}"#), "/list/0/n");
        assert_eq!(pointer(r#"{"name":"a"}"#), "");
        assert_eq!(pointer(r#"{"name":"a","list":[{}]}"#), "/list/0");
        assert_eq!(pointer(r#"{"name":"a","list":[],"text":"ab"}"#), "/text");
        assert_eq!(pointer(r#"{"text":"ab","name":"a","list":[]}"#), "/text");
        assert_eq!(pointer(r#"{"name":"a","texts":["a","b","ab"]}"#), "/texts/2");
        assert_eq!(pointer(r#"{"name":"a","texts":["a","b","a","b"]}"#), "/texts");
        assert_eq!(pointer(r#"{"na/me":"a"}"#), "/na~1me");
    }

    #[test]
    fn what_is_not_json_is_malformed_however_deep() {
        for text in ["", "{", "[]", "{\"name\":\"a\"} x", &"{\"a\":".repeat(100_000)] {
            let problem = decode::<StrictValue>(text.as_bytes()).expect_err("refused");
            assert_eq!(problem.code, Code::Malformed, "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_strict_value_has_no_member_twice() {
        assert!(decode::<StrictValue>(br#"{"a":{"b":[1,-2,0.5,null,true,"x"]}}"#).is_ok());
        assert!(decode::<StrictValue>(br#"{"a":{"b":1,"b":1}}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_text_and_no_place_make_it_panic(text: String, line in 0usize..9, column in 0usize..99, missing: bool) {
            pointer_at(text.as_bytes(), line, column, missing);
            let _ = decode::<Outer>(text.as_bytes());
        }
    }
}
