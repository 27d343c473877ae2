// SPDX-License-Identifier: EUPL-1.2
//! The rule that keeps an author from contradicting itself (spec 02-log, "Before signing").
//!
//! Losing memory is equivocating. The node keeps the [`SignedState`] of each log it writes in a place of its
//! own, durable before the checkpoint leaves; this module only says what that state allows.

use serde::{Deserialize, Serialize};

use super::hash::{Hash, empty_root};

/// The largest tree that an author has signed for one of its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedState {
    /// Entries in that tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a checkpoint must not be signed: the author's own memory is behind or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WouldEquivocate {
    /// A larger tree was signed already.
    #[error(
        "refusing to sign {asked} entries: {signed} were signed already; fetch the log's tail from peers"
    )]
    Smaller {
        /// The size signed.
        signed: u64,
        /// The size that was to be signed.
        asked: u64,
    },
    /// Another root was signed for this size.
    #[error("refusing to sign a second root for {size} entries; the stored log is damaged or another's")]
    SecondRoot {
        /// The size.
        size: u64,
        /// The root signed.
        signed: Hash,
        /// The root that was to be signed.
        asked: Hash,
    },
}

impl SignedState {
    /// The state of an author that has signed nothing.
    pub fn nothing() -> Self {
        Self { size: 0, root: empty_root() }
    }

    /// Whether a tree of `size` and `root` may be signed after this one. Signing the same again is allowed.
    ///
    /// That a larger tree begins with this one is not decided here: the caller computes the stored tree's
    /// root at [`SignedState::size`] and asks first about that.
    ///
    /// # Errors
    ///
    /// [`WouldEquivocate`].
    pub fn allows(&self, size: u64, root: &Hash) -> Result<(), WouldEquivocate> {
        if size < self.size {
            return Err(WouldEquivocate::Smaller { signed: self.size, asked: size });
        }
        if size == self.size && *root != self.root {
            return Err(WouldEquivocate::SecondRoot { size, signed: self.root, asked: *root });
        }
        Ok(())
    }

    /// This state moved forward, once [`SignedState::allows`] agrees; to be made durable before anything is
    /// signed.
    ///
    /// # Errors
    ///
    /// [`WouldEquivocate`].
    pub fn advance(&self, size: u64, root: Hash) -> Result<Self, WouldEquivocate> {
        self.allows(size, &root)?;
        Ok(Self { size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::super::leaf_hash;
    use super::*;

    #[test]
    fn only_larger_trees_and_the_same_again_may_be_signed() {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let state = SignedState::nothing().advance(5, a).expect("larger");
        assert_eq!(state.allows(5, &a), Ok(()));
        assert_eq!(state.allows(6, &b), Ok(()));
        assert_eq!(state.allows(4, &a), Err(WouldEquivocate::Smaller { signed: 5, asked: 4 }));
        let second = WouldEquivocate::SecondRoot { size: 5, signed: a, asked: b };
        assert_eq!(state.advance(5, b), Err(second));
        assert_eq!(state.advance(9, b), Ok(SignedState { size: 9, root: b }));
    }

    #[test]
    fn an_empty_log_has_one_root() {
        let nothing = SignedState::nothing();
        assert_eq!(nothing.allows(0, &empty_root()), Ok(()));
        assert!(matches!(
            nothing.allows(0, &leaf_hash(b"")),
            Err(WouldEquivocate::SecondRoot { size: 0, .. })
        ));
    }
}
