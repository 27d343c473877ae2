// SPDX-License-Identifier: EUPL-1.2
//! Why referrals are in one case: the list of edges that hold it together.

use std::collections::BTreeSet;

use super::Consolidation;
use super::key::Ref;
use super::referrals::Role;
use super::view::{Edge, EdgeKind};
use crate::entry::EntryRef;

/// Most edges that one explanation lists.
pub const EDGES_MAX: usize = 1_000;

impl Consolidation {
    /// The edges of a referral's case, in order: within each content, every key that two of its referrals share, from the
    /// earliest to each other; then one near edge from the anchor content to every other. At most [`EDGES_MAX`].
    pub fn explain(&self, referral: &EntryRef) -> Option<Vec<Edge>> {
        let row = self.referrals.behind(&Ref::of(referral))?;
        let case = self.contents.case_of(self.referrals.lineage(row).content)?;
        let mut edges = BTreeSet::new();
        let contents = self.contents.of_case(case);
        for content in &contents {
            self.identity_edges(*content, &mut edges);
        }
        for content in contents.iter().skip(1) {
            edges.extend(self.near_edge(case, *content));
        }
        Some(edges.into_iter().take(EDGES_MAX).collect())
    }

    fn identity_edges(&self, content: u32, edges: &mut BTreeSet<Edge>) {
        let members = &self.contents.content(content).members;
        let mut items = BTreeSet::new();
        let mut prints = BTreeSet::new();
        for row in members {
            let version = self.referrals.reading(*row);
            items.extend(version.items.iter().map(|item| item.id));
            prints.extend(version.prints.iter().copied());
            for (entry, other) in self.joined_with(*row) {
                let (first, second) = if row < &other { (*row, other) } else { (other, *row) };
                edges.insert(self.edge(EdgeKind::Joined(entry.entry()), first, second));
            }
            if edges.len() > EDGES_MAX {
                return;
            }
        }
        for id in items {
            for epoch in self.epochs(&id).into_iter().filter(|epoch| self.is_of(epoch, content)) {
                self.star(EdgeKind::Item(id), epoch, edges);
            }
        }
        for print in prints {
            let kind = match print.role {
                Role::Same => EdgeKind::Sha256(print.digest),
                Role::Weak(size) if !self.contradictions.contains(&print.digest, size) => {
                    EdgeKind::WeakDigest(print.digest, size)
                }
                _ => continue,
            };
            let carries = |row: &&u32| self.referrals.reading(**row).prints.contains(&print);
            self.star(kind, members.iter().filter(carries).copied().collect(), edges);
        }
    }

    fn is_of(&self, referrals: &[u32], content: u32) -> bool {
        referrals.first().is_some_and(|row| self.referrals.lineage(*row).content == content)
    }

    /// Edges from the earliest referral to the others.
    fn star(&self, kind: EdgeKind, mut referrals: Vec<u32>, edges: &mut BTreeSet<Edge>) {
        referrals.sort_unstable_by_key(|row| self.referrals.age(*row));
        for other in referrals.iter().skip(1).take(EDGES_MAX) {
            edges.insert(self.edge(kind.clone(), referrals[0], *other));
        }
    }

    /// The nearest pair of pictures of two contents, by distance and age.
    fn near_edge(&self, anchor: u32, other: u32) -> Option<Edge> {
        let pictures = |content: u32| {
            let members = self.contents.content(content).members.iter();
            members.flat_map(|row| {
                let prints = self.referrals.reading(*row).prints.iter();
                prints.filter_map(move |print| match print.role {
                    Role::Near(hash) => Some((*row, hash)),
                    _ => None,
                })
            })
        };
        let near = pictures(anchor).flat_map(|(first, hash)| {
            let near = self.keyring.near.near(&self.keyring.hashes[hash as usize].pdq);
            pictures(other).filter_map(move |(second, hash)| {
                let (_, distance) = near.iter().find(|(row, _)| *row == hash)?;
                Some((*distance, first, second))
            })
        });
        let (distance, first, second) =
            near.min_by_key(|(distance, a, b)| (*distance, self.referrals.age(*a), self.referrals.age(*b)))?;
        Some(self.edge(EdgeKind::Near(distance), first, second))
    }

    fn edge(&self, kind: EdgeKind, first: u32, second: u32) -> Edge {
        let name = |row: u32| self.referrals.lineage(row).first.entry.entry();
        Edge { kind, first: name(first), second: name(second) }
    }
}
