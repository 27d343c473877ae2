// SPDX-License-Identifier: EUPL-1.2
//! What can go wrong with a journal, by who has to act: the operator (disk), the caller (bounds), or peers (repair).

use std::io;
use std::path::PathBuf;

/// Why a journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The disk or the file system refused a call. The journal takes no further writes.
    #[error("{step} {}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No space or quota left. Nothing of the batch was kept; what was stored before is intact and readable.
    #[error("no space left on the disk: {step} {}; free some space, the reserve file first", path.display())]
    StorageFull {
        /// What was being done.
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// An earlier write or sync failed, so what is on the disk is unknown until it is read back.
    #[error("{} takes no more writes after an earlier failure ({reason}); restart the node to read it back", path.display())]
    Stopped {
        /// The journal's folder.
        path: PathBuf,
        /// The earlier failure.
        reason: String,
    },
    /// Records that cannot be read. They keep their indexes; repair them from peers.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The caller asked for a record or size that the journal does not reach.
    #[error("{asked} is past the end of {} ({size} records)", path.display())]
    OutOfRange {
        /// The journal's folder.
        path: PathBuf,
        /// Index or size asked for.
        asked: u64,
        /// Records there are.
        size: u64,
    },
    /// A record, note or file larger than its bound.
    #[error("{what} of {len} bytes is larger than {len_max}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its length, in bytes.
        len: u64,
        /// The bound, in bytes.
        len_max: u64,
    },
    /// A record offered as a repair whose leaf hash is not the one that the log has there.
    #[error("the record offered for index {index} is not the one that the log has there")]
    WrongLeaf {
        /// The index to be repaired.
        index: u64,
    },
    /// Records offered as a repair that do not lead to the signed root.
    #[error(
        "with the records offered, the first {size} records do not have the signed root; fetch them from another peer"
    )]
    WrongRoot {
        /// Size of the signed tree.
        size: u64,
    },
    /// A repair that cannot be checked, because the leaf hash of a damaged record is lost as well.
    #[error(
        "the leaf hash of record {index} is lost: repair every damaged record at once, against a signed root"
    )]
    LeafUnknown {
        /// The first such record.
        index: u64,
    },
    /// An index that holds no payload to erase: withheld, or damaged.
    #[error("record {index} holds no payload that could be erased")]
    NothingToErase {
        /// The index.
        index: u64,
    },
    /// A file that this version cannot have written.
    #[error("{}: {what}", path.display())]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: &'static str,
    },
    /// A target folder of a restore or a backup that is in use.
    #[error("{} is not empty: choose a new folder, nothing was written", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A backup whose content is not what its manifest says.
    #[error("{} differs from the backup's manifest: use another backup", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
    },
}

impl JournalError {
    /// Whether space is what is missing: the one failure after which the journal takes writes again.
    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::StorageFull { .. })
    }
}

/// How records came to be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Length, kind or checksum is wrong.
    BadRecord,
    /// The file, or the end of it, is not there.
    Missing,
    /// Found unreadable when its segment was last rewritten, and not repaired since.
    Lost,
    /// The record is readable, but the stored tree hash is another one.
    WrongHash,
}

/// A run of records that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records {from}..{to} of {} cannot be read ({what:?}); repair them from peers", file.display())]
pub struct Damaged {
    /// The segment file that holds them, or should.
    pub file: PathBuf,
    /// First index.
    pub from: u64,
    /// One past the last index.
    pub to: u64,
    /// How they are damaged.
    pub what: Damage,
}

impl JournalError {
    /// Names the step and sorts a full disk from the rest.
    pub(super) fn io(step: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull { step, path },
            _ => Self::Io { step, path, source },
        }
    }

    /// The error and what caused it, in one line.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}
