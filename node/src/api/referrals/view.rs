// SPDX-License-Identifier: EUPL-1.2
//! Referrals as the API shows them.

use concert_protocol::consolidation::{
    Edge, EdgeKind, ItemOutcome, NoticeState, ReferralAnswer, ReferralState, ReferralView,
};
use concert_protocol::content::defang;
use concert_protocol::encoding::hex_encode;
use concert_protocol::entry::answer::AnswerOutcome;
use concert_protocol::entry::referral::{ContentType, LegalType, Referral, Tier};
use concert_protocol::entry::text::{CountryCode, RecipientId};
use concert_protocol::entry::{EntryRef, ItemId, NoticeId};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::context::ApiContext;
use super::super::lookups::state_word;
use super::super::schema::{AnswerOutcomeSchema, ContentTypeSchema, LegalTypeSchema, ReferralSchema};

/// A referral in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralSummary)]
pub(super) struct ReferralSummary {
    /// Its name.
    #[schema(value_type = String, example = "FR/0198c0de-0000-7000-8000-000000000000")]
    referral: EntryRef,
    /// The member whose unit referred it.
    #[schema(value_type = String)]
    member: MemberId,
    /// The unit.
    unit: Box<str>,
    /// The unit's own file reference.
    reference: Box<str>,
    /// When it was written.
    #[schema(value_type = String)]
    at: Timestamp,
    /// `standing`, `amended` or `withdrawn`.
    state: &'static str,
    /// Severity, 1 to 4.
    #[schema(value_type = u8)]
    tier: Tier,
    /// What sort of content.
    #[schema(value_type = ContentTypeSchema)]
    content_type: ContentType,
    /// Points of Article 2(7).
    #[schema(value_type = Vec<LegalTypeSchema>)]
    types: Vec<LegalType>,
    /// How many addresses.
    items: usize,
    /// How many endorse it.
    endorsements: usize,
    /// Its case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    case: Option<EntryRef>,
    /// Its notices.
    notices: Vec<NoticeRef>,
    /// How many of its addresses have an answer.
    answered: usize,
    /// Stored on enough machines.
    confirmed: bool,
}

/// A notice and how it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeRef)]
pub(super) struct NoticeRef {
    /// Its id.
    #[schema(value_type = String, example = "N-0123456789abcdef0123456789abcdef")]
    id: NoticeId,
    /// `open`, `merged` or `withdrawn`.
    state: &'static str,
}

impl NoticeRef {
    fn of(notice: &(NoticeId, NoticeState)) -> Self {
        Self { id: notice.0, state: state_word(notice.1) }
    }
}

/// A referral with everything that became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralView)]
pub(super) struct ReferralDocument {
    /// What lists show.
    summary: ReferralSummary,
    /// The entry that says how it now reads: the latest amendment, or the referral itself.
    #[schema(value_type = String)]
    current: EntryRef,
    /// The log of that entry.
    #[schema(value_type = String)]
    log: LogId,
    /// Its index there.
    index: u64,
    /// Its leaf hash, in hexadecimal.
    leaf: String,
    /// How it now reads; absent once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReferralSchema>)]
    document: Option<Referral>,
    /// Its addresses, for people.
    items: Vec<ReferralItem>,
    /// Standing endorsements.
    #[schema(value_type = Vec<String>)]
    endorsements: Vec<EntryRef>,
    /// The content that it belongs to, by the content's earliest standing referral.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    content: Option<EntryRef>,
    /// What recipients last answered about its items.
    answers: Vec<AnswerDocument>,
    /// Why it is in its case, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<Vec<EdgeDocument>>,
}

/// One address of a referral.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralItem)]
struct ReferralItem {
    /// The item.
    #[schema(value_type = String)]
    item: ItemId,
    /// Its address, defanged.
    display: String,
    /// To whom its notices go; absent when nobody is registered for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    recipient: Option<RecipientId>,
}

/// A recipient's latest answer about one item of a referral.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralAnswer)]
struct AnswerDocument {
    /// The notice.
    #[schema(value_type = String)]
    notice: NoticeId,
    /// Who answered.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// The item.
    #[schema(value_type = String)]
    item: ItemId,
    /// The answer.
    answer: OutcomeDocument,
}

