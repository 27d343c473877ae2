// SPDX-License-Identifier: EUPL-1.2
//! Passing on: how fast, to whom, and how often.

use super::*;

const CODES: [&str; 12] = ["EU", "FR", "DE", "BE", "NL", "AT", "IE", "IT", "ES", "PT", "SE", "FI"];

#[test]
fn an_entry_is_everywhere_after_one_exchange_and_confirmed_a_second_later() {
    let roster = trust(&version(&CODES));
    let mut table = Table::new(&CODES, &roster);
    table.frames = 0;
    table.node("FR").write(&["entry"]);
    table.settle();
    for code in CODES {
        assert_eq!(table.node(code).status("FR/1").proven_size, 1, "{code}");
    }
    let at_once = table.frames;
    table.wait(2);
    for code in CODES {
        assert_eq!(table.node(code).status("FR/1").confirmed, 1, "{code}");
    }
    // Each pair of members would be 132 frames.
    assert!(at_once <= 22, "{at_once} frames until everybody had it");
    assert!(table.frames <= 22 + 66, "{} frames until everybody knew it confirmed", table.frames);
    table.frames = 0;
    table.wait(25);
    assert_eq!(table.frames, 0, "then there is silence until the next summary");
}

#[test]
fn summaries_and_fresh_times_stay_cheap() {
    let roster = trust(&version(&CODES));
    let mut table = Table::new(&CODES, &roster);
    for code in CODES {
        table.node(code).write(&["entry"]);
    }
    table.settle();
    table.wait(130);
    table.frames = 0;
    table.wait(240);
    let pairs = CODES.len() * (CODES.len() - 1);
    let (summaries, times) = (8 * pairs, 2 * pairs);
    // A summary is two frames. A fresh time goes from its author to everybody, and from the coordinator once more.
    let most = 2 * summaries + 2 * times;
    assert!(table.frames <= most, "{} frames in four minutes, at most {most}", table.frames);
    for code in CODES {
        assert!(!table.node(code).has_alarm("silent"), "{code}");
    }
}

#[test]
fn a_member_behind_the_hub_gets_everything_at_once_and_is_heard() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let mut table = Table { nodes: BTreeMap::new(), frames: 0 };
    for code in ["EU", "FR", "DE"] {
        table.nodes.insert(id(code), Node::new(code, &roster));
    }
    table.connect("EU", "FR");
    table.connect("EU", "DE");
    for code in ["EU", "DE"] {
        table.node(code).write(&[]);
    }
    table.node("FR").write(&["entry"]);
    table.settle();
    assert_eq!(table.node("DE").status("FR/1").proven_size, 1, "with the hint, without asking");
    table.wait(2);
    for code in ["EU", "FR", "DE"] {
        assert_eq!(table.node(code).status("FR/1").confirmed, 1, "{code}");
    }
    table.wait(400);
    assert!(!table.node("DE").has_alarm("silent"), "fresh times pass the hub as well");
}

#[test]
fn without_a_coordinator_members_pass_on_after_gathering() {
    let roster = trust(&version(&["EU", "FR", "DE", "BE"]));
    let mut table = Table { nodes: BTreeMap::new(), frames: 0 };
    for code in ["FR", "DE", "BE"] {
        table.nodes.insert(id(code), Node::new(code, &roster));
    }
    table.connect("FR", "DE");
    table.connect("DE", "BE");
    table.node("FR").write(&["entry"]);
    table.settle();
    assert_eq!(table.node("BE").status("FR/1").proven_size, 0);
    table.wait(1);
    assert_eq!(table.node("BE").status("FR/1").proven_size, 1);
    assert_eq!(table.node("BE").status("FR/1").confirmed, 0, "no coordinator has it");
}

#[test]
fn two_members_confirm_each_other() {
    let roster = trust(&version(&["EU", "FR"]));
    let mut table = Table::new(&["EU", "FR"], &roster);
    table.node("FR").write(&["entry"]);
    table.settle();
    table.wait(1);
    assert_eq!(table.node("FR").status("FR/1").confirmed, 1);
}

/// A process that ended between storing and cosigning never cosigned.
#[test]
fn regression_a_cosignature_that_was_lost_is_made_after_the_start() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let tree = Tree::plain(4);
    let mut de = Node::holding("DE", &roster, "FR/1", &tree);
    assert!(de.status("FR/1").cosigners.is_empty());
    de.wait(1);
    assert_eq!(de.status("FR/1").cosigners.len(), 1);
    de.connect("EU");
    de.get("EU", tree.bare("FR/1", 4));
    de.get("EU", Frame::Held(vec![tree.held("FR/1", 4)]));
    de.sent("EU");
    de.wait(1);
    let told = de.sent("EU").into_iter().any(|frame| matches!(frame, Frame::Hint { .. }));
    assert!(told, "the coordinator gathers it");
}

