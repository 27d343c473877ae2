// SPDX-License-Identifier: EUPL-1.2
//! Fetching what is missing: fairly over logs, from any peer that has it, within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::member::{LogId, MemberId};
use crate::sync::fault::{Alarm, PeerFault, Refusal};
use crate::sync::frame::{Frame, Leaf, RANGE_COUNT_MAX};
use crate::sync::interface::Effect;
use crate::sync::log_state::{BUFFERED_MAX, Chunk};
use crate::sync::peer::{Asked, LATE_TIME, Question, REQUEST_TIME, REQUESTS_MAX, Request};
use crate::sync::range::Unverified;

use super::{Replica, STALL};

/// Ranges of one log in flight or waiting at once.
const WINDOW: usize = 4;
/// Ranges of all logs in flight or waiting at once: with a megabyte each, what fetching can take of memory. The next
/// range of each log may always be asked for, or what waits behind it would wait for ever.
const RANGES_MAX: usize = 32;
/// After the disk was full nothing is fetched for this long.
const STORE_PAUSE: Duration = Duration::from_secs(30);

impl Replica {
    pub(super) fn on_range(&mut self, id: u64, log: &LogId, first: u64, chunk: Chunk) {
        let uptime = self.clock.uptime();
        let Some(peer) = self.peers.get_mut(&chunk.peer) else { return };
        let asked = |request: &Request| {
            request.log == *log && matches!(request.what, Asked::Range { from, .. } if from == first)
        };
        // Answers to questions that were not asked are dropped; late ones are taken.
        if !peer.requests.get(&id).is_some_and(asked) {
            return;
        }
        if let Some(request) = peer.requests.remove(&id) {
            peer.served(request.asked_at, uptime);
        }
        let Some(state) = self.logs.get_mut(log).filter(|state| !state.is_frozen()) else { return };
        if chunk.leaves.is_empty() {
            let peer = chunk.peer;
            self.strike(&peer, log);
        } else if first >= state.stored() {
            state.buffered.insert(first, chunk);
            while state.buffered.len() > BUFFERED_MAX {
                state.buffered.pop_last();
            }
            self.verify_next(log);
        }
    }

    /// Verifies the range that comes next, if it is here and nothing is being written.
    pub(super) fn verify_next(&mut self, log: &LogId) {
        loop {
            let Some(state) = self.logs.get_mut(log) else { return };
            let stored = state.stored();
            state.buffered.retain(|first, _| *first >= stored);
            if state.storing.is_some() || state.is_frozen() {
                return;
            }
            let Some(chunk) = state.buffered.remove(&stored) else { return };
            let peer = chunk.peer.clone();
            if self.author_has_more(log, &chunk) {
                continue;
            }
            let Some(state) = self.logs.get_mut(log) else { return };
            let mut checks = 0;
            let result = state.verify(&self.roster, chunk, &mut checks);
            if let Some(peer) = self.peers.get_mut(&peer) {
                peer.charge(checks);
            }
            match result {
                Ok(verified) => {
                    // Served well: forgiven.
                    self.avoided.remove(&(peer, log.clone()));
                    let (from, leaves, head) = (verified.from, verified.leaves, verified.head);
                    self.effects.push_back(Effect::Store { log: log.clone(), from, leaves, head });
                    return;
                }
                Err(Unverified::TwoFaces(evidence)) => {
                    self.freeze(log, *evidence, None);
                    return;
                }
                Err(Unverified::Contradiction(question)) => {
                    self.strike(&peer, log);
                    self.ask_consistency(&peer, log, question);
                }
                Err(Unverified::Unclear | Unverified::Refused(Refusal::Foreign)) => self.strike(&peer, log),
                Err(Unverified::Refused(Refusal::Fault(fault))) => self.convict_peer(&peer, log, fault),
            }
        }
    }

    /// Leaves withheld by a relay may be meant for this node all the same: the relay knows only what it got itself. While
    /// the author can be asked, it is.
    fn author_has_more(&mut self, log: &LogId, chunk: &Chunk) -> bool {
        let withheld = chunk.leaves.iter().any(|leaf| matches!(leaf, Leaf::Withheld(_)));
        if !withheld || chunk.peer == log.member || self.is_avoided(&log.member, log) {
            return false;
        }
        let end = self.logs.get(log).map_or(0, |state| state.stored());
        let author = self.peers.get(&log.member);
        if author.is_none_or(|author| author.holds(log) <= end || !author.has_slot(log)) {
            return false;
        }
        self.ask_range(&log.member.clone(), log, end, end.saturating_add(chunk.leaves.len() as u64));
        true
    }

