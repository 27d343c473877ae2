// SPDX-License-Identifier: EUPL-1.2
//! What the node does around a replica: carrying out effects, writing, coordinating.

use std::time::Duration;

use concert_protocol::consolidation::IssueContext;
use concert_protocol::entry::referral::Tier;
use concert_protocol::entry::{Audience, Body, EntryId, NewEntry, Nonce};
use concert_protocol::log::{Checkpoint, SignedNote};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::sync::{Alarm, Effect, Input, Leaf};

use super::host::Host;
use super::network::Host as Number;
use super::plan::{Liar, MILLI, SECOND};
use super::words::{PLATFORMS, Said, platform};
use super::world::{Event, World};

/// Silence after which the next coordinator steps in.
const STEP_IN_AFTER: Duration = Duration::from_secs(180);
/// Longest sleep of a driver.
const IDLE: u64 = 5 * SECOND;

impl World {
    /// Gives a replica an input and carries out what it wants.
    pub(super) fn input(&mut self, number: Number, input: Input) -> Result<(), String> {
        let now = self.now;
        let host = &mut self.hosts[number];
        let clock = host.clock(now);
        if let Some(running) = host.running.as_mut() {
            // A fault comes back as an effect as well.
            let _ = running.replica.handle(clock, input);
        }
        self.carry_out(number)
    }

    /// Carries out effects in order, then sets the timer.
    pub(super) fn carry_out(&mut self, number: Number) -> Result<(), String> {
        while let Some(effect) =
            self.hosts[number].running.as_mut().and_then(|running| running.replica.poll_effect())
        {
            match effect {
                Effect::Send { to, frame } => self.send(number, &to, frame),
                Effect::Store { log, from, leaves, head } => self.store(number, &log, from, &leaves, head)?,
                Effect::StoreHead { log, head } => {
                    let disk = self.hosts[number].disk.log(&log);
                    disk.keep_note(head);
                    disk.sync_note();
                }
                Effect::Serve(request) => {
                    let to = request.to.clone();
                    let busy = self.busy();
                    let host = &self.hosts[number];
                    let frame = if busy {
                        concert_protocol::sync::refused_frame(request.id)
                    } else {
                        host.serve(&request, &self.federation, self.plan.serve_max)
                    };
                    let frame = self.tamper(number, frame);
                    self.answer(number, &to, frame);
                }
                Effect::ServeConsistency(request) => {
                    let to = request.to.clone();
                    let frame = self.hosts[number].prove(&request);
                    let frame = self.tamper(number, frame);
                    self.answer(number, &to, frame);
                }
                Effect::Raise(alarm) => self.alarm(number, alarm)?,
                Effect::Disconnect { peer, fault } => {
                    let member = self.federation.position(&peer);
                    self.trace.say(self.now, &format!("{} drops {peer}: {fault}", self.hosts[number].me));
                    if !matches!(self.plan.liar(member), Some(Liar::Corrupt(_))) {
                        return Err(format!("{} blames honest {peer}: {fault}", self.hosts[number].me));
                    }
                    if let Some(id) = self.hosts[number].sessions.remove(&peer) {
                        self.end(id);
                    }
                }
            }
        }
        self.sign_what_is_due(number)?;
        self.set_timer(number);
        Ok(())
    }

    fn set_timer(&mut self, number: Number) {
        let now = self.now;
        let host = &mut self.hosts[number];
        let Some(running) = host.running.as_ref() else { return };
        host.timer += 1;
        let clock = host.clock(now);
        let wait = running.replica.poll_timeout().map_or(IDLE, |at| at.since(clock).as_micros() as u64);
        let timer = host.timer;
        self.at(now + wait.clamp(1, IDLE), Event::Timer(number, timer));
    }

    fn send(&mut self, number: Number, to: &MemberId, frame: Vec<u8>) {
        if let Some(id) = self.hosts[number].sessions.get(to).copied() {
            self.transmit(number, id, frame);
        }
    }

    /// Answers are made behind the core, and may overtake what it says meanwhile.
    fn answer(&mut self, number: Number, to: &MemberId, frame: Vec<u8>) {
        if let Some(id) = self.hosts[number].sessions.get(to).copied() {
            let at = self.now + self.random.between(MILLI, 30 * MILLI);
            let boot = self.hosts[number].boot;
            self.at(at, Event::Answer(number, boot, id, frame));
        }
    }

    fn busy(&mut self) -> bool {
        !self.quiet && self.random.chance(self.plan.busy)
    }

    /// What a corrupt server makes of its answer.
    fn tamper(&mut self, number: Number, mut frame: Vec<u8>) -> Vec<u8> {
        if let Some(Liar::Corrupt(parts)) = self.plan.liar(self.hosts[number].member)
            && self.random.chance(parts)
        {
            match self.random.below(4) {
                0 => frame.truncate(self.random.index(frame.len())),
                _ => {
                    let at = self.random.index(frame.len());
                    frame[at] ^= 1 << self.random.below(8);
                }
            }
        }
        frame
    }

