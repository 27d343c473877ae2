// SPDX-License-Identifier: EUPL-1.2
//! The replica: inputs, effects and time in, decisions out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::key::SecretKey;
use crate::log::{Equivocation, Frontier, Hash, SignedNote, cosign, empty_root};
use crate::member::{LogId, MemberId};
use crate::roster::Roster;
use crate::sync::fault::{Alarm, PeerFault};
use crate::sync::frame::{
    Frame, HINT_BYTES_MAX, HINT_COUNT_MAX, Leaf, RANGE_BYTES_MAX, RANGE_COUNT_MAX, SummaryLine,
};
use crate::sync::head::Head;
use crate::sync::log_state::{BUFFERED_MAX, Chunk, LogState, Shown, Unverified, Verified, convict};
use crate::sync::peer::{Asked, Peer, Request};
use crate::sync::requests::{ConsistencyRequest, RangeRequest};
use crate::time::Timestamp;

/// An answer that takes longer is asked for elsewhere.
const REQUEST_MAX: Duration = Duration::from_secs(20);
/// A peer that refused, was slow or served badly is left alone for a log.
const AVOID: Duration = Duration::from_secs(5);
/// Members other than coordinators pass checkpoints on after gathering for this long.
const RELAY_DELAY: Duration = Duration::from_millis(500);
/// An author not heard of for this long is silent.
const SILENCE: Duration = Duration::from_secs(6 * 60);
/// Clocks that differ by more are reported.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
/// Ranges of one log in flight at once.
const WINDOW: usize = 4;

/// Intervals. All are the operator's; none is agreed between members.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// Between two comparisons of all logs with one peer.
    pub summary_interval: Duration,
    /// After which a fresh cosignature goes under the own log.
    pub checkpoint_interval: Duration,
    /// How long peers are waited for after a start before the own log is signed without having heard any.
    pub own_head_wait: Duration,
    /// The disk is not the last one that this node signed from (a restored backup, a lost memory): every active
    /// member must have told what it has of the own log before anything is signed, or an operator must vouch for it.
    /// What only one of them saw would otherwise be signed a second time, differently.
    pub own_head_from_everybody: bool,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self {
            summary_interval: Duration::from_secs(30),
            checkpoint_interval: Duration::from_secs(120),
            own_head_wait: Duration::from_secs(10),
            own_head_from_everybody: false,
        }
    }
}

/// A log as the driver found it on its disk.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// The log.
    pub log: LogId,
    /// The tree over what is stored.
    pub frontier: Frontier,
    /// The newest checkpoint stored, as a signed note.
    pub head: Option<Vec<u8>>,
    /// This node writes it.
    pub own: bool,
}

