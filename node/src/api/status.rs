// SPDX-License-Identifier: EUPL-1.2
//! How the node stands: positions of every log, what is confirmed, what there is, what is wrong.

use axum::Json;
use axum::extract::State;
use concert_protocol::consolidation::Counts;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::context::ApiContext;
use super::input::Params;
use super::problem::{Problem, internal};
use crate::engine::now;

/// Whose token it is.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct Me {
    /// The token's id.
    #[schema(value_type = String)]
    token: crate::access::TokenId,
    /// Its name.
    #[schema(value_type = String)]
    name: concert_protocol::entry::Text<1, 120>,
    /// Its role.
    #[schema(value_type = String, example = "recipient:video-a")]
    role: crate::access::Role,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires: Option<Timestamp>,
    /// The member whose node this is.
    #[schema(value_type = String, example = "FR")]
    member: MemberId,
}

/// Whose token it is
///
/// What the node knows of the token that was sent.
#[utoipa::path(get, path = "/api/v1/me", tag = "status", responses((status = 200, body = Me)))]
pub(super) async fn me(State(context): State<ApiContext>, caller: Caller) -> Json<Me> {
    let Caller(token) = caller;
    let member = context.shared().me.clone();
    Json(Me { token: token.id, name: token.name, role: token.role, expires: token.expires, member })
}

/// What to include.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusParams {
    /// Also work out the digest of the derived state, which members compare. Takes a moment.
    #[serde(default)]
    digest: bool,
}

/// How the node stands. A recipient sees the first members only.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub(super) struct Status {
    /// The member whose node this is.
    #[schema(value_type = String, example = "FR")]
    member: MemberId,
    /// The program's version.
    version: &'static str,
    /// The node's clock.
    #[schema(value_type = String)]
    now: Timestamp,
    /// The roster in force.
    roster: RosterStatus,
    /// Everything stored has been checked and has had its effect.
    caught_up: bool,
    /// The rest, for people of the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeStatus>,
}

/// The roster in force.
#[derive(Serialize, ToSchema)]
#[schema(as = RosterStatus)]
struct RosterStatus {
    /// The federation.
    federation: String,
    /// Its number.
    version: u64,
    /// Its digest.
    digest: String,
    /// When it ends.
    #[schema(value_type = String)]
    expires: Timestamp,
    /// It has ended: reading goes on, new notices wait.
    expired: bool,
}

/// What the node's people see.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeStatus)]
struct NodeStatus {
    /// When it started.
    #[schema(value_type = String)]
    started: Timestamp,
    /// What the roster makes of it.
    role: NodeRole,
    /// It may sign in its own log. A mirror has none.
    own_ready: bool,
    /// Members with an open session.
    #[schema(value_type = Vec<String>)]
    connected: Vec<MemberId>,
    /// Every log.
    logs: Vec<LogStatus>,
    /// The locator rules in force.
    rules: RulesStatus,
    /// How much there is.
    counts: CountsDocument,
    /// Alarms since the start.
    alarms: usize,
    /// Bytes of the derived store on the disk.
    store_bytes: u64,
    /// Digest of the derived state; equal at members who have applied the same entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_digest: Option<String>,
    /// With `digest`: how many items are answered on notices that each member stands behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_items_by_member: Option<std::collections::BTreeMap<String, u64>>,
}

/// What the roster makes of a node.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NodeRole {
    /// Issues notices.
    Coordinator,
    /// Refers.
    Member,
    /// Replicates and serves.
    Mirror,
}

/// Rules by which addresses are one.
#[derive(Serialize, ToSchema)]
#[schema(as = RulesStatus)]
struct RulesStatus {
    /// Their number.
    version: u32,
    /// SHA-256 of their file.
    digest: String,
}

/// One log.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = LogStatus)]
pub(super) struct LogStatus {
    /// Its name.
    #[schema(value_type = String, example = "FR/1")]
    pub(super) log: LogId,
    /// Entries stored durably here.
    pub(super) stored: u64,
    /// Entries under its newest known checkpoint.
    pub(super) head: u64,
    /// Entries whose own signature was checked and that had their effect.
    pub(super) applied: u64,
    /// Entries stored on enough machines.
    pub(super) confirmed: u64,
    /// Its author was caught with two faces: nothing more is taken from it until an operator decides.
    pub(super) frozen: bool,
    /// The newest time that the author put under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) author_time: Option<Timestamp>,
    /// Who cosigned its newest checkpoint, and when.
    pub(super) cosigners: Vec<CosignerStatus>,
}

/// A cosignature.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Cosigner)]
pub(super) struct CosignerStatus {
    /// Who.
    #[schema(value_type = String)]
    member: MemberId,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
}

