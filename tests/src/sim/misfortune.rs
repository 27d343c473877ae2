// SPDX-License-Identifier: EUPL-1.2
//! What goes wrong: partitions, crashes, lost memory, stepping clocks, copied machines.

use super::host::Host;
use super::network::Host as Number;
use super::plan::{Liar, SECOND};
use super::world::{Event, World};

impl World {
    pub(super) fn misfortune(&mut self) {
        if self.quiet {
            return;
        }
        if self.plan.backups && self.random.chance(400) {
            let one = self.random.index(self.hosts.len());
            self.lose_memory(one);
        }
        let at = self.now + self.random.between(self.plan.misfortune / 2, self.plan.misfortune * 3 / 2);
        self.at(at, Event::Misfortune);
        let hosts = self.hosts.len();
        let one = self.random.index(hosts);
        let other = self.random.index(hosts);
        match self.random.below(12) {
            0 => self.partition_halves(),
            1 => self.isolate(one),
            2 => self.bridge(one),
            3 => {
                self.network.block(one, other);
                self.heal_later();
            }
            4 => self.network.heal(),
            5..8 => self.crash(one),
            8 if self.meet(one, other) && self.runs(one) && self.runs(other) => {
                // Both ends dialled at once.
                self.connect(one, other);
            }
            10 if self.plan.clocks => self.step_clock(one),
            _ => {
                let sessions = self.hosts[one].sessions.values().next().copied();
                sessions.into_iter().for_each(|id| self.end(id));
            }
        }
    }

    fn runs(&self, number: Number) -> bool {
        self.hosts[number].running.is_some()
    }

    fn heal_later(&mut self) {
        let at = self.now + self.random.between(SECOND, 60 * SECOND);
        self.at(at, Event::Heal);
    }

    fn partition_halves(&mut self) {
        let side: Vec<bool> = self.hosts.iter().map(|_| self.random.chance(500)).collect();
        for a in 0..side.len() {
            for b in 0..side.len() {
                if side[a] != side[b] {
                    self.network.block(a, b);
                }
            }
        }
        self.heal_later();
    }

    fn isolate(&mut self, one: Number) {
        for other in 0..self.hosts.len() {
            self.network.block(one, other);
            self.network.block(other, one);
        }
        self.heal_later();
    }

    /// Everybody reaches this one alone.
    fn bridge(&mut self, one: Number) {
        for a in 0..self.hosts.len() {
            for b in 0..self.hosts.len() {
                if a != one && b != one {
                    self.network.block(a, b);
                }
            }
        }
        self.heal_later();
    }

    /// Puts a copy of a disk away, or restores one: then only if others hold everything that was signed, since nothing
    /// can bring back what exists nowhere.
    fn lose_memory(&mut self, number: Number) {
        let host = &self.hosts[number];
        if self.plan.is_cloned(host.member) {
            return;
        }
        let log = host.log.clone();
        let held = |other: &Host| {
            other.number != number && self.plan.is_honest(other.member) && {
                let disk = other.disk.logs.get(&log);
                let signed = self.facts.signed.range((log.clone(), 0)..=(log.clone(), u64::MAX)).next_back();
                let size = signed.map_or(0, |((_, size), _)| *size);
                let complete = other.running.as_ref().and_then(|running| running.replica.log_status(&log));
                disk.map_or(0, |disk| disk.synced()) >= size
                    && complete.is_some_and(|s| s.proven_size >= size)
            }
        };
        let safe = self.hosts.iter().any(held);
        match self.hosts[number].backup.take() {
            Some(backup) if safe => {
                self.crash(number);
                let host = &mut self.hosts[number];
                host.disk = *backup;
                host.restored = true;
                host.durable.clear();
                host.frozen_at.clear();
                self.facts.restores += 1;
                self.trace.say(self.now, &format!("{} is restored from a backup", self.hosts[number].me));
            }
            _ => {
                let disk = self.hosts[number].disk.backup();
                self.hosts[number].backup = Some(Box::new(disk));
            }
        }
    }

    /// Coordinators keep time: what they say about notices must come after what was said.
    fn step_clock(&mut self, number: Number) {
        let host = &mut self.hosts[number];
        if !self.federation.roster.is_coordinator(&host.me) {
            let step = self.random.between(0, 7_200 * SECOND) as i64 - 3_600 * SECOND as i64;
            host.offset += step;
            self.trace.say(self.now, &format!("the clock of {} steps by {step}", host.me));
        }
    }

    /// A copy of a machine starts beside it; from then on each of the others reaches one of the two.
    pub(super) fn clone_machine(&mut self, member: usize) {
        let number = self.hosts.len();
        let mut copy = Host::new(number, member, &self.federation);
        copy.disk = self.hosts[member].disk.backup();
        copy.memory = self.hosts[member].memory.clone();
        let to_one = matches!(self.plan.liar(member), Some(Liar::Clone { to_one: true, .. }));
        let others: Vec<Number> = (0..number).filter(|other| self.hosts[*other].member != member).collect();
        let only = others[self.random.index(others.len())];
        for other in others {
            let moves = if to_one { other == only } else { self.random.chance(500) };
            if moves {
                self.faces.insert((other, member), number);
                let session = self.hosts[other].sessions.get(&self.hosts[member].me).copied();
                session.into_iter().for_each(|id| self.end(id));
            }
        }
        self.hosts.push(copy);
        for other in 0..number {
            self.dial_soon(other, number);
        }
        self.at(self.now, Event::Start(number));
        self.at(self.now + SECOND, Event::Write(number));
    }

    /// The end of all misfortunes: everything passes and everybody runs.
    pub(super) fn calm(&mut self) {
        self.quiet = true;
        self.network.heal();
        for number in 0..self.hosts.len() {
            if self.hosts[number].running.is_none() {
                self.at(self.now, Event::Start(number));
            }
        }
    }
}
