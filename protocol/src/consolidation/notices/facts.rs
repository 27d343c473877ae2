// SPDX-License-Identifier: EUPL-1.2
//! Takes up what entries say about notices, and takes it back when another entry owns their id.

use super::super::Consolidation;
use super::super::key::{Place, Ref, push_tight};
use super::super::keyring::unique;
use super::super::view::NoticeState;
use super::{Answered, Delivered, Issue, ItemOp, Notice, Op, OriginatorOp, Said, Stands};
use crate::entry::Body;
use crate::entry::answer::{Answer, Delivery};
use crate::entry::notice::{NoticeItem, Originator};
use crate::time::Timestamp;

impl Consolidation {
    /// Takes up what a `notice.*` entry says; returns the notice's row.
    pub(in crate::consolidation) fn notice_fact(
        &mut self,
        entry: Ref,
        at: Timestamp,
        place: Place,
        body: &Body,
    ) -> Option<u32> {
        let (id, epoch) = match body {
            Body::NoticeIssued(b) => (b.notice, b.epoch),
            Body::NoticeRevised(b) => (b.notice, b.epoch),
            Body::NoticeMerged(b) => (b.notice, b.epoch),
            Body::NoticeWithdrawn(b) => (b.notice, b.epoch),
            _ => return None,
        };
        let row = self.notices.row_of(id);
        let notice = &mut self.notices.rows[row as usize];
        let by = u32::try_from(notice.said.len()).expect("fewer than 2^32 entries about one notice");
        let revises = matches!(body, Body::NoticeRevised(_));
        push_tight(&mut notice.said, Said { entry, at, epoch, place, revises });
        let mut named = Vec::new();
        match body {
            Body::NoticeIssued(b) => {
                let anchor = Ref::of(&b.anchor);
                named.push(anchor);
                let issue = Issue { recipient: b.recipient.clone(), anchor };
                push_tight(&mut notice.issues, Op { by, what: issue });
                push_tight(&mut notice.facts, Op { by, what: b.facts.clone() });
                notice.add_items(by, &b.items);
                notice.add_originators(by, &b.originators, &mut named);
            }
            Body::NoticeRevised(b) => {
                push_tight(&mut notice.facts, Op { by, what: b.facts.clone() });
                notice.add_items(by, &b.items_added);
                notice
                    .items
                    .extend(b.items_withdrawn.iter().map(|id| Op { by, what: ItemOp::Withdraw(*id) }));
                notice.add_originators(by, &b.originators_added, &mut named);
                for originator in &b.originators_withdrawn {
                    let what = OriginatorOp::Withdraw(Ref::of(originator));
                    push_tight(&mut notice.originators, Op { by, what });
                }
            }
            Body::NoticeMerged(b) => notice.closings.push(Op { by, what: NoticeState::Merged(b.into) }),
            _ => notice.closings.push(Op { by, what: NoticeState::Withdrawn }),
        }
        for name in named {
            self.notices.name(name, row);
        }
        self.refresh_notice(row);
        Some(row)
    }

    pub(in crate::consolidation) fn refresh_notice(&mut self, row: u32) {
        self.notices.refresh(row, &self.coordinators);
        self.dirt.notices.insert(row);
    }

    pub(in crate::consolidation) fn refresh_notices(&mut self) {
        let rows: Vec<u32> = self.notices.by_id.values().copied().collect();
        for row in rows {
            self.refresh_notice(row);
        }
    }

    /// Forgets what an entry said about a notice, because another entry owns its id.
    pub(in crate::consolidation) fn retract_notice_fact(&mut self, row: u32, entry: &Ref) {
        let notice = &mut self.notices.rows[row as usize];
        let answers = notice.answers.len();
        notice.retract(entry);
        self.notices.answers -= (answers - notice.answers.len()) as u64;
        self.refresh_notice(row);
    }

    pub(in crate::consolidation) fn retract_delivery(&mut self, entry: &Ref) {
        for row in self.notices.by_delivery.remove(entry).unwrap_or_default() {
            self.retract_notice_fact(row, entry);
        }
    }

    /// Takes up an answer; returns the notice's row.
    pub(in crate::consolidation) fn answer_fact(&mut self, entry: Ref, at: Timestamp, body: &Answer) -> u32 {
        let row = self.notices.row_of(body.notice);
        push_tight(
            &mut self.notices.rows[row as usize].answers,
            Answered {
                entry,
                at,
                recipient: body.recipient.clone(),
                external_ref: body.external_ref.as_ref().map(|text| text.as_str().into()),
                signed: body.signed.is_some(),
                items: body.items.to_vec().into(),
            },
        );
        self.notices.answers += 1;
        row
    }

    pub(in crate::consolidation) fn delivery_fact(&mut self, entry: Ref, at: Timestamp, body: &Delivery) {
        let ids = unique(body.notices.iter().copied());
        let rows: Box<[u32]> = ids.into_iter().map(|id| self.notices.row_of(id)).collect();
        for row in &rows {
            push_tight(
                &mut self.notices.rows[*row as usize].deliveries,
                Delivered {
                    entry,
                    recipient: body.recipient.clone(),
                    channel: body.channel,
                    received_at: body.received_at,
                    at,
                },
            );
        }
        self.notices.by_delivery.insert(entry, rows);
    }
}

impl Notice {
    fn add_items(&mut self, by: u32, items: &[NoticeItem]) {
        for item in items {
            push_tight(&mut self.items, Op { by, what: ItemOp::Add(item.clone()) });
        }
    }

    fn add_originators(&mut self, by: u32, originators: &[Originator], named: &mut Vec<Ref>) {
        for originator in originators {
            let entry = Ref::of(&originator.entry);
            named.push(entry);
            let stands = Stands {
                log: originator.log.clone(),
                index: originator.index,
                leaf: originator.leaf,
                unit: originator.unit.clone(),
                reference: originator.reference.clone(),
                transmitted_by: originator.transmitted_by.clone(),
            };
            let what = OriginatorOp::Add(entry, Box::new(stands));
            push_tight(&mut self.originators, Op { by, what });
        }
    }
}
