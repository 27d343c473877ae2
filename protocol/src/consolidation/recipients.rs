// SPDX-License-Identifier: EUPL-1.2
//! To whom an address belongs: registrations of recipients, and the hosts that referrals named.
//!
//! The latest record counts, those of coordinators before those of others. A registration that comes late finds the
//! referrals that were waiting for it by their hosts.

use std::collections::{BTreeMap, BTreeSet};

use super::Consolidation;
use super::key::{Author, Postings, Ref};
use super::referrals::NONE;
use super::view::RecipientView;
use crate::entry::recipient::{Recipient, RecipientRole};
use crate::entry::text::RecipientId;
use crate::time::Timestamp;

/// One `recipient.*` entry.
struct Fact {
    entry: Ref,
    at: Timestamp,
    /// `None` suspends.
    record: Option<Box<Recipient>>,
}

/// A host that some referral named.
struct Host {
    owner: Option<RecipientId>,
    /// Standing referrals with an address there.
    referrals: Option<Postings>,
    /// Only a registration of exactly this name owns it, as an IP address has no domain above it.
    exact: bool,
}

/// Recipients and hosts.
#[derive(Default)]
pub(super) struct Recipients {
    facts: BTreeMap<RecipientId, Vec<Fact>>,
    /// What the facts come to.
    in_force: BTreeMap<RecipientId, RecipientView>,
    /// Hosting recipients by domain: those registered by a coordinator first, then by id.
    domains: BTreeMap<Box<str>, BTreeSet<(Registrar, RecipientId)>>,
    /// Hosts by their labels from the right, so that a domain's subdomains are neighbours.
    host_rows: BTreeMap<Box<str>, u32>,
    hosts: Vec<Host>,
    names: Vec<Box<str>>,
}

/// Who registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Registrar {
    Coordinator,
    Member,
}

/// `www.host.example` as `example.host.www`.
fn reversed(host: &str) -> Box<str> {
    let labels: Vec<&str> = host.rsplit('.').collect();
    labels.join(".").into()
}

impl Recipients {
    /// The row of a host, made if need be.
    pub(super) fn host_row(&mut self, host: &str) -> u32 {
        let exact = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
        let key = if exact { host.into() } else { reversed(host) };
        if let Some(row) = self.host_rows.get(&key) {
            return *row;
        }
        let row = u32::try_from(self.hosts.len()).expect("fewer than 2^32 hosts");
        let owner = self.owner_by_name(host, exact).cloned();
        self.host_rows.insert(key, row);
        self.hosts.push(Host { owner, referrals: None, exact });
        self.names.push(host.into());
        row
    }

    pub(super) fn post(&mut self, host: u32, referral: u32) {
        match &mut self.hosts[host as usize].referrals {
            Some(referrals) => referrals.add(referral),
            none => *none = Some(Postings::One(referral)),
        }
    }

    pub(super) fn unpost(&mut self, host: u32, referral: u32) {
        let referrals = &mut self.hosts[host as usize].referrals;
        if referrals.as_mut().is_some_and(|postings| postings.take(referral)) {
            *referrals = None;
        }
    }

    /// Who answers for a host; `None` for a host that no registered hosting service has.
    pub(super) fn owner(&self, host: u32) -> Option<&RecipientId> {
        if host == NONE { None } else { self.hosts[host as usize].owner.as_ref() }
    }