    fn store(
        &mut self,
        number: Number,
        log: &LogId,
        from: u64,
        leaves: &[Leaf],
        head: Vec<u8>,
    ) -> Result<(), String> {
        let host = &mut self.hosts[number];
        let disk = host.disk.log(log);
        if disk.size() != from || disk.synced() != from {
            return Err(format!("{} stores {log} from {from}, but has {}", host.me, disk.size()));
        }
        // The checkpoint first.
        disk.keep_note(head);
        disk.sync_note();
        disk.append(leaves);
        let at = self.now + self.random.between(MILLI / 5, 15 * MILLI);
        let boot = self.hosts[number].boot;
        self.at(at, Event::Synced(number, boot, log.clone()));
        Ok(())
    }

    pub(super) fn synced(&mut self, number: Number, log: &LogId) -> Result<(), String> {
        let host = &mut self.hosts[number];
        if host.running.is_none() {
            return Ok(());
        }
        let disk = host.disk.log(log);
        disk.sync();
        let (size, root) = (disk.size(), disk.root(disk.size()));
        if *log == host.log {
            // What comes back from peers was signed once.
            host.disk.signed =
                host.disk.signed.advance(size, root).map_err(|error| format!("{}: {error}", host.me))?;
            host.disk.sync_signed();
        }
        host.apply(log, &self.federation, &mut self.checked);
        self.input(number, Input::Stored { log: log.clone(), size })
    }

    fn alarm(&mut self, number: Number, alarm: Alarm) -> Result<(), String> {
        let host = &mut self.hosts[number];
        self.trace.say(self.now, &format!("{} raises {}: {alarm}", host.me, alarm.code()));
        let blamed = |member: &MemberId| self.federation.position(member);
        match &alarm {
            Alarm::Equivocation { log, evidence } => {
                if !self.plan.is_cloned(blamed(&log.member)) {
                    return Err(format!("{} convicts the honest author of {log}: {evidence:?}", host.me));
                }
                let json = alarm.evidence().ok_or("evidence without JSON")?;
                host.disk.evidence.insert(log.clone(), json);
                // What was on its way to the disk then arrives there.
                let size = host.disk.log(log).size();
                host.frozen_at.insert(log.clone(), size);
            }
            Alarm::BadRange { peer, .. }
                if !matches!(self.plan.liar(blamed(peer)), Some(Liar::Corrupt(_))) =>
            {
                return Err(format!("{peer} is said to serve badly by {}", host.me));
            }
            Alarm::Amnesia { .. } if !host.restored && !self.plan.is_cloned(host.member) => {
                return Err(format!("{} believes to have forgotten something: {alarm}", host.me));
            }
            Alarm::OutOfStep { .. } | Alarm::Diverged { .. } => return Err(format!("{}: {alarm}", host.me)),
            _ => {}
        }
        Ok(())
    }

    /// A log without a checkpoint over all of it gets one as soon as it may be signed.
    fn sign_what_is_due(&mut self, number: Number) -> Result<(), String> {
        let now = self.now;
        let host = &self.hosts[number];
        let due =
            host.running.as_ref().is_some_and(|running| running.replica.own_head_is_due(host.clock(now)));
        if due { self.append(number, Vec::new()).map(|_| ()) } else { Ok(()) }
    }

    fn may_sign(&self, number: Number) -> bool {
        let host = &self.hosts[number];
        let may = |running: &super::host::Running| running.replica.may_sign_own(host.clock(self.now));
        host.running.as_ref().is_some_and(may)
    }

