// SPDX-License-Identifier: EUPL-1.2
//! The embedded store: indexes and projections that can be rebuilt from the journals (DESIGN 10, LIMITS 1).
//!
//! sled 0.34.7 is named in `store/sled_index.rs` alone. Nothing may be acknowledged on its word: on any error or panic
//! the caller opens the store again, and applies the journals from the positions found there. One writer commits; any
//! thread reads.

mod batch;
mod error;
mod memory;
mod opening;
mod sled_index;
mod table;
mod tally;
mod value;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use concert_protocol::member::LogId;

pub use batch::{Batch, KEY_LEN_MAX, VALUE_LEN_MAX};
pub use error::StoreError;
pub use opening::{CACHE_BYTES_MAX, CACHE_BYTES_MIN, Opened};
pub use table::{Source, Table};
pub use value::{split_version, versioned};

/// Most rows that one range answers, whatever the caller asks for.
pub const RANGE_ROWS_MAX: usize = 10_000;

/// One row: key, value.
pub type Row = (Vec<u8>, Vec<u8>);

/// What an engine must be able to do; sled is one, a map in memory (for tests) another.
trait Index: Send + Sync {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn range(&self, range: &Range<'_>) -> Result<Vec<Row>, StoreError>;
    fn clear(&self) -> Result<(), StoreError>;
    fn verify(&self) -> Result<Option<u64>, StoreError>;
    fn sync(&self) -> Result<(), StoreError>;
    fn size_on_disk(&self) -> u64;
}

/// Stands in while an engine that failed on a full disk cannot be opened again.
struct Closed;

impl Closed {
    fn refuse<T>(step: &'static str) -> Result<T, StoreError> {
        Err(StoreError::StorageFull { step })
    }
}

impl Index for Closed {
    fn commit(&self, _: &Batch) -> Result<(), StoreError> {
        Self::refuse("committing")
    }

    fn get(&self, _: Table, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Self::refuse("reading a row")
    }

    fn range(&self, _: &Range<'_>) -> Result<Vec<Row>, StoreError> {
        Self::refuse("reading a range")
    }

    fn clear(&self) -> Result<(), StoreError> {
        Self::refuse("clearing")
    }

    fn verify(&self) -> Result<Option<u64>, StoreError> {
        Self::refuse("verifying")
    }

    fn sync(&self) -> Result<(), StoreError> {
        Self::refuse("syncing")
    }

    fn size_on_disk(&self) -> u64 {
        0
    }
}

/// A bounded range within one table.
struct Range<'a> {
    table: Table,
    prefix: &'a [u8],
    /// Where to begin: the first key at or after it, or strictly before it when going back.
    from: Option<&'a [u8]>,
    back: bool,
    limit: usize,
}

/// A handle to the store; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Place>);

/// The one engine behind all handles, and how it was opened.
struct Place {
    index: RwLock<Box<dyn Index>>,
    opened: Option<(PathBuf, u64)>,
}

impl Store {
    /// Opens or creates the store in `dir`. `cache_bytes` is held to [`CACHE_BYTES_MIN`] and [`CACHE_BYTES_MAX`]; the
    /// memory used can be several times that.
    ///
    /// A folder that cannot be opened is renamed to `store.damaged-<n>` and a new one begun: see [`Opened`].
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`], [`StoreError::StorageFull`] or [`StoreError::Io`]: the folder was left as it is, since
    /// the fault is not in it.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<(Self, Opened), StoreError> {
        let (index, opened) = opening::open(dir, cache_bytes)?;
        let place =
            Place { index: RwLock::new(Box::new(index)), opened: Some((dir.to_owned(), cache_bytes)) };
        Ok((Self(Arc::new(place)), opened))
    }

    /// Closes the engine behind all handles and opens it again, after it failed. Callers meanwhile wait; while it cannot
    /// be opened they are refused. The rows may be those of a moment ago: apply the journals from the positions.
    ///
    /// # Errors
    ///
    /// As [`Store::open`]; it can be tried again.
    pub fn reopen(&self) -> Result<Opened, StoreError> {
        let Some((dir, cache_bytes)) = &self.0.opened else { return Ok(Opened::Existing) };
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        // The old one goes first: an engine's folder has one holder.
        *index = Box::new(Closed);
        let (new, opened) = opening::open(dir, *cache_bytes)?;
        *index = Box::new(new);
        Ok(opened)
    }

    fn index(&self) -> RwLockReadGuard<'_, Box<dyn Index>> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store that lives in memory and forgets everything, for tests.
    pub fn in_memory() -> Self {
        let index: Box<dyn Index> = Box::new(memory::MemoryIndex::default());
        Self(Arc::new(Place { index: RwLock::new(index), opened: None }))
    }

    /// Removes the store in `dir`, so that the next open begins anew. The quickest way to a rebuild.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn discard(dir: &Path) -> Result<(), StoreError> {
        opening::discard(dir)
    }

    /// Applies a batch in one transaction, positions included. Survives a kill; a power cut only after
    /// [`Store::sync`], but never in part.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`]: nothing was applied. [`StoreError::Damaged`], [`StoreError::StorageFull`],
    /// [`StoreError::Io`]: [`Store::reopen`] it.
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        self.index().commit(batch)
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index().get(table, key)
    }

    /// At most `limit` rows (and never more than [`RANGE_ROWS_MAX`]) whose keys begin with `prefix`, ascending, from
    /// the first key that is not below `from`. Rows committed meanwhile may or may not be among them.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn range(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let limit = limit.min(RANGE_ROWS_MAX);
        self.index().range(&Range { table, prefix, from, back: false, limit })
    }

    /// As [`Store::range`], descending, from the last key that is below `before`: newest first.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn range_back(
        &self,
        table: Table,
        prefix: &[u8],
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let limit = limit.min(RANGE_ROWS_MAX);
        self.index().range(&Range { table, prefix, from: before, back: true, limit })
    }

    /// How many records of `source` are applied; 0 if none. More than the journal has means that the store knows
    /// what the journal lost: clear it.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn position(&self, source: &Source) -> Result<u64, StoreError> {
        let found = self.index().get(Table::Position, &source.key())?;
        Ok(found.as_deref().and_then(batch::decode_position).unwrap_or(0))
    }

    /// Every log that has a position.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn positions(&self) -> Result<Vec<(LogId, u64)>, StoreError> {
        let rows = self.range(Table::Position, &[], None, RANGE_ROWS_MAX)?;
        let parse = |(key, value): &Row| Some((Source::log_of(key)?, batch::decode_position(value)?));
        Ok(rows.iter().filter_map(parse).collect())
    }

    /// Removes every row and position. Interrupted, it is finished when the store is opened next.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn clear(&self) -> Result<(), StoreError> {
        self.index().clear()
    }

    /// Reads every row and compares with what was counted as they were written; returns the number of rows, `None` if
    /// commits came in between. To be called after opening and before the first commit (about a second for a million
    /// rows), and by `db check`: a damaged sled can lose rows and keep the position that says that they were applied.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`]: drop the store and open it again; it is then set aside. Others as [`Store::commit`].
    pub fn verify(&self) -> Result<Option<u64>, StoreError> {
        self.index().verify()
    }

    /// Makes everything committed so far survive a power cut.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.index().sync()
    }

    /// Bytes that the store holds on the disk, for `status`.
    pub fn size_on_disk(&self) -> u64 {
        self.index().size_on_disk()
    }
}

#[cfg(test)]
mod tests;
