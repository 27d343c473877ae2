// SPDX-License-Identifier: EUPL-1.2
//! Who read what, for the auditor.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::context::ApiContext;
use super::input::Params;
use super::page::{self, Page};
use super::problem::Problem;
use crate::access::{Reading, Role, TokenId};

/// One line of the access log.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessLogLine)]
pub(super) struct LineDocument {
    /// Its number at this node, from 1.
    number: u64,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
    /// The token.
    #[schema(value_type = String)]
    token: TokenId,
    /// Its name at that time.
    #[schema(value_type = String)]
    name: Text<1, 120>,
    /// Its role at that time.
    #[schema(value_type = String)]
    role: Role,
    /// What was done: an operation's id.
    action: Box<str>,
    /// What it was done to.
    subject: Box<str>,
    /// The remark that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    note: Option<Text<1, 1000>>,
}

impl From<Reading> for LineDocument {
    fn from(line: Reading) -> Self {
        let Reading { number, at, token, name, role, action, subject, note } = line;
        Self { number, at, token, name, role, action, subject, note }
    }
}

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Lines on a page, 1 to 500.
    limit: Option<usize>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// Read the access log
///
/// Who read which referral and when, newest first. The newest 100,000 lines can be read here; all of them are in the
/// node's private journal.
#[utoipa::path(
    get, path = "/api/v1/access-log", tag = "node", params(ListParams),
    responses((status = 200, body = Page<LineDocument>))
)]
pub(super) async fn read_access_log(
    State(context): State<ApiContext>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let before: Option<u64> = page::name_of(params.cursor.as_deref())?;
    context.access().flush().await?;
    let lines = context.access().readings(before, limit + 1);
    let more = lines.len() > limit;
    let items: Vec<LineDocument> = lines.into_iter().take(limit).map(LineDocument::from).collect();
    let next = items.last().filter(|_| more).map(|last| page::cursor_of(last.number.to_string().as_bytes()));
    caller.note(&context, "read_access_log", format!("{} lines", items.len()));
    Ok(Page { items, next }.respond(&uri))
}
