// SPDX-License-Identifier: EUPL-1.2
//! What is one content, and what is one case.

use std::collections::BTreeMap;

use super::*;
use crate::consolidation::identity::Forest;
use crate::consolidation::referrals::Role;

const A: &str = "https://video-a.test/watch?v=AAAAAAAAAAA";
const B: &str = "https://video-a.test/watch?v=BBBBBBBBBBB";
const C: &str = "https://files-d.test/d/nsaiborjnvq28lruhq3wimqh/c.zip";
const D: &str = "https://host-x.example/d";

/// The partition into cases of contents of referrals, worked out the slow way from what is posted.
pub(super) fn naive(state: &Consolidation) -> BTreeMap<Ref, Vec<Vec<Ref>>> {
    let mut rows: Vec<u32> = (0..u32::MAX)
        .map_while(|row| state.referrals.try_lineage(row).map(|lineage| (row, lineage.posted)))
        .filter_map(|(row, posted)| posted.then_some(row))
        .collect();
    rows.sort_by_key(|row| state.referrals.age(*row));
    let roles = |row: u32| state.referrals.reading(row).prints.iter();
    let same = |row: u32| -> BTreeSet<[u8; 16]> {
        roles(row).filter(|print| print.role == Role::Same).map(|print| print.digest).collect()
    };
    let mut forest = Forest::new(rows.len());
    let node = |row: u32| rows.iter().position(|r| *r == row).expect("posted") as u32;
    let mut items: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    let mut weak: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for row in &rows {
        let ids: BTreeSet<_> = state.referrals.reading(*row).items.iter().map(|item| item.id).collect();
        ids.into_iter().for_each(|id| items.entry(id).or_default().push(*row));
        for print in roles(*row).filter(|print| matches!(print.role, Role::Weak(_))) {
            weak.entry(*print).or_default().push(*row);
        }
        for other in &rows {
            if !same(*row).is_disjoint(&same(*other)) {
                forest.unite(node(*row), node(*other));
            }
        }
        for (_, other) in state.joined_with(*row) {
            forest.unite(node(*row), node(other));
        }
    }
    for mut found in items.into_values() {
        found.sort_by_key(|row| {
            (state.referrals.reading(*row).detected_at, state.referrals.lineage(*row).first.entry)
        });
        let mut current = BTreeSet::new();
        for (i, row) in found.iter().enumerate() {
            let files = same(*row);
            if !files.is_empty() && !current.is_empty() && files.is_disjoint(&current) {
                current = files;
                continue;
            }
            current.extend(files);
            if i > 0 {
                forest.unite(node(found[i - 1]), node(*row));
            }
        }
    }
    for found in weak.into_values() {
        let mut groups: Vec<BTreeSet<[u8; 16]>> = Vec::new();
        for mut files in found.iter().map(|row| same(*row)).filter(|files| !files.is_empty()) {
            groups.retain(|group| {
                let apart = group.is_disjoint(&files);
                if !apart {
                    files.extend(group);
                }
                apart
            });
            groups.push(files);
        }
        if groups.len() < 2 {
            found.windows(2).for_each(|pair| forest.unite(node(pair[0]), node(pair[1])));
        }
    }
    let mut contents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in &rows {
        contents.entry(forest.root(node(*row))).or_default().push(*row);
    }
    let name = |row: &u32| state.referrals.lineage(*row).first.entry;
    let pictures = |content: &[u32]| -> Vec<_> {
        let hashes = content.iter().flat_map(|row| roles(*row)).filter_map(|print| match print.role {
            Role::Near(hash) => Some(state.keyring.hashes[hash as usize].pdq),
            _ => None,
        });
        hashes.collect()
    };
    let mut left: Vec<Vec<u32>> = contents.into_values().collect();
    left.sort_by_key(|content| {
        let content_row = state.referrals.lineage(content[0]).content;
        state.contents.content(content_row).rank()
    });
    let mut cases = BTreeMap::new();
    while !left.is_empty() {
        let anchor = left.remove(0);
        let hashes = pictures(&anchor);
        let near =
            |content: &Vec<u32>| pictures(content).iter().any(|a| hashes.iter().any(|b| a.distance(b) <= 31));
        let (mut star, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(near);
        left = rest;
        star.sort_by_key(|content| state.referrals.age(content[0]));
        star.insert(0, anchor);
        let named: Vec<Vec<Ref>> = star.iter().map(|content| content.iter().map(name).collect()).collect();
        cases.insert(named[0][0], named);
    }
    cases
}

/// The same, as the consolidation has it.
pub(super) fn actual(state: &Consolidation) -> BTreeMap<Ref, Vec<Vec<Ref>>> {
    let name = |row: &u32| state.referrals.lineage(*row).first.entry;
    let cases = state.contents.anchors().iter().map(|(_, first, anchor)| {
        let contents = state.contents.of_case(*anchor);
        let members = |row: u32| state.contents.content(row).members.iter().map(name).collect();
        (*first, contents.into_iter().map(members).collect())
    });
    cases.collect()
}

#[test]
fn spellings_of_one_address_are_one_item_of_one_content() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&["https://www.video-a.test/watch?v=9wAc6GMbymA&feature=share"]));
    let b = world.refer("DE", referral(&["https://vid-a.test/9wAc6GMbymA"]));
    let c = world.refer("BE", referral(&["https://video-a.test/watch?v=9wAc6GMbymB"]));
    assert!(world.same_content(&a, &b) && !world.same_content(&a, &c));
    assert_eq!(world.state.counts().items, 2);
}

