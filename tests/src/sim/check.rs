// SPDX-License-Identifier: EUPL-1.2
//! What must hold after every event, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use concert_protocol::consolidation::{Consolidation, NoticeState, Position};
use concert_protocol::entry::NoticeId;
use concert_protocol::entry::referral::Tier;
use concert_protocol::entry::text::RecipientId;
use concert_protocol::log::leaf_hash;
use concert_protocol::member::LogId;
use concert_protocol::sync::Leaf;

use super::host::{Host, check};
use super::world::World;

impl World {
    /// No log shrinks, and frozen logs do not advance.
    pub(super) fn check_logs(&mut self) -> Result<(), String> {
        for host in &mut self.hosts {
            for (log, disk) in &host.disk.logs {
                let durable = disk.synced();
                let before = host.durable.entry(log.clone()).or_default();
                // The own log is cut to what was signed when it is opened.
                let own = *log == host.log;
                if durable < *before && !(own && durable >= host.disk.signed.size) {
                    return Err(format!("{} had {before} of {log} and has {durable}", host.me));
                }
                *before = durable;
                if let Some(frozen) = host.frozen_at.get(log).filter(|frozen| durable > **frozen) {
                    return Err(format!(
                        "{log} was frozen at {frozen} by {} and advanced to {durable}",
                        host.me
                    ));
                }
            }
        }
        Ok(())
    }

