// SPDX-License-Identifier: EUPL-1.2
//! Small rosters with fixed keys for the tests of this module.

use crate::key::SecretKey;
use crate::member::{LogId, MemberId};
use crate::time::Timestamp;

use super::{Anchor, RootKeys, Roster, RosterMember, RosterVersion, SignedRoster};

/// When every test roster was issued, in seconds.
pub(super) const ISSUED: i64 = 1_795_334_400;
/// When it expires.
pub(super) const EXPIRES: i64 = ISSUED + 90 * 86_400;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub(super) fn code(text: &str) -> MemberId {
    text.parse().expect("a member code")
}

pub(super) fn log(text: &str) -> LogId {
    text.parse().expect("a log")
}

/// Root key `n`.
pub(super) fn root(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// The key of a purpose, by any short label.
pub(super) fn key(label: &str) -> SecretKey {
    let mut seed = [0xee; 32];
    seed[..label.len()].copy_from_slice(label.as_bytes());
    SecretKey::from_seed(&seed)
}

pub(super) fn root_keys(keys: &[u8], threshold: u32) -> RootKeys {
    RootKeys { keys: keys.iter().map(|n| root(*n).public()).collect(), threshold }
}

pub(super) fn member(text: &str) -> RosterMember {
    let name = format!("Unit {text}").parse().expect("a name");
    let public = |purpose: &str| key(&format!("{text} {purpose}")).public();
    RosterMember::new(code(text), name, public("transport"), public("cosigner"), public("log 1"))
}

pub(super) fn mirror(text: &str) -> RosterMember {
    let name = format!("Mirror {text}").parse().expect("a name");
    let public = |purpose: &str| key(&format!("{text} {purpose}")).public();
    RosterMember::mirror(code(text), name, public("transport"), public("cosigner"))
}

/// Version 1 with EU (coordinator), FR, DE and the mirror M1, under the root keys `keys`.
pub(super) fn version(keys: &[u8], threshold: u32) -> RosterVersion {
    let federation = "concert.example".parse().expect("a federation");
    let mut version = RosterVersion::new(federation, at(ISSUED), at(EXPIRES), root_keys(keys, threshold));
    version.members = vec![member("EU"), member("FR"), member("DE"), mirror("M1")];
    version.set_coordinators(vec![code("EU")]);
    version
}

/// The version after `old`, issued a day later.
pub(super) fn next(old: &RosterVersion) -> RosterVersion {
    old.next(old.issued_at.plus(std::time::Duration::from_secs(86_400)), old.expires)
}

pub(super) fn sign(version: &RosterVersion, keys: &[u8]) -> SignedRoster {
    let keys: Vec<_> = keys.iter().map(|n| root(*n)).collect();
    SignedRoster::sign(version, &keys.iter().collect::<Vec<_>>()).expect("a valid version")
}

/// A version as trusted by its digest; signed with the root keys `keys`.
pub(super) fn trusted(version: &RosterVersion, keys: &[u8]) -> Roster {
    let signed = sign(version, keys);
    let anchor = Anchor::Digest(signed.digest());
    Roster::found(signed, &anchor).expect("a version that founds")
}
