// SPDX-License-Identifier: EUPL-1.2
//! Evidence, freezing, and what another roster version changes (spec 04-replication, "Two faces").

use std::sync::Arc;

use crate::log::{Checkpoint, Equivocation, EvidenceError, Hash, SignedNote};
use crate::member::{LogId, MemberId};
use crate::roster::Roster;
use crate::sync::fault::{Alarm, PeerFault};
use crate::sync::frame::Frame;
use crate::sync::peer::Asked;
use crate::sync::range::Answer;

use super::Replica;

/// What evidence comes to under the roster in force.
enum Weight {
    Convicts,
    /// Decided on, or signed with keys that count nothing here; under another roster version it may convict.
    Undecided,
    /// It shows nothing under any roster.
    Nothing,
}

impl Replica {
    pub(super) fn on_consistency(
        &mut self,
        from: &MemberId,
        id: u64,
        old_root: Hash,
        path: Vec<Hash>,
    ) -> Result<(), PeerFault> {
        let Some(peer) = self.peers.get_mut(from) else { return Ok(()) };
        let asked = |request: &crate::sync::peer::Request| matches!(request.what, Asked::Consistency(_));
        if !peer.requests.get(&id).is_some_and(asked) {
            return Ok(());
        }
        // The log is the one that was asked about, whatever the answer says.
        let Some(request) = peer.requests.remove(&id) else { return Ok(()) };
        let Asked::Consistency(question) = request.what else { return Ok(()) };
        let (log, blames) = (request.log, question.blames);
        match question.judge(old_root, path) {
            Answer::Convicts(evidence) => self.freeze(&log, *evidence, None),
            Answer::Consistent => {
                if let Some(first) = blames {
                    self.convict_peer(from, &log, PeerFault::BadRange { log: log.clone(), from: first });
                }
            }
            Answer::Nonsense => self.convict_peer(from, &log, PeerFault::BadProof(log.clone())),
        }
        Ok(())
    }

    pub(super) fn on_evidence(&mut self, from: &MemberId, log: &LogId, json: &[u8]) -> Result<(), PeerFault> {
        let Some(state) = self.logs.get(log) else { return Ok(()) };
        if state.is_frozen() {
            return Ok(());
        }
        let uptime = self.clock.uptime();
        if let Some(peer) = self.peers.get_mut(from) {
            if !peer.may_cost(uptime) {
                return Ok(());
            }
            peer.charge(4);
        }
        let bad = || PeerFault::BadEvidence(log.clone());
        let evidence = Equivocation::parse(json).map_err(|_| bad())?;
        match self.weigh(log, &evidence) {
            Weight::Convicts => self.freeze(log, evidence, Some(from)),
            Weight::Undecided => {}
            Weight::Nothing => return Err(bad()),
        }
        Ok(())
    }

    /// Evidence of an earlier run.
    pub(super) fn on_convicted(&mut self, log: &LogId, json: &[u8]) {
        let evidence = Equivocation::parse(json).ok();
        let evidence = evidence.filter(|evidence| matches!(self.weigh(log, evidence), Weight::Convicts));
        if let Some(state) = self.logs.get_mut(log).filter(|_| evidence.is_some()) {
            state.evidence = Some(json.to_vec());
            state.drop_buffered();
        }
    }

    fn weigh(&self, log: &LogId, evidence: &Equivocation) -> Weight {
        let size = |note: &SignedNote| Checkpoint::parse(note.text()).ok().map(|checkpoint| checkpoint.size);
        let (Some(first), Some(second)) = (size(&evidence.first), size(&evidence.second)) else {
            return Weight::Nothing;
        };
        let pardoned = self.logs.get(log).map_or(0, |state| state.pardoned);
        if first <= pardoned || self.is_decided(log, first) {
            return Weight::Undecided;
        }
        let origin = log.origin(self.roster.federation());
        let (first, second) =
            (self.roster.checkpoint_keys(log, first), self.roster.checkpoint_keys(log, second));
        let mut shows_nothing = false;
        for one in &first {
            for other in &second {
                match evidence.check_keys(&origin, one, other) {
                    Ok(_) => return Weight::Convicts,
                    Err(EvidenceError::First(_) | EvidenceError::Second(_)) => {}
                    Err(_) => shows_nothing = true,
                }
            }
        }
        if shows_nothing { Weight::Nothing } else { Weight::Undecided }
    }

