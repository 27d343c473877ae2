// SPDX-License-Identifier: EUPL-1.2
//! Logs: heads, checkpoints, signed entries and proofs, for everybody who wants to check rather than believe.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::log::{Receipt, SignedNote, prove_inclusion};
use concert_protocol::member::{LogId, MemberId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::context::ApiContext;
use super::input::Named;
use super::page::Page;
use super::problem::{Code, Problem, internal};
use super::referrals::jose;
use super::status::{LogStatus, log_statuses};

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(list_logs))
        .routes(routes!(read_checkpoint))
        .routes(routes!(read_entry))
        .routes(routes!(read_proof))
        .routes(routes!(unfreeze_log))
        .routes(routes!(trust_own_log))
}

/// The log, if the roster knows it.
fn known(context: &ApiContext, member: MemberId, generation: u16) -> Result<LogId, Problem> {
    let log = LogId { member, generation };
    if context.shared().log(&log).is_some() { Ok(log) } else { Err(Problem::not_found()) }
}

/// List logs
///
/// Every log and how it stands here.
#[utoipa::path(get, path = "/api/v1/log", tag = "log", responses((status = 200, body = Page<LogStatus>)))]
async fn list_logs(State(context): State<ApiContext>) -> Json<Page<LogStatus>> {
    Json(Page { items: log_statuses(&context), next: None })
}

/// Read a checkpoint
///
/// The newest known checkpoint of a log with its cosignatures: a C2SP signed note.
#[utoipa::path(
    get, path = "/api/v1/log/{member}/{generation}/checkpoint", tag = "log",
    params(("member" = String, Path, description = "Whose log."), ("generation" = u16, Path, description = "From 1.")),
    responses((status = 200, body = String, content_type = "text/plain"))
)]
async fn read_checkpoint(
    State(context): State<ApiContext>,
    Named((member, generation)): Named<(MemberId, u16)>,
) -> Result<Response, Problem> {
    let log = known(&context, member, generation)?;
    let note = context.shared().log(&log).and_then(|state| state.note).ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}

/// Read a signed entry
///
/// The entry at an index, byte for byte: a JWS compact serialisation. 404 also where only the leaf hash is here: the
/// entry is addressed to others, or was erased.
#[utoipa::path(
    get, path = "/api/v1/log/{member}/{generation}/entries/{index}", tag = "log",
    params(
        ("member" = String, Path, description = "Whose log."),
        ("generation" = u16, Path, description = "From 1."),
        ("index" = u64, Path, description = "From 0."),
    ),
    responses((status = 200, body = String, content_type = "application/jose"))
)]
async fn read_entry(
    State(context): State<ApiContext>,
    caller: Caller,
    Named((member, generation, index)): Named<(MemberId, u16, u64)>,
) -> Result<Response, Problem> {
    let log = known(&context, member, generation)?;
    let bytes = context.bytes(&log, index)?.ok_or_else(Problem::not_found)?;
    caller.note(&context, "read_entry", format!("{log} {index}"));
    Ok(jose(bytes))
}

/// Prove an entry
///
/// A C2SP `tlog-proof` text: that the entry at an index is under the log's newest checkpoint. It contains nothing of
/// the entry.
#[utoipa::path(
    get, path = "/api/v1/log/{member}/{generation}/proof/{index}", tag = "log",
    params(
        ("member" = String, Path, description = "Whose log."),
        ("generation" = u16, Path, description = "From 1."),
        ("index" = u64, Path, description = "From 0."),
    ),
    responses((status = 200, body = String, content_type = "text/plain"))
)]
async fn read_proof(
    State(context): State<ApiContext>,
    Named((member, generation, index)): Named<(MemberId, u16, u64)>,
) -> Result<Response, Problem> {
    let log = known(&context, member, generation)?;
    let receipt = receipt(&context, &log, index)?.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], receipt.to_string()).into_response())
}

/// The proof for a position; `None` when no checkpoint known here covers it yet.
pub(super) fn receipt(context: &ApiContext, log: &LogId, index: u64) -> Result<Option<Receipt>, Problem> {
    let shared = context.shared();
    let (Some(state), Some(reader)) = (shared.log(log), shared.reader(log)) else { return Ok(None) };
    // A checkpoint may be known before everything under it is here.
    let Some(note) = state.note.filter(|_| index < state.head && state.head <= reader.size()) else {
        return Ok(None);
    };
    let note = SignedNote::parse(&note).map_err(|error| internal(&error))?;
    let path = prove_inclusion(index, state.head, &reader).map_err(|error| internal(&error))?;
    Receipt::new(index, path, note, Vec::new()).map(Some).map_err(|error| internal(&error))
}

/// Let a frozen log go on
///
/// A log is frozen when its author was caught with two faces. People decide which of them counts; this says that
/// they have.
#[utoipa::path(
    post, path = "/api/v1/log/{member}/{generation}/unfreeze", tag = "log",
    params(("member" = String, Path, description = "Whose log."), ("generation" = u16, Path, description = "From 1.")),
    responses((status = 204, description = "It goes on."))
)]
async fn unfreeze_log(
    State(context): State<ApiContext>,
    caller: Caller,
    Named((member, generation)): Named<(MemberId, u16)>,
) -> Result<StatusCode, Problem> {
    let log = known(&context, member, generation)?;
    if !context.shared().log(&log).is_some_and(|state| state.frozen) {
        return Err(Problem::new(Code::Conflict, "the log is not frozen"));
    }
    caller.note(&context, "unfreeze_log", &log);
    context.engine().unfreeze(log).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Vouch for the own log
///
/// After a start the node asks its peers for its own newest checkpoint before it signs. Where no peer can be asked, an
/// operator may say that the log here is complete. Said wrongly, the node signs a second history and convicts itself.
#[utoipa::path(
    post, path = "/api/v1/log/trust-own", tag = "log",
    responses((status = 204, description = "The node signs."))
)]
async fn trust_own_log(State(context): State<ApiContext>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.note(&context, "trust_own_log", &context.shared().me);
    context.engine().trust_own_log().await?;
    Ok(StatusCode::NO_CONTENT)
}
