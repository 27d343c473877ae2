// SPDX-License-Identifier: EUPL-1.2
//! A few replicas on a table: every frame is carried by hand, so that each test decides what is lost, late or forged.

mod fetch;
mod forks;
mod hostile;
mod own;
mod relay;
mod roster;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::key::SecretKey;
use crate::log::{
    Checkpoint, Frontier, Hash, SignedNote, cosign, prove_consistency, root_at, sign_checkpoint,
};
use crate::member::{LogId, MemberId};
use crate::roster::{Anchor, RootKeys, Roster, RosterMember, RosterVersion, SignedRoster};
use crate::time::Timestamp;

const BEGIN: i64 = 1_795_334_400;
const FEDERATION: &str = "concert.example";

fn id(code: &str) -> MemberId {
    code.parse().expect("a member")
}

fn log(name: &str) -> LogId {
    name.parse().expect("a log")
}

fn key(code: &str, purpose: &str) -> SecretKey {
    let mut seed = [0x77; 32];
    let label = format!("{code} {purpose}");
    seed[..label.len()].copy_from_slice(label.as_bytes());
    SecretKey::from_seed(&seed)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(BEGIN).plus(Duration::from_secs(seconds))
}

/// The first of `codes` coordinates.
fn version(codes: &[&str]) -> RosterVersion {
    let root = RootKeys { keys: vec![key("root", "root").public()], threshold: 1 };
    let expires = Timestamp::from_seconds(BEGIN + 1_000_000_000);
    let mut version = RosterVersion::new(FEDERATION.parse().expect("a name"), at(0), expires, root);
    let member = |code: &&str| {
        let public = |purpose: &str| key(code, purpose).public();
        let name = format!("Unit {code}").parse().expect("a name");
        RosterMember::new(id(code), name, public("transport"), public("cosigner"), public("log"))
    };
    version.members = codes.iter().map(member).collect();
    version.set_coordinators(vec![id(codes[0])]);
    version
}

fn trust(version: &RosterVersion) -> Arc<Roster> {
    let signed = SignedRoster::sign(version, &[&key("root", "root")]).expect("a valid version");
    let anchor = Anchor::Digest(signed.digest());
    Arc::new(Roster::found(signed, &anchor).expect("a version that founds"))
}

/// One history of one log.
#[derive(Clone, Default)]
struct Tree {
    leaves: Vec<Leaf>,
    hashes: Vec<Hash>,
}

impl Tree {
    /// Leaves with these texts.
    fn of(texts: impl IntoIterator<Item = String>) -> Self {
        let mut tree = Self::default();
        texts.into_iter().for_each(|text| tree.push(Leaf::Entry(text.into_bytes())));
        tree
    }

    /// `count` leaves; those from `fork` on differ from those of another `branch`.
    fn branch(count: u64, fork: u64, branch: &str) -> Self {
        Self::of((0..count).map(|n| if n < fork { format!("entry {n}") } else { format!("{branch} {n}") }))
    }

    fn plain(count: u64) -> Self {
        Self::branch(count, count, "")
    }

    fn push(&mut self, leaf: Leaf) {
        let mut frontier = self.frontier(self.size());
        frontier.push_with(leaf.hash(), |hash| self.hashes.push(hash));
        self.leaves.push(leaf);
    }

    fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn frontier(&self, size: u64) -> Frontier {
        crate::log::frontier_at(size, &self.hashes).expect("stored")
    }

    fn root(&self, size: u64) -> Hash {
        root_at(size, &self.hashes).expect("stored")
    }

    fn path(&self, old: u64, new: u64) -> Vec<Hash> {
        prove_consistency(old, new, &self.hashes).expect("stored")
    }

    /// Its checkpoint over the first `size` leaves.
    fn note(&self, of: &str, size: u64) -> SignedNote {
        let log = log(of);
        let checkpoint = self.checkpoint(of, size);
        sign_checkpoint(&checkpoint, &key(log.member.as_str(), "log")).expect("signed")
    }

    fn checkpoint(&self, of: &str, size: u64) -> Checkpoint {
        Checkpoint::new(log(of).origin(FEDERATION), size, self.root(size)).expect("a checkpoint")
    }

    /// The same with cosignatures of `by` at `seconds`.
    fn cosigned(&self, of: &str, size: u64, by: &[&str], seconds: u64) -> Vec<u8> {
        let mut note = self.note(of, size);
        for member in by {
            let name = crate::log::cosigner_name(FEDERATION, &id(member));
            let time = BEGIN as u64 + seconds;
            let line =
                cosign(&self.checkpoint(of, size), &name, &key(member, "cosigner"), time).expect("cosigned");
            note = note.with_signature(line).expect("a note");
        }
        note.to_bytes()
    }

    fn hint(&self, of: &str, size: u64, from: u64) -> Frame {
        let leaves = self.leaves[from as usize..size as usize].to_vec();
        Frame::Hint { log: log(of), note: self.note(of, size).to_bytes(), from, leaves }
    }

