// SPDX-License-Identifier: EUPL-1.2
//! One process at a time per data folder (RELIABILITY E10). The system drops the lock with the process.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::disk;
use super::error::JournalError;

/// Holds the data folder until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why the data folder could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "the data folder {} is in use by {holder}; stop that process first, or choose another data folder",
        folder.display()
    )]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// `process <id>`, as the holder noted it.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used; check the folder's owner and mode", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The folder cannot be created.
    #[error(transparent)]
    Folder(#[from] JournalError),
}

impl DataLock {
    /// Takes the lock file `path` of the data folder `folder`, without waiting.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn take(folder: &Path, path: &Path) -> Result<Self, LockError> {
        disk::create_dir(folder)?;
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Whoever holds the lock may be writing its number right now; the message is for people only.
                let _ = (&file).take(20).read_to_string(&mut text);
                let process = text.trim().parse::<u32>().map(|id| format!("process {id}"));
                let holder = process.unwrap_or_else(|_| "another process".to_owned());
                return Err(LockError::InUse { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let note = format!("{}\n", std::process::id());
        let noted =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes()));
        match noted {
            // The lock holds without the note; a full disk must not keep a node from serving what it has.
            Err(source) if source.kind() != io::ErrorKind::StorageFull => Err(failed(source)),
            _ => Ok(Self { _file: file }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("data");
        let path = folder.join("lock");
        let first = DataLock::take(&folder, &path).expect("free");
        let refused = DataLock::take(&folder, &path).expect_err("held");
        let text = refused.to_string();
        assert!(matches!(refused, LockError::InUse { .. }));
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        assert!(text.contains(&folder.display().to_string()), "{text}");
        drop(first);
        DataLock::take(&folder, &path).expect("free again");
    }
}
