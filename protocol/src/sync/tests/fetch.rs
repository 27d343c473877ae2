// SPDX-License-Identifier: EUPL-1.2
//! Fetching: windows, fairness, slow and busy peers, full disks, quotas, audiences.

use super::*;

fn roster() -> Arc<Roster> {
    trust(&version(&["EU", "FR", "DE", "BE", "NL"]))
}

/// DE, connected with `peers`, of which each says to hold `size` entries of FR's log.
fn behind(peers: &[&str], tree: &Tree) -> Node {
    let mut de = Node::new("DE", &roster());
    for peer in peers {
        de.connect(peer);
        de.get(peer, tree.bare("FR/1", tree.size()));
    }
    de
}

#[test]
fn a_long_log_comes_in_several_ranges_from_several_peers() {
    let tree = Tree::plain(2_000);
    let mut de = behind(&["EU", "BE"], &tree);
    let mut answered = 0;
    while de.status("FR/1").stored < 2_000 {
        let asked = de.asked("FR/1");
        assert!(!asked.is_empty() && asked.len() <= 4, "{} after {answered}", asked.len());
        // The last asked is answered first.
        for (peer, request, from, count) in asked.into_iter().rev() {
            let to = (from + u64::from(count)).min(from + 100);
            de.get(peer.as_str(), tree.range(request, "FR/1", (from, to), 2_000));
            answered += 1;
        }
    }
    assert!(answered < 40, "{answered} ranges for 2,000 entries, 100 at a time");
    let status = de.status("FR/1");
    assert_eq!((status.proven_size, status.head_root), (2_000, Some(tree.root(2_000))));
}

/// Leaves that came with hints filled the window, so the gap before them was never asked for.
#[test]
fn regression_what_waits_behind_a_gap_does_not_keep_it_open() {
    let tree = Tree::plain(40);
    let mut de = Node::holding("DE", &roster(), "FR/1", &Tree::plain(10));
    de.connect("FR");
    for size in 12..40 {
        de.get("FR", tree.hint("FR/1", size, size - 1));
    }
    let (_, request, from, count) = de.asked("FR/1").into_iter().next().expect("asks for the gap");
    assert_eq!((from, count), (10, 1));
    de.get("FR", tree.range(request, "FR/1", (10, 11), 39));
    assert!(de.status("FR/1").stored >= 18, "what waited follows: {}", de.status("FR/1").stored);
}

#[test]
fn hints_in_a_burst_need_no_further_requests() {
    let tree = Tree::plain(6);
    let mut de = Node::new("DE", &roster());
    de.connect("FR");
    de.writes = false;
    de.get("FR", tree.hint("FR/1", 1, 0));
    for size in 2..=6 {
        // The first is still being written.
        de.get("FR", tree.hint("FR/1", size, size - 1));
    }
    assert!(de.asked("FR/1").is_empty());
    de.writes = true;
    de.disk.entry(log("FR/1")).or_default().push(tree.leaves[0].clone());
    de.input(Input::Stored { log: log("FR/1"), size: 1 }).expect("ours");
    assert_eq!(de.status("FR/1").proven_size, 6);
}

#[test]
fn short_logs_do_not_wait_for_a_long_one() {
    let (long, short) = (Tree::plain(20_000), Tree::plain(5));
    let mut de = Node::new("DE", &roster());
    de.connect("EU");
    de.get("EU", long.bare("FR/1", 20_000));
    assert_eq!(de.asked("FR/1").len(), 4);
    for of in ["BE/1", "NL/1"] {
        de.get("EU", short.bare(of, 5));
    }
    assert!(de.asked("BE/1").is_empty(), "EU has no slot free");
    // Slots become free one by one.
    for (request, from) in [(1, 0), (2, 256)] {
        de.get("EU", long.range(request, "FR/1", (from, from + 256), 20_000));
    }
    assert_eq!((de.asked("BE/1").len(), de.asked("NL/1").len()), (1, 1));
}

