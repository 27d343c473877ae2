// SPDX-License-Identifier: EUPL-1.2
//! Append rates of the journal beside the disk's own ceiling, and commit rates of the store, in one run.
//!
//! `cargo run --release -p concert-node --example bench_journal [FOLDER]`. Figures are medians of three rounds; raw and
//! journal take turns, so that other load on the machine weighs on both.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use concert_node::journal::{LogJournal, Record};
use concert_node::store::{Batch, Source, Store, Table, versioned};

const ENTRY_LEN: usize = 1024;
const ROUNDS: usize = 3;
/// Batch size and batches per round.
const BATCHES: [(usize, usize); 3] = [(1, 1000), (100, 200), (1000, 50)];
const CACHE_BYTES: u64 = 128 << 20;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = folder.join(format!("concert-bench-journal-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = run(&folder);
    fs::remove_dir_all(&folder)?;
    result
}

fn run(folder: &Path) -> Outcome<()> {
    println!("entries of {ENTRY_LEN} bytes in {}, medians of {ROUNDS} rounds", folder.display());
    println!("{:>6} {:>14} {:>14} {:>7} {:>12}", "batch", "raw rec/s", "journal rec/s", "ratio", "p99 ms");
    for (size, count) in BATCHES {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let raw = raw(&folder.join(format!("raw-{size}-{round}")), size, count)?;
            let (journal, p99) = journal(&folder.join(format!("log-{size}-{round}")), size, count)?;
            rounds.push((raw, journal, p99));
        }
        let raw = median(rounds.iter().map(|round| round.0));
        let journal = median(rounds.iter().map(|round| round.1));
        let p99 = median(rounds.iter().map(|round| round.2));
        println!("{size:>6} {raw:>14.0} {journal:>14.0} {:>7.2} {p99:>12.2}", journal / raw);
    }
    let log = folder.join("log-1000-0");
    let begin = Instant::now();
    let (opened, report) = LogJournal::open(&log, 0)?;
    let rate = report.size as f64 / begin.elapsed().as_secs_f64();
    println!("open: {} records checked, tree rebuilt, {rate:.0} rec/s", report.size);
    let begin = Instant::now();
    let mut from = 0;
    while from < opened.size() {
        from += opened.read(from, 256, 1 << 20)?.len() as u64;
    }
    println!("read in ranges of 256: {:.0} rec/s", from as f64 / begin.elapsed().as_secs_f64());
    println!("store, one row of 200 bytes and two index rows for each entry:");
    println!("{:>6} {:>14} {:>16}", "batch", "commit rec/s", "with sync rec/s");
    for (size, count) in BATCHES {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let dir = folder.join(format!("store-{size}-{round}"));
            rounds.push((
                store(&dir, size, count, false)?,
                store(&dir.with_extension("sync"), size, count, true)?,
            ));
        }
        let lazy = median(rounds.iter().map(|round| round.0));
        let synced = median(rounds.iter().map(|round| round.1));
        println!("{size:>6} {lazy:>14.0} {synced:>16.0}");
    }
    Ok(())
}

/// One write and one `fdatasync` for each batch, nothing else: what the disk allows.
fn raw(path: &Path, size: usize, count: usize) -> Outcome<f64> {
    let mut file = File::create(path)?;
    let batches = batches(size, count);
    let begin = Instant::now();
    for batch in &batches {
        let bytes: Vec<u8> =
            batch.iter().flat_map(|record| record.entry().unwrap_or_default()).copied().collect();
        file.write_all(&bytes)?;
        file.sync_data()?;
    }
    Ok(rate(size * count, begin.elapsed()))
}

fn journal(dir: &Path, size: usize, count: usize) -> Outcome<(f64, f64)> {
    let (mut journal, _) = LogJournal::open(dir, 0)?;
    let batches = batches(size, count);
    let mut times = Vec::with_capacity(count);
    let begin = Instant::now();
    for batch in &batches {
        let begin = Instant::now();
        journal.append(batch)?;
        times.push(begin.elapsed());
    }
    let total = begin.elapsed();
    times.sort();
    let p99 = times.get(count * 99 / 100).copied().unwrap_or_default();
    Ok((rate(size * count, total), p99.as_secs_f64() * 1000.0))
}

fn store(dir: &Path, size: usize, count: usize, sync: bool) -> Outcome<f64> {
    let (store, _) = Store::open(dir, CACHE_BYTES)?;
    let mut numbers = Numbers(7);
    let begin = Instant::now();
    for number in 0..count as u64 {
        let mut batch = Batch::new();
        for row in 0..size as u64 {
            let id = [numbers.next().to_be_bytes(), numbers.next().to_be_bytes()].concat();
            let place = (number * size as u64 + row).to_be_bytes();
            batch.put(Table::Entry, &id, versioned(1, &[b'v'; 200]));
            batch.put(Table::EntryByKind, &place, versioned(1, &id));
            batch.put(Table::Key, &numbers.next().to_be_bytes(), versioned(1, &id));
        }
        batch.set_position(&Source::Private, (number + 1) * size as u64);
        store.commit(&batch)?;
        if sync {
            store.sync()?;
        }
    }
    Ok(rate(size * count, begin.elapsed()))
}

fn batches(size: usize, count: usize) -> Vec<Vec<Record>> {
    let mut numbers = Numbers(1);
    let mut entry = || (0..ENTRY_LEN / 8).flat_map(|_| numbers.next().to_le_bytes()).collect();
    (0..count).map(|_| (0..size).map(|_| Record::Entry(entry())).collect()).collect()
}

fn rate(records: usize, time: Duration) -> f64 {
    records as f64 / time.as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// SplitMix64: the same entries in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
