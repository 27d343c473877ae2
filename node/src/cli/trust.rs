// SPDX-License-Identifier: EUPL-1.2
//! Whose word counts when something is checked away from a node: a roster, or a published key set.
//!
//! A roster says more: at which positions of its log a key may sign, and who cosigns. A key set (`/.well-known/jwks.json`)
//! says which keys the members have; what it is worth depends on how the file came here.

use std::path::PathBuf;

use clap::Args;
use concert_protocol::encoding::base64url_decode;
use concert_protocol::entry::KeyId;
use concert_protocol::key::PublicKey;
use concert_protocol::log::{Checkpoint, SignedNote, open_checkpoint};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{ROSTER_LEN_MAX, Roster, RosterDigest, SignedRoster};
use serde::Deserialize;

use super::log::{open_head, sources};
use super::{Client, Context, failures, files};
use crate::engine::RosterFiles;
use crate::output::{Exit, Failure};

/// Longest key set, in bytes.
const KEY_SET_LEN_MAX: u64 = 4 << 20;

/// Where the keys come from. Without any of these: the roster in the data folder if there is one, else the node's key set.
#[derive(Clone, Debug, Args)]
pub(super) struct TrustArgs {
    /// Key set that the node of some member publishes at /.well-known/jwks.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["roster", "digest"])]
    pub(super) jwks: Option<PathBuf>,
    /// Roster version; needs --digest, as compared with somebody who knows it
    #[arg(long, value_name = "FILE", requires = "digest")]
    pub(super) roster: Option<PathBuf>,
    /// Digest of the version in --roster
    #[arg(long, value_name = "DIGEST", requires = "roster")]
    pub(super) digest: Option<RosterDigest>,
}

/// Keys that are believed.
pub(super) enum Trust {
    /// Everything that a roster says.
    Roster(Box<Roster>),
    /// Keys alone.
    Keys(Vec<(KeyId, PublicKey)>),
}

/// A checkpoint that one of the log's keys signed.
pub(super) struct Opened {
    /// The checkpoint.
    pub(super) checkpoint: Checkpoint,
    /// Members whose cosignature holds; unknown without a roster.
    pub(super) cosigned_by: Vec<MemberId>,
}

impl Trust {
    /// Finds the keys.
    pub(super) fn find(context: &Context, args: &TrustArgs) -> Result<Self, Failure> {
        if let Some(path) = &args.jwks {
            let bytes = files::read_bounded(path, KEY_SET_LEN_MAX)?;
            return Self::of_key_set(&bytes)
                .map_err(|failure| failure.cause(format!("in {}", path.display())));
        }
        if let (Some(path), Some(digest)) = (&args.roster, args.digest) {
            let bytes = files::read_bounded(path, ROSTER_LEN_MAX as u64)?;
            let signed = SignedRoster::parse(&bytes).map_err(failures::roster)?;
            let anchor = concert_protocol::roster::Anchor::Digest(digest);
            return Roster::found(signed, &anchor)
                .map(|roster| Self::Roster(Box::new(roster)))
                .map_err(failures::roster);
        }
        let data = context.data()?;
        if context.global.url.is_none() && data.roster().is_dir() {
            let roster = RosterFiles::new(&data.roster()).load().map_err(failures::roster_file)?;
            return Ok(Self::Roster(Box::new(roster)));
        }
        let client = Client::new(context)?;
        let bytes = context.block_on(client.public(&[".well-known", "jwks.json"]))?;
        Self::of_key_set(&bytes)
    }

    /// Reads a JSON Web Key Set; keys of other kinds are passed over.
    pub(super) fn of_key_set(bytes: &[u8]) -> Result<Self, Failure> {
        let set: KeySet = serde_json::from_slice(bytes)
            .map_err(|error| Failure::new(Exit::Failed, "not a JSON Web Key Set").because(error))?;
        let ed25519 = set.keys.into_iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let keys: Vec<(KeyId, PublicKey)> = ed25519.filter_map(|key| key.read()).collect();
        if keys.is_empty() {
            return Err(Failure::new(Exit::Failed, "the key set has no key of a member"));
        }
        Ok(Self::Keys(keys))
    }

    /// The key with this id, valid at whatever position.
    pub(super) fn key(&self, id: &KeyId) -> Option<PublicKey> {
        match self {
            Self::Keys(keys) => keys.iter().find(|(known, _)| known == id).map(|(_, key)| key.clone()),
            Self::Roster(roster) => {
                let logs = &roster.member(&id.member)?.logs;
                let mut keys = logs.iter().flat_map(|log| &log.keys).map(|period| &period.key);
                keys.find(|key| key.fingerprint() == *id.fingerprint).cloned()
            }
        }
    }