    fn honest(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| self.plan.is_honest(host.member))
    }

    /// What honest members do not agree on yet.
    pub(super) fn disagreement(&mut self) -> Option<String> {
        for member in 0..self.plan.members {
            let log = self.federation.log(member);
            let differs =
                if self.plan.is_cloned(member) { self.unconvicted(&log) } else { self.unequal(&log, member) };
            if differs.is_some() {
                return differs;
            }
        }
        let behind = self.honest().find_map(|host| {
            let applied = &host.running.as_ref()?.applied;
            let mut logs = host.disk.logs.iter();
            let (log, _) = logs.find(|(log, disk)| applied.get(*log).copied().unwrap_or(0) < disk.size())?;
            Some(format!("{} did not apply all of {log}", host.me))
        });
        behind.or_else(|| self.open_notices())
    }

    /// An honest member's log must be everywhere, signed and confirmed.
    fn unequal(&self, log: &LogId, author: usize) -> Option<String> {
        let honest_author = self.plan.is_honest(author);
        let mut wanted = None;
        for host in self.honest() {
            let Some(running) = host.running.as_ref() else { return Some(format!("{} is down", host.me)) };
            let status = running.replica.log_status(log)?;
            let size = host.disk.logs.get(log).map_or(0, |disk| disk.synced());
            let root = host.disk.logs.get(log).map(|disk| disk.root(size));
            if status.frozen {
                return Some(format!("{} froze {log}", host.me));
            }
            if *wanted.get_or_insert((size, root)) != (size, root) {
                return Some(format!("{} has {size} of {log}, others {wanted:?}", host.me));
            }
            if honest_author && (status.proven_size != size || status.proven_note.is_none()) {
                return Some(format!("{} has {size} of {log}, head {}", host.me, status.proven_size));
            }
            if honest_author && status.confirmed != size {
                return Some(format!("{} knows {} of {size} of {log} confirmed", host.me, status.confirmed));
            }
        }
        let author = &self.hosts[author];
        let signed = author.disk.signed.size;
        let size = wanted.map_or(0, |(size, _)| size);
        (honest_author && size != signed).then(|| format!("{log} is {size} long, {signed} were signed"))
    }

    /// A log with two histories of which honest members hold both must be frozen by all.
    fn unconvicted(&self, log: &LogId) -> Option<String> {
        let held: Vec<_> = self.honest().filter_map(|host| host.disk.logs.get(log)).collect();
        let differ = held.iter().any(|one| {
            held.iter().any(|other| {
                let size = one.synced().min(other.synced());
                one.root(size) != other.root(size)
            })
        });
        let frozen = |host: &Host| {
            let status = host.running.as_ref().and_then(|running| running.replica.log_status(log));
            status.is_some_and(|status| status.frozen)
        };
        let free = self.honest().find(|host| !frozen(host));
        let any = self.honest().any(frozen);
        match free {
            Some(free) if differ || any => Some(format!("{} did not freeze {log}", free.me)),
            Some(_) => {
                let sizes: Vec<u64> = held.iter().map(|disk| disk.synced()).collect();
                let equal = sizes.windows(2).all(|pair| pair[0] == pair[1]);
                (!equal).then(|| format!("{log} has sizes {sizes:?}"))
            }
            None => None,
        }
    }

    /// Coordinators have said all there is to say.
    fn open_notices(&mut self) -> Option<String> {
        if self.plan.liars.iter().any(|(member, _)| self.plan.is_cloned(*member)) {
            return None;
        }
        let state = self.fresh(0);
        let mut homeless: BTreeSet<NoticeId> = state.notices(None, usize::MAX).into_iter().collect();
        homeless.retain(|id| state.notice(id).is_some_and(|view| view.state == NoticeState::Open));
        for case in state.cases(None, usize::MAX) {
            let mut open: BTreeMap<RecipientId, Vec<NoticeId>> = BTreeMap::new();
            for id in &case.notices {
                homeless.remove(id);
                open.entry(state.notice(id)?.recipient).or_default().push(*id);
            }
            if let Some((recipient, ids)) = open.iter().find(|(_, ids)| ids.len() != 1) {
                return Some(format!("{ids:?} are open to {recipient} about {}", case.anchor));
            }
            let mut tiers: BTreeMap<RecipientId, Tier> = BTreeMap::new();
            for view in case.contents.iter().flatten().filter_map(|entry| state.referral(entry)) {
                for recipient in view.items.into_iter().filter_map(|item| item.recipient) {
                    let tier = tiers.entry(recipient).or_insert(view.tier);
                    *tier = view.tier.min(*tier);
                }
            }
            // What is held waits, unless it is urgent for this recipient.
            let wanted = |tier: Tier| case.held.is_empty() || tier.is_urgent();
            let mut wanted = tiers.iter().filter(|(_, tier)| wanted(**tier));
            if let Some((recipient, _)) = wanted.find(|(recipient, _)| !open.contains_key(recipient)) {
                return Some(format!("no open notice to {recipient} about {}", case.anchor));
            }
        }
        homeless.first().map(|id| format!("notice {id} is open and about nothing"))
    }

    /// What a member makes of the honest logs, from nothing.
    fn fresh(&mut self, number: usize) -> Consolidation {
        let mut state = Consolidation::new(self.rules.clone());
        state.set_coordinators(self.federation.roster.coordinators().to_vec());
        for (log, disk) in &self.hosts[number].disk.logs {
            if self.plan.is_cloned(self.federation.position(&log.member)) {
                continue;
            }
            for index in 0..disk.synced() {
                let Some(Leaf::Entry(bytes)) = disk.record(index) else { continue };
                let leaf = leaf_hash(bytes);
                let entry = check(log, index, leaf, bytes, &self.federation, &mut self.checked);
                if let Some(entry) = entry {
                    state.apply(Position { log: log.clone(), index, leaf }, &entry);
                }
            }
        }
        let clock = self.hosts[0].clock(self.now);
        state.advance(clock);
        state
    }

    /// What must hold when all agree: the same state everywhere, nothing lost, nothing merged that is an order.
    pub(super) fn check_end(&mut self) -> Result<(), String> {
        let any_clone = self.plan.liars.iter().any(|(member, _)| self.plan.is_cloned(*member));
        let honest: Vec<usize> = self.honest().map(|host| host.number).collect();
        let mut digests = BTreeMap::new();
        for number in &honest {
            let digest = self.fresh(*number).state_digest();
            digests.entry(digest).or_insert_with(Vec::new).push(*number);
            let clock = self.hosts[0].clock(self.now);
            let host = &mut self.hosts[*number];
            if let Some(running) = host.running.as_mut().filter(|_| !any_clone) {
                running.consolidation.advance(clock);
                let grown = running.consolidation.state_digest();
                if grown != digest {
                    return Err(format!("{} grew into another state than it starts with", host.me));
                }
            }
        }
        if digests.len() > 1 {
            return Err(format!("different states: {digests:?}"));
        }
        for ((log, index), leaf) in &self.facts.acknowledged {
            for host in self.hosts.iter().filter(|host| self.plan.is_honest(host.member)) {
                if !self.plan.is_honest(self.federation.position(&log.member)) {
                    continue;
                }
                let record = host.disk.logs.get(log).and_then(|disk| disk.record(*index));
                if record.map(Leaf::hash) != Some(*leaf) {
                    return Err(format!("{} lost entry {index} of {log}, which was acknowledged", host.me));
                }
            }
        }
        for ((log, index), order) in &self.facts.orders {
            for host in self.hosts.iter().filter(|host| self.plan.is_honest(host.member)) {
                let record = host.disk.logs.get(log).and_then(|disk| disk.record(*index));
                let honest = self.plan.is_honest(self.federation.position(&log.member));
                if honest && record != Some(&Leaf::Entry(order.clone())) {
                    return Err(format!("{} does not have the order at {index} of {log}", host.me));
                }
            }
        }
        Ok(())
    }
}