/// What happens to a replica.
#[derive(Clone, Debug)]
pub enum Input {
    /// A session with a member began.
    Connected(MemberId),
    /// It ended; what was on the way is lost.
    Disconnected(MemberId),
    /// One frame came.
    Frame {
        /// From whom.
        from: MemberId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// What [`Effect::Store`] asked for is durable.
    Stored {
        /// The log.
        log: LogId,
        /// Its size now.
        size: u64,
    },
    /// It could not be written, for want of space; it will be fetched again.
    StoreFailed {
        /// The log.
        log: LogId,
    },
    /// The node durably appended to its own log and signed it.
    OwnAdvanced {
        /// The new checkpoint.
        note: SignedNote,
        /// Index of the first new entry.
        from: u64,
        /// The new entries.
        leaves: Vec<Vec<u8>>,
    },
    /// Another roster version is in force.
    RosterChanged(Arc<Roster>),
    /// People decided that a frozen log goes on.
    Unfreeze(LogId),
    /// An operator's word that the own log is complete.
    TrustOwnLog,
}

/// What a replica wants done. Drained after every input, in order.
#[derive(Clone, Debug)]
#[must_use]
pub enum Effect {
    /// Hand one frame to the transport; delivery is best effort.
    Send {
        /// To whom.
        to: MemberId,
        /// The bytes.
        frame: Vec<u8>,
    },
    /// Write the checkpoint durably, then the leaves, then report [`Input::Stored`]. Nothing is told to anybody about
    /// them before. In this order: leaves whose checkpoint was lost could not be proved to anybody, their author
    /// included.
    Store {
        /// The log.
        log: LogId,
        /// Index of the first leaf; equals the log's size on the disk.
        from: u64,
        /// The leaves.
        leaves: Vec<Leaf>,
        /// The newest checkpoint known; it covers them.
        head: Vec<u8>,
    },
    /// Keep the newest checkpoint with newer cosignatures.
    StoreHead {
        /// The log.
        log: LogId,
        /// The note.
        head: Vec<u8>,
    },
    /// Read leaves and send [`crate::sync::range_frame`], obeying audiences.
    Serve(RangeRequest),
    /// Prove and send [`crate::sync::consistency_frame`].
    ServeConsistency(ConsistencyRequest),
    /// Tell the operator.
    Raise(Alarm),
    /// End the session with a peer that broke a rule.
    Disconnect {
        /// Who.
        peer: MemberId,
        /// Why.
        fault: PeerFault,
    },
}

/// One log, for people and for other modules.
#[derive(Clone, Debug, PartialEq)]
pub struct LogStatus {
    /// Entries stored durably here.
    pub stored: u64,
    /// Size of the newest checkpoint known.
    pub head_size: u64,
    /// Its root.
    pub head_root: Option<Hash>,
    /// The note with every cosignature that holds.
    pub head_note: Option<Vec<u8>>,
    /// Size of the newest checkpoint whose entries are all here; ranges are served under it.
    pub proven_size: u64,
    /// That checkpoint's note.
    pub proven_note: Option<Vec<u8>>,
    /// Who cosigned it, and when.
    pub cosigners: Vec<(MemberId, Timestamp)>,
    /// The newest time that the author put under it.
    pub author_time: Option<Timestamp>,
    /// Largest size known to be on enough machines.
    pub confirmed: u64,
    /// Frozen after an equivocation.
    pub frozen: bool,
}

/// The replication state machine of one node.
///
/// The driver's contract: call [`Replica::handle`] for every input and [`Replica::handle_timeout`] when
/// [`Replica::poll_timeout`] has passed; after each, drain [`Replica::poll_effect`] and carry the effects out in order.
/// `Store` must be durable before `Stored` is reported, and at most one is outstanding per log. Time may stand still
/// but is never taken back by more than the timers can bear: a step back only delays them.
pub struct Replica {
    config: ReplicaConfig,
    roster: Arc<Roster>,
    me: MemberId,
    cosigner: SecretKey,
    logs: BTreeMap<LogId, LogState>,
    peers: BTreeMap<MemberId, Peer>,
    effects: VecDeque<Effect>,
    next_request: u64,
    started: Timestamp,
    next_own: Timestamp,
    /// Members that told since the start where they see the own log.
    own_heard: BTreeSet<MemberId>,
    /// An operator vouched for the own log.
    own_vouched: bool,
    amnesia_raised: bool,
    skew_raised: BTreeSet<MemberId>,
    /// Round robin over logs, so that a long one does not starve the others.
    turn: usize,
}

impl Replica {
    /// A replica over what is on the disk.
    pub fn new(
        config: ReplicaConfig,
        roster: Arc<Roster>,
        me: MemberId,
        cosigner: SecretKey,
        logs: Vec<StoredLog>,
        now: Timestamp,
    ) -> Self {
        let mut states = BTreeMap::new();
        for stored in logs {
            let mut state = LogState::new(stored.log.clone(), stored.own, stored.frontier);
            if let Some(note) = stored.head {
                // What does not open any more (a key was revoked meanwhile) is fetched again from peers.
                let _ = state.show(&roster, &note);
                state.prove();
                let confirmed =
                    state.is_complete() && state.head.as_ref().is_some_and(|head| head.is_confirmed(&roster));
                state.confirmed = if confirmed { state.head_size() } else { 0 };
            }
            states.insert(stored.log, state);
        }
        let mut replica = Self {
            next_own: now,
            config,
            roster,
            me,
            cosigner,
            logs: states,
            peers: BTreeMap::new(),
            effects: VecDeque::new(),
            next_request: 0,
            started: now,
            own_heard: BTreeSet::new(),
            own_vouched: false,
            amnesia_raised: false,
            skew_raised: BTreeSet::new(),
            turn: 0,
        };
        replica.open_new_logs();
        replica
    }

    fn open_new_logs(&mut self) {
        for log in self.roster.logs() {
            let own = log.member == self.me;
            self.logs.entry(log.clone()).or_insert_with(|| LogState::new(log.clone(), own, Frontier::new()));
        }
    }

    /// Takes one input.
    ///
    /// # Errors
    ///
    /// [`PeerFault`] when a peer broke a rule; a matching [`Effect::Disconnect`] is among the effects.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<(), PeerFault> {
        match input {
            Input::Connected(peer) => self.on_connected(now, peer),
            Input::Disconnected(peer) => {
                self.peers.remove(&peer);
                self.schedule(now);
                Ok(())
            }
            Input::Frame { from, bytes } => self.on_frame(now, from, &bytes),
            Input::Stored { log, size } => {
                self.on_stored(now, &log, size);
                Ok(())
            }
            Input::StoreFailed { log } => {
                if let Some(state) = self.logs.get_mut(&log) {
                    state.storing = None;
                    state.buffered.clear();
                }
                Ok(())
            }
            Input::OwnAdvanced { note, from, leaves } => {
                self.on_own_advanced(now, &note, from, leaves);
                Ok(())
            }
            Input::RosterChanged(roster) => {
                self.roster = roster;
                self.open_new_logs();
                self.schedule(now);
                Ok(())
            }
            Input::Unfreeze(log) => {
                if let Some(state) = self.logs.get_mut(&log) {
                    state.frozen = false;
                    state.evidence = None;
                }
                self.schedule(now);
                Ok(())
            }
            Input::TrustOwnLog => {
                self.own_vouched = true;
                Ok(())
            }
        }
    }