#[test]
fn one_referral_joins_its_addresses_and_equal_files_join_referrals() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A, C]));
    let b = world.refer("DE", with(referral(&[C]), vec![is(sha(1))]));
    let c = world.refer("BE", with(referral(&[D]), vec![is(sha(1))]));
    let contained = ReferredFingerprint { relation: Relation::Contains, ..is(sha(1)) };
    let d = world.refer("BE", with(referral(&[B]), vec![contained]));
    assert!(world.same_content(&a, &b) && world.same_content(&b, &c));
    assert!(!world.same_content(&a, &d), "a post that contains the file is linked, not united");
}

#[test]
fn weak_digests_join_with_equal_sizes_until_a_strong_one_contradicts() {
    let md5 = |size| {
        let value = print(&format!("md5:{}", "ab".repeat(16)));
        ReferredFingerprint { value, relation: Relation::Is, size: Some(size) }
    };
    let mut world = World::new();
    let a = world.refer("FR", with(referral(&[A]), vec![md5(7), is(sha(1))]));
    let b = world.refer("DE", with(referral(&[B]), vec![md5(7)]));
    let c = world.refer("BE", with(referral(&[C]), vec![md5(8)]));
    assert!(world.same_content(&a, &b) && !world.same_content(&a, &c));
    let d = world.refer("ES", with(referral(&[D]), vec![md5(7), is(sha(2))]));
    assert!(!world.same_content(&a, &b) && !world.same_content(&a, &d));
    let found = world.state.contradictions();
    assert_eq!((found.len(), found[0].size, found[0].referrals.len()), (1, 7, 3));
    world.withdraw(&d);
    assert!(world.same_content(&a, &b) && world.state.contradictions().is_empty());
}

#[test]
fn an_address_used_again_for_another_file_is_another_content_from_that_date() {
    let mut world = World::new();
    let old = world.refer("FR", detected(with(referral(&[A]), vec![is(sha(1))]), 100));
    let new = world.refer("DE", detected(with(referral(&[A]), vec![is(sha(2))]), 200));
    let early = world.refer("BE", detected(referral(&[A]), 50));
    let then = world.refer("BE", detected(referral(&[A]), 150));
    let now = world.refer("ES", detected(referral(&[A]), 250));
    assert!(!world.same_content(&old, &new));
    assert!(world.same_content(&early, &old) && world.same_content(&then, &old));
    assert!(world.same_content(&now, &new));
    world.withdraw(&new);
    assert!(world.same_content(&now, &old));
}

#[test]
fn near_pictures_make_a_case_and_never_a_content() {
    let mut world = World::new();
    let a = world.refer("FR", with(referral(&[A]), vec![is(pdq(1, 0))]));
    let b = world.refer("DE", with(referral(&[B]), vec![is(pdq(1, 30))]));
    let c = world.refer("BE", with(referral(&[C]), vec![is(pdq(1, 34))]));
    assert_eq!(world.case(&a), [[a.clone()], [b.clone()]]);
    assert_eq!(world.case(&c), [[c.clone()]], "near to the second, but not to the anchor");
    let edges = world.state.explain(&b).expect("a case");
    assert_eq!(edges, [Edge { kind: EdgeKind::Near(30), first: a, second: b }]);
}

#[test]
fn bad_pictures_link_nothing() {
    let mut world = World::new();
    let bad = |digits: &str, quality| print(&format!("pdq:{}:q{quality}", digits.repeat(32)));
    let a = world.refer("FR", with(referral(&[A]), vec![is(bad("00", 100)), is(bad("0f", 49))]));
    let b = world.refer("DE", with(referral(&[B]), vec![is(bad("00", 100)), is(bad("0f", 90))]));
    assert_eq!((world.case(&a).len(), world.case(&b).len()), (1, 1));
}

#[test]
fn bridges_never_join_two_contents() {
    let mut world = World::new();
    let a = world.refer("FR", with(referral(&[A]), vec![is(pdq(1, 0))]));
    let b = world.refer("DE", with(referral(&[B]), vec![is(pdq(1, 56))]));
    let mut bridges = Vec::new();
    for flips in (4..56).step_by(4) {
        let url = format!("https://host-x.example/{flips}");
        bridges.push(world.refer("BE", with(referral(&[&url]), vec![is(pdq(1, flips))])));
        assert!(!world.same_content(&a, &b));
        assert!(!world.case(&a).concat().contains(&b), "with bridges up to {flips}");
    }
    // Not even when the bridges claim to be older than both.
    for flips in (6..56).step_by(4) {
        let url = format!("https://host-x.example/{flips}");
        world.refer_at("BE", with(referral(&[&url]), vec![is(pdq(1, flips))]), 10);
        assert!(!world.same_content(&a, &b));
    }
    assert_eq!(actual(&world.state), naive(&world.state));
}

