// SPDX-License-Identifier: EUPL-1.2
//! One open notice for each platform and case, whichever unit imports first and however notices and referrals alternate.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use anyhow::Context as _;
use concert_protocol::consolidation::{CaseView, NoticeState};
use concert_protocol::entry::EntryRef;
use concert_protocol::entry::text::RecipientId;
use concert_protocol::time::Timestamp;

use crate::author::Signed;
use crate::grouping::{fixed_authors, sign_as_detected, sign_in_order};
use crate::hub::Hub;
use crate::machine::Numbers;
use crate::oracle::Oracle;
use crate::report::{Bound, Figure, shown};
use crate::units::Record;

/// Orders in which three units can import one after the other.
const IMPORT_ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
/// Referrals that arrive between two rounds of issuing.
const ROUND: usize = 100;
/// Cases looked at in one page.
const PAGE: usize = 500;

/// What stands at the end of one run.
#[derive(Default)]
struct Standing {
    /// (platform, case) pairs that an item of the case is at.
    pairs: usize,
    /// Of these, with more than one open notice.
    duplicates: usize,
    /// Of these, without one.
    omissions: usize,
    /// Open notices that belong to no such pair.
    strays: usize,
}

/// Counts open notices after every order of import, and duplicates avoided in two ways.
///
/// # Errors
///
/// Sample data that cannot be read or signed.
pub(crate) fn figures(records: &[Record]) -> anyhow::Result<Vec<Figure>> {
    let signed = sign_as_detected(records, &mut fixed_authors())?;
    let end = end(&signed);
    let mut hub = Hub::new(Timestamp::EPOCH)?;
    signed.iter().for_each(|(_, entry)| hub.apply(entry));
    hub.issue(end)?;
    let once = standing(&hub)?;
    let counted = hub.consolidation.counts();
    let expected = expected(records, &signed);

    let mut worst = Standing::default();
    let mut fold = |standing: &Standing| {
        worst.pairs = worst.pairs.max(standing.pairs);
        worst.duplicates = worst.duplicates.max(standing.duplicates);
        worst.omissions = worst.omissions.max(standing.omissions);
        worst.strays = worst.strays.max(standing.strays);
    };
    fold(&once);
    let mut revisions = 0;
    for order in IMPORT_ORDERS {
        let mut by_unit: Vec<usize> = (0..records.len()).collect();
        by_unit.sort_by_key(|record| order.iter().position(|unit| *unit == records[*record].unit));
        let (standing, revised) = alternating(records, &by_unit)?;
        fold(&standing);
        revisions = revisions.max(revised);
    }
    let mut mixed: Vec<usize> = (0..records.len()).collect();
    Numbers::new(4).shuffle(&mut mixed);
    let (standing, _) = alternating(records, &mixed)?;
    fold(&standing);

    let runs = IMPORT_ORDERS.len() + 2;
    let zero = |name, what: &str, measured: usize, beside: String| Figure {
        name,
        what: what.into(),
        measured: measured as f64,
        unit: "",
        bound: Bound::Exactly(0.0),
        beside,
    };
    let pairs =
        format!("worst of {runs} orders of import, {} pairs of platform and case", shown(worst.pairs as f64));
    let alternate =
        format!("issuing after every {ROUND} referrals; at most {} notices revised", shown(revisions as f64));
    Ok(vec![
        zero(
            "notices.duplicates",
            "pairs of platform and case with two open notices",
            worst.duplicates,
            pairs,
        ),
        zero(
            "notices.omissions",
            "pairs of platform and case without an open notice",
            worst.omissions,
            alternate,
        ),
        zero(
            "notices.strays",
            "open notices about nothing that stands",
            worst.strays,
            "the same orders".into(),
        ),
        Figure {
            name: "notices.open",
            what: "open notices for the three exports".into(),
            measured: counted.notices_open as f64,
            unit: "",
            bound: Bound::Exactly(expected.pairs as f64),
            beside: "to reach: platforms times cases by the truth and the plain check".into(),
        },
        Figure {
            name: "notices.avoided",
            what: "duplicate notices avoided".into(),
            measured: counted.duplicates_avoided as f64,
            unit: "",
            bound: Bound::Exactly((expected.alone - expected.pairs) as f64),
            beside: format!(
                "to reach: {} pairs of unit and item in the truth, less the notices",
                shown(expected.alone as f64)
            ),
        },
    ])
}

