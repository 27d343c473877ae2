// SPDX-License-Identifier: EUPL-1.2
//! "Has anyone this?" for an address or a fingerprint, before anything is shown to an analyst.

use std::collections::BTreeMap;

use super::Consolidation;
use super::keyring::{item_id, print_digest};
use super::referrals::NONE;
use super::view::{HitKind, LookupHit, NoticeState};
use crate::content::{Fingerprint, Keys, Locator, NEAR_DISTANCE};
use crate::entry::answer::AnswerOutcome;
use crate::entry::text::RecipientId;
use crate::entry::{ItemId, NoticeId};

/// Most referrals that one look-up tells of, the earliest first.
pub const LOOKUP_HITS_MAX: usize = 50;

impl Consolidation {
    /// Standing referrals of an address, the earliest first, at most [`LOOKUP_HITS_MAX`].
    pub fn lookup_address(&self, address: &Locator) -> Vec<LookupHit> {
        self.lookup_keys(&address.keys(&self.rules))
    }

    /// Standing referrals of an address by its keys under [`Consolidation::rules`].
    pub fn lookup_keys(&self, keys: &Keys) -> Vec<LookupHit> {
        let id = item_id(Some(keys), "");
        self.hits(self.keyring.items.rows(&id).iter().map(|row| (HitKind::Exact, *row)), Some(id))
    }

    /// Standing referrals that carry a fingerprint, whether the content is or contains what was hashed, and for a
    /// picture those that carry a near one; exact hits first, then the nearest, then the earliest.
    pub fn lookup_fingerprint(&self, fingerprint: &Fingerprint) -> Vec<LookupHit> {
        let mut found: BTreeMap<u32, HitKind> = BTreeMap::new();
        if let Some(pdq) = fingerprint.pdq().filter(|pdq| pdq.may_link()) {
            for (hash, distance) in self.keyring.near.near(&pdq.hash()) {
                let kind = match distance {
                    0 => HitKind::Exact,
                    _ => HitKind::Near { distance, threshold: NEAR_DISTANCE },
                };
                let known = &self.keyring.hashes[hash as usize];
                for row in self.keyring.prints.rows(&known.digest) {
                    found.entry(*row).and_modify(|best| *best = kind.min(*best)).or_insert(kind);
                }
            }
        }
        for row in self.keyring.prints.rows(&print_digest(fingerprint)) {
            found.insert(*row, HitKind::Exact);
        }
        self.hits(found.into_iter().map(|(row, kind)| (kind, row)), None)
    }

    fn hits(&self, found: impl Iterator<Item = (HitKind, u32)>, item: Option<ItemId>) -> Vec<LookupHit> {
        let mut found: Vec<_> = found.map(|(kind, row)| (kind, self.referrals.age(row), row)).collect();
        if found.len() > LOOKUP_HITS_MAX {
            found.select_nth_unstable(LOOKUP_HITS_MAX);
            found.truncate(LOOKUP_HITS_MAX);
        }
        found.sort_unstable();
        // Many hits are of one case, whose notices and holds are the same for all.
        let mut cases = BTreeMap::new();
        found.into_iter().map(|(kind, _, row)| self.hit(kind, row, item, &mut cases)).collect()
    }

    fn hit(
        &self,
        kind: HitKind,
        row: u32,
        item: Option<ItemId>,
        cases: &mut BTreeMap<u32, CaseFacts>,
    ) -> LookupHit {
        let version = self.referrals.reading(row);
        let first = self.referrals.lineage(row);
        let case = self.contents.case_of(first.content);
        let facts = case.map(|case| &*cases.entry(case).or_insert_with(|| self.case_facts(case)));
        let recipient = |id: ItemId| {
            let item = version.items.iter().find(|item| item.id == id && item.host != NONE)?;
            self.recipients.owner(item.host)
        };
        let ids = version.items.iter().map(|item| item.id).filter(|id| item.is_none_or(|item| item == *id));
        let (mut notice, mut outcome) = (None, None);
        for id in ids {
            let Some(facts) = facts else { break };
            let Some(recipient) = recipient(id) else { continue };
            let Some((row, state)) = facts.notices.get(recipient) else { continue };
            notice = notice.or(Some((*row, *state)));
            outcome = self.outcome(*row, &id).map(|outcome| outcome.outcome);
            if outcome.is_some() {
                notice = Some((*row, *state));
                break;
            }
        }
        let notice: Option<(NoticeId, NoticeState)> =
            notice.map(|(row, state): (u32, NoticeState)| (self.notices.notice(row).id, state));
        let outcome: Option<AnswerOutcome> = outcome;
        LookupHit {
            kind,
            referral: first.first.entry.entry(),
            member: version.entry.author.member(),
            unit: version.unit.as_str().into(),
            at: first.first.at,
            tier: version.tier,
            notice,
            outcome,
            hold: facts.is_some_and(|facts| facts.held),
        }
    }

    fn case_facts(&self, case: u32) -> CaseFacts {
        let mut notices = BTreeMap::new();
        for (_, row) in self.contents.notices_of_case(case) {
            if let Some(header) = &self.notices.notice(row).header {
                notices.entry(header.recipient.clone()).or_insert((row, header.state));
            }
        }
        CaseFacts { notices, held: self.is_held(case) }
    }
}

/// What all hits of one case have in common.
struct CaseFacts {
    notices: BTreeMap<RecipientId, (u32, NoticeState)>,
    held: bool,
}
