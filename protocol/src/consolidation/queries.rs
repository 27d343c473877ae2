// SPDX-License-Identifier: EUPL-1.2
//! Referrals, cases and notices for interfaces: reads only, and only what was worked out before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::Consolidation;
use super::Position;
use super::key::Ref;
use super::notices::{Answered, Delivered, Notice};
use super::view::{
    AnswerView, CaseView, DeliveryView, HoldView, ItemOutcome, NoticeEntryView, NoticeItemView, NoticeState,
    NoticeView, OriginatorView, RecipientView, ReferralAnswer, ReferralState, ReferralView, ReferredItemView,
};
use crate::content::Locator;
use crate::entry::answer::ItemAnswer;
use crate::entry::text::RecipientId;
use crate::entry::{EntryRef, ItemId, NoticeId};
use crate::member::MemberId;

impl Consolidation {
    /// A referral by its own name, that of one of its amendments, or that of an endorsement of it.
    pub fn referral(&self, entry: &EntryRef) -> Option<ReferralView> {
        let row = self.referrals.behind(&Ref::of(entry))?;
        let lineage = self.referrals.lineage(row);
        let version = self.referrals.reading(row);
        let state = match (self.referrals.stands(row), self.referrals.is_amended(row)) {
            (false, _) => ReferralState::Withdrawn,
            (true, true) => ReferralState::Amended,
            (true, false) => ReferralState::Standing,
        };
        let content = self.contents.get(lineage.content);
        let item = |item: &super::referrals::Item| ReferredItemView {
            item: item.id,
            url: item.url.clone(),
            recipient: self.recipients.owner(item.host).cloned(),
        };
        let mut endorsements: Vec<EntryRef> =
            self.referrals.endorsements_of(row).map(|endorsement| endorsement.entry.entry()).collect();
        endorsements.sort();
        Some(ReferralView {
            referral: lineage.first.entry.entry(),
            current: version.entry.entry(),
            position: version.place.position(&version.entry.author),
            state,
            at: lineage.first.at,
            detected_at: version.detected_at,
            unit: version.unit.as_str().into(),
            reference: version.reference.as_str().into(),
            tier: version.tier,
            content_type: version.content_type,
            types: version.types.list(),
            items: version.items.iter().map(item).collect(),
            endorsements,
            content: content.map(|content| content.age.1.entry()),
            case: self.contents.case_of(lineage.content).map(|case| self.case_name(case).entry()),
            notices: self
                .notices_about(row)
                .into_iter()
                .map(|(row, state)| (self.notices.notice(row).id, state))
                .collect(),
            answers: self.answers_about(row),
        })
    }

    /// What recipients last answered about a referral's items, by notice and item.
    pub fn answers_for_referral(&self, referral: &EntryRef) -> Vec<ReferralAnswer> {
        self.referrals.behind(&Ref::of(referral)).map(|row| self.answers_about(row)).unwrap_or_default()
    }

    fn answers_about(&self, row: u32) -> Vec<ReferralAnswer> {
        let items: BTreeSet<ItemId> = self.referrals.reading(row).items.iter().map(|item| item.id).collect();
        let mut answers = Vec::new();
        for (notice, _) in self.notices_about(row) {
            let Some(header) = &self.notices.notice(notice).header else { continue };
            for item in &items {
                if let Some(outcome) = self.outcome(notice, item) {
                    let (notice, recipient) = (self.notices.notice(notice).id, header.recipient.clone());
                    answers.push(ReferralAnswer { notice, recipient, item: *item, outcome });
                }
            }
        }
        answers
    }

    /// Issued notices that name a referral, an amendment or endorsement of it, or that are open in its case, oldest first.
    fn notices_about(&self, row: u32) -> Vec<(u32, NoticeState)> {
        let mut rows: BTreeSet<u32> = BTreeSet::new();
        for name in self.referrals.names(row) {
            rows.extend(self.notices.naming(&name));
        }
        for endorsement in self.referrals.endorsements_of(row) {
            rows.extend(self.notices.naming(&endorsement.entry));
        }
        if let Some(case) = self.contents.case_of(self.referrals.lineage(row).content) {
            let version = self.referrals.reading(row);
            let at: BTreeSet<&RecipientId> =
                version.items.iter().filter_map(|item| self.recipients.owner(item.host)).collect();
            let open = self.contents.notices_of_case(case).into_iter().map(|(_, notice)| notice);
            let header = |notice: &u32| self.notices.notice(*notice).header.as_ref();
            rows.extend(
                open.filter(|notice| header(notice).is_some_and(|header| at.contains(&header.recipient))),
            );
        }
        let mut notices: Vec<_> = rows
            .into_iter()
            .filter_map(|notice| Some((self.notices.seniority(notice), notice, self.notice_state(notice)?)))
            .collect();
        notices.sort_unstable();
        notices.into_iter().map(|(_, notice, state)| (notice, state)).collect()
    }

