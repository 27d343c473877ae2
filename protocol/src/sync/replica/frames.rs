// SPDX-License-Identifier: EUPL-1.2
//! What a session and its frames do.

use crate::log::Hash;
use crate::member::{LogId, MemberId};
use crate::sync::fault::{Alarm, PeerFault, Refusal};
use crate::sync::frame::{
    Frame, HINT_BYTES_MAX, HeldLine, Leaf, RANGE_BYTES_MAX, RANGE_COUNT_MAX, SUMMARY_COUNT_MAX, SummaryLine,
};
use crate::sync::head::{Claim, Head};
use crate::sync::interface::Effect;
use crate::sync::log_state::{BUFFERED_MAX, Chunk, LogState, Shown};
use crate::sync::peer::{Peer, REQUEST_TIME};
use crate::sync::requests::{ConsistencyRequest, RangeRequest};
use crate::time::Timestamp;

use super::Replica;

/// Clocks that differ by more are reported.
const SKEW_MAX: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// A time of the author that was new so lately can be compared with the own clock.
const SKEW_WINDOW: std::time::Duration = std::time::Duration::from_secs(60);
/// Whoever showed its newest checkpoint is not asked again for this long.
const HEAD_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

impl Replica {
    pub(super) fn on_connected(&mut self, peer: MemberId) -> Result<(), PeerFault> {
        if peer == self.me || self.roster.member(&peer).is_none_or(|member| !member.is_active()) {
            let fault = PeerFault::NotAMember(peer.clone());
            self.drop_peer(&peer, fault.clone());
            return Err(fault);
        }
        self.peers.insert(peer.clone(), Peer::new(self.clock.uptime()));
        self.send_summary(&peer);
        // Whoever was away when a log was frozen hears of it now.
        let frozen =
            self.logs.values().filter_map(|state| Some((state.log.clone(), state.evidence.clone()?)));
        for (log, json) in frozen.collect::<Vec<_>>() {
            self.send(&peer, &Frame::Evidence { log, json });
        }
        Ok(())
    }

    /// Where all logs stand. Open logs come first, so that the first frame tells the peer about its own.
    pub(super) fn send_summary(&mut self, to: &MemberId) {
        let line = |state: &LogState| SummaryLine {
            log: state.log.clone(),
            stored: state.stored(),
            head: state.newest_size(),
            root: state.newest().map_or_else(crate::log::empty_root, |head| head.checkpoint.root),
            author_time: state.newest_time(),
        };
        let held = |state: &LogState| {
            let head = state.head.as_ref()?;
            let (size, root) = (head.size(), head.checkpoint.root);
            Some(HeldLine { log: state.log.clone(), size, root, confirmed: state.confirmed })
        };
        let is_open = |state: &&LogState| self.roster.closed_at(&state.log).is_none();
        let (open, closed): (Vec<&LogState>, Vec<&LogState>) = self.logs.values().partition(is_open);
        let states: Vec<&LogState> = open.into_iter().chain(closed).collect();
        let mut frames = Vec::new();
        for states in states.chunks(SUMMARY_COUNT_MAX) {
            frames.push(Frame::Summary(states.iter().map(|state| line(state)).collect()));
            frames.push(Frame::Held(states.iter().filter_map(|state| held(state)).collect()));
        }
        frames.iter().for_each(|frame| self.send(to, frame));
        if let Some(peer) = self.peers.get_mut(to) {
            peer.next_summary = self.clock.uptime().saturating_add(self.config.summary_interval);
        }
    }

    pub(super) fn on_frame(&mut self, from: MemberId, bytes: &[u8]) -> Result<(), PeerFault> {
        if !self.peers.contains_key(&from) {
            // The session ended while the frame was on its way.
            return Ok(());
        }
        let result = match Frame::decode(bytes) {
            Ok(frame) => self.on_message(&from, frame),
            Err(error) => Err(PeerFault::Frame(error)),
        };
        if let Err(fault) = &result {
            self.drop_peer(&from, fault.clone());
        }
        self.pull_heads();
        result
    }

