// SPDX-License-Identifier: EUPL-1.2
//! Authoring at a caller's request, exactly once: a repeated request finds what the first one wrote (engine `unique`).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::{Audience, Body, Entry, EntryRef, Envelope};
use concert_protocol::member::LogId;
use concert_protocol::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::context::ApiContext;
use super::input::IdempotencyKey;
use super::problem::{Code, Problem};
use crate::engine::{AuthorError, Authored, Authoring, Unique};

/// What a request that signs came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// An entry was written.
    Created,
    /// The same request wrote it before; nothing new was written.
    Existing,
    /// Another text stands under the same reference; nothing was written.
    Changed,
    /// It waits for a second person's approval.
    Draft,
    /// It breaks a rule; nothing was written.
    Refused,
}

/// An entry that a request wrote, or found written.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Written)]
pub(super) struct Written {
    /// `created`, or `existing` when the same request wrote it before.
    pub(super) outcome: Outcome,
    /// The entry's name.
    #[schema(value_type = String, example = "FR/0198c0de-0000-7000-8000-000000000000")]
    pub(super) entry: EntryRef,
    /// The log it stands in.
    #[schema(value_type = String, example = "FR/1")]
    pub(super) log: LogId,
    /// Its index there.
    pub(super) index: u64,
    /// When it was written.
    #[schema(value_type = String, example = "2026-11-22T08:02:41.000000Z")]
    pub(super) at: Timestamp,
}

/// What became of one entry to author.
pub(super) enum Fate {
    /// Written now or by the same request before.
    Written(Written),
    /// The same unique thing was written before with another body.
    Other(Box<Entry>, Written),
}

impl Written {
    /// 201 for what is new, 200 for what was there, with the place where it can be read.
    pub(super) fn respond(self, location: Option<String>) -> Response {
        let status = if self.outcome == Outcome::Existing { StatusCode::OK } else { StatusCode::CREATED };
        let mut response = (status, Json(self)).into_response();
        if let Some(value) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            response.headers_mut().insert(header::LOCATION, value);
        }
        response
    }
}

/// The unique part for a request with an `Idempotency-Key`: the same key may be used by another for another thing.
pub(super) fn keyed(purpose: &str, subject: &str, key: &IdempotencyKey) -> Unique {
    Unique::of(purpose, &[subject, &key.0])
}

/// Authors several entries for all members in one durable step.
pub(super) async fn author_all(
    context: &ApiContext,
    entries: Vec<(Body, Unique)>,
) -> Result<Vec<Result<Fate, Problem>>, Problem> {
    let bodies: Vec<Body> = entries.iter().map(|(body, _)| body.clone()).collect();
    let request = |(body, unique)| Authoring { body, audience: Audience::MEMBERS, unique: Some(unique) };
    let results = context.engine().author(entries.into_iter().map(request).collect()).await?;
    Ok(results.into_iter().zip(bodies).map(|(result, body)| fate(result, &body)).collect())
}

fn fate(result: Result<Authored, AuthorError>, wanted: &Body) -> Result<Fate, Problem> {
    let authored = result?;
    let outcome = if authored.existing { Outcome::Existing } else { Outcome::Created };
    let mut written = Written {
        outcome,
        entry: authored.reference,
        log: authored.log,
        index: authored.index,
        at: authored.at,
    };
    if !authored.existing {
        return Ok(Fate::Written(written));
    }
    let entry = Envelope::open(&authored.bytes).and_then(|envelope| Entry::decode(&envelope))?;
    written.at = entry.at;
    if entry.body == *wanted { Ok(Fate::Written(written)) } else { Ok(Fate::Other(Box::new(entry), written)) }
}

/// Authors one entry for all members and waits until it shows.
pub(super) async fn author_one(context: &ApiContext, body: Body, unique: Unique) -> Result<Fate, Problem> {
    let fate = author_all(context, vec![(body, unique)])
        .await?
        .pop()
        .unwrap_or(Err(AuthorError::Stopping.into()))?;
    if let Fate::Written(written) = &fate {
        context.until_applied(&written.log, written.index).await;
    }
    Ok(fate)
}

/// Authors one entry under a caller's key.
pub(super) async fn author_keyed(
    context: &ApiContext,
    body: Body,
    unique: Unique,
) -> Result<Written, Problem> {
    match author_one(context, body, unique).await? {
        Fate::Written(written) => Ok(written),
        Fate::Other(..) => Err(key_reused()),
    }
}

/// The answer to a key that stands for something else.
pub(super) fn key_reused() -> Problem {
    let detail =
        "this Idempotency-Key was sent before with another content; take a fresh key for another thing to do";
    Problem::new(Code::IdempotencyKeyReused, detail)
}
