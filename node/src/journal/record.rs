// SPDX-License-Identifier: EUPL-1.2
//! One position of a member log: an entry, or only its leaf hash (DESIGN 3, "Erasure").

use concert_protocol::log::{Hash, leaf_hash};

use super::error::JournalError;

/// Largest entry, in bytes (DESIGN 2; tlog-tiles gives entries a 16-bit length).
pub const ENTRY_LEN_MAX: usize = 65_535;

const KIND_ENTRY: u8 = 1;
pub(super) const KIND_WITHHELD: u8 = 2;
pub(super) const KIND_ERASED: u8 = 3;

/// What a log holds at one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The entry's bytes, as received.
    Entry(Vec<u8>),
    /// The leaf hash of an entry whose audience this node is not in.
    Withheld(Hash),
    /// The leaf hash of an entry whose payload was erased here.
    Erased(Hash),
}

impl Record {
    /// The leaf of the log's tree at this position.
    pub fn leaf_hash(&self) -> Hash {
        match self {
            Self::Entry(bytes) => leaf_hash(bytes),
            Self::Withheld(hash) | Self::Erased(hash) => *hash,
        }
    }

    /// The entry's bytes, if they are held.
    pub fn entry(&self) -> Option<&[u8]> {
        match self {
            Self::Entry(bytes) => Some(bytes),
            Self::Withheld(_) | Self::Erased(_) => None,
        }
    }

    /// Bytes that the record's body takes on the disk.
    pub fn body_len(&self) -> usize {
        self.body().len()
    }

    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Entry(_) => KIND_ENTRY,
            Self::Withheld(_) => KIND_WITHHELD,
            Self::Erased(_) => KIND_ERASED,
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        match self {
            Self::Entry(bytes) => bytes,
            Self::Withheld(hash) | Self::Erased(hash) => hash.as_bytes(),
        }
    }

    pub(super) fn check_len(&self) -> Result<(), JournalError> {
        match self.body_len() {
            len if len > ENTRY_LEN_MAX => Err(JournalError::TooLarge {
                what: "an entry",
                len: len as u64,
                len_max: ENTRY_LEN_MAX as u64,
            }),
            _ => Ok(()),
        }
    }

    /// The record of that kind and body; `None` if this version cannot have written it.
    pub(super) fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let hash = || body.try_into().ok().map(Hash::from_bytes);
        match kind {
            KIND_ENTRY => Some(Self::Entry(body.to_vec())),
            KIND_WITHHELD => hash().map(Self::Withheld),
            KIND_ERASED => hash().map(Self::Erased),
            _ => None,
        }
    }

    /// The leaf hash of the record of that kind and body, without copying the body.
    pub(super) fn leaf_hash_of(kind: u8, body: &[u8]) -> Option<Hash> {
        match kind {
            KIND_ENTRY => Some(leaf_hash(body)),
            _ => Self::decode(kind, body).map(|record| record.leaf_hash()),
        }
    }
}
