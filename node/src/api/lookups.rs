// SPDX-License-Identifier: EUPL-1.2
//! Has anybody this? Answered before anything is shown to a person, from memory alone.
//!
//! Neither the queries nor what they met are ever logged; the access log has how many there were.

use axum::Json;
use axum::extract::State;
use concert_protocol::consolidation::{HitKind, LookupHit, NoticeState};
use concert_protocol::content::{Fingerprint, Locator};
use concert_protocol::entry::answer::AnswerOutcome;
use concert_protocol::entry::referral::Tier;
use concert_protocol::entry::text::List;
use concert_protocol::entry::{EntryRef, NoticeId};
use concert_protocol::member::MemberId;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::context::ApiContext;
use super::input::Body;
use super::problem::Problem;

/// Most queries in one request.
const QUERIES_MAX: usize = 1_000;
/// Most referrals told of one query; `hits_ever` says how many there are.
const HITS_MAX: usize = 50;
/// Longest query, in bytes; the longest address, defanged.
const QUERY_LEN_MAX: usize = 32 << 10;

/// What to look up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LookupRequest)]
pub(super) struct LookupRequest {
    /// 1 to 1,000 addresses (live or defanged) and fingerprints (`sha256:...`, `sha1:...`, `md5:...`, `pdq:...`, or 64,
    /// 40 or 32 bare hexadecimal digits for the first three).
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1000, example = json!(["hxxps://video-a[.]example/watch?v=1"]))]
    queries: List<String, 1, QUERIES_MAX>,
}

/// The answers, in the order of the queries.
#[derive(Serialize, ToSchema)]
#[schema(as = LookupResponse)]
pub(super) struct LookupResponse {
    /// One for each query.
    results: Vec<LookupResult>,
}

/// What a query came to.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LookupOutcome {
    /// No member has referred it.
    Unknown,
    /// The same address or an equal fingerprint.
    Exact,
    /// A near picture.
    Near,
    /// Neither an address nor a fingerprint; `detail` says why.
    Invalid,
}

/// What was found for one query.
#[derive(Serialize, ToSchema)]
#[schema(as = LookupResult)]
struct LookupResult {
    /// The best of the hits.
    outcome: LookupOutcome,
    /// Why the query is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The query as it was understood, defanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<String>,
    /// How many referrals were met; more than `hits` has when there are over 50.
    hits_ever: usize,
    /// Standing referrals that concern it, the earliest first.
    hits: Vec<Hit>,
}

/// One standing referral.
#[derive(Serialize, ToSchema)]
#[schema(as = LookupHit)]
struct Hit {
    /// How it was met.
    kind: LookupOutcome,
    /// For a near picture: bits that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<u16>,
    /// For a near picture: the largest distance that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u16>,
    /// The referral.
    #[schema(value_type = String)]
    referral: EntryRef,
    /// Whose unit referred it.
    #[schema(value_type = String)]
    member: MemberId,
    /// The unit.
    unit: Box<str>,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Its severity, 1 to 4.
    #[schema(value_type = u8)]
    tier: Tier,
    /// The notice about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    notice: Option<NoticeId>,
    /// How that notice stands: open, merged, withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_state: Option<&'static str>,
    /// What the recipient last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "removed")]
    answer: Option<AnswerOutcome>,
    /// A member asks that it be left alone for now.
    on_hold: bool,
}

/// Look up addresses and fingerprints
///
/// Tells for each query whether any member has referred it, and what became of that. Ask before anything is shown to
/// a person: what another member has assessed can be endorsed without looking.
#[utoipa::path(
    post, path = "/api/v1/lookups", tag = "referrals", request_body = LookupRequest,
    responses((status = 200, body = LookupResponse))
)]
pub(super) async fn look_up(
    State(context): State<ApiContext>,
    caller: Caller,
    Body(request): Body<LookupRequest>,
) -> Result<Json<LookupResponse>, Problem> {
    let results = request.queries.iter().map(|query| look_up_one(&context, query)).collect();
    caller.note(&context, "look_up", format!("{} queries", request.queries.len()));
    Ok(Json(LookupResponse { results }))
}

/// What a query is.
enum Query {
    Address(Box<Locator>),
    Fingerprint(Fingerprint),
}

