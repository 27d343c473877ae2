// SPDX-License-Identifier: EUPL-1.2
//! What is wrong with settings, and where each setting comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the built-in default.
    Default,
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Environment(String),
    /// On the command line, behind this flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing that is wrong, with the place to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct Complaint {
    /// Where it is written.
    pub origin: Origin,
    /// The complaint.
    pub what: ComplaintKind,
}

/// What can be wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComplaintKind {
    /// No such key.
    #[error("unknown key {key:?}{}", did_you_mean(nearest))]
    UnknownKey {
        /// As it was written.
        key: String,
        /// The known key that looks most like it, if one does.
        nearest: Option<String>,
    },
    /// A value of the wrong kind or out of bounds.
    #[error("{key} is {found}; expected {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// What was found, shortened.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// The file is not TOML, or a flag not `section.key=value`.
    #[error("{0}")]
    Syntax(String),
    /// The file or folder cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// Everything that is wrong with the settings, at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings cannot be used: {}", list(.0))]
pub struct SettingsError(pub Vec<Complaint>);

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("; ")
}
