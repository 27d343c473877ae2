// SPDX-License-Identifier: EUPL-1.2
//! Holds: which cases may not be notified for the time being (DOMAIN, "Deconfliction").
//!
//! A hold covers every case that one of its addresses, digests, pictures or referrals leads to. It stands until its
//! author releases it or its time is over.

use std::collections::{BTreeMap, BTreeSet};

use super::Consolidation;
use super::key::Ref;
use super::keyring::{item_id, print_digest};
use super::referrals::Role;
use super::view::HoldView;
use crate::content::{Fingerprint, Locator, Pdq, PdqIndex};
use crate::entry::ItemId;
use crate::entry::hold;
use crate::time::Timestamp;

/// One `hold` entry.
struct Placed {
    at: Timestamp,
    until: Option<Timestamp>,
    items: Vec<ItemId>,
    prints: Vec<[u8; 16]>,
    pictures: Vec<Pdq>,
    referrals: Vec<Ref>,
}

/// What a hold is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    Item(ItemId),
    Print([u8; 16]),
    Referral(Ref),
}

/// All holds.
#[derive(Default)]
pub(super) struct Holds {
    placed: BTreeMap<Ref, Placed>,
    /// Releases by the hold they name.
    releases: BTreeMap<Ref, BTreeSet<Ref>>,
    covers: BTreeMap<Cover, BTreeSet<Ref>>,
    pictures: PdqIndex<u32>,
    picture_rows: BTreeMap<Pdq, u32>,
    /// The holds on each row of the index.
    picture_holds: Vec<BTreeSet<Ref>>,
    /// Ends still to come.
    ends: BTreeSet<(Timestamp, Ref)>,
}

impl Holds {
    fn stands(&self, hold: &Ref, now: Option<Timestamp>) -> bool {
        let until = self.placed.get(hold).and_then(|placed| placed.until);
        !self.releases.contains_key(hold) && until.is_none_or(|until| Some(until) > now)
    }

    fn covering(&self, cover: Cover) -> impl Iterator<Item = &Ref> {
        self.covers.get(&cover).into_iter().flatten()
    }

    fn near(&self, picture: &Pdq) -> impl Iterator<Item = &Ref> {
        self.pictures.near(picture).into_iter().flat_map(|(row, _)| &self.picture_holds[row as usize])
    }

    /// The holds on a picture.
    fn on_picture(&mut self, picture: Pdq) -> &mut BTreeSet<Ref> {
        let next = u32::try_from(self.picture_holds.len()).expect("fewer than 2^32 pictures");
        let row = *self.picture_rows.entry(picture).or_insert(next);
        if row == next {
            self.picture_holds.push(BTreeSet::new());
            self.pictures.insert(row, picture);
        }
        &mut self.picture_holds[row as usize]
    }

    fn covers_of(placed: &Placed) -> Vec<Cover> {
        let items = placed.items.iter().copied().map(Cover::Item);
        let prints = placed.prints.iter().copied().map(Cover::Print);
        let referrals = placed.referrals.iter().copied().map(Cover::Referral);
        items.chain(prints).chain(referrals).collect()
    }

    /// The next time at which a standing hold ends by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    pub(super) fn standing(&self) -> usize {
        self.placed.keys().filter(|hold| !self.releases.contains_key(hold)).count()
    }

    /// Holds that were not released, by name; whether time ended them is for the reader.
    pub(super) fn views(&self) -> Vec<HoldView> {
        let kept = self.placed.iter().filter(|(hold, _)| !self.releases.contains_key(hold));
        kept.map(|(hold, placed)| HoldView { hold: hold.entry(), at: placed.at, until: placed.until })
            .collect()
    }
}

impl Consolidation {
    pub(super) fn hold_fact(&mut self, entry: Ref, at: Timestamp, body: &hold::Hold) {
        let item = |address: &str| {
            let locator = Locator::parse(address).ok();
            item_id(locator.map(|locator| locator.keys(&self.rules)).as_ref(), address)
        };
        let picture = |fingerprint: &Fingerprint| fingerprint.pdq().filter(|pdq| pdq.may_link());
        let placed = Placed {
            at,
            until: body.until,
            items: body.addresses.iter().map(|address| item(address.as_str())).collect(),
            prints: body.fingerprints.iter().filter(|f| !f.is_trivial()).map(print_digest).collect(),
            pictures: body.fingerprints.iter().filter_map(|f| picture(f).map(|pdq| pdq.hash())).collect(),
            referrals: body.referrals.iter().map(Ref::of).collect(),
        };
        for cover in Holds::covers_of(&placed) {
            self.holds.covers.entry(cover).or_default().insert(entry);
        }
        for picture in &placed.pictures {
            self.holds.on_picture(*picture).insert(entry);
        }
        if let Some(until) = placed.until.filter(|until| Some(*until) > self.agenda.clock) {
            self.holds.ends.insert((until, entry));
        }
        self.holds.placed.insert(entry, placed);
        self.examine_held(&entry);
    }

