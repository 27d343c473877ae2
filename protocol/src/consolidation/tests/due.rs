// SPDX-License-Identifier: EUPL-1.2
//! Which notices are due, when, and to whom.

use super::*;
use crate::entry::EntryId;
use crate::entry::envelope::ENTRY_LEN_MAX;
use crate::entry::notice::{NOTICE_PART_MAX, NoticeRevised};
use crate::entry::order::{AuthorityType, Order};
use crate::entry::recipient::RecipientSuspended;
use crate::entry::{NewEntry, SignedEntry};
use crate::key::SecretKey;

const A: &str = "https://video-a.test/watch?v=AAAAAAAAAAA";
const A2: &str = "https://video-a.test/watch?v=AAAAAAAAAA2";
const B: &str = "https://video-a.test/watch?v=BBBBBBBBBBB";
const X1: &str = "https://host-x.example/1";
const X2: &str = "https://host-x.example/2";
const X3: &str = "https://host-x.example/3";

fn revised(due: &[Due]) -> &NoticeRevised {
    match due {
        [Due { body: Body::NoticeRevised(body), .. }] => body,
        other => panic!("expected one revision: {other:?}"),
    }
}

fn items(view: &NoticeView) -> Vec<&str> {
    view.items.iter().map(|item| item.url.as_str()).collect()
}

fn originators(view: &NoticeView) -> Vec<EntryRef> {
    view.originators.iter().map(|originator| originator.entry.clone()).collect()
}

#[test]
fn one_notice_per_case_and_recipient() {
    let mut world = World::new();
    let a = world.refer("FR", with(referral(&[A, X1]), vec![is(pdq(1, 0))]));
    let b = world.refer("DE", referral(&[A]));
    let near = world.refer("BE", with(referral(&[B]), vec![is(pdq(1, 20))]));
    let due = world.run();
    assert_eq!(due.iter().map(|due| due.why.clone()).collect::<Vec<_>>(), [Why::New, Why::New]);
    let video = world.one_open("video-a");
    assert_eq!((video.anchor.clone(), items(&video).len()), (a.clone(), 2));
    assert_eq!(video.id, NoticeId::derive(&recipient("video-a"), &a));
    assert_eq!(originators(&video), {
        let mut all = vec![a.clone(), b, near];
        all.sort();
        all
    });
    assert_eq!(originators(&world.one_open("host-x")), [a]);
    let counts = world.state.counts();
    // FR's and DE's of A, BE's of B; FR's of X1.
    assert_eq!((counts.notices_open, counts.notices_alone, counts.duplicates_avoided), (2, 4, 2));
    assert_eq!(counts.cosigners, 2);
}

#[test]
fn what_is_due_stays_due_until_it_is_applied() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    let now = Timestamp::from_seconds(2_000_000);
    let due = due_for(&mut world.state, "EU", now, 1, &|_| true);
    assert_eq!((due.len(), due_for(&mut world.state, "EU", now, 1, &|_| true)), (1, due.clone()));
    let other = due_for(&mut world.state, "HQ", now, 1, &|_| true);
    assert_eq!(other, due, "two coordinators that see the same say the same");
    assert_eq!(due_for(&mut world.state, "FR", now, 1, &|_| true), []);
    world.run();
    assert_eq!(world.due(), []);
}

#[test]
fn a_notice_issued_twice_is_one_notice() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    let now = world.now();
    let due = due_for(&mut world.state, "HQ", now, 1, &|_| true);
    for (author, due) in [("EU", &due[0]), ("HQ", &due[0])] {
        world.say(author, due.body.clone());
    }
    let view = world.one_open("video-a");
    assert_eq!((view.issuer, view.entries.len(), view.originators.len()), (member("EU"), 2, 1));
    assert_eq!(world.due(), []);
}

#[test]
fn a_late_joiner_co_signs_without_disturbing() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let late = world.refer("DE", referral(&[A]));
    let due = world.run();
    let body = revised(&due);
    assert_eq!((body.originators_added.len(), body.items_added.len(), body.attention), (1, 0, false));
    assert_eq!(body.originators_added[0].entry, late);
    let endorsement = world.endorse("BE", &late);
    let due = world.run();
    let body = revised(&due);
    assert!(!body.attention && body.originators_added[0].entry == endorsement);
    assert_eq!(body.originators_added[0].reasons.as_str(), "");
    assert_eq!(world.one_open("video-a").originators.len(), 3);
}

