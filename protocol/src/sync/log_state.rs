// SPDX-License-Identifier: EUPL-1.2
//! One log as a replica sees it: what is stored, the newest checkpoint, and ranges that wait for their turn.

use std::collections::BTreeMap;

use crate::log::{Equivocation, Frontier, Hash, SignedNote, consistency_roots, verify_consistency};
use crate::member::LogId;
use crate::roster::Roster;
use crate::sync::fault::PeerFault;
use crate::sync::frame::Leaf;
use crate::sync::head::Head;
use crate::time::Timestamp;

/// Ranges that came before their turn, per log.
pub(crate) const BUFFERED_MAX: usize = 8;
/// Checkpoints remembered to compare later ones with.
const REMEMBERED_MAX: usize = 64;

/// A range that came and was not yet verified.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) peer: crate::member::MemberId,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) note: Vec<u8>,
    pub(crate) path: Vec<Hash>,
}

/// A verified range on its way to the disk.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    pub(crate) frontier: Frontier,
    /// Small enough to pass on with the hint.
    pub(crate) inline: Option<(u64, Vec<Leaf>)>,
}

/// What a checkpoint came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// Nothing new.
    Known,
    /// New cosignatures, or a newer time, on the newest checkpoint.
    Cosigned,
    /// A larger checkpoint; its entries are to be fetched.
    Newer,
    /// Two roots for one size.
    TwoFaces(Box<Equivocation>),
}

/// What a range came to.
#[derive(Clone, Debug)]
pub(crate) enum Verified {
    /// Write these leaves from this index on.
    Store { from: u64, leaves: Vec<Leaf> },
    /// Already here.
    Stale,
}

/// Why a range was not taken.
#[derive(Clone, Debug)]
pub(crate) enum Unverified {
    /// The sender's doing.
    Fault(PeerFault),
    /// The checkpoint that came along contradicts one that was signed before; whose doing it is, a proof will show.
    Contradiction { first: Vec<u8>, first_size: u64, second: Vec<u8>, second_size: u64 },
    /// Proven.
    TwoFaces(Box<Equivocation>),
}

#[derive(Clone, Debug)]
pub(crate) struct LogState {
    pub(crate) log: LogId,
    pub(crate) own: bool,
    /// Everything stored durably.
    pub(crate) frontier: Frontier,
    pub(crate) storing: Option<Storing>,
    /// The newest checkpoint whose author's signature holds. Its entries may not be here yet.
    pub(crate) head: Option<Head>,
    /// The newest checkpoint whose entries are all here: what ranges are served under.
    pub(crate) proven: Option<Head>,
    /// Signed checkpoints by size, the newest few: two for one size convict, and cosignatures on one that is no
    /// longer the newest still confirm.
    remembered: BTreeMap<u64, Head>,
    pub(crate) buffered: BTreeMap<u64, Chunk>,
    pub(crate) frozen: bool,
    /// Why, for peers that come later.
    pub(crate) evidence: Option<Vec<u8>>,
    pub(crate) confirmed: u64,
    pub(crate) silent: bool,
    /// Relay the head to peers that may not know it, at this time.
    pub(crate) relay_at: Option<Timestamp>,
}

impl LogState {
    pub(crate) fn new(log: LogId, own: bool, frontier: Frontier) -> Self {
        Self {
            log,
            own,
            frontier,
            storing: None,
            head: None,
            proven: None,
            remembered: BTreeMap::new(),
            buffered: BTreeMap::new(),
            frozen: false,
            evidence: None,
            confirmed: 0,
            silent: false,
            relay_at: None,
        }
    }

