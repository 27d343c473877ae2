// SPDX-License-Identifier: EUPL-1.2
//! Who takes part: keys made from names, and one roster that all trust.

use std::sync::Arc;

use concert_protocol::key::SecretKey;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{Anchor, RootKeys, Roster, RosterMember, RosterVersion, SignedRoster};
use concert_protocol::time::Timestamp;

/// When every simulation begins, in seconds since 1970.
pub(super) const BEGIN: i64 = 1_795_334_400;

const CODES: [&str; 28] = [
    "EU", "FR", "DE", "BE", "NL", "AT", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "GR", "HU", "IE", "IT",
    "LV", "LT", "LU", "MT", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
];

/// Most members that a simulation can have.
pub(super) const MEMBERS_MAX: usize = CODES.len();

/// One member's secrets.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Signs entries and checkpoints.
    pub(super) signing: SecretKey,
    /// Cosigns.
    pub(super) cosigner: SecretKey,
}

/// The members and their roster.
#[derive(Clone, Debug)]
pub(super) struct Federation {
    /// The roster in force.
    pub(super) roster: Arc<Roster>,
    /// By position in `members`.
    pub(super) keys: Vec<Keys>,
    /// The hub first.
    pub(super) members: Vec<MemberId>,
}

impl Federation {
    /// A federation of `count` members, of whom the first `coordinators` coordinate.
    pub(super) fn new(count: usize, coordinators: usize) -> Self {
        let members: Vec<MemberId> =
            CODES[..count].iter().map(|code| code.parse().expect("a code")).collect();
        let keys = members
            .iter()
            .map(|member| Keys { signing: key(member, "signing"), cosigner: key(member, "cosigner") });
        let keys: Vec<Keys> = keys.collect();
        let root = key(&members[0], "root");
        let at = Timestamp::from_seconds(BEGIN);
        let expires = Timestamp::from_seconds(BEGIN + 3650 * 86_400);
        let name = "concert.example".parse().expect("a federation");
        let mut version =
            RosterVersion::new(name, at, expires, RootKeys { keys: vec![root.public()], threshold: 1 });
        version.members = members
            .iter()
            .zip(&keys)
            .map(|(member, keys)| {
                let name = format!("Unit {member}").parse().expect("a name");
                let transport = key(member, "transport").public();
                RosterMember::new(
                    member.clone(),
                    name,
                    transport,
                    keys.cosigner.public(),
                    keys.signing.public(),
                )
            })
            .collect();
        version.set_coordinators(members[..coordinators].to_vec());
        let signed = SignedRoster::sign(&version, &[&root]).expect("a valid version");
        let anchor = Anchor::Digest(signed.digest());
        let roster = Arc::new(Roster::found(signed, &anchor).expect("a version that founds"));
        Self { roster, keys, members }
    }

    /// A member's log.
    pub(super) fn log(&self, member: usize) -> LogId {
        LogId::first(self.members[member].clone())
    }

    /// A member's position.
    pub(super) fn position(&self, member: &MemberId) -> usize {
        self.members.iter().position(|other| other == member).expect("a member of this federation")
    }
}

fn key(member: &MemberId, purpose: &str) -> SecretKey {
    let mut seed = [0x5c; 32];
    let label = format!("{member} {purpose}");
    seed[..label.len()].copy_from_slice(label.as_bytes());
    SecretKey::from_seed(&seed)
}
