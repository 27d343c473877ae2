// SPDX-License-Identifier: EUPL-1.2
//! Notices as the API shows them: to members whole, to their recipient without what is among members only.

use concert_protocol::consolidation::{
    AnswerView, DeliveryView, NoticeItemView, NoticeState, NoticeView, OriginatorView,
};
use concert_protocol::content::defang;
use concert_protocol::entry::answer::{AnswerOutcome, Channel};
use concert_protocol::entry::referral::{ContentType, Handling, LegalType, Tier};
use concert_protocol::entry::text::{Address, LanguageTag, RecipientId};
use concert_protocol::entry::{Body, Entry, EntryRef, Envelope, ItemId, NoticeId};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::context::ApiContext;
use super::super::logs::receipt;
use super::super::lookups::state_word;
use super::super::problem::Problem;
use super::super::referrals::OutcomeDocument;
use super::super::schema::{AnswerOutcomeSchema, ContentTypeSchema, LegalTypeSchema};

/// A notice in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeSummary)]
pub(super) struct NoticeSummary {
    /// Its id.
    #[schema(value_type = String, example = "N-0123456789abcdef0123456789abcdef")]
    id: NoticeId,
    /// Whom it is for.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// `open`, `merged` or `withdrawn`.
    state: &'static str,
    /// The notice that it goes on as, when merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    into: Option<NoticeId>,
    /// How often it was revised.
    revision: usize,
    /// The gravest tier of its referrals, 1 to 4.
    #[schema(value_type = u8)]
    tier: Tier,
    /// Points of Article 2(7).
    #[schema(value_type = Vec<LegalTypeSchema>)]
    types: Vec<LegalType>,
    /// When it was issued.
    #[schema(value_type = String)]
    issued_at: Timestamp,
    /// Who issued it.
    #[schema(value_type = String)]
    issuer: MemberId,
    /// By when an answer is asked for; referrals carry no deadline in law.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    answer_by: Option<Timestamp>,
    /// How many addresses.
    items: usize,
    /// How many of them have an answer.
    answered: usize,
    /// How many units stand behind it.
    originators: usize,
    /// When the recipient first had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    delivered_at: Option<Timestamp>,
    /// Standing holds on its case; for members only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    held: Vec<EntryRef>,
}

/// A notice.
#[derive(Serialize, ToSchema)]
#[schema(as = Notice)]
pub(in super::super) struct NoticeDocument {
    /// Its id.
    #[schema(value_type = String, example = "N-0123456789abcdef0123456789abcdef")]
    id: NoticeId,
    /// Whom it is for.
    #[schema(value_type = String)]
    recipient: RecipientId,
    /// `open`, `merged` or `withdrawn`.
    state: &'static str,
    /// The notice that it goes on as, when merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    into: Option<NoticeId>,
    /// How often it was revised.
    revision: usize,
    /// The gravest tier of its referrals: 1 threat to life, 2 crisis, 3 designated entity, 4 promotional.
    #[schema(value_type = u8)]
    tier: Tier,
    /// Points of Article 2(7) of Regulation (EU) 2021/784.
    #[schema(value_type = Vec<LegalTypeSchema>)]
    types: Vec<LegalType>,
    /// What sorts of content.
    #[schema(value_type = Vec<ContentTypeSchema>)]
    content_types: Vec<ContentType>,
    /// Languages of the content.
    #[schema(value_type = Vec<String>)]
    languages: Vec<LanguageTag>,
    /// The content is graphic.
    graphic: bool,
    /// When it was issued.
    #[schema(value_type = String)]
    issued_at: Timestamp,
    /// Who issued it.
    #[schema(value_type = String)]
    issuer: MemberId,
    /// By when an answer is asked for; referrals carry no deadline in law.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    answer_by: Option<Timestamp>,
    /// Its addresses.
    items: Vec<NoticeItemDocument>,
    /// Who stands behind it. Author and carrier are told apart.
    originators: Vec<OriginatorDocument>,
    /// The entries that the notice consists of, in order: JWS compact serialisations of the coordinator.
    signed: Vec<String>,
    /// The referrals and endorsements behind it, and the proof that each stands in its author's log.
    referrals: Vec<ReferralProof>,
    /// Its answers.
    answers: Vec<NoticeAnswer>,
    /// When and how the recipient had it.
    deliveries: Vec<DeliveryDocument>,
    /// Standing holds on its case; for members only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    held: Vec<EntryRef>,
}

