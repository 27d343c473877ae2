// SPDX-License-Identifier: EUPL-1.2
//! The one table that says who may use which route, how large its body may be and what protects its retries.
//!
//! A route that is not in the table cannot be called: the door refuses what it finds no rule for. A generated test
//! walks the table: each route, each role, own, foreign and missing objects (RELIABILITY C1).

use super::role::RoleName;
use RoleName::{Administrator, Analyst, Approver, Auditor, Officer, Recipient, Reviewer};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody, without a token.
    Public,
    /// Holders of a live token of one of these roles.
    Roles(&'static [RoleName]),
}

/// What a POST that is sent twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing is authored; repeating is harmless, or plainly does the thing twice.
    Plain,
    /// The request names what it is about once and for all (unit and reference, recipient); the same again is `existing`.
    Natural,
    /// The caller must send an `Idempotency-Key`.
    Key,
}

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The ordinary bound.
    Bounded,
    /// A long poll or a stream, which bounds itself.
    Streaming,
}

/// One route and its rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The method.
    pub method: &'static str,
    /// The path with its parameters, as the router and the description have it.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// Largest request body in bytes; 0 for routes without one.
    pub body_max: usize,
    /// What a repeated request does.
    pub repeat: Repeat,
    /// How long it may take.
    pub patience: Patience,
}

const ANY: Who = Who::Roles(&RoleName::ALL);
/// People of the member whose node this is.
const PEOPLE: Who = Who::Roles(&[Administrator, Analyst, Approver, Officer, Reviewer, Auditor]);
const REFERRERS: Who = Who::Roles(&[Analyst, Approver, Officer]);
const DRAFT_READERS: Who = Who::Roles(&[Analyst, Approver, Officer, Reviewer, Auditor]);
const APPROVERS: Who = Who::Roles(&[Approver]);
const REGISTRARS: Who = Who::Roles(&[Officer, Administrator]);
const ANSWERERS: Who = Who::Roles(&[Recipient, Officer]);
const RECIPIENTS: Who = Who::Roles(&[Recipient]);
const ADMINISTRATORS: Who = Who::Roles(&[Administrator]);
const AUDITORS: Who = Who::Roles(&[Auditor]);

/// A form with a few fields.
const SMALL: usize = 16 << 10;
/// One entry.
const ENTRY: usize = 256 << 10;
/// A thousand look-ups, or a hundred answers.
const LARGE: usize = 1 << 20;
/// Hundreds of entries.
const BATCH: usize = 8 << 20;

const fn get(path: &'static str, who: Who) -> Rule {
    Rule { method: "GET", path, who, body_max: 0, repeat: Repeat::Plain, patience: Patience::Bounded }
}

const fn post(path: &'static str, who: Who, body_max: usize, repeat: Repeat) -> Rule {
    Rule { method: "POST", path, who, body_max, repeat, patience: Patience::Bounded }
}