#[test]
fn a_refusing_peer_is_left_alone_longer_each_time_and_others_are_asked() {
    let tree = Tree::plain(10);
    let mut de = behind(&["BE"], &tree);
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let (peer, request, _, _) = de.asked("FR/1").pop().expect("asks");
        de.get(peer.as_str(), Frame::Refused { id: request });
        let mut seconds = 0;
        while de.out.iter().all(|(_, frame)| !matches!(frame, Frame::GetRange { .. })) {
            de.wait(1);
            seconds += 1;
        }
        pauses.push(seconds);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80]);
    let (_, request, _, _) = de.asked("FR/1").pop().expect("asks");
    de.get("BE", Frame::Refused { id: request });
    de.connect("EU");
    de.get("EU", tree.bare("FR/1", 10));
    let (peer, request, _, _) = de.asked("FR/1").pop().expect("asks another");
    assert_eq!(peer, id("EU"));
    de.get("EU", tree.range(request, "FR/1", (0, 10), 10));
    assert_eq!(de.status("FR/1").proven_size, 10);
    assert!(de.dropped.is_empty() && de.alarms.is_empty());
}

/// An answer that took longer than a fixed time was thrown away and asked for again, for ever.
#[test]
fn regression_a_slow_connection_makes_progress() {
    let tree = Tree::plain(3_000);
    let mut de = behind(&["EU"], &tree);
    let mut sizes = Vec::new();
    for _ in 0..200 {
        if de.status("FR/1").stored == 3_000 {
            break;
        }
        let mut asked = Vec::new();
        de.out.retain(|(_, frame)| match frame {
            Frame::GetRange { id, from, count_max, bytes_max, .. } => {
                asked.push((*id, *from, *count_max));
                sizes.push(*bytes_max);
                false
            }
            _ => true,
        });
        for (request, from, count) in asked {
            // Each takes half a minute, one after the other.
            de.wait(30);
            let to = (from + u64::from(count)).min(3_000);
            de.get("EU", tree.range(request, "FR/1", (from, to), 3_000));
        }
        de.wait(1);
    }
    assert_eq!(de.status("FR/1").stored, 3_000);
    assert!(sizes.last() < sizes.first(), "asks for less at once: {sizes:?}");
}

#[test]
fn a_silent_peers_range_is_asked_for_elsewhere() {
    let tree = Tree::plain(10);
    let mut de = behind(&["BE", "EU"], &tree);
    let (first, _, _, _) = de.asked("FR/1").pop().expect("asks one");
    de.wait(21);
    let (second, request, _, _) = de.asked("FR/1").pop().expect("asks the other");
    assert_ne!(first, second);
    de.get(second.as_str(), tree.range(request, "FR/1", (0, 10), 10));
    assert_eq!(de.status("FR/1").proven_size, 10);
}

#[test]
fn a_full_disk_pauses_fetching_and_nothing_spins() {
    let tree = Tree::plain(10);
    let mut de = behind(&["EU"], &tree);
    let (_, request, _, _) = de.asked("FR/1").pop().expect("asks");
    de.writes = false;
    de.get("EU", tree.range(request, "FR/1", (0, 10), 10));
    de.input(Input::StoreFailed { log: log("FR/1") }).expect("ours");
    for _ in 0..10 {
        de.get("EU", tree.bare("FR/1", 10));
    }
    assert!(de.asked("FR/1").is_empty(), "the disk is full");
    de.wait(29);
    assert!(de.asked("FR/1").is_empty());
    de.writes = true;
    de.wait(2);
    let (_, request, _, _) = de.asked("FR/1").pop().expect("tries again");
    de.get("EU", tree.range(request, "FR/1", (0, 10), 10));
    assert_eq!(de.status("FR/1").proven_size, 10);
}

