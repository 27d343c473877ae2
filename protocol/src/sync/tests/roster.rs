// SPDX-License-Identifier: EUPL-1.2
//! Another roster version: members leave, keys end, roots are pinned, and peers do not learn of it at once.

use super::*;
use crate::roster::{KeyPeriodEnd, MemberState};

const CODES: [&str; 4] = ["EU", "FR", "DE", "BE"];

#[test]
fn regression_a_suspended_members_session_ends() {
    let mut version = version(&CODES);
    let mut de = Node::new("DE", &trust(&version));
    de.connect("FR");
    version.member_mut(&id("FR")).expect("FR").state = MemberState::Suspended;
    de.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert_eq!(de.dropped, [(id("FR"), PeerFault::NotAMember(id("FR")))]);
    assert_eq!(de.replica.peers().count(), 0);
    assert!(de.input(Input::Connected(id("FR"))).is_err());
}

/// Whoever had a newer roster was taken for a forger.
#[test]
fn regression_a_peer_with_another_roster_version_is_no_forger() {
    let mut newer = version(&CODES);
    let tree = Tree::plain(12);
    let end = KeyPeriodEnd { size: 10, root: None };
    newer.rotate_log_key(&log("FR/1"), end, key("FR", "new").public(), 10).expect("a log");
    let checkpoint = tree.checkpoint("FR/1", 12);
    let note = sign_checkpoint(&checkpoint, &key("FR", "new")).expect("signed").to_bytes();
    let hint = Frame::Hint { log: log("FR/1"), note, from: 0, leaves: tree.leaves.clone() };
    let mut de = Node::new("DE", &trust(&version(&CODES)));
    de.connect("EU");
    de.get("EU", hint.clone());
    assert!(de.dropped.is_empty() && de.alarms.is_empty());
    assert_eq!(de.status("FR/1").stored, 0);
    de.input(Input::RosterChanged(trust(&newer))).expect("ours");
    de.get("EU", hint);
    assert_eq!(de.status("FR/1").proven_size, 12);
    // A false signature of a known key is the sender's doing under every version.
    let mut forged = tree.note("FR/1", 5).to_string();
    forged.truncate(forged.len() - 6);
    let forged = format!("{forged}AAA=\n");
    de.connect("BE");
    de.get(
        "BE",
        Frame::Hint { log: log("DE/1"), note: forged.clone().into_bytes(), from: 0, leaves: vec![] },
    );
    assert!(matches!(&de.dropped[..], [(peer, PeerFault::Note { .. })] if *peer == id("BE")));
}

#[test]
fn a_pinned_root_decides_and_the_closed_log_is_completed() {
    let (one, two) = (Tree::branch(20, 9, "one"), Tree::branch(20, 9, "two"));
    let mut version = version(&CODES);
    let roster = trust(&version);
    let mut de = Node::holding("DE", &roster, "FR/1", &Tree::branch(12, 9, "one"));
    de.connect("BE");
    de.get("BE", two.bare("FR/1", 12));
    assert!(de.status("FR/1").frozen);
    // People close the log where the first history had twelve entries.
    let end = KeyPeriodEnd { size: 12, root: Some(one.root(12)) };
    version.close_log(&log("FR/1"), end, Some(key("FR", "log 2").public())).expect("a log");
    let roster = trust(&version);
    de.input(Input::RosterChanged(roster.clone())).expect("ours");
    assert!(!de.status("FR/1").frozen);
    assert_eq!(de.status("FR/1").proven_size, 12);
    // Nothing that contradicts the pin or goes beyond it counts any more, and showing it is no fault.
    for frame in [two.bare("FR/1", 12), one.bare("FR/1", 20), two.hint("FR/1", 20, 12)] {
        de.get("BE", frame);
    }
    let old = crate::log::Equivocation::two_roots(one.note("FR/1", 12), two.note("FR/1", 12));
    de.get("BE", Frame::Evidence { log: log("FR/1"), json: serde_json::to_vec(&old).expect("JSON") });
    assert!(!de.status("FR/1").frozen && de.dropped.is_empty());
    assert_eq!(de.status("FR/1").stored, 12);
    // Whoever has less completes it.
    let mut eu = Node::holding("EU", &roster, "FR/1", &Tree::plain(5));
    eu.connect("DE");
    eu.get("DE", one.bare("FR/1", 12));
    let (_, request, from, _) = eu.asked("FR/1").pop().expect("asks");
    eu.get("DE", two.range(request, "FR/1", (from, 12), 12));
    assert_eq!(eu.status("FR/1").stored, 5, "not with the other history");
    let mut eu = eu.restarted();
    eu.connect("DE");
    eu.get("DE", one.bare("FR/1", 12));
    let (_, request, from, _) = eu.asked("FR/1").pop().expect("asks");
    eu.get("DE", one.range(request, "FR/1", (from, 12), 12));
    assert_eq!(eu.status("FR/1").proven_size, 12);
}

#[test]
fn a_head_beyond_a_closure_falls_back_to_the_newest_that_still_counts() {
    let tree = Tree::plain(20);
    let mut version = version(&CODES);
    let mut de = Node::new("DE", &trust(&version));
    de.connect("FR");
    for size in [8, 12, 20] {
        let from = de.status("FR/1").stored;
        de.get("FR", tree.hint("FR/1", size, from));
    }
    assert_eq!(de.status("FR/1").proven_size, 20);
    let end = KeyPeriodEnd { size: 12, root: None };
    version.close_log(&log("FR/1"), end, Some(key("FR", "log 2").public())).expect("a log");
    de.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert_eq!((de.status("FR/1").proven_size, de.status("FR/1").stored), (12, 20));
    assert_eq!(de.status("FR/1").head_root, Some(tree.root(12)));
}

#[test]
fn a_copy_that_is_not_the_agreed_one_is_reported() {
    let (one, two) = (Tree::branch(12, 9, "one"), Tree::branch(12, 9, "two"));
    let mut version = version(&CODES);
    let mut de = Node::holding("DE", &trust(&version), "FR/1", &two);
    let end = KeyPeriodEnd { size: 12, root: Some(one.root(12)) };
    version.close_log(&log("FR/1"), end, Some(key("FR", "log 2").public())).expect("a log");
    de.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert!(de.has_alarm("diverged"));
    assert_eq!(de.status("FR/1").proven_size, 0, "it is not served");
    de.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert_eq!(de.alarms.len(), 1, "said once");
}

#[test]
fn a_cosigner_that_left_counts_no_more() {
    let tree = Tree::plain(4);
    let mut version = version(&["EU", "FR", "DE", "BE", "NL"]);
    let note = tree.cosigned("FR/1", 4, &["EU", "FR", "NL"], 0);
    let disk = [(log("FR/1"), tree)].into();
    let mut de = Node::over("DE", &trust(&version), disk, [(log("FR/1"), note)].into());
    assert_eq!(de.status("FR/1").confirmed, 4);
    version.member_mut(&id("NL")).expect("NL").state = MemberState::Suspended;
    de.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert!(!de.status("FR/1").cosigners.iter().any(|(member, _)| *member == id("NL")));
}