    /// Whether the federation agreed on the log's tree at `size` or later: then it does not matter what else was signed.
    fn is_decided(&self, log: &LogId, size: u64) -> bool {
        self.roster.pins(log).last().is_some_and(|pin| pin.size >= size)
    }

    /// Stops a log at what is agreed, keeps the proof, and tells everybody but the one who sent it.
    pub(super) fn freeze(&mut self, log: &LogId, evidence: Equivocation, from: Option<&MemberId>) {
        if !matches!(self.weigh(log, &evidence), Weight::Convicts) {
            return;
        }
        let Ok(json) = serde_json::to_vec(&evidence) else { return };
        let Some(state) = self.logs.get_mut(log).filter(|state| !state.is_frozen()) else { return };
        state.evidence = Some(json.clone());
        state.drop_buffered();
        state.relay_at = None;
        let peers: Vec<MemberId> = self.peers.keys().filter(|peer| Some(*peer) != from).cloned().collect();
        for peer in peers {
            self.send(&peer, &Frame::Evidence { log: log.clone(), json: json.clone() });
        }
        self.raise(Alarm::Equivocation { log: log.clone(), evidence: Box::new(evidence) });
    }

    /// People decided that the log goes on as it stands here. What was signed up to now is held against nobody.
    pub(super) fn on_unfreeze(&mut self, log: &LogId) {
        let Some(state) = self.logs.get_mut(log) else { return };
        let Some(json) = state.evidence.take() else { return };
        let sizes = Equivocation::parse(&json).ok().into_iter().flat_map(|e| [e.first, e.second]);
        let sizes = sizes.filter_map(|note| Checkpoint::parse(note.text()).ok()).map(|c| c.size);
        state.pardoned = sizes.chain([state.pardoned, state.stored(), state.target()]).max().unwrap_or(0);
        state.seen = None;
        state.base = None;
        state.promote();
        self.relay_later(log);
    }

    /// Another version is in force: members come and go, keys end, logs are closed, roots are pinned.
    pub(super) fn on_roster(&mut self, roster: Arc<Roster>) {
        self.roster = roster;
        self.open_new_logs();
        let active = |member: &MemberId| self.roster.member(member).is_some_and(|m| m.is_active());
        let gone: Vec<MemberId> = self.peers.keys().filter(|peer| !active(peer)).cloned().collect();
        for peer in gone {
            self.drop_peer(&peer, PeerFault::NotAMember(peer.clone()));
        }
        let logs: Vec<LogId> = self.logs.keys().cloned().collect();
        self.avoided.clear();
        for log in logs {
            let evidence = self.logs.get(&log).and_then(|state| state.evidence.clone());
            let moot = evidence
                .and_then(|json| Equivocation::parse(&json).ok())
                .is_some_and(|evidence| !matches!(self.weigh(&log, &evidence), Weight::Convicts));
            let Some(state) = self.logs.get_mut(&log) else { continue };
            if moot {
                state.evidence = None;
            }
            state.drop_buffered();
            state.reopen(&self.roster);
            let (size, root) = (state.stored(), state.frontier.root());
            let pinned = self.roster.pins(&log).iter().find(|pin| pin.size == size && pin.root != root);
            let diverged = pinned.map(|pin| pin.size);
            if let Some(size) = diverged.filter(|_| !std::mem::replace(&mut state.diverged, true)) {
                self.raise(Alarm::Diverged { log: log.clone(), size });
            }
            self.on_head_complete(&log, None);
            self.relay_later(&log);
        }
    }
}
