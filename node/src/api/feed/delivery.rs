// SPDX-License-Identifier: EUPL-1.2
//! Delivery: a recipient that comes back with a cursor had everything before it; that is a fact that members share.
//!
//! One entry says it of all notices that are new behind the cursor, each notice once. A node that cannot author (a mirror,
//! or one that is not ready) says nothing, and the next time says it all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use concert_protocol::consolidation::NoticeView;
use concert_protocol::entry::answer::{Channel, Delivery};
use concert_protocol::entry::text::{List, RecipientId};
use concert_protocol::entry::{Audience, Body, NoticeId};
use concert_protocol::member::LogId;

use super::super::context::ApiContext;
use super::super::problem::Problem;
use super::cursor::Cursor;
use crate::engine::{Authoring, Unique, feed_key, feed_prefix, now, row_body};
use crate::store::Table;

/// Most notices in one entry.
const NOTICES_MAX: usize = 500;
/// Rows of the feed looked at in one step.
const ROWS_MAX: usize = 2_000;

/// Up to where each recipient's deliveries were told, since the start.
#[derive(Default)]
pub(in super::super) struct Acknowledged(Mutex<HashMap<RecipientId, Cursor>>);

impl Acknowledged {
    /// Takes note of a cursor and returns what was told before.
    fn advance(&self, recipient: &RecipientId, to: &Cursor) -> Cursor {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(recipient.clone()).or_default();
        let before = held.clone();
        for (log, position) in to.positions() {
            held.advance(log, position);
        }
        before
    }

    /// Tells it all again the next time.
    fn forget(&self, recipient: &RecipientId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(recipient);
    }
}

/// Tells in the background what `cursor` says has arrived.
pub(super) fn acknowledge(context: &ApiContext, recipient: &RecipientId, cursor: &Cursor, channel: Channel) {
    let before = context.acknowledged().advance(recipient, cursor);
    let ranges: Vec<(LogId, u64, u64)> = cursor
        .positions()
        // A cursor may claim more than there is; only what is here was handed over.
        .map(|(log, to)| (log.clone(), before.position(log), to.min(context.shared().applied(log))))
        .filter(|(_, from, to)| from < to)
        .collect();
    if ranges.is_empty() {
        return;
    }
    let (context, recipient) = (context.clone(), recipient.clone());
    tokio::spawn(async move {
        let reader = (context.clone(), recipient.clone());
        // Right after a start this can be the whole feed.
        let found = tokio::task::spawn_blocking(move || undelivered(&reader.0, &reader.1, &ranges)).await;
        let notices = match found {
            Ok(Ok(notices)) => notices,
            Ok(Err(_)) | Err(_) => return context.acknowledged().forget(&recipient),
        };
        for part in notices.chunks(NOTICES_MAX) {
            if !author(&context, &recipient, part, channel).await {
                return context.acknowledged().forget(&recipient);
            }
        }
    });
}

/// Notices with events in these ranges that nobody has told to be delivered, each once.
fn undelivered(
    context: &ApiContext,
    recipient: &RecipientId,
    ranges: &[(LogId, u64, u64)],
) -> Result<Vec<NoticeId>, Problem> {
    let mut notices = std::collections::BTreeSet::new();
    for (log, from, to) in ranges {
        let prefix = feed_prefix(recipient, log);
        let mut from = *from;
        loop {
            let start = feed_key(recipient, log, from);
            let rows = context.shared().store.range(Table::Feed, &prefix, Some(&start), ROWS_MAX)?;
            let last = rows
                .last()
                .and_then(|(key, _)| key.last_chunk::<8>())
                .map(|bytes| u64::from_be_bytes(*bytes));
            for (key, value) in &rows {
                let index = key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
                let notice: Option<NoticeId> =
                    row_body(value).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                notices.extend(notice.filter(|_| index.is_some_and(|index| index < *to)));
            }
            match last {
                Some(last) if rows.len() == ROWS_MAX && last < *to => from = last + 1,
                _ => break,
            }
        }
    }
    let open = |notice: &NoticeId| {
        let view = context.shared().consolidation().notice(notice);
        view.is_some_and(|view| view.deliveries.is_empty())
    };
    Ok(notices.into_iter().filter(open).collect())
}

/// A recipient that reads one notice by itself had it.
pub(in super::super) fn delivered_by_reading(context: &ApiContext, view: &NoticeView) {
    if !view.deliveries.is_empty() {
        return;
    }
    let (context, recipient, notice) = (context.clone(), view.recipient.clone(), view.id);
    tokio::spawn(async move { author(&context, &recipient, &[notice], Channel::Read).await });
}

async fn author(
    context: &ApiContext,
    recipient: &RecipientId,
    notices: &[NoticeId],
    channel: Channel,
) -> bool {
    let Ok(list) = List::try_from(notices.to_vec()) else { return true };
    let names: Vec<String> = notices.iter().map(NoticeId::to_string).collect();
    // Two requests at once with one cursor tell the same notices, once.
    let unique = Unique::of("delivery", &[recipient.as_str(), &names.join(" ")]);
    let body = Delivery { recipient: recipient.clone(), channel, received_at: now(), notices: list };
    let request =
        Authoring { body: Body::Delivery(Box::new(body)), audience: Audience::MEMBERS, unique: Some(unique) };
    match context.engine().author_one(request).await {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(%error, "a delivery is told another time");
            false
        }
    }
}
