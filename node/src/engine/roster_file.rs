// SPDX-License-Identifier: EUPL-1.2
//! Roster versions on disk: every version ever in force stays, so that a node offline for years can walk up.

use std::path::{Path, PathBuf};

use concert_protocol::roster::{Anchor, Roster, RosterError, SignedRoster};

use crate::journal::{JournalError, replace_file};

/// Why a roster version was not put in force.
#[derive(Debug, thiserror::Error)]
pub enum RosterFileError {
    /// There is none.
    #[error("no roster in {0}: run `concert roster apply FILE --data DIR` first")]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A version does not follow the one before.
    #[error("{path}: {source}")]
    Invalid {
        /// The file, or `the roster given`.
        path: String,
        /// What is wrong.
        source: RosterError,
    },
    /// A version could not be written.
    #[error("cannot keep the roster: {0}")]
    Write(#[from] JournalError),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// The folder with `1.json`, `2.json`, ...
pub struct RosterFiles {
    dir: PathBuf,
}

impl RosterFiles {
    /// The folder `dir`, created when the first version is kept.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn path(&self, version: u64) -> PathBuf {
        self.dir.join(format!("{version}.json"))
    }

    fn read(&self, version: u64) -> Result<Option<SignedRoster>, RosterFileError> {
        let path = self.path(version);
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RosterFileError::Read { path, source }),
            Ok(bytes) => SignedRoster::parse(&bytes)
                .map(Some)
                .map_err(|source| RosterFileError::Invalid { path: path.display().to_string(), source }),
        }
    }

    /// Walks from the first kept version to the last.
    ///
    /// # Errors
    ///
    /// [`RosterFileError`]; `Missing` when no version was applied yet.
    pub fn load(&self) -> Result<Roster, RosterFileError> {
        let first_number = self.first()?.ok_or_else(|| RosterFileError::Missing(self.dir.clone()))?;
        let first = self.read(first_number)?.ok_or_else(|| RosterFileError::Missing(self.dir.clone()))?;
        let invalid = |version: u64| {
            let path = self.path(version).display().to_string();
            move |source| RosterFileError::Invalid { path, source }
        };
        // The operator who applied the first version decided to trust it; from there on the chain speaks.
        let mut roster = found(first).map_err(invalid(first_number))?;
        while let Some(next) = self.read(roster.version() + 1)? {
            let version = roster.version() + 1;
            roster = roster.advance(next).map_err(invalid(version))?;
        }
        Ok(roster)
    }

    /// Number of the oldest kept version.
    fn first(&self) -> Result<Option<u64>, RosterFileError> {
        let read = |source| RosterFileError::Read { path: self.dir.clone(), source };
        let entries = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(read)?,
        };
        let mut first = None;
        for entry in entries {
            let name = entry.map_err(read)?.file_name();
            let number =
                name.to_str().and_then(|n| n.strip_suffix(".json")).and_then(|n| n.parse::<u64>().ok());
            first = first.into_iter().chain(number).min();
        }
        Ok(first)
    }

    /// Checks that `next` follows what is kept, and keeps it durably; the first version is taken on the operator's
    /// word. Applying the version in force again changes nothing.
    ///
    /// # Errors
    ///
    /// [`RosterFileError`].
    pub fn apply(&self, next: SignedRoster) -> Result<Roster, RosterFileError> {
        let invalid = |source| RosterFileError::Invalid { path: "the roster given".into(), source };
        let bytes = next.bytes().to_vec();
        let roster = match self.load() {
            Err(RosterFileError::Missing(_)) => found(next).map_err(invalid)?,
            Err(error) => return Err(error),
            Ok(current) if current.bytes() == bytes => return Ok(current),
            Ok(current) => current.advance(next).map_err(invalid)?,
        };
        std::fs::create_dir_all(&self.dir)
            .map_err(|source| RosterFileError::Read { path: self.dir.clone(), source })?;
        replace_file(&self.path(roster.version()), &bytes)?;
        Ok(roster)
    }
}

/// Trust on first use: whoever applied the file compared its digest.
fn found(first: SignedRoster) -> Result<Roster, RosterError> {
    let anchor = Anchor::Digest(first.digest());
    Roster::found(first, &anchor)
}