    /// A peer served what leads nowhere, or showed what nobody honest shows.
    pub(super) fn convict_peer(&mut self, peer: &MemberId, log: &LogId, fault: PeerFault) {
        self.strike(peer, log);
        self.raise_bad_range(peer, log);
        self.drop_peer(peer, fault);
    }

    pub(super) fn on_stored(&mut self, log: &LogId, size: u64) {
        let uptime = self.clock.uptime();
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(storing) = state.storing.take() else { return };
        if storing.frontier.size() != size {
            let known = storing.frontier.size();
            self.raise(Alarm::OutOfStep { log: log.clone(), known, told: size });
            return;
        }
        state.frontier = storing.frontier;
        state.allowance.took(storing.bytes);
        state.behind_since = (state.target() > state.stored()).then_some(uptime);
        state.stalled = false;
        if !state.is_frozen() {
            state.base = Some(storing.head);
            state.promote();
            state.forget_passed();
        }
        self.on_head_complete(log, storing.inline);
        self.verify_next(log);
    }

    pub(super) fn on_store_failed(&mut self, log: &LogId) {
        if let Some(state) = self.logs.get_mut(log) {
            state.storing = None;
            state.drop_buffered();
            state.retry_at = self.clock.uptime().saturating_add(STORE_PAUSE);
        }
    }

    pub(super) fn expire_requests(&mut self) {
        let uptime = self.clock.uptime();
        let mut slow = Vec::new();
        for (member, peer) in &mut self.peers {
            let mut was_slow = false;
            peer.requests.retain(|_, request| {
                if request.deadline > uptime {
                    return true;
                }
                if !request.late {
                    slow.push((member.clone(), request.log.clone()));
                    was_slow = true;
                }
                let range = matches!(request.what, Asked::Range { .. });
                let keep = range && !request.late;
                request.late = true;
                request.deadline = uptime.saturating_add(LATE_TIME);
                keep
            });
            if was_slow {
                peer.was_slow();
            }
        }
        for (member, peer) in &mut self.peers {
            for log in self.logs.keys() {
                let asked = peer.known(log).and_then(|known| known.head_asked);
                if asked.is_some_and(|until| until <= uptime) {
                    let known = peer.known_mut(log);
                    (known.head_asked, known.head_owed) = (None, true);
                    slow.push((member.clone(), log.clone()));
                }
            }
        }
        for (member, log) in slow {
            self.strike(&member, &log);
        }
    }

    /// Asks for what is missing: the log with the fewest ranges under way first, then the one served longest ago, and
    /// logs over their quota after all others.
    pub(super) fn schedule(&mut self) {
        let mut under_way: BTreeMap<&LogId, usize> = BTreeMap::new();
        for peer in self.peers.values() {
            for request in peer.requests.values().filter(|request| !request.late) {
                if let Asked::Range { .. } = request.what {
                    *under_way.entry(&request.log).or_default() += 1;
                }
            }
        }
        let uptime = self.clock.uptime();
        let mut waiting = Vec::new();
        let mut total: usize = under_way.values().sum();
        for state in self.logs.values() {
            total += state.waiting();
            if state.is_behind() && state.retry_at <= uptime {
                let busy = under_way.get(&state.log).copied().unwrap_or(0) + state.waiting();
                waiting.push((busy, state.turn, state.log.clone()));
            }
        }
        let mut late = Vec::new();
        while let Some(next) = (0..waiting.len()).min_by_key(|at| (waiting[*at].0, waiting[*at].1)) {
            let (busy, _, log) = waiting.swap_remove(next);
            let Some((from, _)) = self.first_gap(&log) else { continue };
            let ahead = busy >= WINDOW || total >= RANGES_MAX;
            if self.is_late(&log, from) {
                if busy == 0 {
                    late.push(log);
                }
            } else if self.request_next(&log, ahead) {
                total += 1;
                let turn = self.logs.get(&log).map_or(0, |state| state.turn);
                waiting.push((busy + 1, turn, log));
            }
        }
        for log in late {
            let may = self.logs.get(&log).is_some_and(|state| state.allowance.may_fetch_late(uptime));
            if may && self.request_next(&log, total >= RANGES_MAX) {
                total += 1;
                if let Some(state) = self.logs.get_mut(&log) {
                    state.allowance.fetched_late(uptime);
                }
            }
        }
    }

