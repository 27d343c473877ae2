// SPDX-License-Identifier: EUPL-1.2
//! "Has anyone this?"

use super::*;
use crate::content::{ContentKey, Locator};

const A: &str = "https://video-a.test/watch?v=AAAAAAAAAAA";
const X: &str = "https://host-x.example/x";

fn address(url: &str) -> Locator {
    url.parse().expect("an address")
}

#[test]
fn an_address_is_found_in_any_spelling_with_what_became_of_it() {
    let mut world = World::new();
    let first = world.refer("FR", referral(&[A, X]));
    let second = world.refer("DE", tier(referral(&[A]), Tier::Designated));
    world.run();
    let hits = world.state.lookup_address(&address("http://www.vid-a.test/AAAAAAAAAAA?si=1"));
    assert_eq!(hits.iter().map(|hit| hit.referral.clone()).collect::<Vec<_>>(), [first, second.clone()]);
    let notice = world.one_open("video-a").id;
    assert!(
        hits.iter().all(|hit| hit.notice == Some((notice, NoticeState::Open)) && hit.kind == HitKind::Exact)
    );
    assert_eq!((hits[1].member.clone(), hits[1].tier), (member("DE"), Tier::Designated));
    world.withdraw(&second);
    assert_eq!(world.state.lookup_address(&address(A)).len(), 1);
    assert_eq!(world.state.lookup_address(&address("https://host-x.example/X")), []);
}

#[test]
fn fingerprints_are_found_exactly_and_pictures_nearly() {
    let mut world = World::new();
    let contained = ReferredFingerprint { relation: Relation::Contains, ..is(pdq(1, 0)) };
    let md5 = print(&format!("md5:{}", "ab".repeat(16)));
    let other = print("vpdq:abc");
    let a = world.refer("FR", with(referral(&[A]), vec![contained, is(md5.clone()), is(other.clone())]));
    let b = world.refer("DE", with(referral(&[X]), vec![is(pdq(1, 20)), is(sha(1))]));
    let names =
        |hits: Vec<LookupHit>| hits.into_iter().map(|hit| (hit.referral, hit.kind)).collect::<Vec<_>>();
    let near = |distance| HitKind::Near { distance, threshold: 31 };
    for (value, expected) in [
        (sha(1), vec![(b.clone(), HitKind::Exact)]),
        (sha(2), vec![]),
        (md5, vec![(a.clone(), HitKind::Exact)]),
        (other, vec![(a.clone(), HitKind::Exact)]),
        (pdq(1, 0), vec![(a.clone(), HitKind::Exact), (b.clone(), near(20))]),
        (pdq(1, 12), vec![(b, near(8)), (a, near(12))]),
        (pdq(1, 56), vec![]),
    ] {
        assert_eq!(names(world.state.lookup_fingerprint(&value)), expected, "{value}");
    }
}

#[test]
fn a_crowd_is_told_of_from_its_earliest() {
    let mut world = World::new();
    let all: Vec<EntryRef> = (0..i64::try_from(3 * LOOKUP_HITS_MAX).expect("small"))
        .map(|_| world.refer("FR", referral(&[X])))
        .collect();
    world.state.settle();
    let hits = world.state.lookup_address(&address(X));
    assert_eq!(
        hits.iter().map(|hit| &hit.referral).collect::<Vec<_>>(),
        all[..LOOKUP_HITS_MAX].iter().collect::<Vec<_>>()
    );
}

#[test]
fn the_keys_of_a_referral_are_those_that_join() {
    let prints = vec![
        is(sha(1)),
        ReferredFingerprint { relation: Relation::Contains, ..is(sha(2)) },
        is(pdq(1, 0)),
        is(print(&format!("md5:{}", "ab".repeat(16)))),
    ];
    let keys = content_keys(&with(referral(&[A, "https://localhost/x"]), prints), &rules());
    assert_eq!(keys.len(), 2);
    assert!(matches!(&keys[0], ContentKey::Platform(key) if key.platform() == "video-a"));
    assert!(matches!(&keys[1], ContentKey::Sha256(_)));
}
