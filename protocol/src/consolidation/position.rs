// SPDX-License-Identifier: EUPL-1.2
//! Where an entry stands, and what applying it came to.

use crate::entry::Kind;
use crate::log::Hash;
use crate::member::LogId;

/// Where an entry stands: its log, its index there and its leaf hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The log.
    pub log: LogId,
    /// The index, from 0.
    pub index: u64,
    /// The hash of the entry as a leaf (spec 02-log, "Tree").
    pub leaf: Hash,
}

/// What applying an entry came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The entry takes part in the consolidation, now or as soon as what it refers to is known.
    Effective,
    /// It is kept and shown, and changes nothing here.
    WithoutEffect(Reason),
}

/// Why an entry changes nothing here. None of these is an error: a log may hold any entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// This position was applied before.
    #[error("already applied")]
    Repeated,
    /// The author has an entry with this id at a lower position.
    #[error("the author used this id before, at a lower position; the first use counts")]
    IdUsedBefore,
    /// Only entries for every member are consolidated, so that every member comes to the same notices.
    #[error("addressed to some members only; what is consolidated must be known to all")]
    Restricted,
    /// A kind that has no part in consolidation, such as an order: orders are never merged with anything.
    #[error("{0} entries take no part in consolidation")]
    Apart(Kind),
    /// A kind that this version does not know.
    #[error("{0}: this version does not know the kind")]
    UnknownKind(Kind),
    /// Only coordinators say anything about notices. It counts should the roster make its author one.
    #[error("only a coordinator issues, revises, merges or withdraws notices")]
    NotACoordinator,
    /// It speaks about an entry of another member, which its kind does not allow.
    #[error("it speaks about an entry of another member")]
    NotItsOwn,
}
