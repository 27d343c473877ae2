// SPDX-License-Identifier: EUPL-1.2
//! Decisions and statements of persons: identity of contents, rules in force, outcomes, recommendations, alerts.

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::id::EntryRef;
use crate::entry::rule::broken;
use crate::entry::text::{CountryCode, List, Text};
use crate::log::Hash;
use crate::time::Timestamp;

/// Two referrals concern one content, an officer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentJoined {
    /// One referral.
    pub first: EntryRef,
    /// The other.
    pub second: EntryRef,
    /// Why.
    pub reason: Text<1, 1000>,
}

/// Two referrals do not concern one content, an officer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentSplit {
    /// One referral.
    pub first: EntryRef,
    /// The other.
    pub second: EntryRef,
    /// Why.
    pub reason: Text<1, 1000>,
}

/// The locator rules in force from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesPublished {
    /// Version number in the rules.
    pub version: u32,
    /// SHA-256 of the rules file.
    pub digest: Hash,
}

/// What a court or prosecutor decided; no names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The referral or order it follows.
    pub entry: EntryRef,
    /// Code of the outcome in the author's state.
    pub code: Text<1, 64>,
    /// The authority.
    pub authority: Text<1, 200>,
    /// The date.
    pub on: Timestamp,
}

/// What an independent reviewer recommends; the authority must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The entry reviewed.
    pub entry: EntryRef,
    /// What is recommended.
    pub recommends: Recommends,
    /// Why.
    pub reason: Text<1, 4000>,
}

/// A reviewer's possible recommendations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recommends {
    /// Withdraw it.
    Withdraw,
    /// Correct it.
    Amend,
    /// Keep it; recorded for the statistics.
    Keep,
}

/// Content that shows an imminent threat to life (Regulation (EU) 2021/784, Article 14(5)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// States concerned.
    pub states: List<CountryCode, 1, 60>,
    /// Contact that answers at any hour.
    pub contact: Text<1, 400>,
    /// What is known, without the content.
    pub summary: Text<1, 2000>,
    /// The referral or order about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryRef>,
}

/// A referral is always one content with itself.
fn two(first: &EntryRef, second: &EntryRef) -> Result<(), EntryError> {
    if first == second { broken("second", "must be another referral than first") } else { Ok(()) }
}

impl ContentJoined {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        two(&self.first, &self.second)
    }
}

impl ContentSplit {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        two(&self.first, &self.second)
    }
}
