// SPDX-License-Identifier: EUPL-1.2
//! A small federation in memory: members that say things, a hub that issues what is due, and a record of it all.

mod cases;
mod due;
mod figures;
mod lookups;
mod notices;
mod order;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::*;
use crate::content::Fingerprint;
use crate::entry::decision::ContentJoined;
use crate::entry::hold::{Hold, HoldReleased};
use crate::entry::recipient::{Recipient, RecipientRole};
use crate::entry::referral::{
    ContentType, Exception, ExceptionCheck, Handling, LegalType, Referral, ReferralAmended, ReferralEndorsed,
    ReferralWithdrawn, ReferredFingerprint, ReferredItem, Relation, Retention, Source,
};
use crate::entry::{EntryId, Nonce};
use crate::log::leaf_hash;
use crate::member::LogId;

fn rules() -> Arc<LocatorRules> {
    static RULES: OnceLock<Arc<LocatorRules>> = OnceLock::new();
    RULES.get_or_init(|| Arc::new(LocatorRules::builtin())).clone()
}

fn member(code: &str) -> MemberId {
    code.parse().expect("a member")
}

fn recipient(id: &str) -> RecipientId {
    id.parse().expect("a recipient")
}

fn print(text: &str) -> Fingerprint {
    text.parse().expect("a fingerprint")
}

/// A SHA-256 of nothing in particular.
fn sha(n: u8) -> Fingerprint {
    print(&format!("sha256:{}", format!("{n:02x}").repeat(32)))
}

/// A picture, `flips` bits away from picture `n`.
fn pdq(n: u64, flips: u32) -> Fingerprint {
    let mut seed = n;
    let mut words = [(); 4].map(|()| random(&mut seed));
    for flip in 0..flips as usize {
        words[flip % 4] ^= 1 << (flip / 4 * 4);
    }
    let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
    print(&format!("pdq:{digits}:q90"))
}

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn is(value: Fingerprint) -> ReferredFingerprint {
    ReferredFingerprint { value, relation: Relation::Is, size: None }
}

/// A referral of these addresses.
fn referral(urls: &[&str]) -> Referral {
    let item = |url: &&str| ReferredItem {
        url: url.parse().expect("an address"),
        locator: None,
        platform_content_id: None,
        account_id: None,
    };
    Referral {
        unit: "Unit".parse().expect("a text"),
        reference: "R-1".parse().expect("a text"),
        transmitted_by: None,
        detected_at: Timestamp::from_seconds(1_000),
        items: urls.iter().map(item).collect::<Vec<_>>().try_into().expect("1 to 50"),
        content_type: ContentType::Video,
        languages: vec!["fr".parse().expect("a language")].try_into().expect("one"),
        reasons: "Because.".parse().expect("a text"),
        types: vec![LegalType::Incites].try_into().expect("one"),
        exception_check: ExceptionCheck { finding: Exception::None, note: None },
        tier: Tier::Promotional,
        graphic: false,
        terms_clause: None,
        entity: None,
        ideology: None,
        fingerprints: Default::default(),
        evidence: None,
        handling: Handling::Recipient,
        retention: Retention { class: "std".parse().expect("a label"), review_on: None, erase_by: None },
        source: Source::OwnMonitoring,
        links: Default::default(),
    }
}

fn with(mut referral: Referral, prints: Vec<ReferredFingerprint>) -> Referral {
    referral.fingerprints = prints.try_into().expect("at most 64");
    referral
}

fn detected(mut referral: Referral, seconds: i64) -> Referral {
    referral.detected_at = Timestamp::from_seconds(seconds);
    referral
}

fn tier(mut referral: Referral, tier: Tier) -> Referral {
    referral.tier = tier;
    referral
}

/// A hosting service.
fn hosting(id: &str, domains: &[&str]) -> Recipient {
    let domains: Vec<_> = domains.iter().map(|domain| domain.parse().expect("a domain")).collect();
    Recipient {
        recipient: recipient(id),
        name: id.parse().expect("a text"),
        role: RecipientRole::Hosting,
        domains: domains.try_into().expect("1 to 200"),
        established: "IE".parse().expect("a country"),
        languages: Default::default(),
        contact: None,
        key: None,
    }
}

/// Everybody's entries, as one node knows them.
struct World {
    state: Consolidation,
    history: Vec<(Position, Entry)>,
    sizes: BTreeMap<MemberId, u64>,
    /// Seconds.
    clock: i64,
    seed: u64,
}

impl World {
    /// With the hub `EU` and the coordinator `HQ`, and three platforms.
    fn new() -> Self {
        let mut world = Self::empty();
        for (id, domains) in [
            ("video-a", &["video-a.test", "vid-a.test"][..]),
            ("files-d", &["files-d.test"]),
            ("host-x", &["host-x.example"]),
        ] {
            world.say("EU", Body::RecipientRegistered(Box::new(hosting(id, domains))));
        }
        world
    }

