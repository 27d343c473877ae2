// SPDX-License-Identifier: EUPL-1.2
//! Holds: "leave this alone for now", among members only and without reasons.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use concert_protocol::consolidation::HoldView;
use concert_protocol::content::{Fingerprint, defang, refang};
use concert_protocol::entry::hold::{Hold, HoldReleased};
use concert_protocol::entry::text::{Address, List};
use concert_protocol::entry::{Body as EntryBody, EntryId, EntryRef};
use concert_protocol::member::MemberId;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authoring::{Fate, Written, author_keyed, author_one, key_reused, keyed};
use super::caller::Caller;
use super::context::ApiContext;
use super::input::{Body, IdempotencyKey, Named, Params};
use super::page::{self, Page};
use super::problem::{Code, Problem};
use crate::engine::Unique;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new().routes(routes!(list_holds, place_hold)).routes(routes!(release_hold))
}

/// A standing hold.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
struct HoldDocument {
    /// Its entry.
    #[schema(value_type = String)]
    hold: EntryRef,
    /// Who holds.
    #[schema(value_type = String)]
    member: MemberId,
    /// Since when.
    #[schema(value_type = String)]
    at: Timestamp,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// Addresses whose content is held, defanged.
    display: Vec<String>,
    /// Digests of the content.
    #[schema(value_type = Vec<String>)]
    fingerprints: Vec<Fingerprint>,
    /// Referrals whose content is held.
    #[schema(value_type = Vec<String>)]
    referrals: Vec<EntryRef>,
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

/// List holds
///
/// Every member's standing holds.
#[utoipa::path(
    get, path = "/api/v1/holds", tag = "holds", params(ListParams),
    responses((status = 200, body = Page<HoldDocument>))
)]
async fn list_holds(
    State(context): State<ApiContext>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let after: Option<EntryRef> = page::name_of(params.cursor.as_deref())?;
    let mut holds = context.shared().consolidation().holds();
    holds.sort_by(|a, b| a.hold.cmp(&b.hold));
    holds.retain(|hold| after.as_ref().is_none_or(|after| hold.hold > *after));
    let more = holds.len() > limit;
    holds.truncate(limit);
    let next = holds.last().filter(|_| more).map(|last| page::cursor_of(last.hold.to_string().as_bytes()));
    let items = holds.into_iter().map(|hold| document(&context, hold)).collect::<Result<Vec<_>, _>>()?;
    caller.note(&context, "list_holds", format!("{} holds", items.len()));
    Ok(Page { items, next }.respond(&uri))
}

fn document(context: &ApiContext, view: HoldView) -> Result<HoldDocument, Problem> {
    let body = match context.find(&view.hold)?.map(|found| found.entry.body) {
        Some(EntryBody::Hold(hold)) => Some(*hold),
        _ => None,
    };
    let (display, fingerprints, referrals) = match body {
        Some(hold) => (
            hold.addresses.iter().map(|address| defang(address.as_str())).collect(),
            hold.fingerprints.into_vec(),
            hold.referrals.into_vec(),
        ),
        None => Default::default(),
    };
    let member = view.hold.author.clone();
    Ok(HoldDocument {
        hold: view.hold,
        member,
        at: view.at,
        until: view.until,
        display,
        fingerprints,
        referrals,
    })
}

/// What is to be left alone; at least one address, fingerprint or referral.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold)]
struct HoldRequest {
    /// Addresses, live or defanged.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 50)]
    addresses: List<String, 0, 50>,
    /// Fingerprints.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 50)]
    fingerprints: List<Fingerprint, 0, 50>,
    /// Referrals whose content is meant.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 50)]
    referrals: List<EntryRef, 0, 50>,
    /// When it ends by itself; without it, when released.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    until: Option<Timestamp>,
}

/// Place a hold
///
/// Asks all members that no notice be issued for some content. No reasons are given. Notices of tiers 1 and 2 are
/// issued all the same, and the holder is told.
#[utoipa::path(
    post, path = "/api/v1/holds", tag = "holds", request_body = HoldRequest,
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn place_hold(
    State(context): State<ApiContext>,
    key: IdempotencyKey,
    Body(request): Body<HoldRequest>,
) -> Result<Response, Problem> {
    let address = |(at, text): (usize, &String)| {
        refang(text.trim())
            .parse::<Address>()
            .map_err(|error| Problem::field(format!("/addresses/{at}"), error.to_string()))
    };
    let addresses = request.addresses.iter().enumerate().map(address).collect::<Result<Vec<_>, _>>()?;
    let addresses =
        List::try_from(addresses).map_err(|error| Problem::field("/addresses", error.to_string()))?;
    let hold = Hold {
        addresses,
        fingerprints: request.fingerprints,
        referrals: request.referrals,
        until: request.until,
    };
    let unique = keyed("hold", "", &key);
    Ok(author_keyed(&context, EntryBody::Hold(Box::new(hold)), unique).await?.respond(None))
}

/// Release a hold
///
/// Only this member's own.
#[utoipa::path(
    post, path = "/api/v1/holds/{member}/{id}/release", tag = "holds",
    params(("member" = String, Path, description = "Who holds."), ("id" = String, Path, description = "The hold's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn release_hold(
    State(context): State<ApiContext>,
    Named((author, id)): Named<(MemberId, EntryId)>,
) -> Result<Response, Problem> {
    let hold = EntryRef { author, id };
    let found = context.find(&hold)?.ok_or_else(Problem::not_found)?;
    if !matches!(found.entry.body, EntryBody::Hold(_)) {
        return Err(Problem::not_found());
    }
    if hold.author != context.shared().me {
        let detail = format!("only {} can do this: it is that member's hold", hold.author);
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let unique = Unique::of("hold.released", &[&hold.to_string()]);
    match author_one(&context, EntryBody::HoldReleased(Box::new(HoldReleased { hold })), unique).await? {
        Fate::Written(written) => Ok(written.respond(None)),
        Fate::Other(..) => Err(key_reused()),
    }
}
