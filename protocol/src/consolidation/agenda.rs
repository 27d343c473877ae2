// SPDX-License-Identifier: EUPL-1.2
//! Which cases a coordinator has to look at, and which wait for a turn, a time or a later epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::IssueContext;
use super::cases::Rank;
use crate::entry::referral::Tier;
use crate::time::Timestamp;

/// Why something that is due is not said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// It is another coordinator's turn for this tier.
    Turn(Tier),
    /// What was said last carries this coordinator's epoch and a time that is not over.
    Until(Timestamp),
    /// A coordinator with a later epoch spoke.
    Fenced,
}

/// The lists. A case is named by its anchor; a name that no longer is one is passed over.
#[derive(Default)]
pub(super) struct Agenda {
    /// The latest time heard of; before any was, no hold ends by itself.
    pub(super) clock: Option<Timestamp>,
    /// Cases that changed, in the order in which their notices are issued.
    pub(super) examine: BTreeSet<(Rank, u32)>,
    /// Open notices that belong to no content any more.
    pub(super) orphans: BTreeSet<u32>,
    /// Cases whose part in the figures is to be counted again.
    pub(super) tally: BTreeSet<u32>,
    turns: BTreeMap<Tier, BTreeSet<u32>>,
    later: BTreeSet<(Timestamp, u32)>,
    fenced: BTreeSet<u32>,
    epoch: u64,
    /// The last look did not get through the list.
    pub(super) unfinished: bool,
}

impl Agenda {
    pub(super) fn examine(&mut self, rank: Rank, anchor: u32) {
        self.examine.insert((rank, anchor));
    }

    /// It is a case no longer.
    pub(super) fn forget(&mut self, rank: Rank, anchor: u32) {
        self.examine.remove(&(rank, anchor));
    }

    pub(super) fn set_orphan(&mut self, notice: u32, orphan: bool) {
        if orphan {
            self.orphans.insert(notice)
        } else {
            self.orphans.remove(&notice)
        };
    }

    pub(super) fn wait(&mut self, anchor: u32, wait: Wait) {
        match wait {
            Wait::Turn(tier) => self.turns.entry(tier).or_default().insert(anchor),
            Wait::Until(at) => self.later.insert((at, anchor)),
            Wait::Fenced => self.fenced.insert(anchor),
        };
    }

    /// Cases whose wait is over.
    pub(super) fn woken(&mut self, context: &IssueContext<'_>) -> BTreeSet<u32> {
        let mut woken = BTreeSet::new();
        for (tier, cases) in &mut self.turns {
            if !cases.is_empty() && (context.may_issue)(*tier) {
                woken.append(cases);
            }
        }
        while let Some((at, case)) = self.later.first().copied()
            && at <= context.now
        {
            self.later.remove(&(at, case));
            woken.insert(case);
        }
        if context.epoch != self.epoch {
            self.epoch = context.epoch;
            woken.append(&mut self.fenced);
        }
        woken
    }

    /// The earliest time for which a case waits.
    pub(super) fn next_later(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }
}
