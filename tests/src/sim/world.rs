// SPDX-License-Identifier: EUPL-1.2
//! The world: members, the network between them, faults, and what must hold.
//!
//! After every event: no honest member signs two roots for one size, no log on a disk shrinks but by a restored
//! backup. After healing and quiet: equal logs and equal state digests at everybody, every acknowledged entry in its
//! author's log at everybody, exactly one open notice for a case and recipient, every order as it was written.
//! With a member that shows two faces: its log is frozen or equal everywhere, and all other logs are equal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use concert_protocol::consolidation::NoticeState;
use concert_protocol::content::LocatorRules;
use concert_protocol::entry::{Body, EntryRef};
use concert_protocol::key::SecretKey;
use concert_protocol::log::{Checkpoint, Hash, SignedNote};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{Anchor, RootKeys, Roster, RosterMember, RosterVersion, SignedRoster};
use concert_protocol::sync::{Alarm, Frame, Input, Leaf};
use concert_protocol::time::Timestamp;
use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::member::{Identity, Member, Outbox};
use super::rng::Rng;
use super::words;

/// One step of virtual time.
const STEP: Duration = Duration::from_millis(20);
/// Steps with faults, and most steps for healing.
const STORMY: u64 = 1500;
const HEALING: u64 = 60_000;
/// Backups are taken this often, in steps.
const BACKUP_EVERY: u64 = 400;

/// What a simulation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hash over every delivered frame and every crash, in order.
    pub trace: String,
    /// Entries in all logs.
    pub entries: u64,
    /// Open notices.
    pub notices: usize,
    /// Crashes.
    pub crashes: u64,
    /// Sessions that broke.
    pub resets: u64,
    /// Virtual seconds until everything was equal after healing.
    pub healed_after: u64,
    /// Whether a member showed two faces.
    pub dishonest: bool,
}

/// A session between two nodes: frames in order, each with the time from which it may be delivered.
#[derive(Default)]
struct Session {
    frames: VecDeque<(u64, usize, Vec<u8>)>,
}

struct World {
    rng: Rng,
    step: u64,
    started: Timestamp,
    rules: Arc<LocatorRules>,
    roster: Arc<Roster>,
    identities: Vec<Identity>,
    /// Running members; `None` while down. A dishonest member's twin comes last.
    running: Vec<Option<Member>>,
    disks: Vec<Option<Disk>>,
    backups: Vec<Option<Disk>>,
    sessions: BTreeMap<(usize, usize), Session>,
    /// Groups of nodes that can reach each other at present.
    groups: Vec<u64>,
    /// The node that shares its keys with the last one, when somebody is dishonest.
    twin_of: Option<usize>,
    /// Checkpoints that somebody received.
    shown: BTreeMap<(LogId, u64), Hash>,
    /// Restored from a backup and not yet caught up with what its peers have of its own log.
    restored: Vec<bool>,
    /// Acknowledged entries and their indexes.
    acknowledged: BTreeMap<EntryRef, u64>,
    orders: BTreeMap<EntryRef, Body>,
    holds: Vec<EntryRef>,
    referrals: Vec<EntryRef>,
    number: u64,
    convicted: bool,
    trace: Sha256,
    crashes: u64,
    resets: u64,
    print: bool,
}

/// Runs one seed to its end.
///
/// # Panics
///
/// When something that must hold does not; the message names the seed.
pub fn run(seed: u64, print: bool) -> Outcome {
    let mut world = World::new(seed, print);
    world.storm();
    let healed_after = world.heal(seed);
    world.judge(seed);
    let any = world.running.iter().flatten().next().expect("everybody is up after healing");
    Outcome {
        entries: any.disk.logs.values().map(|log| log.size()).sum(),
        notices: world.open_notices(any).len(),
        trace: world.trace.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        crashes: world.crashes,
        resets: world.resets,
        healed_after,
        dishonest: world.twin_of.is_some(),
    }
}

