// SPDX-License-Identifier: EUPL-1.2
//! The stored hashes of one log's tree: 32 bytes each, in the protocol's layout, nothing else in the file.
//!
//! The file is never synced: every hash in it follows from the records, and opening a log compares all of them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use concert_protocol::log::{Frontier, Hash, stored_hash_count, stored_hash_index};

use super::error::JournalError;

const HASH_LEN: u64 = 32;
const BLOCK_HASHES: usize = 8192;

/// The open file, shared by the writer and the readers.
#[derive(Clone)]
pub(super) struct HashFile {
    file: Arc<File>,
    path: Arc<Path>,
    /// Leaves whose tree is in the file; a proof reads nothing past them.
    known: Arc<AtomicU64>,
}

impl HashFile {
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| JournalError::io("opening", path, source))?;
        Ok(Self { file: Arc::new(file), path: path.into(), known: Arc::default() })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.to_path_buf()
    }

    /// Leaves whose tree is in the file.
    pub(super) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    pub(super) fn set_known(&self, leaves: u64) {
        self.known.store(leaves, Ordering::Release);
    }

    /// Hashes in the file.
    pub(super) fn count(&self) -> Result<u64, JournalError> {
        let metadata = self.file.metadata().map_err(|source| self.failed("reading", source))?;
        Ok(metadata.len() / HASH_LEN)
    }

    pub(super) fn read_one(&self, at: u64) -> Result<Hash, JournalError> {
        let mut bytes = [0; HASH_LEN as usize];
        let read = self.file.read_exact_at(&mut bytes, at.saturating_mul(HASH_LEN));
        read.map_err(|source| self.failed("reading", source))?;
        Ok(Hash::from_bytes(bytes))
    }

    /// The leaf hash of record `index`, if the file reaches it.
    pub(super) fn leaf(&self, index: u64) -> Result<Option<Hash>, JournalError> {
        let at = stored_hash_index(0, index);
        if at >= self.count()? {
            return Ok(None);
        }
        // Zeros are a hole that a power cut left, never a hash.
        Ok(Some(self.read_one(at)?).filter(|hash| *hash.as_bytes() != [0; 32]))
    }

    pub(super) fn write(&self, at: u64, hashes: &[u8]) -> Result<(), JournalError> {
        let written = self.file.write_all_at(hashes, at * HASH_LEN);
        written.map_err(|source| self.failed("writing", source))
    }

    pub(super) fn truncate(&self, leaves: u64) -> Result<(), JournalError> {
        let cut = self.file.set_len(stored_hash_count(leaves) * HASH_LEN);
        cut.map_err(|source| self.failed("cutting", source))
    }

    fn failed(&self, step: &'static str, source: std::io::Error) -> JournalError {
        JournalError::io(step, &self.path, source)
    }
}

/// Rebuilds the tree from leaf hashes in order, correcting the file wherever it says otherwise.
pub(super) struct TreeBuilder {
    hashes: HashFile,
    frontier: Frontier,
    /// Position of the first hash in `block`.
    start: u64,
    block: Vec<u8>,
    /// What the file held when opened; hashes past that are new, not wrong.
    held: u64,
    corrected: u64,
    /// The first leaf whose hash nobody knows. The tree ends there.
    unknown: Option<u64>,
}

/// A rebuilt tree.
pub(super) struct Tree {
    pub(super) frontier: Frontier,
    /// Hashes that the file lacked or had wrong.
    pub(super) corrected: u64,
    pub(super) unknown: Option<u64>,
}

impl TreeBuilder {
    pub(super) fn new(hashes: HashFile) -> Result<Self, JournalError> {
        let held = hashes.count()?;
        let block = Vec::with_capacity(BLOCK_HASHES * HASH_LEN as usize);
        Ok(Self { hashes, frontier: Frontier::new(), start: 0, block, held, corrected: 0, unknown: None })
    }

    /// The next leaf.
    pub(super) fn push(&mut self, leaf: Hash) -> Result<(), JournalError> {
        if self.unknown.is_some() {
            return Ok(());
        }
        let block = &mut self.block;
        self.frontier.push_with(leaf, |hash| block.extend_from_slice(hash.as_bytes()));
        if self.block.len() >= BLOCK_HASHES * HASH_LEN as usize { self.flush() } else { Ok(()) }
    }

    /// The next leaves belong to unreadable records `from..to`: the file's word is taken for them.
    ///
    /// Whether it is right shows when the root is compared with a signed one.
    pub(super) fn push_unreadable(&mut self, from: u64, to: u64) -> Result<(), JournalError> {
        for index in from..to {
            match self.hashes.leaf(index)? {
                _ if self.unknown.is_some() => return Ok(()),
                Some(leaf) => self.push(leaf)?,
                None => self.unknown = Some(index),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        let count = self.block.len() as u64 / HASH_LEN;
        let mut held = vec![0; self.block.len()];
        let common = self.held.saturating_sub(self.start).min(count) * HASH_LEN;
        let path = self.hashes.path.clone();
        let read = self.hashes.file.read_exact_at(&mut held[..common as usize], self.start * HASH_LEN);
        read.map_err(|source| JournalError::io("reading", &path, source))?;
        let pairs = self.block.chunks(HASH_LEN as usize).zip(held.chunks(HASH_LEN as usize));
        let wrong = pairs.filter(|(right, held)| right != held).count() as u64;
        if wrong > 0 {
            self.hashes.write(self.start, &self.block)?;
        }
        self.corrected += wrong;
        self.start += count;
        self.block.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Tree, JournalError> {
        self.flush()?;
        if self.unknown.is_none() {
            self.hashes.truncate(self.frontier.size())?;
        }
        Ok(Tree { frontier: self.frontier, corrected: self.corrected, unknown: self.unknown })
    }
}
