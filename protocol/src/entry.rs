// SPDX-License-Identifier: EUPL-1.2
//! Entries: everything that members share (spec 01-entries).
//!
//! An entry is one JSON document in a JWS compact serialisation. [`envelope`] reads and signs the outside,
//! [`Entry`] is the typed inside, and [`body`] holds one Rust type per kind. The bytes received are the bytes
//! stored, hashed and passed on: nothing here ever writes an entry again after it was signed.

pub mod answer;
pub mod body;
pub mod decision;
pub mod envelope;
mod free;
pub mod hashlist;
pub mod hold;
pub mod id;
pub mod kind;
pub mod measure;
pub mod notice;
pub mod order;
pub mod recipient;
pub mod referral;
mod rule;
mod strict;
pub mod text;

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

pub use body::Body;
pub use envelope::{ENTRY_LEN_MAX, EntryError, Envelope, KeyId};
pub use free::FREE_DEPTH_MAX;
pub use id::{EntryId, EntryRef, ItemId, Nonce, NoticeId};
pub use kind::{Kind, KnownKind};
pub use strict::Strict;
pub use text::{List, Text};

use crate::key::{PublicKey, SecretKey};
use crate::member::MemberId;
use crate::time::Timestamp;

/// Most members that an audience lists.
pub const AUDIENCE_MAX: usize = 64;

/// Who receives an entry in full. Others receive its leaf hash alone (spec 01-entries, "Audience").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// A group that the roster defines.
    Group(AudienceGroup),
    /// The listed members, the author always included.
    Only(List<MemberId, 1, AUDIENCE_MAX>),
}

/// A group of recipients that the roster defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudienceGroup {
    /// Every member.
    Members,
    /// The coordinators and the author.
    Coordinators,
}

impl Audience {
    /// Every member.
    pub const MEMBERS: Self = Self::Group(AudienceGroup::Members);

    /// Whether `member` may hold the payload of an entry that `author` addressed so.
    pub fn admits(&self, member: &MemberId, author: &MemberId, coordinators: &[MemberId]) -> bool {
        member == author
            || match self {
                Self::Group(AudienceGroup::Members) => true,
                Self::Group(AudienceGroup::Coordinators) => coordinators.contains(member),
                Self::Only(listed) => listed.contains(member),
            }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor)
    }
}

/// Reads an audience; by hand, because an untagged enum cannot say what was wrong.
struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Audience;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"members\", \"coordinators\" or a list of members")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Audience, E> {
        match word {
            "members" => Ok(Audience::Group(AudienceGroup::Members)),
            "coordinators" => Ok(Audience::Group(AudienceGroup::Coordinators)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, members: A) -> Result<Audience, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(members)).map(Audience::Only)
    }
}

/// The part of a payload that says who may hold it; read without the body, for relays.
#[derive(Deserialize)]
struct Address {
    author: MemberId,
    audience: Audience,
}

/// The author and audience of an entry, read without checking anything else; `None` if it cannot be read, in
/// which case relays treat it as addressed to all members (it is quarantined everywhere alike).
pub fn address_of(entry: &[u8]) -> Option<(MemberId, Audience)> {
    let payload = envelope::payload_part(entry)?;
    let address: Address = serde_json::from_slice(&payload).ok()?;
    Some((address.author, address.audience))
}

/// A typed entry. Made by [`Entry::decode`] from received bytes or by [`NewEntry::sign`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unique among its author's entries.
    pub id: EntryId,
    /// The member whose log it stands in.
    pub author: MemberId,
    /// When the author says it was written.
    pub at: Timestamp,
    /// Makes the leaf hash of an erased entry say nothing.
    pub nonce: Nonce,
    /// Who receives it in full.
    pub audience: Audience,
    /// What it says.
    pub body: Body,
}

impl Entry {
    /// This entry's name across the federation.
    pub fn reference(&self) -> EntryRef {
        EntryRef { author: self.author.clone(), id: self.id }
    }

    /// Reads an entry that stands in the log of `owner`, with every check of the specification in its order
    /// (spec 01-entries, "Checks"): form, key, signature, payload, author, rules, place.
    ///
    /// `key` finds the key of a key id that is valid where the entry stands; it returns `None` for any other.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn verify(
        bytes: &[u8],
        owner: &MemberId,
        key: impl FnOnce(&KeyId) -> Option<PublicKey>,
    ) -> Result<Self, EntryError> {
        let envelope = Envelope::open(bytes)?;
        let key = key(&envelope.key).ok_or_else(|| EntryError::UnknownKey(envelope.key.to_string()))?;
        envelope.verify(&key)?;
        let entry = Self::decode(&envelope)?;
        if entry.author != *owner {
            return Err(EntryError::Misplaced { author: entry.author, log: owner.clone() });
        }
        Ok(entry)
    }

    /// Reads the payload of an opened envelope and checks everything that can be checked without a key.
    ///
    /// # Errors
    ///
    /// [`EntryError::Payload`] names the field; [`EntryError::Author`] when the key id belongs to another member;
    /// [`EntryError::Rule`] for a rule between fields (spec 01-entries, "Rules per kind").
    pub fn decode(envelope: &Envelope<'_>) -> Result<Self, EntryError> {
        let entry = body::decode_payload(&envelope.kind, &envelope.payload)?;
        if entry.author != envelope.key.member {
            return Err(EntryError::Author { key: envelope.key.member.clone(), author: entry.author });
        }
        entry.body.check(&entry.author)?;
        Ok(entry)
    }
}

/// An entry that is about to be signed; identifiers, time and nonce come from the node.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// A fresh UUIDv7.
    pub id: EntryId,
    /// The signing member.
    pub author: MemberId,
    /// Now.
    pub at: Timestamp,
    /// 128 fresh random bits.
    pub nonce: Nonce,
    /// Who receives it in full.
    pub audience: Audience,
    /// What it says.
    pub body: Body,
}

/// An entry and the exact bytes that carry it.
#[derive(Clone, Debug)]
pub struct SignedEntry {
    /// The JWS compact serialisation.
    pub bytes: Vec<u8>,
    /// What the bytes say.
    pub entry: Entry,
}

impl NewEntry {
    /// Checks the rules of the kind, signs, and reads the result back as any other member will.
    ///
    /// # Errors
    ///
    /// [`EntryError::Rule`] and [`EntryError::TooLong`]; [`EntryError::UnknownKind`] for a body that was only stored;
    /// [`EntryError::ReadBack`] when what was signed does not say what was meant.
    pub fn sign(self, key: &SecretKey) -> Result<SignedEntry, EntryError> {
        self.body.check(&self.author)?;
        let kind = self.body.kind();
        let entry = Entry {
            id: self.id,
            author: self.author,
            at: self.at,
            nonce: self.nonce,
            audience: self.audience,
            body: self.body,
        };
        let payload = body::encode_payload(&entry)?;
        let bytes = envelope::sign(&KeyId::of(&entry.author, &key.public()), &kind, &payload, key)?;
        // A bit that flipped between the check and the signature must not leave this machine signed.
        let public = key.public();
        match Entry::verify(&bytes, &entry.author, |_| Some(public)) {
            Ok(read) if read == entry => Ok(SignedEntry { bytes, entry }),
            _ => Err(EntryError::ReadBack),
        }
    }
}