impl World {
    fn new(seed: u64, print: bool) -> Self {
        let mut rng = Rng::new(seed);
        let started = Timestamp::from_seconds(1_790_000_000);
        let count = 3 + rng.index(4);
        let codes = ["EU", "BE", "FR", "DE", "NL", "IT", "ES"];
        let root = SecretKey::from_seed(&rng.bytes());
        let mut identities = Vec::new();
        let mut members = Vec::new();
        for code in codes.iter().take(count) {
            let member: MemberId = code.parse().expect("a code");
            let key = |rng: &mut Rng| SecretKey::from_seed(&rng.bytes());
            let (signing, cosigner, transport) = (key(&mut rng), key(&mut rng), key(&mut rng));
            let name = "Unit".parse().expect("a name");
            members.push(RosterMember::new(
                member.clone(),
                name,
                transport.public(),
                cosigner.public(),
                signing.public(),
            ));
            identities.push(Identity { log: LogId::first(member.clone()), member, signing, cosigner });
        }
        let root_keys = RootKeys { keys: vec![root.public()], threshold: 1 };
        let federation = String::from("concert.test").try_into().expect("a name");
        let mut version =
            RosterVersion::new(federation, started, started.plus(Duration::from_secs(86_400)), root_keys);
        version.members = members;
        version.coordinators = vec![identities[0].member.clone(), identities[1].member.clone()];
        let signed = SignedRoster::sign(&version, &[&root]).expect("a valid roster");
        let anchor = Anchor::Digest(signed.digest());
        let roster = Arc::new(Roster::found(signed, &anchor).expect("a valid roster"));
        // Every eighth federation has a member that shows two faces: the same keys on two disks.
        let twin_of = (seed % 8 == 7).then(|| 2 + rng.index(count - 2));
        if let Some(twin) = twin_of {
            identities.push(identities[twin].clone());
        }
        let nodes = identities.len();
        let logs: Vec<LogId> = roster.logs().cloned().collect();
        let mut world = Self {
            rng,
            step: 0,
            started,
            rules: Arc::new(LocatorRules::builtin()),
            roster,
            identities,
            running: (0..nodes).map(|_| None).collect(),
            disks: (0..nodes).map(|_| Some(Disk::new(logs.clone()))).collect(),
            backups: (0..nodes).map(|_| None).collect(),
            sessions: BTreeMap::new(),
            groups: vec![0; nodes],
            twin_of,
            shown: BTreeMap::new(),
            restored: vec![false; nodes],
            acknowledged: BTreeMap::new(),
            orders: BTreeMap::new(),
            holds: Vec::new(),
            referrals: Vec::new(),
            number: 0,
            convicted: false,
            trace: Sha256::new(),
            crashes: 0,
            resets: 0,
            print,
        };
        for node in 0..nodes {
            world.start(node);
        }
        world
    }

    fn now(&self) -> Timestamp {
        self.started.plus(STEP * u32::try_from(self.step).unwrap_or(u32::MAX))
    }

    fn say(&mut self, what: &str) {
        self.trace.update(format!("{} {what}\n", self.step).as_bytes());
        if self.print {
            println!("{:>8.2} s  {what}", self.step as f64 * STEP.as_secs_f64());
        }
    }

    /// Faults, work and time.
    fn storm(&mut self) {
        self.act(0, vec![words::recipient()]);
        for _ in 0..STORMY {
            self.step += 1;
            self.faults();
            if self.rng.percent(12) {
                self.work();
            }
            self.turn();
        }
    }

