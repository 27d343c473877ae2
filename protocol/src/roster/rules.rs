// SPDX-License-Identifier: EUPL-1.2
//! What holds inside one version (spec 03-roster, "Rules"), whoever signed it.
//!
//! A version that breaks one of these is invalid for everybody, so two members never differ on what it grants.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::key::PublicKey;
use crate::member::{LogId, MemberId};

use super::error::{RosterError, at_member};
use super::version::{LogKey, Quota, Role, RootKeys, RosterLog, RosterMember, RosterVersion};

/// Largest integer: what a JSON reader that works in doubles still reads exactly (RFC 8259, section 6).
pub(super) const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Most root keys.
const ROOT_KEYS_MAX: usize = 32;
/// Most members.
const MEMBERS_MAX: usize = 64;
/// Most addresses of a member.
const ADDRESSES_MAX: usize = 8;
/// Longest address in bytes.
const ADDRESS_LEN_MAX: usize = 255;
/// Most logs of a member.
const PER_MEMBER_MAX: usize = 256;
/// Most keys, and most pins, of one log.
const PER_LOG_MAX: usize = 256;

/// What a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Root,
    Transport(MemberId),
    Cosigner(MemberId),
    Log(LogId),
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the root role"),
            Self::Transport(member) => write!(f, "the transport of {member}"),
            Self::Cosigner(member) => write!(f, "the cosigner {member}"),
            Self::Log(log) => write!(f, "log {log}"),
        }
    }
}

/// A broken rule, before the version's number is known.
type Broken = (String, &'static str);

/// Checks one version.
///
/// # Errors
///
/// [`RosterError::Rule`] for the first rule that is broken, in the order of spec 03-roster, "Rules".
pub(super) fn check(version: &RosterVersion) -> Result<(), RosterError> {
    check_head(version)
        .and_then(|()| check_root(&version.root))
        .and_then(|()| check_members(&version.members))
        .and_then(|()| check_coordinators(version))
        .and_then(|()| check_keys(version))
        .map_err(|(at, rule)| RosterError::Rule { version: version.version, at, rule })
}

fn ensure(holds: bool, at: impl FnOnce() -> String, rule: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err((at(), rule)) }
}

fn check_head(version: &RosterVersion) -> Result<(), Broken> {
    let number = (1..=INTEGER_MAX).contains(&version.version);
    ensure(number, || "version".into(), "must be 1 to 2^53 - 1")?;
    // Bounded by the version, or one signed mistake could use up every later epoch.
    let epoch = (1..=version.version).contains(&version.epoch);
    ensure(epoch, || "epoch".into(), "must be 1 to the version's number")?;
    ensure(version.issued_at < version.expires, || "expires".into(), "must be later than issued_at")
}

fn check_root(root: &RootKeys) -> Result<(), Broken> {
    let at = |part: &'static str| move || format!("root.{part}");
    ensure((1..=ROOT_KEYS_MAX).contains(&root.keys.len()), at("keys"), "must be 1 to 32 keys")?;
    let fingerprints: BTreeSet<_> = root.keys.iter().map(PublicKey::fingerprint).collect();
    // By fingerprint, which is how signatures name them; this covers equal keys.
    ensure(
        fingerprints.len() == root.keys.len(),
        at("keys"),
        "must be distinct, and so must their fingerprints",
    )?;
    let met = usize::try_from(root.threshold).is_ok_and(|t| (1..=root.keys.len()).contains(&t));
    ensure(met, at("threshold"), "must be 1 to the number of root keys")
}

fn check_members(members: &[RosterMember]) -> Result<(), Broken> {
    ensure((1..=MEMBERS_MAX).contains(&members.len()), || "members".into(), "must be 1 to 64")?;
    let mut codes = BTreeSet::new();
    for member in members {
        let at = |part: &'static str| at_member(&member.member, part);
        ensure(codes.insert(&member.member), || at("code"), "must be listed once")?;
        let roles: BTreeSet<_> = member.roles.iter().collect();
        let distinct = !roles.is_empty() && roles.len() == member.roles.len();
        ensure(distinct, || at("roles"), "must be at least one, each once")?;
        let pure = !roles.contains(&Role::Mirror) || roles.len() == 1;
        ensure(pure, || at("roles"), "a mirror never writes, so it has no other role")?;
        check_addresses(&member.addresses).map_err(|rule| (at("addresses"), rule))?;
        check_quota(member.quota).map_err(|rule| (at("quota"), rule))?;
        check_logs(member)?;
    }
    Ok(())
}