fn look_up_one(context: &ApiContext, text: &str) -> LookupResult {
    let query = match read(text) {
        Ok(query) => query,
        Err(detail) => {
            let outcome = LookupOutcome::Invalid;
            return LookupResult {
                outcome,
                detail: Some(detail),
                display: None,
                hits_ever: 0,
                hits: Vec::new(),
            };
        }
    };
    // Each query holds the lock by itself, so that a thousand of them do not keep the projection waiting.
    let consolidation = context.shared().consolidation();
    let (display, hits) = match &query {
        Query::Address(locator) => (locator.defanged(), consolidation.lookup_address(locator)),
        Query::Fingerprint(fingerprint) => {
            (fingerprint.to_string(), consolidation.lookup_fingerprint(fingerprint))
        }
    };
    drop(consolidation);
    let hits_ever = hits.len();
    let outcome = hits.iter().map(|hit| hit.kind).min().map_or(LookupOutcome::Unknown, outcome_of);
    let hits = hits.into_iter().take(HITS_MAX).map(Hit::of).collect();
    LookupResult { outcome, detail: None, display: Some(display), hits_ever, hits }
}

fn outcome_of(kind: HitKind) -> LookupOutcome {
    match kind {
        HitKind::Exact => LookupOutcome::Exact,
        HitKind::Near { .. } => LookupOutcome::Near,
    }
}

impl Hit {
    fn of(hit: LookupHit) -> Self {
        let (distance, threshold) = match hit.kind {
            HitKind::Exact => (None, None),
            HitKind::Near { distance, threshold } => (Some(distance), Some(threshold)),
        };
        Self {
            kind: outcome_of(hit.kind),
            distance,
            threshold,
            referral: hit.referral,
            member: hit.member,
            unit: hit.unit,
            at: hit.at,
            tier: hit.tier,
            notice: hit.notice.map(|(notice, _)| notice),
            notice_state: hit.notice.map(|(_, state)| state_word(state)),
            answer: hit.outcome,
            on_hold: hit.hold,
        }
    }
}

/// A notice's state in one word.
pub(super) fn state_word(state: NoticeState) -> &'static str {
    match state {
        NoticeState::Open => "open",
        NoticeState::Merged(_) => "merged",
        NoticeState::Withdrawn => "withdrawn",
    }
}

/// Reads a query: a fingerprint by its name or its length, else an address.
fn read(text: &str) -> Result<Query, String> {
    if text.len() > QUERY_LEN_MAX {
        return Err(format!("longer than {QUERY_LEN_MAX} bytes"));
    }
    let text = text.trim();
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    let named = match (digits, text.len()) {
        (true, 64) => Some(format!("sha256:{text}")),
        (true, 40) => Some(format!("sha1:{text}")),
        (true, 32) => Some(format!("md5:{text}")),
        _ => with_algorithm(text),
    };
    if let Some(named) = named {
        return named
            .parse()
            .map(Query::Fingerprint)
            .map_err(|error: concert_protocol::content::FingerprintError| error.to_string());
    }
    Locator::parse(text).map(|locator| Query::Address(Box::new(locator))).map_err(|error| error.to_string())
}

/// A text that begins with the name of an algorithm. A PDQ hash without its quality is taken to be of the best.
fn with_algorithm(text: &str) -> Option<String> {
    let (algorithm, value) = text.split_once(':')?;
    let algorithm = algorithm.to_ascii_lowercase();
    let known = ["sha256", "sha1", "md5", "pdq", "tlsh", "tmk", "vpdq"].contains(&algorithm.as_str());
    let bare_pdq = algorithm == "pdq" && !value.contains(':');
    known.then(|| if bare_pdq { format!("pdq:{value}:q100") } else { format!("{algorithm}:{value}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> String {
        match read(text) {
            Ok(Query::Address(locator)) => format!("address {}", locator.as_str()),
            Ok(Query::Fingerprint(fingerprint)) => fingerprint.to_string().chars().take(10).collect(),
            Err(_) => "invalid".into(),
        }
    }

    #[test]
    fn queries_are_told_apart() {
        assert_eq!(kind(&"ab".repeat(32)), "sha256:aba");
        assert_eq!(kind(&"AB".repeat(20)), "sha1:ababa");
        assert_eq!(kind(&"ab".repeat(16)), "md5:ababab");
        assert_eq!(kind(&format!("PDQ:{}", "0f".repeat(32))), "pdq:0f0f0f");
        assert_eq!(kind(" hxxps://host[.]example/a "), "address https://host.example/a");
        assert_eq!(kind("https://host.example:8443/sha256:x"), "address https://host.example:8443/sha256:x");
        for bad in ["", "abc", "sha256:12", "pdq:12", "javascript:alert(1)", "https://localhost/"] {
            assert_eq!(kind(bad), "invalid", "{bad}");
        }
    }
}