    fn faults(&mut self) {
        let node = self.rng.index(self.identities.len());
        match self.rng.below(1000) {
            0..=5 => self.crash(node, "stopped"),
            6..=25 if self.running[node].is_none() => {
                if self.rng.percent(20) && self.twin_of.is_none() {
                    self.restore(node);
                }
                self.start(node);
            }
            26..=29 => {
                let kind = self.rng.below(3);
                for other in 0..self.groups.len() {
                    self.groups[other] = match kind {
                        0 => u64::from(other == node),
                        1 => self.rng.below(2),
                        _ => 0,
                    };
                }
                let groups = format!("partition {:?}", self.groups);
                self.say(&groups);
            }
            30..=36 => self.groups.fill(0),
            37..=56 => {
                let open: Vec<(usize, usize)> = self.sessions.keys().copied().collect();
                if !open.is_empty() {
                    let pair = open[self.rng.index(open.len())];
                    self.reset(pair);
                }
            }
            _ => {}
        }
        if self.step.is_multiple_of(BACKUP_EVERY) {
            for node in 0..self.identities.len() {
                if let Some(member) = &self.running[node] {
                    self.backups[node] = Some(member.disk.clone());
                }
            }
        }
    }

    /// Puts an older state of the disk back. The memory of what was signed goes back with it: a whole machine restored.
    fn restore(&mut self, node: usize) {
        let Some(backup) = self.backups[node].clone() else { return };
        // What nobody else has yet is lost with the disk; that is what `confirmed` tells operators.
        let log = self.identities[node].log.clone();
        let disks =
            self.running.iter().flatten().map(|member| &member.disk).chain(self.disks.iter().flatten());
        let others = disks.filter(|disk| !std::ptr::eq(*disk, self.disks[node].as_ref().unwrap_or(&backup)));
        let kept =
            others.map(|disk| disk.logs[&log].size()).chain([backup.logs[&log].size()]).max().unwrap_or(0);
        if self.shown.range((log.clone(), kept + 1)..).next().is_some_and(|((shown, _), _)| *shown == log) {
            // A checkpoint was shown whose entries only this disk has: with it the log would be lost for good, and go on
            // as its next generation by the roster's word. That is for people, not for this simulation.
            return;
        }
        self.acknowledged.retain(|name, index| name.author != log.member || *index < kept);
        self.disks[node] = Some(backup);
        self.restored[node] = true;
        self.say(&format!("{} is restored from a backup", self.identities[node].member));
    }

    fn start(&mut self, node: usize) {
        let restored = self.restored[node];
        let Some(disk) = self.disks[node].take() else { return };
        let (roster, now) = (self.roster.clone(), self.now());
        let mut member =
            Member::start(self.identities[node].clone(), roster, &self.rules, disk, restored, now);
        member.crash_percent = 1;
        self.running[node] = Some(member);
        self.say(&format!("{} starts", self.identities[node].member));
    }

    fn crash(&mut self, node: usize, how: &str) {
        let Some(member) = self.running[node].take() else { return };
        self.disks[node] = Some(member.disk);
        self.crashes += 1;
        self.say(&format!("{} {how}", self.identities[node].member));
        let open: Vec<(usize, usize)> =
            self.sessions.keys().copied().filter(|(a, b)| *a == node || *b == node).collect();
        for pair in open {
            self.reset(pair);
        }
    }

    /// A session breaks; what was on the way is lost.
    fn reset(&mut self, (a, b): (usize, usize)) {
        if self.sessions.remove(&(a, b)).is_none() {
            return;
        }
        self.resets += 1;
        for (node, other) in [(a, b), (b, a)] {
            let peer = self.identities[other].member.clone();
            self.with(node, |member, now, rng, out| member.take(now, Input::Disconnected(peer), rng, out));
        }
    }

    /// Nodes that may have a session: up, in one group, and a twin only with every other node.
    fn reachable(&self, a: usize, b: usize) -> bool {
        let same_keys = self.identities[a].member == self.identities[b].member;
        let faces = self.twin_of.is_none_or(|first| {
            let twin = self.identities.len() - 1;
            // The two faces are shown to different halves, so that each honest node knows one of them.
            let shown = |face: usize, node: usize| node % 2 == usize::from(face == twin);
            let one = |face: usize, node: usize| (face != first && face != twin) || shown(face, node);
            one(a, b) && one(b, a)
        });
        !same_keys
            && faces
            && self.running[a].is_some()
            && self.running[b].is_some()
            && self.groups[a] == self.groups[b]
    }

