// SPDX-License-Identifier: EUPL-1.2
//! Finding what a disk lost of a log, and putting back what peers still have (RELIABILITY E4).
//!
//! Nothing is taken on a peer's word: a record must have the leaf hash that was stored for it, or lead to a signed root.

use std::collections::BTreeMap;
use std::ops::Range;

use concert_protocol::log::{Frontier, Hash, frontier_at, stored_hash_count};

use super::super::error::{Damage, Damaged, JournalError};
use super::super::hashes::TreeBuilder;
use super::super::record::Record;
use super::super::segment::Found;
use super::{LogJournal, build, replace};

impl LogJournal {
    /// Puts records that peers sent in the place of damaged or withheld ones; returns how many were taken.
    ///
    /// Without `signed`, each record must have the leaf hash that is stored for its index. With `signed`, the whole
    /// tree of that size must reach that root: needed when leaf hashes are lost or wrong too, and then every damaged
    /// record below that size has to be given at once. Records that are readable here, erased ones too, stay.
    ///
    /// # Errors
    ///
    /// [`JournalError::WrongLeaf`], [`JournalError::WrongRoot`], [`JournalError::LeafUnknown`]: nothing was changed.
    pub fn repair(
        &mut self,
        records: &[(u64, Record)],
        signed: Option<(u64, Hash)>,
    ) -> Result<usize, JournalError> {
        self.commit()?;
        let mut replacements = BTreeMap::new();
        let mut leaves = BTreeMap::new();
        for (index, record) in records {
            record.check_len()?;
            self.reader.check_size(index.saturating_add(1))?;
            let wanted = match self.reader.get(*index) {
                Err(JournalError::Damaged(_)) => true,
                Ok(Some(Record::Withheld(_))) => record.entry().is_some(),
                Ok(_) => false,
                Err(error) => return Err(error),
            };
            if wanted {
                replace(&mut replacements, *index, record);
                leaves.insert(*index, record.leaf_hash());
            }
        }
        match signed {
            Some((size, root)) => self.check_candidates(&leaves, size, root)?,
            None => self.check_leaves(&leaves)?,
        }
        self.segments.replace(&replacements)?;
        if signed.is_some() {
            self.rebuild_tree()?;
        }
        Ok(replacements.len())
    }

    fn check_leaves(&self, leaves: &BTreeMap<u64, Hash>) -> Result<(), JournalError> {
        for (&index, leaf) in leaves {
            match self.reader.hashes.leaf(index)? {
                Some(held) if held == *leaf => {}
                Some(_) => return Err(JournalError::WrongLeaf { index }),
                None => return Err(JournalError::LeafUnknown { index }),
            }
        }
        Ok(())
    }

    /// Whether the log with `leaves` in place has that root.
    fn check_candidates(
        &mut self,
        leaves: &BTreeMap<u64, Hash>,
        size: u64,
        root: Hash,
    ) -> Result<(), JournalError> {
        self.reader.check_size(size)?;
        let mut frontier = Frontier::new();
        let hashes = self.reader.hashes.clone();
        let mut push = |index: u64, here: Option<Hash>| {
            if index >= size {
                return Ok(());
            }
            let leaf = leaves.get(&index).copied().or(here);
            frontier.push(leaf.ok_or(JournalError::LeafUnknown { index })?);
            Ok(())
        };
        self.segments.rescan(0..u64::MAX, &mut |found| match found {
            Found::Record { index, kind, body } => push(index, Record::leaf_hash_of(kind, body)),
            Found::Unreadable { from, to } => {
                (from..to.min(size)).try_for_each(|index| push(index, hashes.leaf(index)?))
            }
        })?;
        if frontier.size() == size && frontier.root() == root {
            return Ok(());
        }
        Err(JournalError::WrongRoot { size })
    }

    /// Computes every tree hash again from the records and corrects the stored ones; returns how many were wrong.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] or [`JournalError::StorageFull`].
    pub fn rebuild_tree(&mut self) -> Result<u64, JournalError> {
        self.commit()?;
        let mut builder = TreeBuilder::new(self.reader.hashes.clone())?;
        let dir = self.segments.dir().to_owned();
        self.segments.rescan(0..u64::MAX, &mut |found| build(&mut builder, &dir, found))?;
        let tree = builder.finish()?;
        let corrected = tree.corrected;
        self.take(tree);
        Ok(corrected)
    }

    /// Reads `range` back from the disk, checks every record and every tree hash that it completes, and returns what
    /// is damaged. [`Damage::WrongHash`] is mended by [`LogJournal::rebuild_tree`], the rest by
    /// [`LogJournal::repair`].
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] or [`JournalError::OutOfRange`].
    pub fn scrub(&mut self, range: Range<u64>) -> Result<Vec<Damaged>, JournalError> {
        self.commit()?;
        let range = range.start..range.end.min(self.frontier.size());
        let mut frontier = frontier_at(range.start, &self.reader)?;
        let hashes = self.reader.hashes.clone();
        let mut wrong = Vec::new();
        let mut check = |index: u64, leaf: Option<Hash>| {
            if !range.contains(&index) {
                return Ok(());
            }
            let mut differs = leaf.is_none();
            let leaf = leaf.map_or_else(|| hashes.read_one(stored_hash_count(index)), Ok)?;
            let mut completed = Vec::new();
            frontier.push_with(leaf, |hash| completed.push(hash));
            for (at, hash) in (stored_hash_count(index)..).zip(completed) {
                differs |= hashes.read_one(at)? != hash;
            }
            if differs {
                let (file, from, to) = (hashes.path(), index, index + 1);
                wrong.push(Damaged { file, from, to, what: Damage::WrongHash });
            }
            Ok(())
        };
        self.segments.rescan(range.clone(), &mut |found| match found {
            Found::Record { index, kind, body } if range.contains(&index) => {
                check(index, Record::leaf_hash_of(kind, body))
            }
            Found::Record { .. } => Ok(()),
            Found::Unreadable { from, to } => {
                (from..to).try_for_each(|index| check(index, hashes.leaf(index)?))
            }
        })?;
        let mut damaged = self.reader.segments.damaged(&range);
        damaged.append(&mut wrong);
        Ok(damaged)
    }
}
