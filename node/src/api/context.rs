// SPDX-License-Identifier: EUPL-1.2
//! What every handler works with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use concert_protocol::entry::{Entry, EntryRef, Envelope};
use concert_protocol::member::LogId;
use tokio_util::sync::CancellationToken;

use super::feed::{Acknowledged, Streams};
use super::problem::Problem;
use crate::access::{Access, Limiter, Pace};
use crate::engine::{Engine, EntryRecord, Shared, Unique, find_entry};
use crate::journal::Record;
use crate::store::Table;

/// How long an answer waits for what it did to show in what can be read; beyond it, it is answered all the same.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// Bounds and places that the operator sets.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Time for one request; streams and long polls bound themselves.
    pub request_timeout: Duration,
    /// Largest request body in bytes; a route may take less.
    pub body_len_max: usize,
    /// How fast one token may go.
    pub pace: Pace,
    /// Where named backups go; without it only absolute paths are taken.
    pub backups: Option<PathBuf>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            body_len_max: 1 << 20,
            pace: Pace { burst: 2_000, per_second: 500 },
            backups: None,
        }
    }
}

/// A cheap handle to everything that handlers need.
#[derive(Clone)]
pub struct ApiContext(Arc<Inner>);

struct Inner {
    engine: Engine,
    access: Access,
    settings: ApiSettings,
    limiter: Limiter,
    acknowledged: Acknowledged,
    streams: Streams,
    stopping: CancellationToken,
}

/// An entry and where it stands.
pub(super) struct Found {
    pub(super) record: EntryRecord,
    pub(super) bytes: Vec<u8>,
    pub(super) entry: Entry,
}

impl ApiContext {
    /// Joins a running engine with its access control. When `stopping` is cancelled, streams end.
    pub fn new(engine: Engine, access: Access, settings: ApiSettings, stopping: CancellationToken) -> Self {
        let limiter = Limiter::new(settings.pace);
        let (acknowledged, streams) = (Acknowledged::default(), Streams::default());
        Self(Arc::new(Inner { engine, access, settings, limiter, acknowledged, streams, stopping }))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn shared(&self) -> &Shared {
        self.0.engine.shared()
    }

    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(super) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    pub(super) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(super) fn acknowledged(&self) -> &Acknowledged {
        &self.0.acknowledged
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// The entry with this name, if its payload is here.
    pub(super) fn find(&self, reference: &EntryRef) -> Result<Option<Found>, Problem> {
        let Some(record) = find_entry(&self.shared().store, reference)? else { return Ok(None) };
        let Some(bytes) = self.bytes(&record.log, record.index)? else { return Ok(None) };
        let entry = Envelope::open(&bytes).and_then(|envelope| Entry::decode(&envelope));
        Ok(entry.ok().map(|entry| Found { record, bytes, entry }))
    }

    /// The bytes at a position; `None` where only the leaf hash is here.
    pub(super) fn bytes(&self, log: &LogId, index: u64) -> Result<Option<Vec<u8>>, Problem> {
        let Some(reader) = self.shared().reader(log) else { return Ok(None) };
        Ok(match reader.get(index)? {
            Some(Record::Entry(bytes)) => Some(bytes),
            _ => None,
        })
    }

    /// Whether a unique thing was authored here before; what was authored a moment ago may not show yet.
    pub(super) fn was_written(&self, unique: Unique) -> Result<bool, Problem> {
        Ok(self.shared().store.get(Table::Own, unique.as_bytes())?.is_some())
    }

    /// Whether the entry at a position is stored on enough machines (DESIGN 3).
    pub(super) fn is_confirmed(&self, log: &LogId, index: u64) -> bool {
        self.shared().log(log).is_some_and(|state| index < state.confirmed)
    }

    /// Waits until an entry of a log has had its effect, so that who wrote it reads it too. Gives up after a bound.
    pub(super) async fn until_applied(&self, log: &LogId, index: u64) {
        let mut tick = self.shared().watch();
        let applied = async { while self.shared().applied(log) <= index && tick.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(SHOWN_WITHIN, applied).await;
    }
}
