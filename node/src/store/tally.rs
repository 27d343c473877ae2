// SPDX-License-Identifier: EUPL-1.2
//! How many rows a tree should have, and the sum of their checksums, kept in the transaction that changes them.
//!
//! sled can lose the rows of a damaged page and open as if nothing had happened, with a newer page's position still
//! there. A full scan that does not come to the tally is how that is noticed.

use super::value::{split_version, versioned};

const VERSION: u8 = 1;

/// Rows and the wrapping sum of their checksums; the order in which rows came does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    rows: u64,
    sum: u64,
}

impl Tally {
    pub(super) fn add(&mut self, key: &[u8], row: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(checksum(key, row));
    }

    pub(super) fn remove(&mut self, key: &[u8], row: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(checksum(key, row));
    }

    /// A tally of changes added to one of rows.
    pub(super) fn plus(self, change: Self) -> Self {
        Self { rows: self.rows.wrapping_add(change.rows), sum: self.sum.wrapping_add(change.sum) }
    }

    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    pub(super) fn encode(self) -> Vec<u8> {
        versioned(VERSION, &[self.rows.to_be_bytes(), self.sum.to_be_bytes()].concat())
    }

    /// What a tree's tally row says: nothing is counted if there is none.
    pub(super) fn decode(row: Option<&[u8]>) -> Option<Self> {
        let Some(row) = row else { return Some(Self::default()) };
        let (VERSION, body) = split_version(row)? else { return None };
        let (rows, sum) = body.split_at_checked(8)?;
        let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
        Some(Self { rows: number(rows)?, sum: number(sum)? })
    }
}

fn checksum(key: &[u8], row: &[u8]) -> u64 {
    // Key and row are joined by the key's length, so that no byte can move from one to the other unseen.
    let joined = crc32c::crc32c_append(crc32c::crc32c(key), row);
    u64::from(joined) << 16 | key.len() as u64
}
