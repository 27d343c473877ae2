// SPDX-License-Identifier: EUPL-1.2
//! The embedded store: indexes and projections that can be rebuilt from the journals (DESIGN 10, LIMITS 1).
//!
//! sled 0.34.7 is named in `store/sled_index.rs` alone. Nothing may be acknowledged on its word: on any error or panic
//! the caller drops the store, opens it again, and applies the journals from the positions found there. One writer
//! commits; any thread reads.

mod batch;
mod error;
mod memory;
mod opening;
mod sled_index;
mod table;
mod tally;
mod value;

use std::path::Path;
use std::sync::Arc;

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
pub struct Store(Arc<dyn Index>);

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
        Ok((Self(Arc::new(index)), opened))
    }

    /// A store that lives in memory and forgets everything, for tests.
    pub fn in_memory() -> Self {
        Self(Arc::new(memory::MemoryIndex::default()))
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
    /// [`StoreError::Io`]: drop the store and open it again.
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        self.0.commit(batch)
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(table, key)
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
        self.0.range(&Range { table, prefix, from, back: false, limit })
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
        self.0.range(&Range { table, prefix, from: before, back: true, limit })
    }

    /// How many records of `source` are applied; 0 if none. More than the journal has means that the store knows
    /// what the journal lost: clear it.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn position(&self, source: &Source) -> Result<u64, StoreError> {
        let found = self.0.get(Table::Position, &source.key())?;
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
        self.0.clear()
    }

    /// Reads every row and compares with what was counted as they were written; returns the number of rows, `None` if
    /// commits came in between. To be called after opening and before the first commit (about a second for a million
    /// rows), and by `db check`: a damaged sled can lose rows and keep the position that says that they were applied.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`]: drop the store and open it again; it is then set aside. Others as [`Store::commit`].
    pub fn verify(&self) -> Result<Option<u64>, StoreError> {
        self.0.verify()
    }

    /// Makes everything committed so far survive a power cut.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.0.sync()
    }

    /// Bytes that the store holds on the disk, for `status`.
    pub fn size_on_disk(&self) -> u64 {
        self.0.size_on_disk()
    }
}

#[cfg(test)]
mod tests;
