// SPDX-License-Identifier: EUPL-1.2
//! What one transaction changes.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::table::{Source, Table};
use super::value::{split_version, versioned};

/// Largest key, in bytes.
pub const KEY_LEN_MAX: usize = 1000;
/// Largest value, in bytes. Values above 6 KiB are stored in pieces; keep what is read often small.
pub const VALUE_LEN_MAX: usize = 4 << 20;

const POSITION_VERSION: u8 = 1;

/// Puts and deletes that are applied together or not at all. For one key the last word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Keys with their table's prefix; `None` deletes.
    pub(super) changes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value`, which should begin with a version byte ([`versioned`]), under `key`.
    pub fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> &mut Self {
        self.changes.insert((table, key.to_vec()), Some(value));
        self
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> &mut Self {
        self.changes.insert((table, key.to_vec()), None);
        self
    }

    /// Notes that the first `applied` records of `source` are applied once this batch is.
    pub fn set_position(&mut self, source: &Source, applied: u64) -> &mut Self {
        self.put(Table::Position, &source.key(), versioned(POSITION_VERSION, &applied.to_be_bytes()))
    }

    /// What this batch says about a key: `None` if nothing, `Some(None)` if it deletes it. So that later changes of
    /// one batch can build on earlier ones.
    pub fn pending(&self, table: Table, key: &[u8]) -> Option<Option<&[u8]>> {
        self.changes.get(&(table, key.to_vec())).map(|change| change.as_deref())
    }

    /// Keys changed.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        for ((_, key), value) in &self.changes {
            if key.len() > KEY_LEN_MAX {
                return Err(StoreError::TooLarge { what: "key", len: key.len(), len_max: KEY_LEN_MAX });
            }
            if let Some(value) = value.as_ref().filter(|value| value.len() > VALUE_LEN_MAX) {
                return Err(StoreError::TooLarge { what: "value", len: value.len(), len_max: VALUE_LEN_MAX });
            }
        }
        Ok(())
    }
}

pub(super) fn decode_position(value: &[u8]) -> Option<u64> {
    match split_version(value)? {
        (POSITION_VERSION, body) => Some(u64::from_be_bytes(body.try_into().ok()?)),
        _ => None,
    }
}