#[test]
fn a_new_item_a_graver_tier_and_a_withdrawal_ask_for_attention() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let more = world.refer("DE", referral(&[A, A2]));
    let due = world.run();
    assert!(revised(&due).attention && revised(&due).items_added.len() == 1);
    let grave = world.refer("BE", tier(referral(&[A]), Tier::Crisis));
    let due = world.run();
    assert!(revised(&due).attention && revised(&due).facts.tier == Tier::Crisis);
    world.withdraw(&more);
    let due = world.run();
    assert_eq!((revised(&due).items_withdrawn.len(), revised(&due).originators_withdrawn.len()), (1, 1));
    assert!(revised(&due).attention);
    let amended = world.amend(&grave, tier(referral(&[A]), Tier::Crisis));
    let due = world.run();
    let body = revised(&due);
    assert_eq!(body.originators_added[0].entry, amended);
    assert!(!body.attention, "an amendment that changes nothing for the recipient is no withdrawal");
}

#[test]
fn a_notice_falls_with_its_last_referral() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    let b = world.refer("DE", referral(&[A]));
    world.run();
    let id = world.one_open("video-a").id;
    world.withdraw(&a);
    assert_eq!(revised(&world.run()).originators_withdrawn.to_vec(), [a]);
    assert_eq!(world.one_open("video-a").id, id, "the frozen anchor names the notice even when it fell");
    world.withdraw(&b);
    let due = world.run();
    assert!(matches!(due[..], [Due { body: Body::NoticeWithdrawn(_), why: Why::Fallen, .. }]));
    assert_eq!(world.state.notice(&id).map(|view| view.state), Some(NoticeState::Withdrawn));
    let again = world.refer("DE", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    assert!(view.id != id && view.anchor == again);
}

#[test]
fn two_cases_that_turn_out_to_be_one_keep_the_older_notice() {
    let mut world = World::new();
    let young = world.refer_at("DE", referral(&[A]), 500);
    world.run();
    let old = world.refer_at("FR", referral(&[A2]), 100);
    world.run();
    let first = NoticeId::derive(&recipient("video-a"), &young);
    let second = NoticeId::derive(&recipient("video-a"), &old);
    world.join("EU", &young, &old);
    let due = world.run();
    assert!(due.iter().any(|due| due.why == Why::OneCase));
    let view = world.one_open("video-a");
    assert_eq!((view.id, items(&view).len()), (first, 2));
    assert_eq!(world.state.notice(&second).map(|view| view.state), Some(NoticeState::Merged(first)));
}

#[test]
fn a_split_case_goes_on_with_ids_that_were_not_used() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[X1]));
    world.run();
    let b = world.refer("DE", referral(&[X2]));
    world.run();
    let bridge = world.refer("BE", referral(&[X1, X2]));
    world.run();
    assert_eq!(world.open("host-x").len(), 1);
    world.withdraw(&bridge);
    world.run();
    let open = world.open("host-x");
    assert_eq!(open.len(), 2);
    let ended = NoticeId::derive(&recipient("host-x"), &b);
    assert_eq!((originators(&open[0]), originators(&open[1])), (vec![a], vec![b]));
    assert!(
        open[1].id != ended && open[1].anchor.author == member("EU"),
        "named after the entry that ended it"
    );
}

#[test]
fn regression_an_id_that_serves_another_case_is_not_used_again() {
    // Two referrals whose ids had ended shared a notice; when they parted, both derived its id, and each took the notice
    // from the other for ever.
    let mut world = World::new();
    let a = world.refer("FR", referral(&[X1]));
    world.run();
    let b = world.refer("DE", with(referral(&[X2]), vec![is(sha(1))]));
    world.run();
    let d = world.refer("ES", referral(&[X3]));
    world.run();
    let bridge = world.refer("BE", referral(&[X1, X2, X3]));
    world.run();
    world.amend(&d, with(referral(&[X3]), vec![is(sha(1))]));
    world.withdraw(&bridge);
    world.run();
    assert!(world.same_content(&b, &d) && !world.same_content(&a, &b));
    world.amend(&d, referral(&[X3]));
    world.run();
    let open = world.open("host-x");
    assert_eq!(open.len(), 3);
    assert!(open.iter().all(|view| view.items.len() == 1));
}

