// SPDX-License-Identifier: EUPL-1.2
//! The own log after a start, and what a node does that has lost its memory.

use super::*;

fn roster() -> Arc<Roster> {
    trust(&version(&["EU", "FR", "DE", "BE"]))
}

#[test]
fn everybody_is_waited_for_but_not_for_ever() {
    let tree = Tree::plain(3);
    let mut fr = Node::holding("FR", &roster(), "FR/1", &tree);
    assert!(!fr.replica.may_sign_own(fr.now), "nobody was heard");
    for peer in ["EU", "DE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 3)]));
    }
    assert!(!fr.replica.may_sign_own(fr.now), "BE may know more");
    fr.wait(9);
    assert!(!fr.replica.may_sign_own(fr.now));
    fr.wait(1);
    assert!(fr.replica.may_sign_own(fr.now));
    let mut fr = fr.restarted();
    for peer in ["EU", "DE", "BE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 3)]));
    }
    assert!(fr.replica.may_sign_own(fr.now), "everybody told");
}

#[test]
fn who_knows_that_memory_was_lost_waits_for_everybody_or_for_an_operator() {
    let tree = Tree::plain(3);
    let config = ReplicaConfig { own_head_from_everybody: true, ..ReplicaConfig::default() };
    let note = tree.note("FR/1", 3).to_bytes();
    let lost = || {
        let (disk, notes) = ([(log("FR/1"), tree.clone())].into(), [(log("FR/1"), note.clone())].into());
        Node::with(config.clone(), "FR", &roster(), disk, notes)
    };
    let mut fr = lost();
    for peer in ["EU", "DE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 3)]));
    }
    fr.wait(100_000);
    assert!(!fr.replica.may_sign_own(fr.now), "BE may know more");
    fr.connect("BE");
    fr.get("BE", Frame::Summary(vec![tree.summary("FR/1", 2)]));
    assert!(fr.replica.may_sign_own(fr.now));
    let ahead = SummaryLine { stored: 4, ..tree.summary("FR/1", 3) };
    fr.get("BE", Frame::Summary(vec![ahead]));
    assert!(!fr.replica.may_sign_own(fr.now), "BE has an entry and forgot under which checkpoint it came");
    let mut fr = lost();
    fr.wait(100_000);
    assert!(!fr.replica.may_sign_own(fr.now));
    fr.input(Input::TrustOwnLog).expect("ours");
    assert!(fr.replica.may_sign_own(fr.now));
}

#[test]
fn a_node_that_is_alone_in_its_federation_signs_at_once() {
    let roster = trust(&version(&["EU"]));
    let mut eu = Node::new("EU", &roster);
    assert!(eu.replica.own_head_is_due(eu.now) && eu.replica.may_sign_own(eu.now));
    eu.write(&[]);
    assert!(!eu.replica.own_head_is_due(eu.now));
    assert_eq!((eu.status("EU/1").proven_size, eu.status("EU/1").confirmed), (0, 0));
    eu.write(&["first"]);
    assert_eq!((eu.status("EU/1").proven_size, eu.status("EU/1").confirmed), (1, 1));
}

/// The summary said that a peer had more, and before the checkpoint came the node was free to sign.
#[test]
fn regression_nothing_is_signed_between_a_summary_and_the_checkpoint_it_promises() {
    let tree = Tree::plain(8);
    let old = Tree::plain(5);
    let mut fr = Node::holding("FR", &roster(), "FR/1", &old);
    for peer in ["DE", "BE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 5)]));
    }
    fr.wait(60);
    assert!(fr.replica.may_sign_own(fr.now));
    fr.connect("EU");
    fr.get("EU", Frame::Summary(vec![tree.summary("FR/1", 8)]));
    assert!(!fr.replica.may_sign_own(fr.now), "EU says that eight entries were signed");
    assert!(fr.sent("EU").contains(&Frame::GetHead(log("FR/1"))));
    fr.get("EU", tree.bare("FR/1", 8));
    assert!(!fr.replica.may_sign_own(fr.now), "and shows it");
    assert!(fr.has_alarm("amnesia"));
    let (to, request, from, _) = fr.asked("FR/1").pop().expect("asks for its own entries");
    assert_eq!((to, from), (id("EU"), 5));
    fr.get("EU", tree.range(request, "FR/1", (5, 8), 8));
    assert_eq!(fr.disk[&log("FR/1")].root(8), tree.root(8));
    assert!(fr.replica.may_sign_own(fr.now), "everything that was signed is here again");
}

