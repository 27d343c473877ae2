// SPDX-License-Identifier: EUPL-1.2
//! Hash lists, told as changes.

use serde::{Deserialize, Serialize};

use crate::content::Fingerprint;
use crate::entry::envelope::EntryError;
use crate::entry::referral::Label;
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{List, Text};
use crate::member::MemberId;

/// Additions, removals and opinions on one named list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashlistUpdated {
    /// The member that owns the list; others only give opinions.
    pub owner: MemberId,
    /// The list.
    pub list: Label,
    /// New values.
    #[serde(default)]
    pub added: List<HashlistEntry, 0, 500>,
    /// Values taken off.
    #[serde(default)]
    pub removed: List<Fingerprint, 0, 500>,
    /// What the author thinks of values.
    #[serde(default)]
    pub opinions: List<Opinion, 0, 500>,
}

/// One value of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashlistEntry {
    /// The fingerprint.
    pub value: Fingerprint,
    /// Labels.
    #[serde(default)]
    pub labels: List<Label, 0, 16>,
}

/// What a member thinks of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opinion {
    /// The fingerprint.
    pub value: Fingerprint,
    /// Confirms or disputes it.
    pub says: OpinionSays,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<1, 400>>,
}

/// The two opinions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpinionSays {
    /// It belongs on the list.
    Confirm,
    /// It does not.
    Dispute,
}

impl HashlistUpdated {
    /// The rules between fields, and that the owner alone changes what stands on the list.
    pub(crate) fn check(&self, author: &MemberId) -> Result<(), EntryError> {
        let changes = !self.added.is_empty() || !self.removed.is_empty();
        if changes && self.owner != *author {
            return broken("owner", "only its owner adds to a list or removes from it; others give opinions");
        }
        if !changes && self.opinions.is_empty() {
            return broken("added", "an update adds, removes or gives an opinion");
        }
        each_once("added", self.added.iter().map(|entry| &entry.value).chain(&self.removed))?;
        each_once("opinions", self.opinions.iter().map(|opinion| &opinion.value))
    }
}
