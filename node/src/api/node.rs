// SPDX-License-Identifier: EUPL-1.2
//! Running the node: peers, the roster, alarms, backups.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::text::Text;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{MemberState, Role, SignedRoster};
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::context::ApiContext;
use super::input::{Body, Raw};
use super::page::Page;
use super::problem::{Code, Problem, internal};
use crate::engine::RosterFileError;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(list_peers))
        .routes(routes!(read_roster, apply_roster))
        .routes(routes!(list_alarms))
        .routes(routes!(make_backup))
}

/// A member and whether it is connected.
#[derive(Serialize, ToSchema)]
#[schema(as = Peer)]
struct PeerDocument {
    /// Its code.
    #[schema(value_type = String, example = "FR")]
    member: MemberId,
    /// Its name.
    #[schema(value_type = String)]
    name: Text<1, 120>,
    /// What the roster makes of it: member, mirror, reviewer.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Issues notices.
    coordinator: bool,
    /// active or suspended.
    #[schema(value_type = String, example = "active")]
    state: MemberState,
    /// This node itself.
    own: bool,
    /// Has an open session with this node.
    connected: bool,
    /// Its contact desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    contact: Option<Text<1, 400>>,
    /// Where it can be reached.
    addresses: Vec<String>,
    /// The newest time that it put under its own log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    heard_at: Option<Timestamp>,
    /// The log that it writes at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    log: Option<LogId>,
}

/// List peers
///
/// Every member of the roster, and whether it is connected.
#[utoipa::path(get, path = "/api/v1/peers", tag = "node", responses((status = 200, body = Page<PeerDocument>)))]
async fn list_peers(State(context): State<ApiContext>) -> Json<Page<PeerDocument>> {
    let shared = context.shared();
    let roster = shared.roster();
    let connected = shared.connected();
    let peer = |member: &concert_protocol::roster::RosterMember| {
        let log = roster.own_log(&member.member);
        PeerDocument {
            member: member.member.clone(),
            name: member.name.clone(),
            roles: member.roles.clone(),
            coordinator: roster.is_coordinator(&member.member),
            state: member.state,
            own: member.member == shared.me,
            connected: connected.contains(&member.member),
            contact: member.contact.clone(),
            addresses: member.addresses.clone(),
            heard_at: log.as_ref().and_then(|log| shared.log(log)).and_then(|state| state.author_time),
            log,
        }
    };
    Json(Page { items: roster.members().iter().map(peer).collect(), next: None })
}

/// The roster in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Roster)]
struct RosterDocument {
    /// Its number.
    version: u64,
    /// SHA-256 of its payload.
    digest: String,
    /// When it ends.
    #[schema(value_type = String)]
    expires: Timestamp,
    /// What it says.
    #[schema(value_type = Object)]
    content: concert_protocol::roster::RosterVersion,
    /// The signed file, byte for byte: a JWS in general JSON serialisation.
    signed: String,
}

/// Read the roster
///
/// Who is a member and which keys speak for whom.
#[utoipa::path(get, path = "/api/v1/roster", tag = "node", responses((status = 200, body = RosterDocument)))]
async fn read_roster(State(context): State<ApiContext>) -> Json<RosterDocument> {
    let roster = context.shared().roster();
    Json(RosterDocument {
        version: roster.version(),
        digest: roster.digest().to_string(),
        expires: roster.content().expires,
        content: roster.content().clone(),
        signed: String::from_utf8_lossy(roster.bytes()).into_owned(),
    })
}

/// A roster version that is now in force.
#[derive(Serialize, ToSchema)]
#[schema(as = RosterApplied)]
struct RosterApplied {
    /// Its number.
    version: u64,
}