fn check_addresses(addresses: &[String]) -> Result<(), &'static str> {
    let form = |a: &String| {
        a.len() <= ADDRESS_LEN_MAX
            && a.len() > 1
            && a.starts_with('/')
            && a.bytes().all(|b| b.is_ascii_graphic())
    };
    if addresses.len() > ADDRESSES_MAX {
        return Err("must be at most 8");
    }
    if addresses.iter().all(form) {
        Ok(())
    } else {
        Err("must be multiaddr texts such as /dns4/fr.example/tcp/4001, at most 255 printable ASCII bytes")
    }
}

fn check_quota(quota: Option<Quota>) -> Result<(), &'static str> {
    let bounded = |n: u64| (1..=INTEGER_MAX).contains(&n);
    match quota {
        Some(q) if !bounded(q.entries_per_hour) || !bounded(q.bytes_total) => Err("must be 1 to 2^53 - 1"),
        _ => Ok(()),
    }
}

fn check_logs(member: &RosterMember) -> Result<(), Broken> {
    let at = || at_member(&member.member, "logs");
    ensure(member.logs.len() <= PER_MEMBER_MAX, at, "must be at most 256")?;
    let counted = member.logs.iter().zip(1_u16..).all(|(log, generation)| log.generation == generation);
    ensure(counted, at, "must be generations 1, 2, 3 and so on, all of them")?;
    let open: Vec<_> = member.logs.iter().filter(|log| log.closed_at.is_none()).collect();
    let last_only = open.len() <= 1 && open.iter().all(|log| Some(*log) == member.logs.last());
    ensure(last_only, at, "all but the last must be closed")?;
    ensure(member.authors() || open.is_empty(), at, "a mirror must not have an open log")?;
    if member.authors() && member.is_active() {
        ensure(open.len() == 1, at, "an active member that writes must have an open log")?;
        let in_use = open.iter().all(|log| log.keys.last().is_some_and(|key| key.until.is_none()));
        ensure(in_use, at, "the open log of an active member must have a key in use")?;
    }
    member.logs.iter().try_for_each(|log| check_log(&member.member, log))
}

fn check_log(member: &MemberId, log: &RosterLog) -> Result<(), Broken> {
    let at = |part: &'static str| move || format!("log {member}/{}, {part}", log.generation);
    let closed = log.closed_at.unwrap_or(INTEGER_MAX);
    ensure(closed <= INTEGER_MAX, at("closed_at"), "must be at most 2^53 - 1")?;
    ensure((1..=PER_LOG_MAX).contains(&log.keys.len()), at("keys"), "must be 1 to 256")?;
    ensure(log.keys.first().is_some_and(|key| key.from == 0), at("keys"), "the first must begin at index 0")?;
    let ordered = log.keys.windows(2).all(|pair| pair[0].until.is_some_and(|until| until <= pair[1].from));
    ensure(ordered, at("keys"), "each must end before or where the next one begins")?;
    let bounded = |key: &LogKey| {
        key.from <= key.until.unwrap_or(INTEGER_MAX) && key.until.is_none_or(|u| u <= INTEGER_MAX)
    };
    ensure(log.keys.iter().all(bounded), at("keys"), "must not end before they begin, nor after 2^53 - 1")?;
    let ended = log.closed_at.is_none() || log.keys.iter().all(|key| key.until.is_some());
    ensure(ended, at("keys"), "must all be ended in a closed log")?;
    ensure(log.pins.len() <= PER_LOG_MAX, at("pins"), "must be at most 256")?;
    let ascending = log.pins.windows(2).all(|pair| pair[0].size < pair[1].size)
        && log.pins.iter().all(|pin| pin.size <= closed);
    ensure(ascending, at("pins"), "must be by ascending size, each size once, none beyond the end of the log")
}

fn check_coordinators(version: &RosterVersion) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    for code in &version.coordinators {
        let at = || format!("coordinator {code}");
        ensure(seen.insert(code), at, "must be listed once")?;
        let able = version.member(code).is_some_and(|m| m.is_active() && m.authors());
        ensure(able, at, "must be an active member that writes a log")?;
    }
    Ok(())
}

