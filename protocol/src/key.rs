// SPDX-License-Identifier: EUPL-1.2
//! Ed25519 keys (RFC 8032) under the one rule all members share: strict verification, one signature at a time.
//!
//! Batch verification and the lenient check accept signatures that the strict one refuses; two members that mixed
//! them could disagree on whether an entry is valid (spec 01-entries, "Signatures").

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::encoding::{base64url_encode, hex_decode, hex_encode};

/// A public key; written as 64 lower-case hexadecimal digits.
///
/// Weak keys (small order) cannot be made into one: under them a signature holds for many messages.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// A text or bytes that are not an acceptable public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not 64 lower-case hexadecimal digits.
    #[error("not a key: expected 64 lower-case hexadecimal digits")]
    NotHex,
    /// The bytes are not a point on the curve.
    #[error("not an Ed25519 public key")]
    NotAPoint,
    /// The point has small order.
    #[error("a weak Ed25519 key (small order)")]
    Weak,
}

/// A signature that does not hold for the message under the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct BadSignature;

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032.
    ///
    /// # Errors
    ///
    /// [`BadKey::NotAPoint`] or [`BadKey::Weak`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::NotAPoint)?;
        if key.is_weak() { Err(BadKey::Weak) } else { Ok(Self(key)) }
    }

    /// The 32 bytes of RFC 8032.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Checks `signature` (64 bytes) over `message`, strictly.
    ///
    /// # Errors
    ///
    /// [`BadSignature`] for any length but 64, non-canonical encodings, small-order points and a false equation.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
        self.0.verify_strict(message, &signature).map_err(|_| BadSignature)
    }

    /// First 16 hexadecimal digits of the key's SHA-256: for people, and for the last part of a `kid`.
    pub fn fingerprint(&self) -> String {
        hex_encode(&Sha256::digest(self.0.as_bytes())[..8])
    }

    /// The key in base64url, the `x` member of a JWK (RFC 8037).
    pub fn to_base64url(&self) -> String {
        base64url_encode(self.0.as_bytes())
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::from_bytes(&hex_decode(text).ok_or(BadKey::NotHex)?)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// A secret key. Wiped from memory when dropped; its `Debug` shows the public half alone.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes the key pair that belongs to a 32-byte seed (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for a key file.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`: 64 bytes, deterministic.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign(b"entry");
        assert_eq!(key.public().verify(b"entry", &signature), Ok(()));
        assert_eq!(key.public().verify(b"Entry", &signature), Err(BadSignature));
        assert_eq!(SecretKey::from_seed(&[8; 32]).public().verify(b"entry", &signature), Err(BadSignature));
        assert_eq!(key.public().verify(b"entry", &signature[..63]), Err(BadSignature));
    }

    #[test]
    fn weak_and_malformed_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(BadKey::Weak));
        assert_eq!("AB".repeat(32).parse::<PublicKey>(), Err(BadKey::NotHex));
        assert_eq!("ab".repeat(31).parse::<PublicKey>(), Err(BadKey::NotHex));
    }

    #[test]
    fn debug_hides_the_seed() {
        let key = SecretKey::from_seed(&[0x5a; 32]);
        assert!(!format!("{key:?}").contains("5a5a5a"));
    }
}