    fn bare(&self, of: &str, size: u64) -> Frame {
        Frame::Hint { log: log(of), note: self.note(of, size).to_bytes(), from: 0, leaves: Vec::new() }
    }

    /// Leaves `from..to` under the checkpoint of `size`.
    fn range(&self, request: u64, of: &str, (from, to): (u64, u64), size: u64) -> Frame {
        Frame::Range {
            id: request,
            log: log(of),
            from,
            leaves: self.leaves[from as usize..to as usize].to_vec(),
            note: self.note(of, size).to_bytes(),
            path: if to < size { self.path(to, size) } else { Vec::new() },
        }
    }

    fn summary(&self, of: &str, size: u64) -> SummaryLine {
        SummaryLine { log: log(of), stored: size, head: size, root: self.root(size), author_time: 0 }
    }

    fn held(&self, of: &str, size: u64) -> HeldLine {
        HeldLine { log: log(of), size, root: self.root(size), confirmed: 0 }
    }
}

/// One replica with its disk.
struct Node {
    me: MemberId,
    replica: Replica,
    disk: BTreeMap<LogId, Tree>,
    notes: BTreeMap<LogId, Vec<u8>>,
    now: Timestamp,
    roster: Arc<Roster>,
    /// Frames to send, oldest first.
    out: VecDeque<(MemberId, Frame)>,
    alarms: Vec<Alarm>,
    dropped: Vec<(MemberId, PeerFault)>,
    serves: Vec<RangeRequest>,
    /// Whether writes succeed and are reported at once.
    writes: bool,
}

impl Node {
    fn new(code: &str, roster: &Arc<Roster>) -> Self {
        Self::over(code, roster, BTreeMap::new(), BTreeMap::new())
    }

    fn over(
        code: &str,
        roster: &Arc<Roster>,
        disk: BTreeMap<LogId, Tree>,
        notes: BTreeMap<LogId, Vec<u8>>,
    ) -> Self {
        Self::with(ReplicaConfig::default(), code, roster, disk, notes)
    }

    fn with(
        config: ReplicaConfig,
        code: &str,
        roster: &Arc<Roster>,
        disk: BTreeMap<LogId, Tree>,
        notes: BTreeMap<LogId, Vec<u8>>,
    ) -> Self {
        let me = id(code);
        let stored = disk.iter().map(|(log, tree)| StoredLog {
            log: log.clone(),
            frontier: tree.frontier(tree.size()),
            head: notes.get(log).cloned(),
            own: log.member == me,
        });
        let cosigner = key(code, "cosigner");
        let replica = Replica::new(config, roster.clone(), me.clone(), cosigner, stored.collect(), at(0));
        Self {
            me,
            replica,
            disk,
            notes,
            now: at(0),
            roster: roster.clone(),
            out: VecDeque::new(),
            alarms: Vec::new(),
            dropped: Vec::new(),
            serves: Vec::new(),
            writes: true,
        }
    }

    /// A node with `tree` as its copy of a log, under a checkpoint over all of it.
    fn holding(code: &str, roster: &Arc<Roster>, of: &str, tree: &Tree) -> Self {
        let note = tree.note(of, tree.size()).to_bytes();
        Self::over(code, roster, [(log(of), tree.clone())].into(), [(log(of), note)].into())
    }

    /// The same disk, a new process.
    fn restarted(self) -> Self {
        let code = self.me.as_str().to_owned();
        let mut node = Self::over(&code, &self.roster, self.disk, self.notes);
        node.now = self.now;
        node
    }

    fn input(&mut self, input: Input) -> Result<(), PeerFault> {
        let result = self.replica.handle(self.now, input);
        self.drain();
        result
    }

    fn connect(&mut self, peer: &str) {
        self.input(Input::Connected(id(peer))).expect("a member");
    }

    /// A frame comes.
    fn get(&mut self, from: &str, frame: Frame) {
        let bytes = frame.encode();
        let _ = self.input(Input::Frame { from: id(from), bytes });
    }

