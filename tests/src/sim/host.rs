// SPDX-License-Identifier: EUPL-1.2
//! One machine: a real replica over a simulated disk, and the consolidation of what it stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_protocol::consolidation::{Consolidation, Position};
use concert_protocol::content::LocatorRules;
use concert_protocol::entry::Entry;
use concert_protocol::log::{Checkpoint, Hash, SignedNote, leaf_hash, prove_consistency, sign_checkpoint};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::sync::{
    ConsistencyRequest, Input, Leaf, RangeRequest, Replica, ReplicaConfig, StoredLog, consistency_frame,
    range_frame, refused_frame,
};
use concert_protocol::time::Timestamp;

use super::disk::Disk;
use super::federation::{BEGIN, Federation};
use super::network::{ConnectionId, Host as Number};
use super::words::Memory;

/// Entries whose signature was checked, by log, index and leaf: every member comes to the same answer.
pub(super) type Checked = BTreeMap<(LogId, u64, Hash), Option<Arc<Entry>>>;

/// What runs between a start and a stop.
pub(super) struct Running {
    /// The state machine under test.
    pub(super) replica: Replica,
    /// What it makes of the entries.
    pub(super) consolidation: Consolidation,
    /// Entries applied, by log.
    pub(super) applied: BTreeMap<LogId, u64>,
    /// When it started, by its own clock.
    pub(super) started: Timestamp,
}

/// One machine.
pub(super) struct Host {
    /// Its number.
    pub(super) number: Number,
    /// The member's position.
    pub(super) member: usize,
    /// The member.
    pub(super) me: MemberId,
    /// The member's log.
    pub(super) log: LogId,
    /// What survives a stop.
    pub(super) disk: Disk,
    /// What does not.
    pub(super) running: Option<Running>,
    /// Starts so far.
    pub(super) boot: u64,
    /// Its clock less the true time, in microseconds.
    pub(super) offset: i64,
    /// Connections by peer.
    pub(super) sessions: BTreeMap<MemberId, ConnectionId>,
    /// What its officers remember of what they wrote.
    pub(super) memory: Memory,
    /// An old copy of its disk.
    pub(super) backup: Option<Box<Disk>>,
    /// It was restored from one since.
    pub(super) restored: bool,
    /// Number of the timer that counts.
    pub(super) timer: u64,
    /// Sizes at which logs were frozen.
    pub(super) frozen_at: BTreeMap<LogId, u64>,
    /// Largest durable sizes seen.
    pub(super) durable: BTreeMap<LogId, u64>,
}

/// How far an append to the own log came when the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// It did not fail.
    Stays,
    /// It failed after this many steps.
    FailsAfter(u32),
}

impl Host {
    /// A machine that was never started.
    pub(super) fn new(number: Number, member: usize, federation: &Federation) -> Self {
        Self {
            number,
            member,
            me: federation.members[member].clone(),
            log: federation.log(member),
            disk: Disk::default(),
            running: None,
            boot: 0,
            offset: 0,
            sessions: BTreeMap::new(),
            memory: Memory::default(),
            backup: None,
            restored: false,
            timer: 0,
            frozen_at: BTreeMap::new(),
            durable: BTreeMap::new(),
        }
    }

    /// What its clock says.
    pub(super) fn clock(&self, now: u64) -> Timestamp {
        Timestamp::from_micros(BEGIN * 1_000_000 + now as i64 + self.offset)
    }

    /// Starts it on what is on its disk.
    ///
    /// # Errors
    ///
    /// What the disk lost of the own log, or evidence that no longer holds.
    pub(super) fn start(
        &mut self,
        now: u64,
        federation: &Federation,
        rules: &Arc<LocatorRules>,
        checked: &mut Checked,
    ) -> Result<(), String> {
        self.boot += 1;
        self.disk.open_own(&self.log.clone())?;
        let at = self.clock(now);
        // The operator's manual: a disk that was restored is said to be one.
        let config = ReplicaConfig { own_head_from_everybody: self.restored, ..ReplicaConfig::default() };
        let stored = self.disk.logs.iter().map(|(log, disk)| StoredLog {
            log: log.clone(),
            frontier: disk.frontier(),
            head: disk.note().cloned(),
            own: *log == self.log,
        });
        let cosigner = federation.keys[self.member].cosigner.clone();
        let stored = stored.collect();
        let mut replica =
            Replica::new(config, federation.roster.clone(), self.me.clone(), cosigner, stored, at);
        for (log, evidence) in &self.disk.evidence {
            let input = Input::Convicted { log: log.clone(), evidence: evidence.clone() };
            replica.handle(at, input).map_err(|fault| fault.to_string())?;
            if !replica.log_status(log).is_some_and(|status| status.frozen) {
                return Err(format!("{}: kept evidence against {log} does not freeze it", self.me));
            }
        }
        let mut consolidation = Consolidation::new(rules.clone());
        consolidation.set_coordinators(federation.roster.coordinators().to_vec());
        self.running = Some(Running { replica, consolidation, applied: BTreeMap::new(), started: at });
        for log in self.disk.logs.keys().cloned().collect::<Vec<_>>() {
            self.apply(&log, federation, checked);
        }
        Ok(())
    }