/// One address.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeItem)]
struct NoticeItemDocument {
    /// The item; answers refer to it.
    #[schema(value_type = String)]
    item: ItemId,
    /// The address, live, for machines.
    #[schema(value_type = String)]
    url: Address,
    /// The address, defanged, for people.
    display: String,
    /// Where in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    locator: Option<Box<str>>,
    /// The latest answer about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<OutcomeDocument>,
}

/// One unit that stands behind a notice.
#[derive(Serialize, ToSchema)]
#[schema(as = Originator)]
struct OriginatorDocument {
    /// The unit's member.
    #[schema(value_type = String)]
    member: MemberId,
    /// The unit: the author.
    unit: Box<str>,
    /// The unit's own file reference.
    reference: Box<str>,
    /// Who carried it, when not the unit itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    transmitted_by: Option<Box<str>>,
    /// The signed referral, amendment or endorsement.
    #[schema(value_type = String)]
    entry: EntryRef,
}

/// A referral behind a notice.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralProof)]
struct ReferralProof {
    /// Its name.
    #[schema(value_type = String)]
    entry: EntryRef,
    /// The signed referral itself, a JWS compact serialisation; absent when its author keeps it among members.
    #[serde(skip_serializing_if = "Option::is_none")]
    jws: Option<String>,
    /// The log that it stands in.
    #[schema(value_type = String)]
    log: LogId,
    /// Its index there.
    index: u64,
    /// Its leaf hash in hexadecimal: SHA-256 over a zero byte and the JWS.
    leaf: String,
    /// C2SP `tlog-proof` text: an inclusion proof and the checkpoint that it leads to. Absent for the moment between
    /// a referral's arrival and its log's next checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

/// One answer.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeAnswer)]
struct NoticeAnswer {
    /// Its entry.
    #[schema(value_type = String)]
    entry: EntryRef,
    /// When it was written.
    #[schema(value_type = String)]
    at: Timestamp,
    /// The recipient's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_ref: Option<Box<str>>,
    /// Whether it carries the recipient's own signature.
    signed: bool,
    /// One decision per item.
    items: Vec<AnsweredItem>,
}

/// What an answer says of one item.
#[derive(Serialize, ToSchema)]
#[schema(as = AnsweredItem)]
struct AnsweredItem {
    /// The item.
    #[schema(value_type = String)]
    item: ItemId,
    /// The decision.
    #[schema(value_type = AnswerOutcomeSchema)]
    outcome: AnswerOutcome,
}

/// One hand-over.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryDocument {
    /// Its entry; the entry's author is the node that delivered.
    #[schema(value_type = String)]
    entry: EntryRef,
    /// How: feed, stream or read.
    #[schema(value_type = String, example = "feed")]
    channel: Channel,
    /// When the recipient had it.
    #[schema(value_type = String)]
    received_at: Timestamp,
}

fn into(state: NoticeState) -> Option<NoticeId> {
    match state {
        NoticeState::Merged(into) => Some(into),
        _ => None,
    }
}

impl NoticeSummary {
    pub(super) fn of(view: &NoticeView, for_recipient: bool) -> Self {
        Self {
            id: view.id,
            recipient: view.recipient.clone(),
            state: state_word(view.state),
            into: into(view.state),
            revision: view.revisions,
            tier: view.facts.tier,
            types: view.facts.types.to_vec(),
            issued_at: view.issued_at,
            issuer: view.issuer.clone(),
            answer_by: view.facts.answer_by,
            items: view.items.len(),
            answered: view.items.iter().filter(|item| item.outcome.is_some()).count(),
            originators: view.originators.len(),
            delivered_at: view.deliveries.iter().map(|delivery| delivery.received_at).min(),
            held: if for_recipient { Vec::new() } else { view.held.clone() },
        }
    }
}

