// SPDX-License-Identifier: EUPL-1.2
//! Cases: an anchor content and the contents directly near to it (spec 06-consolidation, "Cases").
//!
//! Taking the first content, removing its star and repeating makes a content an anchor exactly if no content near to it
//! and before it is one. So a change needs to be followed only from a content to those after it that are near to it,
//! and only while anchors change; nobody ever walks a whole cluster.

use std::collections::BTreeSet;

use super::Consolidation;
use super::identity::Dirt;
use super::key::{Author, Ref, push_tight};
use super::referrals::{NONE, Role};
use super::tally::Tally;
use crate::entry::NoticeId;
use crate::time::Timestamp;

/// The order of notices: time of issue, then where the issuing entry stands, then id. Two that one coordinator issued in one
/// microsecond keep the order in which it wrote them.
pub(super) type Seniority = (Timestamp, Author, u16, u64, NoticeId);

/// The order in which contents become anchors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Home of an open notice, the oldest of which is this.
    Noticed(Seniority),
    /// Not notified; its earliest standing referral.
    Dated(Timestamp, Ref),
}

/// Standing referrals about one content.
pub(super) struct Content {
    /// By time and name.
    pub(super) members: Vec<u32>,
    /// Rows of its pictures' hashes.
    hashes: Vec<u32>,
    /// Its first member's time and name.
    pub(super) age: (Timestamp, Ref),
    /// Open notices that belong to it, oldest first; mostly one.
    pub(super) homes: Vec<(Seniority, u32)>,
    rank: Rank,
    /// The content that anchors its case; itself if it is one.
    case: u32,
    /// The other contents of its case, if it is an anchor.
    star: BTreeSet<u32>,
    pub(super) tally: Tally,
}

/// All contents.
#[derive(Default)]
pub(super) struct Contents {
    /// Boxed, because growing must not move millions of contents at once.
    rows: Vec<Option<Box<Content>>>,
    free: Vec<u32>,
    /// Anchors by age.
    anchors: BTreeSet<(Timestamp, Ref, u32)>,
}

/// Contents whose case is to be found, in order of rank.
pub(super) type Queue = BTreeSet<(Rank, u32)>;

/// Most contents whose case is found with the entry that moved them.
const EAGER_MAX: usize = 256;

impl Contents {
    pub(super) fn get(&self, row: u32) -> Option<&Content> {
        self.rows.get(row as usize)?.as_deref()
    }

    pub(super) fn content(&self, row: u32) -> &Content {
        self.get(row).expect("rows of contents are dropped with the content")
    }

    pub(super) fn content_mut(&mut self, row: u32) -> &mut Content {
        self.rows[row as usize].as_mut().expect("rows of contents are dropped with the content")
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    pub(super) fn anchors(&self) -> &BTreeSet<(Timestamp, Ref, u32)> {
        &self.anchors
    }

    /// Rows in no meaningful order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &Content)> {
        (0..).zip(&self.rows).filter_map(|(row, content)| Some((row, content.as_deref()?)))
    }

    fn add(&mut self, content: Content) -> u32 {
        if let Some(row) = self.free.pop() {
            self.rows[row as usize] = Some(Box::new(content));
            return row;
        }
        self.rows.push(Some(Box::new(content)));
        u32::try_from(self.rows.len() - 1).expect("fewer than 2^32 contents")
    }

    fn remove(&mut self, row: u32) -> Box<Content> {
        self.free.push(row);
        self.rows[row as usize].take().expect("rows of contents are dropped with the content")
    }

    /// The anchor of a content's case.
    pub(super) fn case_of(&self, row: u32) -> Option<u32> {
        let case = self.get(row)?.case;
        (case != NONE).then_some(case)
    }

    /// The contents of a case, the anchor first, the others by age.
    pub(super) fn of_case(&self, anchor: u32) -> Vec<u32> {
        let Some(content) = self.get(anchor) else { return Vec::new() };
        let mut star: Vec<u32> = content.star.iter().copied().collect();
        star.sort_unstable_by_key(|row| self.content(*row).age);
        star.insert(0, anchor);
        star
    }

    /// Whether a case has more than `max` contents or its anchor more than `max` referrals.
    pub(super) fn is_crowded(&self, anchor: u32, max: usize) -> bool {
        self.get(anchor).is_some_and(|content| content.star.len() > max || content.members.len() > max)
    }

    /// The open notices of a case, oldest first.
    pub(super) fn notices_of_case(&self, anchor: u32) -> Vec<(Seniority, u32)> {
        let Some(content) = self.get(anchor) else { return Vec::new() };
        let others = content.star.iter().flat_map(|row| &self.content(*row).homes);
        let mut notices: Vec<_> = content.homes.iter().chain(others).copied().collect();
        notices.sort_unstable();
        notices
    }
}

impl Content {
    pub(super) fn rank(&self) -> Rank {
        self.rank
    }

