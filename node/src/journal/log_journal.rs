// SPDX-License-Identifier: EUPL-1.2
//! One member's log on this node's disk: its records, the hashes of its tree, and its newest checkpoint.
//!
//! Order of writing (RELIABILITY c.9): records, sync, hashes, publish; only then may the caller sign or acknowledge.
//! Opening reads every record back and rebuilds the tree from them. Which root is right is for the caller to say: it
//! compares [`LogJournal::root_at`] with what was signed, and repairs from peers what does not agree.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use concert_protocol::log::{Frontier, Hash, frontier_at, stored_hash_count};

use super::disk;
use super::error::{Damaged, JournalError};
use super::hashes::{HashFile, Tree, TreeBuilder};
use super::log_reader::LogReader;
use super::record::{KIND_ERASED, KIND_WITHHELD, Record};
use super::segment::Found;
use super::segments::{Cut, Keep, ROLL_LEN, Segments};

mod repair;
#[cfg(test)]
mod tests;

/// Largest checkpoint note, in bytes (RELIABILITY B8).
pub const CHECKPOINT_LEN_MAX: u64 = 64 << 10;

/// A member log; one owner writes, [`LogReader`]s read.
pub struct LogJournal {
    segments: Segments,
    reader: LogReader,
    /// The tree over everything published.
    frontier: Frontier,
    staged: Option<Staged>,
    /// The first leaf whose hash is lost. Until it is repaired, nothing is appended.
    unknown: Option<u64>,
    checkpoint: Option<Vec<u8>>,
    checkpoint_path: PathBuf,
}

/// The tree after records that are written but not yet synced.
struct Staged {
    frontier: Frontier,
    hashes: Vec<u8>,
}

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records, damaged ones included.
    pub size: u64,
    /// Entries held in full.
    pub entries: u64,
    /// Entries of which only the leaf hash came.
    pub withheld: u64,
    /// Entries whose payload was erased.
    pub erased: u64,
    /// Records below the size to keep that cannot be read. If there are any, do not sign; repair first.
    pub damaged: Vec<Damaged>,
    /// The torn tail that was cut.
    pub cut: Option<Cut>,
    /// Tree hashes that were missing or wrong in the file and were written anew.
    pub hashes_corrected: u64,
    /// The first record whose leaf hash is lost as well; the tree ends before it until it is repaired.
    pub leaf_unknown: Option<u64>,
}

