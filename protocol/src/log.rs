// SPDX-License-Identifier: EUPL-1.2
//! A member's append-only log: tree, proofs, checkpoints and who vouches for them (spec 02-log).
//!
//! Entries are opaque bytes here; what they say is judged elsewhere. Nothing in this module decides which of
//! two inconsistent checkpoints is right: it only shows that there are two.

mod checkpoint;
mod cosignature;
mod equivocation;
mod frontier;
mod hash;
mod note;
mod note_key;
mod proof;
mod receipt;
mod signed_state;
mod tree;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod vectors;

pub use checkpoint::{
    Checkpoint, CheckpointError, ORIGIN_LEN_MAX, OpenError, SignError, open_checkpoint, sign_checkpoint,
};
pub use cosignature::{
    COSIGNATURE_TIME_MAX, Cosignature, CosignatureError, cosign, cosigner_name, verify_cosignature,
};
pub use equivocation::{EVIDENCE_LEN_MAX, Equivocation, EvidenceError, Verdict};
pub use frontier::{BadFrontier, Frontier};
pub use hash::{Hash, NotAHash, empty_root, leaf_hash, node_hash};
pub use note::{
    NOTE_LEN_MAX, NOTE_SIGNATURES_MAX, NoteError, NoteSignature, SignedNote, VerifiedSignature, VerifyError,
};
pub use note_key::{BadNoteKey, NoteKey, NoteKeyKind};
pub use proof::{
    PATH_LEN_MAX, ProofError, ProveError, consistency_roots, prove_consistency, prove_inclusion,
    verify_consistency, verify_inclusion,
};
pub use receipt::{RECEIPT_EXTRA_LEN_MAX, RECEIPT_LEN_MAX, Receipt, ReceiptError};
pub use signed_state::{SignedState, WouldEquivocate};
pub use tree::{
    HashReader, NotStored, TREE_SIZE_MAX, frontier_at, root_at, stored_hash_count, stored_hash_index,
    stored_hashes_for_leaf,
};