    /// Applies what is durable and was not applied.
    pub(super) fn apply(&mut self, log: &LogId, federation: &Federation, checked: &mut Checked) {
        let Some(running) = self.running.as_mut() else { return };
        let Some(disk) = self.disk.logs.get(log) else { return };
        let applied = running.applied.entry(log.clone()).or_default();
        while *applied < disk.synced() {
            let index = *applied;
            *applied += 1;
            if let Some(Leaf::Entry(bytes)) = disk.record(index) {
                let leaf = leaf_hash(bytes);
                if let Some(entry) = check(log, index, leaf, bytes, federation, checked) {
                    let position = Position { log: log.clone(), index, leaf };
                    running.consolidation.apply(position, &entry);
                }
            }
        }
    }

    /// Signs the own log as it stands, in the order of RELIABILITY c.9; the entries are appended first.
    ///
    /// Returns the checkpoint, unless the power fails on the way.
    ///
    /// # Errors
    ///
    /// What would have been signed against what was signed before.
    pub(super) fn append(
        &mut self,
        entries: &[Vec<u8>],
        federation: &Federation,
        power: Power,
    ) -> Result<Option<SignedNote>, String> {
        let fails = |step: u32| power == Power::FailsAfter(step);
        let leaves: Vec<Leaf> = entries.iter().cloned().map(Leaf::Entry).collect();
        let log = self.disk.log(&self.log);
        let before = log.frontier();
        log.append(&leaves);
        if fails(0) {
            return Ok(None);
        }
        log.sync();
        if fails(1) {
            return Ok(None);
        }
        let mut read_back = before;
        leaves.iter().for_each(|leaf| read_back.push(leaf.hash()));
        let (size, root) = (log.size(), read_back.root());
        let signed = self.disk.signed.advance(size, root).map_err(|error| format!("{}: {error}", self.me))?;
        self.disk.signed = signed;
        if fails(2) {
            return Ok(None);
        }
        self.disk.sync_signed();
        if fails(3) {
            return Ok(None);
        }
        let origin = self.log.origin(federation.roster.federation());
        let checkpoint = Checkpoint::new(origin, size, root).map_err(|error| error.to_string())?;
        let note = sign_checkpoint(&checkpoint, &federation.keys[self.member].signing)
            .map_err(|error| error.to_string())?;
        let log = self.disk.log(&self.log);
        log.keep_note(note.to_bytes());
        if fails(4) {
            return Ok(None);
        }
        log.sync();
        Ok(if fails(5) { None } else { Some(note) })
    }

    /// Answers a request for leaves as the node does, with at most `most` leaves.
    pub(super) fn serve(&self, request: &RangeRequest, federation: &Federation, most: usize) -> Vec<u8> {
        self.range(request, federation, most).unwrap_or_else(|| refused_frame(request.id))
    }

    fn range(&self, request: &RangeRequest, federation: &Federation, most: usize) -> Option<Vec<u8>> {
        let status = self.running.as_ref()?.replica.log_status(&request.log)?;
        let disk = self.disk.logs.get(&request.log)?;
        let (head, note) = (status.proven_size, status.proven_note?);
        if request.from >= head || disk.size() < head {
            return None;
        }
        let mut leaves = Vec::new();
        let mut bytes = 0;
        for index in request.from..head {
            let leaf = match disk.record(index)? {
                Leaf::Entry(entry) => match concert_protocol::entry::address_of(entry) {
                    Some((author, audience))
                        if !audience.admits(&request.to, &author, federation.roster.coordinators()) =>
                    {
                        Leaf::Withheld(leaf_hash(entry))
                    }
                    _ => Leaf::Entry(entry.clone()),
                },
                withheld => withheld.clone(),
            };
            bytes += leaf.len();
            let full = leaves.len() >= request.count_max.min(most) || bytes > request.bytes_max;
            if full && !leaves.is_empty() {
                break;
            }
            leaves.push(leaf);
        }
        let through = request.from + leaves.len() as u64;
        let path =
            if through < head { prove_consistency(through, head, disk.hashes()).ok()? } else { Vec::new() };
        Some(range_frame(request, leaves, &note, path))
    }

    /// Answers a request for a proof as the node does.
    pub(super) fn prove(&self, request: &ConsistencyRequest) -> Vec<u8> {
        let proof = || {
            let disk = self.disk.logs.get(&request.log).filter(|disk| disk.size() >= request.new)?;
            let path = prove_consistency(request.old, request.new, disk.hashes()).ok()?;
            Some(consistency_frame(request, disk.root(request.old), path))
        };
        proof().unwrap_or_else(|| refused_frame(request.id))
    }
}

/// Checks an entry as every member does; the answer is the same for all.
pub(super) fn check(
    log: &LogId,
    index: u64,
    leaf: Hash,
    bytes: &[u8],
    federation: &Federation,
    checked: &mut Checked,
) -> Option<Arc<Entry>> {
    let verify = || {
        let key = |id: &concert_protocol::entry::KeyId| {
            federation.roster.signing_key(log, index, &id.fingerprint).cloned()
        };
        Entry::verify(bytes, &log.member, key).ok().map(Arc::new)
    };
    checked.entry((log.clone(), index, leaf)).or_insert_with(verify).clone()
}
