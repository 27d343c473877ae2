// SPDX-License-Identifier: EUPL-1.2
//! Disk space kept back, so that a node on a full disk can still write the little it must (RELIABILITY E5).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk;
use super::error::JournalError;

/// Usual size of the reserve file, in bytes.
pub const RESERVE_LEN: u64 = 16 << 20;

const BLOCK_LEN: usize = 1 << 20;

/// The reserve file.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    len: u64,
}

impl Reserve {
    /// Names the reserve file of `len` bytes at `path`; it is made by [`Reserve::fill`].
    pub fn new(path: &Path, len: u64) -> Self {
        Self { path: path.to_owned(), len }
    }

    /// Whether the space is held.
    pub fn is_full(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == self.len)
    }

    /// Takes the space, if it is not held already. To be tried at start and again after space was freed.
    ///
    /// # Errors
    ///
    /// [`JournalError::StorageFull`] if there is not enough space; what was written of it is given back.
    pub fn fill(&self) -> Result<(), JournalError> {
        if self.is_full() {
            return Ok(());
        }
        self.write().map_err(|source| {
            // Half a reserve would only make the shortage worse.
            let _ = fs::remove_file(&self.path);
            JournalError::io("reserving space in", &self.path, source)
        })?;
        disk::sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }

    fn write(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Not zeros: a file system that compresses or leaves holes would reserve nothing.
        let block: Vec<u8> =
            (0..BLOCK_LEN as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let mut left = self.len;
        while left > 0 {
            let part = left.min(BLOCK_LEN as u64);
            file.write_all(&block[..part as usize])?;
            left -= part;
        }
        file.sync_all()
    }

    /// Gives the space back. Does nothing if there is none held.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn release(&self) -> Result<(), JournalError> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(JournalError::io("releasing", &self.path, source))
            }
            _ => disk::sync_dir(self.path.parent().unwrap_or(Path::new("."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_held_until_it_is_released() {
        let dir = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::new(&dir.path().join("reserve"), 3 << 19);
        assert!(!reserve.is_full());
        reserve.fill().expect("filled");
        reserve.fill().expect("still full");
        assert!(reserve.is_full());
        assert_eq!(disk::bytes_on_disk(dir.path()), 3 << 19);
        reserve.release().expect("released");
        reserve.release().expect("nothing left to release");
        assert!(!reserve.is_full());
    }
}
