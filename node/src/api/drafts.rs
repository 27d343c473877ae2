// SPDX-License-Identifier: EUPL-1.2
//! Drafts: referrals of sites and collections, which another person than their author approves or rejects.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use concert_protocol::content::defang;
use concert_protocol::entry::referral::Referral;
use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authoring::Written;
use super::caller::Caller;
use super::context::ApiContext;
use super::input::{Body, Named, Params};
use super::page::{self, Page};
use super::problem::Problem;
use super::referrals::{Submitted, author_referrals};
use super::schema::ReferralSchema;
use crate::access::{Decision, Draft, DraftId, DraftState};
use crate::engine::now;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(list_drafts))
        .routes(routes!(approve_draft))
        .routes(routes!(reject_draft))
}

/// A draft.
#[derive(Serialize, ToSchema)]
#[schema(as = Draft)]
struct DraftDocument {
    /// Its id.
    #[schema(value_type = String, example = "d-0123456789abcdef0123")]
    id: DraftId,
    /// How it stands.
    #[schema(value_type = String, example = "waiting")]
    state: DraftState,
    /// Who put it: the token's name.
    #[schema(value_type = String)]
    author_name: Text<1, 120>,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
    /// What would be sent.
    #[schema(value_type = ReferralSchema)]
    referral: Referral,
    /// Its addresses, defanged.
    display: Vec<String>,
    /// The decision, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionDocument>,
}

/// A second person's decision.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
struct DecisionDocument {
    /// Approved, or rejected.
    approved: bool,
    /// Who decided: the token's name.
    #[schema(value_type = String)]
    by: Text<1, 120>,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<Text<1, 1000>>,
}

impl From<Draft> for DraftDocument {
    fn from(draft: Draft) -> Self {
        let decision = draft.decision.map(|decision| DecisionDocument {
            approved: decision.approved,
            by: decision.by_name,
            at: decision.at,
            reason: decision.reason,
        });
        let display = draft.referral.items.iter().map(|item| defang(item.url.as_str())).collect();
        let (id, state, at, referral) = (draft.id, draft.state, draft.at, draft.referral);
        Self { id, state, author_name: draft.author_name, at, referral, display, decision }
    }
}

/// Which drafts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// In this state: waiting, approved or rejected.
    #[param(value_type = Option<String>)]
    state: Option<DraftState>,
    /// Records on a page, 1 to 500.
    limit: Option<usize>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// List drafts
///
/// Oldest first.
#[utoipa::path(
    get, path = "/api/v1/drafts", tag = "drafts", params(ListParams),
    responses((status = 200, body = Page<DraftDocument>))
)]
async fn list_drafts(
    State(context): State<ApiContext>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let after: Option<DraftId> = page::name_of(params.cursor.as_deref())?;
    let drafts = context.access().drafts();
    let start = match after {
        None => 0,
        Some(id) => drafts.iter().position(|draft| draft.id == id).ok_or_else(page::foreign_cursor)? + 1,
    };
    let mut drafts = drafts
        .into_iter()
        .skip(start)
        .filter(|draft| params.state.is_none_or(|state| draft.state == state))
        .peekable();
    let items: Vec<DraftDocument> = drafts.by_ref().take(limit).map(DraftDocument::from).collect();
    let more = drafts.peek().is_some();
    let next = items.last().filter(|_| more).map(|last| page::cursor_of(last.id.to_string().as_bytes()));
    caller.note(&context, "list_drafts", format!("{} drafts", items.len()));
    Ok(Page { items, next }.respond(&uri))
}

/// A decision on a draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Approval)]
struct ApprovalRequest {
    /// Remark, 1 to 1,000 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    reason: Option<Text<1, 1000>>,
}

/// Approve a draft
///
/// By another person than its author; the referral is signed and sent at once.
#[utoipa::path(
    post, path = "/api/v1/drafts/{id}/approval", tag = "drafts", request_body = ApprovalRequest,
    params(("id" = String, Path, description = "The draft's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn approve_draft(
    State(context): State<ApiContext>,
    caller: Caller,
    Named(id): Named<DraftId>,
    Body(request): Body<ApprovalRequest>,
) -> Result<Response, Problem> {
    let draft = context.access().decide_draft(id, decision(&caller, true, request.reason)).await?;
    caller.note(&context, "approve_draft", id);
    // The decision is durable first; if the node ends here, the same approval again sends what was approved.
    match author_referrals(&context, vec![draft.referral]).await?.pop() {
        Some(Submitted::Written(written)) => {
            context.until_applied(&written.log, written.index).await;
            let location = format!("/api/v1/referrals/{}", written.entry);
            Ok(written.respond(Some(location)))
        }
        Some(Submitted::Changed(_, problem) | Submitted::Refused(problem)) => Err(problem),
        Some(Submitted::Draft(_)) | None => Err(Problem::not_found()),
    }
}

/// A rejection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rejection)]
struct RejectionRequest {
    /// Why, for its author, 1 to 1,000 characters.
    #[schema(value_type = String)]
    reason: Text<1, 1000>,
}

/// Reject a draft
///
/// By another person than its author. The author may hand in a mended one under the same reference.
#[utoipa::path(
    post, path = "/api/v1/drafts/{id}/rejection", tag = "drafts", request_body = RejectionRequest,
    params(("id" = String, Path, description = "The draft's id.")),
    responses((status = 200, body = DraftDocument))
)]
async fn reject_draft(
    State(context): State<ApiContext>,
    caller: Caller,
    Named(id): Named<DraftId>,
    Body(request): Body<RejectionRequest>,
) -> Result<Json<DraftDocument>, Problem> {
    let draft = context.access().decide_draft(id, decision(&caller, false, Some(request.reason))).await?;
    caller.note(&context, "reject_draft", id);
    Ok(Json(draft.into()))
}

fn decision(caller: &Caller, approved: bool, reason: Option<Text<1, 1000>>) -> Decision {
    Decision { approved, by: caller.id(), by_name: caller.name().clone(), at: now(), reason }
}
