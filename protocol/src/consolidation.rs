// SPDX-License-Identifier: EUPL-1.2
//! Which contents and cases there are, and which notices should exist (spec 06-consolidation).
//!
//! A pure function of the set of valid entries of all logs, kept up to date in memory entry by entry: whatever the order
//! in which entries come, and however often, the result is the same. It issues nothing itself: [`Consolidation::due`]
//! says what a coordinator should author. Orders and national measures have no part in it.
//!
//! The node drives it: [`Consolidation::apply`] for each entry whose signature it checked, [`Consolidation::due`] when it
//! coordinates and [`Consolidation::advance`] when it does not, the queries at any time.

mod agenda;
mod cases;
mod digest;
mod due;
mod explain;
mod holds;
mod identity;
mod joins;
mod key;
mod keyring;
mod lookup;
mod notices;
mod parts;
mod position;
mod queries;
mod recipients;
mod referrals;
mod tally;
mod view;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::content::LocatorRules;
use crate::entry::referral::Tier;
use crate::entry::text::RecipientId;
use crate::entry::{Audience, Body, Entry, EntryRef, NoticeId};
use crate::member::MemberId;
use crate::time::Timestamp;

pub use explain::EDGES_MAX;
pub use keyring::content_keys;
pub use lookup::LOOKUP_HITS_MAX;
pub use position::{Applied, Position, Reason};
pub use view::{
    AnswerView, CaseView, Contradiction, Counts, DeliveryView, Edge, EdgeKind, HitKind, HoldView,
    ItemOutcome, LookupHit, NoticeEntryView, NoticeItemView, NoticeState, NoticeView, OriginatorView,
    RecipientView, ReferralAnswer, ReferralState, ReferralView, ReferredItemView,
};

use agenda::Agenda;
use cases::{Contents, Queue};
use holds::Holds;
use identity::Dirt;
use joins::{Contradictions, Joins};
use key::{Author, Place, Ref};
use keyring::Keyring;
use notices::Notices;
use recipients::Recipients;
use referrals::Referrals;

/// Under what circumstances a coordinator asks for what is due.
pub struct IssueContext<'a> {
    /// The asking coordinator.
    pub me: MemberId,
    /// Now; the entries made of the answer carry this time or a later one.
    pub now: Timestamp,
    /// Its fencing epoch.
    pub epoch: u64,
    /// Whether it is its turn for notices of a tier.
    pub may_issue: &'a dyn Fn(Tier) -> bool,
    /// How long after issue an answer is asked for.
    pub answer_window: Duration,
}

/// One entry that this coordinator should author.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// What it says.
    pub body: Body,
    /// To whom: always [`Audience::MEMBERS`].
    pub audience: Audience,
    /// Why.
    pub why: Why,
}

/// Why an entry is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The case has no notice to this recipient.
    New,
    /// The same, in spite of these holds, because the tier does not wait: their authors are to be alarmed.
    NewOverHold(Vec<EntryRef>),
    /// What the notice says no longer is what stands, or did not fit into one entry.
    Changed,
    /// Its case has an older notice to the same recipient.
    OneCase,
    /// Nobody stands behind it any more, or nothing of it is at this recipient any more.
    Fallen,
}

/// An entry that was applied: where it stands, and what to take back should another one own its id.
struct Known {
    generation: u16,
    index: u64,
    what: What,
}

/// What an entry changed.
#[derive(Clone, Copy)]
enum What {
    Nothing,
    Referral,
    Amendment,
    Withdrawal,
    Endorsement,
    Hold,
    Release,
    Recipient,
    /// An entry or an answer about the notice of this row.
    Notice(u32),
    Delivery,
    Join,
}

/// Positions of one log that were applied: all below `next`, and some beyond.
#[derive(Default)]
struct Seen {
    next: u64,
    beyond: BTreeSet<u64>,
}

/// Sums over cases.
#[derive(Default)]
struct Figures {
    alone: u64,
    cosigners: u64,
}

