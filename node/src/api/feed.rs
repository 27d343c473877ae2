// SPDX-License-Identifier: EUPL-1.2
//! The feed: how a platform's own code receives its notices, by cursor, long poll or server-sent events.
//!
//! Events come from the coordinators' logs, in each log's own order. A cursor says how far each of these logs was read, so
//! it means the same at every node and after a rebuild. Nothing is ever lost by reading slowly; coming back with a
//! cursor says that everything before it arrived.

mod cursor;
mod delivery;
mod events;
mod stream;
mod streams;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use concert_protocol::entry::answer::Channel;
use concert_protocol::entry::text::RecipientId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::context::ApiContext;
use super::input::Params;
use super::problem::{Code, Problem};
use cursor::Cursor;
pub(super) use delivery::{Acknowledged, delivered_by_reading};
use events::FeedEvent;
pub(super) use streams::Streams;

/// Most events in one answer; each carries a whole notice.
const EVENTS_MAX: usize = 100;
const EVENTS_DEFAULT: usize = 50;
/// Longest wait of a long poll, in seconds.
const WAIT_MAX_S: u64 = 60;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new().routes(routes!(read_feed)).routes(routes!(stream::stream_feed))
}

/// Where to go on, and for how long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedParams {
    /// The cursor of the last event or answer that arrived; without it, from the beginning.
    cursor: Option<String>,
    /// Most events in the answer, 1 to 100.
    limit: Option<usize>,
    /// Seconds to wait for an event when there is none, 0 to 60.
    wait: Option<u64>,
}

/// Events, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = Feed)]
struct Feed {
    /// What happened, in order. May be empty.
    events: Vec<FeedEvent>,
    /// Send this with the next request.
    cursor: String,
    /// There is more to read at once.
    more: bool,
}

/// The recipient that calls.
fn recipient(caller: &Caller) -> Result<&RecipientId, Problem> {
    caller.recipient().ok_or_else(|| Problem::new(Code::Forbidden, "a feed belongs to a recipient"))
}

/// Read the feed
///
/// Notices of the calling recipient, as they were issued, revised, merged and withdrawn; each event carries the notice
/// as it now stands. Keep the cursor of what you have stored, and come back with it: that says that it arrived. `attention`
/// tells whether there is something new to act on. With `wait`, the answer is held back until there is an event.
#[utoipa::path(
    get, path = "/api/v1/feed", tag = "feed", params(FeedParams),
    responses((status = 200, body = Feed))
)]
async fn read_feed(
    State(context): State<ApiContext>,
    caller: Caller,
    Params(params): Params<FeedParams>,
) -> Result<Json<Feed>, Problem> {
    let recipient = recipient(&caller)?;
    let limit = match params.limit {
        None => EVENTS_DEFAULT,
        Some(limit) if (1..=EVENTS_MAX).contains(&limit) => limit,
        Some(_) => return Err(Problem::new(Code::Malformed, format!("limit: expected 1 to {EVENTS_MAX}"))),
    };
    let wait = match params.wait.unwrap_or(0) {
        wait if wait <= WAIT_MAX_S => Duration::from_secs(wait),
        _ => return Err(Problem::new(Code::Malformed, format!("wait: expected 0 to {WAIT_MAX_S}"))),
    };
    let cursor = Cursor::parse(params.cursor.as_deref())?;
    delivery::acknowledge(&context, recipient, &cursor, Channel::Feed);
    let _place = context.streams().enter(caller.id())?;
    let deadline = Instant::now() + wait;
    let mut follow = events::Follow::new(&context, recipient.clone(), cursor);
    loop {
        let events = follow.read(&context, limit + 1)?;
        let waits = events.is_empty() && Instant::now() < deadline;
        if !waits || !follow.wait(&context, deadline).await {
            return Ok(Json(feed(events, limit, &follow)));
        }
    }
}

fn feed(mut events: Vec<FeedEvent>, limit: usize, follow: &events::Follow) -> Feed {
    let more = events.len() > limit;
    events.truncate(limit);
    let cursor = events.last().map_or_else(|| follow.cursor().to_string(), |event| event.cursor().to_owned());
    Feed { events, cursor, more }
}
