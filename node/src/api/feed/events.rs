// SPDX-License-Identifier: EUPL-1.2
//! Events of one recipient, merged from the coordinators' logs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use concert_protocol::entry::text::RecipientId;
use concert_protocol::entry::{Body, Entry, Envelope, NoticeId};
use concert_protocol::member::LogId;
use concert_protocol::time::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::super::context::ApiContext;
use super::super::notices::NoticeDocument;
use super::super::problem::Problem;
use super::cursor::Cursor;
use crate::engine::{feed_key, feed_prefix, row_body};
use crate::store::Table;

/// After something was applied, a moment for more of it, so that a burst wakes every waiting caller once.
const GATHER: Duration = Duration::from_millis(10);

/// What happened to a notice.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedEvent)]
pub(super) struct FeedEvent {
    /// Where to go on after this event.
    cursor: String,
    /// `notice.issued`, `notice.revised`, `notice.merged` or `notice.withdrawn`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether the recipient has something new to act on.
    attention: bool,
    /// When the coordinator wrote it.
    #[schema(value_type = String)]
    at: Timestamp,
    /// The notice as it now stands.
    notice: NoticeDocument,
}

impl FeedEvent {
    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}

/// An event before its notice was read.
struct Row {
    index: u64,
    notice: NoticeId,
    kind: &'static str,
    attention: bool,
    at: Timestamp,
}

/// Follows one recipient's events from a cursor on.
pub(super) struct Follow {
    recipient: RecipientId,
    cursor: Cursor,
    tick: watch::Receiver<u64>,
    /// How far each log was applied when it was last looked at.
    seen: BTreeMap<LogId, u64>,
}

impl Follow {
    pub(super) fn new(context: &ApiContext, recipient: RecipientId, cursor: Cursor) -> Self {
        Self { recipient, cursor, tick: context.shared().watch(), seen: BTreeMap::new() }
    }

    /// Where it stands: behind everything that [`Follow::read`] returned.
    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// At most `limit` events behind the cursor, which moves behind them.
    pub(super) fn read(&mut self, context: &ApiContext, limit: usize) -> Result<Vec<FeedEvent>, Problem> {
        let mut queues = BTreeMap::new();
        for log in self.changed(context) {
            let rows = self.rows(context, &log, limit)?;
            if !rows.is_empty() {
                queues.insert(log, rows);
            }
        }
        let mut events = Vec::new();
        while events.len() < limit
            && let Some((log, row)) = next(&mut queues)
        {
            let view = context.shared().consolidation().notice(&row.notice);
            // At a start the state is rebuilt while requests come in: what is not there yet is not passed over.
            let Some(view) = view else {
                self.seen.clear();
                break;
            };
            self.cursor.advance(&log, row.index + 1);
            events.push(FeedEvent {
                cursor: self.cursor.to_string(),
                kind: row.kind,
                attention: row.attention,
                at: row.at,
                notice: NoticeDocument::of(context, &view, true)?,
            });
        }
        if !events.is_empty() {
            // There may be more in any of them.
            self.seen.clear();
        }
        Ok(events)
    }

    /// Logs that may hold events not read yet: at first all of them, then those of coordinators that have grown.
    ///
    /// Thousands of callers wait at once and each asks this whenever anything is applied.
    fn changed(&mut self, context: &ApiContext) -> Vec<LogId> {
        let shared = context.shared();
        let roster = shared.roster();
        let candidates: Vec<LogId> = if self.seen.is_empty() {
            roster.logs().cloned().collect()
        } else {
            roster.coordinators().iter().filter_map(|member| roster.own_log(member)).collect()
        };
        let mut changed = Vec::new();
        for log in candidates {
            let applied = shared.applied(&log);
            if self.seen.get(&log).is_none_or(|seen| *seen < applied) {
                self.seen.insert(log.clone(), applied);
                changed.push(log);
            }
        }
        changed
    }

    fn rows(&self, context: &ApiContext, log: &LogId, limit: usize) -> Result<VecDeque<Row>, Problem> {
        let prefix = feed_prefix(&self.recipient, log);
        let from = feed_key(&self.recipient, log, self.cursor.position(log));
        let stored = context.shared().store.range(Table::Feed, &prefix, Some(&from), limit)?;
        let mut rows = VecDeque::with_capacity(stored.len());
        for (key, value) in stored {
            let index = key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
            let notice = row_body(&value).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            if let (Some(index), Some(notice)) = (index, notice) {
                rows.push_back(Row::of(context, log, index, notice)?);
            }
        }
        Ok(rows)
    }

    /// Waits until something was applied. `false` when `deadline` came first or the node stops.
    pub(super) async fn wait(&mut self, context: &ApiContext, deadline: Instant) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(deadline) => false,
            () = context.stopping().cancelled() => false,
            changed = self.tick.changed() => {
                tokio::time::sleep(GATHER).await;
                self.tick.mark_unchanged();
                changed.is_ok()
            }
        }
    }
}

impl Row {
    fn of(context: &ApiContext, log: &LogId, index: u64, notice: NoticeId) -> Result<Self, Problem> {
        let bytes = context.bytes(log, index)?.unwrap_or_default();
        let entry = Envelope::open(&bytes).and_then(|envelope| Entry::decode(&envelope)).ok();
        let at = entry.as_ref().map_or(Timestamp::EPOCH, |entry| entry.at);
        let (kind, attention) = match entry.map(|entry| entry.body) {
            Some(Body::NoticeIssued(_)) => ("notice.issued", true),
            Some(Body::NoticeRevised(revised)) => ("notice.revised", revised.attention),
            Some(Body::NoticeMerged(_)) => ("notice.merged", true),
            Some(Body::NoticeWithdrawn(_)) => ("notice.withdrawn", true),
            // Erased: the notice as it stands says the rest.
            _ => ("notice.revised", false),
        };
        Ok(Self { index, notice, kind, attention, at })
    }
}

/// The earliest of the logs' next events; each log's own order is kept.
fn next(queues: &mut BTreeMap<LogId, VecDeque<Row>>) -> Option<(LogId, Row)> {
    let log = queues
        .iter()
        .filter_map(|(log, rows)| Some((rows.front()?.at, log)))
        .min()
        .map(|(_, log)| log.clone())?;
    let row = queues.get_mut(&log)?.pop_front()?;
    Some((log, row))
}
