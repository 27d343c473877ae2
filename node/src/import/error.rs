// SPDX-License-Identifier: EUPL-1.2
//! Why an export as a whole was not read. Nothing was imported when one of these comes before the first record.

use std::io;

/// A column or key that a profile maps and the export does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingColumn {
    /// As the profile calls it.
    pub name: String,
    /// The most similar name in the export that the profile does not map.
    pub nearest: Option<String>,
}

impl std::fmt::Display for MissingColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.nearest {
            Some(nearest) => write!(f, "{:?} (the file has {nearest:?})", self.name),
            None => write!(f, "{:?}", self.name),
        }
    }
}

/// Why an export was not read. [`ImportError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file could not be read on; records given before are whole.
    #[error("reading {file} at byte {offset}")]
    Io {
        /// The export.
        file: String,
        /// How far it was read.
        offset: u64,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Nothing in it.
    #[error("{file} is empty")]
    Empty {
        /// The export.
        file: String,
    },
    /// Headings and no record, or blank lines only.
    #[error("{file} has no records")]
    NoRecords {
        /// The export.
        file: String,
    },
    /// A workbook, an archive, a JSON array: not what the profile's format says.
    #[error("{file} is {found}, not {expected}")]
    OtherFormat {
        /// The export.
        file: String,
        /// What it looks like.
        found: &'static str,
        /// The profile's format.
        expected: &'static str,
    },
    /// The whole file is in another encoding than the profile says.
    #[error("{file} is not in {expected}, as the profile says: {found}")]
    OtherEncoding {
        /// The export.
        file: String,
        /// The profile's encoding.
        expected: &'static str,
        /// What was seen.
        found: String,
    },
    /// The heading line cannot be read.
    #[error("{file}:{line}: the heading line cannot be read: {what}")]
    Headings {
        /// The export.
        file: String,
        /// Its line.
        line: u64,
        /// Why.
        what: String,
    },
    /// Two columns share a heading that the profile maps.
    #[error("{file}: the heading {name:?} stands over columns {first} and {second}")]
    DuplicateHeading {
        /// The export.
        file: String,
        /// The heading.
        name: String,
        /// First column, from 1.
        first: usize,
        /// Second column, from 1.
        second: usize,
    },
    /// Columns or keys that the profile maps are not there.
    #[error("{file} has no {}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    MissingColumns {
        /// The export.
        file: String,
        /// Those that are missing.
        missing: Vec<MissingColumn>,
        /// A separator that would split the heading line better than the profile's.
        separator: Option<char>,
    },
}

impl ImportError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the disk or network share, then import again; what was taken is not taken twice".into(),
            Self::Empty { .. } | Self::NoRecords { .. } => "export again; the export may have failed or selected nothing".into(),
            Self::OtherFormat { found, .. } => match *found {
                "a JSON array or a JSON document over several lines" => {
                    "write one object a line, for example with: jq -c '.[]' FILE > FILE.ndjson".into()
                }
                _ => "save it as plain text in the profile's format, or choose the profile of this export".into(),
            },
            Self::OtherEncoding { .. } => {
                "export in the profile's encoding, or set `encoding` under [file] in a copy of the profile".into()
            }
            Self::Headings { .. } => "the first line must hold the headings, quoted as the profile says".into(),
            Self::DuplicateHeading { .. } => "rename one of the two columns, so that it is clear which one is meant".into(),
            Self::MissingColumns { separator: Some(separator), .. } => {
                format!("the file seems to be separated by {separator:?}; set `separator` under [file] in the profile")
            }
            Self::MissingColumns { .. } => {
                "choose the profile of this export, correct `from` in the profile, or set `optional = true` for a \
                 column that may be absent"
                    .into()
            }
        }
    }
}
