// SPDX-License-Identifier: EUPL-1.2
//! What the consolidation tells: notices, referrals, cases, look-ups and counts, as plain values for interfaces.

use crate::entry::answer::{AnswerOutcome, Channel};
use crate::entry::notice::NoticeFacts;
use crate::entry::recipient::Recipient;
use crate::entry::referral::{ContentType, LegalType, Tier};
use crate::entry::text::{Address, CountryCode, RecipientId};
use crate::entry::{EntryRef, ItemId, NoticeId};
use crate::member::MemberId;
use crate::time::Timestamp;

use super::Position;

/// How a notice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeState {
    /// In force.
    Open,
    /// Goes on as another.
    Merged(NoticeId),
    /// Taken back: nobody stands behind it any more.
    Withdrawn,
}

/// A notice as all entries about it together say it is.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeView {
    /// Its id.
    pub id: NoticeId,
    /// Whom it is for.
    pub recipient: RecipientId,
    /// The referral that names its case, frozen at issue.
    pub anchor: EntryRef,
    /// How it stands.
    pub state: NoticeState,
    /// The earliest time of issue, when several coordinators issued it.
    pub issued_at: Timestamp,
    /// Who issued it then.
    pub issuer: MemberId,
    /// Header facts by the latest entry.
    pub facts: NoticeFacts,
    /// Its addresses, by item id.
    pub items: Vec<NoticeItemView>,
    /// Who stands behind it, by entry.
    pub originators: Vec<OriginatorView>,
    /// Number of `notice.revised` entries.
    pub revisions: usize,
    /// The notice's own entries, by time and name.
    pub entries: Vec<NoticeEntryView>,
    /// Every answer of its recipient, by time and name.
    pub answers: Vec<AnswerView>,
    /// Every delivery to its recipient, by time and name.
    pub deliveries: Vec<DeliveryView>,
    /// Standing holds on its case; for members only, never for the recipient.
    pub held: Vec<EntryRef>,
}

/// One of the entries that make a notice.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeEntryView {
    /// Its name.
    pub entry: EntryRef,
    /// When it was written.
    pub at: Timestamp,
    /// Where it stands.
    pub position: Position,
}

/// One address in a notice.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeItemView {
    /// The item.
    pub item: ItemId,
    /// Its address, live: defang it before anybody sees it.
    pub url: Address,
    /// Where in it.
    pub locator: Option<Box<str>>,
    /// The recipient's latest answer about it.
    pub outcome: Option<ItemOutcome>,
}

/// What a recipient last answered about one item.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemOutcome {
    /// The decision.
    pub outcome: AnswerOutcome,
    /// When it was done, by the recipient's clock.
    pub at: Timestamp,
    /// The answer's reason.
    pub reason: Option<Box<str>>,
    /// Where it is no longer shown.
    pub countries: Vec<CountryCode>,
    /// The answer entry.
    pub answer: EntryRef,
    /// When the answer entry was written.
    pub answered_at: Timestamp,
}

/// One unit that stands behind a notice.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginatorView {
    /// The unit's member.
    pub member: MemberId,
    /// The unit.
    pub unit: Box<str>,
    /// The unit's own file reference.
    pub reference: Box<str>,
    /// Who carried it.
    pub transmitted_by: Option<Box<str>>,
    /// The signed referral, amendment or endorsement.
    pub entry: EntryRef,
    /// Where that stands.
    pub position: Position,
}

/// One answer entry.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerView {
    /// The answer entry.
    pub entry: EntryRef,
    /// When it was written.
    pub at: Timestamp,
    /// The recipient's own reference.
    pub external_ref: Option<Box<str>>,
    /// Whether it carries the recipient's own signature.
    pub signed: bool,
    /// One decision per item, in the answer's order.
    pub items: Vec<(ItemId, AnswerOutcome)>,
}

/// One hand-over of a notice.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryView {
    /// The delivery entry; its author is the node that delivered.
    pub entry: EntryRef,
    /// How.
    pub channel: Channel,
    /// When the recipient had it.
    pub received_at: Timestamp,
}

/// How a referral stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferralState {
    /// As first written.
    Standing,
    /// Corrected, and standing.
    Amended,
    /// Taken back.
    Withdrawn,
}

/// A referral and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferralView {
    /// The referral as first written, whichever of its entries was asked for.
    pub referral: EntryRef,
    /// The entry that says how it now reads: the latest amendment, or the referral itself.
    pub current: EntryRef,
    /// Where that entry stands.
    pub position: Position,
    /// How it stands.
    pub state: ReferralState,
    /// When it was first written.
    pub at: Timestamp,
    /// When the unit saw the content.
    pub detected_at: Timestamp,
    /// The unit.
    pub unit: Box<str>,
    /// The unit's own file reference.
    pub reference: Box<str>,
    /// Severity.
    pub tier: Tier,
    /// What sort of content.
    pub content_type: ContentType,
    /// Points of Article 2(7).
    pub types: Vec<LegalType>,
    /// Its addresses.
    pub items: Vec<ReferredItemView>,
    /// Who co-signed: standing endorsements.
    pub endorsements: Vec<EntryRef>,
    /// The content that it belongs to, by the content's earliest standing referral; `None` unless it stands.
    pub content: Option<EntryRef>,
    /// The case that it belongs to, by [`CaseView::anchor`]; `None` unless it stands.
    pub case: Option<EntryRef>,
    /// The notices that name it, or in whose case it is, by time of issue and id.
    pub notices: Vec<(NoticeId, NoticeState)>,
    /// What recipients last answered about its items.
    pub answers: Vec<ReferralAnswer>,
}