    fn current_rank(&self) -> Rank {
        match self.homes.first() {
            Some((seniority, _)) => Rank::Noticed(*seniority),
            None => Rank::Dated(self.age.0, self.age.1),
        }
    }
}

impl Consolidation {
    /// Puts new contents in the place of old ones, then brings homes of notices and cases up to date.
    ///
    /// With `eager`, what moves beyond a bound waits until everything is settled.
    pub(super) fn replace_contents(
        &mut self,
        old: BTreeSet<u32>,
        groups: Vec<Vec<u32>>,
        dirt: &Dirt,
        eager: bool,
    ) {
        let mut queue = if eager { Queue::new() } else { std::mem::take(&mut self.unarranged) };
        let mut notices = dirt.notices.clone();
        let (mut kept, mut fresh) = (BTreeSet::new(), Vec::new());
        for members in groups {
            let hashes = self.hashes_of(&members);
            let before = self.referrals.lineage(members[0]).content;
            match self.contents.get(before) {
                Some(content) if content.members == members && content.hashes == hashes => {
                    kept.insert(before);
                }
                _ => fresh.push((members, hashes)),
            }
        }
        for row in old.difference(&kept) {
            self.drop_content(*row, &mut queue, &mut notices);
        }
        for (members, hashes) in fresh {
            for member in &members {
                self.note_notices_of(*member, &mut notices);
            }
            self.add_content(members, hashes, &mut queue);
        }
        for referral in &dirt.referrals {
            self.note_notices_of(*referral, &mut notices);
        }
        for notice in notices {
            self.rehome(notice, &mut queue);
        }
        self.arrange(queue, if eager { EAGER_MAX } else { usize::MAX });
        for row in kept {
            self.examine_case_of(row);
        }
        for referral in dirt.cases_of.iter().chain(&dirt.referrals) {
            self.examine_case_of(self.referrals.lineage(*referral).content);
        }
        self.tally_small();
    }

    fn hashes_of(&self, members: &[u32]) -> Vec<u32> {
        let prints = members.iter().flat_map(|row| &self.referrals.reading(*row).prints);
        super::keyring::unique(prints.filter_map(|print| match print.role {
            Role::Near(hash) => Some(hash),
            _ => None,
        }))
    }

    fn note_notices_of(&self, referral: u32, notices: &mut BTreeSet<u32>) {
        for name in self.referrals.names(referral) {
            notices.extend(self.notices.naming(&name));
        }
        for endorsement in self.referrals.endorsed_as(referral) {
            notices.extend(self.notices.naming(&endorsement));
        }
    }

    fn add_content(&mut self, members: Vec<u32>, hashes: Vec<u32>, queue: &mut Queue) {
        let age = self.referrals.age(members[0]);
        let rank = Rank::Dated(age.0, age.1);
        let homes = Vec::new();
        let (star, tally) = (BTreeSet::new(), Tally::default());
        let row = self.contents.add(Content { members, hashes, age, homes, rank, case: NONE, star, tally });
        let content = self.contents.content(row);
        for member in &content.members {
            self.referrals.lineage_mut(*member).content = row;
        }
        for hash in &content.hashes {
            self.keyring.hashes[*hash as usize].contents.insert(row);
        }
        queue.insert((rank, row));
    }

    fn drop_content(&mut self, row: u32, queue: &mut Queue, notices: &mut BTreeSet<u32>) {
        self.step_down(row, queue);
        self.leave_case(row);
        self.untally(row);
        let content = self.contents.remove(row);
        for member in content.members {
            let lineage = self.referrals.lineage_mut(member);
            if lineage.content == row {
                lineage.content = NONE;
            }
        }
        for hash in content.hashes {
            self.keyring.hashes[hash as usize].contents.remove(&row);
        }
        for (_, notice) in content.homes {
            self.notices.set_home(notice, None);
            notices.insert(notice);
        }
    }

    /// Moves a notice to the content it belongs to.
    fn rehome(&mut self, notice: u32, queue: &mut Queue) {
        let before = self.notices.home(notice);
        let after = self.home_of(notice).map(|content| (content, self.notices.seniority(notice)));
        let orphan = after.is_none() && self.notices.is_open(notice);
        self.agenda.set_orphan(notice, orphan);
        if before != after {
            self.notices.set_home(notice, after);
            if let Some((content, seniority)) = before {
                self.contents.content_mut(content).homes.retain(|home| *home != (seniority, notice));
                self.rerank(content, queue);
            }
            if let Some((content, seniority)) = after {
                let homes = &mut self.contents.content_mut(content).homes;
                push_tight(homes, (seniority, notice));
                homes.sort_unstable();
                self.rerank(content, queue);
            }
        }
        for (content, _) in before.into_iter().chain(after) {
            self.examine_case_of(content);
        }
    }

