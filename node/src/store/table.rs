// SPDX-License-Identifier: EUPL-1.2
//! The named tables, and how few trees carry them (LIMITS 1, rule 5).

use concert_protocol::member::LogId;

/// A table. Its number is the first byte of every key in its tree and never changes meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Facts about the store itself, such as the version of the rules that it was built with.
    Meta = 1,
    /// How far each journal is applied; written through [`super::Batch::set_position`].
    Position = 2,
    /// Entry by id: where it stands, its kind and state.
    Entry = 10,
    /// Entries of one kind in order.
    EntryByKind = 11,
    /// Locator or fingerprint key to the items that have it.
    Key = 20,
    /// A recipient's feed in order.
    Feed = 32,
    /// Entries of this node's own log by the unique part of their id.
    Own = 12,
    /// Positions without effect: log and index to the reason.
    Quarantine = 13,
}

/// Trees of the engine, the overflow of large values not counted.
pub(super) const TREES: usize = 4;

impl Table {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::Meta,
        Self::Position,
        Self::Entry,
        Self::EntryByKind,
        Self::Own,
        Self::Quarantine,
        Self::Key,
        Self::Feed,
    ];

    /// The byte before every key of the table.
    pub(super) fn prefix(self) -> u8 {
        self as u8
    }

    /// Which tree carries the table: what is read together lies together.
    pub(super) fn tree(self) -> usize {
        match self {
            Self::Meta | Self::Position => 0,
            Self::Entry | Self::EntryByKind | Self::Own | Self::Quarantine => 1,
            Self::Key => 2,
            Self::Feed => 3,
        }
    }

    /// The key as the engine has it.
    pub(super) fn full_key(self, key: &[u8]) -> Vec<u8> {
        let mut full = Vec::with_capacity(key.len() + 1);
        full.push(self.prefix());
        full.extend_from_slice(key);
        full
    }
}

/// A journal that the store is built from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A member log.
    Log(LogId),
    /// The private journal.
    Private,
}

const PRIVATE_KEY: &[u8] = b"private";

impl Source {
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Log(log) => log.to_string().into_bytes(),
            Self::Private => PRIVATE_KEY.to_vec(),
        }
    }

    pub(super) fn log_of(key: &[u8]) -> Option<LogId> {
        // A log's name has an upper-case letter first, so the private journal's is none.
        std::str::from_utf8(key).ok()?.parse().ok()
    }
}