/// One address of a referral.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferredItemView {
    /// The item.
    pub item: ItemId,
    /// Its address as referred, live: defang it before anybody sees it.
    pub url: Address,
    /// To whom its notices go; without one it is on no notice.
    pub recipient: Option<RecipientId>,
}

/// What became of one item of a referral at one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferralAnswer {
    /// The notice.
    pub notice: NoticeId,
    /// Who answered.
    pub recipient: RecipientId,
    /// The item.
    pub item: ItemId,
    /// The latest answer.
    pub outcome: ItemOutcome,
}

/// An anchor content and the contents directly near to it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseView {
    /// The case's name: the frozen anchor of its oldest open notice, else its anchor content's earliest referral.
    pub anchor: EntryRef,
    /// Its contents, each the standing referrals it consists of by time and name; the anchor content first.
    pub contents: Vec<Vec<EntryRef>>,
    /// Its open notices, by time of issue and id.
    pub notices: Vec<NoticeId>,
    /// Items that no registered recipient answers for; they are on no notice.
    pub without_recipient: Vec<ItemId>,
    /// Standing holds on it.
    pub held: Vec<EntryRef>,
    /// The gravest tier of its referrals.
    pub tier: Tier,
}

/// Why two referrals are in one case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// Same content: they name the same item.
    Item(ItemId),
    /// Same content: equal SHA-256 digests, by the first 16 bytes of its key's digest.
    Sha256([u8; 16]),
    /// Same content: equal SHA-1 or MD5 digests of files of equal size in bytes.
    WeakDigest([u8; 16], u64),
    /// Same content: an officer joined them by this entry.
    Joined(EntryRef),
    /// Near content: PDQ hashes this many bits apart.
    Near(u16),
}

/// One line of a case's explanation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Why.
    pub kind: EdgeKind,
    /// One referral.
    pub first: EntryRef,
    /// The other.
    pub second: EntryRef,
}

/// How a look-up's subject met a referral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HitKind {
    /// The same address or an equal fingerprint.
    Exact,
    /// A near picture.
    Near {
        /// Bits that differ.
        distance: u16,
        /// The largest distance that counts as near.
        threshold: u16,
    },
}

/// A standing referral that concerns what was looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupHit {
    /// How it was met.
    pub kind: HitKind,
    /// The referral as first written.
    pub referral: EntryRef,
    /// The member whose unit referred it.
    pub member: MemberId,
    /// The unit.
    pub unit: Box<str>,
    /// When the referral was written.
    pub at: Timestamp,
    /// Its severity.
    pub tier: Tier,
    /// The notice about it: for an address, the one to that address's recipient.
    pub notice: Option<(NoticeId, NoticeState)>,
    /// The latest answer: about the address looked up, else about the referral's first answered item.
    pub outcome: Option<AnswerOutcome>,
    /// Whether its case is under a standing hold.
    pub hold: bool,
}

/// Two files with one SHA-1 or MD5 digest and one size, but different SHA-256 digests: a collision or a mistake.
///
/// Such a digest joins nothing, and an officer should look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The first 16 bytes of SHA-256 over the fingerprint's text.
    pub digest: [u8; 16],
    /// The size in bytes.
    pub size: u64,
    /// The standing referrals that carry it, by name.
    pub referrals: Vec<EntryRef>,
}

/// A recipient as the registrations together say it is.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipientView {
    /// The record in force.
    pub record: Recipient,
    /// The entry that carries it.
    pub entry: EntryRef,
    /// Receives nothing more until it is updated.
    pub suspended: bool,
}

/// A hold that was not released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldView {
    /// The hold entry; its author holds.
    pub hold: EntryRef,
    /// When it was placed.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Standing referrals.
    pub referrals: u64,
    /// Referrals ever made, withdrawn ones included.
    pub referrals_ever: u64,
    /// Standing endorsements.
    pub endorsements: u64,
    /// Addresses with at least one standing referral.
    pub items: u64,
    /// Contents.
    pub contents: u64,
    /// Cases.
    pub cases: u64,
    /// Open notices.
    pub notices_open: u64,
    /// Merged notices.
    pub notices_merged: u64,
    /// Withdrawn notices.
    pub notices_withdrawn: u64,
    /// Notices that would be out if every member notified each of its items by itself: distinct pairs of a member and
    /// an item, over the standing referrals and endorsements behind open notices.
    pub notices_alone: u64,
    /// Duplicate notices avoided: `notices_alone` less the open notices that stand in their place.
    pub duplicates_avoided: u64,
    /// Standing referrals and endorsements beyond the first of each open notice.
    pub cosigners: u64,
    /// Recipients in force, suspended ones included.
    pub recipients: u64,
    /// Holds that are not released.
    pub holds: u64,
    /// Answers.
    pub answers: u64,
}
