// SPDX-License-Identifier: EUPL-1.2
//! sled 0.34.7 under the rules of LIMITS 1: transactions only, few trees, small rows, panics caught, one writer.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sled::transaction::{ConflictableTransactionResult, TransactionError, TransactionalTree};
use sled::{Db, Transactional, Tree};

use super::batch::Batch;
use super::error::StoreError;
use super::table::{TREES, Table};
use super::tally::Tally;
use super::value::{PIECE_LEN, Stored, piece_key};
use super::{Index, Range, Row};

/// A file in the store's folder that says that it is to be set aside at the next start.
pub(super) const DAMAGED_MARK: &str = "damaged";
/// A reader that finds pieces of two values tries again; a writer cannot be faster this often in a row.
const PIECE_TRIES: usize = 16;
/// In the tree of the positions, below the prefix of every table: there while rows are being cleared.
const CLEARING: &[u8] = &[0, b'c'];
/// Before the number of a tree, in the tree of the positions: that tree's tally.
const TALLY: &[u8] = &[0, b't'];
/// First byte of keys that are about the store and in no table.
const INTERNAL: u8 = 0;
/// Rows named at once while a tree is cleared.
const CLEAR_ROWS: usize = 1000;

pub(super) struct SledIndex {
    db: Option<Db>,
    /// One for each group of tables, and last the pieces of large values.
    trees: Vec<Tree>,
    /// A second handle: sled's own flush leaves file size and disk cache alone (LIMITS 1, rule 2).
    file: File,
    dir: PathBuf,
    /// After a panic or an error nothing in memory can be trusted.
    damaged: AtomicBool,
}

/// Why the engine could not be opened, by what should be done about it.
pub(super) enum OpenError {
    /// Another holder, who may be about to go.
    Locked,
    /// The files are at fault.
    Damaged(String),
    /// The machine is at fault.
    Machine(StoreError),
}

