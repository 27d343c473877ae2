// SPDX-License-Identifier: EUPL-1.2
//! Under which keys standing referrals are found: items, fingerprints, pictures and hosts.
//!
//! Look-ups read it directly, so they know of a referral as soon as it was applied; identity and cases are worked out
//! from it afterwards.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::Consolidation;
use super::key::{Place, Ref, Table};
use super::referrals::{Item, LegalTypes, NONE, Print, Role, Version};
use crate::content::{ContentKey, Fingerprint, Keys, Locator, LocatorRules, Pdq, PdqIndex};
use crate::entry::ItemId;
use crate::entry::referral::{Referral, ReferredFingerprint, Relation};
use crate::entry::text::{Address, Text};
use crate::time::Timestamp;

/// What the digests of fingerprints and of unread addresses begin with.
const FINGERPRINT: &[u8] = b"concert.fingerprint.v1\n";
const UNREAD_ADDRESS: &[u8] = b"concert.unread-address.v1\n";

/// Most characters of a referral's reasons that a notice repeats.
const REASONS_CHARS_MAX: usize = 400;

/// One PDQ hash that is good enough to link.
pub(super) struct HashRow {
    pub(super) pdq: Pdq,
    /// Its key in the table of fingerprints.
    pub(super) digest: [u8; 16],
    /// Standing referrals that carry it, contained ones included.
    pub(super) referrals: u32,
    /// Contents that it is a picture of.
    pub(super) contents: BTreeSet<u32>,
    /// Those of them that anchor a case.
    pub(super) anchors: BTreeSet<u32>,
}

/// The tables.
#[derive(Default)]
pub(super) struct Keyring {
    /// Standing referrals by item.
    pub(super) items: Table<ItemId>,
    /// Standing referrals by fingerprint.
    pub(super) prints: Table<[u8; 16]>,
    hash_rows: BTreeMap<Pdq, u32>,
    pub(super) hashes: Vec<HashRow>,
    /// Rows of hashes that a standing referral carries.
    pub(super) near: PdqIndex<u32>,
}

impl Keyring {
    /// The row of a hash, made if need be.
    fn hash_row(&mut self, pdq: Pdq) -> u32 {
        let next = u32::try_from(self.hashes.len()).expect("fewer than 2^32 hashes");
        let row = *self.hash_rows.entry(pdq).or_insert(next);
        if row == next {
            let (contents, anchors) = (BTreeSet::new(), BTreeSet::new());
            let digest = picture_digest(&pdq);
            self.hashes.push(HashRow { pdq, digest, referrals: 0, contents, anchors });
        }
        row
    }

    fn print(&mut self, fingerprint: &ReferredFingerprint) -> Print {
        let value = &fingerprint.value;
        let is = fingerprint.relation == Relation::Is;
        let role = match value.pdq() {
            Some(pdq) if pdq.may_link() => {
                let row = self.hash_row(pdq.hash());
                if is { Role::Near(row) } else { Role::NearContained(row) }
            }
            _ => match ContentKey::of_fingerprint(value, fingerprint.size) {
                Some(ContentKey::Sha256(_)) if is => Role::Same,
                Some(ContentKey::Sha1 { size, .. } | ContentKey::Md5 { size, .. }) if is => Role::Weak(size),
                _ => Role::Found,
            },
        };
        Print { digest: print_digest(value), role }
    }
}

/// The key of a fingerprint in tables: PDQ without its quality and pipeline, which do not make it another picture.
pub(super) fn print_digest(fingerprint: &Fingerprint) -> [u8; 16] {
    match fingerprint.pdq() {
        Some(pdq) => picture_digest(&pdq.hash()),
        None => short_digest(FINGERPRINT, &fingerprint.to_string()),
    }
}

fn picture_digest(pdq: &Pdq) -> [u8; 16] {
    short_digest(FINGERPRINT, &format!("pdq:{pdq}"))
}

/// The id of an item: of its identity key, or of the bare text where the address cannot be read.
pub(super) fn item_id(keys: Option<&Keys>, address: &str) -> ItemId {
    ItemId::from_bytes(match keys {
        Some(keys) => *keys.identity().digest().as_bytes(),
        None => short_digest(UNREAD_ADDRESS, address),
    })
}