/// The consolidated state of all logs.
///
/// Applying an entry costs what is connected with it, not what there is; where very much is connected, most of it waits
/// for [`Consolidation::settle`].
pub struct Consolidation {
    rules: Arc<LocatorRules>,
    coordinators: BTreeSet<Author>,
    seen: BTreeMap<(Author, u16), Seen>,
    entries: BTreeMap<Ref, Known>,
    /// What withdrawals and releases name.
    named: BTreeMap<Ref, Ref>,
    referrals: Referrals,
    keyring: Keyring,
    recipients: Recipients,
    holds: Holds,
    joins: Joins,
    contradictions: Contradictions,
    contents: Contents,
    notices: Notices,
    agenda: Agenda,
    dirt: Dirt,
    deferred: Dirt,
    unarranged: Queue,
    /// Entries that left something in one of the two.
    deferrals: usize,
    standing: u64,
    standing_endorsements: u64,
    figures: Figures,
}

impl Consolidation {
    /// Nothing applied yet. Items are told apart by these rules; under other rules everything is applied anew.
    pub fn new(rules: Arc<LocatorRules>) -> Self {
        Self {
            rules,
            coordinators: BTreeSet::new(),
            seen: BTreeMap::new(),
            entries: BTreeMap::new(),
            named: BTreeMap::new(),
            referrals: Referrals::default(),
            keyring: Keyring::default(),
            recipients: Recipients::default(),
            holds: Holds::default(),
            joins: Joins::default(),
            contradictions: Contradictions::default(),
            contents: Contents::default(),
            notices: Notices::default(),
            agenda: Agenda::default(),
            dirt: Dirt::default(),
            deferred: Dirt::default(),
            unarranged: Queue::new(),
            deferrals: 0,
            standing: 0,
            standing_endorsements: 0,
            figures: Figures::default(),
        }
    }

    /// The locator rules by which items are told apart.
    pub fn rules(&self) -> &Arc<LocatorRules> {
        &self.rules
    }

    /// Says who coordinates, by the roster in force. What others said about notices is kept and counts from the moment
    /// that they coordinate.
    pub fn set_coordinators(&mut self, coordinators: Vec<MemberId>) {
        let coordinators: BTreeSet<Author> = coordinators.iter().map(Author::of).collect();
        if coordinators == self.coordinators {
            return;
        }
        self.coordinators = coordinators;
        self.refresh_recipients();
        self.refresh_notices();
        for name in self.joins.named() {
            self.dirt.referrals.extend(self.referrals.resolve(&name));
        }
        self.settle();
    }

    /// Takes up one entry. The caller has checked its signature and that it stands at this position.
    ///
    /// Entries may come in any order, before those that they refer to, and repeatedly.
    pub fn apply(&mut self, position: Position, entry: &Entry) -> Applied {
        if entry.author != position.log.member {
            return Applied::WithoutEffect(Reason::NotItsOwn);
        }
        if entry.audience != Audience::MEMBERS {
            return Applied::WithoutEffect(Reason::Restricted);
        }
        let name = Ref::new(&entry.author, entry.id);
        let place = Place::of(&position);
        if !self.is_first(name.author, place) {
            return Applied::WithoutEffect(Reason::Repeated);
        }
        if let Some(known) = self.entries.get(&name) {
            if (known.generation, known.index) < (place.generation, place.index) {
                return Applied::WithoutEffect(Reason::IdUsedBefore);
            }
            let what = known.what;
            self.retract(name, what);
        }
        let (what, applied) = self.admit(name, place, entry);
        self.entries.insert(name, Known { generation: place.generation, index: place.index, what });
        self.settle_last();
        applied
    }

    /// Notes a position; `false` if it was noted before.
    fn is_first(&mut self, author: Author, place: Place) -> bool {
        let seen = self.seen.entry((author, place.generation)).or_default();
        if place.index < seen.next || !seen.beyond.insert(place.index) {
            return false;
        }
        while seen.beyond.remove(&seen.next) {
            seen.next += 1;
        }
        true
    }