    /// The name of a case: the frozen anchor of its anchor content's oldest open notice, else that content's earliest
    /// standing referral.
    pub(super) fn case_name(&self, anchor: u32) -> Ref {
        let content = self.contents.content(anchor);
        let frozen = content.homes.first().and_then(|(_, notice)| self.notices.anchor(*notice));
        frozen.copied().unwrap_or(content.age.1)
    }

    /// The case of a referral, under any of the names that [`Consolidation::referral`] accepts.
    pub fn case_of(&self, referral: &EntryRef) -> Option<CaseView> {
        let row = self.referrals.behind(&Ref::of(referral))?;
        self.contents.case_of(self.referrals.lineage(row).content).map(|case| self.case_view(case))
    }

    /// The case of this name.
    pub fn case(&self, anchor: &EntryRef) -> Option<CaseView> {
        self.case_of(anchor).filter(|case| case.anchor == *anchor)
    }

    /// Cases from the newest anchor content to the oldest, at most `limit`; with `before`, those after the case of that
    /// referral.
    pub fn cases(&self, before: Option<&EntryRef>, limit: usize) -> Vec<CaseView> {
        let end = before.and_then(|entry| {
            let content = self.referrals.lineage(self.referrals.behind(&Ref::of(entry))?).content;
            let anchor = self.contents.case_of(content)?;
            let (at, name) = self.contents.content(anchor).age;
            Some((at, name, anchor))
        });
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let newest = self.contents.anchors().range((Bound::Unbounded, end)).rev();
        newest.take(limit).map(|(_, _, anchor)| self.case_view(*anchor)).collect()
    }

    fn case_view(&self, anchor: u32) -> CaseView {
        let rows = self.contents.of_case(anchor);
        let members = |row: &u32| &self.contents.content(*row).members;
        let name = |row: &u32| self.referrals.lineage(*row).first.entry.entry();
        let versions = || rows.iter().flat_map(members).map(|row| self.referrals.reading(*row));
        let items = versions().flat_map(|version| &version.items);
        let lost: BTreeSet<ItemId> =
            items.filter(|item| self.recipients.owner(item.host).is_none()).map(|item| item.id).collect();
        let tier = versions().map(|version| version.tier).min();
        let notices = self.contents.notices_of_case(anchor).into_iter();
        CaseView {
            anchor: self.case_name(anchor).entry(),
            contents: rows.iter().map(|row| members(row).iter().map(name).collect()).collect(),
            notices: notices.map(|(_, notice)| self.notices.notice(notice).id).collect(),
            without_recipient: lost.into_iter().collect(),
            held: self.holds_on(anchor).iter().map(Ref::entry).collect(),
            tier: tier.expect("a case has a referral"),
        }
    }

    /// Every notice ever issued to a recipient, by time of issue.
    pub fn notices_for(&self, recipient: &RecipientId) -> Vec<NoticeId> {
        self.notices.to(recipient).into_iter().map(|row| self.notices.notice(row).id).collect()
    }

