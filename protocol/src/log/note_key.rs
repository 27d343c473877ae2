// SPDX-License-Identifier: EUPL-1.2
//! The keys that sign notes, and their text form, the vkey (spec 02-log, "Keys"; C2SP signed-note).
//!
//! A key is known by its name and a four-byte id. The id finds a key and proves nothing: anybody can make
//! another key with the same one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::encoding::{base64_decode, base64_encode, hex_decode, hex_encode};
use crate::key::{BadKey, PublicKey};

/// Longest name of a key, in bytes; also of an origin, which is its log key's name.
pub const ORIGIN_LEN_MAX: usize = 255;

/// What a key signs; the byte that goes into its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NoteKeyKind {
    /// Signs its log's own checkpoints: Ed25519 over the note's text.
    Log = 0x01,
    /// Cosigns checkpoints with a time: `cosignature/v1`.
    Cosigner = 0x04,
}

/// A configured key: the tuple that decides which signature lines are ours to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteKey {
    name: String,
    kind: NoteKeyKind,
    key: PublicKey,
}

/// Why a text is not a vkey, or a name not a key's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNoteKey {
    /// Empty, too long, or with a space, a control character or a plus sign.
    #[error(
        "{name:?} cannot name a key: 1 to {ORIGIN_LEN_MAX} bytes without spaces, control characters or '+'"
    )]
    Name {
        /// The refused name, shortened.
        name: String,
    },
    /// Not `name+id+base64`.
    #[error("not a note key: expected NAME+8 hexadecimal digits+base64")]
    Shape,
    /// The type byte is neither 0x01 nor 0x04.
    #[error("note keys of type {kind:#04x} are not understood; expected 0x01 (log) or 0x04 (cosigner)")]
    Kind {
        /// The byte that came.
        kind: u8,
    },
    /// The id is not the one of this name, type and key.
    #[error("the key's id should be {expected}")]
    Id {
        /// The id computed anew, in hexadecimal.
        expected: String,
    },
    /// The key itself is not acceptable.
    #[error("the key of the note key is not acceptable")]
    Key(#[from] BadKey),
}

impl NoteKey {
    /// Puts a name to a key.
    ///
    /// # Errors
    ///
    /// [`BadNoteKey::Name`].
    pub fn new(name: impl Into<String>, kind: NoteKeyKind, key: PublicKey) -> Result<Self, BadNoteKey> {
        let name = name.into();
        if is_key_name(&name) { Ok(Self { name, kind, key }) } else { Err(bad_name(&name)) }
    }

    /// The key's name; of a log's key, the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn kind(&self) -> NoteKeyKind {
        self.kind
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first four bytes of `SHA-256(name || 0x0A || type || key)`.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.kind, &self.key)
    }
}

/// See [`NoteKey::id`]; for signers, which have no [`NoteKey`] of their own.
pub(super) fn key_id(name: &str, kind: NoteKeyKind, key: &PublicKey) -> [u8; 4] {
    let hash = Sha256::new_with_prefix(name)
        .chain_update([b'\n', kind as u8])
        .chain_update(key.to_bytes())
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Whether `name` may stand in a signature line.
pub(super) fn is_key_name(name: &str) -> bool {
    let fits = (1..=ORIGIN_LEN_MAX).contains(&name.len());
    fits && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The complaint about `name`, bounded.
pub(super) fn bad_name(name: &str) -> BadNoteKey {
    BadNoteKey::Name { name: name.chars().take(64).collect() }
}

impl FromStr for NoteKey {
    type Err = BadNoteKey;

    fn from_str(text: &str) -> Result<Self, BadNoteKey> {
        // Neither name nor id can hold a plus sign, base64 can.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadNoteKey::Shape);
        };
        if !is_key_name(name) {
            return Err(bad_name(name));
        }
        let id: [u8; 4] = hex_decode(id).ok_or(BadNoteKey::Shape)?;
        let decoded = base64_decode(key).ok_or(BadNoteKey::Shape)?;
        let (&kind, key) = decoded.split_first().ok_or(BadNoteKey::Shape)?;
        let kind = match kind {
            0x01 => NoteKeyKind::Log,
            0x04 => NoteKeyKind::Cosigner,
            _ => return Err(BadNoteKey::Kind { kind }),
        };
        let key = PublicKey::from_bytes(key.try_into().map_err(|_| BadNoteKey::Shape)?)?;
        let read = Self { name: name.to_owned(), kind, key };
        if read.id() == id { Ok(read) } else { Err(BadNoteKey::Id { expected: hex_encode(&read.id()) }) }
    }
}

impl TryFrom<String> for NoteKey {
    type Error = BadNoteKey;

    fn try_from(text: String) -> Result<Self, BadNoteKey> {
        text.parse()
    }
}

impl From<NoteKey> for String {
    fn from(key: NoteKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.kind as u8];
        typed.extend(self.key.to_bytes());
        write!(f, "{}+{}+{}", self.name, hex_encode(&self.id()), base64_encode(&typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn key(kind: NoteKeyKind) -> NoteKey {
        NoteKey::new("concert.example/log/fr/1", kind, SecretKey::from_seed(&[1; 32]).public())
            .expect("a key")
    }

    #[test]
    fn a_vkey_has_one_spelling_and_every_change_is_refused() {
        for kind in [NoteKeyKind::Log, NoteKeyKind::Cosigner] {
            let text = key(kind).to_string();
            assert_eq!(text.parse::<NoteKey>(), Ok(key(kind)));
            for at in 0..text.len() {
                assert!(text[..at].parse::<NoteKey>().is_err(), "first {at} bytes");
                assert!(text[at + 1..].parse::<NoteKey>().is_err(), "after {at} bytes");
                let mut changed = text.clone().into_bytes();
                changed[at] ^= 1;
                let changed = String::from_utf8(changed).expect("still ASCII");
                assert!(changed.parse::<NoteKey>().is_err(), "{changed}");
            }
            assert!(format!("{text}\n").parse::<NoteKey>().is_err());
        }
        assert_ne!(key(NoteKeyKind::Log).id(), key(NoteKeyKind::Cosigner).id());
    }

    #[test]
    fn the_complaint_says_what_is_wrong() {
        let parse = |text: &str| text.parse::<NoteKey>().expect_err("refused");
        let text = key(NoteKeyKind::Log).to_string();
        let parts: Vec<&str> = text.splitn(3, '+').collect();
        assert!(matches!(
            parse(&format!("{}+00000000+{}", parts[0], parts[2])),
            BadNoteKey::Id { expected } if expected == parts[1]
        ));
        assert_eq!(parse(&format!("a+00000000+{}", base64_encode(&[2; 33]))), BadNoteKey::Kind { kind: 2 });
        assert_eq!(parse(&format!("a+00000000+{}", base64_encode(&[1; 32]))), BadNoteKey::Shape);
        assert_eq!(parse(&format!("a+0000000A+{}", parts[2])), BadNoteKey::Shape);
        let mut identity = vec![1; 2];
        identity.resize(33, 0);
        let weak = parse(&format!("a+00000000+{}", base64_encode(&identity)));
        assert_eq!(weak, BadNoteKey::Key(BadKey::Weak));
    }

    #[test]
    fn names_have_no_spaces_signs_or_controls() {
        for good in ["a", "concert.example/log/fr/1", "é", &"x".repeat(ORIGIN_LEN_MAX)] {
            assert!(is_key_name(good), "{good}");
        }
        for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{2003}", "a\u{85}", "\u{7f}", &"x".repeat(256)]
        {
            assert!(!is_key_name(bad), "{bad:?}");
        }
    }
}
