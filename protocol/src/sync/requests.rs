// SPDX-License-Identifier: EUPL-1.2
//! What a peer asked for, handed to the driver, and the frames that answer it.

use crate::log::Hash;
use crate::member::{LogId, MemberId};
use crate::sync::frame::{Frame, Leaf};

/// A peer asks for leaves. Counts are within the bounds of a range already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// Who asks.
    pub to: MemberId,
    /// The peer's number for it.
    pub id: u64,
    /// The log.
    pub log: LogId,
    /// First index.
    pub from: u64,
    /// Most leaves.
    pub count_max: usize,
    /// Most bytes of entries; one entry may exceed it.
    pub bytes_max: usize,
}

/// A peer asks whether two sizes belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyRequest {
    /// Who asks.
    pub to: MemberId,
    /// The peer's number for it.
    pub id: u64,
    /// The log.
    pub log: LogId,
    /// The smaller size, at least 1.
    pub old: u64,
    /// The larger size.
    pub new: u64,
}

/// The answer to a range request: leaves, a checkpoint that covers them, and the consistency path from their end to it.
pub fn range_frame(request: &RangeRequest, leaves: Vec<Leaf>, note: &[u8], path: Vec<Hash>) -> Vec<u8> {
    let (id, log, from) = (request.id, request.log.clone(), request.from);
    Frame::Range { id, log, from, leaves, note: note.to_vec(), path }.encode()
}

/// The answer to a consistency request.
pub fn consistency_frame(request: &ConsistencyRequest, old_root: Hash, path: Vec<Hash>) -> Vec<u8> {
    let ConsistencyRequest { id, log, old, new, .. } = request.clone();
    Frame::Consistency { id, log, old, new, old_root, path }.encode()
}

/// Says that a request cannot be answered now.
pub fn refused_frame(id: u64) -> Vec<u8> {
    Frame::Refused { id }.encode()
}
