// SPDX-License-Identifier: EUPL-1.2
//! Which referrals are about one content (spec 06-consolidation, "Contents").
//!
//! Contents are the connected components of equivalences, so a change can only move what is connected with it. What a
//! change touches is explored and grouped anew; when that is much, it waits until [`Consolidation::settle`], so that a
//! crowd of connected referrals costs those who add to it and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use super::Consolidation;
use super::key::Ref;
use super::referrals::{NONE, Role};
use super::view::Contradiction;
use crate::entry::ItemId;
use crate::time::Timestamp;

/// Most connected referrals that applying an entry groups at once.
const EAGER_MAX: usize = 256;
/// Most entries that leave something for later before all that is settled together.
const DEFERRALS_MAX: usize = 1_024;

/// What changed since it was last worked out.
#[derive(Default)]
pub(super) struct Dirt {
    /// Referrals that came, went or read otherwise.
    pub(super) referrals: BTreeSet<u32>,
    pub(super) items: BTreeSet<ItemId>,
    pub(super) prints: BTreeSet<[u8; 16]>,
    /// Referrals whose case may need another notice, though nobody's content changed.
    pub(super) cases_of: BTreeSet<u32>,
    /// Notices that changed.
    pub(super) notices: BTreeSet<u32>,
}

impl Dirt {
    fn is_empty(&self) -> bool {
        self.referrals.is_empty()
            && self.items.is_empty()
            && self.prints.is_empty()
            && self.cases_of.is_empty()
            && self.notices.is_empty()
    }

    fn merge(&mut self, mut other: Self) {
        self.referrals.append(&mut other.referrals);
        self.items.append(&mut other.items);
        self.prints.append(&mut other.prints);
        self.cases_of.append(&mut other.cases_of);
        self.notices.append(&mut other.notices);
    }
}

/// Everything that could be connected with what changed.
#[derive(Default)]
struct Region {
    referrals: BTreeSet<u32>,
    items: BTreeSet<ItemId>,
    prints: BTreeSet<[u8; 16]>,
    contents: BTreeSet<u32>,
}

/// Disjoint sets of small numbers.
pub(super) struct Forest(Vec<u32>);

impl Forest {
    pub(super) fn new(len: usize) -> Self {
        Self((0..u32::try_from(len).unwrap_or(NONE)).collect())
    }

    pub(super) fn root(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] != node {
            let above = self.0[node as usize];
            self.0[node as usize] = self.0[above as usize];
            node = above;
        }
        node
    }

    pub(super) fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

impl Consolidation {
    /// Works out everything that is still to be worked out. Queries before it may tell how a crowded case stood
    /// some entries ago; [`Consolidation::due`] and [`Consolidation::state_digest`] call it.
    pub fn settle(&mut self) {
        let mut dirt = std::mem::take(&mut self.deferred);
        dirt.merge(std::mem::take(&mut self.dirt));
        self.deferrals = 0;
        if let Some(region) = self.explore(&dirt, usize::MAX) {
            self.regroup(&region, &dirt, false);
        }
        self.tally_all();
    }

    /// Works out what the last entry changed, unless that is much.
    pub(super) fn settle_last(&mut self) {
        if self.dirt.is_empty() {
            return;
        }
        let dirt = std::mem::take(&mut self.dirt);
        match self.explore(&dirt, EAGER_MAX) {
            Some(region) => self.regroup(&region, &dirt, true),
            None => {
                self.deferred.merge(dirt);
                self.deferrals += 1;
            }
        }
        if self.deferrals > DEFERRALS_MAX {
            self.settle();
        }
    }