    fn empty() -> Self {
        let mut state = Consolidation::new(rules());
        state.set_coordinators(vec![member("EU"), member("HQ")]);
        Self { state, history: Vec::new(), sizes: BTreeMap::new(), clock: 1_000_000, seed: 7 }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.clock)
    }

    fn entry(&mut self, author: &str, body: Body) -> (Position, Entry) {
        self.clock += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random(&mut self.seed).to_be_bytes());
        bytes[8..].copy_from_slice(&random(&mut self.seed).to_be_bytes());
        let mut short = [0; 10];
        short.copy_from_slice(&bytes[..10]);
        let (author, at) = (member(author), self.now());
        let size = self.sizes.entry(author.clone()).or_default();
        let position = Position { log: LogId::first(author.clone()), index: *size, leaf: leaf_hash(&bytes) };
        *size += 1;
        let (id, nonce) = (EntryId::new(at, short), Nonce::new(bytes));
        (position, Entry { id, author, at, nonce, audience: Audience::MEMBERS, body })
    }

    fn take(&mut self, position: Position, entry: Entry) -> Applied {
        entry.body.check(&entry.author).expect("a valid entry");
        let applied = self.state.apply(position.clone(), &entry);
        self.history.push((position, entry));
        applied
    }

    fn say(&mut self, author: &str, body: Body) -> EntryRef {
        let (position, entry) = self.entry(author, body);
        let name = entry.reference();
        self.take(position, entry);
        name
    }

    fn refer(&mut self, author: &str, referral: Referral) -> EntryRef {
        self.say(author, Body::Referral(Box::new(referral)))
    }

    /// A referral that claims an earlier time than those before it.
    fn refer_at(&mut self, author: &str, referral: Referral, seconds: i64) -> EntryRef {
        let (position, mut entry) = self.entry(author, Body::Referral(Box::new(referral)));
        entry.at = Timestamp::from_seconds(seconds);
        let name = entry.reference();
        self.take(position, entry);
        name
    }

    fn amend(&mut self, referral: &EntryRef, replacement: Referral) -> EntryRef {
        let reason = "Corrected.".parse().expect("a text");
        let body = ReferralAmended { referral: referral.clone(), replacement, reason };
        self.say(&referral.author.to_string(), Body::ReferralAmended(Box::new(body)))
    }

    fn withdraw(&mut self, entry: &EntryRef) -> EntryRef {
        let reason = "Mistaken.".parse().expect("a text");
        let body = ReferralWithdrawn { referral: entry.clone(), reason };
        self.say(&entry.author.to_string(), Body::ReferralWithdrawn(Box::new(body)))
    }

    fn endorse(&mut self, author: &str, referral: &EntryRef) -> EntryRef {
        let body = ReferralEndorsed {
            referral: referral.clone(),
            unit: "Other unit".parse().expect("a text"),
            reference: "E-1".parse().expect("a text"),
            note: None,
        };
        self.say(author, Body::ReferralEndorsed(Box::new(body)))
    }

    fn join(&mut self, author: &str, first: &EntryRef, second: &EntryRef) -> EntryRef {
        let reason = "Seen side by side.".parse().expect("a text");
        let body = ContentJoined { first: first.clone(), second: second.clone(), reason };
        self.say(author, Body::ContentJoined(Box::new(body)))
    }

    fn hold(&mut self, author: &str, url: &str, until: Option<i64>) -> EntryRef {
        let body = Hold {
            addresses: vec![url.parse().expect("an address")].try_into().expect("one"),
            fingerprints: Default::default(),
            referrals: Default::default(),
            until: until.map(Timestamp::from_seconds),
        };
        self.say(author, Body::Hold(Box::new(body)))
    }

    fn release(&mut self, hold: &EntryRef) -> EntryRef {
        let body = HoldReleased { hold: hold.clone() };
        self.say(&hold.author.to_string(), Body::HoldReleased(Box::new(body)))
    }

    fn due(&mut self) -> Vec<Due> {
        self.clock += 1;
        let now = self.now();
        due_for(&mut self.state, "EU", now, 1, &|_| true)
    }

    /// Has the hub author everything that is due, until nothing is.
    fn run(&mut self) -> Vec<Due> {
        let mut all = Vec::new();
        for _ in 0..20 {
            let due = self.due();
            if due.is_empty() {
                return all;
            }
            for due in due {
                self.say("EU", due.body.clone());
                all.push(due);
            }
        }
        panic!("notices never settle: {:?}", self.due());
    }

    fn open(&self, to: &str) -> Vec<NoticeView> {
        let notices = self.state.notices_for(&recipient(to));
        let views = notices.iter().filter_map(|id| self.state.notice(id));
        views.filter(|view| view.state == NoticeState::Open).collect()
    }

    fn one_open(&self, to: &str) -> NoticeView {
        let open = self.open(to);
        assert_eq!(open.len(), 1, "{open:?}");
        open.into_iter().next().expect("one")
    }

    /// The contents of a referral's case.
    fn case(&self, referral: &EntryRef) -> Vec<Vec<EntryRef>> {
        self.state.case_of(referral).map(|case| case.contents).unwrap_or_default()
    }

    fn same_content(&self, a: &EntryRef, b: &EntryRef) -> bool {
        let content = |entry| self.state.referral(entry).and_then(|view| view.content);
        content(a).is_some() && content(a) == content(b)
    }
}

fn due_for(
    state: &mut Consolidation,
    me: &str,
    now: Timestamp,
    epoch: u64,
    may_issue: &dyn Fn(Tier) -> bool,
) -> Vec<Due> {
    let answer_window = Duration::from_secs(86_400);
    state.due(&IssueContext { me: member(me), now, epoch, may_issue, answer_window }, 1_000)
}

/// Applies a history to a node that knows nothing.
fn replay<'a>(history: impl IntoIterator<Item = &'a (Position, Entry)>) -> Consolidation {
    let mut state = Consolidation::new(rules());
    state.set_coordinators(vec![member("EU"), member("HQ")]);
    for (position, entry) in history {
        state.apply(position.clone(), entry);
    }
    state
}

fn shuffle<T>(values: &mut [T], seed: &mut u64) {
    for i in (1..values.len()).rev() {
        values.swap(i, random(seed) as usize % (i + 1));
    }
}