impl SledIndex {
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let opened = catch_unwind(|| Self::open_unguarded(dir, cache_bytes));
        let index = opened.unwrap_or_else(|panic| Err(OpenError::Damaged(panic_text(&*panic))))?;
        // A clear that was interrupted has left rows without positions.
        let clearing = index.guard("opening the store", || index.trees[0].contains_key(CLEARING));
        match clearing.and_then(|clearing| if clearing { index.clear() } else { Ok(()) }) {
            Ok(()) => Ok(index),
            Err(StoreError::Damaged { what, .. }) => Err(OpenError::Damaged(what)),
            Err(error) => Err(OpenError::Machine(error)),
        }
    }

    fn open_unguarded(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let opening = |error| sort("opening the store", error);
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(Some(500));
        let db = config.open().map_err(opening)?;
        let machine = |source| OpenError::Machine(StoreError::io("syncing the store's folder", source));
        let file = File::open(dir.join("db")).map_err(machine)?;
        file.sync_all().and_then(|()| File::open(dir)?.sync_all()).map_err(machine)?;
        let trees = (0..=TREES).map(|tree| db.open_tree([b't', tree as u8]));
        let trees = trees.collect::<Result<Vec<_>, _>>().map_err(opening)?;
        let damaged = AtomicBool::new(false);
        Ok(Self { db: Some(db), trees, file, dir: dir.to_owned(), damaged })
    }

    /// Runs one call into sled. Whatever goes wrong in it ends the use of this store.
    fn guard<T>(&self, step: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        if self.damaged.load(Ordering::Acquire) {
            let what = "stopped by an earlier failure".to_owned();
            return Err(StoreError::Damaged { step, what });
        }
        let error = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => sort(step, error),
            Err(panic) => OpenError::Damaged(panic_text(&*panic)),
        };
        self.damaged.store(true, Ordering::Release);
        Err(match error {
            OpenError::Machine(error) => error,
            OpenError::Locked => StoreError::InUse { dir: self.dir.clone() },
            OpenError::Damaged(what) => {
                // Damage that shows only in use must not survive the next start. If the mark cannot be written, that
                // start meets the same damage again and no more.
                let _ = File::create(self.dir.join(DAMAGED_MARK));
                StoreError::Damaged { step, what }
            }
        })
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("taken by drop only")
    }

    fn overflow(&self) -> &Tree {
        &self.trees[TREES]
    }

    fn tree(&self, table: Table) -> &Tree {
        &self.trees[table.tree()]
    }

    /// The value that a row stands for; `None` if its pieces were replaced meanwhile.
    fn resolve(&self, full_key: &[u8], row: &[u8]) -> sled::Result<Option<Vec<u8>>> {
        let unknown = || sled::Error::Unsupported("a row of a later version of Concert".to_owned());
        let (pieces, checksum) = match Stored::decode(row).ok_or_else(unknown)? {
            Stored::Inline(value) => return Ok(Some(value.to_vec())),
            Stored::InPieces { pieces, checksum } => (pieces, checksum),
        };
        let mut value = Vec::new();
        for piece in 0..pieces {
            let Some(bytes) = self.overflow().get(piece_key(full_key, piece))? else { return Ok(None) };
            value.extend_from_slice(&bytes);
        }
        Ok((crc32c::crc32c(&value) == checksum).then_some(value))
    }

    fn read(&self, table: Table, key: &[u8]) -> sled::Result<Option<Vec<u8>>> {
        let full_key = table.full_key(key);
        for _ in 0..PIECE_TRIES {
            let Some(row) = self.tree(table).get(&full_key)? else { return Ok(None) };
            if let Some(value) = self.resolve(&full_key, &row)? {
                return Ok(Some(value));
            }
        }
        Err(sled::Error::ReportableBug("a large value's pieces do not belong together".to_owned()))
    }

    fn scan(&self, range: &Range<'_>) -> sled::Result<Vec<Row>> {
        let prefix = range.table.full_key(range.prefix);
        let from = range.from.map(|from| range.table.full_key(from)).filter(|from| *from > prefix);
        let tree = self.tree(range.table);
        let end = after_prefix(&prefix);
        let mut rows = Vec::new();
        let mut take = |found: sled::Result<(sled::IVec, sled::IVec)>| -> sled::Result<bool> {
            let (full_key, row) = found?;
            if !full_key.starts_with(&prefix) {
                return Ok(false);
            }
            let key = &full_key[1..];
            let value = match self.resolve(&full_key, &row)? {
                Some(value) => Some(value),
                None => self.read(range.table, key)?,
            };
            rows.extend(value.map(|value| (key.to_vec(), value)));
            Ok(rows.len() < range.limit)
        };
        if range.limit == 0 {
            return Ok(rows);
        }
        if range.back {
            let end = match (range.from, from) {
                (Some(_), None) => return Ok(rows),
                (_, from) => from.map_or(end.clone(), |from| from.min(end)),
            };
            for found in tree.range(prefix.clone()..end).rev() {
                if !take(found)? {
                    break;
                }
            }
        } else {
            for found in tree.range(from.unwrap_or_else(|| prefix.clone())..) {
                if !take(found)? {
                    break;
                }
            }
        }
        Ok(rows)
    }

    fn transact(&self, batch: &Batch) -> sled::Result<()> {
        let result = self.trees.as_slice().transaction(|views| apply(batch, views));
        result.map_err(|error| match error {
            TransactionError::Storage(error) => error,
            TransactionError::Abort(never) => match never {},
        })
    }

    fn tallies(&self) -> sled::Result<Vec<Option<Tally>>> {
        let tally = |tree| Ok(Tally::decode(self.trees[0].get(tally_key(tree))?.as_deref()));
        (0..self.trees.len()).map(tally).collect()
    }

    fn count(&self) -> sled::Result<Option<u64>> {
        let expected = self.tallies()?;
        let mut found = Vec::new();
        for tree in &self.trees {
            let mut tally = Tally::default();
            for row in tree {
                let (key, row) = row?;
                if key.first() != Some(&INTERNAL) || found.len() == TREES {
                    tally.add(&key, &row);
                }
            }
            found.push(Some(tally));
        }
        if found == expected {
            return Ok(Some(found.iter().flatten().map(|tally| tally.rows()).sum()));
        }
        if self.tallies()? != expected {
            return Ok(None);
        }
        Err(sled::Error::ReportableBug("rows are lost or altered".to_owned()))
    }

    fn clear_tree(&self, tree: &Tree) -> sled::Result<()> {
        loop {
            let keys: Vec<_> = tree.iter().keys().take(CLEAR_ROWS).collect::<Result<_, _>>()?;
            if keys.is_empty() {
                return Ok(());
            }
            for key in keys {
                tree.remove(key)?;
            }
        }
    }
}

