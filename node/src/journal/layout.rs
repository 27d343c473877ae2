// SPDX-License-Identifier: EUPL-1.2
//! Where things are in a node's data folder.

use std::path::{Path, PathBuf};

use concert_protocol::member::LogId;

use super::disk;
use super::error::JournalError;
use super::lock::{DataLock, LockError};

/// The paths below one data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Names the folder; creates nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    ///
    /// [`LockError::InUse`] if another process has it.
    pub fn take(&self) -> Result<DataLock, LockError> {
        DataLock::take(&self.root, &self.lock())
    }

    /// The folder of all member logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The folder of one log, `logs/FR-1`.
    pub fn log(&self, log: &LogId) -> PathBuf {
        self.logs().join(format!("{}-{}", log.member, log.generation))
    }

    /// The logs that have a folder, in order; other names are passed over.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn list_logs(&self) -> Result<Vec<LogId>, JournalError> {
        let id = |path: &PathBuf| -> Option<LogId> {
            let (member, generation) = path.file_name()?.to_str()?.rsplit_once('-')?;
            format!("{member}/{generation}").parse().ok()
        };
        let mut logs: Vec<LogId> = disk::list(&self.logs())?.iter().filter_map(id).collect();
        logs.sort();
        Ok(logs)
    }

    /// The record of what was signed.
    pub fn signed_state(&self) -> PathBuf {
        self.root.join("signed-state")
    }

    /// The private journal's folder.
    pub fn private(&self) -> PathBuf {
        self.root.join("private")
    }

    /// The store's folder (derived data).
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The folder of secret keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The folder of roster versions.
    pub fn roster(&self) -> PathBuf {
        self.root.join("roster")
    }

    /// The folder of evidence that alarms rest on.
    pub fn alarms(&self) -> PathBuf {
        self.root.join("alarms")
    }

    /// The file that holds back disk space.
    pub fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// There from a restore until peers have returned this node's newest checkpoint.
    pub fn restored(&self) -> PathBuf {
        self.root.join("restored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_logs_round_trip_and_others_are_passed_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let data = DataDir::new(dir.path());
        let logs: Vec<LogId> =
            ["EU/1", "FR/2", "X-1/1"].map(|text| text.parse().expect("a log")).into_iter().collect();
        for log in &logs {
            disk::create_dir(&data.log(log)).expect("created");
        }
        for other in ["fr-1", "FR-0", "lost+found", "FR"] {
            disk::create_dir(&data.logs().join(other)).expect("created");
        }
        assert_eq!(data.list_logs().expect("listed"), logs);
        assert!(data.log(&logs[2]).ends_with("logs/X-1-1"));
    }
}
