// SPDX-License-Identifier: EUPL-1.2
//! Why a record was not taken, for the person who mends it: which field, what is wrong, what to do.
//!
//! A problem never repeats a whole value: a hint shows its beginning, addresses are shown so that nothing links to
//! them, and free text is not shown at all.

use concert_protocol::content::{FingerprintError, LocatorError, defang, reveal_controls};
use concert_protocol::entry::text::{ListLength, TextError};
use serde::{Serialize, Serializer};

/// Most characters of a value that a hint shows.
const HINT_LEN_MAX: usize = 40;

/// One thing wrong with one field of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The column or key as the export calls it, or `(record)` when the record as a whole cannot be read.
    pub field: String,
    /// How the value begins, at most 40 characters, defanged; `None` for free text and where there is no value.
    pub value_hint: Option<String>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a field or a record. The text is for people; [`Reason::code`] is for programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A field that a referral needs has no value.
    #[error("is empty, but a referral needs it")]
    Empty,
    /// A byte that means nothing in the profile's encoding.
    #[error("byte 0x{byte:02X} at position {at} of the file means nothing in {encoding}")]
    WrongByte {
        /// The byte.
        byte: u8,
        /// Its position in the file, from 0.
        at: u64,
        /// The profile's encoding.
        encoding: &'static str,
    },
    /// A NUL byte.
    #[error("has a NUL byte")]
    Nul,
    /// A value larger than any field can use.
    #[error("is {len} bytes long; at most {len_max} are read")]
    CellTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The bound, in bytes.
        len_max: usize,
    },
    /// A record larger than the bound.
    #[error("the record is longer than {len_max} bytes")]
    RecordTooLong {
        /// The bound, in bytes.
        len_max: usize,
    },
    /// Fewer or more cells than headings.
    #[error("{found} cells, but the heading line has {expected}")]
    CellCount {
        /// Cells found.
        found: usize,
        /// Headings.
        expected: usize,
    },
    /// A quoted cell that goes on after its closing quote.
    #[error("cell {cell} goes on after its closing quote")]
    QuoteClosedEarly {
        /// Which cell, from 1.
        cell: usize,
    },
    /// A quote in a cell that does not begin with one.
    #[error("cell {cell} has a quote in it but does not begin with one")]
    StrayQuote {
        /// Which cell, from 1.
        cell: usize,
    },
    /// A quote that is never closed.
    #[error("the quote that opens cell {cell} is never closed")]
    QuoteNotClosed {
        /// Which cell, from 1.
        cell: usize,
    },
    /// The last line has no line end although the profile says that every line has one.
    #[error("the file ends in the middle of this line")]
    CutOff,
    /// Not JSON.
    #[error("is not valid JSON at character {column}: {what}")]
    Json {
        /// Where, from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// JSON that is not an object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// JSON nested too deeply.
    #[error("is nested more than {depth_max} levels deep")]
    JsonTooDeep {
        /// The bound.
        depth_max: usize,
    },
    /// JSON with too many values.
    #[error("has more than {values_max} values")]
    JsonTooMany {
        /// The bound.
        values_max: usize,
    },
    /// A key that is there twice.
    #[error("is there twice in one object")]
    JsonDuplicate,
    /// A number that cannot be kept exactly.
    #[error("is a number with a fraction, an exponent or more than 18 digits")]
    JsonNumber,
    /// A list or an object where one value is wanted.
    #[error("is {found}, where a text or a number is wanted")]
    Shape {
        /// What it is.
        found: &'static str,
    },
    /// More than one value where one is wanted.
    #[error("has {found} values, where one is wanted")]
    SeveralValues {
        /// Values found.
        found: usize,
    },
    /// A word that the profile does not know.
    #[error("is not one of the words that the profile knows: {}", allowed.join(", "))]
    UnknownWord {
        /// Those it knows.
        allowed: Vec<String>,
    },
    /// A date that does not have the profile's form, or does not exist.
    #[error("is not a date of the form {format}: {what}")]
    Date {
        /// The profile's form.
        format: String,
        /// What the parser says.
        what: String,
    },
    /// A date before the public web.
    #[error("is a date in the year {year}")]
    DateTooEarly {
        /// The year.
        year: i16,
    },
    /// A local time that the clock showed twice.
    #[error("is a time that the clocks of {zone} showed twice")]
    AmbiguousTime {
        /// The zone.
        zone: String,
    },
    /// A local time that the clock never showed.
    #[error("is a time that the clocks of {zone} skipped")]
    SkippedTime {
        /// The zone.
        zone: String,
    },
    /// Not an address of a public place.
    #[error("{0}")]
    Locator(#[from] LocatorError),
    /// Not a fingerprint.
    #[error("{0}")]
    Fingerprint(#[from] FingerprintError),
    /// A text outside its bounds or form.
    #[error("{0}")]
    Text(#[from] TextError),
    /// Too many values.
    #[error("{0}")]
    List(#[from] ListLength),
    /// A line break in a field of one line.
    #[error("has a line break in it")]
    LineBreak,
    /// Not a whole number.
    #[error("is not a whole number")]
    NotANumber,
    /// A value that belongs to one address, in a record with several.
    #[error("belongs to one address, but the record has several")]
    WhichAddress,
    /// A protected purpose was found and nothing says why the content is referred all the same.
    #[error("is needed, because the exception check found a protected purpose")]
    NoteNeeded,
    /// The whole referral does not fit into an entry.
    #[error("the referral takes {len} bytes; an entry holds {len_max}")]
    ReferralTooLong {
        /// Its size, in bytes.
        len: usize,
        /// The bound, in bytes.
        len_max: usize,
    },
    /// The node to which it was sent did not take it.
    #[error("was refused by the node: {0}")]
    Refused(String),
}

impl Reason {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::WrongByte { .. } => "wrong_byte",
            Self::Nul => "nul",
            Self::CellTooLong { .. } => "cell_too_long",
            Self::RecordTooLong { .. } => "record_too_long",
            Self::CellCount { .. } => "cell_count",
            Self::QuoteClosedEarly { .. } | Self::StrayQuote { .. } | Self::QuoteNotClosed { .. } => {
                "quoting"
            }
            Self::CutOff => "cut_off",
            Self::Json { .. } | Self::NotAnObject => "json",
            Self::JsonTooDeep { .. } => "json_depth",
            Self::JsonTooMany { .. } => "json_values",
            Self::JsonDuplicate => "json_duplicate",
            Self::JsonNumber => "json_number",
            Self::Shape { .. } => "shape",
            Self::SeveralValues { .. } => "several_values",
            Self::UnknownWord { .. } => "unknown_word",
            Self::Date { .. } | Self::DateTooEarly { .. } => "date",
            Self::AmbiguousTime { .. } | Self::SkippedTime { .. } => "local_time",
            Self::Locator(_) => "address",
            Self::Fingerprint(_) => "fingerprint",
            Self::Text(_) | Self::LineBreak => "text",
            Self::List(_) => "list",
            Self::NotANumber => "number",
            Self::WhichAddress => "which_address",
            Self::NoteNeeded => "note_needed",
            Self::ReferralTooLong { .. } => "referral_too_long",
            Self::Refused(_) => "refused",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Empty => "fill it in, or give the field a default in the profile",
            Self::WrongByte { .. } => "write the character anew in the profile's encoding",
            Self::Nul => {
                "remove the NUL byte; if there are many, the export is damaged or UTF-16: export it again"
            }
            Self::CellTooLong { .. } => "shorten it; content itself never belongs into a referral",
            Self::RecordTooLong { .. } => {
                "shorten it in the export; it was too long to be copied to the reject file"
            }
            Self::CellCount { .. } => {
                "put cells that hold the separator in quotes, or complete the line if it was cut off"
            }
            Self::QuoteClosedEarly { .. } => "write a quote within a cell twice, and put the cell in quotes",
            Self::StrayQuote { .. } => "put the whole cell in quotes and write each quote in it twice",
            Self::QuoteNotClosed { .. } => {
                "close the quote; if this is the end of the file it was cut off: export it again"
            }
            Self::CutOff => {
                "compare the record with the case system and complete it; export again if more is missing"
            }
            Self::Json { .. } => "mend the JSON: one complete object on one line",
            Self::NotAnObject => "write one JSON object a line",
            Self::JsonTooDeep { .. } => "flatten it; no referral needs that depth",
            Self::JsonTooMany { .. } => "leave out what the profile does not use",
            Self::JsonDuplicate => "keep the right one and remove the other",
            Self::JsonNumber => "write it as a text in quotes, or as a whole number",
            Self::Shape { .. } => "let the profile name the value within it",
            Self::SeveralValues { .. } => "keep one of them",
            Self::UnknownWord { .. } => "use one of these, or add the word to the profile's map",
            Self::Date { .. } => {
                "correct the date; if every record has this problem, correct the profile's format"
            }
            Self::DateTooEarly { .. } => "write the year with four digits",
            Self::AmbiguousTime { .. } | Self::SkippedTime { .. } => {
                "correct the time, or state a rule for such times in the profile"
            }
            Self::Locator(_) => "give the full address of the content, beginning with http:// or https://",
            Self::Fingerprint(_) => "copy the hash again from where it was made, or leave the field empty",
            Self::Text(_) => "correct the text",
            Self::List(_) => "split the record",
            Self::LineBreak => "write it on one line; a missing quote may have joined two records",
            Self::NotANumber => "write digits only",
            Self::WhichAddress => "split the record, one for each address",
            Self::NoteNeeded => "say why the content is referred all the same, or do not refer it",
            Self::ReferralTooLong { .. } => "split the record: fewer addresses in each",
            Self::Refused(_) => {
                "mend what the node names; if every record has this problem, correct the profile"
            }
        }
    }
}

impl Problem {
    /// A problem with the record as a whole.
    pub(super) fn of_record(reason: Reason) -> Self {
        Self { field: "(record)".into(), value_hint: None, reason }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        self.reason.advice()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value_hint {
            Some(hint) => write!(f, "{} ({hint}): {}", self.field, self.reason),
            None => write!(f, "{}: {}", self.field, self.reason),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = serializer.serialize_struct("Problem", 5)?;
        out.serialize_field("field", &self.field)?;
        out.serialize_field("value", &self.value_hint)?;
        out.serialize_field("code", self.reason.code())?;
        out.serialize_field("reason", &self.reason.to_string())?;
        out.serialize_field("advice", self.advice())?;
        out.end()
    }
}

/// How a value begins, for people: defanged, nothing invisible in it, at most 40 characters.
pub(super) fn hint(value: &str) -> String {
    // Bounded first: a value can be 64 KiB, and defanging lengthens it.
    let clipped: String = value.chars().take(HINT_LEN_MAX + 1).collect();
    let shown =
        reveal_controls(&if looks_like_address(&clipped) { defang(&clipped) } else { clipped.clone() });
    if clipped.chars().count() <= HINT_LEN_MAX && shown.chars().count() <= HINT_LEN_MAX {
        return shown;
    }
    shown.chars().take(HINT_LEN_MAX - 1).chain(['…']).collect()
}

fn looks_like_address(value: &str) -> bool {
    let word =
        value.contains('.') && !value.contains(' ') && value.contains(|c: char| c.is_ascii_alphabetic());
    value.contains("//") || word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_short_and_link_to_nothing() {
        assert_eq!(hint("P5"), "P5");
        assert_eq!(hint("https://a.test/x"), "hxxps[:]//a[.]test/x");
        let long = hint(&format!("https://a.test/{}", "x".repeat(70_000)));
        assert_eq!(long.chars().count(), 40);
        assert!(long.ends_with('…') && !long.contains("://"));
        assert_eq!(hint("a\u{0}b\u{202e}"), "a[U+0000]b[U+202E]");
    }
}
