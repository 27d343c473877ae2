// SPDX-License-Identifier: EUPL-1.2
//! Referring: one, or hundreds at once. A unit's file reference makes a referral unique, across retries and restarts.
//!
//! Sites and collections become drafts that a second person approves; nothing here can send one directly.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use concert_protocol::consolidation::ReferralState;
use concert_protocol::entry::referral::Referral;
use concert_protocol::entry::text::List;
use concert_protocol::entry::{Body as EntryBody, Entry, EntryRef};
use concert_protocol::member::LogId;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::authoring::{Fate, Outcome, Written, author_all};
use super::super::caller::Caller;
use super::super::context::ApiContext;
use super::super::input::{Body, StrictValue};
use super::super::problem::{Problem, ProblemDocument};
use super::super::schema::ReferralSchema;
use crate::access::{AccessError, Draft, DraftError, DraftId, DraftState};
use crate::engine::{Unique, now};

/// Most referrals, or endorsements, in one request.
pub(super) const BATCH_MAX: usize = 500;

/// What a referral that was handed in came to.
pub(in super::super) enum Submitted {
    /// Written now, or by the same request before.
    Written(Written),
    /// Another text stands under its unit and reference: which, and what to do.
    Changed(Option<Written>, Problem),
    /// It waits for a second person.
    Draft(DraftId),
    /// It breaks a rule.
    Refused(Problem),
}

/// What one record of a batch came to.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
pub(super) struct BatchResult {
    /// What happened.
    outcome: Outcome,
    /// The entry that stands: written now, before, or with another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    entry: Option<EntryRef>,
    /// Its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    log: Option<LogId>,
    /// Its index there.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    at: Option<Timestamp>,
    /// The draft that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    draft: Option<DraftId>,
    /// Why it was refused, or what to do about the other text. Pointers begin at the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemDocument>,
}

/// What the records of a batch came to, in their order.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResponse)]
pub(in super::super) struct BatchResponse {
    /// How many were written.
    created: usize,
    /// How many were there.
    existing: usize,
    /// How many stand with another text.
    changed: usize,
    /// How many wait for a second person.
    draft: usize,
    /// How many break a rule.
    refused: usize,
    /// One for each record.
    results: Vec<BatchResult>,
}

impl BatchResponse {
    pub(in super::super) fn of(submitted: Vec<Submitted>) -> Self {
        let results: Vec<BatchResult> = submitted.into_iter().map(BatchResult::of).collect();
        let count = |outcome| results.iter().filter(|result| result.outcome == outcome).count();
        Self {
            created: count(Outcome::Created),
            existing: count(Outcome::Existing),
            changed: count(Outcome::Changed),
            draft: count(Outcome::Draft),
            refused: count(Outcome::Refused),
            results,
        }
    }
}

impl BatchResult {
    fn of(submitted: Submitted) -> Self {
        let empty = |outcome| Self {
            outcome,
            entry: None,
            log: None,
            index: None,
            at: None,
            draft: None,
            problem: None,
        };
        let written = |outcome, written: Written| Self {
            entry: Some(written.entry),
            log: Some(written.log),
            index: Some(written.index),
            at: Some(written.at),
            ..empty(outcome)
        };
        match submitted {
            Submitted::Written(entry) => written(entry.outcome, entry),
            Submitted::Changed(entry, problem) => {
                let result =
                    entry.map_or_else(|| empty(Outcome::Changed), |entry| written(Outcome::Changed, entry));
                Self { problem: Some(problem.in_batch()), ..result }
            }
            Submitted::Draft(id) => Self { draft: Some(id), ..empty(Outcome::Draft) },
            Submitted::Refused(problem) => {
                Self { problem: Some(problem.in_batch()), ..empty(Outcome::Refused) }
            }
        }
    }
}

/// What was written under the same unit and reference has another text.
fn changed(context: &ApiContext, written: &Written) -> Problem {
    let view = context.shared().consolidation().referral(&written.entry);
    if view.is_some_and(|view| view.state == ReferralState::Withdrawn) {
        return Problem::conflict(format!(
            "{} was sent under this unit and reference and withdrawn; to refer the content again, give another reference",
            written.entry
        ));
    }
    Problem::conflict(format!(
        "{} stands under this unit and reference with another text; to correct it, POST \
         /api/v1/referrals/{}/amendment",
        written.entry, written.entry
    ))
}

/// The unique part of a unit's referral.
fn unique(referral: &Referral) -> Unique {
    Unique::of("referral", &[&referral.unit, &referral.reference])
}

/// Hands in referrals: each is judged by itself, those that can be written become durable together.
async fn submit(
    context: &ApiContext,
    caller: &Caller,
    referrals: Vec<Result<Referral, Problem>>,
) -> Result<Vec<Submitted>, Problem> {
    let mut submitted: Vec<Option<Submitted>> = Vec::with_capacity(referrals.len());
    let mut to_author = Vec::new();
    for (place, referral) in referrals.into_iter().enumerate() {
        submitted.push(match referral.and_then(|referral| checked(context, referral)) {
            Err(problem) => Some(Submitted::Refused(problem)),
            Ok(referral) if referral.content_type.needs_four_eyes() => {
                put_draft(context, caller, referral, place, &mut to_author).await?
            }
            Ok(referral) => {
                to_author.push((place, referral));
                None
            }
        });
    }
    let (places, referrals): (Vec<usize>, Vec<Referral>) = to_author.into_iter().unzip();
    for (place, result) in places.into_iter().zip(author_referrals(context, referrals).await?) {
        submitted[place] = Some(result);
    }
    Ok(submitted.into_iter().flatten().collect())
}

