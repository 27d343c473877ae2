// SPDX-License-Identifier: EUPL-1.2
//! Which notices should exist and do not yet (spec 06-consolidation, "What is due").
//!
//! What stands in a case is compared with what its open notices say; the difference is what a coordinator should author.
//! Nothing is remembered of having asked: as long as an entry is not applied, it stays due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::agenda::Wait;
use super::key::Ref;
use super::notices::Folded;
use super::parts::{Part, Piece, list, split};
use super::wanted::Wanted;
use super::{Consolidation, Due, IssueContext, Why};
use crate::entry::notice::{
    NoticeFacts, NoticeIssued, NoticeItem, NoticeMerged, NoticeRevised, NoticeWithdrawn,
};
use crate::entry::text::{RecipientId, Text};
use crate::entry::{Audience, Body, EntryRef, NoticeId};
use crate::log::Hash;
use crate::time::Timestamp;

/// Most cases that one call looks at.
const EXAMINED_MAX: usize = 10_000;

/// Told to a recipient whose notice falls.
const NOBODY_STANDS: &str = "No unit stands behind this notice any more.";
const NOTHING_HERE: &str = "Nothing that this notice is about is with you any more.";

/// What one case needs.
#[derive(Default)]
struct Plan {
    due: Vec<Due>,
    waits: BTreeSet<Wait>,
}

impl Plan {
    fn say(&mut self, body: Body, why: Why) {
        self.due.push(Due { body, audience: Audience::MEMBERS, why });
    }
}

impl Consolidation {
    /// The entries that this coordinator should author now, about `limit` of them; more may be due when these are
    /// applied. Empty for a member that is no coordinator.
    ///
    /// The answer depends on what was applied and on the context alone: until the entries are applied, the same ones
    /// stay due, and afterwards they no longer are. They must be authored in the order given and carry
    /// [`IssueContext::now`] or a later time.
    pub fn due(&mut self, context: &IssueContext<'_>, limit: usize) -> Vec<Due> {
        self.advance(context.now);
        self.agenda.unfinished = false;
        if !self.coordinators.contains(&super::key::Author::of(&context.me)) {
            return Vec::new();
        }
        for case in self.agenda.woken(context) {
            self.examine_case_of(case);
        }
        let mut due = self.fallen(context, limit);
        let mut looked_at = 0;
        let mut next = self.agenda.examine.first().copied();
        while let Some(case) = next
            && due.len() < limit
        {
            if looked_at == EXAMINED_MAX {
                self.agenda.unfinished = true;
                break;
            }
            looked_at += 1;
            let (rank, anchor) = case;
            let is_case = self.contents.case_of(anchor) == Some(anchor);
            let plan = if is_case && self.contents.content(anchor).rank() == rank {
                self.plan(anchor, context)
            } else {
                Plan::default()
            };
            next = self
                .agenda
                .examine
                .range((std::ops::Bound::Excluded(case), std::ops::Bound::Unbounded))
                .next()
                .copied();
            if plan.due.is_empty() {
                self.agenda.examine.remove(&case);
                plan.waits.into_iter().for_each(|wait| self.agenda.wait(anchor, wait));
            }
            due.extend(plan.due);
        }
        due.truncate(limit);
        due
    }

    /// Moves the clock on, which ends holds whose time is over, and settles. For nodes that do not coordinate; others
    /// do it with [`Consolidation::due`].
    pub fn advance(&mut self, now: Timestamp) {
        self.end_holds(now);
        self.settle();
    }

