// SPDX-License-Identifier: EUPL-1.2
//! Identifiers: of entries, of items and of notices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::encoding::{base64url_decode, base64url_encode, hex_decode, hex_encode};
use crate::entry::text::RecipientId;
use crate::member::MemberId;
use crate::time::Timestamp;

/// An entry's id: a UUIDv7 (RFC 9562) in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryId(Uuid);

/// A text that is not an identifier of the wanted sort.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotAnId(&'static str);

impl EntryId {
    /// Makes an id from the time and 80 random bits (only 74 of them are used).
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads the 16 bytes of a UUIDv7.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let id = Uuid::from_bytes(bytes);
        (id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122).then_some(Self(id))
    }
}

impl FromStr for EntryId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId("a UUIDv7 in lower case with hyphens");
        let id = Uuid::try_parse(text).map_err(|_| wrong())?;
        if id.hyphenated().to_string() != text {
            return Err(wrong());
        }
        Self::from_bytes(id.into_bytes()).ok_or_else(wrong)
    }
}

/// The name of an entry across the federation: its author and its id, written `FR/0198c0de-...`.
///
/// The author is part of the name so that no member can occupy another's ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryRef {
    /// The member whose log holds the entry.
    pub author: MemberId,
    /// The entry's id.
    pub id: EntryId,
}

impl FromStr for EntryRef {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId("an entry reference such as FR/0198c0de-0000-7000-8000-000000000000");
        let (author, id) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self { author: author.parse().map_err(|_| wrong())?, id: id.parse().map_err(|_| wrong())? })
    }
}

/// 128 random bits, written as 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Takes fresh random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl FromStr for Nonce {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = base64url_decode(text.as_bytes()).and_then(|b| b.try_into().ok());
        bytes.map(Self).ok_or(NotAnId("a nonce of 16 bytes in base64url (22 characters)"))
    }
}

/// One address on one platform, the unit of counting; written as 32 hexadecimal digits.
///
/// It is the digest of the item's address key (spec 05-content), so every member gives one address one id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId([u8; 16]);

impl ItemId {
    /// Takes the first 16 bytes of an address key's digest.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for ItemId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        hex_decode(text).map(Self).ok_or(NotAnId("an item id of 32 lower-case hexadecimal digits"))
    }
}

/// A notice's id, written `N-` and 32 hexadecimal digits.
///
/// Derived from recipient and anchor, so that two coordinators who cannot see each other produce the same id
/// (spec 06-consolidation, "Notice id").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoticeId([u8; 16]);

impl NoticeId {
    /// The id of the notice to `recipient` about the case whose anchor content begins with the referral `anchor`.
    pub fn derive(recipient: &RecipientId, anchor: &EntryRef) -> Self {
        let text = format!("concert notice id v1\n{recipient}\n{anchor}\n");
        let digest = Sha256::digest(text.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for NoticeId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix("N-").and_then(hex_decode);
        digits.map(Self).ok_or(NotAnId("a notice id: N- and 32 lower-case hexadecimal digits"))
    }
}

/// Text forms by way of `Display` and `FromStr`, for serde and for people.
macro_rules! text_form {
    ($name:ident, |$value:ident| $text:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                f.write_str(&$text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

text_form!(EntryId, |id| id.0.hyphenated().to_string());
text_form!(EntryRef, |r| format!("{}/{}", r.author, r.id));
text_form!(Nonce, |n| base64url_encode(&n.0));
text_form!(ItemId, |i| hex_encode(&i.0));
text_form!(NoticeId, |n| format!("N-{}", hex_encode(&n.0)));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        let id = EntryId::new(Timestamp::from_seconds(1_700_000_000), [0xff; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<EntryId>().is_err());
        assert!("00000000-0000-4000-8000-000000000000".parse::<EntryId>().is_err(), "version 4");
        let reference = format!("FR/{id}");
        assert_eq!(reference.parse::<EntryRef>().map(|r| r.to_string()).as_deref(), Ok(reference.as_str()));
    }

    #[test]
    fn notice_ids_depend_on_recipient_and_anchor_alone() {
        let anchor: EntryRef = "FR/018bcfe5-6800-7fff-bfff-ffffffffffff".parse().expect("a reference");
        let a: RecipientId = "video-a".parse().expect("a recipient");
        let b: RecipientId = "video-b".parse().expect("a recipient");
        assert_eq!(NoticeId::derive(&a, &anchor), NoticeId::derive(&a, &anchor.clone()));
        assert_ne!(NoticeId::derive(&a, &anchor), NoticeId::derive(&b, &anchor));
        let id = NoticeId::derive(&a, &anchor);
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
