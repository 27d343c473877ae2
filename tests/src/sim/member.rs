// SPDX-License-Identifier: EUPL-1.2
//! One simulated member: the real replica and consolidation, driven as the node's core and projection drive them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use concert_protocol::consolidation::{Consolidation, IssueContext, Position};
use concert_protocol::content::LocatorRules;
use concert_protocol::entry::referral::Tier;
use concert_protocol::entry::{Audience, Body, Entry, EntryId, EntryRef, NewEntry, Nonce};
use concert_protocol::key::SecretKey;
use concert_protocol::log::{Checkpoint, SignedNote, leaf_hash, prove_consistency, root_at, sign_checkpoint};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use concert_protocol::sync::{
    Alarm, Effect, Input, Leaf, Replica, ReplicaConfig, consistency_frame, range_frame, refused_frame,
};
use concert_protocol::time::Timestamp;

use super::disk::Disk;
use super::rng::Rng;

/// Keys and name; survive everything.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) member: MemberId,
    pub(super) log: LogId,
    pub(super) signing: SecretKey,
    pub(super) cosigner: SecretKey,
}

/// What a member does to the outside while its effects are carried out.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) frames: Vec<(MemberId, Vec<u8>)>,
    pub(super) disconnects: Vec<MemberId>,
    pub(super) alarms: Vec<Alarm>,
    /// The member crashed in the middle.
    pub(super) crashed: bool,
}

/// A running member.
pub(super) struct Member {
    pub(super) identity: Identity,
    pub(super) roster: Arc<Roster>,
    pub(super) disk: Disk,
    pub(super) replica: Replica,
    pub(super) consolidation: Consolidation,
    applied: BTreeMap<LogId, u64>,
    /// Chance in percent that a write is cut short by a crash.
    pub(super) crash_percent: u64,
}

impl Member {
    /// Starts on a disk, as the node does: the unsigned tail of the own log is cut, everything else is read again.
    pub(super) fn start(
        identity: Identity,
        roster: Arc<Roster>,
        rules: &Arc<LocatorRules>,
        mut disk: Disk,
        restored: bool,
        now: Timestamp,
    ) -> Self {
        let signed = disk.signed.size;
        let own = disk.logs.get_mut(&identity.log).expect("every member has its own log");
        if own.size() > signed {
            own.truncate(signed);
        }
        let own_head_wait = Duration::from_secs(2);
        let config =
            ReplicaConfig { own_head_wait, own_head_from_everybody: restored, ..ReplicaConfig::default() };
        let stored = disk.stored_logs(&identity.log);
        let (me, cosigner) = (identity.member.clone(), identity.cosigner.clone());
        let replica = Replica::new(config, roster.clone(), me, cosigner, stored, now);
        let mut consolidation = Consolidation::new(rules.clone());
        consolidation.set_coordinators(roster.coordinators().to_vec());
        let mut member = Self {
            identity,
            roster,
            disk,
            replica,
            consolidation,
            applied: BTreeMap::new(),
            crash_percent: 0,
        };
        member.project();
        member
    }

    pub(super) fn may_sign(&self, now: Timestamp) -> bool {
        let own = &self.disk.logs[&self.identity.log];
        self.replica.may_sign_own(now) && own.size() >= self.disk.signed.size
    }

    /// Hands an input to the replica and carries out what it wants. Faults are the sender's; the replica asks to be
    /// disconnected from it.
    pub(super) fn take(&mut self, now: Timestamp, input: Input, rng: &mut Rng, out: &mut Outbox) {
        let _ = self.replica.handle(now, input);
        self.drain(now, rng, out);
    }

    pub(super) fn tick(&mut self, now: Timestamp, rng: &mut Rng, out: &mut Outbox) {
        self.replica.handle_timeout(now);
        self.drain(now, rng, out);
        let own = &self.disk.logs[&self.identity.log];
        let head = self.replica.log_status(&self.identity.log).map_or(0, |status| status.head_size);
        if !out.crashed && head < own.size() && self.may_sign(now) {
            // It stopped between remembering what it signs and signing it: the same is signed now.
            let from = own.size();
            let note = self.sign();
            self.take(now, Input::OwnAdvanced { note, from, leaves: Vec::new() }, rng, out);
        }
    }

    /// Signs the own log as it stands and keeps the checkpoint; the signed state is durable already.
    fn sign(&mut self) -> SignedNote {
        let disk = self.disk.logs.get_mut(&self.identity.log).expect("own log");
        let origin = self.identity.log.origin(self.roster.federation());
        let checkpoint = Checkpoint::new(origin, disk.size(), disk.frontier.root()).expect("a checkpoint");
        let note = sign_checkpoint(&checkpoint, &self.identity.signing).expect("signs");
        disk.head = Some(note.to_bytes());
        note
    }