/// What counted as confirmed was forgotten at every start.
#[test]
fn regression_confirmed_is_known_after_a_start() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let tree = Tree::plain(4);
    let note = tree.cosigned("FR/1", 4, &["EU", "FR", "DE"], 0);
    let de = Node::over("DE", &roster, [(log("FR/1"), tree)].into(), [(log("FR/1"), note)].into());
    assert_eq!(de.status("FR/1").confirmed, 4);
}

#[test]
fn entries_for_some_members_do_not_travel_with_hints() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let mut fr = Node::new("FR", &roster);
    fr.connect("DE");
    fr.sent("DE");
    let payload = crate::encoding::base64url_encode(br#"{"author":"FR","audience":["DE"]}"#);
    fr.write(&[&format!("e30.{payload}.e30")]);
    let Some(Frame::Hint { leaves, .. }) = fr.sent("DE").pop() else { panic!("a hint") };
    assert!(leaves.is_empty());
    fr.write(&["for all"]);
    let Some(Frame::Hint { leaves, .. }) = fr.sent("DE").pop() else { panic!("a hint") };
    assert_eq!(leaves.len(), 1);
}

/// Any cosignature counted as word of the author, and a slow clock as silence.
#[test]
fn regression_silence_goes_by_what_the_author_says_and_by_the_own_clock() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let tree = Tree::plain(2);
    let mut de = Node::new("DE", &roster);
    de.connect("EU");
    de.connect("FR");
    // FR's clock is ten years behind.
    let hint = |seconds: u64, by: &[&str]| Frame::Hint {
        log: log("FR/1"),
        note: tree.cosigned("FR/1", 2, by, seconds),
        from: 0,
        leaves: tree.leaves.clone(),
    };
    let mut slow = Tree::plain(2).note("FR/1", 2);
    let name = crate::log::cosigner_name(FEDERATION, &id("FR"));
    let early = |seconds: u64| {
        let time = BEGIN as u64 - 315_360_000 + seconds;
        cosign(&tree.checkpoint("FR/1", 2), &name, &key("FR", "cosigner"), time).expect("cosigned")
    };
    slow = slow.with_signature(early(0)).expect("a note");
    de.get(
        "FR",
        Frame::Hint { log: log("FR/1"), note: slow.to_bytes(), from: 0, leaves: tree.leaves.clone() },
    );
    assert_eq!(de.status("FR/1").proven_size, 2);
    assert!(de.has_alarm("clock_skew"));
    for minute in 1..10 {
        de.wait(60);
        slow = slow.with_signature(early(minute * 60)).expect("a note");
        de.get("FR", Frame::Hint { log: log("FR/1"), note: slow.to_bytes(), from: 0, leaves: vec![] });
    }
    let silent = |node: &Node| {
        node.alarms.iter().any(|alarm| matches!(alarm, Alarm::Silent { log, .. } if log.member == id("FR")))
    };
    assert!(!silent(&de), "it speaks, if with a strange clock");
    for minute in 1..8 {
        de.wait(60);
        de.get("EU", hint(600 + minute * 60, &["EU"]));
    }
    assert!(silent(&de), "EU's word is not FR's");
    assert_eq!(de.alarms.iter().filter(|alarm| alarm.code() == "clock_skew").count(), 1);
}

/// A checkpoint was confirmed only while it was the newest, so under a steady stream of entries none ever was.
#[test]
fn regression_a_steady_stream_of_entries_is_confirmed_while_it_flows() {
    let codes = ["EU", "FR", "DE", "BE", "NL"];
    let roster = trust(&version(&codes));
    let mut table = Table::new(&codes, &roster);
    let mut written = Vec::new();
    for round in 0_u64..40 {
        table.node("FR").write(&[&format!("entry {round}")]);
        written.push(round + 1);
        table.wait_quarters(1);
        if round >= 12 {
            for code in codes {
                let confirmed = table.node(code).status("FR/1").confirmed;
                assert!(confirmed + 8 >= round, "{code} knows {confirmed} of {round} confirmed");
            }
        }
    }
}

/// The clocks were compared only when the author itself was the first to show a checkpoint.
#[test]
fn regression_a_wrong_clock_is_noticed_whoever_was_faster() {
    let roster = trust(&version(&["EU", "FR", "DE"]));
    let tree = Tree::plain(2);
    let note = tree.cosigned("FR/1", 2, &["FR"], 3_600);
    let hint = Frame::Hint { log: log("FR/1"), note, from: 0, leaves: tree.leaves.clone() };
    let mut de = Node::new("DE", &roster);
    de.connect("EU");
    de.connect("FR");
    de.get("EU", hint.clone());
    assert!(!de.has_alarm("clock_skew"), "EU may have had it for an hour");
    de.get("FR", hint.clone());
    assert!(de.has_alarm("clock_skew"));
    // What a member shows when it is asked may be old.
    let mut nl = Node::new("DE", &roster);
    nl.connect("FR");
    nl.now = nl.now.plus(Duration::from_secs(7_200));
    nl.get("FR", Frame::Summary(vec![tree.summary("FR/1", 2)]));
    nl.get("FR", hint);
    assert!(!nl.has_alarm("clock_skew"));
}
