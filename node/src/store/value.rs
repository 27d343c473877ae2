// SPDX-License-Identifier: EUPL-1.2
//! How values are laid out: a version byte before what the caller stores, and large values in pieces.
//!
//! sled puts a page of more than 128 KiB into a file of its own that it never syncs, and a leaf page holds up to 16
//! rows. So no row is larger than [`PIECE_LEN`] and a key.

/// Largest row value and piece, in bytes: 17 rows of it, with keys of 1,000 bytes, stay below 128 KiB.
pub(super) const PIECE_LEN: usize = 6 << 10;

const INLINE: u8 = 0;
const IN_PIECES: u8 = 1;

/// `version` before `body`.
pub fn versioned(version: u8, body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len() + 1);
    value.push(version);
    value.extend_from_slice(body);
    value
}

/// The version byte and what follows it; `None` for an empty value.
pub fn split_version(value: &[u8]) -> Option<(u8, &[u8])> {
    value.split_first().map(|(version, body)| (*version, body))
}

/// What stands in a table's row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    /// The value itself.
    Inline(&'a [u8]),
    /// The value is in this many pieces; its checksum tells whether they belong together.
    InPieces { pieces: u32, checksum: u32 },
}

impl<'a> Stored<'a> {
    /// How `value` is to be stored.
    pub(super) fn of(value: &'a [u8]) -> Self {
        if value.len() < PIECE_LEN {
            return Self::Inline(value);
        }
        // Values are bounded by VALUE_LEN_MAX, far below 2^32 pieces.
        Self::InPieces { pieces: value.len().div_ceil(PIECE_LEN) as u32, checksum: crc32c::crc32c(value) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Inline(value) => versioned(INLINE, value),
            Self::InPieces { pieces, checksum } => {
                let mut row = vec![IN_PIECES];
                row.extend_from_slice(&pieces.to_be_bytes());
                row.extend_from_slice(&checksum.to_be_bytes());
                row
            }
        }
    }

    pub(super) fn decode(row: &'a [u8]) -> Option<Self> {
        let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
        match split_version(row)? {
            (INLINE, value) => Some(Self::Inline(value)),
            (IN_PIECES, rest) => {
                let (pieces, checksum) = rest.split_at_checked(4)?;
                Some(Self::InPieces { pieces: number(pieces)?, checksum: number(checksum)? })
            }
            _ => None,
        }
    }
}

/// The key of one piece in the overflow tree.
pub(super) fn piece_key(full_key: &[u8], piece: u32) -> Vec<u8> {
    // The length comes first, so that no key with a number behind it is another key.
    let mut key = Vec::with_capacity(full_key.len() + 6);
    key.extend_from_slice(&(full_key.len() as u16).to_be_bytes());
    key.extend_from_slice(full_key);
    key.extend_from_slice(&piece.to_be_bytes());
    key
}
