// SPDX-License-Identifier: EUPL-1.2
//! How well records about one thing are put together, and that the order in which they come does not matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use concert_protocol::entry::{Body, EntryRef, ItemId};
use concert_protocol::time::Timestamp;

use crate::author::{Author, Signed};
use crate::hub::{Hub, consolidation};
use crate::machine::{Numbers, cores};
use crate::oracle::{Oracle, are_near};
use crate::report::{Bound, Figure, shown};
use crate::units::{EXPORTS, Record};

/// A unit refers what it saw after so long.
const ASSESSMENT: Duration = Duration::from_secs(3600);

/// Pairs of records.
#[derive(Default)]
struct Pairs {
    /// Put together although they are about different items or contents.
    wrong: u64,
    /// About one item, and of these put together.
    item: [u64; 2],
    /// About one content, as equal files or a picture near the anchor's show; and of these put together.
    shown: [u64; 2],
    /// Directly near or of equal files, and of these put together.
    direct: [u64; 2],
    /// Joined by a chain of near pictures, and of these put together.
    chained: [u64; 2],
    /// Joined by a chain although they are about different contents: what the anchor rule is there for.
    chained_wrong: u64,
    /// About one content, and of these put together.
    content: [u64; 2],
}

/// The three units, with keys that are the same in every run.
pub(crate) fn fixed_authors() -> Vec<Author> {
    EXPORTS.iter().map(|(code, _)| Author::new(code)).collect()
}

/// Signs every record when its unit would have referred it, in order of time. `authors` are the units in the order of
/// their exports.
///
/// # Errors
///
/// A record that cannot be signed.
pub(crate) fn sign_as_detected(
    records: &[Record],
    authors: &mut [Author],
) -> anyhow::Result<Vec<(usize, Signed)>> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|record| (records[*record].referral.detected_at, *record));
    let when = |record: usize, place: usize| {
        // No two entries at one instant, as no two are in life.
        let at = records[record].referral.detected_at.plus(ASSESSMENT);
        Timestamp::from_micros(at.as_micros() + i64::try_from(place).unwrap_or(0))
    };
    sign_in_order(records, authors, &order, when)
}

/// Signs records in an order, each at the time that `when` gives for the record and its place.
///
/// # Errors
///
/// A record that cannot be signed.
pub(crate) fn sign_in_order(
    records: &[Record],
    authors: &mut [Author],
    order: &[usize],
    when: impl Fn(usize, usize) -> Timestamp,
) -> anyhow::Result<Vec<(usize, Signed)>> {
    let mut all = Vec::with_capacity(records.len());
    for (unit, author) in authors.iter_mut().enumerate() {
        let mine = || order.iter().enumerate().filter(|(_, record)| records[**record].unit == unit);
        let body = |record: usize| Body::Referral(Box::new(records[record].referral.clone()));
        let bodies = mine().map(|(place, record)| (when(*record, place), body(*record))).collect();
        let signed = author.sign_all(bodies)?;
        all.extend(mine().zip(signed).map(|((place, record), signed)| (place, (*record, signed))));
    }
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, signed)| signed).collect())
}

/// Precision, recall, the anchor rule's loss, and one digest in `orders` random orders.
///
/// # Errors
///
/// Sample data that cannot be read or signed.
pub(crate) fn figures(records: &[Record], orders: usize) -> anyhow::Result<Vec<Figure>> {
    let signed = sign_as_detected(records, &mut fixed_authors())?;
    let mut hub = Hub::new(first_at(&signed))?;
    let begin = Instant::now();
    for (_, entry) in &signed {
        hub.apply(entry);
    }
    hub.consolidation.settle();
    let applied = begin.elapsed();
    let begin = Instant::now();
    hub.issue(last_at(&signed))?;
    let issued = begin.elapsed();
    let mut figures = joins(records, &signed, &hub)?;
    let beside = format!(
        "{} referrals applied in {:.0} ms, their {} notice entries made in {:.0} ms, one core",
        shown(records.len() as f64),
        applied.as_secs_f64() * 1e3,
        shown(hub.written.len() as f64),
        issued.as_secs_f64() * 1e3
    );
    let entries: Vec<&Signed> = signed.iter().map(|(_, entry)| entry).chain(&hub.written).collect();
    let (states, time) = digests(&entries, orders);
    let what =
        format!("different states after {} entries in {orders} random orders", shown(entries.len() as f64));
    let seconds = format!("{:.0} s on {} cores; {beside}", time.as_secs_f64(), cores());
    let expected = hub.consolidation.state_digest().to_string();
    let agree = states.keys().all(|state| *state == expected);
    ensure!(agree || states.len() > 1, "every random order agrees on a state that the hub does not have");
    let (less, _) = digests(&entries[1..], 1);
    ensure!(!less.contains_key(&expected), "the state digest does not notice that an entry is missing");
    figures.push(Figure {
        name: "grouping.states",
        what,
        measured: states.len() as f64,
        unit: "",
        bound: Bound::Exactly(1.0),
        beside: seconds,
    });
    Ok(figures)
}