    fn on_message(&mut self, from: &MemberId, frame: Frame) -> Result<(), PeerFault> {
        match frame {
            Frame::Summary(lines) => {
                self.on_summary(from, lines);
                Ok(())
            }
            Frame::Held(lines) => {
                self.on_held(from, lines);
                Ok(())
            }
            Frame::Hint { log, note, from: first, leaves } => {
                self.on_checkpoint(from, &log, note, Some((first, leaves)))
            }
            Frame::Seen { log, note } => self.on_checkpoint(from, &log, note, None),
            Frame::GetHead(log) => {
                self.on_get_head(from, log);
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
                self.on_range(id, &log, first, Chunk { peer: from.clone(), leaves, note, path, asked: true });
                Ok(())
            }
            Frame::Refused { id } => {
                let request = self.peers.get_mut(from).and_then(|peer| peer.requests.remove(&id));
                if let Some(request) = request {
                    self.strike(from, &request.log);
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
            Frame::Consistency { id, old_root, path, .. } => self.on_consistency(from, id, old_root, path),
            Frame::Evidence { log, json } => self.on_evidence(from, &log, &json),
        }
    }

    /// Answers with what can be served, and with what was only seen.
    fn on_get_head(&mut self, from: &MemberId, log: LogId) {
        if self.peers.get_mut(from).is_none_or(|peer| !peer.may_cost(self.clock.uptime())) {
            return;
        }
        let Some(state) = self.logs.get(&log) else { return };
        let (head, seen) = (state.head.as_ref().map(Head::note), state.seen.as_ref().map(Head::note));
        if let Some(peer) = self.peers.get_mut(from) {
            peer.charge(1);
        }
        if let Some(note) = seen {
            self.send(from, &Frame::Seen { log: log.clone(), note });
        }
        if let Some(note) = head {
            self.send(from, &Frame::Hint { log, note, from: 0, leaves: Vec::new() });
        }
    }

    fn on_summary(&mut self, from: &MemberId, lines: Vec<SummaryLine>) {
        let own = self.roster.own_log(&self.me);
        for line in lines {
            let Some(state) = self.logs.get(&line.log) else { continue };
            let Some(peer) = self.peers.get_mut(from) else { return };
            let known = peer.known_mut(&line.log);
            // Sizes never go down while a peer is connected; a summary may have crossed a hint.
            if line.head >= known.seen {
                known.seen = line.head;
                known.seen_root = Some(line.root);
                known.author_time = line.author_time;
            }
            known.stored = known.stored.max(line.stored);
            if own.as_ref() == Some(&line.log) && known.seen <= state.newest_size() {
                self.own.answered(from);
            }
        }
    }

    fn on_held(&mut self, from: &MemberId, lines: Vec<HeldLine>) {
        for line in lines {
            let Some(state) = self.logs.get(&line.log) else { continue };
            let Some(peer) = self.peers.get_mut(from) else { return };
            let known = peer.known_mut(&line.log);
            if line.size >= known.holds {
                known.holds = line.size;
                known.root = Some(line.root);
            }
            known.confirmed = known.confirmed.max(line.confirmed);
            let unconfirmed = line.size == state.head_size() && line.confirmed < line.size;
            if unconfirmed || line.confirmed < state.confirmed {
                self.relay_later(&line.log);
            }
        }
    }

    /// Asks for checkpoints that peers say to have and that are not here: per log one peer at a time.
    pub(super) fn pull_heads(&mut self) {
        let uptime = self.clock.uptime();
        let mut asks: Vec<(MemberId, LogId)> = Vec::new();
        for state in self.logs.values().filter(|state| !state.is_frozen()) {
            let here = (state.newest_size(), state.newest_time());
            let is_open =
                |known: &crate::sync::peer::Known| known.head_asked.is_some_and(|until| until > uptime);
            let mut asked = false;
            let mut best: Option<((u64, u64), &MemberId)> = None;
            for (member, peer) in &self.peers {
                let Some(known) = peer.known(&state.log) else { continue };
                let differs = |size: u64, root: Option<Hash>| {
                    let signed = state.signed_root(size).filter(|_| size > 0);
                    root.is_some_and(|root| signed.is_some_and(|signed| signed != root))
                };
                let other_root = differs(known.holds, known.root) || differs(known.seen, known.seen_root);
                if is_open(known) {
                    asked = true;
                } else if known.head_rests > uptime || self.is_avoided(member, &state.log) {
                    continue;
                } else if other_root {
                    asks.push((member.clone(), state.log.clone()));
                } else {
                    let there = (known.seen, known.author_time);
                    if there > here && best.is_none_or(|(claim, _)| there > claim) {
                        best = Some((there, member));
                    }
                }
            }
            if let Some((_, member)) = best.filter(|_| !asked) {
                asks.push((member.clone(), state.log.clone()));
            }
        }
        for (member, log) in asks {
            if let Some(peer) = self.peers.get_mut(&member) {
                peer.known_mut(&log).head_asked = Some(uptime.saturating_add(REQUEST_TIME));
                self.send(&member, &Frame::GetHead(log));
            }
        }
    }

    /// A checkpoint came: with a hint, whose sender has everything under it, or as one that was only seen.
    fn on_checkpoint(
        &mut self,
        from: &MemberId,
        log: &LogId,
        note: Vec<u8>,
        held: Option<(u64, Vec<Leaf>)>,
    ) -> Result<(), PeerFault> {
        let uptime = self.clock.uptime();
        // Logs of a roster version that is not here yet.
        let Some(state) = self.logs.get_mut(log) else { return Ok(()) };
        let Some(peer) = self.peers.get_mut(from) else { return Ok(()) };
        if !peer.may_cost(uptime) {
            // The next summary tells what was missed.
            return Ok(());
        }
        let claim = match Claim::read(&self.roster, log, &note) {
            Ok(claim) => claim,
            Err(Refusal::Fault(fault)) => return Err(fault),
            Err(Refusal::Foreign) => return Ok(()),
        };
        let mut checks = 0;
        let shown = state.show(&self.roster, &claim, &mut checks);
        peer.charge(checks);
        let size = claim.checkpoint.size;
        let known = peer.known_mut(log);
        // An answer says what there is; a claim beyond it was not so. What comes unasked may be behind other frames.
        let answer = known.head_asked.take().is_some();
        if answer {
            known.head_owed = false;
            known.head_rests = uptime.saturating_add(HEAD_PAUSE);
        }
        let claimed = claim.claimed(&self.roster, &log.member);
        if answer || held.is_none() || size >= known.seen {
            known.seen = size;
            known.seen_root = Some(claim.checkpoint.root);
            known.author_time = claimed.author_time;
        }
        if held.is_some() {
            if answer || size >= known.holds {
                known.holds = size;
                known.root = Some(claim.checkpoint.root);
            }
            if claimed.confirmed {
                known.confirmed = known.confirmed.max(size);
            }
        }
        if let Some(newest) = state.newest().filter(|newest| newest.checkpoint == claim.checkpoint) {
            // Every line that holds was taken over, so a time beyond it is none.
            known.author_time = known.author_time.min(newest.cosigned_by(&log.member).unwrap_or(0));
        }
        match shown {
            Ok(Shown::TwoFaces(evidence)) => self.freeze(log, *evidence, Some(from)),
            Ok(Shown::Known) => {}
            Ok(Shown::Confirmed) => self.relay_later(log),
            Ok(Shown::Cosigned { author }) => self.on_cosigned(log, author),
            Ok(Shown::Newer) => self.on_newer(log),
            Err(Refusal::Fault(fault)) => return Err(fault),
            Err(Refusal::Foreign) => {
                self.strike(from, log);
                return Ok(());
            }
        }
        if held.is_some() && !answer {
            self.notice_skew(from, log);
        }
        self.on_head_complete(log, None);
        self.note_own_answer(from, log);
        if let Some((first, leaves)) = held {
            self.take_along(from, log, first, size, leaves, note);
        }
        Ok(())
    }

    /// The peer that was asked for its newest checkpoint of the own log has shown it.
    fn note_own_answer(&mut self, from: &MemberId, log: &LogId) {
        if !self.is_own(log) {
            return;
        }
        let newest = self.logs.get(log).map_or(0, LogState::newest_size);
        let known = self.peers.get(from).and_then(|peer| peer.known(log));
        if known.is_some_and(|known| known.seen <= newest) {
            self.own.answered(from);
        }
    }

    fn on_newer(&mut self, log: &LogId) {
        let own = self.is_own(log);
        let Some(state) = self.logs.get_mut(log) else { return };
        let (stored, newest) = (state.stored(), state.newest_size());
        state.behind_since.get_or_insert(self.clock.uptime());
        state.hear(self.clock.uptime());
        if own && newest > stored && !std::mem::replace(&mut state.amnesia_raised, true) {
            self.raise(Alarm::Amnesia { here: stored, there: newest });
        }
    }

    fn on_cosigned(&mut self, log: &LogId, author: bool) {
        let Some(state) = self.logs.get_mut(log) else { return };
        if author {
            state.hear(self.clock.uptime());
        }
        state.dirty = true;
        if let Some(head) = &state.head
            && head.is_confirmed(&self.roster)
        {
            state.confirmed = state.confirmed.max(head.size());
        }
        self.relay_later(log);
    }

    /// Leaves that came with a hint are as good as a range that was asked for, if they fit where the log ends.
    fn take_along(
        &mut self,
        from: &MemberId,
        log: &LogId,
        first: u64,
        size: u64,
        leaves: Vec<Leaf>,
        note: Vec<u8>,
    ) {
        let bytes: usize = leaves.iter().map(Leaf::len).sum();
        let fits = !leaves.is_empty()
            && bytes <= HINT_BYTES_MAX
            && first.checked_add(leaves.len() as u64) == Some(size)
            && !self.is_avoided(from, log)
            && !self.is_late(log, first);
        let Some(state) = self.logs.get_mut(log).filter(|_| fits) else { return };
        let room = state.buffered.len() < BUFFERED_MAX && !state.buffered.contains_key(&first);
        if first >= state.stored() && room && !state.is_frozen() {
            let chunk = Chunk { peer: from.clone(), leaves, note, path: Vec::<Hash>::new(), asked: false };
            state.buffered.insert(first, chunk);
            self.verify_next(log);
        }
    }

    /// A checkpoint that comes unasked from its author tells how far the two clocks are apart, also when somebody else
    /// was faster. One whose time was put under it long ago tells nothing.
    fn notice_skew(&mut self, from: &MemberId, log: &LogId) {
        let heard = self.logs.get(log).and_then(|state| state.heard);
        let fresh = |heard| self.clock.uptime().saturating_sub(heard) <= SKEW_WINDOW;
        if log.member != *from || !heard.is_some_and(fresh) {
            return;
        }
        let newest = self.logs.get(log).and_then(LogState::newest);
        let Some(theirs) = newest.and_then(|head| head.cosigned_by(from)) else { return };
        let theirs = Timestamp::from_seconds(i64::try_from(theirs).unwrap_or(i64::MAX));
        let now = self.clock.wall();
        let by = now.since(theirs).max(theirs.since(now));
        if by <= SKEW_MAX {
            self.skewed.remove(from);
        } else if self.skewed.insert(from.clone()) {
            self.raise(Alarm::ClockSkew { member: from.clone(), by });
        }
    }
}