    pub(crate) fn stored(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn head_size(&self) -> u64 {
        self.head.as_ref().map_or(0, Head::size)
    }

    /// Everything under the newest checkpoint is here.
    pub(crate) fn is_complete(&self) -> bool {
        let leads =
            |head: &Head| head.size() == self.stored() && head.checkpoint.root == self.frontier.root();
        self.head.as_ref().is_some_and(leads)
    }

    /// Takes note that everything under the newest checkpoint is here, if it is.
    pub(crate) fn prove(&mut self) {
        if self.is_complete() {
            self.proven.clone_from(&self.head);
        }
    }

    /// Seconds of the author's newest cosignature.
    pub(crate) fn author_time(&self) -> Option<u64> {
        self.head.as_ref().and_then(|head| head.cosigned_by(&self.log.member))
    }

    /// Takes a checkpoint into account. Cheap checks come first: a smaller or equal size costs no signature unless
    /// its root is another one.
    pub(crate) fn show(&mut self, roster: &Roster, bytes: &[u8]) -> Result<Shown, PeerFault> {
        let (mut head, note) = Head::open(roster, &self.log, bytes)?;
        if let Some(other) = self.remembered.get(&head.size())
            && other.checkpoint != head.checkpoint
            && let Ok(other) = SignedNote::parse(&other.note())
        {
            let evidence = Equivocation::two_roots(other, note);
            return Ok(Shown::TwoFaces(Box::new(evidence)));
        }
        if self.frozen {
            // What is agreed is all that counts until people decide.
            return Ok(Shown::Known);
        }
        if head.size() == self.stored()
            && head.size() > 0
            && head.checkpoint.root != self.frontier.root()
            && let Some(known) = self.head.as_ref().filter(|known| known.size() == head.size())
            && let Ok(known) = SignedNote::parse(&known.note())
        {
            return Ok(Shown::TwoFaces(Box::new(Equivocation::two_roots(known, note))));
        }
        match &mut self.head {
            Some(known) if head.size() < known.size() => {
                let size = head.size();
                if size > self.confirmed
                    && size <= self.frontier.size()
                    && let Some(older) = self.remembered.get_mut(&size)
                    && older.merge(roster, &note)
                    && older.is_confirmed(roster)
                {
                    self.confirmed = size;
                }
                Ok(Shown::Known)
            }
            Some(known) if head.size() == known.size() => {
                Ok(if known.merge(roster, &note) { Shown::Cosigned } else { Shown::Known })
            }
            _ => {
                head.merge(roster, &note);
                if let Some(previous) = self.head.take() {
                    // With the cosignatures that it gathered as the newest.
                    self.remember(previous);
                }
                self.remember(head.clone());
                self.head = Some(head);
                Ok(Shown::Newer)
            }
        }
    }

    fn remember(&mut self, head: Head) {
        self.remembered.insert(head.size(), head);
        while self.remembered.len() > REMEMBERED_MAX {
            self.remembered.pop_first();
        }
    }

    /// Verifies the range that follows what is stored.
    pub(crate) fn verify(
        &mut self,
        roster: &Roster,
        from: u64,
        chunk: Chunk,
    ) -> Result<Verified, Unverified> {
        let bad = || Unverified::Fault(PeerFault::BadRange { log: self.log.clone(), from });
        if from != self.stored() || chunk.leaves.is_empty() {
            return Ok(Verified::Stale);
        }
        let (head, note) = Head::open(roster, &self.log, &chunk.note).map_err(Unverified::Fault)?;
        let mut frontier = self.frontier.clone();
        // A signed checkpoint inside the range must be on the way; if it is not, one of the two is a lie.
        let mut crossed = None;
        for leaf in &chunk.leaves {
            frontier.push(leaf.hash());
            if let Some(known) = self.remembered.get(&frontier.size())
                && crossed.is_none()
                && known.checkpoint.root != frontier.root()
            {
                crossed = SignedNote::parse(&known.note()).ok().map(|note| (frontier.size(), note));
            }
        }
        let (size, root) = (frontier.size(), frontier.root());
        if size > head.size() {
            return Err(bad());
        }
        let leads = if size == head.size() {
            chunk.path.is_empty() && root == head.checkpoint.root
        } else {
            verify_consistency(size, &root, head.size(), &head.checkpoint.root, &chunk.path).is_ok()
        };
        if !leads {
            return Err(self.contradiction(&head, &note).unwrap_or_else(bad));
        }
        if let Some((first_size, first)) = crossed {
            if first_size == head.size() {
                return Err(Unverified::TwoFaces(Box::new(Equivocation::two_roots(first, note))));
            }
            return Err(Unverified::Contradiction {
                first: first.to_bytes(),
                first_size,
                second: chunk.note,
                second_size: head.size(),
            });
        }
        let bytes: usize = chunk.leaves.iter().map(Leaf::len).sum();
        let small = chunk.leaves.len() <= super::HINT_COUNT_MAX && bytes <= super::HINT_BYTES_MAX;
        let inline = (small && size == head.size()).then(|| (from, chunk.leaves.clone()));
        self.storing = Some(Storing { frontier, inline });
        Ok(Verified::Store { from, leaves: chunk.leaves })
    }

    /// The leaves do not lead to the checkpoint. Either the peer made them up, or the author signed a history that
    /// does not continue what is stored here; the second can be proven if we hold a checkpoint at our own end.
    fn contradiction(&self, head: &Head, note: &SignedNote) -> Option<Unverified> {
        let (first_size, first) = self.remembered.range(1..=self.stored()).next_back()?;
        if head.size() <= *first_size {
            return None;
        }
        Some(Unverified::Contradiction {
            first: first.note(),
            first_size: *first_size,
            second: note.to_bytes(),
            second_size: head.size(),
        })
    }
}

/// Makes evidence of a proof between two signed checkpoints, if it convicts.
pub(crate) fn convict(first: &[u8], second: &[u8], old_root: Hash, path: Vec<Hash>) -> Option<Equivocation> {
    let (first, second) = (SignedNote::parse(first).ok()?, SignedNote::parse(second).ok()?);
    let (old, new) = (
        crate::log::Checkpoint::parse(first.text()).ok()?,
        crate::log::Checkpoint::parse(second.text()).ok()?,
    );
    let hint = old.size.is_power_of_two().then_some(old_root);
    let (later, newest) = consistency_roots(old.size, new.size, &path, hint.as_ref()).ok()?;
    (newest == new.root && later != old.root).then_some(Equivocation { first, second, path, old_root: hint })
}
