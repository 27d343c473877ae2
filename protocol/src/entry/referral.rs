// SPDX-License-Identifier: EUPL-1.2
//! Referrals: requests to a platform to look at content against its own terms (spec 01-entries, "referral").
//!
//! A referral is not a removal order and shares no state with one; see [`super::order`].

use serde::{Deserialize, Serialize};

use crate::content::Fingerprint;
use crate::entry::envelope::EntryError;
use crate::entry::id::EntryRef;
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{Address, LanguageTag, List, Text, formed_text};
use crate::time::Timestamp;

/// What one unit says about one content at one or more addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// The unit that assessed the content. Its member state is the entry's author.
    pub unit: Text<1, 120>,
    /// The unit's own file reference, unique within the unit.
    pub reference: Text<1, 120>,
    /// Who carried it when that was not the unit itself; shown apart from the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmitted_by: Option<Text<1, 120>>,
    /// When the unit saw the content.
    pub detected_at: Timestamp,
    /// Every known address of this one content, 1 to 50.
    pub items: List<ReferredItem, 1, 50>,
    /// What sort of content.
    pub content_type: ContentType,
    /// Languages of the content.
    #[serde(default)]
    pub languages: List<LanguageTag, 0, 24>,
    /// Why, sufficiently substantiated.
    pub reasons: Text<1, 4000>,
    /// Points of Article 2(7) of Regulation (EU) 2021/784, at least one, each once.
    pub types: List<LegalType, 1, 5>,
    /// The check of Article 1(3); a referral cannot be sent without it.
    pub exception_check: ExceptionCheck,
    /// Severity.
    pub tier: Tier,
    /// The content is graphic: interfaces warn before showing anything of it.
    #[serde(default)]
    pub graphic: bool,
    /// Clause of the platform's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_clause: Option<Text<1, 400>>,
    /// Entity label (controlled vocabulary of the unit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Label>,
    /// Ideology label (controlled vocabulary of the unit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideology: Option<Label>,
    /// Digests and perceptual hashes of the content.
    #[serde(default)]
    pub fingerprints: List<ReferredFingerprint, 0, 64>,
    /// A capture that the unit holds; the content itself is never federated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Who may see the signed referral.
    pub handling: Handling,
    /// When it is looked at again and when it is erased.
    pub retention: Retention,
    /// How the unit came to know.
    pub source: Source,
    /// Other entries that this one concerns.
    #[serde(default)]
    pub links: List<Link, 0, 32>,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferredItem {
    /// The address as the unit recorded it, not defanged.
    pub url: Address,
    /// Where in it: a video time, a post, a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<Text<1, 200>>,
    /// The platform's own id of the content, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_content_id: Option<Text<1, 200>>,
    /// The platform's own id of the account, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Text<1, 200>>,
}

/// A fingerprint and how it relates to the content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferredFingerprint {
    /// Algorithm, value and quality.
    pub value: Fingerprint,
    /// Whether the content *is* what was hashed or *contains* it; containment never unites (spec 05-content).
    #[serde(default)]
    pub relation: Relation,
    /// Length in bytes of what was hashed; MD5 and SHA-1 join only when it agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// How a fingerprint relates to the referred content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The content is the hashed file.
    #[default]
    Is,
    /// The content (a post, a channel, an archive) contains the hashed file.
    Contains,
}

/// Sorts of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// Moving pictures.
    Video,
    /// A still picture.
    Image,
    /// Text.
    Text,
    /// Sound.
    Audio,
    /// A packed collection of files.
    Archive,
    /// A whole account.
    Account,
    /// A whole channel.
    Channel,
    /// A page that collects many items; needs a second person.
    Collection,
    /// A whole site; needs a second person.
    Site,
}

impl ContentType {
    /// Whether sending needs the approval of a second person (DOMAIN, safeguards).
    pub fn needs_four_eyes(self) -> bool {
        matches!(self, Self::Collection | Self::Site)
    }
}

/// The points of Article 2(7) of Regulation (EU) 2021/784.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegalType {
    /// (a) incites to, or glorifies.
    #[serde(rename = "a")]
    Incites,
    /// (b) solicits to commit or contribute.
    #[serde(rename = "b")]
    Solicits,
    /// (c) solicits to join a group.
    #[serde(rename = "c")]
    Recruits,
    /// (d) instructs on weapons, explosives or methods.
    #[serde(rename = "d")]
    Instructs,
    /// (e) threatens.
    #[serde(rename = "e")]
    Threatens,
}