    /// Writes entries into the own log; whether they were acknowledged.
    fn append(&mut self, number: Number, said: Vec<Said>) -> Result<bool, String> {
        let now = self.now;
        let mut entries = Vec::new();
        for (body, audience) in said {
            let host = &self.hosts[number];
            let at = host.clock(now);
            let author = host.me.clone();
            let key = &self.federation.keys[host.member].signing;
            let id = EntryId::new(at, self.random.bytes());
            let nonce = Nonce::new(self.random.bytes());
            let entry = NewEntry { id, author, at, nonce, audience, body };
            entries.push(entry.sign(key).map_err(|error| error.to_string())?);
        }
        let power = self.power();
        let bytes: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes.clone()).collect();
        let host = &mut self.hosts[number];
        let log = host.log.clone();
        let from = host.disk.log(&log).size();
        let Some(note) = host.append(&bytes, &self.federation, power)? else {
            self.trace.say(now, &format!("the power of {} fails: {power:?}", self.hosts[number].me));
            self.crash(number);
            return Ok(false);
        };
        self.signed(number, &note)?;
        let host = &mut self.hosts[number];
        for (index, entry) in (from..).zip(&entries) {
            let leaf = concert_protocol::log::leaf_hash(&entry.bytes);
            host.memory.remember(entry.entry.reference(), &entry.entry.body);
            if !self.plan.is_cloned(host.member) {
                self.facts.acknowledged.insert((log.clone(), index), leaf);
                if matches!(entry.entry.body, Body::Order(_)) {
                    self.facts.orders.insert((log.clone(), index), entry.bytes.clone());
                }
            }
        }
        host.apply(&log, &self.federation, &mut self.checked);
        self.input(number, Input::OwnAdvanced { note, from, leaves: bytes })?;
        Ok(true)
    }

    /// No honest member signs two roots for one size.
    fn signed(&mut self, number: Number, note: &SignedNote) -> Result<(), String> {
        let host = &self.hosts[number];
        if self.plan.is_cloned(host.member) {
            return Ok(());
        }
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        let key = (host.log.clone(), checkpoint.size);
        match self.facts.signed.insert(key, checkpoint.root) {
            Some(root) if root != checkpoint.root => {
                Err(format!("{} signed a second root for {} entries", host.me, checkpoint.size))
            }
            _ => Ok(()),
        }
    }

    /// A member writes, if it may.
    pub(super) fn write(&mut self, number: Number) -> Result<(), String> {
        if self.quiet {
            return Ok(());
        }
        let wait = self.random.between(self.plan.writing / 4, self.plan.writing * 7 / 4);
        let at = self.now + wait;
        self.at(at, Event::Write(number));
        if !self.may_sign(number) {
            return Ok(());
        }
        let now = self.now;
        let burst = if self.random.chance(50) { self.random.between(5, 20) } else { 1 };
        let mut said = Vec::new();
        let host = &mut self.hosts[number];
        let clock = host.clock(now);
        for _ in 0..burst {
            if let Some(running) = host.running.as_ref() {
                let known = &running.consolidation;
                said.push(host.memory.next(
                    &mut self.random,
                    clock,
                    (&host.me, &self.federation.members),
                    known,
                ));
            }
        }
        self.append(number, said).map(|_| ())
    }

    /// A coordinator writes what is due, as the node's projection does.
    pub(super) fn coordinate(&mut self, number: Number) -> Result<(), String> {
        self.at(self.now + SECOND, Event::Coordinate(number));
        if !self.may_sign(number) {
            return Ok(());
        }
        let now = self.now;
        let earlier: Vec<(MemberId, LogId)> = {
            let me = &self.hosts[number].me;
            let coordinators = self.federation.roster.coordinators().iter().take_while(|c| *c != me);
            coordinators.map(|c| (c.clone(), LogId::first(c.clone()))).collect()
        };
        let host = &mut self.hosts[number];
        let clock = host.clock(now);
        let Some(running) = host.running.as_mut() else { return Ok(()) };
        let stored = host.disk.logs.get(&host.log).map_or(0, |disk| disk.size());
        if running.applied.get(&host.log).copied().unwrap_or(0) < stored {
            return Ok(());
        }
        if earlier.is_empty() && stored == 0 {
            let platforms = PLATFORMS.iter().map(|(id, domain)| (platform(id, domain), Audience::MEMBERS));
            let platforms = platforms.collect();
            return self.append(number, platforms).map(|_| ());
        }
        let silent = |log: &LogId| {
            let heard = running.replica.log_status(log).and_then(|status| status.author_time);
            clock.since(heard.unwrap_or(running.started)) > STEP_IN_AFTER
        };
        let first = earlier.is_empty();
        let earlier_silent = earlier.iter().all(|(_, log)| silent(log));
        let may_issue = |tier: Tier| first || (earlier_silent && tier.is_urgent());
        let context = IssueContext {
            me: host.me.clone(),
            now: clock,
            epoch: self.federation.roster.epoch(),
            may_issue: &may_issue,
            answer_window: Duration::from_secs(86_400),
        };
        let due = running.consolidation.due(&context, 50);
        if due.is_empty() {
            return Ok(());
        }
        let said: Vec<Said> = due.into_iter().map(|due| (due.body, due.audience)).collect();
        self.append(number, said).map(|_| ())
    }

    /// A host stops at once.
    pub(super) fn crash(&mut self, number: Number) {
        let host: &mut Host = &mut self.hosts[number];
        if host.running.take().is_none() {
            return;
        }
        host.boot += 1;
        host.timer += 1;
        self.facts.crashes += 1;
        host.disk.crash(&mut self.random);
        let sessions = std::mem::take(&mut host.sessions);
        for id in sessions.into_values() {
            self.end(id);
        }
        let at = self.now + self.random.between(100 * MILLI, 30 * SECOND);
        self.at(at, Event::Start(number));
    }
}