fn first_at(signed: &[(usize, Signed)]) -> Timestamp {
    signed.first().map_or(Timestamp::EPOCH, |(_, entry)| entry.entry.at.minus(ASSESSMENT))
}

fn last_at(signed: &[(usize, Signed)]) -> Timestamp {
    signed.last().map_or(Timestamp::EPOCH, |(_, entry)| entry.entry.at.plus(ASSESSMENT))
}

fn joins(records: &[Record], signed: &[(usize, Signed)], hub: &Hub) -> anyhow::Result<Vec<Figure>> {
    let mut case: Vec<Option<EntryRef>> = vec![None; records.len()];
    let mut item: Vec<Option<ItemId>> = vec![None; records.len()];
    let mut age: Vec<Option<(Timestamp, EntryRef)>> = vec![None; records.len()];
    for (record, entry) in signed {
        let view = hub.consolidation.referral(&entry.reference()).context("a referral that was applied")?;
        case[*record] = view.case;
        item[*record] = view.items.first().map(|item| item.item);
        age[*record] = Some((entry.entry.at, entry.reference()));
    }
    let oracle = Oracle::new(records, &age);
    let mut pairs = Pairs {
        wrong: wrong(records, &case, &item),
        chained_wrong: mixed(records, &oracle.chain),
        ..Pairs::default()
    };
    count(records, &case, &oracle, &mut pairs);
    let figure = |name, what: &str, measured, unit, bound, beside: String| Figure {
        name,
        what: what.into(),
        measured,
        unit,
        bound,
        beside,
    };
    let of = |[all, together]: [u64; 2]| format!("{} of {} pairs", shown(together as f64), shown(all as f64));
    let percent = |[all, together]: [u64; 2]| 100.0 * together as f64 / (all as f64).max(1.0);
    let cases = |names: usize| shown(names as f64);
    let found: BTreeSet<_> = case.iter().flatten().collect();
    let expected: BTreeSet<_> = oracle.case.iter().collect();
    Ok(vec![
        figure(
            "grouping.wrong",
            "pairs put together that are different items or contents",
            pairs.wrong as f64,
            "",
            Bound::Exactly(0.0),
            format!(
                "{} records of three units, {} cases; {} by the plain check",
                cases(records.len()),
                cases(found.len()),
                cases(expected.len())
            ),
        ),
        figure(
            "grouping.items",
            "recall of same-item pairs",
            percent(pairs.item),
            "%",
            Bound::Exactly(100.0),
            of(pairs.item),
        ),
        figure(
            "grouping.shown",
            "recall of same-content pairs that captured hashes can show",
            percent(pairs.shown),
            "%",
            Bound::Exactly(100.0),
            format!("{}: equal SHA-256, or PDQ <= 31 to the case's anchor", of(pairs.shown)),
        ),
        figure(
            "grouping.anchor_loss",
            "pairs that captured hashes show and the anchor rule leaves apart",
            (pairs.chained[0] - pairs.chained[1]) as f64,
            "",
            Bound::Free,
            format!(
                "of {} pairs joined by a chain of equal files, items and near pictures; {} of those left apart are \
                 directly near; chains would also join {} pairs wrongly",
                shown(pairs.chained[0] as f64),
                shown((pairs.direct[0] - pairs.direct[1]) as f64),
                shown(pairs.chained_wrong as f64)
            ),
        ),
        figure(
            "grouping.contents",
            "recall of all same-content pairs of the truth",
            percent(pairs.content),
            "%",
            Bound::Free,
            format!("{}; most records carry no hash", of(pairs.content)),
        ),
    ])
}