    fn admit(&mut self, name: Ref, place: Place, entry: &Entry) -> (What, Applied) {
        let at = entry.at;
        let own = |named: &EntryRef| named.author == entry.author;
        let not_own = (What::Nothing, Applied::WithoutEffect(Reason::NotItsOwn));
        let what = match &entry.body {
            Body::Referral(body) => {
                let version = self.read(name, at, place, body);
                let row = self.referrals.add(version);
                self.post(row);
                What::Referral
            }
            Body::ReferralAmended(body) if own(&body.referral) => {
                let version = self.read(name, at, place, &body.replacement);
                let referral = Ref::of(&body.referral);
                self.change(&referral, |referrals| referrals.amend(referral, version));
                What::Amendment
            }
            Body::ReferralWithdrawn(body) if own(&body.referral) => {
                let named = Ref::of(&body.referral);
                self.named.insert(name, named);
                self.change(&named, |referrals| referrals.withdraw(named, name));
                What::Withdrawal
            }
            Body::ReferralEndorsed(body) if !own(&body.referral) => {
                let referral = Ref::of(&body.referral);
                self.change(&referral, |referrals| referrals.endorse(name, at, place, body));
                What::Endorsement
            }
            Body::Hold(body) => {
                self.hold_fact(name, at, body);
                What::Hold
            }
            Body::HoldReleased(body) if own(&body.hold) => {
                let hold = Ref::of(&body.hold);
                self.named.insert(name, hold);
                self.release_fact(hold, name);
                What::Release
            }
            Body::ReferralAmended(_)
            | Body::ReferralWithdrawn(_)
            | Body::ReferralEndorsed(_)
            | Body::HoldReleased(_) => return not_own,
            Body::RecipientRegistered(body) | Body::RecipientUpdated(body) => {
                self.recipient_fact(&body.recipient, name, at, Some(body));
                What::Recipient
            }
            Body::RecipientSuspended(body) => {
                self.recipient_fact(&body.recipient, name, at, None);
                What::Recipient
            }
            Body::NoticeIssued(_)
            | Body::NoticeRevised(_)
            | Body::NoticeMerged(_)
            | Body::NoticeWithdrawn(_) => {
                let row = self.notice_fact(name, at, place, &entry.body);
                let what = row.map_or(What::Nothing, What::Notice);
                if !self.coordinators.contains(&name.author) {
                    return (what, Applied::WithoutEffect(Reason::NotACoordinator));
                }
                what
            }
            Body::Answer(body) => What::Notice(self.answer_fact(name, at, body)),
            Body::Delivery(body) => {
                self.delivery_fact(name, at, body);
                What::Delivery
            }
            Body::ContentJoined(body) => {
                let (first, second) = (Ref::of(&body.first), Ref::of(&body.second));
                self.joins.add(name, first, second);
                self.touch([first, second]);
                What::Join
            }
            Body::Unknown { kind, .. } => {
                return (What::Nothing, Applied::WithoutEffect(Reason::UnknownKind(kind.clone())));
            }
            other => return (What::Nothing, Applied::WithoutEffect(Reason::Apart(other.kind()))),
        };
        (what, Applied::Effective)
    }

    /// Changes what is known about a referral or an endorsement, around taking the referral off its keys and back.
    fn change(&mut self, named: &Ref, change: impl FnOnce(&mut Referrals)) {
        let before = self.referrals.behind(named);
        if let Some(row) = before {
            self.unpost(row);
        }
        change(&mut self.referrals);
        if let Some(row) = before {
            self.post(row);
        }
    }

    /// Has referrals grouped anew.
    fn touch(&mut self, names: [Ref; 2]) {
        for name in names {
            self.dirt.referrals.extend(self.referrals.resolve(&name));
        }
    }

    /// Takes back what an entry changed, because an earlier one of its author has the same id.
    fn retract(&mut self, name: Ref, what: What) {
        match what {
            What::Nothing => {}
            What::Referral | What::Amendment | What::Endorsement => {
                self.change(&name, |referrals| referrals.retract(&name));
            }
            What::Withdrawal => {
                if let Some(named) = self.named.remove(&name) {
                    self.change(&named, |referrals| referrals.retract_withdrawal(&named, &name));
                }
            }
            What::Hold => self.retract_hold(&name),
            What::Release => {
                if let Some(hold) = self.named.remove(&name) {
                    self.retract_release(&hold, &name);
                }
            }
            What::Recipient => self.retract_recipient_fact(&name),
            What::Notice(row) => self.retract_notice_fact(row, &name),
            What::Delivery => self.retract_delivery(&name),
            What::Join => {
                if let Some((first, second)) = self.joins.retract(&name) {
                    self.touch([first, second]);
                }
            }
        }
    }
}

/// The recipient and the notice that a `notice.*` body is about.
pub fn notice_event(body: &Body) -> Option<(&RecipientId, NoticeId)> {
    match body {
        Body::NoticeIssued(body) => Some((&body.recipient, body.notice)),
        Body::NoticeRevised(body) => Some((&body.recipient, body.notice)),
        Body::NoticeMerged(body) => Some((&body.recipient, body.notice)),
        Body::NoticeWithdrawn(body) => Some((&body.recipient, body.notice)),
        _ => None,
    }
}
