// SPDX-License-Identifier: EUPL-1.2
//! Notices: for members all of them, for a recipient its own. Whose a notice is, is asked by the same step that finds it.

mod view;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use concert_protocol::consolidation::{NoticeState, NoticeView};
use concert_protocol::entry::NoticeId;
use concert_protocol::entry::text::RecipientId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::context::ApiContext;
use super::feed::delivered_by_reading;
use super::input::{Named, Params};
use super::page::{self, Page};
use super::problem::Problem;
pub(super) use view::NoticeDocument;
use view::NoticeSummary;

/// Notices looked at for one page when a filter passes most of them over.
const SCAN_MAX: usize = 2_000;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new().routes(routes!(list_notices)).routes(routes!(read_notice))
}

/// Names of a notice's states.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateFilter {
    Open,
    Merged,
    Withdrawn,
}

/// Which notices.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// To this recipient alone. A recipient sees its own whether or not it says so, and none of another's.
    #[param(value_type = Option<String>)]
    recipient: Option<RecipientId>,
    /// In this state: open, merged or withdrawn.
    #[param(inline)]
    state: Option<StateFilter>,
    /// Records on a page, 1 to 500.
    limit: Option<usize>,
    /// Where the page begins.
    cursor: Option<String>,
}

impl ListParams {
    fn admits(&self, state: NoticeState) -> bool {
        match self.state {
            None => true,
            Some(StateFilter::Open) => state == NoticeState::Open,
            Some(StateFilter::Merged) => matches!(state, NoticeState::Merged(_)),
            Some(StateFilter::Withdrawn) => state == NoticeState::Withdrawn,
        }
    }
}

/// List notices
///
/// Of one recipient by time of issue, of all by id. A recipient's own code should follow the feed instead.
#[utoipa::path(
    get, path = "/api/v1/notices", tag = "notices", params(ListParams),
    responses((status = 200, body = Page<NoticeSummary>))
)]
async fn list_notices(
    State(context): State<ApiContext>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let after: Option<NoticeId> = page::name_of(params.cursor.as_deref())?;
    let (ids, whole) = candidates(&context, &caller, &params, after)?;
    let mut items = Vec::new();
    let mut last = after;
    let mut more = !whole;
    for id in ids {
        if items.len() == limit {
            more = true;
            break;
        }
        last = Some(id);
        let view = context.shared().consolidation().notice(&id).filter(|view| params.admits(view.state));
        items.extend(view.map(|view| NoticeSummary::of(&view, caller.recipient().is_some())));
    }
    let next = last.filter(|_| more).map(|last| page::cursor_of(last.to_string().as_bytes()));
    caller.note(&context, "list_notices", format!("{} notices", items.len()));
    Ok(Page { items, next }.respond(&uri))
}

/// Notices that may be on the page, and whether these are all.
fn candidates(
    context: &ApiContext,
    caller: &Caller,
    params: &ListParams,
    after: Option<NoticeId>,
) -> Result<(Vec<NoticeId>, bool), Problem> {
    let consolidation = context.shared().consolidation();
    let recipient = match (caller.recipient(), &params.recipient) {
        (Some(own), Some(asked)) if own != asked => return Ok((Vec::new(), true)),
        (Some(own), _) => Some(own),
        (None, asked) => asked.as_ref(),
    };
    let Some(recipient) = recipient else {
        let ids = consolidation.notices(after.as_ref(), SCAN_MAX);
        let whole = ids.len() < SCAN_MAX;
        return Ok((ids, whole));
    };
    let ids = consolidation.notices_for(recipient);
    let start = match after {
        None => 0,
        Some(after) => ids.iter().position(|id| *id == after).ok_or_else(page::foreign_cursor)? + 1,
    };
    let whole = ids.len() - start <= SCAN_MAX;
    Ok((ids.into_iter().skip(start).take(SCAN_MAX).collect(), whole))
}

/// The notice, if the caller may see it. What is another's and what does not exist cannot be told apart.
pub(super) fn find_notice(
    context: &ApiContext,
    caller: &Caller,
    id: &NoticeId,
) -> Result<NoticeView, Problem> {
    let view = context.shared().consolidation().notice(id);
    view.filter(|view| caller.recipient().is_none_or(|own| *own == view.recipient))
        .ok_or_else(Problem::not_found)
}

/// Read a notice
///
/// With its items, everybody who stands behind it, the signed entries that it consists of, and for each referral the
/// proof that it stands in its author's log. Reading it counts as delivery when a recipient does so.
#[utoipa::path(
    get, path = "/api/v1/notices/{id}", tag = "notices",
    params(("id" = String, Path, description = "The notice's id.")),
    responses((status = 200, body = NoticeDocument))
)]
async fn read_notice(
    State(context): State<ApiContext>,
    caller: Caller,
    Named(id): Named<NoticeId>,
) -> Result<Json<NoticeDocument>, Problem> {
    let view = find_notice(&context, &caller, &id)?;
    caller.note(&context, "read_notice", id);
    if caller.recipient().is_some() {
        delivered_by_reading(&context, &view);
    }
    Ok(Json(NoticeDocument::of(&context, &view, caller.recipient().is_some())?))
}