    fn connect(&mut self) {
        let nodes = self.identities.len();
        for a in 0..nodes {
            for b in a + 1..nodes {
                let open = self.sessions.contains_key(&(a, b));
                if open && !self.reachable(a, b) {
                    self.reset((a, b));
                } else if !open && self.reachable(a, b) && self.rng.percent(10) {
                    self.sessions.insert((a, b), Session::default());
                    for (node, other) in [(a, b), (b, a)] {
                        let peer = self.identities[other].member.clone();
                        self.with(node, |member, now, rng, out| {
                            member.take(now, Input::Connected(peer), rng, out)
                        });
                    }
                }
            }
        }
    }

    /// Delivers what is due, lets time do its work, and lets coordinators coordinate.
    fn turn(&mut self) {
        self.connect();
        let pairs: Vec<(usize, usize)> = self.sessions.keys().copied().collect();
        for pair in pairs {
            while let Some((_, to, bytes)) = self
                .sessions
                .get_mut(&pair)
                .and_then(|session| session.frames.pop_front_if(|(at, _, _)| *at <= self.step))
            {
                let from = if to == pair.0 { pair.1 } else { pair.0 };
                self.trace.update(Sha256::digest(&bytes));
                self.witness(&bytes);
                let peer = self.identities[from].member.clone();
                self.with(to, |member, now, rng, out| {
                    member.take(now, Input::Frame { from: peer, bytes }, rng, out)
                });
            }
        }
        for node in 0..self.identities.len() {
            if self.step % 5 == node as u64 % 5 {
                self.with(node, |member, now, rng, out| member.tick(now, rng, out));
            }
            if self.step.is_multiple_of(10) {
                let ready = self.running[node].as_ref().is_some_and(|member| member.may_sign(self.now()));
                self.restored[node] &= !ready;
                let (now, started) = (self.now(), self.started);
                let due =
                    self.running[node].as_mut().map(|member| member.due(now, started)).unwrap_or_default();
                if !due.is_empty() {
                    self.act(node, due);
                }
            }
        }
    }

    /// Whoever receives a checkpoint has seen what its author signed: never two roots for one size of an honest log.
    fn witness(&mut self, frame: &[u8]) {
        let (Frame::Hint { log, note, .. } | Frame::Range { log, note, .. }) =
            Frame::decode(frame).expect("a frame")
        else {
            return;
        };
        let note = SignedNote::parse(&note).expect("a note");
        let checkpoint = Checkpoint::parse(note.text()).expect("a checkpoint");
        let honest = self.twin_of.is_none_or(|first| self.identities[first].log != log);
        let known = *self.shown.entry((log.clone(), checkpoint.size)).or_insert(checkpoint.root);
        assert!(!honest || known == checkpoint.root, "{log} showed two roots at size {}", checkpoint.size);
    }

    /// Runs something on a member and does to the world what it asked for.
    fn with<T: Default>(
        &mut self,
        node: usize,
        what: impl FnOnce(&mut Member, Timestamp, &mut Rng, &mut Outbox) -> T,
    ) -> T {
        let now = self.now();
        let Some(member) = self.running[node].as_mut() else { return T::default() };
        let mut out = Outbox::default();
        let result = what(member, now, &mut self.rng, &mut out);
        self.settle(node, out);
        result
    }

