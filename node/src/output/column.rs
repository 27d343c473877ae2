// SPDX-License-Identifier: EUPL-1.2
//! Which members of a result are shown to people, and how.

use serde_json::Value;

use super::cell::{defanged, printable};

/// What stands for nothing.
const NOTHING: &str = "-";

/// One column: a member of the result, by the name that the API gives it.
#[derive(Clone, Debug)]
pub struct Column {
    path: &'static str,
    name: &'static str,
    show: Show,
}

/// How a member is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    Plain,
    /// As an address: defanged.
    Url,
    /// As a time: to the second, in UTC.
    Time,
    /// Its first 12 characters: digests and long ids.
    Short,
}

/// A column for the member at `path`, a name or names joined by dots, as in `answer.state`.
pub fn col(path: &'static str) -> Column {
    Column { path, name: path.rsplit('.').next().unwrap_or(path), show: Show::Plain }
}

impl Column {
    /// Under another name than the member's.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// As an address: defanged. To be used for every address and whatever may hold one.
    #[must_use]
    pub fn url(mut self) -> Self {
        self.show = Show::Url;
        self
    }

    /// As a time.
    #[must_use]
    pub fn time(mut self) -> Self {
        self.show = Show::Time;
        self
    }

    /// Shortened.
    #[must_use]
    pub fn short(mut self) -> Self {
        self.show = Show::Short;
        self
    }

    /// The name, as CSV has it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name, as a table has it.
    pub fn heading(&self) -> String {
        self.name.to_uppercase().replace('_', " ")
    }

    /// The cell of this column for `item` in a table, where nothing is `-`.
    pub fn cell(&self, item: &Value) -> String {
        let value = self.value(item);
        if value.is_empty() { NOTHING.into() } else { value }
    }

    /// The same where nothing is empty.
    pub fn value(&self, item: &Value) -> String {
        let found = self.path.split('.').try_fold(item, |value, name| value.get(name));
        self.text(found.unwrap_or(&Value::Null))
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter().map(|item| self.text(item)).collect::<Vec<_>>().join(", "),
            Value::Object(_) => self.string(&value.to_string()),
        }
    }

    fn string(&self, text: &str) -> String {
        match self.show {
            Show::Plain => printable(text),
            Show::Url => defanged(text),
            Show::Time => printable(&to_the_second(text)),
            Show::Short if text.chars().count() > 13 => {
                printable(text).chars().take(12).chain(['…']).collect()
            }
            Show::Short => printable(text),
        }
    }
}

/// `2026-11-22T08:02:41.000120Z` as `2026-11-22 08:02:41Z`; anything else as it is.
fn to_the_second(text: &str) -> String {
    match text.parse::<concert_protocol::time::Timestamp>() {
        Ok(_) => format!("{}Z", text[..19].replace('T', " ")),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_found_by_path_and_written_for_people() {
        let item = json!({
            "id": "N-1", "open": true, "count": 3, "empty": "", "none": null, "units": ["FR", "DE"],
            "answer": {"state": "removed", "at": "2026-11-22T08:02:41.000120Z"},
            "url": "http://a.test/x", "digest": "0123456789abcdef", "title": "a\u{1b}[1mb",
        });
        let cells = [
            (col("id"), "N-1"),
            (col("open"), "yes"),
            (col("count"), "3"),
            (col("empty"), "-"),
            (col("none"), "-"),
            (col("missing.deep"), "-"),
            (col("units"), "FR, DE"),
            (col("answer.state"), "removed"),
            (col("answer.at").time(), "2026-11-22 08:02:41Z"),
            (col("digest").short(), "0123456789ab…"),
            (col("id").short(), "N-1"),
            (col("title"), "a[U+001B][1mb"),
            (col("id").time(), "N-1"),
        ];
        for (column, expected) in cells {
            assert_eq!(column.cell(&item), expected, "{column:?}");
        }
        assert!(col("url").url().cell(&item).starts_with("hxxp"));
        assert_eq!(col("answer.answered_at").heading(), "ANSWERED AT");
        assert_eq!(col("answer.at").named("answered").name(), "answered");
    }
}
