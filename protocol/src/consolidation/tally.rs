// SPDX-License-Identifier: EUPL-1.2
//! How many notices consolidation saves (spec 06-consolidation, "Figures").

use std::collections::BTreeSet;

use super::Consolidation;
use super::view::{Counts, NoticeState};

/// Cases of at most so many contents, and so many referrals of the anchor, are counted with the entry that changed them, larger ones when settling.
const SMALL_CASE_MAX: usize = 256;
/// Most cases that wait to be counted.
const WAITING_MAX: usize = 4_096;

/// One case's part in the figures.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Distinct (member, item) pairs behind its open notices.
    alone: u64,
    /// Originators beyond the first of each of its open notices.
    cosigners: u64,
}

impl Consolidation {
    /// Counts the cases that changed, large ones left for later.
    pub(super) fn tally_small(&mut self) {
        if self.agenda.tally.len() > WAITING_MAX {
            return self.tally_all();
        }
        let waiting = std::mem::take(&mut self.agenda.tally);
        for anchor in waiting {
            if self.contents.is_crowded(anchor, SMALL_CASE_MAX) {
                self.agenda.tally.insert(anchor);
            } else {
                self.tally(anchor);
            }
        }
    }

    pub(super) fn tally_all(&mut self) {
        for anchor in std::mem::take(&mut self.agenda.tally) {
            self.tally(anchor);
        }
    }

    fn tally(&mut self, anchor: u32) {
        if self.contents.case_of(anchor) != Some(anchor) {
            return;
        }
        let notices = self.contents.notices_of_case(anchor);
        let mut tally = Tally::default();
        if !notices.is_empty() {
            let header = |row: &u32| self.notices.notice(*row).header.as_ref();
            let open = notices.iter().filter_map(|(_, row)| header(row)).map(|header| &header.recipient);
            let open: BTreeSet<_> = open.collect();
            for (recipient, wanted) in self.wanted(anchor) {
                if open.contains(&recipient) {
                    tally.alone += wanted.pairs as u64;
                    tally.cosigners += wanted.originators.len() as u64 - 1;
                }
            }
        }
        self.untally(anchor);
        self.figures.alone += tally.alone;
        self.figures.cosigners += tally.cosigners;
        self.contents.content_mut(anchor).tally = tally;
    }

    /// Takes a case's part out of the figures.
    pub(super) fn untally(&mut self, anchor: u32) {
        let before = std::mem::take(&mut self.contents.content_mut(anchor).tally);
        self.figures.alone -= before.alone;
        self.figures.cosigners -= before.cosigners;
    }

    /// How much there is. Figures about crowded cases are brought up to date by [`Consolidation::settle`].
    pub fn counts(&self) -> Counts {
        let notices = &self.notices;
        Counts {
            referrals: self.standing,
            referrals_ever: self.referrals.len() as u64,
            endorsements: self.standing_endorsements,
            items: self.keyring.items.len() as u64,
            contents: self.contents.len() as u64,
            cases: self.contents.anchors().len() as u64,
            notices_open: notices.open,
            notices_merged: notices.merged,
            notices_withdrawn: notices.withdrawn,
            notices_alone: self.figures.alone,
            duplicates_avoided: self.figures.alone.saturating_sub(notices.open),
            cosigners: self.figures.cosigners,
            recipients: self.recipients.in_force().len() as u64,
            holds: self.holds.standing() as u64,
            answers: notices.answers,
        }
    }

    /// How a notice stands; `None` before a coordinator issued it.
    pub(super) fn notice_state(&self, row: u32) -> Option<NoticeState> {
        self.notices.notice(row).header.as_ref().map(|header| header.state)
    }
}
