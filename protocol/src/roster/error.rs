// SPDX-License-Identifier: EUPL-1.2
//! Why a roster was refused, sorted by what to do about it.

use crate::encoding::JsonError;
use crate::member::MemberId;

use super::signed::RosterDigest;
use super::trust::Roster;

/// Why a roster version was not read, signed or trusted. The version trusted so far stays trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RosterError {
    /// Over [`ROSTER_LEN_MAX`](super::ROSTER_LEN_MAX).
    #[error("the roster has {0} bytes; at most 262144 are allowed")]
    TooLong(usize),
    /// Not a JWS in general JSON serialisation.
    #[error("not a roster: expected a JWS in general JSON serialisation (RFC 7515, 7.2.1): {0}")]
    Envelope(JsonError),
    /// A member of the JWS is not in the one accepted form.
    #[error("not a roster: {0}")]
    Form(&'static str),
    /// A protected header is not in the one accepted form.
    #[error(
        "signature {number}: the protected header is not \
         {{\"alg\":\"EdDSA\",\"kid\":...,\"typ\":\"concert.roster.v1+jws\"}} in exactly this form: {what}"
    )]
    Header {
        /// Which signature, from 1.
        number: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// One key signed twice.
    #[error("two signatures name key {0}; each key signs once: remove one of them")]
    DuplicateSignature(String),
    /// The payload is not a roster version.
    #[error("the payload is not a roster version: {0}")]
    Payload(JsonError),
    /// A rule inside one version is broken.
    #[error("roster version {version}: {at}: {rule}")]
    Rule {
        /// The version at fault.
        version: u64,
        /// Which part of it.
        at: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A signature of a root key does not hold.
    #[error(
        "the signature of root key {0} does not hold; fetch the roster anew, or have that key sign again"
    )]
    BadSignature(String),
    /// Two files that should hold the same version do not.
    #[error(
        "the two files hold different versions ({0} and {1}); only signatures over one version can be joined"
    )]
    OtherPayload(RosterDigest, RosterDigest),
    /// Too few of the trusted root keys signed.
    #[error(
        "version {version} is signed by {found} trusted root keys, {needed} are needed: the holders of the root \
         keys of the version before must sign it too"
    )]
    TooFewTrusted {
        /// The version offered.
        version: u64,
        /// Signatures that count.
        found: usize,
        /// The threshold.
        needed: usize,
    },
    /// Too few of its own root keys signed.
    #[error(
        "version {version} is signed by {found} of its own root keys, {needed} are needed: let more of them sign"
    )]
    TooFewOwn {
        /// The version offered.
        version: u64,
        /// Signatures that count.
        found: usize,
        /// The threshold.
        needed: usize,
    },
    /// The anchor of trust cannot be met.
    #[error("the trusted root keys are not usable: {0}")]
    Anchor(&'static str),
    /// Not the roster whose digest was given.
    #[error(
        "this is roster {offered}, but {expected} was confirmed; ask for the right file or for its digest"
    )]
    OtherDigest {
        /// Confirmed by the operator.
        expected: RosterDigest,
        /// Of the file.
        offered: RosterDigest,
    },
    /// Of another federation.
    #[error("a roster of {offered}, but this federation is {trusted}")]
    OtherFederation {
        /// Ours.
        trusted: String,
        /// Theirs.
        offered: String,
    },
    /// Exactly what is trusted already; no harm.
    #[error("version {0} is trusted already")]
    AlreadyTrusted(u64),
    /// Older than what is trusted: a rollback.
    #[error("rollback: version {offered} was offered, version {trusted} is trusted; keep the newer one")]
    Rollback {
        /// Ours.
        trusted: u64,
        /// Theirs.
        offered: u64,
    },
    /// Versions in between are missing: a fast-forward, or a step left out.
    #[error("version {offered} does not follow version {trusted} directly; fetch the versions between them")]
    NotNext {
        /// Ours.
        trusted: u64,
        /// Theirs.
        offered: u64,
    },
    /// The trusted version's number with other content: an attack, or a root key used twice.
    #[error(
        "attack: a second version {version} ({offered}, signed by {signed} trusted root keys) beside the trusted \
         one ({trusted}); keep the file and ask the holders of the root keys"
    )]
    SecondVersion {
        /// Of both.
        version: u64,
        /// What is trusted.
        trusted: RosterDigest,
        /// What was offered.
        offered: RosterDigest,
        /// How many trusted root keys signed the one offered.
        signed: usize,
    },
    /// Something that earlier versions settled would change.
    #[error("version {version} rewrites what is settled: {at}: {rule}")]
    History {
        /// The version at fault.
        version: u64,
        /// Which part of it.
        at: String,
        /// What must stay.
        rule: &'static str,
    },
    /// A key passes to another use or owner.
    #[error(
        "version {version}: key {key} of {before} becomes {after}; a key keeps its one use: make a new one"
    )]
    KeyReuse {
        /// The version at fault.
        version: u64,
        /// Fingerprint.
        key: String,
        /// Use in the version before.
        before: String,
        /// Use in this one.
        after: String,
    },
    /// A walk of more than [`ROSTER_STEPS_MAX`](super::ROSTER_STEPS_MAX) steps.
    #[error("more than 1024 roster versions in one walk; keep the one reached and go on from there")]
    TooManySteps,
}

/// A walk that stopped early. What was reached is trusted; what came after is not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the roster stays at version {}", .reached.version())]
pub struct WalkError {
    /// The last version that could be trusted.
    pub reached: Box<Roster>,
    /// Why the next one was not.
    pub source: RosterError,
}

/// The name of a member's part in messages.
pub(super) fn at_member(member: &MemberId, part: &str) -> String {
    format!("member {member}, {part}")
}
