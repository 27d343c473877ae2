// SPDX-License-Identifier: EUPL-1.2
//! What an entry says: one variant per kind.

use serde::{Deserialize, Serialize};

use crate::entry::answer::{Answer, Delivery};
use crate::entry::decision::{Alert, ContentJoined, ContentSplit, Outcome, Recommendation, RulesPublished};
use crate::entry::envelope::{EntryError, parse_payload};
use crate::entry::free::Free;
use crate::entry::hashlist::HashlistUpdated;
use crate::entry::hold::{Hold, HoldReleased};
use crate::entry::id::{EntryId, Nonce};
use crate::entry::kind::{Kind, KnownKind};
use crate::entry::measure::{Measure, MeasureLifted};
use crate::entry::notice::{NoticeIssued, NoticeMerged, NoticeRevised, NoticeWithdrawn};
use crate::entry::order::{Order, OrderAnnulled, OrderFinal, OrderScrutiny};
use crate::entry::recipient::{Recipient, RecipientSuspended};
use crate::entry::referral::{Referral, ReferralAmended, ReferralEndorsed, ReferralWithdrawn};
use crate::entry::rule::{broken, each_once, own};
use crate::entry::{Audience, Entry};
use crate::member::MemberId;
use crate::time::Timestamp;

/// The payload of every kind.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload<B> {
    id: EntryId,
    author: MemberId,
    at: Timestamp,
    nonce: Nonce,
    audience: Audience,
    body: B,
}

/// Payload of a kind that this version does not know: the common part must be well-formed, the body is kept unread.
type UnknownPayload = Payload<Free>;

macro_rules! bodies {
    ($($kind:ident($body:ty)),* $(,)?) => {
        /// What an entry says.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is the kind of the same name")]
        pub enum Body {
            $($kind(Box<$body>),)*
            /// A kind of a later version: stored and shown, without effect.
            Unknown { kind: Kind, body: Box<serde_json::Value> },
        }

        impl Body {
            /// The kind that this body makes an entry of.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::Known(KnownKind::$kind),)*
                    Self::Unknown { kind, .. } => kind.clone(),
                }
            }

            /// The body as JSON, for interfaces.
            ///
            /// # Errors
            ///
            /// None in practice: every body has string keys and finite numbers.
            pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self {
                    $(Self::$kind(body) => serde_json::to_value(body),)*
                    Self::Unknown { body, .. } => Ok((**body).clone()),
                }
            }
        }

        /// Reads a payload of `kind`.
        pub(crate) fn decode_payload(kind: &Kind, payload: &[u8]) -> Result<Entry, EntryError> {
            match kind {
                $(Kind::Known(KnownKind::$kind) => {
                    let p: Payload<$body> = parse_payload(kind, payload)?;
                    Ok(Entry { id: p.id, author: p.author, at: p.at, nonce: p.nonce, audience: p.audience,
                               body: Body::$kind(Box::new(p.body)) })
                })*
                Kind::Unknown(_) => {
                    let p: UnknownPayload = parse_payload(kind, payload)?;
                    let body = Body::Unknown { kind: kind.clone(), body: Box::new(p.body.0) };
                    Ok(Entry { id: p.id, author: p.author, at: p.at, nonce: p.nonce, audience: p.audience, body })
                }
            }
        }

        /// Writes the payload that will be signed.
        pub(crate) fn encode_payload(entry: &Entry) -> Result<Vec<u8>, EntryError> {
            let written = match &entry.body {
                $(Body::$kind(body) => serde_json::to_vec(&Payload {
                    id: entry.id, author: entry.author.clone(), at: entry.at, nonce: entry.nonce,
                    audience: entry.audience.clone(), body: &**body,
                }),)*
                Body::Unknown { kind, .. } => return Err(EntryError::UnknownKind(kind.to_string())),
            };
            written.map_err(|_| EntryError::Envelope("the payload cannot be written as JSON"))
        }
    };
}

bodies! {
    Referral(Referral),
    ReferralAmended(ReferralAmended),
    ReferralWithdrawn(ReferralWithdrawn),
    ReferralEndorsed(ReferralEndorsed),
    Order(Order),
    OrderAnnulled(OrderAnnulled),
    OrderFinal(OrderFinal),
    OrderScrutiny(OrderScrutiny),
    Measure(Measure),
    MeasureLifted(MeasureLifted),
    Hold(Hold),
    HoldReleased(HoldReleased),
    HashlistUpdated(HashlistUpdated),
    RecipientRegistered(Recipient),
    RecipientUpdated(Recipient),
    RecipientSuspended(RecipientSuspended),
    NoticeIssued(NoticeIssued),
    NoticeRevised(NoticeRevised),
    NoticeMerged(NoticeMerged),
    NoticeWithdrawn(NoticeWithdrawn),
    Delivery(Delivery),
    Answer(Answer),
    ContentJoined(ContentJoined),
    ContentSplit(ContentSplit),
    RulesPublished(RulesPublished),
    Outcome(Outcome),
    Recommendation(Recommendation),
    Alert(Alert),
}

impl Body {
    /// The rules between fields, and those that tie a body to its author (spec 01-entries, "Rules per kind").
    ///
    /// # Errors
    ///
    /// [`EntryError::Rule`].
    pub fn check(&self, author: &MemberId) -> Result<(), EntryError> {
        match self {
            Self::Referral(referral) => referral.check(),
            Self::ReferralAmended(amended) => {
                own("referral", &amended.referral, author)?;
                amended.replacement.check()
            }
            Self::ReferralWithdrawn(withdrawn) => own("referral", &withdrawn.referral, author),
            Self::ReferralEndorsed(endorsed) if endorsed.referral.author == *author => {
                broken("referral", "must be another member's referral")
            }
            Self::Order(order) => order.check(),
            Self::OrderAnnulled(annulled) => own("order", &annulled.order, author),
            Self::OrderFinal(made_final) => own("order", &made_final.order, author),
            Self::Measure(measure) => measure.check(),
            Self::MeasureLifted(lifted) => own("measure", &lifted.measure, author),
            Self::Hold(hold) => hold.check(),
            Self::HoldReleased(released) => own("hold", &released.hold, author),
            Self::HashlistUpdated(updated) => updated.check(author),
            Self::RecipientRegistered(recipient) | Self::RecipientUpdated(recipient) => recipient.check(),
            Self::NoticeIssued(issued) => issued.check(),
            Self::NoticeRevised(revised) => revised.check(),
            Self::NoticeMerged(merged) => merged.check(),
            Self::Delivery(delivery) => each_once("notices", &delivery.notices),
            Self::Answer(answer) => answer.check(),
            Self::ContentJoined(joined) => joined.check(),
            Self::ContentSplit(split) => split.check(),
            Self::ReferralEndorsed(_)
            | Self::OrderScrutiny(_)
            | Self::RecipientSuspended(_)
            | Self::NoticeWithdrawn(_)
            | Self::RulesPublished(_)
            | Self::Outcome(_)
            | Self::Recommendation(_)
            | Self::Alert(_)
            | Self::Unknown { .. } => Ok(()),
        }
    }
}