fn check_keys(version: &RosterVersion) -> Result<(), Broken> {
    let mut seen: BTreeMap<[u8; 32], Use> = BTreeMap::new();
    for (key, purpose) in uses(version) {
        if let Some(other) = seen.insert(key.to_bytes(), purpose.clone()) {
            let at = format!("key {} of {other} and of {purpose}", key.fingerprint());
            return Err((at, "a key has one owner, one use and one period: make a new one"));
        }
    }
    Ok(())
}

/// Every key that the version names, with what it is for.
pub(super) fn uses(version: &RosterVersion) -> impl Iterator<Item = (&PublicKey, Use)> {
    let root = version.root.keys.iter().map(|key| (key, Use::Root));
    let members = version.members.iter().flat_map(|member| {
        let code = &member.member;
        let logs = member.logs.iter().flat_map(move |log| {
            let id = LogId { member: code.clone(), generation: log.generation };
            log.keys.iter().map(move |key| (&key.key, Use::Log(id.clone())))
        });
        [
            (&member.transport_key, Use::Transport(code.clone())),
            (&member.cosigner_key, Use::Cosigner(code.clone())),
        ]
        .into_iter()
        .chain(logs)
    });
    root.chain(members)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{code, key, log, root_keys, version};
    use super::super::{KeyPeriodEnd, MemberState, TreePin};
    use super::*;
    use crate::log::leaf_hash;

    fn broken(change: impl FnOnce(&mut RosterVersion)) -> (String, &'static str) {
        let mut version = version(&[1, 2], 1);
        change(&mut version);
        match check(&version) {
            Err(RosterError::Rule { at, rule, .. }) => (at, rule),
            other => unreachable!("expected a broken rule, found {other:?}"),
        }
    }

    fn fr(version: &mut RosterVersion) -> &mut RosterMember {
        version.member_mut(&code("FR")).expect("FR")
    }

    fn fr_log(version: &mut RosterVersion) -> &mut RosterLog {
        version.log_mut(&log("FR/1")).expect("FR/1")
    }

    #[test]
    fn the_test_roster_holds() {
        assert_eq!(check(&version(&[1], 1)), Ok(()));
        let mut two = version(&[1], 1);
        two.set_coordinators(vec![]);
        two.members.truncate(2);
        assert_eq!(check(&two), Ok(()), "two members without a hub");
    }

    #[test]
    fn numbers_and_times_are_bounded() {
        assert_eq!(broken(|v| v.version = 0).0, "version");
        assert_eq!(broken(|v| v.version = INTEGER_MAX + 1).0, "version");
        assert_eq!(broken(|v| v.epoch = 0).0, "epoch");
        assert_eq!(broken(|v| v.epoch = 2).0, "epoch");
        assert_eq!(broken(|v| v.expires = v.issued_at).0, "expires");
    }

    #[test]
    fn root_keys_are_distinct_and_the_threshold_can_be_met() {
        assert_eq!(broken(|v| v.root = root_keys(&[], 1)).0, "root.keys");
        assert_eq!(broken(|v| v.root = root_keys(&[1, 2, 1], 2)).0, "root.keys");
        assert_eq!(broken(|v| v.root = root_keys(&(1..=33).collect::<Vec<_>>(), 2)).0, "root.keys");
        assert_eq!(broken(|v| v.root = root_keys(&[1, 2], 0)).0, "root.threshold");
        assert_eq!(broken(|v| v.root = root_keys(&[1, 2], 3)).0, "root.threshold");
    }

    #[test]
    fn members_are_distinct_and_have_fitting_roles() {
        assert_eq!(broken(|v| v.members.clear()).0, "members");
        assert_eq!(broken(|v| v.members.push(super::super::testing::member("FR"))).0, "member FR, code");
        assert_eq!(broken(|v| fr(v).roles.clear()).0, "member FR, roles");
        assert_eq!(broken(|v| fr(v).roles = vec![Role::Member; 2]).0, "member FR, roles");
        assert_eq!(broken(|v| fr(v).roles.push(Role::Mirror)).0, "member FR, roles");
        assert_eq!(broken(|v| fr(v).roles = vec![Role::Mirror]).1, "a mirror must not have an open log");
        assert_eq!(broken(|v| fr(v).addresses = vec!["/ip4/192.0.2.1".into(); 9]).0, "member FR, addresses");
        for bad in ["", "/", "fr.example", "/dns4/fr .example", "/dns4/é"] {
            assert_eq!(broken(|v| fr(v).addresses = vec![bad.into()]).0, "member FR, addresses", "{bad}");
        }
        let quota = Quota { entries_per_hour: 1, bytes_total: 0 };
        assert_eq!(broken(|v| fr(v).quota = Some(quota)).0, "member FR, quota");
    }

    #[test]
    fn logs_are_counted_and_only_the_last_is_open() {
        assert_eq!(broken(|v| fr(v).logs.clear()).1, "an active member that writes must have an open log");
        assert_eq!(broken(|v| fr_log(v).generation = 2).0, "member FR, logs");
        let second = || RosterLog::new(2, key("FR log 2").public());
        assert_eq!(broken(|v| fr(v).logs.push(second())).1, "all but the last must be closed");
        let many = |v: &mut RosterVersion| fr(v).logs = vec![second(); 70_000];
        assert_eq!(broken(many).1, "must be at most 256");
        let unended = |v: &mut RosterVersion| {
            fr_log(v).closed_at = Some(5);
            fr(v).logs.push(second());
        };
        assert_eq!(broken(unended).1, "must all be ended in a closed log");
        let keyless = |v: &mut RosterVersion| fr_log(v).keys[0].until = Some(9);
        assert_eq!(broken(keyless).1, "the open log of an active member must have a key in use");
    }

    #[test]
    fn key_periods_are_in_order() {
        assert_eq!(broken(|v| fr_log(v).keys[0].from = 1).1, "the first must begin at index 0");
        let rotate = |ends: u64, begins: u64| {
            let mut version = version(&[1], 1);
            let log = fr_log(&mut version);
            log.keys[0].until = Some(ends);
            log.keys.push(LogKey { key: key("FR log 1b").public(), from: begins, until: None });
            check(&version)
        };
        assert_eq!(rotate(10, 10), Ok(()));
        assert_eq!(rotate(10, 12), Ok(()), "a gap refuses");
        assert_eq!(rotate(0, 0), Ok(()), "a key that was never good");
        assert!(rotate(10, 9).is_err());
        assert!(rotate(INTEGER_MAX + 1, INTEGER_MAX + 1).is_err());
        let pins = |sizes: &'static [u64]| {
            move |v: &mut RosterVersion| {
                let pin = |size: &u64| TreePin { size: *size, root: leaf_hash(b"") };
                fr_log(v).pins = sizes.iter().map(pin).collect();
            }
        };
        assert_eq!(broken(pins(&[4, 4])).0, "log FR/1, pins");
        assert_eq!(broken(pins(&[5, 4])).0, "log FR/1, pins");
    }

    #[test]
    fn regression_a_log_can_be_closed_below_a_key_that_began_later() {
        let mut version = version(&[1], 1);
        let end = |size| KeyPeriodEnd { size, root: None };
        version.rotate_log_key(&log("FR/1"), end(80), key("FR log 1b").public(), 80).expect("FR/1");
        version.close_log(&log("FR/1"), end(70), Some(key("FR log 2").public())).expect("FR/1");
        assert_eq!(check(&version), Ok(()));
    }

    #[test]
    fn coordinators_are_active_writers() {
        for bad in ["M1", "XX"] {
            assert_eq!(broken(|v| v.coordinators = vec![code(bad)]).0, format!("coordinator {bad}"));
        }
        assert_eq!(broken(|v| v.coordinators = vec![code("EU"); 2]).1, "must be listed once");
        let suspended = |v: &mut RosterVersion| {
            v.coordinators = vec![code("FR")];
            fr(v).state = MemberState::Suspended;
        };
        assert_eq!(broken(suspended).0, "coordinator FR");
    }

    #[test]
    fn every_key_has_one_use() {
        let once = "a key has one owner, one use and one period: make a new one";
        assert_eq!(broken(|v| fr(v).cosigner_key = key("FR log 1").public()).1, once);
        assert_eq!(broken(|v| fr(v).transport_key = key("DE transport").public()).1, once);
        assert_eq!(broken(|v| fr(v).transport_key = super::super::testing::root(1).public()).1, once);
        let again = |v: &mut RosterVersion| {
            let log = fr_log(v);
            log.keys[0].until = Some(5);
            log.keys.push(LogKey { from: 5, until: None, ..log.keys[0].clone() });
        };
        assert_eq!(broken(again).1, once);
    }
}