    fn settle(&mut self, node: usize, out: Outbox) {
        for alarm in out.alarms {
            if let Alarm::Equivocation { log, .. } = &alarm {
                let dishonest = self.twin_of.is_some_and(|first| self.identities[first].log == *log);
                assert!(dishonest, "an honest author was convicted: {log}");
                self.convicted = true;
            }
            self.say(&format!("{} raises {}", self.identities[node].member, alarm.code()));
        }
        for (to, frame) in out.frames {
            let other = (0..self.identities.len()).find(|other| {
                *other != node
                    && self.identities[*other].member == to
                    && self.sessions.contains_key(&(node.min(*other), node.max(*other)))
            });
            let Some(other) = other else { continue };
            let delay = 1 + self.rng.below(8) + if self.rng.percent(3) { self.rng.below(200) } else { 0 };
            let pair = (node.min(other), node.max(other));
            if let Some(session) = self.sessions.get_mut(&pair) {
                // In order, as a stream is: nothing overtakes what was sent before to the same side.
                let after =
                    session.frames.iter().filter(|(_, to, _)| *to == other).map(|(at, _, _)| *at).max();
                let at = (self.step + delay).max(after.unwrap_or(0));
                session.frames.push_back((at, other, frame));
            }
        }
        for peer in out.disconnects {
            let others = 0..self.identities.len();
            for other in others.filter(|other| self.identities[*other].member == peer).collect::<Vec<_>>() {
                self.reset((node.min(other), node.max(other)));
            }
        }
        if out.crashed {
            self.crash(node, "crashes while writing");
        }
    }

    fn act(&mut self, node: usize, bodies: Vec<Body>) {
        let said = bodies.clone();
        let names = self.with(node, |member, now, rng, out| member.author(now, bodies, rng, out));
        for ((name, index), body) in names.into_iter().zip(said) {
            match &body {
                Body::Referral(_) => self.referrals.push(name.clone()),
                Body::Hold(_) => self.holds.push(name.clone()),
                Body::Order(_) => {
                    self.orders.insert(name.clone(), body);
                }
                _ => {}
            }
            // A twin's words are in one of two histories; nothing is promised about them.
            if self.twin_of.is_none_or(|first| self.identities[first].member != name.author) {
                self.acknowledged.insert(name, index);
            }
        }
    }

    /// One member says something.
    fn work(&mut self) {
        let node = self.rng.index(self.identities.len());
        let me = self.identities[node].member.clone();
        self.number += 1;
        let pick = |rng: &mut Rng, from: &[EntryRef], own: bool| {
            let fitting: Vec<EntryRef> =
                from.iter().filter(|name| (name.author == me) == own).cloned().collect();
            (!fitting.is_empty()).then(|| fitting[rng.index(fitting.len())].clone())
        };
        let number = self.number;
        let body = match self.rng.below(20) {
            0..=1 => pick(&mut self.rng, &self.referrals, true).map(|name| words::withdrawal(&name)),
            2..=4 => {
                pick(&mut self.rng, &self.referrals, false).map(|name| words::endorsement(&name, number))
            }
            5 => pick(&mut self.rng, &self.referrals, true).map(|name| words::hold(&name)),
            6..=7 => pick(&mut self.rng, &self.holds, true).map(|name| words::release(&name)),
            8 => Some(words::order(number)),
            _ => None,
        };
        let body = body.unwrap_or_else(|| words::referral(&mut self.rng, number));
        self.act(node, vec![body]);
    }

    /// No more faults: everybody up and connected, until everything is equal. Returns virtual seconds.
    fn heal(&mut self, seed: u64) -> u64 {
        self.groups.fill(0);
        for node in 0..self.identities.len() {
            self.start(node);
            if let Some(member) = self.running[node].as_mut() {
                member.crash_percent = 0;
            }
        }
        let began = self.step;
        let mut quiet = 0;
        while self.step - began < HEALING {
            self.step += 1;
            self.turn();
            if self.step.is_multiple_of(50) {
                quiet = if self.is_equal() { quiet + 1 } else { 0 };
                // Equal, and still equal ten seconds later: nothing is under way.
                if quiet == 10 {
                    return (self.step - began) / (1000 / STEP.as_millis() as u64);
                }
            }
        }
        let sizes = |member: &Member| {
            let log = |(log, disk): (&LogId, &super::disk::DiskLog)| {
                let status = member.replica.log_status(log);
                let (head, proven) = status.map_or((0, 0), |status| (status.head_size, status.proven_size));
                format!("{log}:{}/{head}/{proven}", disk.size())
            };
            member.disk.logs.iter().map(log).collect::<Vec<_>>().join(" ")
        };
        for (node, member) in self.running.iter().enumerate() {
            let text = member.as_ref().map_or("down".into(), sizes);
            eprintln!("{} {text}", self.identities[node].member);
        }
        panic!(
            "seed {seed}: not equal {} virtual seconds after healing",
            HEALING * STEP.as_millis() as u64 / 1000
        );
    }

