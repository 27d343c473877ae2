// SPDX-License-Identifier: EUPL-1.2
//! What a trusted roster answers: who a key belongs to, and which key may sign which position of which log
//! (spec 03-roster, "Validity"). A pure function of one version.

use std::collections::BTreeMap;

use crate::key::PublicKey;
use crate::log;
use crate::member::{LogId, MemberId};

use super::trust::Roster;
use super::version::{LogKey, RosterLog, RosterMember, RosterVersion, TreePin};

/// Look-up tables over one version; positions are indices into its lists.
#[derive(Clone)]
pub(super) struct Tables {
    members: BTreeMap<MemberId, usize>,
    transports: BTreeMap<[u8; 32], usize>,
    logs: BTreeMap<LogId, LogTable>,
}

/// One log, its keys with their fingerprints worked out once.
#[derive(Clone)]
struct LogTable {
    log: RosterLog,
    fingerprints: Vec<String>,
}

impl Tables {
    pub(super) fn new(version: &RosterVersion) -> Self {
        let mut tables =
            Self { members: BTreeMap::new(), transports: BTreeMap::new(), logs: BTreeMap::new() };
        for (index, member) in version.members.iter().enumerate() {
            tables.members.insert(member.member.clone(), index);
            tables.transports.insert(member.transport_key.to_bytes(), index);
            for log in &member.logs {
                let id = LogId { member: member.member.clone(), generation: log.generation };
                let fingerprints = log.keys.iter().map(|k| k.key.fingerprint()).collect();
                tables.logs.insert(id, LogTable { log: log.clone(), fingerprints });
            }
        }
        tables
    }
}

impl LogTable {
    /// Whether the log may have an entry at `index`.
    fn is_open_at(&self, index: u64) -> bool {
        self.log.closed_at.is_none_or(|size| index < size)
    }
}

impl Roster {
    /// The federation's name, with which the origins of its logs begin.
    pub fn federation(&self) -> &str {
        self.content().federation.as_str()
    }

    /// The version's number.
    pub fn version(&self) -> u64 {
        self.content().version
    }

    /// Fencing epoch of the coordinators' order.
    pub fn epoch(&self) -> u64 {
        self.content().epoch
    }

    /// Everybody, suspended members included, in document order.
    pub fn members(&self) -> &[RosterMember] {
        &self.content().members
    }

    /// The member with this code, suspended or not.
    pub fn member(&self, member: &MemberId) -> Option<&RosterMember> {
        self.content().members.get(*self.tables.members.get(member)?)
    }

    /// The coordinators, the first to act in front. All of them are active.
    pub fn coordinators(&self) -> &[MemberId] {
        &self.content().coordinators
    }

    /// Whether `member` is one of the coordinators.
    pub fn is_coordinator(&self, member: &MemberId) -> bool {
        self.coordinators().contains(member)
    }

    /// The active member that this transport key belongs to: the only test for admission of a peer.
    pub fn member_by_transport(&self, key: &PublicKey) -> Option<&MemberId> {
        let member = self.members().get(*self.tables.transports.get(&key.to_bytes())?)?;
        member.is_active().then_some(&member.member)
    }

    /// Every log that ever was, closed ones and those of suspended members included, in order of their names.
    pub fn logs(&self) -> impl Iterator<Item = &LogId> {
        self.tables.logs.keys()
    }

    /// The log that `member` writes at present; none for a mirror or after a closure.
    pub fn own_log(&self, member: &MemberId) -> Option<LogId> {
        let open = self.member(member)?.logs.iter().find(|log| log.closed_at.is_none())?;
        Some(LogId { member: member.clone(), generation: open.generation })
    }

    /// The key with this fingerprint, if it may sign the entry at `index` of `log`.
    pub fn signing_key(&self, log: &LogId, index: u64, fingerprint: &str) -> Option<&PublicKey> {
        let table = self.tables.logs.get(log)?;
        if !table.is_open_at(index) {
            return None;
        }
        let at = table.log.keys.iter().position(|key| key.covers(index))?;
        (table.fingerprints.get(at)? == fingerprint).then(|| &table.log.keys[at].key)
    }

