// SPDX-License-Identifier: EUPL-1.2
//! The feed as server-sent events (WHATWG HTML, 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::answer::Channel;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::super::caller::Caller;
use super::super::context::ApiContext;
use super::super::input::Params;
use super::super::problem::Problem;
use super::cursor::Cursor;
use super::events::Follow;
use super::streams::Place;
use super::{delivery, recipient};
use crate::access::TokenId;
use crate::engine::now;

/// Events that wait for a slow client; more stay in the store.
const WAITING_MAX: usize = 16;
/// Events read at once.
const READ_MAX: usize = 8;
/// A comment this often keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it connects anew.
const RETRY: Duration = Duration::from_secs(3);

/// Where to begin.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamParams {
    /// The cursor to go on from; the header `Last-Event-ID` goes before it.
    cursor: Option<String>,
}

/// Follow the feed as a stream
///
/// Server-sent events: `event` is the type, `id` the cursor, `data` the same JSON as in the feed. A client that connects
/// anew with `Last-Event-ID` goes on where it was, at any node. A comment every 15 seconds keeps the stream open. The
/// stream ends when the token does.
#[utoipa::path(
    get, path = "/api/v1/feed/stream", tag = "feed",
    params(StreamParams, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that arrived.")),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(super) async fn stream_feed(
    State(context): State<ApiContext>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<StreamParams>,
) -> Result<Response, Problem> {
    let recipient = recipient(&caller)?;
    let last =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let cursor = Cursor::parse(last.or(params.cursor.as_deref()))?;
    delivery::acknowledge(&context, recipient, &cursor, Channel::Stream);
    let place = context.streams().enter(caller.id())?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let follow = Follow::new(&context, recipient.clone(), cursor);
    tokio::spawn(send(context, follow, caller.id(), sender, place));
    let stream = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    let mut response = stream.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

type Sender = mpsc::Sender<Result<Event, Infallible>>;

/// Sends events until the client goes, the token ends, or the node stops.
async fn send(context: ApiContext, mut follow: Follow, token: TokenId, sender: Sender, _place: Place) {
    let first = Event::default().retry(RETRY).comment("connected");
    if sender.send(Ok(first)).await.is_err() {
        return;
    }
    while context.access().is_live(token, now()) {
        let events = match follow.read(&context, READ_MAX) {
            Ok(events) => events,
            // The client comes back with its last id and loses nothing.
            Err(_) => return,
        };
        let quiet = events.is_empty();
        for event in events {
            let Ok(data) = Event::default().event(event.kind()).id(event.cursor()).json_data(&event) else {
                return;
            };
            if sender.send(Ok(data)).await.is_err() {
                return;
            }
        }
        if quiet {
            tokio::select! {
                () = sender.closed() => return,
                _ = follow.wait(&context, Instant::now() + HEARTBEAT) => {}
            }
        }
        if context.stopping().is_cancelled() {
            return;
        }
    }
}
