// SPDX-License-Identifier: EUPL-1.2
//! Telling others: what is complete here is cosigned and passed on (spec 04-replication, "Passing on").
//!
//! The author tells everybody, a coordinator passes on at once, and cosignatures are gathered by coordinators. A member
//! passes a checkpoint on to others only where no coordinator is known to do it, so that one new entry costs the
//! federation a few frames for each member and not for each pair of members.

use std::time::Duration;

use crate::log::{SignedNote, cosign, leaf_hash};
use crate::member::{LogId, MemberId};
use crate::sync::fault::Alarm;
use crate::sync::frame::{Frame, HINT_BYTES_MAX, HINT_COUNT_MAX, Leaf};
use crate::sync::head::{Claim, Head};
use crate::sync::interface::Effect;
use crate::sync::log_state::LogState;
use crate::sync::peer::Known;
use crate::time::Timestamp;

use super::{Replica, SILENCE};

/// Cosignatures are gathered for this long before they are passed on, and so is everything by members that do not
/// coordinate.
const RELAY_DELAY: Duration = Duration::from_millis(500);

impl Replica {
    /// If the head is a new one, it is cosigned, and others hear of it.
    pub(super) fn on_head_complete(&mut self, log: &LogId, inline: Option<(u64, Vec<Leaf>)>) {
        let Some(state) = self.logs.get_mut(log) else { return };
        if !std::mem::take(&mut state.completed) || state.is_frozen() {
            return;
        }
        state.dirty = true;
        self.cosign_head(log);
        if self.roster.is_coordinator(&self.me) {
            // A member that only reaches a coordinator hears of it at once.
            self.tell(log, inline, |known, size| known.holds < size && known.told < size);
        }
        self.relay_later(log);
    }

    /// Puts the cosignature that says "this is here" under the head, once.
    fn cosign_head(&mut self, log: &LogId) {
        let time = self.clock.seconds();
        let name = self.roster.cosigner_name(&self.me);
        let own = self.is_own(log);
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(head) = state.head.as_mut() else { return };
        if !own
            && head.cosigned_by(&self.me).is_none()
            && self.roster.cosigner_key(&self.me) == Some(&self.cosigner.public())
            && let Ok(line) = cosign(&head.checkpoint, &name, &self.cosigner, time)
        {
            head.add(self.me.clone(), time, line);
            state.dirty = true;
        }
        if head.is_confirmed(&self.roster) {
            state.confirmed = state.confirmed.max(head.size());
        }
    }

    pub(super) fn relay_later(&mut self, log: &LogId) {
        let at = self.clock.uptime().saturating_add(RELAY_DELAY);
        if let Some(state) = self.logs.get_mut(log) {
            state.relay_at.get_or_insert(at);
        }
    }

    pub(super) fn flush_due(&mut self) {
        let uptime = self.clock.uptime();
        let due = |state: &&LogState| state.relay_at.is_some_and(|at| at <= uptime);
        let logs: Vec<LogId> = self.logs.values().filter(due).map(|state| state.log.clone()).collect();
        for log in logs {
            self.flush(&log);
        }
    }

    /// Stores what was gathered, and tells peers what they are not known to know.
    fn flush(&mut self, log: &LogId) {
        let Some(state) = self.logs.get_mut(log) else { return };
        state.relay_at = None;
        if state.is_frozen() || state.head.is_none() {
            return;
        }
        self.cosign_head(log);
        let Some(state) = self.logs.get_mut(log) else { return };
        if let Some(head) = state.head.as_ref().filter(|_| state.dirty) {
            let effect = Effect::StoreHead { log: log.clone(), head: head.note() };
            state.dirty = false;
            self.effects.push_back(effect);
        }
        let Some(state) = self.logs.get(log) else { return };
        let size = state.head_size();
        let confirmed = state.confirmed == size;
        let time = state.author_time().unwrap_or(0);
        let coordinator = self.roster.is_coordinator(&self.me);
        let others_tell = !coordinator
            && !self.is_own(log)
            && self
                .peers
                .iter()
                .any(|(member, peer)| self.roster.is_coordinator(member) && peer.holds(log) >= size);
        let desks: Vec<MemberId> = self.roster.coordinators().iter().chain([&log.member]).cloned().collect();
        self.tell_some(log, None, |member, known, size| {
            let lacks_head = known.holds < size && known.told < size && !others_tell;
            let gathers = desks.contains(member) && known.told < size;
            let lacks_confirmation =
                confirmed && known.holds <= size && known.confirmed < size && known.told_confirmed < size;
            let lacks_time =
                coordinator && known.seen <= size && known.author_time < time && known.told_time < time;
            lacks_head || gathers || lacks_confirmation && (coordinator || known.holds == size) || lacks_time
        });
        self.tell_confirmed(log);
    }

    /// While entries come faster than cosignatures are gathered, the head is never the one that is confirmed.
    fn tell_confirmed(&mut self, log: &LogId) {
        if !self.roster.is_coordinator(&self.me) {
            return;
        }
        let Some(older) = self.logs.get(log).and_then(LogState::confirmed_older) else { return };
        let (size, note) = (older.size(), older.note());
        let frame = Frame::Hint { log: log.clone(), note, from: 0, leaves: Vec::new() }.encode();
        for (to, peer) in &mut self.peers {
            let known = peer.known_mut(log);
            if known.holds >= size && known.confirmed < size && known.told_confirmed < size {
                known.told_confirmed = size;
                self.effects.push_back(Effect::Send { to: to.clone(), frame: frame.clone() });
            }
        }
    }

    fn tell(&mut self, log: &LogId, inline: Option<(u64, Vec<Leaf>)>, wants: impl Fn(&Known, u64) -> bool) {
        self.tell_some(log, inline, |_, known, size| wants(known, size));
    }