    /// The longest domain that a coordinator registered and that the host has or is below; failing that, the longest
    /// that any member did. So no member can take a host from a recipient that the coordinators registered.
    pub(super) fn owner_by_name<'h>(&self, host: &'h str, exact: bool) -> Option<&RecipientId> {
        let above = |name: &&'h str| name.split_once('.').map(|(_, above)| above);
        let names = std::iter::successors(Some(host), |name| if exact { None } else { above(name) });
        let first = |name: &str| self.domains.get(name).and_then(BTreeSet::first);
        let candidates: Vec<_> = names.filter_map(first).collect();
        let by_coordinator = candidates.iter().find(|(registrar, _)| *registrar == Registrar::Coordinator);
        by_coordinator.or(candidates.first()).map(|(_, id)| id)
    }

    pub(super) fn in_force(&self) -> &BTreeMap<RecipientId, RecipientView> {
        &self.in_force
    }

    pub(super) fn is_suspended(&self, recipient: &RecipientId) -> bool {
        self.in_force.get(recipient).is_none_or(|view| view.suspended)
    }

    fn add(&mut self, recipient: &RecipientId, entry: Ref, at: Timestamp, record: Option<Box<Recipient>>) {
        self.facts.entry(recipient.clone()).or_default().push(Fact { entry, at, record });
    }

    /// Works out what the facts about a recipient come to; returns the hosts concerned.
    fn refresh(&mut self, id: &RecipientId, coordinators: &BTreeSet<Author>) -> BTreeSet<u32> {
        let facts = self.facts.get(id).map_or(&[][..], Vec::as_slice);
        let official = |fact: &&Fact| coordinators.contains(&fact.entry.author);
        let registrar = match facts.iter().filter(official).any(|fact| fact.record.is_some()) {
            true => Registrar::Coordinator,
            false => Registrar::Member,
        };
        let counts = |fact: &&Fact| registrar == Registrar::Member || official(fact);
        let latest = |records_only: bool| {
            let facts = facts.iter().filter(counts).filter(|fact| !records_only || fact.record.is_some());
            facts.max_by_key(|fact| (fact.at, fact.entry))
        };
        let view = latest(true).and_then(|fact| {
            let record = (**fact.record.as_ref()?).clone();
            let suspended = latest(false).is_some_and(|latest| latest.record.is_none());
            Some(RecipientView { record, entry: fact.entry.entry(), suspended })
        });

        let mut concerned = BTreeSet::new();
        if let Some(before) = self.in_force.remove(id) {
            for domain in &before.record.domains {
                concerned.extend(self.hosts_below(domain.as_str()));
                let taken = |registrar| (registrar, id.clone());
                if let Some(owners) = self.domains.get_mut(domain.as_str()) {
                    owners.remove(&taken(Registrar::Coordinator));
                    owners.remove(&taken(Registrar::Member));
                    if owners.is_empty() {
                        self.domains.remove(domain.as_str());
                    }
                }
            }
        }
        if let Some(view) = view {
            for domain in &view.record.domains {
                concerned.extend(self.hosts_below(domain.as_str()));
                if view.record.role == RecipientRole::Hosting {
                    let owners = self.domains.entry(domain.as_str().into()).or_default();
                    owners.insert((registrar, id.clone()));
                }
            }
            self.in_force.insert(id.clone(), view);
        }
        for host in &concerned {
            let name = &self.names[*host as usize];
            let owner = self.owner_by_name(name, self.hosts[*host as usize].exact).cloned();
            self.hosts[*host as usize].owner = owner;
        }
        concerned
    }

    /// A domain's host and those below it.
    fn hosts_below(&self, domain: &str) -> Vec<u32> {
        let key = reversed(domain);
        let exact = [&*key, domain].into_iter().filter_map(|key| self.host_rows.get(key)).copied();
        // '/' follows '.', and neither is part of a label.
        let (from, to) = (format!("{key}."), format!("{key}/"));
        let below = self.host_rows.range(Box::from(from)..Box::from(to)).map(|(_, row)| *row);
        exact.chain(below).collect()
    }

    fn referrals_at(&self, host: u32) -> &[u32] {
        self.hosts[host as usize].referrals.as_ref().map_or(&[], Postings::rows)
    }
}

impl Consolidation {
    pub(super) fn recipient_fact(
        &mut self,
        recipient: &RecipientId,
        entry: Ref,
        at: Timestamp,
        record: Option<&Recipient>,
    ) {
        self.recipients.add(recipient, entry, at, record.cloned().map(Box::new));
        self.refresh_recipient(recipient);
    }

    pub(super) fn retract_recipient_fact(&mut self, entry: &Ref) {
        let facts = &mut self.recipients.facts;
        let known = facts.iter().find(|(_, facts)| facts.iter().any(|fact| fact.entry == *entry));
        let Some(id) = known.map(|(id, _)| id.clone()) else { return };
        if let Some(facts) = facts.get_mut(&id) {
            facts.retain(|fact| fact.entry != *entry);
        }
        self.refresh_recipient(&id);
    }

    pub(super) fn refresh_recipients(&mut self) {
        let ids: Vec<RecipientId> = self.recipients.facts.keys().cloned().collect();
        for id in ids {
            self.refresh_recipient(&id);
        }
    }

    fn refresh_recipient(&mut self, id: &RecipientId) {
        for host in self.recipients.refresh(id, &self.coordinators) {
            for referral in self.recipients.referrals_at(host) {
                self.dirt.cases_of.insert(*referral);
            }
        }
        // Open notices may list what now belongs to nobody, and a suspended recipient may receive again.
        for notice in self.notices.to(id) {
            self.dirt.notices.insert(notice);
        }
    }
}
