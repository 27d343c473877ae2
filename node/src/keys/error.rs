// SPDX-License-Identifier: EUPL-1.2
//! Why a key or token file was refused or not written.

use std::io;
use std::path::PathBuf;

use super::purpose::Purpose;

/// Each names the file; [`KeyError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No such file.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is already there; keys are never overwritten.
    #[error("{} exists already, and a key is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Group or others may read, write or execute it.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not in the format of a key file, or not a regular file.
    #[error("{} is not a key file: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong; never repeats the file's content.
        what: &'static str,
    },
    /// A key for something else.
    #[error("{} holds a {found} key; expected a {expected} key", path.display())]
    WrongPurpose {
        /// The file.
        path: PathBuf,
        /// What it is for.
        found: Purpose,
        /// What it should be for.
        expected: Purpose,
    },
    /// The system refused a call.
    #[error("{step} {}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system gave no randomness.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl KeyError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { path, .. } => Some(format!(
                "chmod 600 {}, and replace the key or token if somebody may have read it",
                path.display()
            )),
            Self::Exists { path } => {
                Some(format!("move {} away if it is really to be replaced", path.display()))
            }
            Self::Missing { .. } => {
                Some("concert init makes the keys of a node, concert key generate a single one".into())
            }
            Self::Malformed { .. } => Some("restore the file from a backup of the keys".into()),
            _ => None,
        }
    }

    pub(super) fn io(step: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { step, path, source },
        }
    }
}
