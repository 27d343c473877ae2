// SPDX-License-Identifier: EUPL-1.2
//! Whether a record was imported before: the same file twice adds nothing, a changed record is told from a new one.

use concert_protocol::entry::referral::Referral;
use concert_protocol::member::MemberId;
use sha2::{Digest, Sha256};

/// Keeps this digest apart from every other use of SHA-256 over the same bytes.
const PURPOSE: &[u8] = b"concert/import/record/v1\n";

/// What a record is to those that were imported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its reference is not known.
    New,
    /// It was imported before, word for word.
    Known,
    /// Its reference is known with another content; the earlier referral can be amended.
    Changed,
}

impl Standing {
    /// Compares a record with the digest that is stored under its [`import_key`], if there is one.
    pub fn of(digest: &[u8; 32], stored: Option<&[u8; 32]>) -> Self {
        match stored {
            None => Self::New,
            Some(stored) if stored == digest => Self::Known,
            Some(_) => Self::Changed,
        }
    }
}

/// The name under which a record is known: member, unit and reference, as a JSON list.
pub fn import_key(member: &MemberId, referral: &Referral) -> String {
    serde_json::json!([member.as_str(), referral.unit.as_str(), referral.reference.as_str()]).to_string()
}

/// SHA-256 of everything that the record was mapped to, so that it also changes when the profile gives another meaning.
pub fn record_digest(referral: &Referral) -> [u8; 32] {
    let json = serde_json::to_vec(referral).expect("a referral is made of texts, numbers and lists");
    Sha256::new().chain_update(PURPOSE).chain_update(json).finalize().into()
}
