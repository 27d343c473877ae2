// SPDX-License-Identifier: EUPL-1.2
//! Whether leaves lead to a signed checkpoint, and whose doing it is when they do not (spec 04-replication, "Ranges").

use crate::log::{
    Checkpoint, Equivocation, Frontier, Hash, SignedNote, consistency_roots, verify_consistency,
};
use crate::roster::Roster;
use crate::sync::fault::{PeerFault, Refusal};
use crate::sync::frame::{HINT_BYTES_MAX, HINT_COUNT_MAX, Leaf};
use crate::sync::head::{Claim, Head};
use crate::sync::log_state::{Chunk, LogState, Shown, Storing};
use crate::sync::peer::Question;

/// A range that holds, on its way to the disk.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) from: u64,
    pub(crate) leaves: Vec<Leaf>,
    /// The checkpoint that they lead to.
    pub(crate) head: Vec<u8>,
}

/// Why a range was not taken.
#[derive(Clone, Debug)]
pub(crate) enum Unverified {
    /// Refused outright.
    Refused(Refusal),
    /// The checkpoint that came along contradicts one that was signed before, or the leaves are false: the proof
    /// between the two will tell.
    Contradiction(Question),
    /// Nobody can be blamed with what is known here.
    Unclear,
    /// Proven.
    TwoFaces(Box<Equivocation>),
}

impl LogState {
    /// Verifies the range that follows what is stored. The checkpoint that came along counts as shown.
    pub(crate) fn verify(
        &mut self,
        roster: &Roster,
        chunk: Chunk,
        checks: &mut u32,
    ) -> Result<Verified, Unverified> {
        let from = self.stored();
        let claim = Claim::read(roster, &self.log, &chunk.note).map_err(Unverified::Refused)?;
        match self.show(roster, &claim, checks) {
            Ok(Shown::TwoFaces(evidence)) => return Err(Unverified::TwoFaces(evidence)),
            Ok(_) => {}
            Err(refusal) => return Err(Unverified::Refused(refusal)),
        }
        let head = self.authenticate(roster, &claim, checks).map_err(Unverified::Refused)?;
        let mut frontier = self.frontier.clone();
        let mut on_the_way = self.signed_between(from, from.saturating_add(chunk.leaves.len() as u64));
        let mut crossed = None;
        for leaf in &chunk.leaves {
            frontier.push(leaf.hash());
            let size = frontier.size();
            let pinned = roster.pins(&self.log).iter().find(|pin| pin.size == size);
            if pinned.is_some_and(|pin| pin.root != frontier.root()) {
                return Err(Unverified::Refused(Refusal::Foreign));
            }
            if let Some((root, known)) = on_the_way.remove(&size) {
                if root == frontier.root() {
                    self.pass(size, &root);
                } else {
                    crossed.get_or_insert((size, known));
                }
            }
        }
        if !leads(&frontier, &head, &chunk.path) {
            return Err(self.contradiction(&head, from));
        }
        if let Some((size, known)) = crossed {
            // A signed checkpoint inside the range must be on the way; if it is not, the author signed both.
            if size <= self.pardoned {
                return Err(Unverified::Refused(Refusal::Foreign));
            }
            if size == head.size() {
                let evidence = Equivocation::two_roots(known, head.author_note());
                return Err(Unverified::TwoFaces(Box::new(evidence)));
            }
            let question = Question { first: known, second: head.author_note(), blames: None };
            return Err(Unverified::Contradiction(question));
        }
        let complete = frontier.size() == head.size();
        let note = head.note();
        let bytes: usize = chunk.leaves.iter().map(Leaf::len).sum();
        let small = complete && chunk.leaves.len() <= HINT_COUNT_MAX && bytes <= HINT_BYTES_MAX;
        let inline = small.then(|| (from, chunk.leaves.clone()));
        self.storing = Some(Storing { frontier, head, inline, bytes: bytes as u64 });
        Ok(Verified { from, leaves: chunk.leaves, head: note })
    }

    /// The leaves do not lead to the checkpoint. Either the peer made them up, or the author signed a history that does
    /// not continue what is stored here.
    fn contradiction(&self, head: &Head, from: u64) -> Unverified {
        let false_leaves =
            || Unverified::Refused(Refusal::Fault(PeerFault::BadRange { log: self.log.clone(), from }));
        if from == 0 {
            return false_leaves();
        }
        // Under which checkpoint what is stored was proven. After a restart that may be forgotten; then the head, which
        // covers the beginning of it, can still convict the author but not blame the peer.
        let (ours, covers) = match (&self.base, &self.head) {
            (Some(base), _) => (base, true),
            (None, Some(head)) => (head, head.size() == from),
            (None, None) => return Unverified::Unclear,
        };
        if ours.checkpoint == head.checkpoint {
            return if covers { false_leaves() } else { Unverified::Unclear };
        }
        let first = ours.size().min(head.size());
        if first == 0 || first <= self.pardoned || ours.size() >= head.size() {
            // A peer cannot prove a tree larger than its own. Both checkpoints are remembered: whichever side reaches the
            // larger of the two will find the contradiction, if there is one.
            return Unverified::Unclear;
        }
        let blames = covers.then_some(from);
        Unverified::Contradiction(Question { first: ours.author_note(), second: head.author_note(), blames })
    }
}

/// Whether a tree is the one, or the beginning of the one, that a checkpoint states.
fn leads(frontier: &Frontier, head: &Head, path: &[Hash]) -> bool {
    let (size, root) = (frontier.size(), frontier.root());
    if size == head.size() {
        return path.is_empty() && root == head.checkpoint.root;
    }
    size < head.size() && verify_consistency(size, &root, head.size(), &head.checkpoint.root, path).is_ok()
}

/// What an answer to a [`Question`] shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The author signed two histories.
    Convicts(Box<Equivocation>),
    /// The two checkpoints belong together.
    Consistent,
    /// It does not lead to the second checkpoint, which the peer itself showed.
    Nonsense,
}

impl Question {
    /// Sizes of the two checkpoints.
    pub(crate) fn sizes(&self) -> Option<(u64, u64)> {
        let size = |note: &SignedNote| Some(Checkpoint::parse(note.text()).ok()?.size);
        Some((size(&self.first)?, size(&self.second)?))
    }

    /// Judges an answer.
    pub(crate) fn judge(self, old_root: Hash, path: Vec<Hash>) -> Answer {
        let parse = |note: &SignedNote| Checkpoint::parse(note.text());
        let (Ok(old), Ok(new)) = (parse(&self.first), parse(&self.second)) else { return Answer::Nonsense };
        let hint = old.size.is_power_of_two().then_some(old_root);
        match consistency_roots(old.size, new.size, &path, hint.as_ref()) {
            Ok((later, newest)) if newest == new.root => {
                if later == old.root {
                    return Answer::Consistent;
                }
                let Self { first, second, .. } = self;
                Answer::Convicts(Box::new(Equivocation { first, second, path, old_root: hint }))
            }
            _ => Answer::Nonsense,
        }
    }
}