    /// Does what time asks for.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.expire_requests(now);
        let due: Vec<MemberId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.next_summary <= now)
            .map(|(member, _)| member.clone())
            .collect();
        for member in due {
            self.send_summary(now, &member);
        }
        if self.next_own <= now {
            self.refresh_own(now);
        }
        self.relay_due(now);
        self.notice_silence(now);
        self.schedule(now);
    }

    /// The next thing to do, if any.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Replica::handle_timeout`] should be called at the latest.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let summaries = self.peers.values().map(|peer| peer.next_summary);
        let deadlines =
            self.peers.values().flat_map(|peer| peer.requests.values().map(|request| request.deadline));
        let avoided = self.peers.values().flat_map(|peer| peer.avoid.values().copied());
        let relays = self.logs.values().filter_map(|state| state.relay_at);
        summaries.chain(deadlines).chain(avoided).chain(relays).chain([self.next_own]).min()
    }

    /// Whether the node may sign in its own log: peers were asked what they have of it, and all of that is here.
    pub fn may_sign_own(&self, now: Timestamp) -> bool {
        let others =
            self.roster.members().iter().filter(|member| member.member != self.me && member.is_active());
        // A peer that holds more of the own log than this node does makes it wait, whatever it can prove so far.
        let ahead = self.peers.values().any(|peer| {
            self.logs
                .values()
                .filter(|state| state.own)
                .any(|state| peer.stored.get(&state.log).is_some_and(|stored| *stored > state.stored()))
        });
        let heard = if self.config.own_head_from_everybody {
            others.map(|member| &member.member).all(|member| self.own_heard.contains(member))
        } else {
            !self.own_heard.is_empty()
                || now.since(self.started) >= self.config.own_head_wait
                || others.count() == 0
        };
        let complete =
            self.logs.values().filter(|state| state.own).all(|state| state.head_size() <= state.stored());
        (self.own_vouched || (heard && !ahead))
            && complete
            && !self.logs.values().any(|state| state.own && state.frozen)
    }

    /// One log's state.
    pub fn log_status(&self, log: &LogId) -> Option<LogStatus> {
        let state = self.logs.get(log)?;
        let seconds = |time: u64| Timestamp::from_seconds(i64::try_from(time).unwrap_or(i64::MAX));
        Some(LogStatus {
            stored: state.stored(),
            head_size: state.head_size(),
            head_root: state.head.as_ref().map(|head| head.checkpoint.root),
            head_note: state.head.as_ref().map(Head::note),
            proven_size: state.proven.as_ref().map_or(0, Head::size),
            proven_note: state.proven.as_ref().map(Head::note),
            cosigners: state.head.as_ref().map(Head::cosigners).unwrap_or_default(),
            author_time: state.author_time().map(seconds),
            confirmed: state.confirmed,
            frozen: state.frozen,
        })
    }

    /// Every log known.
    pub fn logs(&self) -> impl Iterator<Item = &LogId> {
        self.logs.keys()
    }

    /// Peers with a session.
    pub fn peers(&self) -> impl Iterator<Item = &MemberId> {
        self.peers.keys()
    }

    fn send(&mut self, to: &MemberId, frame: &Frame) {
        self.effects.push_back(Effect::Send { to: to.clone(), frame: frame.encode() });
    }

    fn on_connected(&mut self, now: Timestamp, peer: MemberId) -> Result<(), PeerFault> {
        if peer == self.me || self.roster.member(&peer).is_none_or(|member| !member.is_active()) {
            let fault = PeerFault::NotAMember(peer.clone());
            self.effects.push_back(Effect::Disconnect { peer, fault: fault.clone() });
            return Err(fault);
        }
        self.peers.insert(peer.clone(), Peer::new(now));
        self.send_summary(now, &peer);
        let evidence: Vec<(LogId, Vec<u8>)> = self
            .logs
            .values()
            .filter_map(|state| Some((state.log.clone(), state.evidence.clone()?)))
            .collect();
        for (log, json) in evidence {
            self.send(&peer, &Frame::Evidence { log, json });
        }
        Ok(())
    }

    fn send_summary(&mut self, now: Timestamp, to: &MemberId) {
        let line = |state: &LogState| SummaryLine {
            log: state.log.clone(),
            stored: state.stored(),
            head: state.head_size(),
            root: state.head.as_ref().map_or_else(empty_root, |head| head.checkpoint.root),
            author_time: state.author_time().unwrap_or(0),
        };
        let lines = self.logs.values().map(line).collect();
        self.send(to, &Frame::Summary(lines));
        if let Some(peer) = self.peers.get_mut(to) {
            peer.next_summary = now.plus(self.config.summary_interval);
        }
    }

    fn on_frame(&mut self, now: Timestamp, from: MemberId, bytes: &[u8]) -> Result<(), PeerFault> {
        if !self.peers.contains_key(&from) {
            // The session ended while the frame was on its way.
            return Ok(());
        }
        let result = match Frame::decode(bytes) {
            Ok(frame) => self.on_message(now, &from, frame),
            Err(error) => Err(PeerFault::Frame(error)),
        };
        if let Err(fault) = &result {
            self.peers.remove(&from);
            self.effects.push_back(Effect::Disconnect { peer: from, fault: fault.clone() });
        }
        self.schedule(now);
        result
    }

    fn on_message(&mut self, now: Timestamp, from: &MemberId, frame: Frame) -> Result<(), PeerFault> {
        match frame {
            Frame::Summary(lines) => {
                self.on_summary(from, lines);
                Ok(())
            }
            Frame::Hint { log, note, from: first, leaves } => {
                self.on_hint(now, from, log, note, first, leaves)
            }
            Frame::GetHead(log) => {
                let note = self.logs.get(&log).and_then(|state| state.head.as_ref().map(Head::note));
                if let Some(note) = note {
                    self.send(from, &Frame::Hint { log, note, from: 0, leaves: Vec::new() });
                }
                Ok(())
            }
            Frame::GetRange { id, log, from: first, count_max, bytes_max } => {
                let bounded =
                    |asked: u32, bound: usize| usize::try_from(asked).unwrap_or(bound).clamp(1, bound);
                self.effects.push_back(Effect::Serve(RangeRequest {
                    to: from.clone(),
                    id,
                    log,
                    from: first,
                    count_max: bounded(count_max, RANGE_COUNT_MAX),
                    bytes_max: bounded(bytes_max, RANGE_BYTES_MAX),
                }));
                Ok(())
            }
            Frame::Range { id, log, from: first, leaves, note, path } => {
                self.on_range(now, from, id, &log, first, Chunk { peer: from.clone(), leaves, note, path })
            }
            Frame::Refused { id } => {
                if let Some(peer) = self.peers.get_mut(from)
                    && let Some(request) = peer.requests.remove(&id)
                {
                    peer.avoid.insert(request.log, now.plus(AVOID));
                }
                Ok(())
            }
            Frame::GetConsistency { id, log, old, new } => {
                if old >= 1 && old < new {
                    let request = ConsistencyRequest { to: from.clone(), id, log, old, new };
                    self.effects.push_back(Effect::ServeConsistency(request));
                } else {
                    self.send(from, &Frame::Refused { id });
                }
                Ok(())
            }
            Frame::Consistency { id, log, old_root, path, .. } => {
                self.on_consistency(from, id, &log, old_root, path);
                Ok(())
            }
            Frame::Evidence { log, json } => self.on_evidence(&log, &json),
        }
    }

    fn on_summary(&mut self, from: &MemberId, lines: Vec<SummaryLine>) {
        let mut wanted = Vec::new();
        for line in lines {
            let Some(state) = self.logs.get(&line.log) else { continue };
            if let Some(peer) = self.peers.get_mut(from) {
                peer.learn(&line.log, line.stored, line.head);
            }
            let newer = line.head > state.head_size()
                || (line.head == state.head_size()
                    && (line.author_time > state.author_time().unwrap_or(0)
                        || state.head.as_ref().is_some_and(|head| head.checkpoint.root != line.root)));
            if newer && !state.frozen && (line.head > 0 || line.author_time > 0) {
                wanted.push(line.log);
            }
        }
        // A summary that does not mention the own log says that the peer has none of it. What it has is asked for
        // below, and nothing is signed while a larger checkpoint is known whose entries are not here.
        if wanted.iter().all(|log| log.member != self.me) {
            self.own_heard.insert(from.clone());
        }
        for log in wanted {
            self.send(from, &Frame::GetHead(log));
        }
    }

    fn on_hint(
        &mut self,
        now: Timestamp,
        from: &MemberId,
        log: LogId,
        note: Vec<u8>,
        first: u64,
        leaves: Vec<Leaf>,
    ) -> Result<(), PeerFault> {
        // Logs of a roster version that is not here yet.
        let Some(state) = self.logs.get_mut(&log) else { return Ok(()) };
        let shown = state.show(&self.roster, &note)?;
        let (own, head, stored, frozen) = (state.own, state.head_size(), state.stored(), state.frozen);
        if let Some(peer) = self.peers.get_mut(from) {
            // Whoever passes a checkpoint on has all of it: it is told only after it was stored.
            peer.learn(&log, head, head);
        }
        if own {
            // The answer to what its summary made us ask; or a checkpoint that is here already.
            self.own_heard.insert(from.clone());
        }
        // Also when somebody else passed the same checkpoint on before.
        self.notice_skew(now, from, &log);
        match shown {
            Shown::TwoFaces(evidence) => self.freeze(&log, *evidence),
            Shown::Known => {}
            Shown::Cosigned => self.on_cosigned(now, &log),
            Shown::Newer => {
                if let Some(state) = self.logs.get_mut(&log) {
                    state.silent = false;
                }
                if own && head > stored && !self.amnesia_raised {
                    self.amnesia_raised = true;
                    self.effects.push_back(Effect::Raise(Alarm::Amnesia { here: stored, there: head }));
                }
                let complete = self.logs.get(&log).is_some_and(LogState::is_complete);
                if complete {
                    self.on_head_complete(now, &log, None);
                }
            }
        }
        if !leaves.is_empty() && first == stored && !frozen {
            let chunk = Chunk { peer: from.clone(), leaves, note, path: Vec::new() };
            self.buffer(&log, first, chunk);
            self.verify_next(now, &log);
        }
        Ok(())
    }

    fn on_range(
        &mut self,
        now: Timestamp,
        from: &MemberId,
        id: u64,
        log: &LogId,
        first: u64,
        chunk: Chunk,
    ) -> Result<(), PeerFault> {
        let request = self.peers.get_mut(from).and_then(|peer| peer.requests.remove(&id));
        // Answers to questions that were not asked, or no longer wait, are dropped.
        let asked = request.is_some_and(|request| {
            request.log == *log && matches!(request.what, Asked::Range { from } if from == first)
        });
        if asked && !chunk.leaves.is_empty() {
            self.buffer(log, first, chunk);
            self.verify_next(now, log);
        }
        Ok(())
    }

    fn buffer(&mut self, log: &LogId, first: u64, chunk: Chunk) {
        let Some(state) = self.logs.get_mut(log) else { return };
        if first < state.stored() {
            return;
        }
        state.buffered.insert(first, chunk);
        while state.buffered.len() > BUFFERED_MAX {
            state.buffered.pop_last();
        }
    }

    /// Verifies the range that comes next, if it is here and nothing is being written.
    fn verify_next(&mut self, now: Timestamp, log: &LogId) {
        loop {
            let Some(state) = self.logs.get_mut(log) else { return };
            let stored = state.stored();
            state.buffered.retain(|first, _| *first >= stored);
            if state.storing.is_some() || state.frozen {
                return;
            }
            let Some(chunk) = state.buffered.remove(&stored) else { return };
            let (peer, note) = (chunk.peer.clone(), chunk.note.clone());
            match state.verify(&self.roster, stored, chunk) {
                Ok(Verified::Store { from, leaves }) => {
                    // The checkpoint that came along may be newer than any seen, and counts as shown.
                    if let Ok(Shown::TwoFaces(evidence)) = state.show(&self.roster, &note) {
                        state.storing = None;
                        self.freeze(log, *evidence);
                        return;
                    }
                    let head = state.head.as_ref().map(Head::note).unwrap_or(note);
                    self.effects.push_back(Effect::Store { log: log.clone(), from, leaves, head });
                    return;
                }
                Ok(Verified::Stale) => {}
                Err(Unverified::TwoFaces(evidence)) => {
                    self.freeze(log, *evidence);
                    return;
                }
                Err(Unverified::Contradiction { first, first_size, second, second_size }) => {
                    self.avoid(now, &peer, log);
                    let what = Asked::Consistency { first, second };
                    let ask = |id| Frame::GetConsistency {
                        id,
                        log: log.clone(),
                        old: first_size,
                        new: second_size,
                    };
                    self.ask(now, &peer, log, what, ask);
                }
                Err(Unverified::Fault(fault)) => {
                    self.effects
                        .push_back(Effect::Raise(Alarm::BadRange { peer: peer.clone(), log: log.clone() }));
                    self.peers.remove(&peer);
                    self.effects.push_back(Effect::Disconnect { peer, fault });
                }
            }
        }
    }

    fn avoid(&mut self, now: Timestamp, peer: &MemberId, log: &LogId) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.avoid.insert(log.clone(), now.plus(AVOID));
        }
    }

    fn ask(
        &mut self,
        now: Timestamp,
        to: &MemberId,
        log: &LogId,
        what: Asked,
        frame: impl FnOnce(u64) -> Frame,
    ) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        self.next_request += 1;
        let id = self.next_request;
        peer.requests.insert(id, Request { log: log.clone(), what, deadline: now.plus(REQUEST_MAX) });
        let frame = frame(id);
        self.send(to, &frame);
    }

    fn on_consistency(&mut self, from: &MemberId, id: u64, log: &LogId, old_root: Hash, path: Vec<Hash>) {
        let request = self.peers.get_mut(from).and_then(|peer| peer.requests.remove(&id));
        let Some(Request { what: Asked::Consistency { first, second }, .. }) = request else { return };
        match convict(&first, &second, old_root, path) {
            Some(evidence) => self.freeze(log, evidence),
            None => {
                // The two checkpoints belong together, so it was the peer's leaves that did not.
                let fault = PeerFault::BadRange { log: log.clone(), from: 0 };
                self.effects
                    .push_back(Effect::Raise(Alarm::BadRange { peer: from.clone(), log: log.clone() }));
                self.peers.remove(from);
                self.effects.push_back(Effect::Disconnect { peer: from.clone(), fault });
            }
        }
    }

    fn on_evidence(&mut self, log: &LogId, json: &[u8]) -> Result<(), PeerFault> {
        let Some(state) = self.logs.get(log) else { return Ok(()) };
        if state.frozen {
            return Ok(());
        }
        let shows = Equivocation::parse(json).ok().filter(|evidence| self.convicts(log, evidence));
        match shows {
            Some(evidence) => {
                self.freeze(log, evidence);
                Ok(())
            }
            None => Err(PeerFault::BadEvidence(log.clone())),
        }
    }

    /// Whether evidence holds against a log's author under the keys of the sizes that it names.
    fn convicts(&self, log: &LogId, evidence: &Equivocation) -> bool {
        let origin = log.origin(self.roster.federation());
        let keys = |note: &SignedNote| {
            crate::log::Checkpoint::parse(note.text())
                .map(|checkpoint| self.roster.checkpoint_keys(log, checkpoint.size))
                .unwrap_or_default()
        };
        let (first, second) = (keys(&evidence.first), keys(&evidence.second));
        first.iter().any(|one| second.iter().any(|other| evidence.check_keys(&origin, one, other).is_ok()))
    }

    /// Stops a log at what is agreed, keeps the proof, and tells everybody.
    fn freeze(&mut self, log: &LogId, evidence: Equivocation) {
        let Some(state) = self.logs.get_mut(log) else { return };
        if state.frozen {
            return;
        }
        state.frozen = true;
        state.buffered.clear();
        if let Ok(json) = serde_json::to_vec(&evidence) {
            state.evidence = Some(json.clone());
            let peers: Vec<MemberId> = self.peers.keys().cloned().collect();
            for peer in peers {
                self.send(&peer, &Frame::Evidence { log: log.clone(), json: json.clone() });
            }
        }
        let evidence = Box::new(evidence);
        self.effects.push_back(Effect::Raise(Alarm::Equivocation { log: log.clone(), evidence }));
    }

    fn on_stored(&mut self, now: Timestamp, log: &LogId, size: u64) {
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(storing) = state.storing.take() else { return };
        if storing.frontier.size() != size {
            return;
        }
        state.frontier = storing.frontier;
        if state.is_complete() {
            self.on_head_complete(now, log, storing.inline);
        }
        self.verify_next(now, log);
        self.schedule(now);
    }

    /// Everything under the newest checkpoint is durable here: cosign it and let others know.
    fn on_head_complete(&mut self, now: Timestamp, log: &LogId, inline: Option<(u64, Vec<Leaf>)>) {
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(head) = state.head.as_mut().filter(|_| !state.frozen) else { return };
        let time = u64::try_from(now.as_seconds()).unwrap_or(0);
        if head.cosigned_by(&self.me).is_none() {
            let name = self.roster.cosigner_name(&self.me);
            if let Ok(line) = cosign(&head.checkpoint, &name, &self.cosigner, time) {
                head.add(self.me.clone(), time, line);
            }
        }
        if head.is_confirmed(&self.roster) {
            state.confirmed = state.confirmed.max(head.size());
        }
        let note = head.note();
        state.prove();
        self.effects.push_back(Effect::StoreHead { log: log.clone(), head: note });
        if self.roster.is_coordinator(&self.me) {
            // A member that only reaches a coordinator hears of it at once.
            let (from, leaves) = inline.unwrap_or_default();
            self.announce(log, from, leaves);
        } else {
            self.relay_later(now, log);
        }
    }

    fn on_cosigned(&mut self, now: Timestamp, log: &LogId) {
        let Some(state) = self.logs.get_mut(log) else { return };
        state.silent = false;
        let complete = state.is_complete();
        let Some(head) = &state.head else { return };
        if complete && head.is_confirmed(&self.roster) {
            state.confirmed = state.confirmed.max(head.size());
        }
        let note = head.note();
        state.prove();
        self.effects.push_back(Effect::StoreHead { log: log.clone(), head: note });
        self.relay_later(now, log);
    }

    fn relay_later(&mut self, now: Timestamp, log: &LogId) {
        if let Some(state) = self.logs.get_mut(log) {
            state.relay_at.get_or_insert(now.plus(RELAY_DELAY));
        }
    }

    fn relay_due(&mut self, now: Timestamp) {
        let due = |state: &&LogState| state.relay_at.is_some_and(|at| at <= now);
        let logs: Vec<LogId> = self.logs.values().filter(due).map(|state| state.log.clone()).collect();
        for log in logs {
            self.announce(&log, 0, Vec::new());
        }
    }

    /// Tells every peer the newest checkpoint of a log that is complete here; leaves go to those that lack them.
    fn announce(&mut self, log: &LogId, from: u64, leaves: Vec<Leaf>) {
        let Some(state) = self.logs.get_mut(log) else { return };
        state.relay_at = None;
        let Some(head) = state.head.as_ref().filter(|_| state.is_complete() && !state.frozen) else { return };
        let (size, note) = (head.size(), head.note());
        let bare = Frame::Hint { log: log.clone(), note: note.clone(), from: 0, leaves: Vec::new() };
        let withheld = leaves.iter().any(|leaf| self.is_restricted(leaf));
        let full = Frame::Hint { log: log.clone(), note, from, leaves };
        let peers: Vec<(MemberId, bool)> = self
            .peers
            .iter()
            .map(|(member, peer)| (member.clone(), peer.heads.get(log).is_none_or(|known| *known < size)))
            .collect();
        for (peer, lacks) in peers {
            let frame = if lacks && !withheld { &full } else { &bare };
            let frame = frame.clone();
            self.send(&peer, &frame);
            if let Some(peer) = self.peers.get_mut(&peer) {
                peer.heads.insert(log.clone(), size);
            }
        }
    }

    /// Entries that are not for every member never travel with a hint: the driver serves them by audience.
    fn is_restricted(&self, leaf: &Leaf) -> bool {
        match leaf {
            Leaf::Withheld(_) => true,
            Leaf::Entry(bytes) => crate::entry::address_of(bytes)
                .is_some_and(|(_, audience)| audience != crate::entry::Audience::MEMBERS),
        }
    }

    fn on_own_advanced(&mut self, now: Timestamp, note: &SignedNote, from: u64, leaves: Vec<Vec<u8>>) {
        let Some(log) = self.roster.own_log(&self.me) else { return };
        let Some(state) = self.logs.get_mut(&log) else { return };
        if state.stored() != from {
            return;
        }
        let mut frontier = state.frontier.clone();
        for leaf in &leaves {
            frontier.push(crate::log::leaf_hash(leaf));
        }
        let signed = crate::log::Checkpoint::parse(note.text());
        if !signed.is_ok_and(|signed| signed.size == frontier.size() && signed.root == frontier.root()) {
            // The driver's doing; nothing is cosigned that is not what the log says.
            return;
        }
        state.frontier = frontier;
        if state.show(&self.roster, &note.to_bytes()).is_err() {
            return;
        }
        self.next_own = now.plus(self.config.checkpoint_interval);
        let bytes: usize = leaves.iter().map(Vec::len).sum();
        let small = leaves.len() <= HINT_COUNT_MAX && bytes <= HINT_BYTES_MAX;
        let leaves = if small { leaves.into_iter().map(Leaf::Entry).collect() } else { Vec::new() };
        self.cosign_own(now, &log);
        self.announce(&log, from, leaves);
    }

    /// Puts a fresh time under the own log, so that silence can be told from death.
    fn cosign_own(&mut self, now: Timestamp, log: &LogId) {
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(head) = state.head.as_mut() else { return };
        let time = u64::try_from(now.as_seconds()).unwrap_or(0);
        let name = self.roster.cosigner_name(&self.me);
        if let Ok(line) = cosign(&head.checkpoint, &name, &self.cosigner, time) {
            head.add(self.me.clone(), time, line);
        }
        if head.is_confirmed(&self.roster) {
            state.confirmed = state.confirmed.max(head.size());
        }
        let note = head.note();
        state.prove();
        self.effects.push_back(Effect::StoreHead { log: log.clone(), head: note });
    }

    fn refresh_own(&mut self, now: Timestamp) {
        self.next_own = now.plus(self.config.checkpoint_interval);
        let Some(log) = self.roster.own_log(&self.me) else { return };
        let complete = self.logs.get(&log).is_some_and(LogState::is_complete);
        if complete && self.may_sign_own(now) {
            self.cosign_own(now, &log);
            self.announce(&log, 0, Vec::new());
        }
    }

    fn notice_silence(&mut self, now: Timestamp) {
        if now.since(self.started) < SILENCE {
            return;
        }
        for state in self.logs.values_mut().filter(|state| !state.own && !state.silent) {
            let active = self.roster.member(&state.log.member).is_some_and(|member| member.is_active());
            let open = self.roster.own_log(&state.log.member).is_some_and(|log| log == state.log);
            let seconds = state.author_time().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
            let since = Timestamp::from_seconds(seconds);
            if active && open && now.since(since) > SILENCE {
                state.silent = true;
                self.effects.push_back(Effect::Raise(Alarm::Silent { log: state.log.clone(), since }));
            }
        }
    }

    /// A checkpoint straight from its author tells how far the two clocks are apart.
    fn notice_skew(&mut self, now: Timestamp, from: &MemberId, log: &LogId) {
        if log.member != *from {
            return;
        }
        let Some(theirs) = self.logs.get(log).and_then(LogState::author_time) else { return };
        let theirs = Timestamp::from_seconds(i64::try_from(theirs).unwrap_or(i64::MAX));
        let by = now.since(theirs).max(theirs.since(now));
        if by <= SKEW_MAX {
            self.skew_raised.remove(from);
        } else if self.skew_raised.insert(from.clone()) {
            self.effects.push_back(Effect::Raise(Alarm::ClockSkew { member: from.clone(), by }));
        }
    }

    fn expire_requests(&mut self, now: Timestamp) {
        for peer in self.peers.values_mut() {
            let late: Vec<u64> = peer
                .requests
                .iter()
                .filter(|(_, request)| request.deadline <= now)
                .map(|(id, _)| *id)
                .collect();
            for id in late {
                if let Some(request) = peer.requests.remove(&id) {
                    peer.avoid.insert(request.log, now.plus(AVOID));
                }
            }
            peer.avoid.retain(|_, until| *until > now);
        }
    }

    /// Asks for what is missing: a window of ranges per log, logs in turn, peers with the fewest requests first.
    fn schedule(&mut self, now: Timestamp) {
        let behind = |state: &&LogState| !state.frozen && state.head_size() > state.stored();
        let logs: Vec<LogId> = self.logs.values().filter(behind).map(|state| state.log.clone()).collect();
        if logs.is_empty() {
            return;
        }
        self.turn = self.turn.wrapping_add(1);
        let mut progressed = true;
        while progressed {
            progressed = false;
            for offset in 0..logs.len() {
                let log = &logs[(self.turn + offset) % logs.len()];
                progressed |= self.request_next(now, log);
            }
        }
    }

    /// Asks for one more range of `log`; `false` when there is none to ask for or nobody to ask.
    fn request_next(&mut self, now: Timestamp, log: &LogId) -> bool {
        let Some(state) = self.logs.get(log) else { return false };
        let mut asked: Vec<u64> = state.buffered.keys().copied().collect();
        for peer in self.peers.values() {
            for request in peer.requests.values().filter(|request| request.log == *log) {
                if let Asked::Range { from } = request.what {
                    asked.push(from);
                }
            }
        }
        if asked.len() >= WINDOW {
            return false;
        }
        let Some(from) = self.first_gap(state, &asked) else { return false };
        let eligible = self.peers.iter().filter(|(_, peer)| peer.may_be_asked(log, from, now));
        let Some(peer) =
            eligible.min_by_key(|(_, peer)| peer.requests.len()).map(|(member, _)| member.clone())
        else {
            return false;
        };
        let frame = |id| Frame::GetRange {
            id,
            log: log.clone(),
            from,
            count_max: RANGE_COUNT_MAX as u32,
            bytes_max: RANGE_BYTES_MAX as u32,
        };
        self.ask(now, &peer, log, Asked::Range { from }, frame);
        true
    }

    /// The first index that is neither here, nor waiting, nor asked for.
    fn first_gap(&self, state: &LogState, asked: &[u64]) -> Option<u64> {
        let mut from = state.storing.as_ref().map_or(state.stored(), |storing| storing.frontier.size());
        while from < state.head_size() {
            if let Some(chunk) = state.buffered.get(&from) {
                from += chunk.leaves.len() as u64;
            } else if asked.contains(&from) {
                from += RANGE_COUNT_MAX as u64;
            } else {
                return Some(from);
            }
        }
        None
    }
}
