// SPDX-License-Identifier: EUPL-1.2
//! Recipients: whom notices go to. Registered by the hub, or by a member for a national one.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use concert_protocol::consolidation::RecipientView;
use concert_protocol::entry::recipient::{Recipient, RecipientSuspended};
use concert_protocol::entry::text::{RecipientId, Text};
use concert_protocol::entry::{Body as EntryBody, EntryRef};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authoring::{Fate, Outcome, Written, author_keyed, author_one, key_reused, keyed};
use super::context::ApiContext;
use super::input::{Body, IdempotencyKey, Named, Params};
use super::page::{self, Page};
use super::problem::{Problem, internal};
use super::schema::RecipientSchema;
use crate::engine::Unique;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(list_recipients, register_recipient))
        .routes(routes!(suspend_recipient))
}

/// A recipient as the registrations together say it is.
#[derive(Serialize, ToSchema)]
#[schema(as = RecipientView)]
struct RecipientDocument {
    /// The record in force.
    #[schema(value_type = RecipientSchema)]
    record: Recipient,
    /// The entry that carries it.
    #[schema(value_type = String)]
    entry: EntryRef,
    /// Receives nothing more until it is updated.
    suspended: bool,
}

impl From<RecipientView> for RecipientDocument {
    fn from(view: RecipientView) -> Self {
        Self { record: view.record, entry: view.entry, suspended: view.suspended }
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

/// List recipients
///
/// By id.
#[utoipa::path(
    get, path = "/api/v1/recipients", tag = "recipients", params(ListParams),
    responses((status = 200, body = Page<RecipientDocument>))
)]
async fn list_recipients(
    State(context): State<ApiContext>,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let after: Option<RecipientId> = page::name_of(params.cursor.as_deref())?;
    let mut items: Vec<RecipientDocument> = {
        let consolidation = context.shared().consolidation();
        let behind =
            |view: &&RecipientView| after.as_ref().is_none_or(|after| view.record.recipient > *after);
        consolidation
            .recipients()
            .filter(behind)
            .take(limit + 1)
            .cloned()
            .map(RecipientDocument::from)
            .collect()
    };
    let more = items.len() > limit;
    items.truncate(limit);
    let next =
        items.last().filter(|_| more).map(|last| page::cursor_of(last.record.recipient.as_str().as_bytes()));
    Ok(Page { items, next }.respond(&uri))
}

/// Register or update a recipient
///
/// The whole record as it should read. A record that reads so already is answered `existing`; updating a suspended
/// recipient lifts the suspension.
#[utoipa::path(
    post, path = "/api/v1/recipients", tag = "recipients",
    request_body(content = RecipientSchema, content_type = "application/json"),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn register_recipient(
    State(context): State<ApiContext>,
    Body(record): Body<Recipient>,
) -> Result<Response, Problem> {
    let known = context.shared().consolidation().recipient(&record.recipient).cloned();
    if let Some(known) = known.as_ref().filter(|known| known.record == record && !known.suspended)
        && let Some(found) = context.find(&known.entry)?
    {
        let (log, index, at) = (found.record.log, found.record.index, found.entry.at);
        let written = Written { outcome: Outcome::Existing, entry: known.entry.clone(), log, index, at };
        return Ok(Json(written).into_response());
    }
    let text = serde_json::to_string(&record).map_err(|error| internal(&error))?;
    // Made unique by what it changes, so that a double click registers once and a change back is still a change.
    let before =
        known.as_ref().map(|known| format!("{} {}", known.entry, known.suspended)).unwrap_or_default();
    let unique = Unique::of("recipient", &[&text, &before]);
    let body = match known {
        None => EntryBody::RecipientRegistered(Box::new(record)),
        Some(_) => EntryBody::RecipientUpdated(Box::new(record)),
    };
    match author_one(&context, body, unique).await? {
        Fate::Written(written) => Ok(written.respond(None)),
        Fate::Other(..) => Err(key_reused()),
    }
}

/// Why it is suspended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Suspension)]
struct SuspensionRequest {
    /// For members, 1 to 1,000 characters.
    #[schema(value_type = String)]
    reason: Text<1, 1000>,
}

/// Suspend a recipient
///
/// It receives nothing more until it is updated.
#[utoipa::path(
    post, path = "/api/v1/recipients/{id}/suspension", tag = "recipients", request_body = SuspensionRequest,
    params(("id" = String, Path, description = "The recipient's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn suspend_recipient(
    State(context): State<ApiContext>,
    key: IdempotencyKey,
    Named(recipient): Named<RecipientId>,
    Body(request): Body<SuspensionRequest>,
) -> Result<Response, Problem> {
    if context.shared().consolidation().recipient(&recipient).is_none() {
        return Err(Problem::not_found());
    }
    let unique = keyed("recipient.suspended", recipient.as_str(), &key);
    let body = RecipientSuspended { recipient, reason: request.reason };
    Ok(author_keyed(&context, EntryBody::RecipientSuspended(Box::new(body)), unique).await?.respond(None))
}