    /// Logs that are everybody's: all but a dishonest member's.
    fn common(&self) -> Vec<LogId> {
        let dishonest = self.twin_of.map(|first| self.identities[first].log.clone());
        self.roster.logs().filter(|log| Some(*log) != dishonest.as_ref()).cloned().collect()
    }

    fn honest(&self) -> Vec<&Member> {
        let dishonest = self.twin_of.map(|first| self.identities[first].member.clone());
        self.running
            .iter()
            .flatten()
            .filter(|member| Some(&member.identity.member) != dishonest.as_ref())
            .collect()
    }

    fn is_equal(&self) -> bool {
        let common = self.common();
        let roots = |member: &Member| {
            let root = |log: &LogId| (member.disk.logs[log].size(), member.disk.logs[log].frontier.root());
            common.iter().map(root).collect::<Vec<_>>()
        };
        let honest = self.honest();
        let settled = self.twin_of.is_none() || self.convicted || self.is_one_faced();
        honest.len() == honest.iter().filter(|member| roots(member) == roots(honest[0])).count() && settled
    }

    /// Whether a dishonest member happens to have shown one history only.
    fn is_one_faced(&self) -> bool {
        let Some(first) = self.twin_of else { return true };
        let log = &self.identities[first].log;
        let mut histories: Vec<&super::disk::DiskLog> =
            self.honest().iter().map(|m| &m.disk.logs[log]).collect();
        histories.sort_by_key(|disk| disk.size());
        histories.windows(2).all(|pair| pair[1].leaves.starts_with(&pair[0].leaves))
    }

    fn open_notices(&self, member: &Member) -> Vec<concert_protocol::consolidation::NoticeView> {
        let ids = member.consolidation.notices(None, usize::MAX);
        let views = ids.iter().filter_map(|id| member.consolidation.notice(id));
        views.filter(|view| view.state == NoticeState::Open).collect()
    }

    /// What must hold in the end.
    fn judge(&mut self, seed: u64) {
        let dishonest = self.twin_of.is_some();
        let digests: BTreeSet<Hash> =
            self.running.iter_mut().flatten().map(|member| member.consolidation.state_digest()).collect();
        assert!(dishonest || digests.len() == 1, "seed {seed}: {} state digests", digests.len());
        for member in self.honest() {
            self.judge_entries(seed, member);
            let notices = self.open_notices(member);
            let mut pairs = BTreeSet::new();
            for notice in &notices {
                let case =
                    notice.originators.iter().find_map(|stands| member.consolidation.case_of(&stands.entry));
                let anchor = case.map(|case| case.anchor).unwrap_or_else(|| notice.anchor.clone());
                let once = pairs.insert((notice.recipient.clone(), anchor));
                assert!(dishonest || once, "seed {seed}: two open notices for one case and recipient");
            }
        }
    }

    fn judge_entries(&self, seed: u64, member: &Member) {
        let mut found = BTreeMap::new();
        for log in self.common() {
            for leaf in &member.disk.logs[&log].leaves {
                let Leaf::Entry(bytes) = leaf else { continue };
                let envelope = concert_protocol::entry::Envelope::open(bytes).expect("an entry");
                let entry = concert_protocol::entry::Entry::decode(&envelope).expect("an entry");
                found.insert(entry.reference(), entry.body);
            }
        }
        for name in self.acknowledged.keys() {
            assert!(found.contains_key(name), "seed {seed}: {name} was acknowledged and is lost");
        }
        for (name, order) in self.orders.iter().filter(|(name, _)| self.acknowledged.contains_key(name)) {
            assert_eq!(found.get(name), Some(order), "seed {seed}: an order did not come through as written");
        }
    }
}