#[test]
fn a_back_dated_referral_moves_no_frozen_anchor() {
    let mut world = World::new();
    let b = world.refer("DE", with(referral(&[B]), vec![is(pdq(1, 24))]));
    let c = world.refer("BE", with(referral(&[A2]), vec![is(pdq(1, 48))]));
    world.run();
    let view = world.one_open("video-a");
    assert_eq!((view.anchor.clone(), items(&view).len()), (b.clone(), 2));
    // Near to the anchor and not to the other: as anchor it would part them.
    let early = world.refer_at("FR", with(referral(&[A]), vec![is(pdq(1, 0))]), 10);
    assert_eq!(world.case(&b), [[b.clone()], [early.clone()], [c.clone()]]);
    let due = world.run();
    assert_eq!(revised(&due).items_added.len(), 1);
    assert_eq!(world.one_open("video-a").id, view.id);
    // At the anchor's own address it is the earliest of the content, and still moves nothing.
    world.refer_at("FR", referral(&[B]), 5);
    world.run();
    assert_eq!((world.one_open("video-a").id, world.one_open("video-a").anchor), (view.id, b.clone()));
    assert_eq!(world.state.case_of(&c).map(|case| case.anchor), Some(b));
}

#[test]
fn a_hold_stops_issuing_and_not_revising() {
    let mut world = World::new();
    let hold = world.hold("BE", A, None);
    let a = world.refer("FR", referral(&[A, A2]));
    assert_eq!(world.run(), []);
    assert_eq!(world.state.case_of(&a).map(|case| case.held), Some(vec![hold.clone()]));
    assert!(world.state.lookup_address(&A2.parse().expect("an address"))[0].hold);
    world.release(&hold);
    assert_eq!(world.run().len(), 1);
    world.hold("BE", A, None);
    world.refer("DE", referral(&[A]));
    assert_eq!(revised(&world.run()).originators_added.len(), 1);
}

#[test]
fn urgent_tiers_do_not_wait_for_a_hold() {
    let mut world = World::new();
    let hold = world.hold("BE", A, None);
    world.refer("FR", tier(referral(&[A]), Tier::Crisis));
    assert_eq!(world.run()[0].why, Why::NewOverHold(vec![hold]));
}

#[test]
fn a_hold_ends_by_itself() {
    let mut world = World::new();
    assert_eq!(world.state.next_due_at(), None, "before anybody told the time");
    let until = world.clock + 100;
    world.hold("BE", A, Some(until));
    world.refer("FR", referral(&[A]));
    assert_eq!(world.run(), []);
    assert_eq!(world.state.next_due_at(), Some(Timestamp::from_seconds(until)));
    world.clock = until - 1;
    assert_eq!(world.due().len(), 1);
    assert_eq!(world.state.next_due_at(), None);
}

#[test]
fn a_hold_covers_what_its_digest_picture_or_referral_leads_to() {
    let hold = |fingerprints: Vec<Fingerprint>, referrals: Vec<EntryRef>| {
        Body::Hold(Box::new(Hold {
            addresses: Default::default(),
            fingerprints: fingerprints.try_into().expect("few"),
            referrals: referrals.try_into().expect("few"),
            until: None,
        }))
    };
    let referred = || with(referral(&[A]), vec![is(sha(1)), is(pdq(1, 0))]);
    for covers in 0..4 {
        let mut world = World::new();
        let a = world.refer("FR", referred());
        match covers {
            0 => world.say("BE", hold(vec![sha(1)], vec![])),
            1 => world.say("BE", hold(vec![pdq(1, 28)], vec![])),
            2 => world.say("BE", hold(vec![], vec![a.clone()])),
            _ => world.say("BE", hold(vec![sha(2), pdq(1, 40)], vec![])),
        };
        assert_eq!(world.run().len(), usize::from(covers == 3), "{covers}");
    }
}

