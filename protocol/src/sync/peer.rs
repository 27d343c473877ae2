// SPDX-License-Identifier: EUPL-1.2
//! What a replica remembers of one connected peer.

use std::collections::BTreeMap;

use crate::member::LogId;
use crate::time::Timestamp;

/// Requests in flight to one peer.
pub(crate) const REQUESTS_MAX: usize = 4;

/// A request in flight.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) log: LogId,
    pub(crate) what: Asked,
    pub(crate) deadline: Timestamp,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// Leaves from an index on.
    Range { from: u64 },
    /// The proof between a checkpoint known to be signed, and another one.
    Consistency { first: Vec<u8>, second: Vec<u8> },
}

/// A connected peer.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Requests by number.
    pub(crate) requests: BTreeMap<u64, Request>,
    /// Entries that it said it has, by log.
    pub(crate) stored: BTreeMap<LogId, u64>,
    /// Checkpoint sizes that it is known to know, by log.
    pub(crate) heads: BTreeMap<LogId, u64>,
    /// When it is told where all logs stand.
    pub(crate) next_summary: Timestamp,
    /// Not asked for ranges of a log before this time: it refused, was slow, or served badly.
    pub(crate) avoid: BTreeMap<LogId, Timestamp>,
}

impl Peer {
    pub(crate) fn new(next_summary: Timestamp) -> Self {
        Self {
            requests: BTreeMap::new(),
            stored: BTreeMap::new(),
            heads: BTreeMap::new(),
            next_summary,
            avoid: BTreeMap::new(),
        }
    }

    /// Takes note of what the peer has; sizes it claimed never count downwards while it is connected.
    pub(crate) fn learn(&mut self, log: &LogId, stored: u64, head: u64) {
        let known = self.stored.entry(log.clone()).or_default();
        *known = (*known).max(stored);
        let known = self.heads.entry(log.clone()).or_default();
        *known = (*known).max(head);
    }

    pub(crate) fn may_be_asked(&self, log: &LogId, from: u64, now: Timestamp) -> bool {
        self.requests.len() < REQUESTS_MAX
            && self.stored.get(log).is_some_and(|stored| *stored > from)
            && self.avoid.get(log).is_none_or(|until| *until <= now)
    }
}