#[test]
fn a_peer_that_claims_more_and_never_shows_it_blocks_for_a_while_only() {
    let tree = Tree::plain(5);
    let mut fr = Node::holding("FR", &roster(), "FR/1", &tree);
    let mut lie = tree.summary("FR/1", 5);
    lie.head = 1 << 60;
    for peer in ["EU", "BE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 5)]));
    }
    fr.connect("DE");
    fr.get("DE", Frame::Summary(vec![lie]));
    fr.wait(15);
    assert!(!fr.replica.may_sign_own(fr.now));
    fr.wait(6);
    for _ in 0..100 {
        assert!(fr.replica.may_sign_own(fr.now));
        fr.wait(5);
    }
    let asked = fr.sent("DE").iter().filter(|f| matches!(f, Frame::GetHead(_))).count();
    assert!((2..10).contains(&asked), "asked again, more and more rarely: {asked}");
}

#[test]
fn what_was_only_seen_by_a_peer_reminds_the_author() {
    let tree = Tree::plain(300);
    let mut de = Node::new("DE", &roster());
    de.connect("FR");
    de.get("FR", tree.bare("FR/1", 300));
    de.get("EU", tree.bare("FR/1", 300));
    let mut de = {
        // Half of it is stored when FR loses its memory, and DE restarts.
        let (_, request, _, _) = de.asked("FR/1").remove(0);
        de.get("FR", tree.range(request, "FR/1", (0, 100), 300));
        de.restarted()
    };
    assert_eq!(
        (de.status("FR/1").stored, de.status("FR/1").proven_size, de.status("FR/1").head_size),
        (100, 0, 300)
    );
    let mut fr = Node::holding("FR", &roster(), "FR/1", &Tree::plain(50));
    for peer in ["EU", "BE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 50)]));
    }
    de.connect("FR");
    fr.connect("DE");
    for frame in de.sent("FR") {
        fr.get("DE", frame);
    }
    for frame in fr.sent("DE") {
        de.get("FR", frame);
    }
    for frame in de.sent("FR") {
        fr.get("DE", frame);
    }
    fr.wait(3600);
    assert!(
        !fr.replica.may_sign_own(fr.now),
        "300 entries were signed, and nobody has them: this log cannot go on"
    );
    assert!(fr.has_alarm("amnesia") && fr.has_alarm("stalled"));
}

/// A stop between writing and publishing left a log that was longer than its checkpoint, and neither was refreshed.
#[test]
fn regression_entries_without_a_checkpoint_are_signed_after_a_start() {
    let tree = Tree::plain(6);
    let note = tree.note("FR/1", 5).to_bytes();
    let disk = [(log("FR/1"), tree.clone())].into();
    let mut fr = Node::over("FR", &roster(), disk, [(log("FR/1"), note)].into());
    for peer in ["EU", "DE", "BE"] {
        fr.connect(peer);
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 5)]));
    }
    assert!(fr.replica.own_head_is_due(fr.now));
    fr.write(&[]);
    assert!(!fr.replica.own_head_is_due(fr.now));
    assert_eq!(fr.status("FR/1").proven_size, 6);
}

/// Everything but the generation that is written now was asked for, so a log that was closed because it was lost
/// stopped its successor.
#[test]
fn regression_a_closed_generation_does_not_stop_the_next() {
    let mut version = version(&["EU", "FR", "DE", "BE"]);
    let tree = Tree::plain(10);
    let mut fr = Node::holding("FR", &trust(&version), "FR/1", &Tree::plain(4));
    for peer in ["EU", "DE", "BE"] {
        fr.connect(peer);
        fr.get(peer, tree.bare("FR/1", 10));
        fr.get(peer, Frame::Summary(vec![tree.summary("FR/1", 10)]));
    }
    assert!(!fr.replica.may_sign_own(fr.now), "six entries are missing");
    let end = crate::roster::KeyPeriodEnd { size: 10, root: Some(tree.root(10)) };
    version.close_log(&log("FR/1"), end, Some(key("FR", "log 2").public())).expect("a log");
    fr.input(Input::RosterChanged(trust(&version))).expect("ours");
    assert!(fr.replica.may_sign_own(fr.now), "FR/2 begins");
    assert!(!fr.asked("FR/1").is_empty(), "and the rest of FR/1 is still fetched");
}

#[test]
fn fresh_times_go_under_the_own_log_and_never_back() {
    let roster = trust(&version(&["EU", "FR"]));
    let mut table = Table::new(&["EU", "FR"], &roster);
    table.node("FR").write(&["entry"]);
    table.settle();
    let told = |table: &mut Table| table.node("EU").status("FR/1").author_time.expect("a time");
    let first = told(&mut table);
    table.wait(121);
    let second = told(&mut table);
    assert!(second.since(first) >= Duration::from_secs(110), "{first} {second}");
    // FR's clock is set back by an hour; EU must not take it for dead.
    let fr = table.node("FR");
    fr.now = fr.now.minus(Duration::from_secs(3600));
    fr.replica.handle_timeout(fr.now);
    fr.drain();
    table.wait(400);
    assert!(told(&mut table) > second);
    assert!(!table.node("EU").has_alarm("silent"));
}
