// SPDX-License-Identifier: EUPL-1.2
//! Referrals: listing and reading. Writing is in [`create`] and [`change`].

mod change;
mod create;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::consolidation::ReferralState;
use concert_protocol::entry::{Body, EntryId, EntryRef};
use concert_protocol::member::MemberId;
use concert_protocol::time::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::context::ApiContext;
use super::input::{Named, Params};
use super::page::{self, Page};
use super::problem::Problem;
use crate::engine::ListKey;
use crate::store::Table;
pub(super) use create::{BatchResponse, Submitted, author_referrals};
pub(super) use view::OutcomeDocument;
use view::{ReferralDocument, ReferralSummary};

/// Rows looked at for one page when a filter passes most of them over.
const SCAN_MAX: usize = 2_000;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(list_referrals, create::refer))
        .routes(routes!(create::refer_batch))
        .routes(routes!(read_referral))
        .routes(routes!(change::withdraw))
        .routes(routes!(change::amend))
        .routes(routes!(change::endorse))
        .routes(routes!(change::endorse_batch))
}

/// Names of a referral's states.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateFilter {
    Standing,
    Amended,
    Withdrawn,
}

/// In which order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// By the time that their authors gave, the newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// Which referrals.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Referrals of this member alone.
    #[param(value_type = Option<String>, example = "FR")]
    member: Option<MemberId>,
    /// Written at or after this time.
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// In this state: standing, amended or withdrawn.
    #[param(inline)]
    state: Option<StateFilter>,
    /// `newest` first (as if nothing is given) or `oldest` first.
    #[serde(default)]
    #[param(inline, required = false)]
    order: Order,
    /// Records on a page, 1 to 500.
    limit: Option<usize>,
    /// Where the page begins.
    cursor: Option<String>,
}

impl ListParams {
    fn admits(&self, state: ReferralState) -> bool {
        match self.state {
            None => true,
            Some(StateFilter::Standing) => state == ReferralState::Standing,
            Some(StateFilter::Amended) => state == ReferralState::Amended,
            Some(StateFilter::Withdrawn) => state == ReferralState::Withdrawn,
        }
    }
}

/// List referrals
///
/// Referrals of all members, with what became of them. Addresses and reasons are in the single referral.
#[utoipa::path(
    get, path = "/api/v1/referrals", tag = "referrals", params(ListParams),
    responses((status = 200, body = Page<ReferralSummary>))
)]
async fn list_referrals(
    State(context): State<ApiContext>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let prefix = ListKey::prefix("referral");
    let cursor = page::key_of(params.cursor.as_deref())?;
    if cursor.as_ref().is_some_and(|key| !key.starts_with(&prefix)) {
        return Err(page::foreign_cursor());
    }
    let earliest = params.since.map(|since| ListKey::from_time("referral", since));
    let store = &context.shared().store;
    let rows = match params.order {
        Order::Newest => store.range_back(Table::EntryByKind, &prefix, cursor.as_deref(), SCAN_MAX + 1)?,
        Order::Oldest => {
            // A cursor is the last key that was shown; the page begins behind it.
            let after = cursor.map(|mut key| {
                key.push(0);
                key
            });
            let from = after.or_else(|| earliest.clone());
            store.range(Table::EntryByKind, &prefix, from.as_deref(), SCAN_MAX + 1)?
        }
    };
    let mut items = Vec::new();
    let mut next = None;
    let scanned_all = rows.len() <= SCAN_MAX;
    let mut last = None;
    for (key, _) in rows.into_iter().take(SCAN_MAX) {
        if earliest.as_ref().is_some_and(|earliest| key < *earliest) {
            last = None;
            break;
        }
        if items.len() == limit {
            next = last.take();
            break;
        }
        if let Some(summary) = summary(&context, &params, &key) {
            items.push(summary);
        }
        last = Some(key);
    }
    let next = next.or_else(|| last.filter(|_| !scanned_all)).map(|key| page::cursor_of(&key));
    caller.note(&context, "list_referrals", format!("{} referrals", items.len()));
    Ok(Page { items, next }.respond(&uri))
}

fn summary(context: &ApiContext, params: &ListParams, key: &[u8]) -> Option<ReferralSummary> {
    let reference = ListKey::reference(key)?;
    if params.member.as_ref().is_some_and(|member| *member != reference.author) {
        return None;
    }
    let view = context.shared().consolidation().referral(&reference)?;
    params.admits(view.state).then(|| ReferralSummary::of(context, &view))
}

/// What to include.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReadParams {
    /// Also say why the referral is in its case: the list of edges.
    #[serde(default)]
    explain: bool,
}

/// Read a referral
///
/// The referral as it now reads, its case, its notices and the answers. With `Accept: application/jose`, the signed
/// entry itself, byte for byte.
#[utoipa::path(
    get, path = "/api/v1/referrals/{member}/{id}", tag = "referrals",
    params(
        ("member" = String, Path, description = "The author."),
        ("id" = String, Path, description = "The entry's id."),
        ReadParams,
    ),
    responses((status = 200, content((ReferralDocument = "application/json"), (String = "application/jose"))))
)]
async fn read_referral(
    State(context): State<ApiContext>,
    caller: Caller,
    headers: HeaderMap,
    Named((author, id)): Named<(MemberId, EntryId)>,
    Params(params): Params<ReadParams>,
) -> Result<Response, Problem> {
    let reference = EntryRef { author, id };
    let view = context.shared().consolidation().referral(&reference).ok_or_else(Problem::not_found)?;
    caller.note(&context, "read_referral", &reference);
    if wants_jose(&headers) {
        let found = context.find(&reference)?.ok_or_else(Problem::not_found)?;
        return Ok(jose(found.bytes));
    }
    let document = match context.find(&view.current)?.map(|found| found.entry.body) {
        Some(Body::Referral(referral)) => Some(*referral),
        Some(Body::ReferralAmended(amended)) => Some(amended.replacement),
        // Erased: what is known of it is told without it.
        _ => None,
    };
    let edges = if params.explain { context.shared().consolidation().explain(&reference) } else { None };
    Ok(Json(ReferralDocument::of(&context, &view, document, edges)).into_response())
}

/// Whether the caller wants the signed bytes.
pub(super) fn wants_jose(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|part| part.split(';').next().unwrap_or_default().trim() == "application/jose")
}

/// Signed bytes as a response.
pub(super) fn jose(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/jose")], bytes).into_response()
}
