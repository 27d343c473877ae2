// SPDX-License-Identifier: EUPL-1.2
//! Notices as their entries say they are (spec 06-consolidation, "Folding a notice").
//!
//! Every entry about a notice is a set of operations, each on one item, one originator, the facts or the state. Of the
//! operations on one thing the one with the highest stamp (epoch, time, name) counts, so the order of arrival does not.
//! Entries of members that are not coordinators are kept and do not count.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use super::cases::Seniority;
use super::key::{Author, Place, Ref, Table};
use super::view::NoticeState;
use crate::entry::answer::ItemAnswer;
use crate::entry::notice::{NoticeFacts, NoticeItem};
use crate::entry::text::{RecipientId, Text};
use crate::entry::{ItemId, NoticeId};
use crate::log::Hash;
use crate::member::LogId;
use crate::time::Timestamp;

/// Which of two operations on one thing counts: the higher.
pub(super) type Stamp = (u64, Timestamp, Ref);

/// One `notice.*` entry.
pub(super) struct Said {
    pub(super) entry: Ref,
    pub(super) at: Timestamp,
    epoch: u64,
    pub(super) place: Place,
    pub(super) revises: bool,
}

impl Said {
    fn stamp(&self) -> Stamp {
        (self.epoch, self.at, self.entry)
    }
}

/// An operation said by the entry of this place in [`Notice::said`].
struct Op<T> {
    by: u32,
    what: T,
}

enum ItemOp {
    Add(NoticeItem),
    Withdraw(ItemId),
}

enum OriginatorOp {
    Add(Ref, Box<Stands>),
    Withdraw(Ref),
}

/// What a notice remembers of an originator; the reasons stay in the entry.
pub(super) struct Stands {
    pub(super) log: LogId,
    pub(super) index: u64,
    pub(super) leaf: Hash,
    pub(super) unit: Text<1, 120>,
    pub(super) reference: Text<1, 120>,
    pub(super) transmitted_by: Option<Text<1, 120>>,
}

/// How a notice was issued.
struct Issue {
    recipient: RecipientId,
    anchor: Ref,
}

/// One answer entry.
pub(super) struct Answered {
    pub(super) entry: Ref,
    pub(super) at: Timestamp,
    pub(super) recipient: RecipientId,
    pub(super) external_ref: Option<Box<str>>,
    pub(super) signed: bool,
    pub(super) items: Box<[ItemAnswer]>,
}

/// One delivery of one notice.
pub(super) struct Delivered {
    pub(super) entry: Ref,
    pub(super) recipient: RecipientId,
    pub(super) channel: crate::entry::answer::Channel,
    pub(super) received_at: Timestamp,
    pub(super) at: Timestamp,
}

/// What the entries about how a notice began and ended come to.
#[derive(Clone, PartialEq)]
pub(super) struct Header {
    pub(super) seniority: Seniority,
    pub(super) issuer: Ref,
    pub(super) recipient: RecipientId,
    pub(super) anchor: Ref,
    pub(super) state: NoticeState,
}

/// Everything said about one notice.
pub(super) struct Notice {
    pub(super) id: NoticeId,
    pub(super) said: Vec<Said>,
    issues: Vec<Op<Issue>>,
    closings: Vec<Op<NoticeState>>,
    facts: Vec<Op<NoticeFacts>>,
    items: Vec<Op<ItemOp>>,
    originators: Vec<Op<OriginatorOp>>,
    pub(super) answers: Vec<Answered>,
    pub(super) deliveries: Vec<Delivered>,
    /// `None` until a coordinator issued it.
    pub(super) header: Option<Header>,
    home: Option<(u32, Seniority)>,
}

/// A notice as it now reads.
pub(super) struct Folded<'a> {
    pub(super) items: BTreeMap<ItemId, &'a NoticeItem>,
    pub(super) originators: BTreeMap<Ref, &'a Stands>,
    pub(super) facts: Option<&'a NoticeFacts>,
    /// Epoch and time of the latest operation: what says more must come after it.
    pub(super) last: (u64, Timestamp),
}

