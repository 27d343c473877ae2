// SPDX-License-Identifier: EUPL-1.2
//! Authors that show two faces: every way there is to find them out, and nobody else blamed.

use super::*;

const CODES: [&str; 5] = ["EU", "FR", "DE", "BE", "NL"];

fn roster() -> Arc<Roster> {
    trust(&version(&CODES))
}

/// DE holds `mine`, BE holds `theirs`; FR wrote both. They meet and talk.
fn meet(mine: &Tree, theirs: &Tree) -> Table {
    let roster = roster();
    let mut nodes = BTreeMap::new();
    nodes.insert(id("DE"), Node::holding("DE", &roster, "FR/1", mine));
    nodes.insert(id("BE"), Node::holding("BE", &roster, "FR/1", theirs));
    let mut table = Table { nodes, frames: 0 };
    table.connect("DE", "BE");
    table
}

fn assert_convicted(mut table: Table, what: &str) {
    table.wait(2);
    for code in ["DE", "BE"] {
        let node = table.node(code);
        assert!(node.status("FR/1").frozen, "{what}: {code} did not freeze");
        assert!(node.dropped.is_empty(), "{what}: {code} blames {:?}", node.dropped);
        assert!(node.alarms.iter().all(|alarm| alarm.code() == "equivocation"), "{what}: {:?}", node.alarms);
    }
}

#[test]
fn every_sort_of_fork_is_found_when_two_holders_talk() {
    let main = Tree::plain(20);
    for (size, fork) in
        [(20, 19), (20, 0), (21, 19), (21, 20 - 1), (40, 7), (12, 11), (16, 3), (33, 16), (64, 8)]
    {
        let other = Tree::branch(size, fork, "other");
        assert_convicted(meet(&main, &other), &format!("{size} entries, forked at {fork}"));
        assert_convicted(meet(&other, &main), &format!("{size} entries, forked at {fork}, the other way"));
    }
}

#[test]
fn equal_and_continued_histories_convict_nobody() {
    let main = Tree::plain(40);
    for size in [1, 20, 39, 40] {
        let mut table = meet(&main, &Tree::plain(size));
        table.wait(40);
        for code in ["DE", "BE"] {
            let node = table.node(code);
            assert_eq!((node.status("FR/1").proven_size, node.status("FR/1").frozen), (40, false));
            assert!(node.dropped.is_empty() && !node.has_alarm("equivocation"));
        }
    }
}

/// Summaries carried no roots, so two histories of one size were never compared.
#[test]
fn regression_two_histories_of_one_size_are_compared() {
    assert_convicted(meet(&Tree::branch(9, 4, "one"), &Tree::branch(9, 4, "two")), "equal sizes");
}

#[test]
fn evidence_reaches_everybody_also_those_who_come_later() {
    let roster = roster();
    let mut table = Table::new(&["EU", "DE", "BE"], &roster);
    let (one, two) = (Tree::branch(9, 4, "one"), Tree::branch(10, 4, "two"));
    for code in ["DE", "BE"] {
        table.node(code).connect("FR");
    }
    table.node("DE").get("FR", one.hint("FR/1", 9, 0));
    table.node("BE").get("FR", two.hint("FR/1", 10, 0));
    table.settle();
    table.wait(1);
    for code in ["EU", "DE", "BE"] {
        assert!(table.node(code).status("FR/1").frozen, "{code}");
        assert_eq!(table.node(code).alarms.iter().filter(|a| a.code() == "equivocation").count(), 1);
    }
    // Once frozen, what the author goes on to sign changes nothing.
    let stored = table.node("DE").status("FR/1").stored;
    let more = Tree::branch(12, 4, "one");
    table.node("DE").get("FR", more.hint("FR/1", 12, 9));
    table.node("DE").get("FR", more.bare("FR/1", 12));
    assert_eq!(table.node("DE").status("FR/1").stored, stored);
    // NL was away.
    table.nodes.insert(id("NL"), Node::new("NL", &roster));
    table.connect("NL", "EU");
    assert!(table.node("NL").status("FR/1").frozen);
    // And the evidence outlives a restart of EU.
    let eu = table.nodes.remove(&id("EU")).expect("a node");
    let alarm = eu.alarms.iter().find(|a| a.code() == "equivocation").cloned().expect("raised");
    let mut eu = eu.restarted();
    assert!(!eu.status("FR/1").frozen);
    let evidence = alarm.evidence().expect("evidence");
    eu.input(Input::Convicted { log: log("FR/1"), evidence: evidence.clone() }).expect("ours");
    assert!(eu.status("FR/1").frozen);
    eu.connect("DE");
    assert!(eu.sent("DE").contains(&Frame::Evidence { log: log("FR/1"), json: evidence }));
    assert!(eu.alarms.is_empty(), "people know already");
}

