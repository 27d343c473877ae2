// SPDX-License-Identifier: EUPL-1.2
//! The hashes of a log's Merkle tree (spec 02-log, "Tree"; RFC 6962, section 2.1).
//!
//! Leaves and inner nodes are hashed behind different first bytes, so that no entry can pose as a subtree.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::encoding::{base64_decode, base64_encode, hex_decode, hex_encode};

/// A SHA-256 hash in a tree; written as 64 lower-case hexadecimal digits, in notes as standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

/// A text that is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: expected 64 lower-case hexadecimal digits")]
pub struct NotAHash;

impl Hash {
    /// Takes the 32 bytes of a SHA-256 hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash in standard base64, 44 characters, as notes and receipts write it.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.0)
    }

    /// Reads canonical standard base64 of exactly 32 bytes; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        // 44 characters hold 33 bytes at most: longer input is refused before it is decoded.
        if text.len() != 44 {
            return None;
        }
        base64_decode(text)?.try_into().ok().map(Self)
    }
}

/// `SHA-256(0x00 || entry)`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new_with_prefix([0]).chain_update(entry).finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of a tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        hex_decode(text).map(Self).ok_or(NotAHash)
    }
}

impl TryFrom<String> for Hash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", hex_encode(&self.0[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_hashes_are_those_of_rfc_6962() {
        assert_eq!(
            empty_root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            leaf_hash(b"").to_string(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        let mut pair = vec![1];
        pair.extend([7; 32]);
        pair.extend([8; 32]);
        let expected = Hash(Sha256::digest(&pair).into());
        assert_eq!(node_hash(&Hash([7; 32]), &Hash([8; 32])), expected);
    }

    #[test]
    fn one_hash_has_one_spelling_in_each_form() {
        let hash = leaf_hash(b"entry");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_ascii_uppercase().parse::<Hash>(), Err(NotAHash));
        assert_eq!(hash.to_string()[1..].parse::<Hash>(), Err(NotAHash));
        let encoded = hash.to_base64();
        assert_eq!(Hash::from_base64(&encoded), Some(hash));
        assert_eq!(Hash::from_base64(encoded.trim_end_matches('=')), None);
        assert_eq!(Hash::from_base64(&format!("{encoded}=")), None);
        // 31 and 33 bytes also take 44 characters.
        assert_eq!(Hash::from_base64(&base64_encode(&[0; 31])), None);
        assert_eq!(Hash::from_base64(&base64_encode(&[0; 33])), None);
    }
}