    /// Whether the entry at `index` is beyond what its author may add at full speed.
    pub(super) fn is_late(&mut self, log: &LogId, index: u64) -> bool {
        let uptime = self.clock.uptime();
        let quota = self.roster.member(&log.member).and_then(|member| member.quota);
        let own = self.is_own(log);
        self.logs.get_mut(log).is_some_and(|state| {
            let stored = state.stored();
            !own && state.allowance.is_late(quota, index, stored, uptime)
        })
    }

    /// Asks for one more range of `log`, if it is `full` only for the very next; `false` when there is none to ask for
    /// or nobody to ask.
    fn request_next(&mut self, log: &LogId, full: bool) -> bool {
        let Some((from, end)) = self.first_gap(log) else { return false };
        if full && self.logs.get(log).is_none_or(|state| state.next() != from) {
            return false;
        }
        let may = |(member, peer): &(&MemberId, &crate::sync::peer::Peer)| {
            peer.holds(log) > from && peer.has_slot(log) && !self.is_avoided(member, log)
        };
        let eligible = self.peers.iter().filter(may);
        let Some((member, holds)) = eligible
            .min_by_key(|(_, peer)| peer.requests.len())
            .map(|(member, peer)| (member.clone(), peer.holds(log)))
        else {
            return false;
        };
        self.ask_range(&member, log, from, end.min(holds));
        true
    }

    fn ask_range(&mut self, to: &MemberId, log: &LogId, from: u64, end: u64) {
        let count = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX).clamp(1, RANGE_COUNT_MAX);
        let Some(peer) = self.peers.get(to) else { return };
        let bytes_max = u32::try_from(peer.bytes_max).unwrap_or(u32::MAX);
        let count_max = u32::try_from(count).unwrap_or(u32::MAX);
        let what = Asked::Range { from, end: from.saturating_add(count as u64) };
        self.next_turn += 1;
        if let Some(state) = self.logs.get_mut(log) {
            state.turn = self.next_turn;
        }
        self.ask(to, log, what, |id| Frame::GetRange { id, log: log.clone(), from, count_max, bytes_max });
    }

    fn ask_consistency(&mut self, to: &MemberId, log: &LogId, question: Question) {
        let Some((old, new)) = question.sizes() else { return };
        let free = |peer: &crate::sync::peer::Peer| {
            !peer.is_asked_to_prove() && peer.requests.len() < 2 * REQUESTS_MAX
        };
        if self.peers.get(to).is_some_and(free) {
            let what = Asked::Consistency(Box::new(question));
            self.ask(to, log, what, |id| Frame::GetConsistency { id, log: log.clone(), old, new });
        }
    }

    fn ask(&mut self, to: &MemberId, log: &LogId, what: Asked, frame: impl FnOnce(u64) -> Frame) {
        let asked_at = self.clock.uptime();
        let deadline = asked_at.saturating_add(REQUEST_TIME);
        let Some(peer) = self.peers.get_mut(to) else { return };
        self.next_request += 1;
        let id = self.next_request;
        peer.requests.insert(id, Request { log: log.clone(), what, asked_at, deadline, late: false });
        let frame = frame(id);
        self.send(to, &frame);
    }

    /// The first indexes that are neither here, nor waiting, nor asked for.
    fn first_gap(&self, log: &LogId) -> Option<(u64, u64)> {
        let state = self.logs.get(log)?;
        let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
        for (first, chunk) in &state.buffered {
            taken.insert(*first, first.saturating_add(chunk.leaves.len() as u64));
        }
        for peer in self.peers.values() {
            for request in peer.requests.values().filter(|request| request.log == *log && !request.late) {
                if let Asked::Range { from, end } = request.what {
                    let known = taken.entry(from).or_insert(end);
                    *known = (*known).max(end);
                }
            }
        }
        let mut from = state.next();
        for (first, end) in taken {
            if first > from {
                return (from < state.target()).then_some((from, first.min(state.target())));
            }
            from = from.max(end);
        }
        (from < state.target()).then_some((from, state.target()))
    }

    pub(super) fn notice_stalls(&mut self) {
        let uptime = self.clock.uptime();
        let mut stalled = Vec::new();
        for state in self.logs.values_mut() {
            if !state.is_behind() {
                state.behind_since = None;
                state.stalled = false;
            } else if state.behind_since.is_some_and(|since| uptime >= since.saturating_add(STALL))
                && !std::mem::replace(&mut state.stalled, true)
            {
                let (stored, seen) = (state.stored(), state.target());
                stalled.push(Alarm::Stalled { log: state.log.clone(), stored, seen });
            }
        }
        stalled.into_iter().for_each(|alarm| self.raise(alarm));
    }
}
