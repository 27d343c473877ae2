// SPDX-License-Identifier: EUPL-1.2
//! Peers that are not what they should be: nothing they send grows without bound, spins or stops the others.

use proptest::prelude::*;

use super::*;

fn roster() -> Arc<Roster> {
    trust(&version(&["EU", "FR", "DE", "BE"]))
}

/// A line of the author's name under another key was kept in place of the author's, and passed on.
#[test]
fn regression_a_line_before_the_authors_is_not_taken_for_it() {
    let tree = Tree::plain(3);
    let origin = log("FR/1").origin(FEDERATION);
    let junk = crate::log::NoteSignature::new(origin.as_str(), [1, 2, 3, 4], [0; 64]).expect("a line");
    let good = tree.note("FR/1", 3);
    let lines = vec![junk, good.signatures()[0].clone()];
    let note = SignedNote::new(good.text(), lines).expect("a note").to_bytes();
    let mut eu = Node::new("EU", &roster());
    eu.connect("BE");
    eu.connect("DE");
    eu.get("BE", Frame::Hint { log: log("FR/1"), note, from: 0, leaves: tree.leaves.clone() });
    assert_eq!(eu.status("FR/1").proven_size, 3);
    let told =
        eu.sent("DE").into_iter().find(|frame| matches!(frame, Frame::Hint { .. })).expect("passed on");
    let mut de = Node::new("DE", &roster());
    de.connect("EU");
    de.get("EU", told);
    assert!(de.dropped.is_empty());
    assert_eq!(de.status("FR/1").proven_size, 3);
}

#[test]
fn false_cosignatures_are_left_out_and_cost_a_bounded_amount() {
    let tree = Tree::plain(3);
    let mut de = Node::new("DE", &roster());
    de.connect("BE");
    let name = crate::log::cosigner_name(FEDERATION, &id("EU"));
    let key_id =
        cosign(&tree.checkpoint("FR/1", 3), &name, &key("EU", "cosigner"), 5).expect("cosigned").key_id();
    let mut lines = tree.note("FR/1", 3).signatures().to_vec();
    for n in 0..90_u64 {
        let stamped = [(1_000_000 + n).to_be_bytes().as_slice(), &[7; 64]].concat();
        lines.push(crate::log::NoteSignature::new(name.as_str(), key_id, stamped).expect("a line"));
    }
    let note = SignedNote::new(tree.note("FR/1", 3).text(), lines).expect("a note").to_bytes();
    let hint = Frame::Hint { log: log("FR/1"), note, from: 0, leaves: vec![] };
    for _ in 0..10_000 {
        de.get("BE", hint.clone());
    }
    assert!(de.status("FR/1").cosigners.is_empty() && de.dropped.is_empty());
    // BE has used up what it may cost; others have not.
    de.get("BE", tree.bare("BE/1", 3));
    assert_eq!(de.status("BE/1").head_size, 0);
    de.connect("EU");
    de.get("EU", tree.bare("BE/1", 3));
    assert_eq!(de.status("BE/1").head_size, 3);
    de.wait(5);
    de.get("BE", tree.bare("EU/1", 3));
    assert_eq!(de.status("EU/1").head_size, 3, "it earns more with time");
}

#[test]
fn what_was_not_asked_for_is_dropped() {
    let tree = Tree::plain(30);
    let mut de = Node::new("DE", &roster());
    de.connect("BE");
    for request in 0..100 {
        de.get("BE", tree.range(request, "FR/1", (0, 30), 30));
        de.get("BE", Frame::Refused { id: request });
        de.get(
            "BE",
            Frame::Consistency {
                id: request,
                log: log("FR/1"),
                old: 1,
                new: 2,
                old_root: tree.root(1),
                path: vec![],
            },
        );
    }
    assert_eq!(de.status("FR/1").stored, 0);
    assert!(de.dropped.is_empty() && de.alarms.is_empty());
}

#[test]
fn false_leaves_with_hints_are_answered_once_and_then_not_listened_to() {
    let tree = Tree::plain(30);
    let mut de = Node::holding("DE", &roster(), "FR/1", &Tree::plain(3));
    de.connect("BE");
    for size in 4..30 {
        let Frame::Hint { log, note, from, .. } = tree.hint("FR/1", size, 3) else { unreachable!("a hint") };
        let leaves = (3..size).map(|_| Leaf::Entry(b"made up".to_vec())).collect();
        de.get("BE", Frame::Hint { log, note, from, leaves });
    }
    let questions = de.sent("BE").into_iter().filter(|f| matches!(f, Frame::GetConsistency { .. })).count();
    assert_eq!(questions, 1, "one question at a time");
    assert_eq!(de.status("FR/1").stored, 3);
}