#[test]
fn an_officer_or_a_party_joins_and_others_do_not() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    let b = world.refer("DE", referral(&[B]));
    world.join("BE", &a, &b);
    assert!(!world.same_content(&a, &b));
    let join = world.join("HQ", &b, &a);
    assert!(world.same_content(&a, &b));
    let edges = world.state.explain(&a).expect("a case");
    assert_eq!(edges, [Edge { kind: EdgeKind::Joined(join), first: a.clone(), second: b.clone() }]);
    let c = world.refer("ES", referral(&[C]));
    world.join("ES", &c, &a);
    assert!(world.same_content(&c, &b));
}

#[test]
fn withdrawing_and_referring_again_restores_the_partition() {
    let mut world = World::new();
    let a = world.refer("FR", with(referral(&[A]), vec![is(sha(1))]));
    let bridge = world.refer("DE", with(referral(&[A, B]), vec![]));
    let b = world.refer("BE", with(referral(&[B]), vec![is(sha(1))]));
    let c = world.refer("ES", with(referral(&[C]), vec![is(sha(2))]));
    assert!(world.same_content(&a, &b));
    world.withdraw(&b);
    assert_eq!(
        world.state.referral(&b).map(|view| (view.state, view.case)),
        Some((ReferralState::Withdrawn, None))
    );
    let again = world.refer("BE", referral(&[B]));
    assert!(world.same_content(&a, &again) && !world.same_content(&a, &c));
    world.withdraw(&bridge);
    assert!(!world.same_content(&a, &again));
}

#[test]
fn an_amendment_is_how_a_referral_reads_whenever_it_comes() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    let b = world.refer("DE", referral(&[B]));
    let first = world.amend(&a, referral(&[C]));
    let second = world.amend(&a, with(referral(&[B]), vec![is(sha(3))]));
    let view = world.state.referral(&first).expect("known by the amendment's name");
    assert_eq!(
        (view.referral.clone(), view.current, view.state),
        (a.clone(), second, ReferralState::Amended)
    );
    assert!(world.same_content(&a, &b));
    let mut reversed = replay(world.history.iter().rev());
    assert_eq!(reversed.state_digest(), world.state.state_digest());
}

#[test]
fn an_endorsement_stands_and_falls_with_its_referral() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    let amended = world.amend(&a, referral(&[B]));
    let one = world.endorse("DE", &a);
    let two = world.endorse("BE", &amended);
    assert_eq!(world.state.counts().endorsements, 2);
    world.withdraw(&one);
    assert_eq!(world.state.referral(&a).map(|view| view.endorsements), Some(vec![two]));
    world.withdraw(&a);
    assert_eq!((world.state.counts().endorsements, world.state.counts().referrals), (0, 0));
}

#[test]
fn a_crowd_at_one_address_waits_and_then_is_one_content() {
    let mut world = World::new();
    let referrals: Vec<EntryRef> = (0..700).map(|_| world.refer("FR", referral(&[A]))).collect();
    let other = world.refer("DE", referral(&[B]));
    assert!(world.state.referral(&other).is_some_and(|view| view.case.is_some()), "nobody else waits");
    world.state.settle();
    assert_eq!(world.case(&referrals[0]), [referrals]);
}

#[test]
fn a_cluster_of_near_pictures_is_followed_only_as_far_as_anchors_change() {
    let mut seed = 3;
    for _ in 0..30 {
        let mut world = World::new();
        let mut referrals = Vec::new();
        for n in 0..25 {
            let url = format!("https://host-x.example/{n}");
            let flips = 4 * (random(&mut seed) % 16) as u32;
            let body = with(referral(&[&url]), vec![is(pdq(1, flips))]);
            referrals.push(world.refer_at("FR", body, (random(&mut seed) % 1_000) as i64));
            if random(&mut seed).is_multiple_of(4) {
                let gone = referrals.swap_remove(random(&mut seed) as usize % referrals.len());
                world.withdraw(&gone);
            }
            if random(&mut seed).is_multiple_of(6) {
                world.run();
            }
            assert_eq!(actual(&world.state), naive(&world.state));
        }
    }
}

#[test]
fn cases_are_listed_from_the_newest() {
    let mut world = World::new();
    let all: Vec<EntryRef> = [A, B, C, D].iter().map(|url| world.refer("FR", referral(&[url]))).collect();
    let names = |cases: Vec<CaseView>| cases.into_iter().map(|case| case.anchor).collect::<Vec<_>>();
    assert_eq!(names(world.state.cases(None, 2)), [all[3].clone(), all[2].clone()]);
    assert_eq!(names(world.state.cases(Some(&all[2]), 9)), [all[1].clone(), all[0].clone()]);
    assert_eq!(world.state.case(&all[0]).map(|case| case.anchor), Some(all[0].clone()));
}