/// The log that an answer named was frozen, whatever had been asked: one forking author could stop every log.
#[test]
fn regression_a_proof_convicts_the_log_that_was_asked_about() {
    let (one, two) = (Tree::branch(9, 4, "one"), Tree::branch(12, 4, "two"));
    let mut de = Node::holding("DE", &roster(), "FR/1", &one);
    de.connect("FR");
    de.get("FR", two.bare("FR/1", 12));
    let (_, request, from, _) = de.asked("FR/1").pop().expect("asks for the rest");
    de.get("FR", two.range(request, "FR/1", (from, 12), 12));
    let asked = de.sent("FR").into_iter().find_map(|frame| match frame {
        Frame::GetConsistency { id, old, new, .. } => Some((id, old, new)),
        _ => None,
    });
    let (request, old, new) = asked.expect("asks how the two belong together");
    assert_eq!((old, new), (9, 12));
    let path = two.path(9, 12);
    de.get("FR", Frame::Consistency { id: request, log: log("EU/1"), old, new, old_root: two.root(9), path });
    assert!(!de.status("EU/1").frozen);
    assert!(de.status("FR/1").frozen);
}

#[test]
fn leaves_that_lead_nowhere_are_the_peers_doing() {
    let main = Tree::plain(12);
    let mut de = Node::holding("DE", &roster(), "FR/1", &Tree::plain(9));
    de.connect("BE");
    de.get("BE", main.bare("FR/1", 12));
    let (_, request, from, _) = de.asked("FR/1").pop().expect("asks");
    let Frame::Range { id, log, from, mut leaves, note, path } = main.range(request, "FR/1", (from, 12), 12)
    else {
        unreachable!("a range")
    };
    leaves[1] = Leaf::Entry(b"made up".to_vec());
    de.get("BE", Frame::Range { id, log: log.clone(), from, leaves, note, path });
    assert!(de.dropped.is_empty(), "the author could have signed two histories");
    let question = de.sent("BE").pop().expect("asks for the proof");
    let Frame::GetConsistency { id: request, old: 9, new: 12, .. } = question else { panic!("{question:?}") };
    let (old_root, path) = (main.root(9), main.path(9, 12));
    de.get("BE", Frame::Consistency { id: request, log: log.clone(), old: 9, new: 12, old_root, path });
    assert_eq!(de.dropped, [(super::id("BE"), PeerFault::BadRange { log, from: 9 })]);
    assert!(!de.status("FR/1").frozen && de.has_alarm("bad_range"));
}

/// An old checkpoint was asked about in place of the one under which the copy was proven, and the honest peer was
/// blamed.
#[test]
fn regression_a_fork_inside_a_half_fetched_log_blames_no_honest_peer() {
    // DE completed 5 entries, then fetched 10 more of the author's first history, which it does not have in full.
    let (one, two) = (Tree::branch(30, 9, "one"), Tree::branch(40, 9, "two"));
    let mut de = Node::holding("DE", &roster(), "FR/1", &Tree::plain(5));
    de.connect("FR");
    de.connect("BE");
    de.get("FR", one.bare("FR/1", 30));
    let (_, request, _, _) = de.asked("FR/1").pop().expect("asks");
    de.get("FR", one.range(request, "FR/1", (5, 15), 30));
    assert_eq!(de.status("FR/1").stored, 15);
    de.input(Input::Disconnected(id("FR"))).expect("ours");
    de.get("BE", two.bare("FR/1", 40));
    let (to, request, from, _) = de.asked("FR/1").pop().expect("asks BE");
    assert_eq!((to, from), (id("BE"), 15));
    de.get("BE", two.range(request, "FR/1", (15, 40), 40));
    let question = de.sent("BE").into_iter().find(|frame| matches!(frame, Frame::GetConsistency { .. }));
    let Some(Frame::GetConsistency { id: request, old: 30, new: 40, .. }) = question else {
        panic!("{question:?}")
    };
    let (old_root, path) = (two.root(30), two.path(30, 40));
    de.get("BE", Frame::Consistency { id: request, log: log("FR/1"), old: 30, new: 40, old_root, path });
    assert!(de.status("FR/1").frozen && de.dropped.is_empty());
}

