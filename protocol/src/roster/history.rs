// SPDX-License-Identifier: EUPL-1.2
//! What one version may change of the one before it (spec 03-roster, "History").
//!
//! Entries stay valid or refused by log position for ever, so positions that were settled are never granted anew:
//! a period may be cut short, because theft is found out late, but never lengthened.

use std::collections::BTreeMap;

use crate::member::LogId;

use super::error::RosterError;
use super::rules::uses;
use super::version::{LogKey, RosterLog, RosterMember, RosterVersion};

/// A broken rule, before the version's number is known.
type Broken = (String, &'static str);

/// Checks what `new` changes of `old`.
///
/// # Errors
///
/// [`RosterError::History`] or [`RosterError::KeyReuse`].
pub(super) fn check(old: &RosterVersion, new: &RosterVersion) -> Result<(), RosterError> {
    check_epoch(old, new)
        .and_then(|()| old.members.iter().try_for_each(|member| check_member(member, new)))
        .map_err(|(at, rule)| RosterError::History { version: new.version, at, rule })?;
    check_uses(old, new)
}

fn check_epoch(old: &RosterVersion, new: &RosterVersion) -> Result<(), Broken> {
    if new.epoch < old.epoch {
        return Err(("epoch".into(), "must not fall"));
    }
    if new.coordinators != old.coordinators && new.epoch == old.epoch {
        return Err(("epoch".into(), "must rise when the coordinators change"));
    }
    Ok(())
}

fn check_member(old: &RosterMember, new: &RosterVersion) -> Result<(), Broken> {
    if old.logs.is_empty() {
        return Ok(());
    }
    let Some(member) = new.member(&old.member) else {
        let rule = "a member that ever wrote stays listed: suspend it and close its log";
        return Err((format!("member {}", old.member), rule));
    };
    for log in &old.logs {
        let id = LogId { member: old.member.clone(), generation: log.generation };
        let Some(next) = member.logs.iter().find(|l| l.generation == log.generation) else {
            return Err((format!("log {id}"), "a log stays listed for ever"));
        };
        check_log(log, next).map_err(|(part, rule)| (format!("log {id}, {part}"), rule))?;
    }
    Ok(())
}

fn check_log(old: &RosterLog, new: &RosterLog) -> Result<(), (&'static str, &'static str)> {
    if old.closed_at.is_some() && new.closed_at != old.closed_at {
        return Err(("closed_at", "a closed log stays closed where it was"));
    }
    if old.pins.iter().any(|pin| !new.pins.contains(pin)) {
        return Err(("pins", "a root agreed on stays"));
    }
    if new.keys.len() < old.keys.len() {
        return Err(("keys", "a key once listed stays listed: end it at an index"));
    }
    let kept = old.keys.iter().zip(&new.keys).try_for_each(|(old, new)| check_key(old, new));
    kept.and_then(|()| check_added_keys(old, new)).map_err(|rule| ("keys", rule))
}

fn check_key(old: &LogKey, new: &LogKey) -> Result<(), &'static str> {
    if (&old.key, old.from) != (&new.key, new.from) {
        return Err("a key once listed stays in its place with its first index");
    }
    match (old.until, new.until) {
        (Some(_), None) => Err("a key that was ended is never used again: add a new one"),
        (Some(old), Some(new)) if new > old => Err("the end of a key may come earlier, never later"),
        _ => Ok(()),
    }
}

fn check_added_keys(old: &RosterLog, new: &RosterLog) -> Result<(), &'static str> {
    let added = &new.keys[old.keys.len().min(new.keys.len())..];
    if old.closed_at.is_some() && !added.is_empty() {
        return Err("a closed log gets no new keys");
    }
    let settled = old.keys.last().and_then(|key| key.until).unwrap_or(0);
    if added.iter().any(|key| key.from < settled) {
        return Err("a new key begins where the last one was to end, or later");
    }
    Ok(())
}

