// SPDX-License-Identifier: EUPL-1.2
//! What makes two records one content: keys whose equality is identity (spec 05-content, "Identity").
//!
//! Only equivalences are here. Nearness ([`near`](super::near)) and suggestions ([`LooseKey`](super::LooseKey)) have no key.

use std::fmt;

use sha2::{Digest, Sha256};

use super::fingerprint::Fingerprint;
use super::keys::{ExactKey, PlatformKey};
use crate::encoding::hex_encode;

/// A key by which contents are joined: equal keys, same content.
///
/// Platform and exact keys hold under one version of the locator rules only. SHA-1 and MD5 carry the file's size and
/// join only where it agrees; that no SHA-256 contradicts is for the caller, who knows the other fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKey {
    /// The same object on the same platform.
    Platform(PlatformKey),
    /// The same address.
    Exact(ExactKey),
    /// The same file.
    Sha256([u8; 32]),
    /// The same file, as far as SHA-1 and the size can tell.
    Sha1 {
        /// The digest.
        digest: [u8; 20],
        /// The file's size in bytes.
        size: u64,
    },
    /// The same file, as far as MD5 and the size can tell.
    Md5 {
        /// The digest.
        digest: [u8; 16],
        /// The file's size in bytes.
        size: u64,
    },
}

impl ContentKey {
    /// The key of a fingerprint of a file of `size` bytes.
    ///
    /// `None` if equal values do not mean equal files: for trivial files, for MD5 and SHA-1 without a size, and for
    /// every fingerprint that only suggests.
    pub fn of_fingerprint(fingerprint: &Fingerprint, size: Option<u64>) -> Option<Self> {
        if fingerprint.is_trivial() {
            return None;
        }
        match fingerprint {
            Fingerprint::Sha256(digest) => Some(Self::Sha256(*digest)),
            Fingerprint::Sha1(digest) => size.map(|size| Self::Sha1 { digest: *digest, size }),
            Fingerprint::Md5(digest) => size.map(|size| Self::Md5 { digest: *digest, size }),
            Fingerprint::Pdq { .. } | Fingerprint::Tlsh(_) | Fingerprint::Opaque(_) => None,
        }
    }

    /// The key in 16 bytes, for tables.
    pub fn digest(&self) -> KeyDigest {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.to_string());
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        KeyDigest(short)
    }
}

/// Separates these digests from all others that Concert makes.
const DOMAIN: &[u8] = b"concert.content-key.v1\n";

impl fmt::Display for ContentKey {
    /// The canonical text, such as `sha256:<64 digits>` or `md5:<32 digits>:size=<bytes>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(key) => write!(f, "{key}"),
            Self::Exact(key) => write!(f, "{key}"),
            Self::Sha256(digest) => write!(f, "sha256:{}", hex_encode(digest)),
            Self::Sha1 { digest, size } => write!(f, "sha1:{}:size={size}", hex_encode(digest)),
            Self::Md5 { digest, size } => write!(f, "md5:{}:size={size}", hex_encode(digest)),
        }
    }
}

/// First 16 bytes of SHA-256 over `concert.content-key.v1`, a line feed and the key's canonical text.
///
/// Those of platform and exact keys are not compared across versions of the locator rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest([u8; 16]);

impl KeyDigest {
    /// Takes bytes that were stored before.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(text: &str) -> Fingerprint {
        text.parse().expect("a fingerprint")
    }

    #[test]
    fn weak_digests_join_only_with_a_size_and_trivial_files_never() {
        let md5 = fingerprint(&format!("md5:{}", "ab".repeat(16)));
        assert_eq!(ContentKey::of_fingerprint(&md5, None), None);
        assert_ne!(ContentKey::of_fingerprint(&md5, Some(1)), ContentKey::of_fingerprint(&md5, Some(2)));
        assert_eq!(
            ContentKey::of_fingerprint(&md5, Some(7)).map(|key| key.to_string()),
            Some(format!("md5:{}:size=7", "ab".repeat(16)))
        );
        let empty = fingerprint("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(ContentKey::of_fingerprint(&empty, Some(0)), None);
        let picture = fingerprint(&format!("pdq:{}:q100", "0f".repeat(32)));
        assert_eq!(ContentKey::of_fingerprint(&picture, Some(1)), None);
    }

    #[test]
    fn the_digest_is_the_one_of_the_specification() {
        let key = ContentKey::Sha256([0xab; 32]);
        let text = format!("concert.content-key.v1\nsha256:{}", "ab".repeat(32));
        assert_eq!(key.digest().as_bytes()[..], Sha256::digest(text)[..16]);
        assert_eq!(key.digest().to_string(), "6dc43b62a5d04ca1202b33cb0b4f0069");
        assert_ne!(key.digest(), ContentKey::Sha256([0xac; 32]).digest());
    }
}