/// Every route.
pub const RULES: &[Rule] = &[
    get("/", Who::Public),
    get("/livez", Who::Public),
    get("/readyz", Who::Public),
    get("/openapi.json", Who::Public),
    get("/.well-known/jwks.json", Who::Public),
    get("/problems/{code}", Who::Public),
    get("/api/v1/me", ANY),
    get("/api/v1/status", ANY),
    post("/api/v1/lookups", PEOPLE, LARGE, Repeat::Plain),
    get("/api/v1/referrals", PEOPLE),
    post("/api/v1/referrals", REFERRERS, ENTRY, Repeat::Natural),
    post("/api/v1/referrals:batch", REFERRERS, BATCH, Repeat::Natural),
    get("/api/v1/referrals/{member}/{id}", PEOPLE),
    post("/api/v1/referrals/{member}/{id}/withdrawal", REFERRERS, SMALL, Repeat::Key),
    post("/api/v1/referrals/{member}/{id}/amendment", REFERRERS, ENTRY, Repeat::Key),
    post("/api/v1/referrals/{member}/{id}/endorsement", REFERRERS, SMALL, Repeat::Natural),
    post("/api/v1/endorsements:batch", REFERRERS, LARGE, Repeat::Natural),
    get("/api/v1/drafts", DRAFT_READERS),
    post("/api/v1/drafts/{id}/approval", APPROVERS, SMALL, Repeat::Natural),
    post("/api/v1/drafts/{id}/rejection", APPROVERS, SMALL, Repeat::Natural),
    get("/api/v1/holds", PEOPLE),
    post("/api/v1/holds", REFERRERS, ENTRY, Repeat::Key),
    post("/api/v1/holds/{member}/{id}/release", REFERRERS, SMALL, Repeat::Natural),
    get("/api/v1/recipients", PEOPLE),
    post("/api/v1/recipients", REGISTRARS, SMALL, Repeat::Natural),
    post("/api/v1/recipients/{id}/suspension", REGISTRARS, SMALL, Repeat::Key),
    get("/api/v1/notices", ANY),
    get("/api/v1/notices/{id}", ANY),
    post("/api/v1/notices/{id}/answers", ANSWERERS, ENTRY, Repeat::Key),
    post("/api/v1/answers:batch", ANSWERERS, LARGE, Repeat::Key),
    Rule { patience: Patience::Streaming, ..get("/api/v1/feed", RECIPIENTS) },
    Rule { patience: Patience::Streaming, ..get("/api/v1/feed/stream", RECIPIENTS) },
    get("/api/v1/log", ANY),
    get("/api/v1/log/{member}/{generation}/checkpoint", ANY),
    get("/api/v1/log/{member}/{generation}/entries/{index}", PEOPLE),
    get("/api/v1/log/{member}/{generation}/proof/{index}", ANY),
    post("/api/v1/log/{member}/{generation}/unfreeze", ADMINISTRATORS, SMALL, Repeat::Plain),
    post("/api/v1/log/trust-own", ADMINISTRATORS, SMALL, Repeat::Plain),
    get("/api/v1/peers", PEOPLE),
    get("/api/v1/roster", ANY),
    post("/api/v1/roster", ADMINISTRATORS, LARGE, Repeat::Natural),
    get("/api/v1/tokens", ADMINISTRATORS),
    post("/api/v1/tokens", ADMINISTRATORS, SMALL, Repeat::Plain),
    Rule { method: "DELETE", ..get("/api/v1/tokens/{id}", ADMINISTRATORS) },
    Rule { patience: Patience::Streaming, ..post("/api/v1/backup", ADMINISTRATORS, SMALL, Repeat::Plain) },
    get("/api/v1/access-log", AUDITORS),
    get("/api/v1/alarms", PEOPLE),
];

impl Rule {
    /// The rule of a route.
    pub fn find(method: &str, path: &str) -> Option<&'static Self> {
        // A HEAD request asks for what a GET would answer, so it is bound by the same rule.
        let method = if method == "HEAD" { "GET" } else { method };
        RULES.iter().find(|rule| rule.method == method && rule.path == path)
    }

    /// Whether a caller of this role may go on. Whose the object is, is for the handler.
    pub fn admits(&self, role: RoleName) -> bool {
        match self.who {
            Who::Public => true,
            Who::Roles(roles) => roles.contains(&role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_one_rule() {
        for (at, rule) in RULES.iter().enumerate() {
            let twice =
                RULES[..at].iter().any(|other| (other.method, other.path) == (rule.method, rule.path));
            assert!(!twice, "{} {}", rule.method, rule.path);
            assert_eq!(rule.method == "POST", rule.body_max > 0, "{}", rule.path);
        }
    }

    #[test]
    fn only_reading_ones_own_is_open_to_recipients() {
        let open: Vec<&str> = RULES
            .iter()
            .filter(|rule| rule.who != Who::Public && rule.admits(Recipient) && rule.method == "POST")
            .map(|rule| rule.path)
            .collect();
        assert_eq!(open, ["/api/v1/notices/{id}/answers", "/api/v1/answers:batch"]);
        for path in
            ["/api/v1/referrals", "/api/v1/holds", "/api/v1/lookups", "/api/v1/alarms", "/api/v1/peers"]
        {
            assert!(!RULES.iter().any(|rule| rule.path == path && rule.admits(Recipient)), "{path}");
        }
    }

    #[test]
    fn whoever_runs_the_node_refers_nothing() {
        for rule in
            RULES.iter().filter(|rule| rule.path.starts_with("/api/v1/referrals") && rule.method == "POST")
        {
            assert!(!rule.admits(Administrator), "{}", rule.path);
        }
    }
}