fn short_digest(domain: &[u8], text: &str) -> [u8; 16] {
    let digest = Sha256::new_with_prefix(domain).chain_update(text).finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// Every key by which a referral is joined to others: those of its addresses and of its fingerprints.
pub fn content_keys(referral: &Referral, rules: &LocatorRules) -> Vec<ContentKey> {
    let address = |url: &Address| Locator::parse(url.as_str()).ok().map(|l| l.keys(rules).identity());
    let addresses = referral.items.iter().filter_map(|item| address(&item.url));
    let is = referral.fingerprints.iter().filter(|f| f.relation == Relation::Is);
    let mut keys: Vec<_> =
        addresses.chain(is.filter_map(|f| ContentKey::of_fingerprint(&f.value, f.size))).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The first characters of a text, as many as a notice repeats.
fn cut(text: &str) -> Text<0, REASONS_CHARS_MAX> {
    let cut: String = text.chars().take(REASONS_CHARS_MAX).collect();
    cut.parse().expect("a valid text that became shorter")
}

impl Consolidation {
    /// Reads a referral into what is remembered of it.
    pub(super) fn read(&mut self, entry: Ref, at: Timestamp, place: Place, body: &Referral) -> Version {
        let mut items: Vec<Item> = Vec::with_capacity(body.items.len());
        for item in &body.items {
            let locator = Locator::parse(item.url.as_str()).ok();
            let keys = locator.as_ref().map(|locator| locator.keys(&self.rules));
            let id = item_id(keys.as_ref(), item.url.as_str());
            let host = locator.map_or(NONE, |locator| self.recipients.host_row(locator.host()));
            if !items.iter().any(|other| other.id == id && other.host == host) {
                items.push(Item { id, host, url: item.url.clone(), locator: item.locator.clone() });
            }
        }
        let mut prints: Vec<Print> = body.fingerprints.iter().map(|f| self.keyring.print(f)).collect();
        prints.sort_unstable();
        prints.dedup();
        Version {
            entry,
            at,
            place,
            detected_at: body.detected_at,
            unit: self.referrals.unit(&body.unit),
            reference: body.reference.clone(),
            transmitted_by: body.transmitted_by.clone(),
            reasons: cut(&body.reasons),
            tier: body.tier,
            content_type: body.content_type,
            graphic: body.graphic,
            types: LegalTypes::of(&body.types),
            languages: self.referrals.language_list(&body.languages),
            items: items.into(),
            prints: prints.into(),
        }
    }

    /// Posts a referral's reading under its keys, if the referral stands.
    pub(super) fn post(&mut self, row: u32) {
        if !self.referrals.stands(row) {
            self.recount_endorsements(row);
            return;
        }
        self.referrals.lineage_mut(row).posted = true;
        let version = self.referrals.reading(row);
        for id in unique(version.items.iter().map(|item| item.id)) {
            self.keyring.items.add(id, row);
            self.dirt.items.insert(id);
        }
        for host in unique(version.items.iter().map(|item| item.host).filter(|host| *host != NONE)) {
            self.recipients.post(host, row);
        }
        for digest in unique(version.prints.iter().map(|print| print.digest)) {
            self.keyring.prints.add(digest, row);
        }
        for print in &version.prints {
            match print.role {
                Role::Near(hash) | Role::NearContained(hash) => {
                    let known = &mut self.keyring.hashes[hash as usize];
                    known.referrals += 1;
                    if known.referrals == 1 {
                        self.keyring.near.insert(hash, known.pdq);
                    }
                }
                Role::Same | Role::Weak(_) => {
                    self.dirt.prints.insert(print.digest);
                }
                Role::Found => {}
            }
        }
        self.standing += 1;
        self.dirt.referrals.insert(row);
        self.recount_endorsements(row);
    }

    /// Takes a referral's reading off its keys; to be done before anything about the referral changes.
    pub(super) fn unpost(&mut self, row: u32) {
        self.dirt.referrals.insert(row);
        if !std::mem::take(&mut self.referrals.lineage_mut(row).posted) {
            return;
        }
        let version = self.referrals.reading(row);
        for id in unique(version.items.iter().map(|item| item.id)) {
            self.keyring.items.take(&id, row);
            self.dirt.items.insert(id);
        }
        for host in unique(version.items.iter().map(|item| item.host).filter(|host| *host != NONE)) {
            self.recipients.unpost(host, row);
        }
        for digest in unique(version.prints.iter().map(|print| print.digest)) {
            self.keyring.prints.take(&digest, row);
        }
        for print in &version.prints {
            match print.role {
                Role::Near(hash) | Role::NearContained(hash) => {
                    let known = &mut self.keyring.hashes[hash as usize];
                    known.referrals -= 1;
                    if known.referrals == 0 {
                        self.keyring.near.remove(hash);
                    }
                }
                Role::Same | Role::Weak(_) => {
                    self.dirt.prints.insert(print.digest);
                }
                Role::Found => {}
            }
        }
        self.standing -= 1;
    }

    /// Keeps the number of standing endorsements after one of them, or what they endorse, changed.
    pub(super) fn recount_endorsements(&mut self, row: u32) {
        let stands = self.referrals.lineage(row).posted;
        let count = if stands { self.referrals.endorsements_of(row).count() } else { 0 };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut self.referrals.lineage_mut(row).endorsed, count);
        self.standing_endorsements = self.standing_endorsements + u64::from(count) - u64::from(before);
        self.dirt.referrals.insert(row);
    }
}

/// Values in order, each once.
pub(super) fn unique<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