/// Put the next roster version in force
///
/// The body is the signed file. It must follow the version in force and carry a threshold of root keys of both.
#[utoipa::path(
    post, path = "/api/v1/roster", tag = "node",
    request_body(content = Object, content_type = "application/json", description = "The signed roster file, byte for byte."),
    responses((status = 200, body = RosterApplied))
)]
async fn apply_roster(
    State(context): State<ApiContext>,
    caller: Caller,
    Raw(bytes): Raw,
) -> Result<Json<RosterApplied>, Problem> {
    let signed = SignedRoster::parse(&bytes).map_err(|error| Problem::field("", error.to_string()))?;
    caller.note(&context, "apply_roster", signed.digest());
    match context.engine().apply_roster(signed).await {
        Ok(version) => Ok(Json(RosterApplied { version })),
        Err(RosterFileError::Stopping) => Err(Problem::new(Code::Unavailable, "the node is stopping")),
        Err(error @ RosterFileError::Invalid { .. }) => Err(Problem::conflict(with_cause(&error))),
        Err(error) => Err(internal(&error)),
    }
}

/// The message with those that it rests on: which key or version is meant stands in the cause.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let message = source.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = source.source();
    }
    text
}

/// Something for people to look at.
#[derive(Serialize, ToSchema)]
#[schema(as = Alarm)]
struct AlarmDocument {
    /// When this node noticed.
    #[schema(value_type = String)]
    at: Timestamp,
    /// A stable word.
    #[schema(example = "equivocation")]
    code: String,
    /// What, and who.
    message: String,
}

/// List alarms
///
/// The newest alarms since the start, newest first.
#[utoipa::path(get, path = "/api/v1/alarms", tag = "node", responses((status = 200, body = Page<AlarmDocument>)))]
async fn list_alarms(State(context): State<ApiContext>) -> Json<Page<AlarmDocument>> {
    let recent = context.shared().alarms.recent();
    let document = |alarm: crate::engine::RaisedAlarm| AlarmDocument {
        at: alarm.at,
        code: alarm.code.to_string(),
        message: alarm.message,
    };
    Json(Page { items: recent.into_iter().rev().map(document).collect(), next: None })
}

/// Where to put a backup.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBackup)]
struct BackupRequest {
    /// A name of 1 to 64 of `a-z`, `A-Z`, `0-9`, `-`, `_` and `.` below the configured folder, or an absolute path. The
    /// folder must be empty or absent.
    #[schema(example = "2026-11-22")]
    folder: String,
}

/// A backup that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup)]
struct BackupDocument {
    /// Where it is, on the node's machine.
    folder: String,
}

/// Make a backup
///
/// Copies the journals consistently while the node runs. Keys are not in it.
#[utoipa::path(
    post, path = "/api/v1/backup", tag = "node", request_body = BackupRequest,
    responses((status = 201, body = BackupDocument))
)]
async fn make_backup(
    State(context): State<ApiContext>,
    caller: Caller,
    Body(request): Body<BackupRequest>,
) -> Result<Response, Problem> {
    let folder = backup_folder(context.settings().backups.as_deref(), &request.folder)?;
    // Lines that wait belong into the copy.
    context.access().flush().await?;
    caller.note(&context, "make_backup", "journals");
    context.engine().backup(folder.clone()).await.map_err(Problem::conflict)?;
    Ok((StatusCode::CREATED, Json(BackupDocument { folder: folder.display().to_string() })).into_response())
}

fn backup_folder(below: Option<&Path>, name: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(name);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let plain = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !plain {
        return Err(Problem::field("/folder", "expected a plain name or an absolute path"));
    }
    let below = below
        .ok_or_else(|| Problem::field("/folder", "no backup folder is configured; give an absolute path"))?;
    Ok(below.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_backup_stays_below_its_folder() {
        let below = Path::new("/backups");
        assert_eq!(backup_folder(Some(below), "2026-11-22").ok(), Some("/backups/2026-11-22".into()));
        assert_eq!(backup_folder(None, "/elsewhere/x").ok(), Some("/elsewhere/x".into()));
        assert!(backup_folder(None, "x").is_err());
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "a b"] {
            assert!(backup_folder(Some(below), bad).is_err(), "{bad}");
        }
    }
}