/// What a recipient last answered about one item.
#[derive(Serialize, ToSchema)]
#[schema(as = ItemOutcome)]
pub(in super::super) struct OutcomeDocument {
    /// The decision.
    #[schema(value_type = AnswerOutcomeSchema)]
    outcome: AnswerOutcome,
    /// When it was done, by the recipient's clock.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Box<str>>,
    /// Where it is no longer shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    countries: Vec<CountryCode>,
    /// The answer's entry.
    #[schema(value_type = String)]
    entry: EntryRef,
    /// When that was written.
    #[schema(value_type = String)]
    answered_at: Timestamp,
}

/// One reason why two referrals are in one case.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseEdge)]
struct EdgeDocument {
    /// `same_item`, `same_file`, `same_digest_and_size`, `joined_by_officer` or `near_picture`.
    why: &'static str,
    /// The item, the key's digest, the officer's entry, or the distance in bits.
    by: String,
    /// One referral.
    #[schema(value_type = String)]
    first: EntryRef,
    /// The other.
    #[schema(value_type = String)]
    second: EntryRef,
}

fn state(state: ReferralState) -> &'static str {
    match state {
        ReferralState::Standing => "standing",
        ReferralState::Amended => "amended",
        ReferralState::Withdrawn => "withdrawn",
    }
}

impl ReferralSummary {
    pub(super) fn of(context: &ApiContext, view: &ReferralView) -> Self {
        Self {
            referral: view.referral.clone(),
            member: view.referral.author.clone(),
            unit: view.unit.clone(),
            reference: view.reference.clone(),
            at: view.at,
            state: state(view.state),
            tier: view.tier,
            content_type: view.content_type,
            types: view.types.clone(),
            items: view.items.len(),
            endorsements: view.endorsements.len(),
            case: view.case.clone(),
            notices: view.notices.iter().map(NoticeRef::of).collect(),
            answered: view.answers.len(),
            confirmed: context.is_confirmed(&view.position.log, view.position.index),
        }
    }
}

impl ReferralDocument {
    pub(super) fn of(
        context: &ApiContext,
        view: &ReferralView,
        document: Option<Referral>,
        edges: Option<Vec<Edge>>,
    ) -> Self {
        let item = |item: &concert_protocol::consolidation::ReferredItemView| ReferralItem {
            item: item.item,
            display: defang(item.url.as_str()),
            recipient: item.recipient.clone(),
        };
        Self {
            summary: ReferralSummary::of(context, view),
            current: view.current.clone(),
            log: view.position.log.clone(),
            index: view.position.index,
            leaf: view.position.leaf.to_string(),
            document,
            items: view.items.iter().map(item).collect(),
            endorsements: view.endorsements.clone(),
            content: view.content.clone(),
            answers: view.answers.iter().map(AnswerDocument::of).collect(),
            edges: edges.map(|edges| edges.into_iter().map(EdgeDocument::of).collect()),
        }
    }
}

impl AnswerDocument {
    fn of(answer: &ReferralAnswer) -> Self {
        Self {
            notice: answer.notice,
            recipient: answer.recipient.clone(),
            item: answer.item,
            answer: OutcomeDocument::of(&answer.outcome),
        }
    }
}

impl OutcomeDocument {
    pub(in super::super) fn of(outcome: &ItemOutcome) -> Self {
        Self {
            outcome: outcome.outcome,
            at: outcome.at,
            reason: outcome.reason.clone(),
            countries: outcome.countries.clone(),
            entry: outcome.answer.clone(),
            answered_at: outcome.answered_at,
        }
    }
}

impl EdgeDocument {
    fn of(edge: Edge) -> Self {
        let (why, by) = match edge.kind {
            EdgeKind::Item(item) => ("same_item", item.to_string()),
            EdgeKind::Sha256(digest) => ("same_file", hex_encode(&digest)),
            EdgeKind::WeakDigest(digest, size) => {
                ("same_digest_and_size", format!("{} {size}", hex_encode(&digest)))
            }
            EdgeKind::Joined(entry) => ("joined_by_officer", entry.to_string()),
            EdgeKind::Near(distance) => ("near_picture", distance.to_string()),
        };
        Self { why, by, first: edge.first, second: edge.second }
    }
}
