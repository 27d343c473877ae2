// SPDX-License-Identifier: EUPL-1.2
//! Evidence that a log's author showed two faces (spec 02-log, "Equivocation").
//!
//! Two signed checkpoints that cannot both be of one append-only log convict whoever holds the key, and
//! anybody can check them. Which of the two is right is not asked: the log is frozen until people decide.

use serde::{Deserialize, Serialize};

use super::checkpoint::{OpenError, open_checkpoint};
use super::hash::Hash;
use super::note::{NOTE_LEN_MAX, SignedNote};
use super::proof::{ProofError, ProveError, consistency_roots, prove_consistency};
use super::tree::{HashReader, root_at};
use crate::encoding::{JsonError, json_strict};
use crate::key::PublicKey;

/// Longest evidence as JSON, in bytes: two notes, escaped, and a path.
pub const EVIDENCE_LEN_MAX: usize = 3 * NOTE_LEN_MAX;

/// Two signed checkpoints of one log and what shows them inconsistent. Unchecked until
/// [`Equivocation::check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// The checkpoint of the smaller size; for one size, either.
    pub first: SignedNote,
    /// The checkpoint of the larger size.
    pub second: SignedNote,
    /// For two sizes, the consistency path by which the larger tree begins with another root than `first`
    /// has; empty for one size.
    pub path: Vec<Hash>,
    /// The root with which the larger tree begins, exactly when the smaller size is a power of two: then it
    /// is not in the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_root: Option<Hash>,
}

/// What evidence shows; [`Equivocation::check`] is the only source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Two roots were signed for one size.
    TwoRoots {
        /// The size.
        size: u64,
        /// The roots, in the order of the evidence.
        roots: [Hash; 2],
    },
    /// A larger tree was signed that does not begin with a smaller one signed as well.
    Rewritten {
        /// The smaller size.
        old_size: u64,
        /// The root that was signed for it.
        signed_root: Hash,
        /// The root with which the larger tree begins.
        later_root: Hash,
        /// The larger size.
        new_size: u64,
    },
}