    /// Whether the key with this id may sign the entry at `index` of `log`; without a roster nobody knows, so any may.
    pub(super) fn may_sign(&self, id: &KeyId, log: &LogId, index: u64) -> bool {
        match self {
            Self::Keys(_) => log.member == id.member,
            Self::Roster(roster) => {
                log.member == id.member && roster.signing_key(log, index, &id.fingerprint).is_some()
            }
        }
    }

    /// The log that a checkpoint is of.
    pub(super) fn log_of(&self, checkpoint: &Checkpoint) -> Option<LogId> {
        let (federation, _) = checkpoint.origin.split_once("/log/")?;
        let known = match self {
            Self::Roster(roster) => roster.federation() == federation,
            Self::Keys(_) => true,
        };
        known.then(|| LogId::from_origin(federation, &checkpoint.origin)).flatten()
    }

    /// Checks a checkpoint of `log`.
    pub(super) fn open(&self, log: &LogId, note: &SignedNote) -> Result<Opened, String> {
        let keys = match self {
            Self::Roster(roster) => {
                let (checkpoint, cosigned_by) = open_head(roster, log, &note.to_bytes())?;
                return Ok(Opened { checkpoint, cosigned_by });
            }
            Self::Keys(keys) => keys.iter().filter(|(id, _)| id.member == log.member),
        };
        let origin = note.text().lines().next().unwrap_or_default();
        let mut refused = format!("the key set has no key of {}", log.member);
        for (_, key) in keys {
            match open_checkpoint(note, origin, key) {
                Ok(checkpoint) => return Ok(Opened { checkpoint, cosigned_by: Vec::new() }),
                Err(error) => refused = sources(&error),
            }
        }
        Err(refused)
    }

    /// Every key that may ever sign a checkpoint of `log`.
    pub(super) fn checkpoint_keys(&self, log: &LogId) -> Vec<PublicKey> {
        match self {
            Self::Roster(roster) => {
                let logs =
                    roster.member(&log.member).map(|member| member.logs.as_slice()).unwrap_or_default();
                let periods = logs
                    .iter()
                    .filter(|known| known.generation == log.generation)
                    .flat_map(|known| &known.keys);
                periods.map(|period| period.key.clone()).collect()
            }
            Self::Keys(keys) => {
                keys.iter().filter(|(id, _)| id.member == log.member).map(|(_, key)| key.clone()).collect()
            }
        }
    }

    /// What the keys come from, for people.
    pub(super) fn source(&self) -> String {
        match self {
            Self::Roster(roster) => format!("roster version {} of {}", roster.version(), roster.federation()),
            Self::Keys(keys) => format!("a key set with {} keys", keys.len()),
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    kid: String,
}

impl Key {
    /// The key under its id, if the id is the one that belongs to it.
    fn read(&self) -> Option<(KeyId, PublicKey)> {
        let bytes: [u8; 32] = base64url_decode(self.x.as_bytes())?.try_into().ok()?;
        let key = PublicKey::from_bytes(&bytes).ok()?;
        let id: KeyId = self.kid.parse().ok()?;
        (*id.fingerprint == *key.fingerprint()).then_some((id, key))
    }
}

#[cfg(test)]
mod tests {
    use concert_protocol::key::SecretKey;

    use super::*;

    #[test]
    fn a_key_set_gives_the_keys_under_their_own_ids_alone() {
        let key = SecretKey::from_seed(&[7; 32]).public();
        let id = KeyId::of(&"FR".parse().expect("a member"), &key);
        let jwk = |kid: &str| {
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","kid":"{kid}"}}"#, key.to_base64url())
        };
        let good = format!(r#"{{"keys":[{},{{"kty":"RSA","n":"x"}}]}}"#, jwk(&id.to_string()));
        let trust = Trust::of_key_set(good.as_bytes()).expect("a key set");
        assert_eq!(trust.key(&id), Some(key.clone()));
        let log: LogId = "DE/1".parse().expect("a log");
        assert!(!trust.may_sign(&id, &log, 0), "a key of FR signs nothing in the log of DE");
        let other = format!(r#"{{"keys":[{}]}}"#, jwk("FR/0000000000000000"));
        assert!(Trust::of_key_set(other.as_bytes()).is_err(), "an id that is not the key's own is nobody's");
        assert!(Trust::of_key_set(b"[]").is_err());
    }
}
