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
    /// Content by id.
    Content = 21,
    /// Case by id.
    Case = 30,
    /// Notice by id.
    Notice = 31,
    /// A recipient's feed in order.
    Feed = 32,
    /// Recipient by id.
    Recipient = 33,
    /// Token by the hash of its secret.
    Token = 40,
    /// Idempotency key to the answer given.
    Idempotency = 41,
    /// What else is this node's alone.
    Local = 42,
}

/// Trees of the engine, the overflow of large values not counted.
pub(super) const TREES: usize = 5;

impl Table {
    /// Every table.
    pub const ALL: [Self; 13] = [
        Self::Meta,
        Self::Position,
        Self::Entry,
        Self::EntryByKind,
        Self::Key,
        Self::Content,
        Self::Case,
        Self::Notice,
        Self::Feed,
        Self::Recipient,
        Self::Token,
        Self::Idempotency,
        Self::Local,
    ];

    /// The byte before every key of the table.
    pub(super) fn prefix(self) -> u8 {
        self as u8
    }

    /// Which tree carries the table: what is read together lies together.
    pub(super) fn tree(self) -> usize {
        match self {
            Self::Meta | Self::Position => 0,
            Self::Entry | Self::EntryByKind => 1,
            Self::Key | Self::Content => 2,
            Self::Case | Self::Notice | Self::Feed | Self::Recipient => 3,
            Self::Token | Self::Idempotency | Self::Local => 4,
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