#[test]
fn a_log_over_its_quota_comes_late_and_completely() {
    let mut version = version(&["EU", "FR", "DE"]);
    let quota = crate::roster::Quota { entries_per_hour: 100, bytes_total: 1 << 50 };
    version.member_mut(&id("FR")).expect("FR").quota = Some(quota);
    let roster = trust(&version);
    let tree = Tree::plain(2_000);
    let mut de = Node::new("DE", &roster);
    de.connect("EU");
    de.get("EU", tree.bare("FR/1", 1_000));
    let mut rounds = 0;
    let mut at_once = 0;
    loop {
        let asked = de.asked("FR/1");
        if asked.is_empty() && de.status("FR/1").stored == 1_000 {
            break;
        }
        for (_, request, from, count) in asked {
            let to = (from + u64::from(count)).min(1_000);
            de.get("EU", tree.range(request, "FR/1", (from, to), 1_000));
            at_once += 1;
        }
    }
    assert!(at_once >= 4, "history is fetched at full speed");
    // Then the author adds a thousand at once.
    de.get("EU", tree.bare("FR/1", 2_000));
    while de.status("FR/1").stored < 2_000 {
        let asked = de.asked("FR/1");
        for (_, request, from, count) in asked {
            let to = (from + u64::from(count)).min(2_000);
            de.get("EU", tree.range(request, "FR/1", (from, to), 2_000));
        }
        de.wait(1);
        rounds += 1;
        assert!(rounds < 3_600, "late, but not never: {}", de.status("FR/1").stored);
    }
    assert!(rounds > 20, "late: {rounds} s");
    assert_eq!(de.status("FR/1").proven_size, 2_000);
}

#[test]
fn what_a_relay_withholds_is_asked_of_the_author() {
    let mut tree = Tree::plain(3);
    tree.push(Leaf::Entry(b"for DE alone".to_vec()));
    let mut relayed = tree.clone();
    relayed.leaves[3] = Leaf::Withheld(tree.leaves[3].hash());
    let mut de = behind(&["BE"], &tree);
    de.connect("FR");
    de.get("FR", tree.bare("FR/1", 4));
    let (peer, request, _, _) = de.asked("FR/1").pop().expect("asks");
    assert_eq!(peer, id("BE"));
    de.get("BE", relayed.range(request, "FR/1", (0, 4), 4));
    assert_eq!(de.status("FR/1").stored, 0);
    let (peer, request, _, _) = de.asked("FR/1").pop().expect("asks the author");
    assert_eq!(peer, id("FR"));
    de.get("FR", tree.range(request, "FR/1", (0, 4), 4));
    assert_eq!(de.disk[&log("FR/1")].leaves[3], tree.leaves[3]);
    // Where the author cannot be asked, the hash alone keeps the log going.
    let mut nl = Node::new("NL", &roster());
    nl.connect("BE");
    nl.get("BE", tree.bare("FR/1", 4));
    let (_, request, _, _) = nl.asked("FR/1").pop().expect("asks");
    nl.get("BE", relayed.range(request, "FR/1", (0, 4), 4));
    assert_eq!(nl.status("FR/1").proven_size, 4);
}

#[test]
fn a_checkpoint_that_nobody_can_fill_stalls_nothing_else_and_is_reported() {
    let tree = Tree::plain(10);
    let huge = Checkpoint::new(log("FR/1").origin(FEDERATION), 1 << 60, tree.root(10)).expect("a checkpoint");
    let note = sign_checkpoint(&huge, &key("FR", "log")).expect("signed").to_bytes();
    let mut de = Node::new("DE", &roster());
    de.connect("FR");
    de.get("FR", Frame::Seen { log: log("FR/1"), note });
    de.get("FR", tree.bare("FR/1", 10));
    let (_, request, _, _) = de.asked("FR/1").pop().expect("asks for what FR holds");
    de.get("FR", tree.range(request, "FR/1", (0, 10), 10));
    assert_eq!(de.status("FR/1").proven_size, 10, "what can be proved is taken");
    de.wait(620);
    assert_eq!(de.alarms.iter().filter(|alarm| alarm.code() == "stalled").count(), 1);
}
