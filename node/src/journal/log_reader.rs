// SPDX-License-Identifier: EUPL-1.2
//! Reading one member log from any thread, while its writer appends.
//!
//! A reader sees only what is durable. Every record is checked as it is read; proofs read the stored tree hashes.

use std::ops::{ControlFlow, Range};

use concert_protocol::log::{Hash, HashReader, root_at, stored_hash_count};

use super::error::{Damage, Damaged, JournalError};
use super::hashes::HashFile;
use super::record::Record;
use super::segment_map::SegmentReader;

/// A handle for reading one log; cheap to clone.
#[derive(Clone)]
pub struct LogReader {
    pub(super) segments: SegmentReader,
    pub(super) hashes: HashFile,
}

impl LogReader {
    /// Records in the log, damaged ones included.
    pub fn size(&self) -> u64 {
        self.segments.size()
    }

    /// Records from `from` on: at most `count_max`, and no more than `bytes_max` bytes of bodies, but always one if
    /// there is one. Stops before the first damaged record; empty at the end of the log.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] if the record `from` itself cannot be read; [`JournalError::Io`].
    pub fn read(
        &self,
        from: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Record)>, JournalError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let to = from.saturating_add(count_max as u64).min(self.size());
        let visited = self.visit(from..to, |index, record| {
            bytes += record.body_len();
            if bytes > bytes_max && !records.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            records.push((index, record));
            Ok(ControlFlow::Continue(()))
        });
        match visited {
            Err(JournalError::Damaged(_)) if !records.is_empty() => Ok(records),
            Err(error) => Err(error),
            Ok(()) => Ok(records),
        }
    }

    /// The record at `index`; `None` past the end.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] or [`JournalError::Io`].
    pub fn get(&self, index: u64) -> Result<Option<Record>, JournalError> {
        Ok(self.read(index, 1, 0)?.pop().map(|(_, record)| record))
    }

    /// Hands the records of `range` to `on`, in order, until it breaks or the log ends.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] at the first record that cannot be read; [`JournalError::Io`]; those of `on`.
    pub fn visit(
        &self,
        range: Range<u64>,
        mut on: impl FnMut(u64, Record) -> Result<ControlFlow<()>, JournalError>,
    ) -> Result<(), JournalError> {
        let end = range.end.min(self.size());
        self.segments.visit(range.start..end, &mut |index, kind, body| {
            let record = Record::decode(kind, body).ok_or_else(|| self.unknown_kind(index))?;
            on(index, record)
        })
    }

    /// The root of the tree over the first `size` records.
    ///
    /// # Errors
    ///
    /// [`JournalError::OutOfRange`] if the log, or its known tree, is shorter.
    pub fn root_at(&self, size: u64) -> Result<Hash, JournalError> {
        self.check_size(size)?;
        root_at(size, self)
    }

    /// Records known to be unreadable.
    pub fn damaged(&self) -> Vec<Damaged> {
        self.segments.damaged(&(0..u64::MAX))
    }

    pub(super) fn check_size(&self, asked: u64) -> Result<(), JournalError> {
        let size = self.size();
        if asked > size {
            return Err(JournalError::OutOfRange { path: self.segments.dir().to_owned(), asked, size });
        }
        Ok(())
    }

    pub(super) fn unknown_kind(&self, index: u64) -> JournalError {
        let file = self.segments.dir().to_owned();
        Damaged { file, from: index, to: index + 1, what: Damage::BadRecord }.into()
    }
}

impl HashReader for LogReader {
    type Error = JournalError;

    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, JournalError> {
        let count = stored_hash_count(self.size().min(self.hashes.known()));
        let one = |&index: &u64| {
            if index >= count {
                let path = self.hashes.path();
                return Err(JournalError::OutOfRange { path, asked: index, size: count });
            }
            self.hashes.read_one(index)
        };
        indexes.iter().map(one).collect()
    }
}