fn end(signed: &[(usize, Signed)]) -> Timestamp {
    signed.last().map_or(Timestamp::EPOCH, |(_, entry)| entry.entry.at.plus(Duration::from_secs(1)))
}

/// What the truth says.
struct Expected {
    pairs: usize,
    alone: usize,
}

fn expected(records: &[Record], signed: &[(usize, Signed)]) -> Expected {
    let mut age: Vec<Option<(Timestamp, EntryRef)>> = vec![None; records.len()];
    for (record, entry) in signed {
        age[*record] = Some((entry.entry.at, entry.reference()));
    }
    let oracle = Oracle::new(records, &age);
    let both = records.iter().zip(&oracle.case);
    let pairs: BTreeSet<_> = both.map(|(record, case)| (record.platform.as_str(), *case)).collect();
    let alone: BTreeSet<_> = records.iter().map(|record| (record.unit, record.item)).collect();
    Expected { pairs: pairs.len(), alone: alone.len() }
}

/// Imports in an order, a hundred referrals a second, and issues after each hundred.
fn alternating(records: &[Record], order: &[usize]) -> anyhow::Result<(Standing, usize)> {
    let begin = Timestamp::from_seconds(1_800_000_000);
    let when = |_: usize, place: usize| begin.plus(Duration::from_millis(10 * place as u64));
    let signed = sign_in_order(records, &mut fixed_authors(), order, when)?;
    let mut hub = Hub::new(begin)?;
    for round in signed.chunks(ROUND) {
        round.iter().for_each(|(_, entry)| hub.apply(entry));
        hub.issue(end(round))?;
    }
    let notices = hub.consolidation.notices(None, usize::MAX);
    let views = notices.iter().filter_map(|notice| hub.consolidation.notice(notice));
    let revised = views.filter(|notice| notice.revisions > 0).count();
    Ok((standing(&hub)?, revised))
}

/// Goes through every case and every notice.
fn standing(hub: &Hub) -> anyhow::Result<Standing> {
    let state = &hub.consolidation;
    let mut open: HashMap<_, RecipientId> = HashMap::new();
    for id in state.notices(None, usize::MAX) {
        let notice = state.notice(&id).context("a notice that was listed")?;
        if notice.state == NoticeState::Open {
            open.insert(id, notice.recipient);
        }
    }
    let mut standing = Standing::default();
    let mut after: Option<EntryRef> = None;
    loop {
        let page = state.cases(after.as_ref(), PAGE);
        let Some(last) = page.last() else { break };
        after = Some(last.anchor.clone());
        for case in &page {
            let mut at: BTreeMap<RecipientId, usize> = recipients(hub, case)?;
            for notice in &case.notices {
                if let Some(count) = open.remove(notice).and_then(|recipient| at.get_mut(&recipient)) {
                    *count += 1;
                } else {
                    standing.strays += 1;
                }
            }
            standing.pairs += at.len();
            standing.duplicates += at.values().filter(|count| **count > 1).count();
            standing.omissions += at.values().filter(|count| **count == 0).count();
        }
    }
    standing.strays += open.len();
    Ok(standing)
}

/// The platforms at which a case has an item, each with no notice yet.
fn recipients(hub: &Hub, case: &CaseView) -> anyhow::Result<BTreeMap<RecipientId, usize>> {
    let mut at = BTreeMap::new();
    for referral in case.contents.iter().flatten() {
        let view = hub.consolidation.referral(referral).context("a referral of a case")?;
        at.extend(view.items.into_iter().filter_map(|item| item.recipient).map(|recipient| (recipient, 0)));
    }
    Ok(at)
}
