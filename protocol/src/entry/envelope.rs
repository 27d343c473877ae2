// SPDX-License-Identifier: EUPL-1.2
//! The outside of an entry: JWS compact serialisation (RFC 7515) with Ed25519 (RFC 8037), one exact form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::encoding::{JsonError, base64url_decode, base64url_encode, json_strict};
use crate::entry::kind::Kind;
use crate::entry::strict::Strict;
use crate::key::{PublicKey, SecretKey};
use crate::member::MemberId;

/// Longest entry in bytes: what the 16-bit length of a C2SP entry bundle can say.
pub const ENTRY_LEN_MAX: usize = 65_535;

/// Characters of a signature's 64 bytes in base64url.
const SIGNATURE_PART_LEN: usize = 86;

/// Why an entry was refused at a door, or quarantined in a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Over [`ENTRY_LEN_MAX`].
    #[error("the entry has {0} bytes; at most 65535 are allowed")]
    TooLong(usize),
    /// Not three base64url parts.
    #[error("not a JWS compact serialisation: {0}")]
    Envelope(&'static str),
    /// The protected header is not in the one accepted form.
    #[error(
        "the protected header is not {{\"alg\":\"EdDSA\",\"kid\":...,\"typ\":...}} in exactly this form: {0}"
    )]
    Header(&'static str),
    /// The payload is not the JSON document that its kind wants.
    #[error("the payload is not a {kind}: {source}")]
    Payload {
        /// The kind that the header names.
        kind: String,
        /// What is wrong, with line and column.
        source: JsonError,
    },
    /// A rule between fields is broken.
    #[error("{field}: {rule}")]
    Rule {
        /// The field, as a path.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The key id names another member than the payload.
    #[error("signed with a key of {key} but written as {author}")]
    Author {
        /// Owner of the key.
        key: MemberId,
        /// Author in the payload.
        author: MemberId,
    },
    /// The key id is not in the roster for this position.
    #[error("key {0} is not valid at this position of the log")]
    UnknownKey(String),
    /// The signature is false.
    #[error("the signature does not match the payload")]
    Signature,
    /// The entry stands in another member's log.
    #[error("written by {author} but found in the log of {log}")]
    Misplaced {
        /// Author in the payload.
        author: MemberId,
        /// Owner of the log.
        log: MemberId,
    },
    /// What was just signed does not verify or does not say what was meant: a fault of this machine.
    #[error("the signed entry does not read back as it was meant; check this machine's memory")]
    ReadBack,
    /// Cannot be signed because this version does not know the kind.
    #[error("kind {0} is not known to this version")]
    UnknownKind(String),
}

impl EntryError {
    /// A short, stable name of the refusal: what vectors and interfaces write.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::Envelope(_) => "envelope",
            Self::Header(_) => "header",
            Self::Payload { .. } => "payload",
            Self::Rule { .. } => "rule",
            Self::Author { .. } => "author",
            Self::UnknownKey(_) => "unknown_key",
            Self::Signature => "signature",
            Self::Misplaced { .. } => "misplaced",
            Self::ReadBack => "read_back",
            Self::UnknownKind(_) => "unknown_kind",
        }
    }
}

/// Names a signing key: `<member>/<first 16 hex digits of the key's SHA-256>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    /// Whose key it is.
    pub member: MemberId,
    /// [`PublicKey::fingerprint`].
    pub fingerprint: Box<str>,
}

impl KeyId {
    /// The id of `member`'s key `key`.
    pub fn of(member: &MemberId, key: &PublicKey) -> Self {
        Self { member: member.clone(), fingerprint: key.fingerprint().into() }
    }
}

impl FromStr for KeyId {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        let wrong = || EntryError::Header("kid is not <member>/<16 hexadecimal digits>");
        let (member, fingerprint) = text.split_once('/').ok_or_else(wrong)?;
        let digits = fingerprint.len() == 16
            && fingerprint.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let member = member.parse().map_err(|_| wrong())?;
        if digits { Ok(Self { member, fingerprint: fingerprint.into() }) } else { Err(wrong()) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.fingerprint)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The protected header; serialised in this order, which is the only accepted one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: &'a str,
    #[serde(borrow)]
    kid: &'a str,
    #[serde(borrow)]
    typ: &'a str,
}

