// SPDX-License-Identifier: EUPL-1.2
//! What one roster version says (spec 03-roster, "Payload"), and the steps by which a version is written.
//!
//! The fields are open so that tools can compose a version; nothing acts on one before
//! [`SignedRoster`](super::SignedRoster) has checked it.

use serde::{Deserialize, Serialize};

use crate::entry::text::{DomainName, Text, formed_text};
use crate::key::PublicKey;
use crate::log::Hash;
use crate::member::{LogId, MemberId};
use crate::time::Timestamp;

formed_text!(
    /// A federation's name: a DNS name in lower case of at most 200 bytes, as in `concert.example`.
    ///
    /// It begins the origin of every log and the name of every cosigner, hence the bound (spec 02-log).
    FederationName,
    "a federation name: a DNS name in lower case of at most 200 bytes, such as concert.example",
    |t| t.len() <= 200 && t.parse::<DomainName>().is_ok()
);

/// One version of the roster: the payload that root keys sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterVersion {
    /// The federation; the same in every version.
    pub federation: FederationName,
    /// 1 for the first; each next one is exactly one more.
    pub version: u64,
    /// When it was written.
    pub issued_at: Timestamp,
    /// From then on it gives no new privileges.
    pub expires: Timestamp,
    /// Fencing epoch of the coordinators' order, 1 to `version`; rises whenever `coordinators` changes.
    pub epoch: u64,
    /// Whose signatures make the next version.
    pub root: RootKeys,
    /// Who issues notices, the first in order first; active members that author.
    pub coordinators: Vec<MemberId>,
    /// Everybody, 1 to 64.
    pub members: Vec<RosterMember>,
}

/// The root role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKeys {
    /// 1 to 32 distinct keys.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign, 1 to the number of keys.
    pub threshold: u32,
}

/// What a member does. Who coordinates is said by [`RosterVersion::coordinators`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Refers content: writes a log.
    Member,
    /// Replicates and serves, never writes.
    Mirror,
    /// Recommends, without powers of its own: writes a log.
    Reviewer,
}

/// Whether a member takes part at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// Takes part.
    Active,
    /// Not connected, does not coordinate, its cosignatures count for nothing. What its log holds stays valid:
    /// only log positions decide that.
    Suspended,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterMember {
    /// Its code; never given to another.
    pub member: MemberId,
    /// Its name for people.
    pub name: Text<1, 120>,
    /// What it does; a mirror does nothing else.
    pub roles: Vec<Role>,
    /// Its contact desk, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Text<1, 400>>,
    /// The key of its libp2p peer id.
    pub transport_key: PublicKey,
    /// Multiaddr texts, at most 8 of at most 255 bytes. Hints: identity is the key alone.
    pub addresses: Vec<String>,
    /// The key under which it cosigns others' checkpoints.
    pub cosigner_key: PublicKey,
    /// Every log that it ever had, generations 1, 2, 3 and so on.
    pub logs: Vec<RosterLog>,
    /// What peers grant its log; none: the node's own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Whether it takes part.
    pub state: MemberState,
}

/// One generation of a member's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterLog {
    /// From 1.
    pub generation: u16,
    /// Its signing keys, in order of their positions, at most 256. A key signs both entries and checkpoints.
    pub keys: Vec<LogKey>,
    /// The size at which it ended for good; entries from this index on are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// Roots that the federation agreed on, by ascending size, at most 256: a log that shows another root at such
    /// a size is not this log. Written when a key is revoked or a log closed, so that a fork made with the old key
    /// has no claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<TreePin>,
}

/// A signing key and the positions that it may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogKey {
    /// The key.
    pub key: PublicKey,
    /// First index.
    pub from: u64,
    /// First index that it may *not* sign; none: still in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// The root of a log at a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreePin {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree of so many entries.
    pub root: Hash,
}

/// What peers grant a log before they fetch it late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Entries in any hour.
    pub entries_per_hour: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// Where a key's period ends: see [`RosterVersion::rotate_log_key`] and [`RosterVersion::close_log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPeriodEnd {
    /// The size of the log, hence the first index that the key no longer signs.
    pub size: u64,
    /// The root at that size, if it is known and should be pinned.
    pub root: Option<Hash>,
}

impl RosterVersion {
    /// A first version (version 1, epoch 1) without members and coordinators.
    pub fn new(federation: FederationName, issued_at: Timestamp, expires: Timestamp, root: RootKeys) -> Self {
        Self {
            federation,
            version: 1,
            issued_at,
            expires,
            epoch: 1,
            root,
            coordinators: vec![],
            members: vec![],
        }
    }

