// SPDX-License-Identifier: EUPL-1.2
//! What joins beside keys, and what does not join although it looks so: officers' decisions and contradicted digests.

use std::collections::BTreeMap;

use super::key::Ref;
use super::view::Contradiction;

/// Contradicted digests.
#[derive(Default)]
pub(super) struct Contradictions(BTreeMap<([u8; 16], u64), Vec<Ref>>);

impl Contradictions {
    pub(super) fn retain_sizes(&mut self, digest: &[u8; 16], still: impl Fn(u64) -> bool) {
        let sizes: Vec<u64> =
            self.0.range((*digest, 0)..=(*digest, u64::MAX)).map(|((_, size), _)| *size).collect();
        for size in sizes.into_iter().filter(|size| !still(*size)) {
            self.clear(digest, size);
        }
    }

    pub(super) fn clear(&mut self, digest: &[u8; 16], size: u64) {
        self.0.remove(&(*digest, size));
    }

    pub(super) fn note(&mut self, digest: &[u8; 16], size: u64, referrals: Vec<Ref>) {
        self.0.insert((*digest, size), referrals);
    }

    /// Whether this digest and size join nothing.
    pub(super) fn contains(&self, digest: &[u8; 16], size: u64) -> bool {
        self.0.contains_key(&(*digest, size))
    }

    pub(super) fn list(&self) -> Vec<Contradiction> {
        let view = |((digest, size), referrals): (&([u8; 16], u64), &Vec<Ref>)| Contradiction {
            digest: *digest,
            size: *size,
            referrals: referrals.iter().map(Ref::entry).collect(),
        };
        self.0.iter().map(view).collect()
    }
}

/// `content.joined` entries by the referrals they name.
#[derive(Default)]
pub(super) struct Joins {
    by_name: BTreeMap<Ref, Vec<Ref>>,
    /// What each entry joins.
    joins: BTreeMap<Ref, (Ref, Ref)>,
}

impl Joins {
    pub(super) fn add(&mut self, entry: Ref, first: Ref, second: Ref) {
        self.joins.insert(entry, (first, second));
        for name in [first, second] {
            self.by_name.entry(name).or_default().push(entry);
        }
    }

    /// Returns what it joined.
    pub(super) fn retract(&mut self, entry: &Ref) -> Option<(Ref, Ref)> {
        let (first, second) = self.joins.remove(entry)?;
        for name in [first, second] {
            if let Some(entries) = self.by_name.get_mut(&name) {
                entries.retain(|known| known != entry);
            }
        }
        Some((first, second))
    }

    /// The joins that name a referral, with what they name.
    pub(super) fn with(&self, name: Ref) -> impl Iterator<Item = (Ref, Ref, Ref)> {
        let entries = self.by_name.get(&name).map_or(&[][..], Vec::as_slice);
        entries.iter().filter_map(|entry| self.joins.get(entry).map(|(a, b)| (*entry, *a, *b)))
    }

    /// Everything that was ever named, for when the coordinators change. In no order.
    pub(super) fn named(&self) -> impl Iterator<Item = Ref> {
        self.joins.values().flat_map(|(first, second)| [*first, *second])
    }
}
