// SPDX-License-Identifier: EUPL-1.2
//! Whatever the order, the same state.

use proptest::prelude::*;

use super::*;
use crate::entry::answer::{Answer, AnswerOutcome, Channel, Delivery, ItemAnswer};
use crate::entry::notice::NoticeWithdrawn;
use crate::entry::recipient::RecipientSuspended;

/// An address out of 48, on hosts with and without a recipient.
fn url(n: usize) -> String {
    let n = n % 48;
    match n {
        0 => "https://vid-a.test/video000001?si=x".into(),
        1..16 => format!("https://video-a.test/watch?v=video0000{n:02}"),
        16..26 => format!("https://files-d.test/d/aaaaaaaaaaaaaaaaaaaaaa{n}/a.zip"),
        26..36 => format!("https://host-x.example/{n}"),
        36..40 => format!("https://sub.host-x.example/{n}"),
        40..44 => format!("https://late.example/{n}"),
        44..47 => format!("https://nobody.example/{n}"),
        _ => "https://localhost/6".into(),
    }
}
const MEMBERS: [&str; 4] = ["FR", "DE", "BE", "ES"];

/// A world in which everything happens.
struct Story {
    world: World,
    seed: u64,
    referrals: Vec<EntryRef>,
    endorsements: Vec<EntryRef>,
    holds: Vec<EntryRef>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let (referrals, endorsements, holds) = Default::default();
        Self { world: World::new(), seed, referrals, endorsements, holds }
    }

    fn any(&mut self, below: usize) -> usize {
        random(&mut self.seed) as usize % below
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> Option<T> {
        if values.is_empty() { None } else { Some(values[self.any(values.len())].clone()) }
    }

    fn referral(&mut self) -> Referral {
        let count = 1 + self.any(8) / 7;
        let mut urls = Vec::new();
        for _ in 0..count {
            let url = url(self.any(48));
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let mut prints = Vec::new();
        if self.any(3) == 0 {
            prints.push(is(sha(self.any(30) as u8)));
        }
        if self.any(4) == 0 {
            let value = print(&format!("md5:{}", format!("{:02x}", self.any(12)).repeat(16)));
            prints.push(ReferredFingerprint {
                value,
                relation: Relation::Is,
                size: Some(self.any(2) as u64),
            });
        }
        if self.any(2) == 0 {
            prints.push(is(pdq(self.any(6) as u64, 12 * self.any(6) as u32)));
        }
        let referral = with(referral(&urls), prints);
        let tiers = [Tier::Crisis, Tier::Designated, Tier::Promotional, Tier::Promotional];
        let referral = tier(referral, tiers[self.any(4)]);
        detected(referral, 1_000 + self.any(50) as i64)
    }

    fn step(&mut self) {
        let who = MEMBERS[self.any(4)];
        match self.any(24) {
            0..8 => {
                let referral = self.referral();
                let entry = match self.any(4) {
                    0 => {
                        let at = 900_000 + self.any(50) as i64;
                        self.world.refer_at(who, referral, at)
                    }
                    _ => self.world.refer(who, referral),
                };
                self.referrals.push(entry);
            }
            8 => {
                let replacement = self.referral();
                if let Some(entry) = self.pick(&self.referrals.clone()) {
                    self.world.amend(&entry, replacement);
                }
            }
            9 | 10 => {
                let all = [self.referrals.clone(), self.endorsements.clone()].concat();
                if let Some(entry) = self.pick(&all) {
                    self.world.withdraw(&entry);
                }
            }
            11 | 12 => {
                if let Some(entry) = self.pick(&self.referrals.clone())
                    && entry.author != member(who)
                {
                    let endorsement = self.world.endorse(who, &entry);
                    self.endorsements.push(endorsement);
                }
            }
            13 => {
                let until = (self.any(2) == 0).then_some(self.world.clock + 20);
                let url = url(self.any(48));
                let hold = self.world.hold(who, &url, until);
                self.holds.push(hold);
            }
            14 => {
                if let Some(hold) = self.pick(&self.holds.clone()) {
                    self.world.release(&hold);
                }
            }
            15 if self.any(3) == 0 => {
                let all = self.referrals.clone();
                if let (Some(a), Some(b)) = (self.pick(&all), self.pick(&all))
                    && a != b
                {
                    let author = ["EU", who][self.any(2)];
                    self.world.join(author, &a, &b);
                }
            }
            16 => self.recipient(),
            17 => self.answer(),
            18 => self.again(),
            19 => self.stray(who),
            20 => self.partition(),
            _ => drop(self.world.run()),
        }
    }

    fn recipient(&mut self) {
        let author = ["EU", "FR"][self.any(2)];
        let body = match self.any(3) {
            0 => {
                let reason = "Gone.".parse().expect("a text");
                Body::RecipientSuspended(Box::new(RecipientSuspended {
                    recipient: recipient("host-x"),
                    reason,
                }))
            }
            1 => Body::RecipientUpdated(Box::new(hosting("host-x", &["host-x.example"]))),
            _ => {
                Body::RecipientRegistered(Box::new(hosting("late", &["late.example", "sub.host-x.example"])))
            }
        };
        self.world.say(author, body);
    }

    fn answer(&mut self) {
        let notices = self.world.state.notices(None, 1_000);
        let Some(view) = self.pick(&notices).and_then(|id| self.world.state.notice(&id)) else { return };
        let item = |item: &NoticeItemView| ItemAnswer {
            item: item.item,
            outcome: [AnswerOutcome::Acknowledged, AnswerOutcome::Removed][self.any_of_two()],
            at: Timestamp::from_seconds(5),
            reason: None,
            countries: Default::default(),
        };
        let items: Vec<ItemAnswer> = view.items.iter().map(item).take(100).collect();
        let delivery = Delivery {
            recipient: view.recipient.clone(),
            channel: Channel::Feed,
            received_at: self.world.now(),
            notices: vec![view.id].try_into().expect("one"),
        };
        self.world.say("DE", Body::Delivery(Box::new(delivery)));
        if let Ok(items) = items.try_into() {
            let (recipient, notice) = (view.recipient, view.id);
            let body = Answer { recipient, notice, items, external_ref: None, signed: None };
            self.world.say("EU", Body::Answer(Box::new(body)));
        }
    }

    fn any_of_two(&self) -> usize {
        (self.world.clock % 2) as usize
    }

    /// The author of an entry uses its id again, later or, in another log, seemingly earlier.
    fn again(&mut self) {
        let Some((_, old)) = self.pick(&self.world.history.clone()) else { return };
        let body = match self.any(2) {
            0 => Body::Referral(Box::new(self.referral())),
            _ => old.body.clone(),
        };
        let (position, mut entry) = self.world.entry(old.author.as_str(), body);
        entry.id = old.id;
        self.world.take(position, entry);
    }

    /// The other coordinator acts on what it knew some time ago.
    fn partition(&mut self) {
        let known = self.any(self.world.history.len());
        let mut other = replay(&self.world.history[..known]);
        let now = self.world.now();
        for due in due_for(&mut other, "HQ", now, 1, &|_| true) {
            self.world.say("HQ", due.body);
        }
    }

    /// What has no effect: kinds that stand apart, and notices from nobody in particular.
    fn stray(&mut self, who: &str) {
        let notices = self.world.state.notices(None, 1_000);
        if let Some(view) = self.pick(&notices).and_then(|id| self.world.state.notice(&id)) {
            let body = NoticeWithdrawn {
                notice: view.id,
                recipient: view.recipient,
                reason: "So I say.".parse().expect("a text"),
                epoch: 99,
                rules: leaf_hash(b"mine"),
            };
            self.world.say(who, Body::NoticeWithdrawn(Box::new(body)));
        }
        let kind = crate::entry::Kind::Unknown("seal.v1".into());
        let (position, entry) =
            self.world.entry(who, Body::Unknown { kind: kind.clone(), body: Box::default() });
        let applied = self.world.state.apply(position.clone(), &entry);
        assert_eq!(applied, Applied::WithoutEffect(Reason::UnknownKind(kind)));
        self.world.history.push((position, entry));
    }
}

fn story(seed: u64, steps: usize) -> World {
    let mut story = Story::new(seed);
    for _ in 0..steps {
        story.step();
    }
    story.world.run();
    check(&mut story.world);
    story.world
}

/// What holds once everything due was issued.
fn check(world: &mut World) {
    world.state.settle();
    assert_eq!(cases::actual(&world.state), cases::naive(&world.state));
    let state = &world.state;
    let (mut open, mut alone, mut cosigners) = (0, 0, 0);
    for (_, _, anchor) in state.contents.anchors() {
        let wanted = state.wanted(*anchor);
        let mut to = BTreeSet::new();
        for (_, row) in state.contents.notices_of_case(*anchor) {
            let view = state.notice(&state.notices.notice(row).id).expect("issued");
            let suspended = state.recipients.is_suspended(&view.recipient);
            assert!(to.insert(view.recipient.clone()) || suspended, "one open notice per case and recipient");
            open += 1;
            if suspended {
                continue;
            }
            let wanted = &wanted[&view.recipient];
            let items: Vec<_> = view.items.iter().map(|item| item.item).collect();
            assert_eq!(items, wanted.items.keys().copied().collect::<Vec<_>>());
            let originators: Vec<_> = view.originators.iter().map(|o| Ref::of(&o.entry)).collect();
            assert_eq!(originators, wanted.originators.keys().copied().collect::<Vec<_>>());
            assert_eq!(view.facts, wanted.facts(view.facts.answer_by));
        }
        for (recipient, wanted) in &wanted {
            if to.contains(*recipient) {
                alone += wanted.pairs as u64;
                cosigners += wanted.originators.len() as u64 - 1;
            }
            let excused = state.recipients.is_suspended(recipient)
                || (state.is_held(*anchor) && !wanted.tier.is_urgent());
            assert!(to.contains(*recipient) || excused, "nothing is left out");
        }
    }
    let counts = state.counts();
    assert_eq!((counts.notices_alone, counts.cosigners), (alone, cosigners));
    let orphans = state.agenda.orphans.len() as u64;
    assert_eq!(
        counts.notices_open,
        open + orphans,
        "open notices have a home, or their recipient is suspended"
    );
}

/// Enough happens in the stories for the tests above to mean something.
#[test]
fn stories_are_eventful() {
    let mut sum = Counts::default();
    let (mut stars, mut contradictions, mut held) = (0, 0, 0);
    for seed in 0..5 {
        let world = story(seed, 120);
        let counts = world.state.counts();
        sum.notices_open += counts.notices_open;
        sum.notices_merged += counts.notices_merged;
        sum.notices_withdrawn += counts.notices_withdrawn;
        sum.endorsements += counts.endorsements;
        sum.duplicates_avoided += counts.duplicates_avoided;
        sum.answers += counts.answers;
        stars += cases::actual(&world.state).values().filter(|contents| contents.len() > 1).count();
        contradictions += world.state.contradictions().len();
        held += world.state.cases(None, 1_000).iter().filter(|case| !case.held.is_empty()).count();
    }
    assert!(sum.notices_open > 50 && sum.notices_merged > 5 && sum.notices_withdrawn > 5, "{sum:?}");
    assert!(sum.endorsements > 5 && sum.duplicates_avoided > 50 && sum.answers > 10, "{sum:?}");
    assert!(stars > 10 && contradictions > 0 && held > 0, "{stars} {contradictions} {held}");
}

#[test]
fn a_hundred_orders_give_one_state() {
    for seed in 0..5 {
        let mut world = story(seed, 120);
        let expected = world.state.state_digest();
        assert!(world.state.counts().notices_open > 3, "{:?}", world.state.counts());
        for order in 0..20 {
            let mut seed = 1_000 * seed + order;
            let mut history = world.history.clone();
            // One in four comes twice.
            let again: Vec<_> =
                history.iter().filter(|_| random(&mut seed).is_multiple_of(4)).cloned().collect();
            history.extend(again);
            shuffle(&mut history, &mut seed);
            let mut other = replay(&history);
            assert_eq!(other.state_digest(), expected, "history {seed}, order {order}");
            assert_eq!(other.counts(), world.state.counts());
            let now = world.now().plus(Duration::from_secs(1));
            assert_eq!(due_for(&mut other, "HQ", now, 1, &|_| true), [], "the other coordinator agrees");
        }
    }
}

#[test]
fn the_union_of_two_nodes_is_the_same_in_either_order() {
    let mut world = story(11, 100);
    let expected = world.state.state_digest();
    let (mine, yours): (Vec<_>, Vec<_>) =
        world.history.iter().cloned().partition(|(position, _)| position.log.member.as_str() < "EU");
    let mut one = replay(mine.iter().chain(&yours));
    let mut two = replay(yours.iter().chain(&mine));
    assert_eq!((one.state_digest(), two.state_digest()), (expected, expected));
}

#[test]
fn settling_late_or_at_once_is_the_same() {
    let world = story(12, 100);
    let mut late = Consolidation::new(rules());
    late.set_coordinators(vec![member("EU"), member("HQ")]);
    let mut often = replay([]);
    for (position, entry) in &world.history {
        late.apply(position.clone(), entry);
        often.apply(position.clone(), entry);
        let digest = often.state_digest();
        assert_eq!(often.state_digest(), digest);
    }
    assert_eq!(late.state_digest(), often.state_digest());
}

#[test]
fn coordinators_may_be_known_late() {
    let mut world = story(13, 100);
    let expected = world.state.state_digest();
    let mut state = Consolidation::new(rules());
    state.set_coordinators(vec![member("FR")]);
    for (position, entry) in &world.history {
        state.apply(position.clone(), entry);
    }
    assert_ne!(state.state_digest(), expected);
    state.set_coordinators(vec![member("HQ"), member("EU")]);
    assert_eq!(state.state_digest(), expected);
    assert_eq!(state.counts(), world.state.counts());
}

#[test]
fn the_first_use_of_an_id_counts_whichever_comes_first() {
    let mut world = World::new();
    let first = world.refer("FR", referral(&[&url(2)]));
    let (position, mut second) = world.entry("FR", Body::Referral(Box::new(referral(&[&url(3)]))));
    second.id = first.id;
    assert_eq!(world.take(position, second), Applied::WithoutEffect(Reason::IdUsedBefore));
    let mut reversed = replay(world.history.iter().rev());
    assert_eq!(reversed.state_digest(), world.state.state_digest());
    let view = reversed.referral(&first).expect("known");
    assert_eq!(view.items[0].url.as_str(), url(2));
    assert_eq!(reversed.counts(), world.state.counts());
}

#[test]
fn what_not_everybody_may_read_is_not_consolidated() {
    let mut world = World::new();
    let (position, mut entry) = world.entry("FR", Body::Referral(Box::new(referral(&[&url(4)]))));
    entry.audience = Audience::Group(crate::entry::AudienceGroup::Coordinators);
    assert_eq!(world.take(position, entry), Applied::WithoutEffect(Reason::Restricted));
    assert_eq!((world.state.counts().referrals, world.due()), (0, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_history_in_any_order_gives_one_state(seed in 100_u64..1_000_000, order: u64) {
        let mut world = story(seed, 60);
        let mut history = world.history.clone();
        shuffle(&mut history, &mut { order });
        let mut other = replay(&history);
        prop_assert_eq!(other.state_digest(), world.state.state_digest());
        prop_assert_eq!(other.counts(), world.state.counts());
    }
}