/// Why evidence shows nothing. Whoever sent it is at fault, not the log's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Longer than two notes can be.
    #[error("evidence of {found} bytes is over the limit of {EVIDENCE_LEN_MAX}")]
    TooLong {
        /// Bytes that came.
        found: usize,
    },
    /// Not the JSON of evidence.
    #[error("the evidence is malformed")]
    Json(#[source] JsonError),
    /// The first checkpoint is not this log's.
    #[error("the first checkpoint is refused")]
    First(#[source] OpenError),
    /// The second checkpoint is not this log's.
    #[error("the second checkpoint is refused")]
    Second(#[source] OpenError),
    /// The larger checkpoint must come second, so that evidence has one form.
    #[error("the checkpoint of the larger size must come second")]
    Order,
    /// One size needs no path.
    #[error("checkpoints of one size need no path and no older root")]
    NeedlessPath,
    /// The path does not lead to the second checkpoint's root.
    #[error("the path does not lead to the second checkpoint")]
    Path(#[from] ProofError),
    /// The checkpoints agree.
    #[error("the two checkpoints are consistent")]
    Consistent,
}

impl Equivocation {
    /// Evidence of two roots for one size.
    pub fn two_roots(first: SignedNote, second: SignedNote) -> Self {
        Self { first, second, path: Vec::new(), old_root: None }
    }

    /// Evidence that `second`, a checkpoint of `new_size` entries whose tree `reader` reads, does not begin
    /// with the `old_size` entries of `first`.
    ///
    /// # Errors
    ///
    /// [`ProveError`]: `BadSizes` unless `old_size` is at least 1 and below `new_size`, or what the reader
    /// says.
    pub fn rewritten<R: HashReader + ?Sized>(
        (first, old_size): (SignedNote, u64),
        (second, new_size): (SignedNote, u64),
        reader: &R,
    ) -> Result<Self, ProveError<R::Error>> {
        if old_size == new_size {
            return Err(ProveError::BadSizes { old: old_size, new: new_size });
        }
        let path = prove_consistency(old_size, new_size, reader)?;
        let old_root = match old_size.is_power_of_two() {
            true => Some(root_at(old_size, reader).map_err(ProveError::Read)?),
            false => None,
        };
        Ok(Self { first, second, path, old_root })
    }

    /// Reads evidence from JSON.
    ///
    /// # Errors
    ///
    /// `TooLong` or `Json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > EVIDENCE_LEN_MAX {
            return Err(EvidenceError::TooLong { found: bytes.len() });
        }
        json_strict(bytes).map_err(EvidenceError::Json)
    }

    /// Judges the evidence against the log `origin` and its `key`.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`]; no evidence that passes can be made without the key.
    pub fn check(&self, origin: &str, key: &PublicKey) -> Result<Verdict, EvidenceError> {
        self.check_keys(origin, key, key)
    }

    /// As [`Equivocation::check`] for a log whose key changed between the two checkpoints.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`].
    pub fn check_keys(
        &self,
        origin: &str,
        first_key: &PublicKey,
        second_key: &PublicKey,
    ) -> Result<Verdict, EvidenceError> {
        let first = open_checkpoint(&self.first, origin, first_key).map_err(EvidenceError::First)?;
        let second = open_checkpoint(&self.second, origin, second_key).map_err(EvidenceError::Second)?;
        if first.size > second.size {
            return Err(EvidenceError::Order);
        }
        if first.size == second.size {
            return match (self.path.as_slice(), self.old_root) {
                ([], None) if first.root != second.root => {
                    Ok(Verdict::TwoRoots { size: first.size, roots: [first.root, second.root] })
                }
                ([], None) => Err(EvidenceError::Consistent),
                _ => Err(EvidenceError::NeedlessPath),
            };
        }
        let (later_root, new_root) =
            consistency_roots(first.size, second.size, &self.path, self.old_root.as_ref())?;
        if new_root != second.root {
            return Err(ProofError::Root.into());
        }
        if later_root == first.root {
            return Err(EvidenceError::Consistent);
        }
        Ok(Verdict::Rewritten {
            old_size: first.size,
            signed_root: first.root,
            later_root,
            new_size: second.size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checkpoint, naive, sign_checkpoint};
    use super::*;
    use crate::key::SecretKey;

    const ORIGIN: &str = "concert.example/log/fr/1";

    fn key() -> SecretKey {
        SecretKey::from_seed(&[1; 32])
    }

    fn signed(size: u64, stored: &Vec<Hash>) -> (SignedNote, u64) {
        let root = root_at(size, stored).expect("stored");
        let checkpoint = Checkpoint::new(ORIGIN, size, root).expect("a checkpoint");
        (sign_checkpoint(&checkpoint, &key()).expect("signs"), size)
    }

    /// A log that shares its first `fork` entries with `naive::leaves`.
    fn forked(fork: usize, size: u64) -> Vec<Hash> {
        let mut leaves = naive::leaves(size);
        leaves[fork..].iter_mut().for_each(|leaf| *leaf = super::super::leaf_hash(leaf.as_bytes()));
        naive::stored(&leaves)
    }

    #[test]
    fn every_fork_is_convicted_whatever_the_sizes() {
        const SIZE: u64 = 20;
        let honest = naive::stored(&naive::leaves(SIZE));
        for fork in 0..SIZE {
            let other = forked(fork as usize, SIZE);
            for old in fork + 1..=SIZE {
                for new in old..=SIZE {
                    let (first, second) = (signed(old, &honest), signed(new, &other));
                    let evidence = if old == new {
                        Equivocation::two_roots(first.0, second.0)
                    } else {
                        Equivocation::rewritten(first, second, &other).expect("made")
                    };
                    let sizes = match evidence.check(ORIGIN, &key().public()) {
                        Ok(Verdict::TwoRoots { size, .. }) => Ok((size, size)),
                        Ok(Verdict::Rewritten { old_size, new_size, .. }) => Ok((old_size, new_size)),
                        Err(error) => Err(error),
                    };
                    assert_eq!(sizes, Ok((old, new)), "fork at {fork}");
                    let json = serde_json::to_vec(&evidence).expect("serialises");
                    assert_eq!(Equivocation::parse(&json), Ok(evidence));
                }
            }
        }
    }

    #[test]
    fn no_pair_of_an_honest_log_convicts() {
        const SIZE: u64 = 20;
        let stored = naive::stored(&naive::leaves(SIZE));
        for old in 1..SIZE {
            let first = signed(old, &stored);
            let same = Equivocation::two_roots(first.0.clone(), first.0.clone());
            assert_eq!(same.check(ORIGIN, &key().public()), Err(EvidenceError::Consistent));
            for new in old + 1..=SIZE {
                let evidence =
                    Equivocation::rewritten(first.clone(), signed(new, &stored), &stored).expect("made");
                assert_eq!(evidence.check(ORIGIN, &key().public()), Err(EvidenceError::Consistent));
                framed(&evidence);
            }
        }
    }

    /// Every way of bending honest evidence that needs no key.
    fn framed(honest: &Equivocation) {
        let refused = |evidence: &Equivocation| {
            assert!(evidence.check(ORIGIN, &key().public()).is_err(), "framed: {evidence:?}");
        };
        for at in 0..honest.path.len() {
            let mut bent = honest.clone();
            bent.path[at] = super::super::leaf_hash(b"forged");
            refused(&bent);
            bent.path.remove(at);
            refused(&bent);
        }
        let forged = Some(super::super::leaf_hash(b"forged"));
        refused(&Equivocation { old_root: forged, ..honest.clone() });
        refused(&Equivocation { old_root: None, path: Vec::new(), ..honest.clone() });
        let swapped =
            Equivocation { first: honest.second.clone(), second: honest.first.clone(), ..honest.clone() };
        assert_eq!(swapped.check(ORIGIN, &key().public()), Err(EvidenceError::Order));
    }

    #[test]
    fn others_logs_and_keys_convict_nobody() {
        let (honest, other) = (naive::stored(&naive::leaves(3)), forked(1, 3));
        let evidence = Equivocation::two_roots(signed(3, &honest).0, signed(3, &other).0);
        assert!(evidence.check(ORIGIN, &key().public()).is_ok());
        assert!(matches!(
            evidence.check("concert.example/log/fr/2", &key().public()),
            Err(EvidenceError::First(OpenError::Origin { .. }))
        ));
        let stranger = SecretKey::from_seed(&[9; 32]).public();
        assert!(matches!(
            evidence.check(ORIGIN, &stranger),
            Err(EvidenceError::First(OpenError::Signature(_)))
        ));
        assert!(matches!(
            evidence.check_keys(ORIGIN, &key().public(), &stranger),
            Err(EvidenceError::Second(OpenError::Signature(_)))
        ));
        let with_path = Equivocation { path: vec![honest[0]], ..evidence };
        assert_eq!(with_path.check(ORIGIN, &key().public()), Err(EvidenceError::NeedlessPath));
    }

    #[test]
    fn unknown_members_and_oversize_are_refused() {
        let (honest, other) = (naive::stored(&naive::leaves(3)), forked(1, 3));
        let evidence = Equivocation::two_roots(signed(3, &honest).0, signed(3, &other).0);
        let json = serde_json::to_string(&evidence).expect("serialises");
        let extended = json.replacen('{', "{\"note\":1,", 1);
        assert!(matches!(Equivocation::parse(extended.as_bytes()), Err(EvidenceError::Json(_))));
        let padded = format!("{json}{}", " ".repeat(EVIDENCE_LEN_MAX));
        assert!(matches!(Equivocation::parse(padded.as_bytes()), Err(EvidenceError::TooLong { .. })));
        let long = Equivocation { path: vec![honest[0]; 64], second: signed(2, &honest).0, ..evidence };
        let long = Equivocation { first: signed(1, &other).0, ..long };
        assert_eq!(
            long.check(ORIGIN, &key().public()),
            Err(EvidenceError::Path(ProofError::PathTooLong { found: 64 }))
        );
    }
}
