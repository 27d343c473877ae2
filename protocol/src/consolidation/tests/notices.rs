// SPDX-License-Identifier: EUPL-1.2
//! Notices as their entries say they are, and what recipients answer.

use super::*;
use crate::entry::ItemId;
use crate::entry::answer::{Answer, AnswerOutcome, Channel, Delivery, ItemAnswer};
use crate::entry::notice::{NoticeMerged, NoticeRevised, NoticeWithdrawn};

const A: &str = "https://video-a.test/watch?v=AAAAAAAAAAA";
const B: &str = "https://video-a.test/watch?v=BBBBBBBBBBB";

fn answer(world: &mut World, by: &str, to: &str, view: &NoticeView, outcome: AnswerOutcome) -> EntryRef {
    let item = |item: &NoticeItemView| ItemAnswer {
        item: item.item,
        outcome,
        at: Timestamp::from_seconds(5),
        reason: None,
        countries: Default::default(),
    };
    let items: Vec<ItemAnswer> = view.items.iter().map(item).collect();
    let body = Answer {
        recipient: recipient(to),
        notice: view.id,
        items: items.try_into().expect("1 to 100"),
        external_ref: Some("V-1".parse().expect("a text")),
        signed: None,
    };
    world.say(by, Body::Answer(Box::new(body)))
}

#[test]
fn the_latest_answer_of_the_recipient_counts_and_all_are_kept() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    let b = world.refer("DE", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    answer(&mut world, "EU", "video-a", &view, AnswerOutcome::Acknowledged);
    let removed = answer(&mut world, "FR", "video-a", &view, AnswerOutcome::Removed);
    answer(&mut world, "EU", "host-x", &view, AnswerOutcome::Acknowledged);
    let view = world.one_open("video-a");
    assert_eq!(
        view.answers.iter().map(|a| a.items[0].1).collect::<Vec<_>>(),
        [AnswerOutcome::Acknowledged, AnswerOutcome::Removed]
    );
    for referral in [a, b] {
        let answers = world.state.answers_for_referral(&referral);
        assert_eq!(answers.len(), 1, "one answer reaches every originator");
        assert_eq!(
            (answers[0].outcome.outcome, &answers[0].outcome.answer),
            (AnswerOutcome::Removed, &removed)
        );
        assert_eq!(world.state.referral(&referral).map(|view| view.answers), Some(answers));
    }
    assert_eq!(view.items[0].outcome.as_ref().map(|outcome| outcome.outcome), Some(AnswerOutcome::Removed));
    let mut reversed = replay(world.history.iter().rev());
    assert_eq!(reversed.state_digest(), world.state.state_digest());
}

#[test]
fn an_answer_still_tells_an_originator_who_left_the_notice() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    world.refer("DE", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    answer(&mut world, "EU", "video-a", &view, AnswerOutcome::Removed);
    world.withdraw(&a);
    world.run();
    assert_eq!(world.state.answers_for_referral(&a).len(), 1);
}

#[test]
fn deliveries_are_those_to_the_recipient() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    for to in ["video-a", "host-x"] {
        let body = Delivery {
            recipient: recipient(to),
            channel: Channel::Feed,
            received_at: world.now(),
            notices: vec![view.id].try_into().expect("one"),
        };
        world.say("DE", Body::Delivery(Box::new(body)));
    }
    let deliveries = world.one_open("video-a").deliveries;
    assert_eq!((deliveries.len(), deliveries[0].entry.author.clone()), (1, member("DE")));
}

#[test]
fn only_coordinators_say_anything_about_notices() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    let body = NoticeWithdrawn {
        notice: view.id,
        recipient: view.recipient.clone(),
        reason: "So I say.".parse().expect("a text"),
        epoch: 99,
        rules: leaf_hash(b""),
    };
    let (position, entry) = world.entry("FR", Body::NoticeWithdrawn(Box::new(body)));
    assert_eq!(world.take(position, entry), Applied::WithoutEffect(Reason::NotACoordinator));
    assert_eq!(world.one_open("video-a"), view);
    world.state.set_coordinators(vec![member("EU"), member("FR")]);
    assert_eq!(world.open("video-a"), [], "what was said before counts once its author coordinates");
}

/// A revision that only adds and withdraws items.
fn revise(view: &NoticeView, epoch: u64, added: &[(u8, &str)], withdrawn: &[u8]) -> Body {
    let id = |n: u8| ItemId::from_bytes([n; 16]);
    let item = |(n, url): &(u8, &str)| crate::entry::notice::NoticeItem {
        item: id(*n),
        url: url.parse().expect("an address"),
        locator: None,
    };
    let none = Vec::new();
    Body::NoticeRevised(Box::new(NoticeRevised {
        notice: view.id,
        recipient: view.recipient.clone(),
        epoch,
        rules: leaf_hash(b""),
        facts: view.facts.clone(),
        items_added: added.iter().map(item).collect::<Vec<_>>().try_into().expect("few"),
        items_withdrawn: withdrawn.iter().map(|n| id(*n)).collect::<Vec<_>>().try_into().expect("few"),
        originators_added: none.try_into().expect("none"),
        originators_withdrawn: Default::default(),
        attention: true,
    }))
}

#[test]
fn the_highest_stamp_counts_for_each_item_whatever_the_order() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    world.say("EU", revise(&view, 2, &[(1, B)], &[]));
    world.say("HQ", revise(&view, 1, &[], &[1]));
    world.say("EU", revise(&view, 1, &[(2, B), (3, B)], &[2]));
    world.say("EU", revise(&view, 1, &[], &[3]));
    for state in [replay(&world.history), replay(world.history.iter().rev())] {
        let folded = state.notice(&view.id).expect("issued");
        let has = |n: u8| folded.items.iter().any(|item| item.item == ItemId::from_bytes([n; 16]));
        assert!(has(1), "an older epoch does not undo a newer one");
        assert!(has(2), "within one entry what is added counts");
        assert!(!has(3), "what was withdrawn later is gone");
        assert_eq!((folded.items.len(), folded.revisions), (3, 4));
    }
}

#[test]
fn an_end_is_an_end() {
    let mut world = World::new();
    let a = world.refer("FR", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    let into = NoticeId::derive(&view.recipient, &EntryRef { author: member("ES"), id: a.id });
    let body = NoticeMerged {
        notice: view.id,
        recipient: view.recipient.clone(),
        into,
        epoch: 1,
        rules: leaf_hash(b""),
    };
    world.say("HQ", Body::NoticeMerged(Box::new(body)));
    assert_eq!(world.state.notice(&view.id).map(|view| view.state), Some(NoticeState::Merged(into)));
    world.say("EU", revise(&view, 9, &[(1, B)], &[]));
    world.run();
    let open = world.one_open("video-a");
    assert!(open.id != view.id && open.originators.len() == 1, "what still stands gets a notice of its own");
}

#[test]
fn a_notice_is_unknown_until_it_was_issued() {
    let mut world = World::new();
    world.refer("FR", referral(&[A]));
    world.run();
    let view = world.one_open("video-a");
    world.say("EU", revise(&view, 1, &[(1, B)], &[]));
    let issued = |(_, entry): &&(Position, Entry)| matches!(entry.body, Body::NoticeIssued(_));
    let mut state = replay(world.history.iter().filter(|record| !issued(record)));
    assert_eq!((state.notice(&view.id), state.counts().notices_open), (None, 0));
    for (position, entry) in world.history.iter().filter(issued) {
        state.apply(position.clone(), entry);
    }
    assert_eq!(state.notice(&view.id).map(|view| view.items.len()), Some(2));
    assert_eq!(state.state_digest(), world.state.state_digest());
}