    /// Follows every connection from what changed; `None` once it leads to more than `max` referrals.
    fn explore(&self, dirt: &Dirt, max: usize) -> Option<Region> {
        let mut region = Region::default();
        let mut queue: Vec<u32> = dirt.referrals.iter().copied().collect();
        for id in &dirt.items {
            region.items.insert(*id);
            if self.keyring.items.rows(id).len() > max {
                return None;
            }
            queue.extend(self.keyring.items.rows(id));
        }
        for digest in &dirt.prints {
            region.prints.insert(*digest);
            if self.keyring.prints.rows(digest).len() > max {
                return None;
            }
            queue.extend(self.joined_by(digest));
        }
        while let Some(row) = queue.pop() {
            if !region.referrals.insert(row) {
                continue;
            }
            let lineage = self.referrals.lineage(row);
            if lineage.content != NONE && region.contents.insert(lineage.content) {
                let members = &self.contents.content(lineage.content).members;
                if members.len() > max {
                    return None;
                }
                queue.extend(members);
            }
            if !lineage.posted {
                continue;
            }
            let version = self.referrals.reading(row);
            for item in &version.items {
                if region.items.insert(item.id) {
                    let rows = self.keyring.items.rows(&item.id);
                    if rows.len() > max {
                        return None;
                    }
                    queue.extend(rows);
                }
            }
            for print in
                version.prints.iter().filter(|print| matches!(print.role, Role::Same | Role::Weak(_)))
            {
                if region.prints.insert(print.digest) {
                    if self.keyring.prints.rows(&print.digest).len() > max {
                        return None;
                    }
                    queue.extend(self.joined_by(&print.digest));
                }
            }
            queue.extend(self.joined_with(row).map(|(_, other)| other));
            if region.referrals.len() > max {
                return None;
            }
        }
        Some(region)
    }

    /// Standing referrals whose content itself has this digest, by their word.
    fn joined_by(&self, digest: &[u8; 16]) -> impl Iterator<Item = u32> {
        let says = |row: &u32| {
            let prints = &self.referrals.reading(*row).prints;
            prints.iter().any(|p| p.digest == *digest && matches!(p.role, Role::Same | Role::Weak(_)))
        };
        self.keyring.prints.rows(digest).iter().copied().filter(says)
    }

    /// Standing referrals that an officer joined with this one, and by which entry.
    pub(super) fn joined_with(&self, row: u32) -> impl Iterator<Item = (Ref, u32)> {
        let names: Vec<Ref> = self.referrals.names(row).collect();
        names.into_iter().flat_map(|name| self.joins.with(name)).filter_map(move |(entry, first, second)| {
            let rows = [self.referrals.resolve(&first)?, self.referrals.resolve(&second)?];
            let by_author =
                rows.iter().any(|r| self.referrals.lineage(*r).first.entry.author == entry.author);
            let may = by_author || self.coordinators.contains(&entry.author);
            let other = if rows[0] == row { rows[1] } else { rows[0] };
            (may && self.referrals.lineage(other).posted).then_some((entry, other))
        })
    }

    /// The SHA-256 digests of the content itself, by the referral's word, in order.
    fn digests(&self, row: u32) -> impl Iterator<Item = [u8; 16]> {
        let prints = &self.referrals.reading(row).prints;
        prints.iter().filter(|print| print.role == Role::Same).map(|print| print.digest)
    }