/// How much there is.
#[derive(Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsDocument {
    /// Standing referrals.
    referrals: u64,
    /// Referrals ever made.
    referrals_ever: u64,
    /// Standing endorsements.
    endorsements: u64,
    /// Items: addresses on platforms with at least one standing referral.
    items: u64,
    /// Contents.
    contents: u64,
    /// Cases.
    cases: u64,
    /// Open notices.
    notices_open: u64,
    /// Notices that went on as another.
    notices_merged: u64,
    /// Notices taken back.
    notices_withdrawn: u64,
    /// Notices that would be out if every member notified each item by itself.
    notices_alone: u64,
    /// `notices_alone` less the open notices that stand in their place.
    duplicates_avoided: u64,
    /// Referrals and endorsements beyond the first of each open notice.
    cosigners: u64,
    /// Recipients.
    recipients: u64,
    /// Standing holds.
    holds: u64,
    /// Answers.
    answers: u64,
}

impl From<Counts> for CountsDocument {
    fn from(counts: Counts) -> Self {
        Self {
            referrals: counts.referrals,
            referrals_ever: counts.referrals_ever,
            endorsements: counts.endorsements,
            items: counts.items,
            contents: counts.contents,
            cases: counts.cases,
            notices_open: counts.notices_open,
            notices_merged: counts.notices_merged,
            notices_withdrawn: counts.notices_withdrawn,
            notices_alone: counts.notices_alone,
            duplicates_avoided: counts.duplicates_avoided,
            cosigners: counts.cosigners,
            recipients: counts.recipients,
            holds: counts.holds,
            answers: counts.answers,
        }
    }
}

/// How every log stands.
pub(super) fn log_statuses(context: &ApiContext) -> Vec<LogStatus> {
    let shared = context.shared();
    let status = |(log, state): (LogId, crate::engine::LogState)| LogStatus {
        applied: shared.applied(&log),
        log,
        stored: state.stored,
        head: state.head,
        confirmed: state.confirmed,
        frozen: state.frozen,
        author_time: state.author_time,
        cosigners: state.cosigners.into_iter().map(|(member, at)| CosignerStatus { member, at }).collect(),
    };
    shared.logs().into_iter().map(status).collect()
}

/// How the node stands
///
/// Positions, confirmation, counts. A recipient sees who the node is and whether it has caught up.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "status", params(StatusParams),
    responses((status = 200, body = Status))
)]
pub(super) async fn status(
    State(context): State<ApiContext>,
    caller: Caller,
    Params(params): Params<StatusParams>,
) -> Result<Json<Status>, Problem> {
    let shared = context.shared();
    let roster = shared.roster();
    let at = now();
    let node = match caller.recipient() {
        Some(_) => None,
        None => Some(node_status(&context, params.digest).await?),
    };
    Ok(Json(Status {
        member: shared.me.clone(),
        version: env!("CARGO_PKG_VERSION"),
        now: at,
        roster: RosterStatus {
            federation: roster.federation().to_owned(),
            version: roster.version(),
            digest: roster.digest().to_string(),
            expires: roster.content().expires,
            expired: roster.expired(at),
        },
        caught_up: shared.caught_up(),
        node,
    }))
}

async fn node_status(context: &ApiContext, digest: bool) -> Result<NodeStatus, Problem> {
    let shared = context.shared();
    let roster = shared.roster();
    let role = if roster.is_coordinator(&shared.me) {
        NodeRole::Coordinator
    } else if roster.own_log(&shared.me).is_some() {
        NodeRole::Member
    } else {
        NodeRole::Mirror
    };
    let (state_digest, answered_items_by_member) = if digest {
        let shared = context.engine().shared_arc();
        // Over a large state this takes long enough to be in the way of other requests on this thread.
        let worked_out = tokio::task::spawn_blocking(move || {
            let reached = shared.consolidation().answered_items_by_member();
            (shared.consolidation_mut().state_digest().to_string(), reached)
        });
        let (digest, reached) = worked_out.await.map_err(|error| internal(&error))?;
        (Some(digest), Some(reached.into_iter().map(|(member, items)| (member.to_string(), items)).collect()))
    } else {
        (None, None)
    };
    let counts = shared.consolidation().counts().into();
    Ok(NodeStatus {
        started: shared.started,
        role,
        own_ready: shared.own_ready(),
        connected: shared.connected(),
        logs: log_statuses(context),
        rules: RulesStatus { version: shared.rules.version(), digest: shared.rules.digest_hex() },
        counts,
        alarms: shared.alarms.recent().len(),
        store_bytes: shared.store.size_on_disk(),
        state_digest,
        answered_items_by_member,
    })
}
