// SPDX-License-Identifier: EUPL-1.2
//! This node's own log: where entries are authored, and the only place that signs checkpoints.
//!
//! The order of RELIABILITY c.9 is kept here: records durable, read back and hashed again, the new size and root
//! durable in the signed-state record, then signed, verified, stored; only then acknowledged and published. Losing
//! memory is equivocating, so nothing here can be skipped.

use concert_protocol::key::SecretKey;
use concert_protocol::log::{Checkpoint, Hash, SignedNote, sign_checkpoint};
use concert_protocol::member::LogId;

use crate::journal::{JournalError, LogJournal, Record, SignedStateError, SignedStateFile};

/// Why a checkpoint was not signed. The node stops on any of them: a member that forgets what it signed is worse
/// than one that is down.
#[derive(Debug, thiserror::Error)]
pub enum OwnLogError {
    /// The journal could not be written or read.
    #[error("cannot write this node's own log: {0}")]
    Journal(#[from] JournalError),
    /// Signing would contradict what was signed before.
    #[error("refusing to sign a checkpoint: {0}")]
    SignedState(#[from] SignedStateError),
    /// What the disk gave back is not what was written.
    #[error("the records just written read back with another root ({read_back}, expected {expected})")]
    ReadBack {
        /// Root over the bytes read back.
        read_back: Hash,
        /// Root over the bytes written.
        expected: Hash,
    },
    /// The signature made does not verify, or the checkpoint has no valid form.
    #[error("a checkpoint could not be signed: {0}")]
    Sign(#[from] concert_protocol::log::SignError),
    /// The checkpoint has no valid form.
    #[error("a checkpoint could not be made: {0}")]
    Checkpoint(#[from] concert_protocol::log::CheckpointError),
}

/// The own log's signing side; the journal itself is held with the others.
pub(super) struct OwnLog {
    log: LogId,
    origin: String,
    key: SecretKey,
    signed: SignedStateFile,
}

impl OwnLog {
    /// Takes the signing key and the signed-state record of `log`.
    pub(super) fn new(log: LogId, federation: &str, key: SecretKey, signed: SignedStateFile) -> Self {
        let origin = log.origin(federation);
        Self { log, origin, key, signed }
    }

    /// Which log this is.
    pub(super) fn log(&self) -> &LogId {
        &self.log
    }

    /// The largest size ever signed, 0 if none.
    pub(super) fn signed_size(&self) -> u64 {
        self.signed.last().filter(|last| last.log == self.log).map_or(0, |last| last.state.size)
    }

    /// Whether the memory of what was signed is new, so that peers must be asked before anything is signed.
    pub(super) fn memory_is_new(&self) -> bool {
        self.signed.was_created()
    }

    /// Appends entries durably and signs the checkpoint over them. Returns the index of the first and the note.
    ///
    /// # Errors
    ///
    /// [`OwnLogError`]; nothing was acknowledged, and the caller stops the node.
    pub(super) fn append(
        &mut self,
        journal: &mut LogJournal,
        entries: &[Vec<u8>],
    ) -> Result<(u64, SignedNote), OwnLogError> {
        let from = journal.size();
        let records: Vec<Record> = entries.iter().cloned().map(Record::Entry).collect();
        journal.append(&records)?;
        let note = self.sign(journal, from)?;
        Ok((from, note))
    }

    /// Signs the log as it stands, reading the leaves from `from` on back from the disk first.
    ///
    /// # Errors
    ///
    /// [`OwnLogError`].
    pub(super) fn sign(&mut self, journal: &mut LogJournal, from: u64) -> Result<SignedNote, OwnLogError> {
        let expected = journal.frontier().root();
        let read_back = journal.reread_root(from)?;
        if read_back != expected {
            return Err(OwnLogError::ReadBack { read_back, expected });
        }
        let size = journal.size();
        self.signed.advance(&self.log, size, expected)?;
        // Signing verifies its own result before it returns.
        let note = sign_checkpoint(&Checkpoint::new(self.origin.clone(), size, expected)?, &self.key)?;
        match journal.store_checkpoint(&note.to_bytes()) {
            // What was signed is remembered, and the same signature can be made again at the next start.
            Err(error) if error.is_storage_full() => {
                tracing::warn!(%error, "the checkpoint is not kept on the disk");
            }
            kept => kept?,
        }
        Ok(note)
    }

    /// Takes note that own entries came back from peers up to `size`: what was signed once must never be signed
    /// otherwise. Below what is remembered there is nothing to note; at it, another root is refused.
    ///
    /// # Errors
    ///
    /// [`OwnLogError::SignedState`].
    pub(super) fn recovered(&mut self, size: u64, root: Hash) -> Result<(), OwnLogError> {
        if size < self.signed_size() {
            return Ok(());
        }
        Ok(self.signed.advance(&self.log, size, root)?)
    }
}