enum Never {}

/// One attempt at a transaction; sled may run it again.
fn apply(batch: &Batch, views: &[TransactionalTree]) -> ConflictableTransactionResult<(), Never> {
    let mut changes = vec![Tally::default(); views.len()];
    for ((table, key), change) in &batch.changes {
        let full_key = table.full_key(key);
        let stored = change.as_deref().map(Stored::of);
        let row = stored.as_ref().map(Stored::encode);
        let before = set(&views[table.tree()], &full_key, row.as_deref(), &mut changes[table.tree()])?;
        let pieces_of = |stored: Option<Stored<'_>>| match stored {
            Some(Stored::InPieces { pieces, .. }) => pieces,
            _ => 0,
        };
        let now = pieces_of(stored);
        let then = pieces_of(before.as_deref().and_then(Stored::decode));
        let value = change.as_deref().unwrap_or_default();
        for piece in 0..now.max(then) {
            let bytes = value.chunks(PIECE_LEN).nth(piece as usize).filter(|_| piece < now);
            set(&views[TREES], &piece_key(&full_key, piece), bytes, &mut changes[TREES])?;
        }
    }
    for (tree, change) in changes.into_iter().enumerate().filter(|(_, change)| *change != Tally::default()) {
        let key = tally_key(tree);
        // A tally that cannot be read can only come out wrong, which is what it should then do.
        let before = Tally::decode(views[0].get(&key)?.as_deref()).unwrap_or_default();
        views[0].insert(key, before.plus(change).encode())?;
    }
    Ok(())
}

/// Puts or removes one row and counts it; returns the row before.
fn set(
    view: &TransactionalTree,
    key: &[u8],
    row: Option<&[u8]>,
    tally: &mut Tally,
) -> ConflictableTransactionResult<Option<sled::IVec>, Never> {
    let before = match row {
        Some(row) => view.insert(key, row)?,
        None => view.remove(key)?,
    };
    if let Some(before) = &before {
        tally.remove(key, before);
    }
    if let Some(row) = row {
        tally.add(key, row);
    }
    Ok(before)
}

fn tally_key(tree: usize) -> Vec<u8> {
    [TALLY, &[tree as u8]].concat()
}

impl Index for SledIndex {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.guard("committing", || self.transact(batch))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guard("reading a row", || self.read(table, key))
    }

    fn range(&self, range: &Range<'_>) -> Result<Vec<Row>, StoreError> {
        self.guard("reading a range", || self.scan(range))
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.guard("clearing", || {
            self.trees[0].insert(CLEARING, &[1])?;
            self.db().flush()?;
            // The mark has the lowest key of its tree and goes with it, last of all but the positions.
            for tree in &self.trees[1..] {
                self.clear_tree(tree)?;
            }
            let rest: Vec<_> = self.trees[0].iter().keys().collect::<Result<_, _>>()?;
            for key in rest.into_iter().rev() {
                self.trees[0].remove(key)?;
            }
            Ok(())
        })?;
        self.sync()
    }

    fn verify(&self) -> Result<Option<u64>, StoreError> {
        self.guard("verifying", || self.count())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.guard("syncing", || {
            self.db().flush()?;
            self.file.sync_data().map_err(sled::Error::Io)
        })
    }

    fn size_on_disk(&self) -> u64 {
        crate::journal::bytes_on_disk(&self.dir)
    }
}

impl Drop for SledIndex {
    fn drop(&mut self) {
        // The last handle to go flushes, and a damaged engine may panic at that.
        for tree in self.trees.drain(..) {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(tree)));
        }
        let db = self.db.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// The least key that is above every key with that prefix; all prefixes begin with a table number below 255.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

fn sort(step: &'static str, error: sled::Error) -> OpenError {
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => OpenError::Locked,
        sled::Error::Io(source) => match source.kind() {
            std::io::ErrorKind::WouldBlock => OpenError::Locked,
            // What sled reports when a file is shorter or other than it should be.
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::Other => OpenError::Damaged(source.to_string()),
            _ => OpenError::Machine(StoreError::io(step, source)),
        },
        error => OpenError::Damaged(error.to_string()),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").chars().take(200).collect()
}