/// All notices.
#[derive(Default)]
pub(super) struct Notices {
    #[expect(clippy::vec_box, reason = "growing must not move millions of notices at once")]
    rows: Vec<Box<Notice>>,
    by_id: BTreeMap<NoticeId, u32>,
    /// Notices whose entries name a referral or an endorsement.
    by_name: Table<Ref>,
    /// Issued notices by recipient.
    by_recipient: BTreeMap<RecipientId, BTreeSet<(Seniority, u32)>>,
    /// The notices that a delivery speaks about.
    by_delivery: BTreeMap<Ref, Box<[u32]>>,
    pub(super) open: u64,
    pub(super) merged: u64,
    pub(super) withdrawn: u64,
    pub(super) answers: u64,
}

impl Notice {
    fn new(id: NoticeId) -> Self {
        Self {
            id,
            said: Vec::new(),
            issues: Vec::new(),
            closings: Vec::new(),
            facts: Vec::new(),
            items: Vec::new(),
            originators: Vec::new(),
            answers: Vec::new(),
            deliveries: Vec::new(),
            header: None,
            home: None,
        }
    }

    fn counts<T>(&self, op: &Op<T>, coordinators: &BTreeSet<Author>) -> Option<Stamp> {
        let said = &self.said[op.by as usize];
        coordinators.contains(&said.entry.author).then(|| said.stamp())
    }

    /// Whether a coordinator ended it, and the entry that did.
    fn closing(&self, coordinators: &BTreeSet<Author>) -> Option<(Ref, NoticeState)> {
        let stamped = self.closings.iter().filter_map(|op| Some((self.counts(op, coordinators)?, op.what)));
        stamped.max().map(|((_, _, entry), state)| (entry, state))
    }

    /// The entry that ended it or, if it goes on, that issued it; `None` if there was neither.
    pub(super) fn taken_by(&self, coordinators: &BTreeSet<Author>) -> Option<Ref> {
        let ended = self.closing(coordinators).map(|(entry, _)| entry);
        ended.or_else(|| self.header.as_ref().map(|header| header.issuer))
    }

    fn header(&self, coordinators: &BTreeSet<Author>) -> Option<Header> {
        let issued = self.issues.iter().filter(|op| self.counts(op, coordinators).is_some()).map(|op| {
            let said = &self.said[op.by as usize];
            let place = (said.at, said.entry.author, said.place.generation, said.place.index);
            (place, said.entry, &op.what)
        });
        let (place, issuer, issue) = issued.min_by_key(|(place, ..)| *place)?;
        let state = self.closing(coordinators).map_or(NoticeState::Open, |(_, state)| state);
        let seniority = (place.0, place.1, place.2, place.3, self.id);
        Some(Header { seniority, issuer, recipient: issue.recipient.clone(), anchor: issue.anchor, state })
    }

    fn fold(&self, coordinators: &BTreeSet<Author>) -> Folded<'_> {
        let mut items: BTreeMap<ItemId, (Stamp, Option<&NoticeItem>)> = BTreeMap::new();
        for op in &self.items {
            let Some(stamp) = self.counts(op, coordinators) else { continue };
            let (id, item) = match &op.what {
                ItemOp::Add(item) => (item.item, Some(item)),
                ItemOp::Withdraw(id) => (*id, None),
            };
            later(&mut items, id, stamp, item);
        }
        let mut originators: BTreeMap<Ref, (Stamp, Option<&Stands>)> = BTreeMap::new();
        for op in &self.originators {
            let Some(stamp) = self.counts(op, coordinators) else { continue };
            let (entry, stands) = match &op.what {
                OriginatorOp::Add(entry, stands) => (*entry, Some(&**stands)),
                OriginatorOp::Withdraw(entry) => (*entry, None),
            };
            later(&mut originators, entry, stamp, stands);
        }
        let facts = self.facts.iter().filter_map(|op| Some((self.counts(op, coordinators)?, &op.what)));
        let said = self.said.iter().filter(|said| coordinators.contains(&said.entry.author));
        Folded {
            items: items.into_iter().filter_map(|(id, (_, item))| Some((id, item?))).collect(),
            originators: originators.into_iter().filter_map(|(e, (_, stands))| Some((e, stands?))).collect(),
            facts: facts.max_by_key(|(stamp, _)| *stamp).map(|(_, facts)| facts),
            last: said.map(|said| (said.epoch, said.at)).max().unwrap_or((0, Timestamp::EPOCH)),
        }
    }

    /// Forgets what an entry said.
    fn retract(&mut self, entry: &Ref) {
        self.answers.retain(|answer| answer.entry != *entry);
        self.deliveries.retain(|delivery| delivery.entry != *entry);
        let Some(place) = self.said.iter().position(|said| said.entry == *entry) else { return };
        self.said.remove(place);
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        forget(&mut self.issues, place);
        forget(&mut self.closings, place);
        forget(&mut self.facts, place);
        forget(&mut self.items, place);
        forget(&mut self.originators, place);
    }
}