fn checked(context: &ApiContext, referral: Referral) -> Result<Referral, Problem> {
    let body = EntryBody::Referral(Box::new(referral));
    body.check(&context.shared().me)?;
    match body {
        EntryBody::Referral(referral) => Ok(*referral),
        _ => Err(Problem::not_found()),
    }
}

/// A draft, unless it was approved before: then what was approved is sent, or found sent.
async fn put_draft(
    context: &ApiContext,
    caller: &Caller,
    referral: Referral,
    place: usize,
    to_author: &mut Vec<(usize, Referral)>,
) -> Result<Option<Submitted>, Problem> {
    let draft = Draft::new(referral, caller.id(), caller.name().clone(), now());
    match context.access().put_draft(draft).await {
        Ok(draft) if draft.state == DraftState::Approved => {
            to_author.push((place, draft.referral));
            Ok(None)
        }
        Ok(draft) => Ok(Some(Submitted::Draft(draft.id))),
        Err(AccessError::Draft(DraftError::Changed)) => {
            Ok(Some(Submitted::Changed(None, Problem::conflict(DraftError::Changed.to_string()))))
        }
        Err(AccessError::Draft(error)) => Ok(Some(Submitted::Refused(AccessError::Draft(error).into()))),
        Err(other) => Err(other.into()),
    }
}

/// Writes referrals that may be written, all in one durable step.
pub(in super::super) async fn author_referrals(
    context: &ApiContext,
    referrals: Vec<Referral>,
) -> Result<Vec<Submitted>, Problem> {
    if referrals.is_empty() {
        return Ok(Vec::new());
    }
    let entries = referrals
        .iter()
        .map(|referral| (EntryBody::Referral(Box::new(referral.clone())), unique(referral)))
        .collect();
    let fates = author_all(context, entries).await?;
    Ok(fates.into_iter().zip(referrals).map(|(fate, wanted)| settle(context, fate, &wanted)).collect())
}

fn settle(context: &ApiContext, fate: Result<Fate, Problem>, wanted: &Referral) -> Submitted {
    match fate {
        Ok(Fate::Written(written)) => Submitted::Written(written),
        // It was corrected meanwhile, and this is how it now reads.
        Ok(Fate::Other(entry, written)) if reads_now(context, &entry).is_some_and(|now| now == *wanted) => {
            Submitted::Written(written)
        }
        Ok(Fate::Other(_, written)) => {
            let problem = changed(context, &written);
            Submitted::Changed(Some(written), problem)
        }
        Err(problem) => Submitted::Refused(problem),
    }
}

/// How an own referral now reads after its amendments.
fn reads_now(context: &ApiContext, entry: &Entry) -> Option<Referral> {
    let view = context.shared().consolidation().referral(&entry.reference())?;
    match context.find(&view.current).ok()??.entry.body {
        EntryBody::ReferralAmended(amended) => Some(amended.replacement),
        _ => None,
    }
}

/// Where a referral is read.
fn location(entry: &EntryRef) -> Option<String> {
    Some(format!("/api/v1/referrals/{entry}"))
}

/// A draft that waits.
#[derive(Serialize, ToSchema)]
#[schema(as = Drafted)]
pub(super) struct Drafted {
    /// Always `draft`.
    outcome: Outcome,
    /// The draft.
    #[schema(value_type = String, example = "d-0123456789abcdef0123")]
    draft: DraftId,
}

/// Refer content
///
/// Signs a referral into this member's log. Unit and reference make it unique: the same again is answered `existing`,
/// another text under them is a conflict (amend it instead). Sites and collections become a draft (202) that another
/// person approves.
#[utoipa::path(
    post, path = "/api/v1/referrals", tag = "referrals",
    request_body(content = ReferralSchema, content_type = "application/json"),
    responses((status = 201, body = Written), (status = 200, body = Written), (status = 202, body = Drafted))
)]
pub(super) async fn refer(
    State(context): State<ApiContext>,
    caller: Caller,
    Body(referral): Body<Referral>,
) -> Result<Response, Problem> {
    match submit(&context, &caller, vec![Ok(referral)]).await?.pop() {
        Some(Submitted::Written(written)) => {
            context.until_applied(&written.log, written.index).await;
            let location = location(&written.entry);
            Ok(written.respond(location))
        }
        Some(Submitted::Changed(_, problem) | Submitted::Refused(problem)) => Err(problem),
        Some(Submitted::Draft(draft)) => {
            Ok((StatusCode::ACCEPTED, Json(Drafted { outcome: Outcome::Draft, draft })).into_response())
        }
        None => Err(Problem::not_found()),
    }
}

/// Referrals to hand in together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReferralBatch)]
pub(super) struct ReferralBatch {
    /// 1 to 500 referrals.
    #[schema(value_type = Vec<ReferralSchema>, min_items = 1, max_items = 500)]
    referrals: List<StrictValue, 1, BATCH_MAX>,
}

/// Refer many contents
///
/// Each referral is judged by itself; those that can be written become durable together. Handing in the same batch
/// again writes nothing.
#[utoipa::path(
    post, path = "/api/v1/referrals:batch", tag = "referrals", request_body = ReferralBatch,
    responses((status = 200, body = BatchResponse))
)]
pub(super) async fn refer_batch(
    State(context): State<ApiContext>,
    caller: Caller,
    Body(batch): Body<ReferralBatch>,
) -> Result<Json<BatchResponse>, Problem> {
    let referrals = batch.referrals.iter().map(StrictValue::decode::<Referral>).collect();
    Ok(Json(BatchResponse::of(submit(&context, &caller, referrals).await?)))
}
