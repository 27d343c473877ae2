// SPDX-License-Identifier: EUPL-1.2
//! The one coordinated notice (spec 06-consolidation).
//!
//! A notice is told as changes: `notice.issued` says how it began and each `notice.revised` what was added, taken
//! away or changed since, so that a notice with hundreds of items never needs an entry that holds them all.

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::id::{EntryRef, ItemId, NoticeId};
use crate::entry::referral::{ContentType, LegalType, Tier};
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{Address, LanguageTag, List, RecipientId, Text};
use crate::log::Hash;
use crate::member::LogId;
use crate::time::Timestamp;

/// Most items or originators that one entry adds; more follow in further revisions.
pub const NOTICE_PART_MAX: usize = 100;

/// The beginning of a notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeIssued {
    /// [`NoticeId::derive`] of recipient and anchor.
    pub notice: NoticeId,
    /// Whom it is for.
    pub recipient: RecipientId,
    /// The referral that names the case; frozen from now on.
    pub anchor: EntryRef,
    /// Fencing epoch of the coordinator.
    pub epoch: u64,
    /// Digest of the locator rules under which the case was made.
    pub rules: Hash,
    /// Header facts as they now stand.
    pub facts: NoticeFacts,
    /// Addresses at the recipient.
    pub items: List<NoticeItem, 1, NOTICE_PART_MAX>,
    /// Everybody who stands behind it.
    pub originators: List<Originator, 1, NOTICE_PART_MAX>,
}

/// What a recipient needs for its decision, as it stands after this entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeFacts {
    /// The gravest tier of the standing referrals.
    pub tier: Tier,
    /// Union of the standing referrals' points of Article 2(7), ordered.
    pub types: List<LegalType, 1, 5>,
    /// Union of their content types, ordered.
    pub content_types: List<ContentType, 1, 9>,
    /// Union of their languages, ordered.
    pub languages: List<LanguageTag, 0, 48>,
    /// Any of them warns of graphic content.
    pub graphic: bool,
    /// By when an answer is asked for; referrals carry no deadline in law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
}

/// One address in a notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeItem {
    /// The item; answers refer to it.
    pub item: ItemId,
    /// The address as the earliest standing referral wrote it.
    pub url: Address,
    /// Where in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<Text<1, 200>>,
}

/// One unit that stands behind a notice. Author and carrier are shown apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Originator {
    /// The signed referral or endorsement.
    pub entry: EntryRef,
    /// The log in which it stands.
    pub log: LogId,
    /// Its index there.
    pub index: u64,
    /// Its leaf hash; with an inclusion proof, what shows that the entry exists.
    pub leaf: Hash,
    /// The unit.
    pub unit: Text<1, 120>,
    /// The unit's own file reference.
    pub reference: Text<1, 120>,
    /// Who carried it, when not the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmitted_by: Option<Text<1, 120>>,
    /// Why, in the unit's words, cut to 400 characters; empty for an endorsement.
    pub reasons: Text<0, 400>,
}

/// What changed. Empty lists mean no change; `facts` always says how things stand afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeRevised {
    /// The notice.
    pub notice: NoticeId,
    /// Whom it is for.
    pub recipient: RecipientId,
    /// Fencing epoch of the coordinator.
    pub epoch: u64,
    /// Digest of the locator rules in force.
    pub rules: Hash,
    /// Header facts as they now stand.
    pub facts: NoticeFacts,
    /// Addresses new in it.
    #[serde(default)]
    pub items_added: List<NoticeItem, 0, NOTICE_PART_MAX>,
    /// Addresses no longer in it.
    #[serde(default)]
    pub items_withdrawn: List<ItemId, 0, NOTICE_PART_MAX>,
    /// Units that joined.
    #[serde(default)]
    pub originators_added: List<Originator, 0, NOTICE_PART_MAX>,
    /// Referrals and endorsements that were withdrawn or went to another case.
    #[serde(default)]
    pub originators_withdrawn: List<EntryRef, 0, NOTICE_PART_MAX>,
    /// Whether the recipient has something new to act on (an item, a graver tier, a withdrawal).
    pub attention: bool,
}

/// The notice goes on as another, older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeMerged {
    /// The notice that ends.
    pub notice: NoticeId,
    /// Whom it was for.
    pub recipient: RecipientId,
    /// The notice that stays.
    pub into: NoticeId,
    /// Fencing epoch of the coordinator.
    pub epoch: u64,
    /// Digest of the locator rules in force.
    pub rules: Hash,
}

/// Nobody stands behind the notice any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeWithdrawn {
    /// The notice.
    pub notice: NoticeId,
    /// Whom it was for.
    pub recipient: RecipientId,
    /// Why, for the recipient.
    pub reason: Text<1, 1000>,
    /// Fencing epoch of the coordinator.
    pub epoch: u64,
    /// Digest of the locator rules in force.
    pub rules: Hash,
}

impl NoticeFacts {
    fn check(&self) -> Result<(), EntryError> {
        each_once("facts.types", &self.types)?;
        each_once("facts.content_types", &self.content_types)?;
        each_once("facts.languages", &self.languages)
    }
}

impl NoticeIssued {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        if self.notice != NoticeId::derive(&self.recipient, &self.anchor) {
            return broken("notice", "must be derived from recipient and anchor");
        }
        self.facts.check()?;
        each_once("items", self.items.iter().map(|item| item.item))?;
        each_once("originators", self.originators.iter().map(|originator| &originator.entry))
    }
}

impl NoticeRevised {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        self.facts.check()?;
        each_once("items_added", self.items_added.iter().map(|item| item.item))?;
        each_once("items_withdrawn", &self.items_withdrawn)?;
        each_once("originators_added", self.originators_added.iter().map(|originator| &originator.entry))?;
        each_once("originators_withdrawn", &self.originators_withdrawn)
    }
}

impl NoticeMerged {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        if self.notice == self.into { broken("into", "must be another notice") } else { Ok(()) }
    }
}
