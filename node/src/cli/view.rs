// SPDX-License-Identifier: EUPL-1.2
//! From the API's answers to lines for people: JSON stays as it came, tables get ages, counts and short forms.

use std::time::Duration;

use concert_protocol::time::Timestamp;
use serde_json::Value;

use super::Context;
use crate::output::{Column, Failure, Format};

/// Whether the result is for programs, which get the API's own answer.
pub(super) fn for_programs(context: &Context) -> bool {
    matches!(context.output.format(), Format::Json | Format::Jsonl)
}

/// Writes a list: the answers themselves for programs, what `row` makes of each for people.
pub(super) fn list(
    context: &Context,
    items: &[Value],
    columns: &[Column],
    row: impl Fn(&Value) -> Value,
) -> Result<(), Failure> {
    if for_programs(context) {
        return context.output.list(items, &[]);
    }
    let rows: Vec<Value> = items.iter().map(row).collect();
    context.output.list(&rows, columns)
}

/// A text in an answer, by names joined by dots; empty if it is not there.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// A number in an answer; 0 if it is not there.
pub(super) fn number(value: &Value, path: &str) -> u64 {
    at(value, path).and_then(Value::as_u64).unwrap_or(0)
}

/// A yes or no in an answer; no if it is not there.
pub(super) fn flag(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or(false)
}

/// A list in an answer; empty if it is not there.
pub(super) fn items<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

/// A time in an answer.
pub(super) fn time(value: &Value, path: &str) -> Option<Timestamp> {
    text(value, path).parse().ok()
}

/// Reads a time as people write it: a day, or RFC 3339 with any offset and fraction.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time: jiff::Timestamp = whole.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// How long before `now` the time at `path` was, as `12s`, `2h04` or `3d`; empty if it is not there.
pub(super) fn age(value: &Value, path: &str, now: Timestamp) -> String {
    time(value, path).map(|at| span(now.since(at))).unwrap_or_default()
}

/// A length of time in two figures at most.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..=99 => format!("{seconds}s"),
        100..=5_999 => format!("{}m", seconds / 60),
        6_000..=172_799 => format!("{}h{:02}", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// `1 entry`, `2 entries`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", indicatif::HumanCount(count)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_have_two_figures() {
        let cases = [(0, "0s"), (99, "99s"), (100, "1m"), (5_999, "99m"), (7_440, "2h04"), (172_800, "2d")];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let midnight = "2026-11-22T00:00:00.000000Z".parse().ok();
        assert_eq!(read_time("2026-11-22"), midnight);
        assert_eq!(read_time("2026-11-22T01:00:00+01:00"), midnight);
        assert_eq!(read_time("yesterday"), None);
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let value = json!({"a": {"b": "x", "n": 3, "l": [1]}, "at": "2026-11-22T08:02:41.000000Z"});
        assert_eq!((text(&value, "a.b"), text(&value, "a.c"), number(&value, "a.n")), ("x", "", 3));
        assert_eq!((items(&value, "a.l").len(), items(&value, "a.b").len()), (1, 0));
        let now = "2026-11-22T08:04:41.000000Z".parse().expect("a time");
        assert_eq!((age(&value, "at", now), age(&value, "a.b", now)), ("2m".into(), String::new()));
    }
}
