// SPDX-License-Identifier: EUPL-1.2
//! How fast entries that lie in the journals are checked one by one and brought into the index.

use std::path::Path;

use anyhow::{Context as _, ensure};
use concert_node::engine::{EntryRecord, ListKey, entry_key, feed_key};
use concert_node::store::{Table, versioned};
use concert_protocol::consolidation::{content_keys, notice_event};
use concert_protocol::entry::{Body, Kind};

use crate::author::Signed;
use crate::big::Big;
use crate::ceilings::{self, Form, Row, Signature};
use crate::machine::{cores, micros_each, rate};
use crate::nodes::CACHE_BYTES;
use crate::report::{Bound, Figure, shown};

/// Share of the lower ceiling to reach.
const SHARE: f64 = 0.7;
/// Entries in one transaction, as the node has it.
const BATCH: usize = 512;
/// Signatures that the ceiling is measured with.
const SIGNATURES: usize = 20_000;
/// Times that the index is made, of which the best counts.
const ROUNDS: usize = 3;
/// Version of the rows.
const ROW_VERSION: u8 = 1;

/// Holds the time of catching up against what the processor and sled could do at most.
///
/// # Errors
///
/// Rows that are not the node's, or a ceiling that cannot be measured.
pub(crate) fn figures(big: &mut Big, folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let rules = big.shared().rules.clone();
    let rows: Vec<Vec<Row>> = big.entries.iter().map(|entry| rows(entry, &rules)).collect();
    compare(big, &rows)?;
    let signature = |entry: &Signed| {
        let key = big.federation.place(entry.position.log.member.as_str()).keys.signing.public();
        Signature::of(&entry.bytes, key)
    };
    let signatures: Vec<Signature> =
        big.entries.iter().rev().take(SIGNATURES).map(signature).collect::<anyhow::Result<_>>()?;
    let verifying = ceilings::verifying(&signatures)?;
    let sled = ceilings::sled(folder, CACHE_BYTES, &rows, BATCH, Form::Lazy)?;
    let durable = ceilings::sled(folder, CACHE_BYTES, &rows, BATCH, Form::Durable)?;
    for _ in 1..ROUNDS {
        big.rebuild()?;
    }
    let count = rows.len();
    let measured = rate(count, big.took);
    let lower = verifying.rate.min(sled.rate);
    let binds = if sled.rate < verifying.rate { "sled" } else { "verify_strict" };
    let per_entry = rows.iter().map(Vec::len).sum::<usize>() as f64 / count as f64;
    let each = micros_each(count, big.cpu);
    let both = cores() as f64 * 1e6 / (verifying.cpu_micros + sled.cpu_micros);
    Ok(vec![
        Figure {
            name: "checking.rate",
            what: "check every entry's own signature and index it".into(),
            measured,
            unit: "/s",
            bound: Bound::AtLeast((SHARE * lower).round()),
            beside: format!(
                "{:.0} % of {binds}; verify_strict alone on {} cores {}/s; sled alone with the {per_entry:.1} rows of an entry \
                 {}/s, in its durable form {}/s",
                100.0 * measured / lower,
                cores(),
                shown(verifying.rate),
                shown(sled.rate),
                shown(durable.rate),
            ),
        },
        Figure {
            name: "checking.share",
            what: "the same as a share of what these cores allow for both".into(),
            measured: 100.0 * measured / both,
            unit: "%",
            bound: Bound::Free,
            beside: format!(
                "{}/s if verify_strict and sled together keep {} cores busy and nothing else is done; processor time of an \
                 entry {each:.0} us, of it verify_strict {:.0} us, sled {:.0} us; {} entries, best of {ROUNDS}",
                shown(both),
                cores(),
                verifying.cpu_micros,
                sled.cpu_micros,
                shown(count as f64),
            ),
        },
    ])
}

/// The rows that the node writes for an entry of another member.
fn rows(signed: &Signed, rules: &concert_protocol::content::LocatorRules) -> Vec<Row> {
    let (entry, index, log) = (&signed.entry, signed.position.index, &signed.position.log);
    let reference = entry.reference();
    let kind = match entry.body.kind() {
        Kind::Known(kind) => kind.name().to_owned(),
        Kind::Unknown(name) => name.into(),
    };
    let record =
        EntryRecord { log: log.clone(), index, kind: kind.clone(), at: entry.at, without_effect: None };
    let value = serde_json::to_vec(&record).unwrap_or_default();
    let mut rows = vec![
        (Table::Entry, entry_key(&reference), versioned(ROW_VERSION, &value)),
        (Table::EntryByKind, ListKey::of(&kind, entry.at, &reference).0, versioned(ROW_VERSION, &[])),
    ];
    if let Body::Referral(referral) = &entry.body {
        for key in content_keys(referral, rules) {
            let row = [key.digest().as_bytes().as_slice(), &entry_key(&reference)].concat();
            rows.push((Table::Key, row, versioned(ROW_VERSION, &[])));
        }
    }
    if let Some((recipient, notice)) = notice_event(&entry.body) {
        let value = versioned(ROW_VERSION, notice.to_string().as_bytes());
        rows.push((Table::Feed, feed_key(recipient, log, index), value));
    }
    rows
}

/// The ceiling is of the node's own rows: each of some must stand in its store exactly so.
fn compare(big: &Big, rows: &[Vec<Row>]) -> anyhow::Result<()> {
    for (table, key, value) in rows.iter().step_by(997).flatten() {
        let stored = big.shared().store.get(*table, key)?.context("a row that the node does not have")?;
        ensure!(stored == *value, "the node writes other rows to {table:?}");
    }
    Ok(())
}