    /// The keys that may sign a checkpoint of `log` over `size` entries: valid at the last entry or at the one
    /// that would come next, so that a new key can speak for a log before it has added to it. At most two.
    pub fn checkpoint_keys(&self, log: &LogId, size: u64) -> Vec<&PublicKey> {
        let Some(table) = self.tables.logs.get(log) else { return vec![] };
        if table.log.closed_at.is_some_and(|closed| size > closed) {
            return vec![];
        }
        let valid =
            |key: &&LogKey| key.covers(size) || size.checked_sub(1).is_some_and(|last| key.covers(last));
        table.log.keys.iter().filter(valid).map(|key| &key.key).collect()
    }

    /// Whether `key` is, was or will be a signing key of `log`.
    pub fn is_signing_key(&self, log: &LogId, key: &PublicKey) -> bool {
        self.tables.logs.get(log).is_some_and(|table| table.log.keys.iter().any(|period| period.key == *key))
    }

    /// Whether this version and `other` name the same key for every one of the first `size` entries of `log`. If
    /// not, what was derived from those entries has to be derived again.
    pub fn agrees_on_keys(&self, other: &Self, log: &LogId, size: u64) -> bool {
        let (Some(mine), Some(theirs)) = (self.tables.logs.get(log), other.tables.logs.get(log)) else {
            return size == 0;
        };
        // Keys change only where a period begins or ends, or where the log was closed.
        let periods = mine.log.keys.iter().chain(&theirs.log.keys);
        let closures = mine.log.closed_at.into_iter().chain(theirs.log.closed_at);
        let changes = periods.flat_map(|period| [Some(period.from), period.until]).flatten().chain(closures);
        let key_at = |roster: &Self, index: u64| {
            let table = roster.tables.logs.get(log).filter(|table| table.is_open_at(index))?;
            table.log.keys.iter().find(|key| key.covers(index)).map(|key| key.key.clone())
        };
        changes
            .chain([0])
            .filter(|index| *index < size)
            .all(|index| key_at(self, index) == key_at(other, index))
    }

    /// The size at which `log` was closed; none if it is open or unknown.
    pub fn closed_at(&self, log: &LogId) -> Option<u64> {
        self.tables.logs.get(log)?.log.closed_at
    }

    /// The roots that the federation agreed on for `log`, by ascending size. A checkpoint with another root at one
    /// of these sizes is not of this log, whoever signed it.
    pub fn pins(&self, log: &LogId) -> &[TreePin] {
        self.tables.logs.get(log).map_or(&[], |table| &table.log.pins)
    }

    /// The key under which an active member cosigns; a suspended member's cosignatures count for nothing.
    pub fn cosigner_key(&self, member: &MemberId) -> Option<&PublicKey> {
        self.member(member).filter(|m| m.is_active()).map(|m| &m.cosigner_key)
    }

