// SPDX-License-Identifier: EUPL-1.2
//! The store as a map in memory: the model that the engine is compared with, and a quick store for tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::batch::Batch;
use super::error::StoreError;
use super::table::Table;
use super::{Index, Range, Row};

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

#[derive(Default)]
pub(super) struct MemoryIndex {
    rows: RwLock<Rows>,
}

impl Index for MemoryIndex {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for (key, change) in &batch.changes {
            match change {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(&(table, key.to_vec())).cloned())
    }

    fn range(&self, range: &Range<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let begins = |key: &[u8]| key.starts_with(range.prefix);
        let start = match range.from {
            Some(from) if !range.back && from > range.prefix => from,
            _ => range.prefix,
        };
        let bounds = (Bound::Included((range.table, start.to_vec())), Bound::Unbounded);
        let within = rows
            .range(bounds)
            .take_while(|((table, key), _)| *table == range.table && begins(key))
            .map(|((_, key), value)| (key.clone(), value.clone()));
        if !range.back {
            return Ok(within.take(range.limit).collect());
        }
        let mut all: Vec<Row> =
            within.filter(|(key, _)| range.from.is_none_or(|from| key.as_slice() < from)).collect();
        all.reverse();
        all.truncate(range.limit);
        Ok(all)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn verify(&self) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.rows.read().unwrap_or_else(PoisonError::into_inner).len() as u64))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn size_on_disk(&self) -> u64 {
        0
    }
}