    /// Tells the peers that `wants` picks of the head; leaves go to those that lack them.
    fn tell_some(
        &mut self,
        log: &LogId,
        inline: Option<(u64, Vec<Leaf>)>,
        wants: impl Fn(&MemberId, &Known, u64) -> bool,
    ) {
        let Some(state) = self.logs.get(log).filter(|state| !state.is_frozen()) else { return };
        let Some(head) = state.head.as_ref() else { return };
        let (size, note) = (head.size(), head.note());
        let (time, confirmed) = (state.author_time().unwrap_or(0), state.confirmed);
        let unknown = Known::default();
        let told: Vec<(MemberId, bool)> = self
            .peers
            .iter()
            .map(|(member, peer)| (member, peer.known(log).unwrap_or(&unknown)))
            .filter(|(member, known)| wants(member, known, size))
            .map(|(member, known)| (member.clone(), known.holds < size && known.told < size))
            .collect();
        if told.is_empty() {
            return;
        }
        let bare = Frame::Hint { log: log.clone(), note: note.clone(), from: 0, leaves: Vec::new() }.encode();
        let open = inline.filter(|(_, leaves)| !leaves.iter().any(is_restricted));
        let full = open.map(|(from, leaves)| Frame::Hint { log: log.clone(), note, from, leaves }.encode());
        for (to, lacks) in told {
            let frame = full.as_ref().filter(|_| lacks).unwrap_or(&bare).clone();
            self.effects.push_back(Effect::Send { to: to.clone(), frame });
            if let Some(peer) = self.peers.get_mut(&to) {
                let known = peer.known_mut(log);
                known.told = size;
                known.told_time = time;
                if confirmed == size {
                    known.told_confirmed = size;
                }
            }
        }
    }

    pub(super) fn on_own_advanced(&mut self, note: &SignedNote, from: u64, leaves: Vec<Vec<u8>>) {
        let Some(log) = self.roster.own_log(&self.me) else { return };
        let Some(state) = self.logs.get_mut(&log) else { return };
        if state.stored() != from || state.storing.is_some() {
            let known = state.next();
            self.raise(Alarm::OutOfStep { log, known, told: from });
            return;
        }
        for leaf in &leaves {
            state.frontier.push(leaf_hash(leaf));
        }
        let claim = Claim::read(&self.roster, &log, &note.to_bytes());
        let head = claim.ok().and_then(|claim| Head::verify(&self.roster, &log, &claim, &mut 0).ok());
        let whole = |head: &Head| {
            head.size() == state.frontier.size() && head.checkpoint.root == state.frontier.root()
        };
        let Some(head) = head.filter(whole) else { return };
        state.replace_head(head);
        state.forget_passed();
        let bytes: usize = leaves.iter().map(Vec::len).sum();
        let small = !leaves.is_empty() && leaves.len() <= HINT_COUNT_MAX && bytes <= HINT_BYTES_MAX;
        let inline = small.then(|| (from, leaves.into_iter().map(Leaf::Entry).collect()));
        self.refresh(&log, inline);
    }

    /// Puts a fresh time under the own log now and then, so that silence can be told from death.
    pub(super) fn refresh_own(&mut self) {
        self.next_own = self.clock.uptime().saturating_add(self.config.checkpoint_interval);
        let Some(log) = self.roster.own_log(&self.me) else { return };
        let Some(state) = self.logs.get(&log) else { return };
        if state.head.is_some() && state.head_size() == state.stored() && self.may_sign_own(self.clock.wall())
        {
            self.refresh(&log, None);
        }
    }

    fn refresh(&mut self, log: &LogId, inline: Option<(u64, Vec<Leaf>)>) {
        self.next_own = self.clock.uptime().saturating_add(self.config.checkpoint_interval);
        let now = self.clock.seconds();
        let name = self.roster.cosigner_name(&self.me);
        let uptime = self.clock.uptime();
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(head) = state.head.as_mut() else { return };
        // A clock that was set back would make every further time old news.
        let time = head.cosigned_by(&self.me).map_or(now, |last| now.max(last.saturating_add(1)));
        if let Ok(line) = cosign(&head.checkpoint, &name, &self.cosigner, time) {
            head.add(self.me.clone(), time, line);
        }
        if head.is_confirmed(&self.roster) {
            state.confirmed = state.confirmed.max(head.size());
        }
        let effect = Effect::StoreHead { log: log.clone(), head: head.note() };
        state.hear(uptime);
        state.dirty = false;
        self.effects.push_back(effect);
        self.tell(log, inline, |_, _| true);
    }

    pub(super) fn notice_silence(&mut self) {
        let uptime = self.clock.uptime();
        let mut silent = Vec::new();
        for state in self.logs.values_mut() {
            let author = &state.log.member;
            let active = self.roster.member(author).is_some_and(|member| member.is_active());
            let open = self.roster.own_log(author).is_some_and(|log| log == state.log);
            let long = uptime.saturating_sub(state.heard_at()) > SILENCE;
            if active && open && *author != self.me && long && !state.silent {
                state.silent = true;
                let seconds = state.author_time().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
                let since = Timestamp::from_seconds(seconds);
                silent.push(Alarm::Silent { log: state.log.clone(), since });
            }
        }
        silent.into_iter().for_each(|alarm| self.raise(alarm));
    }
}

/// Entries that are not for every member never travel with a hint: the driver serves them by audience.
fn is_restricted(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Withheld(_) => true,
        Leaf::Entry(bytes) => crate::entry::address_of(bytes)
            .is_some_and(|(_, audience)| audience != crate::entry::Audience::MEMBERS),
    }
}