    /// The same content as the version after this one.
    #[must_use]
    pub fn next(&self, issued_at: Timestamp, expires: Timestamp) -> Self {
        Self { version: self.version.saturating_add(1), issued_at, expires, ..self.clone() }
    }

    /// Replaces the coordinators; raises the epoch if the list changes, so call it once per version.
    pub fn set_coordinators(&mut self, coordinators: Vec<MemberId>) {
        if self.coordinators != coordinators {
            self.coordinators = coordinators;
            self.epoch = self.epoch.saturating_add(1).min(self.version);
        }
    }

    /// The member with this code.
    pub fn member(&self, member: &MemberId) -> Option<&RosterMember> {
        self.members.iter().find(|m| m.member == *member)
    }

    /// The member with this code, to be changed.
    pub fn member_mut(&mut self, member: &MemberId) -> Option<&mut RosterMember> {
        self.members.iter_mut().find(|m| m.member == *member)
    }

    /// The log with this name, to be changed.
    pub fn log_mut(&mut self, log: &LogId) -> Option<&mut RosterLog> {
        self.member_mut(&log.member)?.logs.iter_mut().find(|l| l.generation == log.generation)
    }

    /// Ends the key in use of `log` at `end` and lets `key` sign from index `from` on; `from` above `end.size`
    /// leaves a gap in which every entry is refused. `None` if there is no such log.
    pub fn rotate_log_key(
        &mut self,
        log: &LogId,
        end: KeyPeriodEnd,
        key: PublicKey,
        from: u64,
    ) -> Option<()> {
        let log = self.log_mut(log)?;
        log.end_keys(&end);
        log.keys.push(LogKey { key, from, until: None });
        Some(())
    }

    /// Ends `log` at `end` and opens the member's next generation under `key`; without a key none is opened.
    /// The new log's name, or `None` if there is no such log or nothing was opened.
    pub fn close_log(&mut self, log: &LogId, end: KeyPeriodEnd, key: Option<PublicKey>) -> Option<LogId> {
        let closed = self.log_mut(log)?;
        closed.end_keys(&end);
        closed.closed_at = Some(end.size);
        let generation = log.generation.checked_add(1)?;
        self.member_mut(&log.member)?.logs.push(RosterLog::new(generation, key?));
        Some(LogId { member: log.member.clone(), generation })
    }
}

impl RosterMember {
    /// An active member with the role `member`, whose first log `signing` signs; no contact, address or quota.
    pub fn new(
        member: MemberId,
        name: Text<1, 120>,
        transport: PublicKey,
        cosigner: PublicKey,
        signing: PublicKey,
    ) -> Self {
        Self {
            roles: vec![Role::Member],
            logs: vec![RosterLog::new(1, signing)],
            ..Self::mirror(member, name, transport, cosigner)
        }
    }

    /// An active mirror: no log.
    pub fn mirror(member: MemberId, name: Text<1, 120>, transport: PublicKey, cosigner: PublicKey) -> Self {
        Self {
            member,
            name,
            roles: vec![Role::Mirror],
            contact: None,
            transport_key: transport,
            addresses: vec![],
            cosigner_key: cosigner,
            logs: vec![],
            quota: None,
            state: MemberState::Active,
        }
    }

    /// Whether it writes a log, going by its roles.
    pub fn authors(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Member | Role::Reviewer))
    }

    /// Whether it takes part at present.
    pub fn is_active(&self) -> bool {
        self.state == MemberState::Active
    }
}

impl RosterLog {
    /// An open log that `key` signs from index 0 on.
    pub fn new(generation: u16, key: PublicKey) -> Self {
        Self { generation, keys: vec![LogKey { key, from: 0, until: None }], closed_at: None, pins: vec![] }
    }

    /// Ends what is still in use, and pins the root.
    fn end_keys(&mut self, end: &KeyPeriodEnd) {
        for key in &mut self.keys {
            let until = end.size.max(key.from);
            key.until = Some(key.until.map_or(until, |earlier| earlier.min(until)));
        }
        if let (Some(root), Err(at)) = (end.root, self.pins.binary_search_by_key(&end.size, |pin| pin.size)) {
            self.pins.insert(at, TreePin { size: end.size, root });
        }
    }
}

impl LogKey {
    /// Whether the key may sign at `index`.
    pub fn covers(&self, index: u64) -> bool {
        self.from <= index && self.until.is_none_or(|until| index < until)
    }
}