    /// Issued notices after `after`, by id, at most `limit`.
    pub fn notices(&self, after: Option<&NoticeId>, limit: usize) -> Vec<NoticeId> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(*id));
        let known = self.notices.by_id().range((from, Bound::Unbounded));
        let issued = known.filter(|(_, row)| self.notices.notice(**row).header.is_some());
        issued.take(limit).map(|(id, _)| *id).collect()
    }

    /// For every member how many items are answered on notices that it stands behind: whom answers reached. Reads
    /// every notice, so it takes a moment.
    pub fn answered_items_by_member(&self) -> BTreeMap<MemberId, u64> {
        let mut reached = BTreeMap::new();
        for view in self.notices(None, usize::MAX).iter().filter_map(|id| self.notice(id)) {
            let answered = view.items.iter().filter(|item| item.outcome.is_some()).count() as u64;
            let members: BTreeSet<MemberId> =
                view.originators.into_iter().map(|stands| stands.member).collect();
            for member in members.into_iter().filter(|_| answered > 0) {
                *reached.entry(member).or_default() += answered;
            }
        }
        reached
    }

    /// A notice that a coordinator issued.
    pub fn notice(&self, id: &NoticeId) -> Option<NoticeView> {
        let row = self.notices.row(id)?;
        let notice = self.notices.notice(row);
        let header = notice.header.as_ref()?;
        let folded = self.notices.fold(row, &self.coordinators);
        let mut outcomes = outcomes(notice);
        let items = folded.items.iter().map(|(id, item)| NoticeItemView {
            item: *id,
            url: item.url.clone(),
            locator: item.locator.as_ref().map(|text| text.as_str().into()),
            outcome: outcomes.remove(id),
        });
        let originators = folded.originators.iter().map(|(entry, stands)| OriginatorView {
            member: entry.author.member(),
            unit: stands.unit.as_str().into(),
            reference: stands.reference.as_str().into(),
            transmitted_by: stands.transmitted_by.as_ref().map(|text| text.as_str().into()),
            entry: entry.entry(),
            position: Position { log: stands.log.clone(), index: stands.index, leaf: stands.leaf },
        });
        let mut said: Vec<_> =
            notice.said.iter().filter(|said| self.coordinators.contains(&said.entry.author)).collect();
        said.sort_unstable_by_key(|said| (said.at, said.entry));
        let held = self.notices.home(row).and_then(|(home, _)| self.contents.case_of(home));
        Some(NoticeView {
            id: *id,
            recipient: header.recipient.clone(),
            anchor: header.anchor.entry(),
            state: header.state,
            issued_at: header.seniority.0,
            issuer: header.issuer.author.member(),
            facts: folded.facts?.clone(),
            items: items.collect(),
            originators: originators.collect(),
            revisions: said.iter().filter(|said| said.revises).count(),
            entries: said
                .iter()
                .map(|said| NoticeEntryView {
                    entry: said.entry.entry(),
                    at: said.at,
                    position: said.place.position(&said.entry.author),
                })
                .collect(),
            answers: answers(notice, &header.recipient),
            deliveries: deliveries(notice, &header.recipient),
            held: held.map(|case| self.holds_on(case).iter().map(Ref::entry).collect()).unwrap_or_default(),
        })
    }

    /// The latest answer to a notice about one item.
    pub(super) fn outcome(&self, notice: u32, item: &ItemId) -> Option<ItemOutcome> {
        let notice = self.notices.notice(notice);
        let recipient = &notice.header.as_ref()?.recipient;
        let about =
            notice.answers.iter().filter(|answer| answer.recipient == *recipient).filter_map(|answer| {
                answer.items.iter().find(|about| about.item == *item).map(|about| (answer, about))
            });
        let (answer, about) = about.max_by_key(|(answer, _)| (answer.at, answer.entry))?;
        Some(item_outcome(answer, about))
    }

    /// A recipient's record in force.
    pub fn recipient(&self, recipient: &RecipientId) -> Option<&RecipientView> {
        self.recipients.in_force().get(recipient)
    }

    /// All recipients in force, by id.
    pub fn recipients(&self) -> impl Iterator<Item = &RecipientView> {
        self.recipients.in_force().values()
    }

    /// To whom notices about an address go.
    pub fn recipient_of(&self, address: &Locator) -> Option<&RecipientId> {
        let host = address.host();
        let exact = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
        self.recipients.owner_by_name(host, exact)
    }

    /// Holds that were not released, by name. Those whose time is over are among them.
    pub fn holds(&self) -> Vec<HoldView> {
        self.holds.views()
    }
}

/// The latest answer about each item.
fn outcomes(notice: &Notice) -> BTreeMap<ItemId, ItemOutcome> {
    let Some(header) = &notice.header else { return BTreeMap::new() };
    let mut answers: Vec<_> =
        notice.answers.iter().filter(|answer| answer.recipient == header.recipient).collect();
    answers.sort_unstable_by_key(|answer| (answer.at, answer.entry));
    let mut latest = BTreeMap::new();
    for answer in answers {
        for about in &answer.items {
            latest.insert(about.item, item_outcome(answer, about));
        }
    }
    latest
}

fn item_outcome(answer: &Answered, about: &ItemAnswer) -> ItemOutcome {
    ItemOutcome {
        outcome: about.outcome,
        at: about.at,
        reason: about.reason.as_ref().map(|text| text.as_str().into()),
        countries: about.countries.to_vec(),
        answer: answer.entry.entry(),
        answered_at: answer.at,
    }
}

/// The recipient's answers; others have nothing to answer.
fn answers(notice: &Notice, recipient: &RecipientId) -> Vec<AnswerView> {
    let mut answers: Vec<AnswerView> = notice
        .answers
        .iter()
        .filter(|answer| answer.recipient == *recipient)
        .map(|answer| AnswerView {
            entry: answer.entry.entry(),
            at: answer.at,
            external_ref: answer.external_ref.clone(),
            signed: answer.signed,
            items: answer.items.iter().map(|item| (item.item, item.outcome)).collect(),
        })
        .collect();
    answers.sort_by(|a, b| (a.at, &a.entry).cmp(&(b.at, &b.entry)));
    answers
}

fn deliveries(notice: &Notice, recipient: &RecipientId) -> Vec<DeliveryView> {
    let mut deliveries: Vec<_> =
        notice.deliveries.iter().filter(|delivery| delivery.recipient == *recipient).collect();
    deliveries.sort_unstable_by_key(|delivery| (delivery.at, delivery.entry));
    let view = |delivery: &Delivered| DeliveryView {
        entry: delivery.entry.entry(),
        channel: delivery.channel,
        received_at: delivery.received_at,
    };
    deliveries.into_iter().map(view).collect()
}
