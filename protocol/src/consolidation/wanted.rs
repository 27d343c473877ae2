// SPDX-License-Identifier: EUPL-1.2
//! What the notices of a case should say, by what stands.

use std::collections::{BTreeMap, BTreeSet};

use super::Consolidation;
use super::key::{Author, Place, Ref};
use super::referrals::{Endorsement, Item, LegalTypes, Version};
use crate::entry::ItemId;
use crate::entry::notice::{NoticeFacts, Originator};
use crate::entry::referral::{ContentType, Tier};
use crate::entry::text::{LanguageTag, RecipientId, Text};
use crate::time::Timestamp;

/// Most languages that a notice lists; more are cut off, in order.
const LANGUAGES_MAX: usize = 48;

/// What the notice of one case to one recipient should say.
pub(super) struct Wanted<'a> {
    /// As the earliest standing referral wrote it.
    pub(super) items: BTreeMap<ItemId, &'a Item>,
    pub(super) originators: BTreeMap<Ref, Behind<'a>>,
    /// Referrals with an item there.
    pub(super) referrals: BTreeSet<u32>,
    /// Distinct (member, item) pairs.
    pub(super) pairs: usize,
    pub(super) tier: Tier,
    types: LegalTypes,
    content_types: BTreeSet<ContentType>,
    languages: BTreeSet<&'a LanguageTag>,
    graphic: bool,
}

/// Who stands behind a notice.
#[derive(Clone, Copy)]
pub(super) enum Behind<'a> {
    Referral(&'a Version),
    Endorsement(&'a Endorsement),
}

impl Behind<'_> {
    /// When it was written.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Referral(version) => version.at,
            Self::Endorsement(endorsement) => endorsement.at,
        }
    }

    pub(super) fn write(&self) -> Originator {
        let write = |entry: &Ref, place: &Place, unit: &Text<1, 120>, reference: &Text<1, 120>| Originator {
            entry: entry.entry(),
            log: place.log(&entry.author),
            index: place.index,
            leaf: place.leaf,
            unit: unit.clone(),
            reference: reference.clone(),
            transmitted_by: None,
            reasons: "".parse().expect("may be empty"),
        };
        match self {
            Self::Referral(v) => Originator {
                transmitted_by: v.transmitted_by.clone(),
                reasons: v.reasons.clone(),
                ..write(&v.entry, &v.place, &v.unit, &v.reference)
            },
            Self::Endorsement(e) => write(&e.entry, &e.place, &e.unit, &e.reference),
        }
    }
}

impl Wanted<'_> {
    pub(super) fn facts(&self, answer_by: Option<Timestamp>) -> NoticeFacts {
        let languages: Vec<LanguageTag> =
            self.languages.iter().take(LANGUAGES_MAX).copied().cloned().collect();
        let content_types: Vec<ContentType> = self.content_types.iter().copied().collect();
        NoticeFacts {
            tier: self.tier,
            types: self.types.list().try_into().expect("a referral has a type, and there are five"),
            content_types: content_types
                .try_into()
                .expect("a referral has a content type, and there are nine"),
            languages: languages.try_into().expect("cut to the bound"),
            graphic: self.graphic,
            answer_by,
        }
    }
}

impl Consolidation {
    /// What each recipient should be told about a case. Addresses without a recipient are on no notice.
    pub(super) fn wanted(&self, anchor: u32) -> BTreeMap<&RecipientId, Wanted<'_>> {
        let contents = self.contents.of_case(anchor).into_iter();
        let mut members: Vec<u32> =
            contents.flat_map(|row| &self.contents.content(row).members).copied().collect();
        members.sort_unstable_by_key(|row| self.referrals.age(*row));
        let mut wanted = BTreeMap::new();
        let mut pairs: BTreeMap<&RecipientId, BTreeSet<(Author, ItemId)>> = BTreeMap::new();
        // A referral that was withdrawn a moment ago belongs to its content until that is settled.
        for row in members.into_iter().filter(|row| self.referrals.lineage(*row).posted) {
            let version = self.referrals.reading(row);
            let endorsements: Vec<&Endorsement> = self.referrals.endorsements_of(row).collect();
            let mut recipients = BTreeSet::new();
            for item in &version.items {
                let Some(recipient) = self.recipients.owner(item.host) else { continue };
                recipients.insert(recipient);
                wanted
                    .entry(recipient)
                    .or_insert_with(|| Wanted::of(version))
                    .items
                    .entry(item.id)
                    .or_insert(item);
                let pairs = pairs.entry(recipient).or_default();
                pairs.insert((version.entry.author, item.id));
                pairs.extend(endorsements.iter().map(|e| (e.entry.author, item.id)));
            }
            for recipient in recipients {
                if let Some(wanted) = wanted.get_mut(recipient) {
                    wanted.add(row, version, &endorsements);
                }
            }
        }
        for (recipient, pairs) in pairs {
            if let Some(wanted) = wanted.get_mut(recipient) {
                wanted.pairs = pairs.len();
            }
        }
        wanted
    }
}

impl<'a> Wanted<'a> {
    fn of(first: &'a Version) -> Self {
        Self {
            items: BTreeMap::new(),
            originators: BTreeMap::new(),
            referrals: BTreeSet::new(),
            pairs: 0,
            tier: first.tier,
            types: LegalTypes::default(),
            content_types: BTreeSet::new(),
            languages: BTreeSet::new(),
            graphic: false,
        }
    }

    fn add(&mut self, row: u32, version: &'a Version, endorsements: &[&'a Endorsement]) {
        self.referrals.insert(row);
        self.originators.insert(version.entry, Behind::Referral(version));
        for endorsement in endorsements {
            self.originators.insert(endorsement.entry, Behind::Endorsement(endorsement));
        }
        self.tier = self.tier.min(version.tier);
        self.types.join(version.types);
        self.content_types.insert(version.content_type);
        self.languages.extend(version.languages.iter());
        self.graphic |= version.graphic;
    }
}