    /// The content that an open notice belongs to: that of its frozen anchor while the anchor stands, else that of its
    /// earliest originator that does.
    fn home_of(&self, notice: u32) -> Option<u32> {
        if !self.notices.is_open(notice) {
            return None;
        }
        let content = |referral: u32| {
            let lineage = self.referrals.lineage(referral);
            (lineage.posted && lineage.content != NONE).then_some(lineage.content)
        };
        let anchor = self.referrals.resolve(self.notices.anchor(notice)?);
        if let Some(home) = anchor.and_then(content) {
            return Some(home);
        }
        let folded = self.notices.fold(notice, &self.coordinators);
        let standing = folded.originators.keys().filter_map(|entry| {
            let row = self.referrals.standing_behind(entry)?;
            Some((self.referrals.age(row), content(row)?))
        });
        standing.min().map(|(_, home)| home)
    }

    fn rerank(&mut self, row: u32, queue: &mut Queue) {
        let rank = self.contents.content(row).current_rank();
        if rank != self.contents.content(row).rank {
            self.step_down(row, queue);
            self.contents.content_mut(row).rank = rank;
            queue.insert((rank, row));
        }
    }

    /// Rows of hashes near to a content's own, which are among them.
    fn near_hashes(&self, row: u32) -> BTreeSet<u32> {
        let hashes = &self.contents.content(row).hashes;
        let near = |hash: &u32| self.keyring.near.near(&self.keyring.hashes[*hash as usize].pdq);
        hashes.iter().flat_map(near).map(|(hash, _)| hash).chain(hashes.iter().copied()).collect()
    }

    /// If the content is an anchor, it no longer is; the cases of its star are to be found again.
    fn step_down(&mut self, row: u32, queue: &mut Queue) {
        if self.contents.content(row).case != row {
            return;
        }
        self.set_anchor(row, false);
        for other in std::mem::take(&mut self.contents.content_mut(row).star) {
            let content = self.contents.content_mut(other);
            content.case = NONE;
            queue.insert((content.rank, other));
        }
    }

    /// The contents near to an anchor that come after it are to find their case again.
    fn queue_near(&self, near: &BTreeSet<u32>, rank: Rank, queue: &mut Queue) {
        for other in near.iter().flat_map(|hash| &self.keyring.hashes[*hash as usize].contents) {
            let after = self.contents.content(*other).rank;
            if after > rank {
                queue.insert((after, *other));
            }
        }
    }

    fn set_anchor(&mut self, row: u32, anchor: bool) {
        let content = self.contents.content_mut(row);
        let (at, name) = content.age;
        content.case = if anchor { row } else { NONE };
        for hash in &content.hashes {
            let anchors = &mut self.keyring.hashes[*hash as usize].anchors;
            if anchor {
                anchors.insert(row)
            } else {
                anchors.remove(&row)
            };
        }
        if anchor {
            self.contents.anchors.insert((at, name, row));
        } else {
            let rank = content.rank;
            self.contents.anchors.remove(&(at, name, row));
            self.agenda.forget(rank, row);
            self.untally(row);
        }
    }

    fn leave_case(&mut self, row: u32) {
        let case = self.contents.content(row).case;
        if case != NONE {
            self.contents.content_mut(case).star.remove(&row);
            self.examine(case);
        }
        self.contents.content_mut(row).case = NONE;
    }

    /// Finds the case of every content in the queue, and of those that change with it.
    ///
    /// What is beyond `max` waits: whenever an anchor changes, all that it could move are queued, so the order in which
    /// parts of the queue are worked off does not matter in the end.
    fn arrange(&mut self, mut queue: Queue, max: usize) {
        let mut arranged = 0;
        while let Some((rank, row)) = queue.pop_first() {
            if arranged == max {
                self.unarranged.insert((rank, row));
                self.unarranged.append(&mut queue);
                self.deferrals += 1;
                return;
            }
            arranged += 1;
            if self.contents.get(row).is_none_or(|content| content.rank != rank) {
                continue;
            }
            let near = self.near_hashes(row);
            let anchors = near.iter().flat_map(|hash| &self.keyring.hashes[*hash as usize].anchors);
            let before =
                anchors.map(|anchor| (self.contents.content(*anchor).rank, *anchor)).filter(|a| a.0 < rank);
            let case = before.min().map_or(row, |(_, anchor)| anchor);
            let former = self.contents.content(row).case;
            if case == former {
                continue;
            }
            self.step_down(row, &mut queue);
            self.leave_case(row);
            if case == row {
                self.set_anchor(row, true);
                self.queue_near(&near, rank, &mut queue);
            } else {
                self.contents.content_mut(row).case = case;
                self.contents.content_mut(case).star.insert(row);
            }
            self.examine(case);
        }
    }

    pub(super) fn examine_case_of(&mut self, content: u32) {
        if let Some(case) = self.contents.case_of(content) {
            self.examine(case);
        }
    }

    /// Asks for a look at what a case needs.
    fn examine(&mut self, anchor: u32) {
        if let Some(content) = self.contents.get(anchor) {
            self.agenda.examine(content.rank, anchor);
            self.agenda.tally.insert(anchor);
        }
    }
}
