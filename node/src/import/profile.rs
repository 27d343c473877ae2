// SPDX-License-Identifier: EUPL-1.2
//! Profiles: how one unit's case system writes its records (config/import/README.md is the description for people).
//!
//! A profile is checked completely when it is loaded: every key, every word, every date format, every constant. It cannot
//! run anything and cannot reach beyond the record at hand.

mod build;
mod error;
mod section;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::charset::Charset;
use super::date::DateRule;
use super::delimited::Dialect;
use super::target::Target;

pub(super) use error::nearest;
pub use error::{ProfileError, ProfileFault};

/// Longest profile, in bytes.
pub const PROFILE_LEN_MAX: u64 = 256 * 1024;

/// A checked profile.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) name: String,
    pub(super) file: FileForm,
    pub(super) columns: Vec<Column>,
    pub(super) fields: BTreeMap<Target, FieldRule>,
    pub(super) fingerprints: Vec<FingerprintRule>,
}

/// How the export's file is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileForm {
    pub(super) charset: Charset,
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Csv { dialect: Dialect, last_line_end_required: bool },
    Ndjson,
}

/// A column (CSV) or a key (NDJSON) that the profile reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// One heading, or the keys from the outside in.
    pub(super) path: Vec<String>,
    /// Whether the export may be without it.
    pub(super) optional: bool,
}

impl Column {
    /// As complaints name it.
    pub(super) fn shown(&self) -> String {
        self.path.join(".")
    }
}

/// Where a field's values come from and how they are written.
#[derive(Clone, Debug)]
pub(super) struct FieldRule {
    pub(super) origin: Origin,
    /// Taken when the export has nothing.
    pub(super) default: Option<String>,
    /// The export's words and what they stand for.
    pub(super) map: Option<WordMap>,
    pub(super) split: Split,
    /// Present for every field that takes a date.
    pub(super) date: Option<DateRule>,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The same for every record.
    Constant(Vec<String>),
    /// An index into [`Profile::columns`].
    Column(usize),
}

/// The export's words.
#[derive(Clone, Debug)]
pub(super) struct WordMap {
    pub(super) words: BTreeMap<String, String>,
    pub(super) ignore_case: bool,
}

impl WordMap {
    pub(super) fn find(&self, word: &str) -> Option<&str> {
        let found =
            if self.ignore_case { self.words.get(&word.to_lowercase()) } else { self.words.get(word) };
        found.map(String::as_str)
    }
}

/// How one field holds several values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Split {
    No,
    /// At each of these.
    At(String),
    /// Each character is a value.
    EachCharacter,
}

/// Where one sort of fingerprint comes from.
#[derive(Clone, Debug)]
pub(super) struct FingerprintRule {
    /// The algorithm, or `None` if each value names its own.
    pub(super) algorithm: Option<String>,
    pub(super) column: usize,
    pub(super) split: Split,
    pub(super) quality: Option<usize>,
    pub(super) pipeline: Option<String>,
    pub(super) size: Option<usize>,
    pub(super) contains: bool,
}

impl Profile {
    /// Reads and checks a profile from a file.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] names file, line and key, what is wrong, and the nearest known name.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ProfileError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let failed = |source| ProfileError::Read { file: file.clone(), source };
        let mut text = String::new();
        File::open(path)
            .map_err(failed)?
            .take(PROFILE_LEN_MAX + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        build::profile(&file, &text)
    }

    /// Reads and checks a profile from its text.
    ///
    /// # Errors
    ///
    /// As [`Profile::load`], with `profile` as the name of the file.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        build::profile("profile", text)
    }

    /// What the profile calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The encoding of its exports.
    pub fn charset(&self) -> Charset {
        self.file.charset
    }

    /// Whether its exports are NDJSON rather than CSV.
    pub fn is_ndjson(&self) -> bool {
        matches!(self.file.format, Format::Ndjson)
    }

    /// The columns or keys that it reads, as the export names them.
    pub fn column_names(&self) -> impl Iterator<Item = String> + '_ {
        self.columns.iter().map(Column::shown)
    }

    /// The names by which complaints call a field: the column it comes from, or its own name if it is a constant.
    pub(super) fn shown(&self, target: Target) -> String {
        match self.fields.get(&target).map(|rule| &rule.origin) {
            Some(Origin::Column(column)) => self.columns[*column].shown(),
            _ => target.name().to_owned(),
        }
    }
}
