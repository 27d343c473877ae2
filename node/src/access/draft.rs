// SPDX-License-Identifier: EUPL-1.2
//! Drafts: referrals of sites and collections, which leave only after a second person approved them (DOMAIN, safeguards).
//!
//! The author never decides his own draft, whatever his role. A draft that was approved is sent as it was approved.

use std::fmt;
use std::str::FromStr;

use concert_protocol::encoding::{hex_decode, hex_encode};
use concert_protocol::entry::referral::Referral;
use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::token::TokenId;
use crate::engine::Unique;

/// A draft's id, `d-` and 20 hexadecimal digits: made of unit and reference, so one file has one draft.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DraftId([u8; 10]);

/// Why a draft cannot be put or decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// There is no such draft.
    #[error("there is no such draft")]
    Unknown,
    /// Another text waits under the same unit and reference.
    #[error(
        "another draft with this unit and reference waits or was sent; have it rejected, or use another reference"
    )]
    Changed,
    /// Too many wait.
    #[error("{} drafts wait for approval; decide some first", super::DRAFTS_OPEN_MAX)]
    TooMany,
    /// It was decided otherwise.
    #[error("the draft was decided otherwise before")]
    Decided,
    /// Its author may not decide it.
    #[error("a draft is decided by another person than its author")]
    OwnDraft,
}

/// How a draft stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    /// Waits for a second person.
    Waiting,
    /// Was approved; sent, or about to be.
    Approved,
    /// Was rejected.
    Rejected,
}

/// A second person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Approved, or rejected.
    pub approved: bool,
    /// The token that decided.
    pub by: TokenId,
    /// Its name at that time.
    pub by_name: Text<1, 120>,
    /// When.
    pub at: Timestamp,
    /// Why; asked for when rejecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<1, 1000>>,
}

/// A referral that waits for, or had, a second person's decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its id.
    pub id: DraftId,
    /// What would be sent.
    pub referral: Referral,
    /// The token that put it.
    pub author: TokenId,
    /// Its name at that time.
    pub author_name: Text<1, 120>,
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub state: DraftState,
    /// The decision, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

impl DraftId {
    /// The draft of one unit's file.
    pub fn of(unit: &str, reference: &str) -> Self {
        Self(*Unique::of("referral", &[unit, reference]).as_bytes())
    }
}

impl Draft {
    /// A draft that waits.
    pub fn new(referral: Referral, author: TokenId, author_name: Text<1, 120>, at: Timestamp) -> Self {
        let id = DraftId::of(&referral.unit, &referral.reference);
        Self { id, referral, author, author_name, at, state: DraftState::Waiting, decision: None }
    }

    /// Whether `decision` may be taken, and whether it changes anything.
    pub(super) fn check_decision(&self, decision: &Decision) -> Result<bool, DraftError> {
        if decision.by == self.author {
            return Err(DraftError::OwnDraft);
        }
        match (self.state, decision.approved) {
            (DraftState::Waiting, _) => Ok(true),
            (DraftState::Approved, true) | (DraftState::Rejected, false) => Ok(false),
            _ => Err(DraftError::Decided),
        }
    }

    pub(super) fn decide(&mut self, decision: Decision) {
        self.state = if decision.approved { DraftState::Approved } else { DraftState::Rejected };
        self.decision = Some(decision);
    }
}

impl FromStr for DraftId {
    type Err = DraftError;

    fn from_str(text: &str) -> Result<Self, DraftError> {
        text.strip_prefix("d-").and_then(hex_decode).map(Self).ok_or(DraftError::Unknown)
    }
}

impl TryFrom<String> for DraftId {
    type Error = DraftError;

    fn try_from(text: String) -> Result<Self, DraftError> {
        text.parse()
    }
}

impl From<DraftId> for String {
    fn from(id: DraftId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for DraftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d-{}", hex_encode(&self.0))
    }
}

impl fmt::Debug for DraftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A referral for tests.
#[cfg(test)]
pub(crate) mod tests_support {
    use super::Referral;

    /// A site, which needs a second person.
    pub(crate) fn referral() -> Referral {
        let json = r#"{"unit":"Unit A","reference":"A-1","detected_at":"2026-11-20T08:00:00.000000Z",
            "items":[{"url":"https://host.example/page"}],"content_type":"site","languages":["fr"],"reasons":"Glorifies an attack.",
            "types":["a"],"exception_check":{"finding":"none"},"tier":3,"handling":"recipient",
            "retention":{"class":"standard"},"source":"own_monitoring"}"#;
        serde_json::from_str(json).expect("a referral")
    }
}