    /// The name under which `member` cosigns: `<federation>/cosigner/<member in lower case>`.
    pub fn cosigner_name(&self, member: &MemberId) -> String {
        log::cosigner_name(self.federation(), member)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{code, key, log, trusted, version};
    use super::super::{KeyPeriodEnd, MemberState};
    use super::*;
    use crate::log::leaf_hash;

    /// FR/1: key a to 10, a gap to 12, key b to 20, closed at 20; then FR/2.
    fn roster() -> Roster {
        let mut version = version(&[1], 1);
        let end = |size| KeyPeriodEnd { size, root: Some(leaf_hash(b"")) };
        version.rotate_log_key(&log("FR/1"), end(10), key("b").public(), 12).expect("FR/1");
        version.close_log(&log("FR/1"), end(20), Some(key("c").public())).expect("FR/1");
        trusted(&version, &[1])
    }

    fn signer(roster: &Roster, of: &str, index: u64) -> Option<String> {
        let labels = ["FR log 1", "b", "c"];
        let may = |label: &&&str| {
            let key = key(label).public();
            roster.signing_key(&log(of), index, &key.fingerprint()) == Some(&key)
        };
        let found: Vec<_> = labels.iter().filter(may).collect();
        assert!(found.len() <= 1);
        found.first().map(|label| (**label).to_owned())
    }

    #[test]
    fn entries_are_signed_by_the_key_of_their_position() {
        let roster = roster();
        for (index, expected) in [
            (0, Some("FR log 1")),
            (9, Some("FR log 1")),
            (10, None),
            (11, None),
            (12, Some("b")),
            (19, Some("b")),
            (20, None),
            (u64::MAX, None),
        ] {
            assert_eq!(signer(&roster, "FR/1", index).as_deref(), expected, "{index}");
        }
        assert_eq!(signer(&roster, "FR/2", 0).as_deref(), Some("c"));
        assert_eq!(signer(&roster, "FR/2", u64::MAX).as_deref(), Some("c"));
        assert_eq!(signer(&roster, "FR/3", 0), None);
        assert_eq!(signer(&roster, "M1/1", 0), None);
    }

    #[test]
    fn checkpoints_are_signed_by_the_key_of_the_last_entry_or_the_next() {
        let roster = roster();
        let (a, b) = (key("FR log 1").public(), key("b").public());
        for (size, expected) in [
            (0, vec![&a]),
            (1, vec![&a]),
            (10, vec![&a]),
            (11, vec![]),
            (12, vec![&b]),
            (13, vec![&b]),
            (20, vec![&b]),
            (21, vec![]),
        ] {
            assert_eq!(roster.checkpoint_keys(&log("FR/1"), size), expected, "{size}");
        }
        let mut version = version(&[1], 1);
        let end = KeyPeriodEnd { size: 10, root: None };
        version.rotate_log_key(&log("FR/1"), end, b.clone(), 10).expect("FR/1");
        let roster = trusted(&version, &[1]);
        assert_eq!(roster.checkpoint_keys(&log("FR/1"), 10), vec![&a, &b], "either at the seam");
        assert_eq!(roster.checkpoint_keys(&log("FR/1"), 11), vec![&b]);
        assert_eq!(roster.checkpoint_keys(&log("FR/1"), u64::MAX), vec![&b]);
    }

    #[test]
    fn logs_and_their_ends_are_listed() {
        let roster = roster();
        let logs: Vec<_> = roster.logs().map(ToString::to_string).collect();
        assert_eq!(logs, ["DE/1", "EU/1", "FR/1", "FR/2"]);
        assert_eq!(roster.closed_at(&log("FR/1")), Some(20));
        assert_eq!(roster.closed_at(&log("FR/2")), None);
        assert_eq!(roster.own_log(&code("FR")), Some(log("FR/2")));
        assert_eq!(roster.own_log(&code("M1")), None);
        assert_eq!(roster.pins(&log("FR/1")).iter().map(|p| p.size).collect::<Vec<_>>(), [10, 20]);
        assert!(roster.pins(&log("XX/1")).is_empty());
    }

    #[test]
    fn a_suspended_member_is_neither_admitted_nor_counted() {
        let mut version = version(&[1], 1);
        version.member_mut(&code("FR")).expect("FR").state = MemberState::Suspended;
        let roster = trusted(&version, &[1]);
        let transport = |text: &str| key(&format!("{text} transport")).public();
        assert_eq!(roster.member_by_transport(&transport("DE")), Some(&code("DE")));
        assert_eq!(roster.member_by_transport(&transport("FR")), None);
        assert_eq!(roster.member_by_transport(&key("DE cosigner").public()), None);
        assert_eq!(roster.cosigner_key(&code("FR")), None);
        assert_eq!(roster.cosigner_key(&code("M1")), Some(&key("M1 cosigner").public()));
        assert_eq!(roster.cosigner_name(&code("M1")), "concert.example/cosigner/m1");
        assert_eq!(signer(&roster, "FR/1", 3).as_deref(), Some("FR log 1"), "only positions decide");
        assert!(roster.is_coordinator(&code("EU")) && !roster.is_coordinator(&code("FR")));
    }
}
