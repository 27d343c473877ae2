// SPDX-License-Identifier: EUPL-1.2
//! What is said about a referral afterwards: that it is withdrawn, corrected, or endorsed by another member.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use concert_protocol::consolidation::ReferralState;
use concert_protocol::entry::referral::{Referral, ReferralAmended, ReferralEndorsed, ReferralWithdrawn};
use concert_protocol::entry::text::{List, Text};
use concert_protocol::entry::{Body as EntryBody, EntryId, EntryRef};
use concert_protocol::member::MemberId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::authoring::{Fate, Written, author_all, author_keyed, keyed};
use super::super::caller::Caller;
use super::super::context::ApiContext;
use super::super::input::{Body, IdempotencyKey, Named, StrictValue};
use super::super::problem::{Code, Problem};
use super::super::schema::ReferralSchema;
use super::create::{BATCH_MAX, BatchResponse, Submitted};
use crate::engine::Unique;

/// Why it is withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Withdrawal)]
pub(super) struct WithdrawalRequest {
    /// For members, 1 to 1,000 characters.
    #[schema(value_type = String)]
    reason: Text<1, 1000>,
}

/// Withdraw a referral or an endorsement
///
/// Only what this member's own node wrote. When nobody stands behind a notice any more, the recipient is told.
#[utoipa::path(
    post, path = "/api/v1/referrals/{member}/{id}/withdrawal", tag = "referrals", request_body = WithdrawalRequest,
    params(("member" = String, Path, description = "The author."), ("id" = String, Path, description = "The entry's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
pub(super) async fn withdraw(
    State(context): State<ApiContext>,
    key: IdempotencyKey,
    Named((author, id)): Named<(MemberId, EntryId)>,
    Body(request): Body<WithdrawalRequest>,
) -> Result<Response, Problem> {
    let referral = EntryRef { author, id };
    let found = context.find(&referral)?.ok_or_else(Problem::not_found)?;
    if !matches!(found.entry.body, EntryBody::Referral(_) | EntryBody::ReferralEndorsed(_)) {
        return Err(Problem::not_found());
    }
    own(&context, &referral)?;
    let unique = keyed("referral.withdrawn", &referral.to_string(), &key);
    let state = context.shared().consolidation().referral(&referral).map(|view| view.state);
    if state == Some(ReferralState::Withdrawn) && !context.was_written(unique)? {
        return Err(withdrawn());
    }
    let body = ReferralWithdrawn { referral, reason: request.reason };
    Ok(author_keyed(&context, EntryBody::ReferralWithdrawn(Box::new(body)), unique).await?.respond(None))
}

/// A correction.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Amendment)]
pub(super) struct AmendmentRequest {
    /// The whole referral as it should now read, with the same unit and reference.
    #[schema(value_type = ReferralSchema)]
    replacement: Referral,
    /// Why, 1 to 1,000 characters.
    #[schema(value_type = String)]
    reason: Text<1, 1000>,
}

/// Correct a referral
///
/// Only this member's own, and only while it stands. A correction cannot turn a referral into one of a site or a
/// collection: withdraw it and refer the site, which a second person approves.
#[utoipa::path(
    post, path = "/api/v1/referrals/{member}/{id}/amendment", tag = "referrals", request_body = AmendmentRequest,
    params(("member" = String, Path, description = "The author."), ("id" = String, Path, description = "The entry's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
pub(super) async fn amend(
    State(context): State<ApiContext>,
    key: IdempotencyKey,
    Named((author, id)): Named<(MemberId, EntryId)>,
    Body(request): Body<AmendmentRequest>,
) -> Result<Response, Problem> {
    let referral = EntryRef { author, id };
    let unique = keyed("referral.amended", &referral.to_string(), &key);
    let view = context.shared().consolidation().referral(&referral).ok_or_else(Problem::not_found)?;
    own(&context, &referral)?;
    if view.state == ReferralState::Withdrawn && !context.was_written(unique)? {
        return Err(withdrawn());
    }
    let replacement = &request.replacement;
    if *replacement.unit != *view.unit || *replacement.reference != *view.reference {
        return Err(Problem::field(
            "/replacement/reference",
            "unit and reference stay as they were first written",
        ));
    }
    if replacement.content_type.needs_four_eyes() && !view.content_type.needs_four_eyes() {
        let detail =
            "a site or a collection needs a second person: withdraw this referral and refer the site anew";
        return Err(Problem::field("/replacement/content_type", detail));
    }
    let body =
        ReferralAmended { referral: view.referral, replacement: request.replacement, reason: request.reason };
    Ok(author_keyed(&context, EntryBody::ReferralAmended(Box::new(body)), unique).await?.respond(None))
}

/// An endorsement of the referral in the path.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Endorsement)]
pub(super) struct EndorsementRequest {
    /// The endorsing unit, 1 to 120 characters.
    #[schema(value_type = String)]
    unit: Text<1, 120>,
    /// The endorsing unit's own file reference, 1 to 120 characters.
    #[schema(value_type = String)]
    reference: Text<1, 120>,
    /// Remark, 1 to 1,000 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Option<Text<1, 1000>>,
}

/// Endorse another member's referral
///
/// Co-signs it without an assessment of one's own; nothing has to be looked at. Unit and reference make an
/// endorsement unique.
#[utoipa::path(
    post, path = "/api/v1/referrals/{member}/{id}/endorsement", tag = "referrals", request_body = EndorsementRequest,
    params(("member" = String, Path, description = "The author."), ("id" = String, Path, description = "The entry's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
pub(super) async fn endorse(
    State(context): State<ApiContext>,
    caller: Caller,
    Named((author, id)): Named<(MemberId, EntryId)>,
    Body(request): Body<EndorsementRequest>,
) -> Result<Response, Problem> {
    let EndorsementRequest { unit, reference, note } = request;
    let endorsement = ReferralEndorsed { referral: EntryRef { author, id }, unit, reference, note };
    caller.note(&context, "endorse", &endorsement.referral);
    match endorse_all(&context, vec![Ok(endorsement)]).await?.pop() {
        Some(Submitted::Written(written)) => {
            context.until_applied(&written.log, written.index).await;
            Ok(written.respond(None))
        }
        Some(Submitted::Refused(problem) | Submitted::Changed(_, problem)) => Err(problem),
        Some(Submitted::Draft(_)) | None => Err(Problem::not_found()),
    }
}

/// Endorsements to hand in together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndorsementBatch)]
pub(super) struct EndorsementBatch {
    /// 1 to 500 endorsements.
    #[schema(value_type = Vec<BatchedEndorsement>, min_items = 1, max_items = 500)]
    endorsements: List<StrictValue, 1, BATCH_MAX>,
}

/// An endorsement in a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchedEndorsement {
    /// Another member's referral.
    #[schema(value_type = String)]
    referral: EntryRef,
    /// The endorsing unit, 1 to 120 characters.
    #[schema(value_type = String)]
    unit: Text<1, 120>,
    /// The endorsing unit's own file reference, 1 to 120 characters.
    #[schema(value_type = String)]
    reference: Text<1, 120>,
    /// Remark, 1 to 1,000 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Option<Text<1, 1000>>,
}

/// Endorse many referrals
///
/// Each is judged by itself; those that can be written become durable together.
#[utoipa::path(
    post, path = "/api/v1/endorsements:batch", tag = "referrals", request_body = EndorsementBatch,
    responses((status = 200, body = BatchResponse))
)]
pub(super) async fn endorse_batch(
    State(context): State<ApiContext>,
    caller: Caller,
    Body(batch): Body<EndorsementBatch>,
) -> Result<Json<BatchResponse>, Problem> {
    let read = |value: &StrictValue| {
        let BatchedEndorsement { referral, unit, reference, note } = value.decode()?;
        Ok(ReferralEndorsed { referral, unit, reference, note })
    };
    let endorsements: Vec<Result<ReferralEndorsed, Problem>> = batch.endorsements.iter().map(read).collect();
    caller.note(&context, "endorse_batch", format!("{} referrals", endorsements.len()));
    Ok(Json(BatchResponse::of(endorse_all(&context, endorsements).await?)))
}

async fn endorse_all(
    context: &ApiContext,
    endorsements: Vec<Result<ReferralEndorsed, Problem>>,
) -> Result<Vec<Submitted>, Problem> {
    let mut submitted: Vec<Option<Submitted>> = Vec::with_capacity(endorsements.len());
    let mut places = Vec::new();
    let mut entries = Vec::new();
    for (place, endorsement) in endorsements.into_iter().enumerate() {
        let checked = endorsement.and_then(|endorsement| {
            let unique = Unique::of("referral.endorsed", &[&endorsement.unit, &endorsement.reference]);
            let view = context.shared().consolidation().referral(&endorsement.referral);
            let view = view.ok_or_else(Problem::not_found)?;
            if view.state == ReferralState::Withdrawn && !context.was_written(unique)? {
                return Err(withdrawn());
            }
            Ok((endorsement, unique))
        });
        submitted.push(match checked {
            Err(problem) => Some(Submitted::Refused(problem)),
            Ok((endorsement, unique)) => {
                entries.push((EntryBody::ReferralEndorsed(Box::new(endorsement)), unique));
                places.push(place);
                None
            }
        });
    }
    if !entries.is_empty() {
        for (place, fate) in places.into_iter().zip(author_all(context, entries).await?) {
            submitted[place] = Some(match fate {
                Ok(Fate::Written(written)) => Submitted::Written(written),
                Ok(Fate::Other(_, written)) => Submitted::Changed(Some(written), other_endorsement()),
                Err(problem) => Submitted::Refused(problem),
            });
        }
    }
    Ok(submitted.into_iter().flatten().collect())
}

fn other_endorsement() -> Problem {
    Problem::conflict(
        "an endorsement of another referral stands under this unit and reference; use another reference",
    )
}

fn withdrawn() -> Problem {
    Problem::conflict("the referral was withdrawn")
}

fn own(context: &ApiContext, entry: &EntryRef) -> Result<(), Problem> {
    if entry.author == context.shared().me {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("only {} can do this: it is that member's entry", entry.author),
    ))
}