#[test]
fn regression_false_claims_are_asked_about_in_moderation() {
    let tree = Tree::plain(3);
    let mut de = Node::holding("DE", &roster(), "FR/1", &tree);
    de.connect("BE");
    de.sent("BE");
    let mut asked = 0;
    for round in 0..100 {
        let mut claim = tree.summary("FR/1", 3);
        claim.head = 100 + round;
        claim.author_time = u64::MAX;
        de.get("BE", Frame::Summary(vec![claim.clone(), claim]));
        for frame in de.sent("BE") {
            if matches!(frame, Frame::GetHead(_)) {
                asked += 1;
                let note = tree.cosigned("FR/1", 3, &[], 0);
                de.get("BE", Frame::Hint { log: log("FR/1"), note, from: 0, leaves: vec![] });
            }
        }
    }
    assert!(asked <= 2, "{asked} questions in no time");
}

#[test]
fn a_bad_server_is_dropped_reported_once_and_avoided_when_it_returns() {
    let tree = Tree::plain(10);
    let mut de = Node::new("DE", &roster());
    for round in 0..5 {
        de.connect("BE");
        de.get("BE", tree.bare("FR/1", 10));
        let Some((_, request, _, _)) = de.asked("FR/1").pop() else {
            assert!(round > 0, "asked at first");
            de.wait(3_600);
            continue;
        };
        let other = Tree::branch(10, 2, "false");
        let Frame::Range { id, log, from, leaves, .. } = other.range(request, "FR/1", (0, 10), 10) else {
            unreachable!("a range")
        };
        let note = tree.note("FR/1", 10).to_bytes();
        de.get("BE", Frame::Range { id, log, from, leaves, note, path: vec![] });
    }
    assert!(!de.dropped.is_empty() && de.dropped.len() < 5);
    assert_eq!(de.alarms.iter().filter(|alarm| alarm.code() == "bad_range").count(), 1);
    de.connect("EU");
    de.get("EU", tree.bare("FR/1", 10));
    let (peer, request, _, _) = de.asked("FR/1").pop().expect("asks another");
    assert_eq!(peer, id("EU"));
    de.get("EU", tree.range(request, "FR/1", (0, 10), 10));
    assert_eq!(de.status("FR/1").proven_size, 10);
}

/// Any frame, with fields that mean something now and then.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let tree = Tree::plain(12);
    let forked = Tree::branch(12, 6, "other");
    (
        0..14_u8,
        0..14_u64,
        0..14_u64,
        any::<u64>(),
        any::<bool>(),
        proptest::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(move |(kind, a, b, id, fork, bytes)| {
            let tree = if fork { &forked } else { &tree };
            let (low, high) = (a.min(b).min(12), a.max(b).min(12));
            let id = if id % 2 == 0 { id % 8 } else { id };
            let of = ["FR/1", "DE/1", "BE/1", "XX/9"][(id % 4) as usize];
            match kind {
                0 if fork => Frame::Summary(vec![SummaryLine {
                    log: log(of),
                    stored: a,
                    head: b,
                    root: tree.root(low),
                    author_time: id,
                }])
                .encode(),
                0 => {
                    Frame::Held(vec![HeldLine { log: log(of), size: b, root: tree.root(low), confirmed: id }])
                        .encode()
                }
                1..4 if of != "XX/9" => tree.hint(of, high, low).encode(),
                4..7 if of != "XX/9" => tree.range(id, of, (low, high), high).encode(),
                7 => Frame::GetHead(log(of)).encode(),
                8 => Frame::GetRange { id, log: log(of), from: a, count_max: b as u32, bytes_max: id as u32 }
                    .encode(),
                9 => Frame::Refused { id }.encode(),
                10 if low > 0 && low < high => {
                    let path = tree.path(low, high);
                    Frame::Consistency {
                        id,
                        log: log(of),
                        old: low,
                        new: high,
                        old_root: tree.root(low),
                        path,
                    }
                    .encode()
                }
                11 if of != "XX/9" => {
                    Frame::Seen { log: log(of), note: tree.note(of, high).to_bytes() }.encode()
                }
                12 => Frame::Evidence { log: log(of), json: bytes }.encode(),
                _ => bytes,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_frames_breaks_a_replica(frames in proptest::collection::vec((0..3_usize, any_frame()), 0..80)) {
        let mut de = Node::new("DE", &roster());
        let peers = ["EU", "FR", "BE"];
        for (peer, bytes) in frames {
            if de.replica.peers().all(|connected| *connected != id(peers[peer])) {
                de.connect(peers[peer]);
            }
            let before = de.out.len();
            let _ = de.input(Input::Frame { from: id(peers[peer]), bytes });
            prop_assert!(de.out.len() - before <= 64, "one frame causes {} others", de.out.len() - before);
            de.wait(1);
        }
        for (of, tree) in &de.disk {
            let status = de.replica.log_status(of).expect("a log");
            prop_assert_eq!(status.stored, tree.size());
            prop_assert!(status.proven_size <= tree.size());
            if status.proven_size > 0 {
                let note = status.proven_note.expect("a note");
                let checkpoint = Checkpoint::parse(SignedNote::parse(&note).expect("a note").text());
                prop_assert_eq!(checkpoint.expect("a checkpoint").root, tree.root(status.proven_size));
            }
        }
    }
}
