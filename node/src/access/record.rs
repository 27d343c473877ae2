// SPDX-License-Identifier: EUPL-1.2
//! What access control writes into the private journal: one JSON document per record, with a version.
//!
//! A record of a later version is passed over and counted, never guessed at.

use concert_protocol::encoding::{hex_decode, hex_encode, json_strict};
use concert_protocol::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::draft::{Decision, Draft, DraftId};
use super::reading::Reading;
use super::token::{TokenId, TokenInfo};
use crate::journal::{BODY_LEN_MAX, PrivateRecord};

/// Kinds of private records that belong to access control. Numbers are never used again.
pub mod kinds {
    /// A token was issued.
    pub const TOKEN_ISSUED: u8 = 1;
    /// A token was revoked.
    pub const TOKEN_REVOKED: u8 = 2;
    /// A draft was put.
    pub const DRAFT_PUT: u8 = 10;
    /// A draft was decided.
    pub const DRAFT_DECIDED: u8 = 11;
    /// Lines of the access log.
    pub const READ: u8 = 20;
}

/// Version of every body below.
const VERSION: u8 = 1;

/// Why something cannot be a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Larger than a record may be.
    #[error("{0} bytes are too many for one record; at most {BODY_LEN_MAX} are allowed")]
    TooLong(usize),
    /// Has no JSON form; a fault of the program.
    #[error("the record has no JSON form; this is a fault of the program")]
    NoJson,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    TokenIssued { token: TokenInfo, digest: [u8; 32] },
    TokenRevoked { id: TokenId, at: Timestamp },
    DraftPut { draft: Box<Draft> },
    DraftDecided { id: DraftId, decision: Decision },
    Read { lines: Vec<Reading> },
}

/// What a record turned out to be.
pub(super) enum Decoded {
    Record(Box<Record>),
    /// Belongs to another part of the node.
    Other,
    /// Of access control, but not readable by this version.
    Unreadable,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned<T> {
    v: u8,
    body: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issued {
    token: TokenInfo,
    /// SHA-256 of the token's text, in hexadecimal.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    id: TokenId,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    id: DraftId,
    decision: Decision,
}

impl Record {
    pub(super) fn encode(&self) -> Result<PrivateRecord, RecordError> {
        match self {
            Self::TokenIssued { token, digest } => {
                write(kinds::TOKEN_ISSUED, &Issued { token: token.clone(), sha256: hex_encode(digest) })
            }
            Self::TokenRevoked { id, at } => write(kinds::TOKEN_REVOKED, &Revoked { id: *id, at: *at }),
            Self::DraftPut { draft } => write(kinds::DRAFT_PUT, &**draft),
            Self::DraftDecided { id, decision } => {
                write(kinds::DRAFT_DECIDED, &Decided { id: *id, decision: decision.clone() })
            }
            Self::Read { lines } => write(kinds::READ, lines),
        }
    }

    pub(super) fn decode(record: &PrivateRecord) -> Decoded {
        let body = &record.body;
        let read = match record.kind {
            kinds::TOKEN_ISSUED => read::<Issued>(body).and_then(|issued| {
                Some(Self::TokenIssued { token: issued.token, digest: hex_decode(&issued.sha256)? })
            }),
            kinds::TOKEN_REVOKED => read(body).map(|Revoked { id, at }| Self::TokenRevoked { id, at }),
            kinds::DRAFT_PUT => read(body).map(|draft| Self::DraftPut { draft: Box::new(draft) }),
            kinds::DRAFT_DECIDED => {
                read(body).map(|Decided { id, decision }| Self::DraftDecided { id, decision })
            }
            kinds::READ => read(body).map(|lines| Self::Read { lines }),
            _ => return Decoded::Other,
        };
        read.map_or(Decoded::Unreadable, |record| Decoded::Record(Box::new(record)))
    }
}

fn write<T: Serialize>(kind: u8, body: &T) -> Result<PrivateRecord, RecordError> {
    let body = serde_json::to_vec(&Versioned { v: VERSION, body }).map_err(|_| RecordError::NoJson)?;
    if body.len() > BODY_LEN_MAX {
        Err(RecordError::TooLong(body.len()))
    } else {
        Ok(PrivateRecord { kind, body })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    json_strict::<Versioned<T>>(body).ok().filter(|read| read.v == VERSION).map(|read| read.body)
}
