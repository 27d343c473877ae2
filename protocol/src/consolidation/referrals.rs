// SPDX-License-Identifier: EUPL-1.2
//! What was said about content: referrals with their amendments, withdrawals and endorsements.
//!
//! Every fact is kept under the name it speaks about, so an amendment or a withdrawal may come before its referral.
//! Only the reading in force of a standing referral is posted under its keys (see [`super::keyring`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::key::{Place, Ref};
use crate::entry::ItemId;
use crate::entry::referral::{ContentType, LegalType, ReferralEndorsed, Tier};
use crate::entry::text::{Address, LanguageTag, Text};
use crate::time::Timestamp;

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// One reading of a referral: as first written, or as amended.
pub(super) struct Version {
    pub(super) entry: Ref,
    pub(super) at: Timestamp,
    pub(super) place: Place,
    pub(super) detected_at: Timestamp,
    pub(super) unit: Arc<Text<1, 120>>,
    pub(super) reference: Text<1, 120>,
    pub(super) transmitted_by: Option<Text<1, 120>>,
    pub(super) reasons: Text<0, 400>,
    pub(super) tier: Tier,
    pub(super) content_type: ContentType,
    pub(super) graphic: bool,
    pub(super) types: LegalTypes,
    pub(super) languages: Arc<[LanguageTag]>,
    /// Each (item, host) once.
    pub(super) items: Box<[Item]>,
    pub(super) prints: Box<[Print]>,
}

/// One address of a reading.
pub(super) struct Item {
    pub(super) id: ItemId,
    /// Row in the table of hosts; [`NONE`] for an address that cannot be read.
    pub(super) host: u32,
    pub(super) url: Address,
    pub(super) locator: Option<Text<1, 200>>,
}

/// One fingerprint of a reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Print {
    /// First 16 bytes of SHA-256 over the fingerprint's text.
    pub(super) digest: [u8; 16],
    pub(super) role: Role,
}

/// What a fingerprint is good for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// SHA-256 of the content itself: joins.
    Same,
    /// SHA-1 or MD5 of the content itself, with its size: joins unless contradicted.
    Weak(u64),
    /// PDQ of the content itself, good enough to link; row in the table of hashes.
    Near(u32),
    /// PDQ of something contained; found by look-ups only.
    NearContained(u32),
    /// Found by look-ups only.
    Found,
}

/// A set of points of Article 2(7).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LegalTypes(u8);

const LEGAL_TYPES: [LegalType; 5] = [
    LegalType::Incites,
    LegalType::Solicits,
    LegalType::Recruits,
    LegalType::Instructs,
    LegalType::Threatens,
];

impl LegalTypes {
    pub(super) fn of(types: &[LegalType]) -> Self {
        let bit = |t: &LegalType| LEGAL_TYPES.iter().position(|l| l == t).map_or(0, |place| 1 << place);
        Self(types.iter().map(bit).fold(0, |all, bit| all | bit))
    }

    pub(super) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn list(self) -> Vec<LegalType> {
        LEGAL_TYPES
            .into_iter()
            .enumerate()
            .filter(|(place, _)| self.0 & (1 << place) != 0)
            .map(|(_, t)| t)
            .collect()
    }
}

/// A referral and how it stands.
pub(super) struct Lineage {
    /// As first written.
    pub(super) first: Version,
    /// Row of its content; [`NONE`] unless it stands and was settled.
    pub(super) content: u32,
    /// Its current reading is posted under its keys.
    pub(super) posted: bool,
    /// Standing endorsements counted for it.
    pub(super) endorsed: u32,
    /// Another entry turned out to own the id.
    pub(super) retracted: bool,
}

/// An endorsement.
pub(super) struct Endorsement {
    pub(super) entry: Ref,
    pub(super) at: Timestamp,
    pub(super) place: Place,
    pub(super) target: Ref,
    pub(super) unit: Arc<Text<1, 120>>,
    pub(super) reference: Text<1, 120>,
    pub(super) retracted: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Referrals {
    #[expect(clippy::vec_box, reason = "growing must not move millions of referrals at once")]
    lineages: Vec<Box<Lineage>>,
    rows: BTreeMap<Ref, u32>,
    /// Amendments by the referral they name.
    amendments: BTreeMap<Ref, Vec<Version>>,
    /// The referral that an amendment names.
    amends: BTreeMap<Ref, Ref>,
    /// Withdrawals by the entry they name.
    withdrawals: BTreeMap<Ref, Vec<Ref>>,
    endorsements: Vec<Endorsement>,
    endorsement_rows: BTreeMap<Ref, u32>,
    /// Endorsements by the entry they name.
    endorsed: BTreeMap<Ref, Vec<u32>>,
    units: BTreeSet<Arc<Text<1, 120>>>,
    languages: BTreeSet<Arc<[LanguageTag]>>,
}

impl Referrals {
    pub(super) fn lineage(&self, row: u32) -> &Lineage {
        &self.lineages[row as usize]
    }

    #[cfg(test)]
    pub(super) fn try_lineage(&self, row: u32) -> Option<&Lineage> {
        self.lineages.get(row as usize).map(|lineage| &**lineage)
    }

    pub(super) fn lineage_mut(&mut self, row: u32) -> &mut Lineage {
        &mut self.lineages[row as usize]
    }