    pub(super) fn release_fact(&mut self, hold: Ref, release: Ref) {
        self.holds.releases.entry(hold).or_default().insert(release);
        self.examine_held(&hold);
    }

    /// Forgets a release, because another entry owns its id.
    pub(super) fn retract_release(&mut self, hold: &Ref, release: &Ref) {
        if let Some(releases) = self.holds.releases.get_mut(hold) {
            releases.remove(release);
            if releases.is_empty() {
                self.holds.releases.remove(hold);
            }
        }
        self.examine_held(hold);
    }

    /// Forgets a hold, because another entry owns its id.
    pub(super) fn retract_hold(&mut self, hold: &Ref) {
        self.examine_held(hold);
        let Some(placed) = self.holds.placed.remove(hold) else { return };
        for cover in Holds::covers_of(&placed) {
            if let Some(holds) = self.holds.covers.get_mut(&cover) {
                holds.remove(hold);
            }
        }
        for picture in placed.pictures {
            self.holds.on_picture(picture).remove(hold);
        }
        self.holds.ends.retain(|(_, ending)| ending != hold);
    }

    /// Moves the clock on; cases whose hold ended are looked at again.
    pub(super) fn end_holds(&mut self, now: Timestamp) {
        self.agenda.clock = self.agenda.clock.max(Some(now));
        while let Some((until, hold)) = self.holds.ends.first().copied()
            && Some(until) <= self.agenda.clock
        {
            self.holds.ends.remove(&(until, hold));
            self.examine_held(&hold);
        }
    }

    /// Has the cases under a hold looked at.
    fn examine_held(&mut self, hold: &Ref) {
        let Some(placed) = self.holds.placed.get(hold) else { return };
        let items = placed.items.iter().flat_map(|id| self.keyring.items.rows(id)).copied();
        let prints = placed.prints.iter().flat_map(|digest| self.keyring.prints.rows(digest)).copied();
        let named = placed.referrals.iter().filter_map(|name| self.referrals.resolve(name));
        let referrals: Vec<u32> = items.chain(prints).chain(named).collect();
        let near = placed.pictures.iter().flat_map(|picture| self.keyring.near.near(picture));
        let contents: Vec<u32> =
            near.flat_map(|(hash, _)| &self.keyring.hashes[hash as usize].contents).copied().collect();
        self.dirt.cases_of.extend(referrals);
        for content in contents {
            self.examine_case_of(content);
        }
    }

    /// Standing holds that cover a case, by name.
    pub(super) fn holds_on(&self, anchor: u32) -> BTreeSet<Ref> {
        let mut found = BTreeSet::new();
        if self.holds.placed.is_empty() {
            return found;
        }
        let members =
            self.contents.of_case(anchor).into_iter().flat_map(|row| &self.contents.content(row).members);
        for row in members {
            for name in self.referrals.names(*row) {
                found.extend(self.holds.covering(Cover::Referral(name)));
            }
            let version = self.referrals.reading(*row);
            for item in &version.items {
                found.extend(self.holds.covering(Cover::Item(item.id)));
            }
            for print in &version.prints {
                match print.role {
                    Role::Near(hash) => {
                        found.extend(self.holds.near(&self.keyring.hashes[hash as usize].pdq));
                    }
                    Role::Same | Role::Weak(_) => {
                        found.extend(self.holds.covering(Cover::Print(print.digest)))
                    }
                    Role::NearContained(_) | Role::Found => {}
                }
            }
        }
        found.retain(|hold| self.holds.stands(hold, self.agenda.clock));
        found
    }

    /// Whether a case is under a standing hold.
    pub(super) fn is_held(&self, anchor: u32) -> bool {
        !self.holds_on(anchor).is_empty()
    }
}