    /// When to ask again although nothing was applied; `None` before somebody told the time.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let clock = self.agenda.clock?;
        let unfinished = self.agenda.unfinished.then_some(clock);
        [unfinished, self.holds.next_end(), self.agenda.next_later()].into_iter().flatten().min()
    }

    /// Withdrawals of open notices that belong to no content.
    fn fallen(&self, context: &IssueContext<'_>, limit: usize) -> Vec<Due> {
        let mut plan = Plan::default();
        for row in &self.agenda.orphans {
            if plan.due.len() >= limit {
                break;
            }
            let notice = self.notices.notice(*row);
            let Some(header) = &notice.header else { continue };
            let folded = self.notices.fold(*row, &self.coordinators);
            let may = folded.facts.is_some_and(|facts| (context.may_issue)(facts.tier));
            if may && !self.recipients.is_suspended(&header.recipient) && may_speak(&folded, context).is_ok()
            {
                self.withdraw(notice.id, &header.recipient, NOBODY_STANDS, context, &mut plan);
            }
        }
        plan.due
    }

    fn plan(&self, anchor: u32, context: &IssueContext<'_>) -> Plan {
        let mut plan = Plan::default();
        let wanted = self.wanted(anchor);
        let mut open: BTreeMap<&RecipientId, Vec<u32>> = BTreeMap::new();
        for (_, row) in self.contents.notices_of_case(anchor) {
            if let Some(header) = &self.notices.notice(row).header {
                open.entry(&header.recipient).or_default().push(row);
            }
        }
        let recipients: BTreeSet<&RecipientId> = wanted.keys().copied().chain(open.keys().copied()).collect();
        for recipient in recipients {
            if self.recipients.is_suspended(recipient) {
                continue;
            }
            let open = open.get(recipient).map_or(&[][..], Vec::as_slice);
            match (open, wanted.get(recipient)) {
                ([], Some(wanted)) => self.issue(anchor, recipient, wanted, context, &mut plan),
                ([first, others @ ..], wanted) => {
                    others.iter().for_each(|other| self.merge(*other, *first, context, &mut plan));
                    self.revise(*first, wanted, context, &mut plan);
                }
                ([], None) => {}
            }
        }
        plan
    }

    /// The first notice to a recipient about a case.
    fn issue(
        &self,
        anchor: u32,
        recipient: &RecipientId,
        wanted: &Wanted<'_>,
        context: &IssueContext<'_>,
        plan: &mut Plan,
    ) {
        let holds = self.holds_on(anchor);
        if !holds.is_empty() && !wanted.tier.is_urgent() {
            return;
        }
        let (id, frozen) = self.unused_id(anchor, recipient);
        let pending = self.notices.row(&id).map(|row| self.notices.fold(row, &self.coordinators));
        if let Err(wait) = pending.map_or(Ok(()), |folded| may_speak(&folded, context)) {
            plan.waits.insert(wait);
            return;
        }
        if !(context.may_issue)(wanted.tier) {
            plan.waits.insert(Wait::Turn(wanted.tier));
            return;
        }
        let facts = wanted.facts(Some(context.now.plus(context.answer_window)));
        let mut items: Vec<Piece> =
            wanted.items.values().map(|item| Piece::Item(notice_item(item))).collect();
        let originators = self.by_age(wanted, wanted.originators.keys().copied());
        // One of each comes first, because the entry that issues needs both.
        let rest = items.split_off(1);
        let pieces = items.into_iter().chain(originators).chain(rest).collect();
        let mut parts = split(pieces).into_iter();
        if let Some(part) = parts.next() {
            let body = NoticeIssued {
                notice: id,
                recipient: recipient.clone(),
                anchor: frozen,
                epoch: context.epoch,
                rules: self.rules_digest(),
                facts: facts.clone(),
                items: list(part.items),
                originators: list(part.originators),
            };
            let over: Vec<EntryRef> = holds.iter().map(Ref::entry).collect();
            let why = if over.is_empty() { Why::New } else { Why::NewOverHold(over) };
            plan.say(Body::NoticeIssued(Box::new(body)), why);
        }
        for part in parts {
            let attention = !part.items.is_empty();
            self.say_part(id, recipient, part, facts.clone(), attention, context, plan);
        }
    }

    /// What an open notice has to say so that it says what stands.
    fn revise(&self, row: u32, wanted: Option<&Wanted<'_>>, context: &IssueContext<'_>, plan: &mut Plan) {
        let notice = self.notices.notice(row);
        let folded = self.notices.fold(row, &self.coordinators);
        let (Some(header), Some(before)) = (&notice.header, folded.facts) else { return };
        let Some(wanted) = wanted else {
            match self.may_change(&folded, before, context) {
                Ok(()) => self.withdraw(notice.id, &header.recipient, NOTHING_HERE, context, plan),
                Err(wait) => drop(plan.waits.insert(wait)),
            }
            return;
        };
        let facts = wanted.facts(before.answer_by);
        let new_items = wanted.items.iter().filter(|(id, _)| !folded.items.contains_key(id));
        let new_items = new_items.map(|(_, item)| Piece::Item(notice_item(item)));
        let new = wanted.originators.keys().filter(|entry| !folded.originators.contains_key(entry)).copied();
        let gone_items = folded.items.keys().filter(|id| !wanted.items.contains_key(id));
        let gone: Vec<&Ref> =
            folded.originators.keys().filter(|entry| !wanted.originators.contains_key(entry)).collect();
        let pieces: Vec<Piece> = new_items
            .chain(self.by_age(wanted, new))
            .chain(gone_items.map(|id| Piece::ItemGone(*id)))
            .chain(gone.iter().map(|entry| Piece::OriginatorGone(entry.entry())))
            .collect();
        if pieces.is_empty() && facts == *before {
            return;
        }
        let tier = NoticeFacts { tier: before.tier.min(facts.tier), ..facts.clone() };
        if let Err(wait) = self.may_change(&folded, &tier, context) {
            plan.waits.insert(wait);
            return;
        }
        // An amendment takes the place of what it amends; that is no withdrawal.
        let amended =
            |entry: &Ref| self.referrals.resolve(entry).is_some_and(|row| wanted.referrals.contains(&row));
        let withdrawn: BTreeSet<EntryRef> =
            gone.into_iter().filter(|entry| !amended(entry)).map(Ref::entry).collect();
        let mut graver = facts.tier < before.tier;
        for part in split(pieces) {
            let items = !part.items.is_empty() || !part.items_gone.is_empty();
            let fell = part.originators_gone.iter().any(|entry| withdrawn.contains(entry));
            let attention = items || fell || std::mem::take(&mut graver);
            self.say_part(notice.id, &header.recipient, part, facts.clone(), attention, context, plan);
        }
    }

    fn merge(&self, row: u32, into: u32, context: &IssueContext<'_>, plan: &mut Plan) {
        let notice = self.notices.notice(row);
        let folded = self.notices.fold(row, &self.coordinators);
        let (Some(header), Some(facts)) = (&notice.header, folded.facts) else { return };
        if let Err(wait) = self.may_change(&folded, facts, context) {
            plan.waits.insert(wait);
            return;
        }
        let body = NoticeMerged {
            notice: notice.id,
            recipient: header.recipient.clone(),
            into: self.notices.notice(into).id,
            epoch: context.epoch,
            rules: self.rules_digest(),
        };
        plan.say(Body::NoticeMerged(Box::new(body)), Why::OneCase);
    }

    fn withdraw(
        &self,
        notice: NoticeId,
        recipient: &RecipientId,
        reason: &str,
        context: &IssueContext<'_>,
        plan: &mut Plan,
    ) {
        let reason: Text<1, 1000> = reason.parse().expect("a short text");
        let (recipient, rules) = (recipient.clone(), self.rules_digest());
        let body = NoticeWithdrawn { notice, recipient, reason, epoch: context.epoch, rules };
        plan.say(Body::NoticeWithdrawn(Box::new(body)), Why::Fallen);
    }

    #[expect(clippy::too_many_arguments, reason = "one entry's fields, from two callers")]
    fn say_part(
        &self,
        notice: NoticeId,
        recipient: &RecipientId,
        part: Part,
        facts: NoticeFacts,
        attention: bool,
        context: &IssueContext<'_>,
        plan: &mut Plan,
    ) {
        let body = NoticeRevised {
            notice,
            recipient: recipient.clone(),
            epoch: context.epoch,
            rules: self.rules_digest(),
            facts,
            items_added: list(part.items),
            items_withdrawn: list(part.items_gone),
            originators_added: list(part.originators),
            originators_withdrawn: list(part.originators_gone),
            attention,
        };
        plan.say(Body::NoticeRevised(Box::new(body)), Why::Changed);
    }

    /// Originators by time and name.
    fn by_age(&self, wanted: &Wanted<'_>, entries: impl Iterator<Item = Ref>) -> Vec<Piece> {
        let mut aged: Vec<(Timestamp, Ref)> =
            entries.filter_map(|entry| Some((wanted.originators.get(&entry)?.at(), entry))).collect();
        aged.sort_unstable();
        let piece = |(_, entry): (Timestamp, Ref)| {
            wanted.originators.get(&entry).map(|o| Piece::Originator(o.write()))
        };
        aged.into_iter().filter_map(piece).collect()
    }

    /// The id of a case's next notice to a recipient, and the entry it is derived from: the earliest standing referral
    /// of the anchor content whose id is free.
    ///
    /// An id is taken by a notice that ended or that belongs to another case. If all are taken, the entry that took the
    /// last of them is what the next is derived from.
    fn unused_id(&self, anchor: u32, recipient: &RecipientId) -> (NoticeId, EntryRef) {
        let mut name = self.contents.content(anchor).age.1;
        let mut members = self.contents.content(anchor).members.iter().skip(1);
        loop {
            let frozen = name.entry();
            let id = NoticeId::derive(recipient, &frozen);
            let notice = self.notices.row(&id).map(|row| self.notices.notice(row));
            let Some(taken) = notice.and_then(|notice| notice.taken_by(&self.coordinators)) else {
                return (id, frozen);
            };
            name = members.next().map_or(taken, |member| self.referrals.lineage(*member).first.entry);
        }
    }

    /// Whether this coordinator may change an open notice now.
    fn may_change(
        &self,
        folded: &Folded<'_>,
        facts: &NoticeFacts,
        context: &IssueContext<'_>,
    ) -> Result<(), Wait> {
        may_speak(folded, context)?;
        if (context.may_issue)(facts.tier) { Ok(()) } else { Err(Wait::Turn(facts.tier)) }
    }

    fn rules_digest(&self) -> Hash {
        Hash::from_bytes(self.rules.digest())
    }
}

/// What is said must come after everything said so far, or it would not count and be due for ever.
fn may_speak(folded: &Folded<'_>, context: &IssueContext<'_>) -> Result<(), Wait> {
    let (epoch, at) = folded.last;
    if epoch > context.epoch {
        Err(Wait::Fenced)
    } else if epoch == context.epoch && at >= context.now {
        Err(Wait::Until(at.plus(Duration::from_micros(1))))
    } else {
        Ok(())
    }
}

fn notice_item(item: &super::referrals::Item) -> NoticeItem {
    NoticeItem { item: item.id, url: item.url.clone(), locator: item.locator.clone() }
}