    pub(super) fn endorsement(&self, row: u32) -> &Endorsement {
        &self.endorsements[row as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The referral that an entry is, or amends.
    pub(super) fn resolve(&self, entry: &Ref) -> Option<u32> {
        let first = self.amends.get(entry).unwrap_or(entry);
        self.rows.get(first).copied()
    }

    /// The referral that an endorsement endorses, directly or by the name of an amendment.
    pub(super) fn endorsed_by(&self, endorsement: &Ref) -> Option<u32> {
        let row = self.endorsement_rows.get(endorsement)?;
        self.resolve(&self.endorsement(*row).target)
    }

    /// The referral behind any originator of a notice.
    pub(super) fn behind(&self, originator: &Ref) -> Option<u32> {
        self.resolve(originator).or_else(|| self.endorsed_by(originator))
    }

    /// The referral that an originator still stands behind: its own, or one that it endorses and did not take back.
    pub(super) fn standing_behind(&self, originator: &Ref) -> Option<u32> {
        let row = self.behind(originator)?;
        (self.stands(row) && !self.withdrawals.contains_key(originator)).then_some(row)
    }

    /// The names under which others may speak of a referral: its own and those of its amendments.
    pub(super) fn names(&self, row: u32) -> impl Iterator<Item = Ref> + '_ {
        let first = self.lineage(row).first.entry;
        std::iter::once(first).chain(self.amendments(&first).iter().map(|version| version.entry))
    }

    fn amendments(&self, first: &Ref) -> &[Version] {
        self.amendments.get(first).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_amended(&self, row: u32) -> bool {
        !self.amendments(&self.lineage(row).first.entry).is_empty()
    }

    /// How a referral now reads: its latest amendment by time and name, else as first written.
    pub(super) fn reading(&self, row: u32) -> &Version {
        let first = &self.lineage(row).first;
        self.amendments(&first.entry)
            .iter()
            .max_by_key(|version| (version.at, version.entry))
            .unwrap_or(first)
    }

    /// Neither withdrawn nor retracted.
    pub(super) fn stands(&self, row: u32) -> bool {
        !self.lineage(row).retracted && !self.names(row).any(|name| self.withdrawals.contains_key(&name))
    }

    /// Orders referrals: by the time of the first reading, then by name.
    pub(super) fn age(&self, row: u32) -> (Timestamp, Ref) {
        let first = &self.lineage(row).first;
        (first.at, first.entry)
    }

    /// Names of all endorsements of a referral, those taken back included.
    pub(super) fn endorsed_as(&self, row: u32) -> impl Iterator<Item = Ref> {
        let endorsements = self.names(row).filter_map(|name| self.endorsed.get(&name)).flatten();
        endorsements.map(|row| self.endorsement(*row).entry)
    }

    /// Endorsements that stand, if the referral does, in no particular order.
    pub(super) fn endorsements_of(&self, row: u32) -> impl Iterator<Item = &Endorsement> {
        self.names(row)
            .filter_map(|name| self.endorsed.get(&name))
            .flatten()
            .map(|row| self.endorsement(*row))
            .filter(|e| !e.retracted && !self.withdrawals.contains_key(&e.entry))
    }

    /// Adds a referral and returns its row.
    pub(super) fn add(&mut self, first: Version) -> u32 {
        let row = u32::try_from(self.lineages.len()).expect("fewer than 2^32 referrals");
        self.rows.insert(first.entry, row);
        let lineage = Lineage { first, content: NONE, posted: false, endorsed: 0, retracted: false };
        self.lineages.push(Box::new(lineage));
        row
    }

    pub(super) fn amend(&mut self, referral: Ref, version: Version) {
        self.amends.insert(version.entry, referral);
        self.amendments.entry(referral).or_default().push(version);
    }

    pub(super) fn withdraw(&mut self, named: Ref, withdrawal: Ref) {
        self.withdrawals.entry(named).or_default().push(withdrawal);
    }

    pub(super) fn endorse(&mut self, entry: Ref, at: Timestamp, place: Place, body: &ReferralEndorsed) {
        let row = u32::try_from(self.endorsements.len()).expect("fewer than 2^32 endorsements");
        let target = Ref::of(&body.referral);
        let unit = self.unit(&body.unit);
        let reference = body.reference.clone();
        self.endorsement_rows.insert(entry, row);
        self.endorsed.entry(target).or_default().push(row);
        self.endorsements.push(Endorsement { entry, at, place, target, unit, reference, retracted: false });
    }

    /// Takes a fact back because another entry owns its id. The caller has taken what it concerns off its keys.
    pub(super) fn retract(&mut self, entry: &Ref) {
        if let Some(row) = self.rows.remove(entry) {
            self.lineage_mut(row).retracted = true;
        }
        if let Some(first) = self.amends.remove(entry)
            && let Some(versions) = self.amendments.get_mut(&first)
        {
            versions.retain(|version| version.entry != *entry);
        }
        if let Some(row) = self.endorsement_rows.remove(entry) {
            self.endorsements[row as usize].retracted = true;
        }
    }

    pub(super) fn retract_withdrawal(&mut self, named: &Ref, withdrawal: &Ref) {
        if let Some(withdrawals) = self.withdrawals.get_mut(named) {
            withdrawals.retain(|entry| entry != withdrawal);
            if withdrawals.is_empty() {
                self.withdrawals.remove(named);
            }
        }
    }

    /// One copy of each unit's name.
    pub(super) fn unit(&mut self, unit: &Text<1, 120>) -> Arc<Text<1, 120>> {
        if let Some(known) = self.units.get(unit) {
            return known.clone();
        }
        let unit = Arc::new(unit.clone());
        self.units.insert(unit.clone());
        unit
    }

    /// One copy of each list of languages.
    pub(super) fn language_list(&mut self, languages: &[LanguageTag]) -> Arc<[LanguageTag]> {
        if let Some(known) = self.languages.get(languages) {
            return known.clone();
        }
        let list: Arc<[LanguageTag]> = languages.into();
        self.languages.insert(list.clone());
        list
    }
}