fn check_uses(old: &RosterVersion, new: &RosterVersion) -> Result<(), RosterError> {
    let before: BTreeMap<_, _> = uses(old).map(|(key, purpose)| (key.to_bytes(), purpose)).collect();
    for (key, after) in uses(new) {
        match before.get(&key.to_bytes()) {
            Some(before) if *before != after => {
                return Err(RosterError::KeyReuse {
                    version: new.version,
                    key: key.fingerprint(),
                    before: before.to_string(),
                    after: after.to_string(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{code, key, log, member, mirror, next, root_keys, version};
    use super::super::{KeyPeriodEnd, MemberState, Role, TreePin};
    use super::*;
    use crate::log::leaf_hash;

    /// The version after the test roster, changed by `change`, checked against it.
    fn after(change: impl FnOnce(&mut RosterVersion)) -> Result<(), RosterError> {
        changed(&version(&[1], 1), change)
    }

    fn changed(old: &RosterVersion, change: impl FnOnce(&mut RosterVersion)) -> Result<(), RosterError> {
        let mut new = next(old);
        change(&mut new);
        super::super::rules::check(&new)?;
        check(old, &new)
    }

    fn rule(result: Result<(), RosterError>) -> (String, &'static str) {
        match result {
            Err(RosterError::History { at, rule, .. }) => (at, rule),
            other => unreachable!("expected a broken rule of history, found {other:?}"),
        }
    }

    fn end(size: u64) -> KeyPeriodEnd {
        KeyPeriodEnd { size, root: Some(leaf_hash(&size.to_be_bytes())) }
    }

    /// FR's key was rotated at 100.
    fn rotated() -> RosterVersion {
        let mut old = version(&[1], 1);
        old.rotate_log_key(&log("FR/1"), end(100), key("FR log 1b").public(), 100).expect("FR/1");
        old
    }

    /// FR/1 was closed at 100, FR/2 opened.
    fn closed() -> RosterVersion {
        let mut old = version(&[1], 1);
        let opened = old.close_log(&log("FR/1"), end(100), Some(key("FR log 2").public()));
        assert_eq!(opened, Some(log("FR/2")));
        old
    }

    #[test]
    fn what_may_change() {
        assert_eq!(after(|_| {}), Ok(()));
        assert_eq!(after(|new| new.members.push(member("BE"))), Ok(()));
        assert_eq!(after(|new| new.members.retain(|m| m.member != code("M1"))), Ok(()), "it never wrote");
        assert_eq!(after(|new| new.root = root_keys(&[2, 3], 2)), Ok(()));
        let transport = |new: &mut RosterVersion| {
            new.member_mut(&code("FR")).expect("FR").transport_key = key("FR transport 2").public();
        };
        assert_eq!(after(transport), Ok(()));
        let suspend = |new: &mut RosterVersion| {
            let member = new.member_mut(&code("FR")).expect("FR");
            member.state = MemberState::Suspended;
            member.logs[0].keys[0].until = Some(70);
        };
        assert_eq!(after(suspend), Ok(()), "no key in use is needed while suspended");
        assert_eq!(after(|new| new.set_coordinators(vec![code("DE"), code("EU")])), Ok(()));
        let demote = |new: &mut RosterVersion| {
            new.close_log(&log("DE/1"), end(7), None);
            new.member_mut(&code("DE")).expect("DE").roles = vec![Role::Mirror];
        };
        assert_eq!(after(demote), Ok(()));
    }

    #[test]
    fn the_epoch_rises_with_the_coordinators() {
        let found = rule(after(|new| new.coordinators = vec![code("FR"), code("EU")]));
        assert_eq!(found, ("epoch".into(), "must rise when the coordinators change"));
        let mut old = version(&[1], 1);
        (old.version, old.epoch) = (5, 3);
        assert_eq!(rule(changed(&old, |new| new.epoch = 2)).1, "must not fall");
        assert_eq!(changed(&old, |new| new.epoch = 6), Ok(()));
    }

    #[test]
    fn whoever_wrote_stays_listed() {
        let found = rule(after(|new| new.members.retain(|m| m.member != code("FR"))));
        assert_eq!(found.0, "member FR");
        let vanish = |new: &mut RosterVersion| {
            let member = new.member_mut(&code("DE")).expect("DE");
            (member.logs, member.roles) = (vec![], vec![Role::Mirror]);
        };
        assert_eq!(rule(after(vanish)), ("log DE/1".into(), "a log stays listed for ever"));
        let forget =
            |new: &mut RosterVersion| new.member_mut(&code("FR")).expect("FR").logs[1].keys[0].from = 0;
        assert_eq!(changed(&closed(), forget), Ok(()));
    }

    #[test]
    fn a_closed_log_stays_closed_where_it_was() {
        for size in [None, Some(99), Some(101)] {
            let found = changed(&closed(), |new| {
                let member = new.member_mut(&code("FR")).expect("FR");
                member.logs[0].closed_at = size;
                member.logs[0].pins.clear();
                if size.is_none() {
                    member.logs.truncate(1);
                    member.logs[0].keys[0].until = None;
                }
            });
            assert_eq!(rule(found), ("log FR/1, closed_at".into(), "a closed log stays closed where it was"));
        }
        let revive = |new: &mut RosterVersion| {
            let keys = &mut new.log_mut(&log("FR/1")).expect("FR/1").keys;
            keys[0].until = Some(60);
            keys.push(LogKey { key: key("late").public(), from: 100, until: Some(100) });
        };
        assert_eq!(rule(changed(&closed(), revive)).1, "a closed log gets no new keys");
    }

    #[test]
    fn periods_shrink_and_never_grow() {
        let until =
            |value| changed(&rotated(), |new| new.log_mut(&log("FR/1")).expect("FR/1").keys[0].until = value);
        assert_eq!(until(Some(80)), Ok(()), "theft found out late");
        assert_eq!(until(Some(100)), Ok(()));
        let first = |value, from| {
            changed(&rotated(), |new| {
                let keys = &mut new.log_mut(&log("FR/1")).expect("FR/1").keys;
                (keys[0].until, keys[1].from) = (value, from);
            })
        };
        assert!(rule(first(Some(80), 80)).1.starts_with("a key once listed stays in its place"));
        assert_eq!(rule(first(Some(110), 110)).1, "the end of a key may come earlier, never later");
        let mut suspended = version(&[1], 1);
        let member = suspended.member_mut(&code("FR")).expect("FR");
        member.state = MemberState::Suspended;
        member.logs[0].keys[0].until = Some(100);
        let lengthen =
            |until| changed(&suspended, |new| new.log_mut(&log("FR/1")).expect("FR/1").keys[0].until = until);
        assert_eq!(rule(lengthen(Some(101))).1, "the end of a key may come earlier, never later");
        assert_eq!(rule(lengthen(None)).1, "a key that was ended is never used again: add a new one");
        let add = |until, from| {
            changed(&suspended, |new| {
                let keys = &mut new.log_mut(&log("FR/1")).expect("FR/1").keys;
                keys[0].until = Some(until);
                keys.push(LogKey { key: key("FR log 1b").public(), from, until: None });
            })
        };
        assert_eq!(add(80, 100), Ok(()));
        assert_eq!(rule(add(80, 80)).1, "a new key begins where the last one was to end, or later");
    }

    #[test]
    fn keys_and_pins_once_listed_stay() {
        let drop_key = |new: &mut RosterVersion| {
            new.log_mut(&log("FR/1")).expect("FR/1").keys.pop();
            new.log_mut(&log("FR/1")).expect("FR/1").keys[0].until = None;
        };
        assert_eq!(
            rule(changed(&rotated(), drop_key)).1,
            "a key once listed stays listed: end it at an index"
        );
        let swap = |new: &mut RosterVersion| {
            new.log_mut(&log("FR/1")).expect("FR/1").keys[0].key = key("another").public();
        };
        assert!(rule(changed(&rotated(), swap)).1.starts_with("a key once listed stays in its place"));
        let move_pin = |new: &mut RosterVersion| {
            let pins = &mut new.log_mut(&log("FR/1")).expect("FR/1").pins;
            pins[0] = TreePin { size: 100, root: leaf_hash(b"another") };
        };
        assert_eq!(rule(changed(&rotated(), move_pin)).1, "a root agreed on stays");
    }

    #[test]
    fn a_key_keeps_its_owner_and_its_use() {
        let reuse = |result| matches!(result, Err(RosterError::KeyReuse { .. }));
        let steal = |new: &mut RosterVersion| {
            let moved = key("M1 transport").public();
            new.members.retain(|m| m.member != code("M1"));
            new.members.push(super::super::RosterMember { transport_key: moved, ..mirror("M2") });
        };
        assert!(reuse(after(steal)), "another member's transport key");
        let promote = |new: &mut RosterVersion| {
            let old = key("FR transport").public();
            new.member_mut(&code("FR")).expect("FR").transport_key = key("FR transport 2").public();
            new.rotate_log_key(&log("FR/1"), end(9), old, 9).expect("FR/1");
        };
        assert!(reuse(after(promote)), "a transport key that becomes a signing key");
        let root_to_cosigner = |new: &mut RosterVersion| {
            let old = new.root.clone();
            new.root = root_keys(&[2], 1);
            new.member_mut(&code("FR")).expect("FR").cosigner_key = old.keys[0].clone();
        };
        assert!(reuse(after(root_to_cosigner)), "a root key that becomes a cosigner key");
    }
}
