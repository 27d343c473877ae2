// SPDX-License-Identifier: EUPL-1.2
//! The record: what this node must never lose (DESIGN 10; on-disk format in `journal/FORMAT.md`).
//!
//! One [`LogJournal`] for each member log, one [`PrivateJournal`] for what is local, one [`SignedStateFile`] that
//! keeps the node from signing two faces of its log. All of it is synchronous: one writer thread owns the journals,
//! any number of threads read through [`LogReader`]. A failed write or sync stops a journal for good; reading goes on.
//! Nothing here decides what is true: signed roots come from the caller, and a damaged record is reported, not guessed.

mod backup;
mod disk;
mod error;
mod hashes;
mod layout;
mod lock;
mod log_journal;
mod log_reader;
mod private;
mod record;
mod reserve;
mod segment;
mod segment_map;
mod segments;
mod signed_state;

pub use backup::{BackupReport, backup, restore};
pub use disk::{bytes_on_disk, replace_file};
pub use error::{Damage, Damaged, JournalError};
pub use layout::DataDir;
pub use lock::{DataLock, LockError};
pub use log_journal::{CHECKPOINT_LEN_MAX, LogJournal, OpenReport, append_many};
pub use log_reader::LogReader;
pub use private::{PrivateJournal, PrivateRecord, PrivateReport};
pub use record::{ENTRY_LEN_MAX, Record};
pub use reserve::{RESERVE_LEN, Reserve};
pub use segment::BODY_LEN_MAX;
pub use segments::Cut;
pub use signed_state::{Signed, SignedStateError, SignedStateFile};