#[test]
fn a_coordinator_waits_for_its_turn() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.refer("FR", tier(referral(&[B]), Tier::Life));
    let now = Timestamp::from_seconds(2_000_000);
    let urgent = due_for(&mut world.state, "HQ", now, 1, &Tier::is_urgent);
    assert_eq!(urgent.len(), 1);
    world.say("HQ", urgent[0].body.clone());
    let now = Timestamp::from_seconds(2_000_001);
    assert_eq!(due_for(&mut world.state, "HQ", now, 1, &Tier::is_urgent), []);
    assert_eq!(due_for(&mut world.state, "HQ", now, 1, &|_| true).len(), 1);
}

#[test]
fn a_coordinator_with_an_older_epoch_is_fenced_out() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    let now = world.now();
    let due = due_for(&mut world.state, "HQ", now, 7, &|_| true);
    world.say("HQ", due[0].body.clone());
    world.refer("DE", referral(&[A]));
    let now = world.now().plus(Duration::from_secs(9));
    assert_eq!(due_for(&mut world.state, "EU", now, 6, &|_| true), []);
    assert_eq!(due_for(&mut world.state, "EU", now, 8, &|_| true).len(), 1);
}

#[test]
fn what_would_not_count_yet_waits_for_its_time() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let issued = world.one_open("video-a").issued_at;
    world.refer("DE", referral(&[A]));
    assert_eq!(due_for(&mut world.state, "HQ", issued, 1, &|_| true), []);
    let wake = world.state.next_due_at().expect("a time");
    assert!(wake <= issued.plus(Duration::from_micros(1)));
    assert_eq!(due_for(&mut world.state, "HQ", wake, 1, &|_| true).len(), 1);
}

#[test]
fn orders_and_unknown_kinds_change_nothing() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    world.run();
    let before = (world.state.state_digest(), world.state.counts(), world.one_open("video-a"));
    for n in 0..100 {
        let order = Order {
            reference: format!("O-{n}").parse().expect("a text"),
            authority: "Court".parse().expect("a text"),
            authority_type: AuthorityType::Judicial,
            feedback_contact: "court@fr.test".parse().expect("a text"),
            recipient: recipient("video-a"),
            legal_representative: None,
            contact_point: "legal@video-a.test".parse().expect("a text"),
            established: "IE".parse().expect("a country"),
            issued_at: world.now(),
            addresses: vec![A.parse().expect("an address")].try_into().expect("one"),
            types: vec![LegalType::Incites].try_into().expect("one"),
            reasons: "Because.".parse().expect("a text"),
            non_disclosure: None,
            redress: "The administrative court.".parse().expect("a text"),
            escalated_from: Some(a.clone()),
        };
        let (position, entry) = world.entry("FR", Body::Order(Box::new(order)));
        let applied = world.take(position, entry);
        assert!(matches!(applied, Applied::WithoutEffect(Reason::Apart(_))));
    }
    assert_eq!(
        world.due(),
        [],
        "a hundred orders for one address: a hundred orders, none merged, no notice touched"
    );
    assert_eq!((world.state.state_digest(), world.state.counts(), world.one_open("video-a")), before);
}

#[test]
fn items_without_a_recipient_are_on_no_notice_until_it_is_registered() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&["https://www.late.example/1", A]));
    world.run();
    let lost = |world: &World| world.state.case_of(&a).map(|case| case.without_recipient.len());
    assert_eq!((lost(&world), world.state.counts().notices_open), (Some(1), 1));
    world.say("DE", Body::RecipientRegistered(Box::new(hosting("late", &["late.example"]))));
    world.run();
    assert_eq!((lost(&world), world.one_open("late").items.len()), (Some(0), 1));
    // The hub's registration of the same id counts from then on, and it has other domains.
    world.say("EU", Body::RecipientRegistered(Box::new(hosting("late", &["other.example"]))));
    assert!(matches!(world.run()[..], [Due { why: Why::Fallen, .. }]));
    assert_eq!(lost(&world), Some(1));
}

