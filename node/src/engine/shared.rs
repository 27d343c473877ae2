// SPDX-License-Identifier: EUPL-1.2
//! What the engine's threads publish for readers: logs, positions, the consolidation, the roster.
//!
//! Locks here are held for microseconds by readers and for one small batch by the projection; none is ever held
//! across a disk write or an `await`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use concert_protocol::consolidation::Consolidation;
use concert_protocol::content::LocatorRules;
use concert_protocol::log::Hash;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use concert_protocol::time::Timestamp;
use tokio::sync::watch;

use super::alarms::AlarmLog;
use crate::journal::LogReader;
use crate::net::Network;
use crate::store::Store;

/// One log as the core sees it, published after every step.
#[derive(Clone, Debug, Default)]
pub struct LogState {
    /// Entries stored durably here.
    pub stored: u64,
    /// Size of the newest checkpoint known.
    pub head: u64,
    /// Root of that checkpoint.
    pub root: Option<Hash>,
    /// The newest checkpoint with its cosignatures, as a signed note.
    pub note: Option<Vec<u8>>,
    /// The newest checkpoint whose entries are all here, and its size: what ranges are served under.
    pub proven: Option<(u64, Vec<u8>)>,
    /// Members whose cosignature on the newest checkpoint was checked, with their times.
    pub cosigners: Vec<(MemberId, Timestamp)>,
    /// The newest time that the author itself put under its log; how alive it is.
    pub author_time: Option<Timestamp>,
    /// Largest size stored on enough machines (DESIGN 3, "confirmed").
    pub confirmed: u64,
    /// Frozen after its author showed two faces.
    pub frozen: bool,
}

/// State that several threads read.
pub struct Shared {
    /// Who this node is.
    pub me: MemberId,
    /// When it started.
    pub started: Timestamp,
    /// The locator rules in force.
    pub rules: Arc<LocatorRules>,
    /// Indexes, rebuildable.
    pub store: Store,
    /// Alarms.
    pub alarms: AlarmLog,
    pub(super) consolidation: RwLock<Consolidation>,
    pub(super) readers: RwLock<BTreeMap<LogId, LogReader>>,
    pub(super) roster: RwLock<Arc<Roster>>,
    pub(super) logs: Mutex<BTreeMap<LogId, LogState>>,
    pub(super) applied: Mutex<BTreeMap<LogId, u64>>,
    pub(super) network: OnceLock<Network>,
    pub(super) tick: watch::Sender<u64>,
    pub(super) own_ready: std::sync::atomic::AtomicBool,
}

impl Shared {
    /// Read access to the derived state; keep it short.
    pub fn consolidation(&self) -> RwLockReadGuard<'_, Consolidation> {
        self.consolidation.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Write access, for the projection and for queries that fill caches.
    pub fn consolidation_mut(&self) -> RwLockWriteGuard<'_, Consolidation> {
        self.consolidation.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader of one log.
    pub fn reader(&self, log: &LogId) -> Option<LogReader> {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).get(log).cloned()
    }

    /// The roster in force.
    pub fn roster(&self) -> Arc<Roster> {
        self.roster.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every log and its state.
    pub fn logs(&self) -> BTreeMap<LogId, LogState> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One log's state.
    pub fn log(&self, log: &LogId) -> Option<LogState> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).get(log).cloned()
    }

    /// Entries of `log` whose signature was checked and that had their effect.
    pub fn applied(&self, log: &LogId) -> u64 {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).get(log).copied().unwrap_or(0)
    }

    /// Members with an open session.
    pub fn connected(&self) -> Vec<MemberId> {
        self.network.get().map(Network::connected).unwrap_or_default()
    }

    /// The network, once it runs.
    pub fn network(&self) -> Option<&Network> {
        self.network.get()
    }

    /// Changes whenever something was applied; for long polls and streams.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }

    /// Whether the node may sign in its own log.
    pub fn own_ready(&self) -> bool {
        self.own_ready.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Whether everything stored has been checked and applied.
    pub fn caught_up(&self) -> bool {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.logs().iter().all(|(log, state)| applied.get(log).copied().unwrap_or(0) >= state.stored)
    }
}

/// The node's clock; the only place that reads it for the protocol.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
