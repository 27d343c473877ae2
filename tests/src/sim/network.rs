// SPDX-License-Identifier: EUPL-1.2
//! The network: connections that deliver in order, and end.
//!
//! As under TCP, a frame that is lost ends the connection; what was on the way is lost with it.

use std::collections::{BTreeMap, BTreeSet};

/// A machine; members have one, two where a copy of the machine runs beside it.
pub(super) type Host = usize;

/// Number of a connection.
pub(super) type ConnectionId = u64;

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Both ends, the lower number first.
    ends: (Host, Host),
    /// When the last frame towards each end arrives.
    last: [u64; 2],
    /// Frames vanish; the connection ends when this is noticed.
    pub(super) stalled: bool,
}

impl Connection {
    /// The end that is not this one.
    pub(super) fn other(&self, end: Host) -> Host {
        if self.ends.0 == end { self.ends.1 } else { self.ends.0 }
    }
}

/// Every connection, and what cannot pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    connections: BTreeMap<ConnectionId, Connection>,
    next: ConnectionId,
    /// Directions that are blocked.
    blocked: BTreeSet<(Host, Host)>,
}

impl Network {
    /// Opens a connection.
    pub(super) fn open(&mut self, a: Host, b: Host) -> ConnectionId {
        self.next += 1;
        let connection = Connection { ends: (a.min(b), a.max(b)), last: [0; 2], stalled: false };
        self.connections.insert(self.next, connection);
        self.next
    }

    /// A connection, unless it ended.
    pub(super) fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Lets nothing pass any more.
    pub(super) fn stall(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stalled = true;
        }
    }

    /// Ends a connection; its ends, if it was open.
    pub(super) fn close(&mut self, id: ConnectionId) -> Option<(Host, Host)> {
        self.connections.remove(&id).map(|connection| connection.ends)
    }

    /// When a frame sent towards `to` arrives, if it takes `latency`; never before an earlier one.
    pub(super) fn arrival(&mut self, id: ConnectionId, to: Host, now: u64, latency: u64) -> Option<u64> {
        let connection = self.connections.get_mut(&id)?;
        let last = &mut connection.last[usize::from(connection.ends.1 == to)];
        *last = (*last + 1).max(now + latency);
        Some(*last)
    }

    /// Whether frames from one host reach another.
    pub(super) fn passes(&self, from: Host, to: Host) -> bool {
        !self.blocked.contains(&(from, to))
    }

    /// Blocks a direction.
    pub(super) fn block(&mut self, from: Host, to: Host) {
        self.blocked.insert((from, to));
    }

    /// Lets everything pass again.
    pub(super) fn heal(&mut self) {
        self.blocked.clear();
    }
}
