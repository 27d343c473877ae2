// SPDX-License-Identifier: EUPL-1.2
//! Issuing, listing and revoking tokens. A secret is shown once, in the answer that issues it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::ApiContext;
use super::input::{Body, Named, Params};
use super::page::{self, Page};
use super::problem::Problem;
use crate::access::{NewToken, Role, TokenId, TokenInfo};
use crate::engine::now;

/// Longest life that can be asked for, in days.
const DAYS_MAX: u32 = 3_660;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new().routes(routes!(list_tokens, issue_token)).routes(routes!(revoke_token))
}

/// What is known of a token.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenDocument {
    /// Its id.
    #[schema(value_type = String, example = "t-0123456789abcdef")]
    id: TokenId,
    /// For people: whose it is.
    #[schema(value_type = String)]
    name: Text<1, 120>,
    /// What it allows.
    #[schema(value_type = String, example = "recipient:video-a")]
    role: Role,
    /// When it was issued.
    #[schema(value_type = String)]
    issued_at: Timestamp,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    revoked_at: Option<Timestamp>,
    /// Whether it opens anything now.
    live: bool,
}

impl TokenDocument {
    fn of(token: TokenInfo, now: Timestamp) -> Self {
        let live = token.is_live(now);
        let TokenInfo { id, name, role, issued_at, expires, revoked_at } = token;
        Self { id, name, role, issued_at, expires, revoked_at, live }
    }
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Records on a page, 1 to 500.
    limit: Option<usize>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// List tokens
///
/// Every token ever issued at this node, oldest first. Secrets are not among what is known.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "node", params(ListParams),
    responses((status = 200, body = Page<TokenDocument>))
)]
async fn list_tokens(
    State(context): State<ApiContext>,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let after: Option<TokenId> = page::name_of(params.cursor.as_deref())?;
    let tokens = context.access().tokens();
    let start = match after {
        None => 0,
        Some(id) => tokens.iter().position(|token| token.id == id).ok_or_else(page::foreign_cursor)? + 1,
    };
    let at = now();
    let rest = tokens.len() - start > limit;
    let items: Vec<TokenDocument> =
        tokens.into_iter().skip(start).take(limit).map(|token| TokenDocument::of(token, at)).collect();
    let next = items.last().filter(|_| rest).map(|last| page::cursor_of(last.id.to_string().as_bytes()));
    Ok(Page { items, next }.respond(&uri))
}

/// A token to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
struct NewTokenRequest {
    /// For people: whose it is. Give every person and every program its own.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    name: Text<1, 120>,
    /// What it allows: administrator, analyst, approver, officer, reviewer, auditor, or `recipient:<id>`.
    #[schema(value_type = String, example = "recipient:video-a")]
    role: Role,
    /// Days until it ends by itself, 1 to 3660; without it, it ends when revoked.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3660)]
    expires_in_days: Option<u32>,
}

/// A token that was issued.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedToken)]
struct IssuedToken {
    /// The token itself. Shown this once; the node keeps only its digest.
    #[schema(example = "ct_ana_...")]
    secret: String,
    /// What is known of it.
    token: TokenDocument,
}

/// Issue a token
///
/// The secret is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "node", request_body = NewTokenRequest,
    responses((status = 201, body = IssuedToken))
)]
async fn issue_token(
    State(context): State<ApiContext>,
    Body(request): Body<NewTokenRequest>,
) -> Result<Response, Problem> {
    let at = now();
    let expires = match request.expires_in_days {
        None => None,
        Some(days) if (1..=DAYS_MAX).contains(&days) => {
            Some(at.plus(Duration::from_secs(u64::from(days) * 86_400)))
        }
        Some(_) => return Err(Problem::field("/expires_in_days", format!("expected 1 to {DAYS_MAX}"))),
    };
    let new = NewToken { name: request.name, role: request.role, expires };
    let (secret, info) = context.access().issue(new, at).await?;
    let issued = IssuedToken { secret: secret.text().to_owned(), token: TokenDocument::of(info, at) };
    Ok((StatusCode::CREATED, Json(issued)).into_response())
}

/// Revoke a token
///
/// At once, and for ever. Revoking twice changes nothing.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "node",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "It opens nothing any more."))
)]
async fn revoke_token(
    State(context): State<ApiContext>,
    Named(id): Named<TokenId>,
) -> Result<StatusCode, Problem> {
    if context.access().revoke(id, now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}