/// Pairs with one item id but different items, or in one case but about different contents.
fn wrong(records: &[Record], case: &[Option<EntryRef>], item: &[Option<ItemId>]) -> u64 {
    let items: Vec<usize> = records.iter().map(|record| record.item).collect();
    mixed_pairs(item, &items) + mixed(records, case)
}

/// Pairs of one group that are about different contents.
fn mixed<G: Hash + Eq>(records: &[Record], group: &[G]) -> u64 {
    let contents: Vec<usize> = records.iter().map(|record| record.content).collect();
    mixed_pairs(group, &contents)
}

/// Pairs that are equal in `group` and differ in `truth`.
fn mixed_pairs<G: Hash + Eq>(group: &[G], truth: &[usize]) -> u64 {
    let mut groups: HashMap<&G, usize> = HashMap::new();
    let mut agreeing: HashMap<(&G, usize), usize> = HashMap::new();
    for (group, truth) in group.iter().zip(truth) {
        *groups.entry(group).or_default() += 1;
        *agreeing.entry((group, *truth)).or_default() += 1;
    }
    let all: u64 = groups.values().map(|count| pairs_of(*count)).sum();
    all - agreeing.values().map(|count| pairs_of(*count)).sum::<u64>()
}

fn pairs_of(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// Counts the pairs of each content of the truth.
fn count(records: &[Record], case: &[Option<EntryRef>], oracle: &Oracle, pairs: &mut Pairs) {
    let mut by_content: HashMap<usize, Vec<usize>> = HashMap::new();
    for (number, record) in records.iter().enumerate() {
        by_content.entry(record.content).or_default().push(number);
    }
    let pictures: Vec<Vec<_>> = records.iter().map(|record| record.pictures().collect()).collect();
    let files: Vec<Vec<_>> = records.iter().map(|record| record.files().collect()).collect();
    let equal = |a: usize, b: usize| files[a].iter().any(|file| files[b].contains(file));
    let has_hash = |record: usize| !pictures[record].is_empty() || !files[record].is_empty();
    for group in by_content.values() {
        for (place, a) in group.iter().enumerate() {
            for b in &group[place + 1..] {
                let together = u64::from(case[*a].is_some() && case[*a] == case[*b]);
                let note = |[all, of_these]: &mut [u64; 2]| {
                    *all += 1;
                    *of_these += together;
                };
                note(&mut pairs.content);
                if records[*a].item == records[*b].item {
                    note(&mut pairs.item);
                }
                let near = are_near(&pictures[*a], &pictures[*b]);
                if equal(*a, *b) || near {
                    note(&mut pairs.direct);
                }
                if oracle.chain[*a] == oracle.chain[*b] {
                    note(&mut pairs.chained);
                }
                let at_one_anchor = oracle.case[*a] == oracle.case[*b] && has_hash(*a) && has_hash(*b);
                if equal(*a, *b) || at_one_anchor {
                    note(&mut pairs.shown);
                }
            }
        }
    }
}

/// Applies all entries in random orders; how often each state came out.
fn digests(entries: &[&Signed], orders: usize) -> (BTreeMap<String, usize>, Duration) {
    let begin = Instant::now();
    let one = |seed: usize| {
        let mut entries = entries.to_vec();
        Numbers::new(seed as u64).shuffle(&mut entries);
        let mut state = consolidation();
        for entry in entries {
            state.apply(entry.position.clone(), &entry.entry);
        }
        state.state_digest().to_string()
    };
    let threads = cores().max(1);
    let mut states = BTreeMap::new();
    std::thread::scope(|scope| {
        let one = &one;
        let workers: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || (first..orders).step_by(threads).map(one).collect::<Vec<_>>()))
            .collect();
        for state in workers.into_iter().flat_map(|worker| worker.join().expect("applying does not panic")) {
            *states.entry(state).or_default() += 1;
        }
    });
    (states, begin.elapsed())
}