/// An opened but not yet verified entry: well-formed outside, payload decoded from base64url.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The key it claims.
    pub key: KeyId,
    /// What it claims to be.
    pub kind: Kind,
    /// The JSON payload, as signed.
    pub payload: Vec<u8>,
    signing_input: &'a [u8],
    signature: [u8; 64],
}

impl<'a> Envelope<'a> {
    /// Splits and decodes `bytes`, in this order: length, three parts, header, payload, signature length.
    ///
    /// # Errors
    ///
    /// [`EntryError::TooLong`], [`EntryError::Envelope`] or [`EntryError::Header`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_LEN_MAX {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let mut parts = bytes.split(|b| *b == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(EntryError::Envelope("expected three parts separated by dots"));
        };
        let signing_input = &bytes[..header.len() + 1 + payload.len()];
        let (key, kind) = open_header(header)?;
        let payload =
            base64url_decode(payload).ok_or(EntryError::Envelope("the payload is not base64url"))?;
        let signature = base64url_decode(signature)
            .and_then(|s| s.try_into().ok())
            .ok_or(EntryError::Envelope("the signature is not 64 bytes of base64url"))?;
        Ok(Self { key, kind, payload, signing_input, signature })
    }

    /// Checks the signature strictly.
    ///
    /// # Errors
    ///
    /// [`EntryError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), EntryError> {
        key.verify(self.signing_input, &self.signature).map_err(|_| EntryError::Signature)
    }
}

/// Reads the header part; anything that would not be written in exactly these bytes is refused.
fn open_header(part: &[u8]) -> Result<(KeyId, Kind), EntryError> {
    let json = base64url_decode(part).ok_or(EntryError::Header("not base64url"))?;
    let header: Header<'_> =
        serde_json::from_slice(&json).map_err(|_| EntryError::Header("not the three members"))?;
    if header.alg != "EdDSA" {
        return Err(EntryError::Header("alg is not EdDSA"));
    }
    let kind =
        Kind::from_typ(header.typ).ok_or(EntryError::Header("typ is not concert.<kind>.v<number>+jws"))?;
    let key: KeyId = header.kid.parse()?;
    if encode_header(&key, &kind) != json {
        return Err(EntryError::Header("other order, white space or escapes"));
    }
    Ok((key, kind))
}

fn encode_header(key: &KeyId, kind: &Kind) -> Vec<u8> {
    // Neither a key id nor a typ can hold a character that JSON would escape.
    format!("{{\"alg\":\"EdDSA\",\"kid\":\"{key}\",\"typ\":\"{}\"}}", kind.typ()).into_bytes()
}

/// The decoded payload of an entry, without looking at anything else.
pub(crate) fn payload_part(bytes: &[u8]) -> Option<Vec<u8>> {
    base64url_decode(bytes.split(|b| *b == b'.').nth(1)?)
}

/// Puts a payload into its envelope and signs it.
pub(crate) fn sign(id: &KeyId, kind: &Kind, payload: &[u8], key: &SecretKey) -> Result<Vec<u8>, EntryError> {
    let mut jws = base64url_encode(&encode_header(id, kind));
    jws.push('.');
    jws.push_str(&base64url_encode(payload));
    let len = jws.len() + 1 + SIGNATURE_PART_LEN;
    if len > ENTRY_LEN_MAX {
        return Err(EntryError::TooLong(len));
    }
    let signature = key.sign(jws.as_bytes());
    jws.push('.');
    jws.push_str(&base64url_encode(&signature));
    Ok(jws.into_bytes())
}

/// Reads a payload strictly, naming the kind in the error.
pub(crate) fn parse_payload<T: serde::de::DeserializeOwned>(
    kind: &Kind,
    payload: &[u8],
) -> Result<T, EntryError> {
    json_strict::<Strict<T>>(payload)
        .map(|read| read.0)
        .map_err(|source| EntryError::Payload { kind: kind.to_string(), source })
}
