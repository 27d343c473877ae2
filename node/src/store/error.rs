// SPDX-License-Identifier: EUPL-1.2
//! What can go wrong with the store. Nothing here loses data: the journals have it all.

use std::io;
use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine found damage, or panicked. Open the store again: a damaged one is set aside and rebuilt.
    #[error("the store is damaged while {step} ({what}); restart to rebuild it from the journals")]
    Damaged {
        /// What was being done.
        step: &'static str,
        /// The engine's word.
        what: String,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by another process; stop that process first", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// No space or quota left.
    #[error("no space left on the disk while {step}; free some space and restart")]
    StorageFull {
        /// What was being done.
        step: &'static str,
    },
    /// The system refused a call, for a reason that is not in the store's files.
    #[error("{step}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A key or value past its bound.
    #[error("a {what} of {len} bytes is larger than {len_max}; this is a fault of the program")]
    TooLarge {
        /// `key` or `value`.
        what: &'static str,
        /// Its length, in bytes.
        len: usize,
        /// The bound, in bytes.
        len_max: usize,
    },
}

impl StoreError {
    /// Sorts a full disk from the rest.
    pub(super) fn io(step: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull { step },
            _ => Self::Io { step, source },
        }
    }
}