/// Keeps the operation with the higher stamp; of two in one entry the addition.
fn later<K: Ord, T>(all: &mut BTreeMap<K, (Stamp, Option<T>)>, key: K, stamp: Stamp, what: Option<T>) {
    let known = all.get(&key).map(|(stamp, what)| (*stamp, what.is_some()));
    if known.is_none_or(|known| (stamp, what.is_some()) > known) {
        all.insert(key, (stamp, what));
    }
}

fn forget<T>(ops: &mut Vec<Op<T>>, place: u32) {
    ops.retain(|op| op.by != place);
    for op in ops.iter_mut().filter(|op| op.by > place) {
        op.by -= 1;
    }
}

impl Notices {
    pub(super) fn notice(&self, row: u32) -> &Notice {
        &self.rows[row as usize]
    }

    pub(super) fn row(&self, id: &NoticeId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// Every notice ever heard of, by id.
    pub(super) fn by_id(&self) -> &BTreeMap<NoticeId, u32> {
        &self.by_id
    }

    pub(super) fn fold(&self, row: u32, coordinators: &BTreeSet<Author>) -> Folded<'_> {
        self.notice(row).fold(coordinators)
    }

    pub(super) fn is_open(&self, row: u32) -> bool {
        self.notice(row).header.as_ref().is_some_and(|header| header.state == NoticeState::Open)
    }

    pub(super) fn anchor(&self, row: u32) -> Option<&Ref> {
        self.notice(row).header.as_ref().map(|header| &header.anchor)
    }

    /// Its place among notices; before all others for one that was not issued, which no caller asks for.
    pub(super) fn seniority(&self, row: u32) -> Seniority {
        let notice = self.notice(row);
        match &notice.header {
            Some(header) => header.seniority,
            None => (Timestamp::EPOCH, Author::default(), 0, 0, notice.id),
        }
    }

    pub(super) fn home(&self, row: u32) -> Option<(u32, Seniority)> {
        self.notice(row).home
    }

    pub(super) fn set_home(&mut self, row: u32, home: Option<(u32, Seniority)>) {
        self.rows[row as usize].home = home;
    }

    /// Notices whose entries name a referral or an endorsement, perhaps repeatedly.
    pub(super) fn naming(&self, entry: &Ref) -> &[u32] {
        self.by_name.rows(entry)
    }

    /// Issued notices to a recipient, oldest first.
    pub(super) fn to(&self, recipient: &RecipientId) -> Vec<u32> {
        self.by_recipient.get(recipient).into_iter().flatten().map(|(_, row)| *row).collect()
    }

    fn row_of(&mut self, id: NoticeId) -> u32 {
        let next = u32::try_from(self.rows.len()).expect("fewer than 2^32 notices");
        let row = *self.by_id.entry(id).or_insert(next);
        if row == next {
            self.rows.push(Box::new(Notice::new(id)));
        }
        row
    }

    fn name(&mut self, entry: Ref, row: u32) {
        if !self.by_name.rows(&entry).contains(&row) {
            self.by_name.add(entry, row);
        }
    }

    /// Keeps header and counts after something was said.
    fn refresh(&mut self, row: u32, coordinators: &BTreeSet<Author>) {
        let after = self.notice(row).header(coordinators);
        let before = std::mem::replace(&mut self.rows[row as usize].header, after.clone());
        if before == after {
            return;
        }
        if let Some(before) = before {
            *self.count(before.state) -= 1;
            if let Some(rows) = self.by_recipient.get_mut(&before.recipient) {
                rows.remove(&(before.seniority, row));
            }
        }
        if let Some(after) = after {
            *self.count(after.state) += 1;
            self.by_recipient.entry(after.recipient).or_default().insert((after.seniority, row));
        }
    }

    fn count(&mut self, state: NoticeState) -> &mut u64 {
        match state {
            NoticeState::Open => &mut self.open,
            NoticeState::Merged(_) => &mut self.merged,
            NoticeState::Withdrawn => &mut self.withdrawn,
        }
    }
}
