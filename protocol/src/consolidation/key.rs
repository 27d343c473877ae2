// SPDX-License-Identifier: EUPL-1.2
//! Compact names: millions of entries are remembered, so a reference takes 32 bytes and no allocation.

use std::collections::BTreeMap;

use super::Position;
use crate::entry::{EntryId, EntryRef};
use crate::log::Hash;
use crate::member::{LogId, MemberId};

/// Longest member code in bytes.
const AUTHOR_LEN: usize = 16;

/// A member's code, padded with zeros; ordered as the codes are, because they are ASCII without zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Author([u8; AUTHOR_LEN]);

impl Author {
    pub(super) fn of(member: &MemberId) -> Self {
        let mut padded = [0; AUTHOR_LEN];
        let code = member.as_str().as_bytes();
        padded[..code.len()].copy_from_slice(code);
        Self(padded)
    }

    pub(super) fn member(&self) -> MemberId {
        let len = self.0.iter().position(|b| *b == 0).unwrap_or(AUTHOR_LEN);
        let code = std::str::from_utf8(&self.0[..len]).expect("made of a member's code");
        code.parse().expect("made of a member's code")
    }
}

/// An [`EntryRef`] in 32 bytes, in the same order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ref {
    pub(super) author: Author,
    id: [u8; 16],
}

impl Ref {
    pub(super) fn new(author: &MemberId, id: EntryId) -> Self {
        Self { author: Author::of(author), id: *id.as_bytes() }
    }

    pub(super) fn of(entry: &EntryRef) -> Self {
        Self::new(&entry.author, entry.id)
    }

    pub(super) fn entry(&self) -> EntryRef {
        let id = EntryId::from_bytes(self.id).expect("made of an entry's id");
        EntryRef { author: self.author.member(), id }
    }
}

impl std::fmt::Debug for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.entry())
    }
}

/// Where an entry stands in its author's logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) generation: u16,
    pub(super) index: u64,
    pub(super) leaf: Hash,
}

impl Place {
    pub(super) fn of(position: &Position) -> Self {
        Self { generation: position.log.generation, index: position.index, leaf: position.leaf }
    }

    /// The position, given whose entry it is.
    pub(super) fn position(&self, author: &Author) -> Position {
        Position { log: self.log(author), index: self.index, leaf: self.leaf }
    }

    pub(super) fn log(&self, author: &Author) -> LogId {
        LogId { member: author.member(), generation: self.generation }
    }
}

/// Adds to a list that mostly stays short, without the room that `push` would leave.
pub(super) fn push_tight<T>(list: &mut Vec<T>, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 2);
    }
    list.push(value);
}

/// Rows under one key: mostly one, sometimes many, without order.
#[derive(Clone, Debug)]
pub(super) enum Postings {
    One(u32),
    Many(Vec<u32>),
}

impl Postings {
    pub(super) fn rows(&self) -> &[u32] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }

    /// Adds a row that is not in it.
    pub(super) fn add(&mut self, row: u32) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, row]),
            Self::Many(rows) => rows.push(row),
        }
    }

    /// Takes a row out; `true` when nothing is left.
    pub(super) fn take(&mut self, row: u32) -> bool {
        match self {
            Self::One(only) => *only == row,
            Self::Many(rows) => {
                if let Some(place) = rows.iter().position(|r| *r == row) {
                    rows.swap_remove(place);
                }
                rows.is_empty()
            }
        }
    }
}

/// A table of postings; ordered, so that no choice of keys can make it slow.
pub(super) struct Table<K>(BTreeMap<K, Postings>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Table<K> {
    pub(super) fn rows(&self, key: &K) -> &[u32] {
        self.0.get(key).map_or(&[], Postings::rows)
    }

    pub(super) fn add(&mut self, key: K, row: u32) {
        self.0.entry(key).and_modify(|postings| postings.add(row)).or_insert(Postings::One(row));
    }

    pub(super) fn take(&mut self, key: &K, row: u32) {
        if self.0.get_mut(key).is_some_and(|postings| postings.take(row)) {
            self.0.remove(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_references_keep_value_and_order() {
        let id = |n: u8| EntryId::new(crate::time::Timestamp::from_seconds(1), [n; 10]);
        let mut refs: Vec<EntryRef> = ["FR", "F-R", "FRA", "ABCDEFGHIJKLMNOP", "DE"]
            .iter()
            .flat_map(|code| [2, 1].map(|n| EntryRef { author: code.parse().expect("a member"), id: id(n) }))
            .collect();
        let mut compact: Vec<Ref> = refs.iter().map(Ref::of).collect();
        refs.sort();
        compact.sort();
        assert_eq!(compact.iter().map(Ref::entry).collect::<Vec<_>>(), refs);
    }

    #[test]
    fn a_table_forgets_a_key_with_its_last_row() {
        let mut table = Table::default();
        table.add(7, 1);
        table.add(7, 2);
        assert_eq!((table.rows(&7), table.len()), (&[1, 2][..], 1));
        table.take(&7, 1);
        table.take(&7, 3);
        assert_eq!(table.rows(&7), [2]);
        table.take(&7, 2);
        assert_eq!((table.rows(&7), table.len()), (&[][..], 0));
        table.add(8, 5);
        table.take(&8, 4);
        assert_eq!(table.rows(&8), [5]);
    }
}
