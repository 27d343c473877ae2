// SPDX-License-Identifier: EUPL-1.2
//! A simulated disk: what was synced survives a crash; of what was not, any beginning may.

use std::collections::BTreeMap;

use concert_protocol::log::{Frontier, Hash, SignedState};
use concert_protocol::member::LogId;
use concert_protocol::sync::{Leaf, StoredLog};

/// One log on a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskLog {
    pub(super) leaves: Vec<Leaf>,
    /// Tree hashes in their stored order, for proofs.
    pub(super) hashes: Vec<Hash>,
    pub(super) frontier: Frontier,
    pub(super) head: Option<Vec<u8>>,
}

impl DiskLog {
    pub(super) fn push(&mut self, leaf: Leaf) {
        let hashes = &mut self.hashes;
        self.frontier.push_with(leaf.hash(), |hash| hashes.push(hash));
        self.leaves.push(leaf);
    }

    pub(super) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(super) fn truncate(&mut self, size: u64) {
        let leaves: Vec<Leaf> = self.leaves.drain(..size as usize).collect();
        let head = self.head.take();
        *self = Self { head, ..Self::default() };
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

/// Everything that a member has made durable.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) logs: BTreeMap<LogId, DiskLog>,
    /// The memory of what was signed; apart from the logs, and synced before a signature is made.
    pub(super) signed: SignedState,
}

impl Disk {
    pub(super) fn new(logs: impl IntoIterator<Item = LogId>) -> Self {
        Self {
            logs: logs.into_iter().map(|log| (log, DiskLog::default())).collect(),
            signed: SignedState::nothing(),
        }
    }

    pub(super) fn stored_logs(&self, own: &LogId) -> Vec<StoredLog> {
        let stored = |(log, disk): (&LogId, &DiskLog)| StoredLog {
            log: log.clone(),
            frontier: disk.frontier.clone(),
            head: disk.head.clone(),
            own: log == own,
        };
        self.logs.iter().map(stored).collect()
    }
}