    /// Time passes, with every timer in its turn.
    fn wait(&mut self, seconds: u64) {
        let end = self.now.plus(Duration::from_secs(seconds));
        while let Some(next) = self.replica.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.replica.handle_timeout(self.now);
            self.drain();
            // A deadline that is over must be dealt with, or the driver would spin.
            assert!(self.replica.poll_timeout().is_none_or(|next| next > self.now), "{:?} spins", self.me);
        }
        self.now = end;
        self.replica.handle_timeout(end);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.replica.poll_effect() {
            match effect {
                Effect::Send { to, frame } => {
                    let frame = Frame::decode(&frame).expect("what is sent is a frame");
                    self.out.push_back((to, frame));
                }
                Effect::Store { log, from, leaves, head } => {
                    let tree = self.disk.entry(log.clone()).or_default();
                    assert_eq!(tree.size(), from, "{log} is stored where it ends");
                    if !self.writes {
                        continue;
                    }
                    leaves.into_iter().for_each(|leaf| tree.push(leaf));
                    let size = tree.size();
                    self.notes.insert(log.clone(), head);
                    self.replica.handle(self.now, Input::Stored { log, size }).expect("our own");
                }
                Effect::StoreHead { log, head } => {
                    self.notes.insert(log, head);
                }
                Effect::Serve(request) => self.serves.push(request),
                Effect::ServeConsistency(request) => {
                    let tree = &self.disk[&request.log];
                    let path = tree.path(request.old, request.new);
                    let frame = consistency_frame(&request, tree.root(request.old), path);
                    self.out.push_back((request.to, Frame::decode(&frame).expect("a frame")));
                }
                Effect::Raise(alarm) => self.alarms.push(alarm),
                Effect::Disconnect { peer, fault } => self.dropped.push((peer, fault)),
            }
        }
    }

    /// Answers every request for leaves, at most `most` at once.
    fn serve(&mut self, most: usize) {
        for request in std::mem::take(&mut self.serves) {
            let status = self.replica.log_status(&request.log);
            let held = status.as_ref().map_or(0, |status| status.proven_size);
            let frame = match (self.disk.get(&request.log), status.and_then(|status| status.proven_note)) {
                (Some(tree), Some(note)) if request.from < held => {
                    let to = held.min(request.from + request.count_max.min(most) as u64);
                    let leaves = tree.leaves[request.from as usize..to as usize].to_vec();
                    let path = if to < held { tree.path(to, held) } else { Vec::new() };
                    range_frame(&request, leaves, &note, path)
                }
                _ => refused_frame(request.id),
            };
            self.out.push_back((request.to, Frame::decode(&frame).expect("a frame")));
        }
    }

    /// Appends to the own log and signs, as a node does that may.
    fn write(&mut self, texts: &[&str]) {
        let log = self.roster.own_log(&self.me).expect("a log");
        let tree = self.disk.entry(log.clone()).or_default();
        let from = tree.size();
        let leaves: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        leaves.iter().for_each(|leaf| tree.push(Leaf::Entry(leaf.clone())));
        let note = tree.note(&log.to_string(), tree.size());
        self.notes.insert(log, note.to_bytes());
        self.input(Input::OwnAdvanced { note, from, leaves }).expect("our own");
    }

    fn status(&self, of: &str) -> LogStatus {
        self.replica.log_status(&log(of)).expect("a log of the roster")
    }

    /// Takes the frames to one peer.
    fn sent(&mut self, to: &str) -> Vec<Frame> {
        let (mine, rest) = self.out.drain(..).partition(|(peer, _)| *peer == id(to));
        self.out = rest;
        VecDeque::into_iter(mine).map(|(_, frame)| frame).collect()
    }

    /// Takes the requests for leaves of a log: number, first index, count.
    fn asked(&mut self, of: &str) -> Vec<(MemberId, u64, u64, u32)> {
        let mut asked = Vec::new();
        self.out.retain(|(to, frame)| match frame {
            Frame::GetRange { id, log: about, from, count_max, .. } if *about == log(of) => {
                asked.push((to.clone(), *id, *from, *count_max));
                false
            }
            _ => true,
        });
        asked
    }

    fn has_alarm(&self, code: &str) -> bool {
        self.alarms.iter().any(|alarm| alarm.code() == code)
    }
}

/// Several nodes with connections between them.
struct Table {
    nodes: BTreeMap<MemberId, Node>,
    frames: usize,
}

impl Table {
    /// Everybody is connected with everybody.
    fn new(codes: &[&str], roster: &Arc<Roster>) -> Self {
        let mut nodes = BTreeMap::new();
        for code in codes {
            nodes.insert(id(code), Node::new(code, roster));
        }
        let mut table = Self { nodes, frames: 0 };
        for one in codes {
            for other in codes.iter().filter(|other| *other != one) {
                table.node(one).connect(other);
            }
        }
        table.settle();
        table
    }

    fn node(&mut self, code: &str) -> &mut Node {
        self.nodes.get_mut(&id(code)).expect("a node")
    }

    /// Carries frames until there are none.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let from = self.nodes.values().find(|node| !node.out.is_empty()).map(|node| node.me.clone());
            let Some(from) = from else { return };
            let Some((to, frame)) = self.nodes.get_mut(&from).and_then(|node| node.out.pop_front()) else {
                return;
            };
            self.frames += 1;
            if let Some(node) = self.nodes.get_mut(&to) {
                node.get(from.as_str(), frame);
                node.serve(usize::MAX);
            }
        }
        panic!("frames go round in a circle");
    }

    /// Time passes for everybody, second by second.
    fn wait(&mut self, seconds: u64) {
        self.wait_quarters(seconds * 4);
    }

    fn wait_quarters(&mut self, quarters: u64) {
        for _ in 0..quarters {
            for node in self.nodes.values_mut() {
                node.now = node.now.plus(Duration::from_millis(250));
                if node.replica.poll_timeout().is_none_or(|next| next <= node.now) {
                    node.replica.handle_timeout(node.now);
                    node.drain();
                }
            }
            self.settle();
        }
    }

    fn connect(&mut self, a: &str, b: &str) {
        self.node(a).connect(b);
        self.node(b).connect(a);
        self.settle();
    }
}