#[test]
fn false_evidence_is_its_senders_doing() {
    let main = Tree::plain(12);
    let path = main.path(9, 12);
    let good = |first: SignedNote, second: SignedNote| crate::log::Equivocation {
        first,
        second,
        path: path.clone(),
        old_root: None,
    };
    let consistent = good(main.note("FR/1", 9), main.note("FR/1", 12));
    let json = serde_json::to_vec(&consistent).expect("JSON");
    for json in [json, b"{}".to_vec(), b"".to_vec()] {
        let mut de = Node::new("DE", &roster());
        de.connect("BE");
        de.get("BE", Frame::Evidence { log: log("FR/1"), json });
        assert_eq!(de.dropped, [(id("BE"), PeerFault::BadEvidence(log("FR/1")))]);
        assert!(!de.status("FR/1").frozen);
    }
}

#[test]
fn an_own_log_that_forked_is_not_written_any_more() {
    let mut fr = Node::holding("FR", &roster(), "FR/1", &Tree::branch(9, 4, "one"));
    fr.input(Input::TrustOwnLog).expect("ours");
    assert!(fr.replica.may_sign_own(fr.now));
    fr.connect("DE");
    fr.get("DE", Tree::branch(9, 4, "two").bare("FR/1", 9));
    assert!(fr.status("FR/1").frozen && !fr.replica.may_sign_own(fr.now));
}

#[test]
fn after_people_decided_the_log_goes_on_and_a_new_fork_is_found() {
    let (one, two) = (Tree::branch(30, 4, "one"), Tree::branch(12, 4, "two"));
    let mut de = Node::holding("DE", &roster(), "FR/1", &Tree::branch(9, 4, "one"));
    de.connect("BE");
    de.get("BE", two.bare("FR/1", 9));
    assert!(de.status("FR/1").frozen);
    de.input(Input::Unfreeze(log("FR/1"))).expect("ours");
    assert!(!de.status("FR/1").frozen);
    // Others have not decided yet and show the old evidence.
    let old = crate::log::Equivocation::two_roots(one.note("FR/1", 9), two.note("FR/1", 9));
    de.get("BE", Frame::Evidence { log: log("FR/1"), json: serde_json::to_vec(&old).expect("JSON") });
    de.get("BE", two.bare("FR/1", 9));
    assert!(!de.status("FR/1").frozen && de.dropped.is_empty());
    de.connect("EU");
    de.get("EU", one.hint("FR/1", 20, 9));
    assert_eq!(de.status("FR/1").proven_size, 20);
    de.get("BE", Tree::branch(20, 15, "three").bare("FR/1", 20));
    assert!(de.status("FR/1").frozen, "the pardon is for the past");
}

#[test]
fn a_checkpoint_on_the_way_convicts_when_the_leaves_pass_it() {
    let (one, two) = (Tree::branch(30, 9, "one"), Tree::branch(20, 9, "two"));
    let mut de = Node::new("DE", &roster());
    de.connect("FR");
    de.connect("BE");
    de.get("BE", Frame::Seen { log: log("FR/1"), note: two.note("FR/1", 20).to_bytes() });
    de.get("FR", one.bare("FR/1", 30));
    let (_, request, _, _) = de.asked("FR/1").pop().expect("asks");
    de.get("FR", one.range(request, "FR/1", (0, 30), 30));
    let Some(Frame::GetConsistency { id: request, old: 20, new: 30, .. }) = de.sent("FR").pop() else {
        panic!("asks how 20 and 30 belong together")
    };
    let (old_root, path) = (one.root(20), one.path(20, 30));
    de.get("FR", Frame::Consistency { id: request, log: log("FR/1"), old: 20, new: 30, old_root, path });
    assert!(de.status("FR/1").frozen && de.dropped.is_empty());
    assert_eq!(de.status("FR/1").stored, 0);
}
