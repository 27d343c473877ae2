// SPDX-License-Identifier: EUPL-1.2
//! Cuts what a notice has to say into entries that keep the bounds (spec 06-consolidation, "Parts").

use serde::Serialize;

use crate::entry::notice::{NOTICE_PART_MAX, NoticeItem, Originator};
use crate::entry::text::List;
use crate::entry::{EntryRef, ItemId};

/// Most bytes of JSON that one part's items and originators take; with facts, header and base64 the entry stays below
/// [`ENTRY_LEN_MAX`](crate::entry::ENTRY_LEN_MAX).
pub(super) const PART_BYTES_MAX: usize = 36_000;

/// One thing to say.
pub(super) enum Piece {
    Item(NoticeItem),
    Originator(Originator),
    ItemGone(ItemId),
    OriginatorGone(EntryRef),
}

/// What one entry says.
#[derive(Default)]
pub(super) struct Part {
    pub(super) items: Vec<NoticeItem>,
    pub(super) originators: Vec<Originator>,
    pub(super) items_gone: Vec<ItemId>,
    pub(super) originators_gone: Vec<EntryRef>,
    bytes: usize,
}

impl Piece {
    fn bytes(&self) -> usize {
        match self {
            Self::Item(item) => json_len(item),
            Self::Originator(originator) => json_len(originator),
            Self::ItemGone(item) => json_len(item),
            Self::OriginatorGone(entry) => json_len(entry),
        }
    }
}

/// Length in JSON and the comma; what could not be written would fill a part.
fn json_len(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(PART_BYTES_MAX, |json| json.len() + 1)
}

impl Part {
    fn has_room(&self, piece: &Piece, bytes: usize) -> bool {
        let count = match piece {
            Piece::Item(_) => self.items.len(),
            Piece::Originator(_) => self.originators.len(),
            Piece::ItemGone(_) => self.items_gone.len(),
            Piece::OriginatorGone(_) => self.originators_gone.len(),
        };
        count < NOTICE_PART_MAX && self.bytes + bytes <= PART_BYTES_MAX
    }

    fn add(&mut self, piece: Piece, bytes: usize) {
        self.bytes += bytes;
        match piece {
            Piece::Item(item) => self.items.push(item),
            Piece::Originator(originator) => self.originators.push(originator),
            Piece::ItemGone(item) => self.items_gone.push(item),
            Piece::OriginatorGone(entry) => self.originators_gone.push(entry),
        }
    }
}

/// Fills parts in the order of the pieces; at least one part, empty if there is nothing to say.
///
/// The first part holds at least the first two pieces: an item takes at most half of a part, an originator a tenth.
pub(super) fn split(pieces: Vec<Piece>) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for piece in pieces {
        let bytes = piece.bytes();
        let full = parts.last().is_none_or(|part| !part.has_room(&piece, bytes));
        if full {
            parts.push(Part::default());
        }
        if let Some(part) = parts.last_mut() {
            part.add(piece, bytes);
        }
    }
    parts
}

/// A part's values as a bounded list.
pub(super) fn list<T, const MIN: usize>(values: Vec<T>) -> List<T, MIN, NOTICE_PART_MAX> {
    values.try_into().expect("parts keep the bounds of a notice")
}