    fn drain(&mut self, now: Timestamp, rng: &mut Rng, out: &mut Outbox) {
        while let Some(effect) = self.replica.poll_effect() {
            match effect {
                Effect::Send { to, frame } => out.frames.push((to, frame)),
                Effect::Store { log, from, leaves, head } => {
                    let disk = self.disk.logs.get_mut(&log).expect("the roster's logs are on the disk");
                    assert_eq!(disk.size(), from, "a range is stored where the log ends");
                    disk.head = Some(head);
                    let crash = rng.percent(self.crash_percent);
                    let kept = if crash { rng.index(leaves.len() + 1) } else { leaves.len() };
                    for leaf in leaves.into_iter().take(kept) {
                        disk.push(leaf);
                    }
                    if crash {
                        out.crashed = true;
                        return;
                    }
                    let size = disk.size();
                    if log == self.identity.log {
                        let root = disk.frontier.root();
                        self.disk.signed =
                            self.disk.signed.advance(size, root).expect("own entries come back as signed");
                    }
                    let _ = self.replica.handle(now, Input::Stored { log, size });
                    self.project();
                }
                Effect::StoreHead { log, head } => {
                    self.disk.logs.get_mut(&log).expect("the roster's logs are on the disk").head =
                        Some(head);
                }
                Effect::Serve(request) => {
                    let frame = self.range(&request).unwrap_or_else(|| refused_frame(request.id));
                    out.frames.push((request.to, frame));
                }
                Effect::ServeConsistency(request) => {
                    let disk = &self.disk.logs[&request.log];
                    let proof = prove_consistency(request.old, request.new, disk.hashes.as_slice());
                    let root = root_at(request.old.min(disk.size()), disk.hashes.as_slice());
                    let frame = match (proof, root) {
                        (Ok(path), Ok(root)) if request.new <= disk.size() => {
                            consistency_frame(&request, root, path)
                        }
                        _ => refused_frame(request.id),
                    };
                    out.frames.push((request.to, frame));
                }
                Effect::Raise(alarm) => out.alarms.push(alarm),
                Effect::Disconnect { peer, .. } => out.disconnects.push(peer),
            }
        }
    }

    fn range(&self, request: &concert_protocol::sync::RangeRequest) -> Option<Vec<u8>> {
        let disk = self.disk.logs.get(&request.log)?;
        let status = self.replica.log_status(&request.log)?;
        let head = status.proven_size;
        if request.from >= head {
            return None;
        }
        let leaves: Vec<Leaf> = disk.leaves[request.from as usize..head as usize]
            .iter()
            .take(request.count_max)
            .cloned()
            .collect();
        let through = request.from + leaves.len() as u64;
        let path = match through < head {
            true => prove_consistency(through, head, disk.hashes.as_slice()).ok()?,
            false => Vec::new(),
        };
        Some(range_frame(request, leaves, &status.proven_note?, path))
    }

    /// Appends to the own log in the order of RELIABILITY c.9; any step may be the last before a crash. Returns the
    /// names of what was acknowledged.
    pub(super) fn author(
        &mut self,
        now: Timestamp,
        bodies: Vec<Body>,
        rng: &mut Rng,
        out: &mut Outbox,
    ) -> Vec<(EntryRef, u64)> {
        if !self.may_sign(now) {
            return Vec::new();
        }
        let mut names = Vec::new();
        let mut leaves = Vec::new();
        for body in bodies {
            let new = NewEntry {
                id: EntryId::new(now, rng.bytes()),
                author: self.identity.member.clone(),
                at: now,
                nonce: Nonce::new(rng.bytes()),
                audience: Audience::MEMBERS,
                body,
            };
            let signed = new.sign(&self.identity.signing).expect("the simulation's own words keep the rules");
            names.push(signed.entry.reference());
            leaves.push(signed.bytes);
        }
        let disk = self.disk.logs.get_mut(&self.identity.log).expect("own log");
        let from = disk.size();
        let crash = rng.percent(self.crash_percent).then(|| rng.below(3));
        let kept = if crash == Some(0) { rng.index(leaves.len() + 1) } else { leaves.len() };
        for leaf in leaves.iter().take(kept) {
            disk.push(Leaf::Entry(leaf.clone()));
        }
        if crash == Some(0) {
            out.crashed = true;
            return Vec::new();
        }
        let (size, root) = (disk.size(), disk.frontier.root());
        self.disk.signed =
            self.disk.signed.advance(size, root).expect("an honest member never signs two faces");
        if crash == Some(1) {
            out.crashed = true;
            return Vec::new();
        }
        let note = self.sign();
        if crash == Some(2) {
            out.crashed = true;
            return Vec::new();
        }
        self.take(now, Input::OwnAdvanced { note, from, leaves }, rng, out);
        if !out.crashed {
            self.project();
        }
        // Durable and signed, so acknowledged even if something else crashed it since.
        names.into_iter().zip(from..).collect()
    }

    /// Applies what is stored and not yet applied.
    fn project(&mut self) {
        for (log, disk) in &self.disk.logs {
            let applied = self.applied.entry(log.clone()).or_default();
            while *applied < disk.size() {
                let index = *applied;
                *applied += 1;
                let Leaf::Entry(bytes) = &disk.leaves[index as usize] else { continue };
                let key = |id: &concert_protocol::entry::KeyId| {
                    self.roster.signing_key(log, index, &id.fingerprint).cloned()
                };
                if let Ok(entry) = Entry::verify(bytes, &log.member, key) {
                    let position = Position { log: log.clone(), index, leaf: leaf_hash(bytes) };
                    self.consolidation.apply(position, &entry);
                }
            }
        }
        self.consolidation.settle();
    }

    /// The notices that should exist, when it is this member's turn.
    pub(super) fn due(&mut self, now: Timestamp, started: Timestamp) -> Vec<Body> {
        self.consolidation.advance(now);
        let coordinators = self.roster.coordinators();
        let Some(rank) = coordinators.iter().position(|member| *member == self.identity.member) else {
            return Vec::new();
        };
        if !self.may_sign(now) {
            return Vec::new();
        }
        let silent = coordinators[..rank].iter().all(|earlier| {
            let log = LogId::first(earlier.clone());
            let heard = self.replica.log_status(&log).and_then(|status| status.author_time);
            now.since(heard.unwrap_or(started)) > Duration::from_secs(180)
        });
        let may_issue = |tier: Tier| rank == 0 || (silent && tier.is_urgent());
        let context = IssueContext {
            me: self.identity.member.clone(),
            now,
            epoch: self.roster.epoch(),
            may_issue: &may_issue,
            answer_window: Duration::from_secs(86_400),
        };
        self.consolidation.due(&context, 50).into_iter().map(|due| due.body).collect()
    }
}