impl NoticeDocument {
    /// The notice for members, or for its recipient.
    pub(in super::super) fn of(
        context: &ApiContext,
        view: &NoticeView,
        for_recipient: bool,
    ) -> Result<Self, Problem> {
        let mut signed = Vec::with_capacity(view.entries.len());
        for entry in &view.entries {
            // Erased entries are left out; what remains verifies by itself.
            signed.extend(context.bytes(&entry.position.log, entry.position.index)?.and_then(text));
        }
        let referrals = view
            .originators
            .iter()
            .map(|originator| ReferralProof::of(context, originator, for_recipient))
            .collect::<Result<Vec<_>, _>>()?;
        let facts = view.facts.clone();
        Ok(Self {
            id: view.id,
            recipient: view.recipient.clone(),
            state: state_word(view.state),
            into: into(view.state),
            revision: view.revisions,
            tier: facts.tier,
            types: facts.types.into_vec(),
            content_types: facts.content_types.into_vec(),
            languages: facts.languages.into_vec(),
            graphic: facts.graphic,
            issued_at: view.issued_at,
            issuer: view.issuer.clone(),
            answer_by: facts.answer_by,
            items: view.items.iter().map(NoticeItemDocument::of).collect(),
            originators: view.originators.iter().map(OriginatorDocument::of).collect(),
            signed,
            referrals,
            answers: view.answers.iter().map(NoticeAnswer::of).collect(),
            deliveries: view.deliveries.iter().map(DeliveryDocument::of).collect(),
            held: if for_recipient { Vec::new() } else { view.held.clone() },
        })
    }
}

/// A JWS is ASCII.
fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

impl NoticeItemDocument {
    fn of(item: &NoticeItemView) -> Self {
        Self {
            item: item.item,
            url: item.url.clone(),
            display: defang(item.url.as_str()),
            locator: item.locator.clone(),
            answer: item.outcome.as_ref().map(OutcomeDocument::of),
        }
    }
}

impl OriginatorDocument {
    fn of(originator: &OriginatorView) -> Self {
        Self {
            member: originator.member.clone(),
            unit: originator.unit.clone(),
            reference: originator.reference.clone(),
            transmitted_by: originator.transmitted_by.clone(),
            entry: originator.entry.clone(),
        }
    }
}

impl ReferralProof {
    fn of(context: &ApiContext, originator: &OriginatorView, for_recipient: bool) -> Result<Self, Problem> {
        let position = &originator.position;
        let bytes = context.bytes(&position.log, position.index)?;
        let shown = bytes.filter(|bytes| !for_recipient || recipient_may_see(bytes));
        Ok(Self {
            entry: originator.entry.clone(),
            jws: shown.and_then(text),
            log: position.log.clone(),
            index: position.index,
            leaf: position.leaf.to_string(),
            proof: receipt(context, &position.log, position.index)?.map(|receipt| receipt.to_string()),
        })
    }
}

/// Whether the author lets the notice's recipient see the signed entry. An endorsement says nothing about content, but
/// its remark is among members.
fn recipient_may_see(bytes: &[u8]) -> bool {
    let entry = Envelope::open(bytes).and_then(|envelope| Entry::decode(&envelope));
    match entry.map(|entry| entry.body) {
        Ok(Body::Referral(referral)) => referral.handling == Handling::Recipient,
        Ok(Body::ReferralAmended(amended)) => amended.replacement.handling == Handling::Recipient,
        Ok(Body::ReferralEndorsed(endorsed)) => endorsed.note.is_none(),
        _ => false,
    }
}

impl NoticeAnswer {
    fn of(answer: &AnswerView) -> Self {
        Self {
            entry: answer.entry.clone(),
            at: answer.at,
            external_ref: answer.external_ref.clone(),
            signed: answer.signed,
            items: answer
                .items
                .iter()
                .map(|(item, outcome)| AnsweredItem { item: *item, outcome: *outcome })
                .collect(),
        }
    }
}

impl DeliveryDocument {
    fn of(delivery: &DeliveryView) -> Self {
        Self { entry: delivery.entry.clone(), channel: delivery.channel, received_at: delivery.received_at }
    }
}