/// The recorded check of Article 1(3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionCheck {
    /// What the check found; anything but `none` needs a note.
    pub finding: Exception,
    /// Why the content was referred in spite of the finding, or how the check was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text<1, 1000>>,
}

/// Purposes that Article 1(3) protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exception {
    /// No protected purpose was found.
    None,
    /// Education.
    Educational,
    /// Journalism.
    Journalistic,
    /// Art.
    Artistic,
    /// Research.
    Research,
    /// Preventing or countering terrorism.
    CounterTerror,
    /// Polemic or controversial views in public debate.
    Polemic,
}

/// Severity, 1 (gravest) to 4; written as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Tier {
    /// 1: a threat to life.
    Life,
    /// 2: a crisis.
    Crisis,
    /// 3: content of a designated entity.
    Designated,
    /// 4: promotional content.
    Promotional,
}

/// A number that is not a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a tier: expected 1 (threat to life) to 4 (promotional)")]
pub struct NotATier(u8);

impl Tier {
    /// Tiers 1 and 2 do not wait: not for deconfliction, and only minutes for the first coordinator.
    pub fn is_urgent(self) -> bool {
        self <= Self::Crisis
    }
}

impl TryFrom<u8> for Tier {
    type Error = NotATier;

    fn try_from(number: u8) -> Result<Self, NotATier> {
        [Self::Life, Self::Crisis, Self::Designated, Self::Promotional]
            .into_iter()
            .find(|tier| u8::from(*tier) == number)
            .ok_or(NotATier(number))
    }
}

impl From<Tier> for u8 {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Life => 1,
            Tier::Crisis => 2,
            Tier::Designated => 3,
            Tier::Promotional => 4,
        }
    }
}

formed_text!(
    /// A label from a controlled vocabulary: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `:`.
    Label,
    "a label of 1 to 64 of a-z, 0-9, '-', '_' and ':'",
    |t| (1..=64).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b':'))
);

/// A capture held by the unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The unit's id of the capture.
    pub id: Text<1, 120>,
    /// Digest of the capture, always SHA-256.
    pub sha256: Fingerprint,
}

/// Who may see the signed referral itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Members, and the recipient of its notice.
    Recipient,
    /// Members alone; the recipient sees the notice and the proof that the referral exists.
    Members,
}

/// How long it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The unit's retention class.
    pub class: Label,
    /// When the unit looks at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_on: Option<Timestamp>,
    /// When its payload is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_by: Option<Timestamp>,
}

/// How the unit came to know of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A report by the public; the reporter's data never leave the national node.
    PublicReport,
    /// The unit's own monitoring.
    OwnMonitoring,
    /// A partner.
    Partner,
    /// A match with a hash list, confirmed by a person.
    HashMatch,
    /// An action day.
    ActionDay,
    /// A crisis.
    Crisis,
}

/// A pointer to another entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What the other entry is to this one.
    pub relation: LinkRelation,
    /// The other entry.
    pub entry: EntryRef,
}

/// What a linked entry is to the one that links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkRelation {
    /// Escalated from it (a referral that became an order).
    EscalatedFrom,
    /// Concerns related content.
    Related,
    /// Replaces it.
    Replaces,
}

/// A correction: the whole referral as it should now read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralAmended {
    /// The author's own referral.
    pub referral: EntryRef,
    /// How it reads now.
    pub replacement: Referral,
    /// Why.
    pub reason: Text<1, 1000>,
}

/// A withdrawal by the author.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralWithdrawn {
    /// The author's own referral or endorsement.
    pub referral: EntryRef,
    /// Why.
    pub reason: Text<1, 1000>,
}

/// A co-signature under another member's referral without a new assessment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralEndorsed {
    /// Another member's referral.
    pub referral: EntryRef,
    /// The endorsing unit.
    pub unit: Text<1, 120>,
    /// The endorsing unit's own file reference.
    pub reference: Text<1, 120>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text<1, 1000>>,
}

impl Referral {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        each_once("types", &self.types)?;
        each_once("items", self.items.iter().map(|item| &item.url))?;
        if self.exception_check.finding != Exception::None && self.exception_check.note.is_none() {
            return broken("exception_check.note", "required when a protected purpose was found");
        }
        if let Some(evidence) = &self.evidence
            && evidence.sha256.algorithm() != "sha256"
        {
            return broken("evidence.sha256", "must be a SHA-256 digest");
        }
        Ok(())
    }
}