impl LogJournal {
    /// Opens or creates the log in `dir`. Nothing below the size `keep_through` is ever cut: pass the largest size
    /// that was signed, cosigned or acknowledged (0 for a log that is new).
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], [`JournalError::StorageFull`], or [`JournalError::Format`] for files of a later version.
    pub fn open(dir: &Path, keep_through: u64) -> Result<(Self, OpenReport), JournalError> {
        Self::open_with(dir, keep_through, ROLL_LEN)
    }

    pub(super) fn open_with(
        dir: &Path,
        keep_through: u64,
        roll_len: u64,
    ) -> Result<(Self, OpenReport), JournalError> {
        disk::create_dir(dir)?;
        let hashes = HashFile::open(&dir.join("hashes"))?;
        let mut builder = TreeBuilder::new(hashes.clone())?;
        let mut report = OpenReport::default();
        let mut on = |found: Found<'_>| {
            if let Found::Record { kind, .. } = found {
                match kind {
                    KIND_WITHHELD => report.withheld += 1,
                    KIND_ERASED => report.erased += 1,
                    _ => report.entries += 1,
                }
            }
            build(&mut builder, dir, found)
        };
        let (segments, cut) = Segments::open(dir, Keep::Through(keep_through), roll_len, &mut on)?;
        let tree = builder.finish()?;
        let checkpoint_path = dir.join("checkpoint");
        let reader = LogReader { segments: segments.reader(), hashes };
        report.size = segments.size();
        report.damaged = reader.damaged();
        report.cut = cut;
        report.hashes_corrected = tree.corrected;
        report.leaf_unknown = tree.unknown;
        let checkpoint = disk::read_bounded(&checkpoint_path, CHECKPOINT_LEN_MAX)?;
        let frontier = Frontier::new();
        let mut journal =
            Self { segments, reader, frontier, staged: None, unknown: None, checkpoint, checkpoint_path };
        journal.take(tree);
        Ok((journal, report))
    }

    /// Records in the log, damaged ones included, staged ones not.
    pub fn size(&self) -> u64 {
        self.segments.size()
    }

    /// A handle for reading from other threads.
    pub fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    /// The tree over all records. Shorter than [`LogJournal::size`] only while a leaf hash is lost.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The root of the tree over the first `size` records.
    ///
    /// # Errors
    ///
    /// [`JournalError::OutOfRange`] if the log, or its known tree, is shorter.
    pub fn root_at(&self, size: u64) -> Result<Hash, JournalError> {
        self.reader.root_at(size)
    }

    /// The root over all records, with the leaves from `from` on hashed again from what the disk gives back.
    ///
    /// To be asked before a checkpoint is signed: a bit that flipped in memory shows here (RELIABILITY E11).
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] or [`JournalError::Io`].
    pub fn reread_root(&self, from: u64) -> Result<Hash, JournalError> {
        self.reader.check_size(from)?;
        let mut frontier = frontier_at(from, &self.reader)?;
        self.reader.visit(from..u64::MAX, |_, record| {
            frontier.push(record.leaf_hash());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(frontier.root())
    }

    /// Records from `from` on; see [`LogReader::read`].
    ///
    /// # Errors
    ///
    /// As [`LogReader::read`].
    pub fn read(
        &self,
        from: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Record)>, JournalError> {
        self.reader.read(from, count_max, bytes_max)
    }

    /// Appends a batch, whole or not at all, and returns the log's new size once it is durable.
    ///
    /// # Errors
    ///
    /// [`JournalError::StorageFull`] or [`JournalError::TooLarge`]: nothing was appended and the log can go on.
    /// [`JournalError::LeafUnknown`]: repair first. Anything else stops the log: every later write answers
    /// [`JournalError::Stopped`].
    pub fn append(&mut self, records: &[Record]) -> Result<u64, JournalError> {
        self.stage(records)?;
        self.commit()
    }

    /// Writes a batch without making it durable; several batches, of several logs, then share the wait of
    /// [`LogJournal::commit`]. What was staged before is committed first where a new segment begins.
    ///
    /// # Errors
    ///
    /// As [`LogJournal::append`].
    pub fn stage(&mut self, records: &[Record]) -> Result<u64, JournalError> {
        if let Some(index) = self.unknown {
            return Err(JournalError::LeafUnknown { index });
        }
        for record in records {
            record.check_len()?;
        }
        if records.is_empty() {
            self.segments.check()?;
            return Ok(self.segments.staged_size());
        }
        if self.segments.is_full() {
            self.commit()?;
        }
        let before = self.staged.as_ref().map_or(&self.frontier, |staged| &staged.frontier);
        let mut frontier = before.clone();
        let mut hashes = Vec::with_capacity(records.len() * 64);
        for record in records {
            frontier.push_with(record.leaf_hash(), |hash| hashes.extend_from_slice(hash.as_bytes()));
        }
        let size = self.segments.stage(records.iter().map(|record| (record.kind(), record.body())))?;
        match &mut self.staged {
            Some(staged) => {
                staged.frontier = frontier;
                staged.hashes.append(&mut hashes);
            }
            None => self.staged = Some(Staged { frontier, hashes }),
        }
        Ok(size)
    }

    /// Makes everything staged durable and visible, and returns the log's new size.
    ///
    /// # Errors
    ///
    /// Any error stops the log.
    pub fn commit(&mut self) -> Result<u64, JournalError> {
        self.segments.sync()?;
        if let Some(staged) = self.staged.take() {
            let at = stored_hash_count(self.frontier.size());
            let written = self.reader.hashes.write(at, &staged.hashes);
            written.map_err(|error| self.segments.stop(error))?;
            self.frontier = staged.frontier;
            self.reader.hashes.set_known(self.frontier.size());
        }
        Ok(self.segments.publish())
    }

    /// The newest checkpoint note, as it was stored.
    pub fn checkpoint(&self) -> Option<&[u8]> {
        self.checkpoint.as_deref()
    }

    /// Keeps a checkpoint note, durably, in place of the one before.
    ///
    /// # Errors
    ///
    /// [`JournalError::TooLarge`] past [`CHECKPOINT_LEN_MAX`]; [`JournalError::StorageFull`] and
    /// [`JournalError::Io`], after which the one before is still there.
    pub fn store_checkpoint(&mut self, note: &[u8]) -> Result<(), JournalError> {
        self.segments.check()?;
        let len = note.len() as u64;
        if len > CHECKPOINT_LEN_MAX {
            return Err(JournalError::TooLarge { what: "a checkpoint", len, len_max: CHECKPOINT_LEN_MAX });
        }
        match disk::replace_file(&self.checkpoint_path, note) {
            Ok(()) => {
                self.checkpoint = Some(note.to_vec());
                Ok(())
            }
            Err(error @ JournalError::StorageFull { .. }) => Err(error),
            Err(error) => Err(self.segments.stop(error)),
        }
    }

    /// Drops the payloads of `indexes` and keeps their leaf hashes; the tree stays as it is. Returns how many
    /// payloads were dropped: one that is erased already is no error.
    ///
    /// Costs a rewrite of each segment concerned, so give all indexes at once.
    ///
    /// # Errors
    ///
    /// [`JournalError::NothingToErase`] for a withheld entry, [`JournalError::Damaged`] for an unreadable one: then
    /// nothing was erased.
    pub fn erase(&mut self, indexes: &[u64]) -> Result<usize, JournalError> {
        self.commit()?;
        let mut replacements = BTreeMap::new();
        for &index in indexes {
            let (asked, size) = (index, self.size());
            let path = || self.segments.dir().to_owned();
            let record = self.reader.get(index)?;
            let record = record.ok_or_else(|| JournalError::OutOfRange { path: path(), asked, size })?;
            match record {
                Record::Entry(_) => replace(&mut replacements, index, &Record::Erased(record.leaf_hash())),
                Record::Erased(_) => {}
                Record::Withheld(_) => return Err(JournalError::NothingToErase { index }),
            }
        }
        self.segments.replace(&replacements)?;
        Ok(replacements.len())
    }

    fn take(&mut self, tree: Tree) {
        self.unknown = tree.unknown;
        self.frontier = tree.frontier;
        self.reader.hashes.set_known(self.frontier.size());
    }

    /// Drops every record from `size` on. Only for records that were never signed, cosigned or acknowledged.
    ///
    /// # Errors
    ///
    /// [`JournalError::OutOfRange`] if the log is shorter; [`JournalError::Io`] stops the log.
    pub fn truncate_unsigned_tail(&mut self, size: u64) -> Result<(), JournalError> {
        self.segments.check()?;
        self.reader.check_size(size)?;
        self.staged = None;
        self.segments.truncate(size)?;
        if size >= self.frontier.size() {
            return Ok(());
        }
        // The subtree roots of the smaller tree are a prefix of what is stored.
        self.reader.hashes.set_known(size);
        self.frontier = frontier_at(size, &self.reader)?;
        self.unknown = None;
        let cut = self.reader.hashes.truncate(size);
        cut.map_err(|error| self.segments.stop(error))
    }
}

/// Appends to several logs with one sync each, all written before the first is waited for.
///
/// The results are in the order of the batches; a log that fails holds up no other.
pub fn append_many(batches: &mut [(&mut LogJournal, &[Record])]) -> Vec<Result<u64, JournalError>> {
    let staged: Vec<_> = batches.iter_mut().map(|(journal, records)| journal.stage(records)).collect();
    let both = batches.iter_mut().zip(staged);
    both.map(|((journal, _), staged)| staged.and_then(|_| journal.commit())).collect()
}

fn replace(replacements: &mut BTreeMap<u64, (u8, Vec<u8>)>, index: u64, record: &Record) {
    replacements.insert(index, (record.kind(), record.body().to_vec()));
}

fn build(builder: &mut TreeBuilder, dir: &Path, found: Found<'_>) -> Result<(), JournalError> {
    match found {
        Found::Record { kind, body, .. } => {
            let what = "holds records of a later version of Concert; install that version";
            let unknown = || JournalError::Format { path: dir.to_owned(), what };
            builder.push(Record::leaf_hash_of(kind, body).ok_or_else(unknown)?)
        }
        Found::Unreadable { from, to } => builder.push_unreadable(from, to),
    }
}