#[test]
fn hosts_belong_to_the_longest_domain_of_the_coordinators() {
    let mut world = World::empty();
    let owner = |world: &World, url: &str| {
        world.state.recipient_of(&url.parse().expect("an address")).map(ToString::to_string)
    };
    world.say("FR", Body::RecipientRegistered(Box::new(hosting("thief", &["www.host-x.example"]))));
    world.say("FR", Body::RecipientRegistered(Box::new(hosting("number", &["0.2.1"]))));
    assert_eq!(owner(&world, "https://www.host-x.example/1").as_deref(), Some("thief"));
    world.say("EU", Body::RecipientRegistered(Box::new(hosting("zz", &["host-x.example"]))));
    world.say("EU", Body::RecipientRegistered(Box::new(hosting("host-x", &["host-x.example"]))));
    world.say("EU", Body::RecipientRegistered(Box::new(hosting("tenant", &["t.host-x.example"]))));
    for (url, expected) in [
        ("https://www.host-x.example/1", Some("host-x")),
        ("https://a.t.host-x.example/1", Some("tenant")),
        ("https://nothost-x.example/1", None),
        ("https://192.0.2.1/1", None),
    ] {
        assert_eq!(owner(&world, url).as_deref(), expected, "{url}");
    }
}

#[test]
fn a_suspended_recipient_receives_nothing_until_it_is_updated() {
    let mut world = World::new();
    let reason = "Unreachable.".parse().expect("a text");
    let suspended = RecipientSuspended { recipient: recipient("host-x"), reason };
    world.say("EU", Body::RecipientSuspended(Box::new(suspended)));
    world.refer("FR", referral(&[X1]));
    assert_eq!(world.run(), []);
    world.say("EU", Body::RecipientUpdated(Box::new(hosting("host-x", &["host-x.example"]))));
    assert_eq!(world.run().len(), 1);
}

#[test]
fn large_notices_come_in_parts_that_fit_into_entries() {
    let mut world = World::new();
    let long = "x".repeat(7_000);
    let urls: Vec<String> = (0..30).map(|n| format!("https://host-x.example/{n}/{long}\"\\")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut body = with(referral(&urls), vec![is(sha(1))]);
    body.reasons = "é\"".repeat(2_000).parse().expect("a text");
    world.refer("FR", body.clone());
    for n in 0..130 {
        let url = format!("https://host-x.example/more/{n}");
        let more = Referral { reasons: body.reasons.clone(), ..with(referral(&[&url]), vec![is(sha(1))]) };
        world.refer(["DE", "BE", "ES"][n % 3], more);
    }
    let due = world.run();
    assert!(due.len() > 5, "{}", due.len());
    let key = SecretKey::from_seed(&[7; 32]);
    for due in due {
        let id = EntryId::new(world.now(), [1; 10]);
        let (author, at, nonce) = (member("EU"), world.now(), Nonce::new([1; 16]));
        let entry = NewEntry { id, author, at, nonce, audience: due.audience, body: due.body };
        let SignedEntry { bytes, .. } = entry.sign(&key).expect("within the bounds");
        assert!(bytes.len() <= ENTRY_LEN_MAX && bytes.len() > 1_000);
    }
    let view = world.one_open("host-x");
    assert_eq!((view.items.len(), view.originators.len()), (160, 131));
    assert!(view.originators.len() > NOTICE_PART_MAX && view.entries.len() > 1);
}

#[test]
fn what_is_due_can_be_asked_for_piece_by_piece() {
    let mut world = World::new();
    for n in 0..25 {
        world.refer("FR", referral(&[&format!("https://host-x.example/{n}")]));
    }
    let mut rounds = 0;
    loop {
        world.clock += 1;
        let context = IssueContext {
            me: member("EU"),
            now: world.now(),
            epoch: 1,
            may_issue: &|_| true,
            answer_window: Duration::from_secs(60),
        };
        let due = world.state.due(&context, 10);
        if due.is_empty() {
            break;
        }
        assert!(due.len() <= 10);
        rounds += 1;
        due.into_iter().for_each(|due| drop(world.say("EU", due.body)));
    }
    assert_eq!((rounds, world.open("host-x").len()), (3, 25));
    let oldest_first: Vec<_> = world.open("host-x").iter().map(|view| view.anchor.id).collect();
    assert!(oldest_first.is_sorted());
}
