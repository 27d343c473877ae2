// SPDX-License-Identifier: EUPL-1.2
//! What comes back from recipients: that a notice was handed over, and what they decided.

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::id::{ItemId, NoticeId};
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{CountryCode, List, RecipientId, Text};
use crate::time::Timestamp;

/// Notices that a node handed to a recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// To whom.
    pub recipient: RecipientId,
    /// How.
    pub channel: Channel,
    /// When the recipient had them.
    pub received_at: Timestamp,
    /// Which notices.
    pub notices: List<NoticeId, 1, 500>,
}

/// A way in for recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The JSON feed by cursor.
    Feed,
    /// Server-sent events.
    Stream,
    /// Read one by one.
    Read,
}

/// A recipient's answer to a notice, per item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Who answers.
    pub recipient: RecipientId,
    /// The notice.
    pub notice: NoticeId,
    /// One decision per item, each item at most once.
    pub items: List<ItemAnswer, 1, 100>,
    /// The recipient's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<Text<1, 200>>,
    /// The same answer as a JWS signed with the recipient's registered key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Text<1, 16000>>,
}

/// What was decided about one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemAnswer {
    /// The item, by its id in the notice.
    pub item: ItemId,
    /// The decision.
    pub outcome: AnswerOutcome,
    /// When it was done, by the recipient's clock.
    pub at: Timestamp,
    /// Required for `kept` and `not_precise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<1, 1000>>,
    /// Where it is no longer shown; required for `geo_limited`, empty otherwise.
    #[serde(default)]
    pub countries: List<CountryCode, 0, 60>,
}

/// A platform's decision on a referral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    /// Received, being looked at.
    Acknowledged,
    /// Removed everywhere.
    Removed,
    /// Access disabled in all member states.
    Disabled,
    /// Access disabled in the named states.
    GeoLimited,
    /// Was already gone.
    AlreadyGone,
    /// Kept, with the reason.
    Kept,
    /// The location is not precise enough, with what is missing.
    NotPrecise,
}

impl AnswerOutcome {
    /// The word in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Removed => "removed",
            Self::Disabled => "disabled",
            Self::GeoLimited => "geo_limited",
            Self::AlreadyGone => "already_gone",
            Self::Kept => "kept",
            Self::NotPrecise => "not_precise",
        }
    }
}

impl Answer {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        each_once("items", self.items.iter().map(|answer| answer.item))?;
        for answer in &self.items {
            let explains = matches!(answer.outcome, AnswerOutcome::Kept | AnswerOutcome::NotPrecise);
            if explains && answer.reason.is_none() {
                return broken("items.reason", "required for kept and not_precise");
            }
            if (answer.outcome == AnswerOutcome::GeoLimited) == answer.countries.is_empty() {
                return broken("items.countries", "required for geo_limited, and for nothing else");
            }
            each_once("items.countries", &answer.countries)?;
        }
        Ok(())
    }
}