    /// Groups a region into contents and brings cases and notices up to date.
    fn regroup(&mut self, region: &Region, dirt: &Dirt, eager: bool) {
        let rows: Vec<u32> =
            region.referrals.iter().copied().filter(|row| self.referrals.lineage(*row).posted).collect();
        let place: BTreeMap<u32, u32> = rows.iter().copied().zip(0..).collect();
        let mut forest = Forest::new(rows.len());
        for id in &region.items {
            for epoch in self.epochs(id) {
                for pair in epoch.windows(2) {
                    forest.unite(place[&pair[0]], place[&pair[1]]);
                }
            }
        }
        for digest in &region.prints {
            for group in self.equal_files(digest) {
                for pair in group.windows(2) {
                    forest.unite(place[&pair[0]], place[&pair[1]]);
                }
            }
        }
        for row in &rows {
            let joined: Vec<u32> = self.joined_with(*row).map(|(_, other)| other).collect();
            for other in joined {
                forest.unite(place[row], place[&other]);
            }
        }
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, node) in rows.iter().zip(0..) {
            groups.entry(forest.root(node)).or_default().push(*row);
        }
        let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
        for group in &mut groups {
            group.sort_unstable_by_key(|row| self.referrals.age(*row));
        }
        self.replace_contents(region.contents.clone(), groups, dirt, eager);
    }

    /// The standing referrals of one address, cut where another file was found there: a locator is a place.
    ///
    /// By time of detection and name; one whose SHA-256 digests share nothing with those of the current content there
    /// begins the next. One without a digest belongs to the content that was there at its time.
    pub(super) fn epochs(&self, item: &ItemId) -> Vec<Vec<u32>> {
        let mut rows: Vec<(Timestamp, Ref, u32)> = self
            .keyring
            .items
            .rows(item)
            .iter()
            .map(|row| {
                (self.referrals.reading(*row).detected_at, self.referrals.lineage(*row).first.entry, *row)
            })
            .collect();
        rows.sort_unstable();
        let mut epochs: Vec<Vec<u32>> = Vec::new();
        let mut current: BTreeSet<[u8; 16]> = BTreeSet::new();
        for (_, _, row) in rows {
            let mut digests = self.digests(row).peekable();
            let known = digests.peek().is_some();
            let digests: Vec<_> = digests.collect();
            let other =
                known && !current.is_empty() && !digests.iter().any(|digest| current.contains(digest));
            if other {
                current.clear();
            }
            current.extend(digests);
            match epochs.last_mut() {
                Some(epoch) if !other => epoch.push(row),
                _ => epochs.push(vec![row]),
            }
        }
        epochs
    }

    /// Groups of standing referrals that a digest joins: all that carry a SHA-256; those of equal size that carry a
    /// SHA-1 or MD5, unless SHA-256 digests tell two files apart, which is noted.
    fn equal_files(&mut self, digest: &[u8; 16]) -> Vec<Vec<u32>> {
        let (mut same, mut weak): (Vec<u32>, BTreeMap<u64, Vec<u32>>) = Default::default();
        for row in self.keyring.prints.rows(digest) {
            for print in self.referrals.reading(*row).prints.iter().filter(|print| print.digest == *digest) {
                match print.role {
                    Role::Same => same.push(*row),
                    Role::Weak(size) => weak.entry(size).or_default().push(*row),
                    _ => {}
                }
            }
        }
        self.contradictions.retain_sizes(digest, |size| weak.contains_key(&size));
        let mut groups = vec![same];
        for (size, rows) in weak {
            if self.is_one_file(&rows) {
                self.contradictions.clear(digest, size);
                groups.push(rows);
            } else {
                let mut named: Vec<Ref> =
                    rows.iter().map(|row| self.referrals.lineage(*row).first.entry).collect();
                named.sort_unstable();
                self.contradictions.note(digest, size, named);
            }
        }
        groups
    }

    /// Whether the SHA-256 digests of these referrals, where they have any, are connected with each other.
    fn is_one_file(&self, rows: &[u32]) -> bool {
        let mut forest = Forest::new(rows.len());
        let mut carrier: BTreeMap<[u8; 16], u32> = BTreeMap::new();
        let mut carriers = Vec::new();
        for (row, node) in rows.iter().zip(0..) {
            let before = carriers.len();
            for digest in self.digests(*row) {
                if carriers.len() == before {
                    carriers.push(node);
                }
                forest.unite(node, *carrier.entry(digest).or_insert(node));
            }
        }
        let roots: BTreeSet<u32> = carriers.into_iter().map(|node| forest.root(node)).collect();
        roots.len() <= 1
    }

    /// Digests that would join files which SHA-256 tells apart, by digest and size.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        self.contradictions.list()
    }
}
