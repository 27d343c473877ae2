// SPDX-License-Identifier: EUPL-1.2
//! What this machine can do at most, measured in the same run: signatures, hashes, the disk, sled.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use concert_node::store::Table;
use concert_protocol::encoding::base64url_decode;
use concert_protocol::key::{PublicKey, SecretKey};
use concert_protocol::log::{Frontier, leaf_hash};
use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionResult, TransactionalTree};

use crate::machine::{best, cores, micros_each, process_cpu, rate, thread_cpu};

/// Rounds of which the best counts.
const ROUNDS: usize = 3;
/// Rounds of sled's, which are long.
const SLED_ROUNDS: usize = 2;
/// Signatures in one round.
const SIGNATURES: usize = 8_000;
/// Trees of the index.
const TREES: usize = 4;

/// A row of the index: table, key, value.
pub(crate) type Row = (Table, Vec<u8>, Vec<u8>);

/// What can be done at most.
#[derive(Clone, Copy)]
pub(crate) struct Ceiling {
    /// A second: the best that the wall clock saw, or what the processor time allows on an idle machine if that is more.
    /// So other work on the machine can make a figure look worse beside its ceiling, but never better.
    pub(crate) rate: f64,
    /// Processor time of each, in microseconds; what other work on the machine hardly changes.
    pub(crate) cpu_micros: f64,
}

impl Ceiling {
    /// Of work that keeps `threads` cores busy.
    fn of(wall: f64, cpu_micros: f64, threads: usize) -> Self {
        let allowed = if cpu_micros > 0.0 { threads as f64 * 1e6 / cpu_micros } else { 0.0 };
        Self { rate: wall.max(allowed), cpu_micros }
    }
}

/// Signatures a second over these messages, on one core.
pub(crate) fn signing(messages: &[Vec<u8>]) -> f64 {
    let key = SecretKey::from_seed(&[7; 32]);
    let round = |_| {
        let begin = Instant::now();
        let signed = messages.iter().cycle().take(SIGNATURES).map(|message| key.sign(message)[0]);
        std::hint::black_box(signed.fold(0, u8::wrapping_add));
        rate(SIGNATURES, begin.elapsed())
    };
    best((0..ROUNDS).map(round))
}

/// An entry's signature, taken apart.
pub(crate) struct Signature {
    input: Vec<u8>,
    signature: Vec<u8>,
    key: PublicKey,
}

impl Signature {
    /// The signature of a JWS in compact form.
    pub(crate) fn of(entry: &[u8], key: PublicKey) -> anyhow::Result<Self> {
        let end = entry.iter().rposition(|byte| *byte == b'.').context("an entry has a signature")?;
        let signature = base64url_decode(&entry[end + 1..]).context("a signature in base64url")?;
        Ok(Self { input: entry[..end].to_vec(), signature, key })
    }
}

/// Strict verifications a second on all cores.
///
/// # Errors
///
/// A false signature, which nothing here makes.
pub(crate) fn verifying(signatures: &[Signature]) -> anyhow::Result<Ceiling> {
    let mut rates = Vec::new();
    let cpu = process_cpu();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        verify(signatures)?;
        rates.push(rate(signatures.len(), begin.elapsed()));
    }
    let cpu_micros = micros_each(ROUNDS * signatures.len(), process_cpu() - cpu);
    Ok(Ceiling::of(best(rates), cpu_micros, cores()))
}

fn verify(signatures: &[Signature]) -> anyhow::Result<()> {
    let share = signatures.len().div_ceil(cores()).max(1);
    let good = std::thread::scope(|scope| {
        let check = |part: &[Signature]| part.iter().all(|s| s.key.verify(&s.input, &s.signature).is_ok());
        let threads: Vec<_> = signatures.chunks(share).map(|part| scope.spawn(move || check(part))).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    anyhow::ensure!(good, "a signature does not hold");
    Ok(())
}

/// Entries a second that the disk takes when each batch is written and synced by itself.
///
/// # Errors
///
/// What the disk answers.
pub(crate) fn appending(dir: &Path, entries: &[Vec<u8>], batch: usize) -> anyhow::Result<f64> {
    let batches: Vec<Vec<u8>> = entries.chunks(batch).map(<[Vec<u8>]>::concat).collect();
    let mut file = File::create(dir.join("raw"))?;
    let begin = Instant::now();
    for bytes in &batches {
        file.write_all(bytes)?;
        file.sync_data()?;
    }
    Ok(rate(entries.len(), begin.elapsed()))
}

/// The same with every entry hashed into a tree before, on one core.
///
/// # Errors
///
/// What the disk answers.
pub(crate) fn hashing_and_appending(
    dir: &Path,
    entries: &[Vec<u8>],
    batch: usize,
) -> anyhow::Result<Ceiling> {
    let batches: Vec<(&[Vec<u8>], Vec<u8>)> =
        entries.chunks(batch).map(|part| (part, part.concat())).collect();
    let mut file = File::create(dir.join("raw-hashed"))?;
    let mut frontier = Frontier::new();
    let (begin, cpu) = (Instant::now(), thread_cpu());
    for (part, bytes) in &batches {
        part.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
        std::hint::black_box(frontier.root());
        file.write_all(bytes)?;
        file.sync_data()?;
    }
    let cpu_micros = micros_each(entries.len(), thread_cpu() - cpu);
    Ok(Ceiling { rate: rate(entries.len(), begin.elapsed()), cpu_micros })
}

/// How sled commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As an index that can be made anew.
    Lazy,
    /// Every transaction flushed and synced: the form in which sled survives a power cut.
    Durable,
}

/// Entries a second that sled takes when it does nothing but commit their rows, `batch` entries in a transaction.
///
/// # Errors
///
/// What sled answers.
pub(crate) fn sled(
    dir: &Path,
    cache_bytes: u64,
    entries: &[Vec<Row>],
    batch: usize,
    form: Form,
) -> anyhow::Result<Ceiling> {
    let batches: Vec<Vec<Change<'_>>> = entries.chunks(batch).map(changes).collect();
    let (mut rates, mut cpu) = (Vec::new(), Duration::ZERO);
    for round in 0..SLED_ROUNDS {
        let path = dir.join(format!("sled-{form:?}-{round}"));
        let db =
            sled::Config::new().path(&path).cache_capacity(cache_bytes).flush_every_ms(Some(500)).open()?;
        let trees = (0..TREES).map(|tree| db.open_tree([b't', tree as u8])).collect::<Result<Vec<_>, _>>()?;
        let file = File::open(path.join("db"))?;
        let (begin, cpu_before) = (Instant::now(), process_cpu());
        for changes in &batches {
            let committed = trees.as_slice().transaction(|views| put(changes, views));
            committed.map_err(|error| anyhow::anyhow!("sled: {error:?}"))?;
            if form == Form::Durable {
                db.flush()?;
                file.sync_data()?;
            }
        }
        rates.push(rate(entries.len(), begin.elapsed()));
        cpu += process_cpu() - cpu_before;
        drop((trees, db));
        std::fs::remove_dir_all(&path)?;
    }
    let cpu_micros = micros_each(SLED_ROUNDS * entries.len(), cpu);
    // Its transactions take turns whatever the number of cores. Syncing waits for the disk, not for the processor.
    let threads = if form == Form::Lazy { 1 } else { 0 };
    Ok(Ceiling::of(best(rates), cpu_micros, threads))
}

/// One insertion: number of the tree, key, value.
type Change<'a> = (usize, Vec<u8>, &'a [u8]);

fn put(changes: &[Change<'_>], views: &[TransactionalTree]) -> ConflictableTransactionResult<(), ()> {
    for (tree, key, value) in changes {
        views[*tree].insert(key.as_slice(), *value)?;
    }
    Ok(())
}

/// Rows as sled gets them, in the order of their keys.
fn changes(entries: &[Vec<Row>]) -> Vec<Change<'_>> {
    let mut changes = Vec::new();
    for (table, key, value) in entries.iter().flatten() {
        changes.push((tree(*table), [&[*table as u8], key.as_slice()].concat(), value.as_slice()));
    }
    changes.sort();
    changes
}

/// What is read together lies together, as in the node's store.
fn tree(table: Table) -> usize {
    match table {
        Table::Meta | Table::Position => 0,
        Table::Entry | Table::EntryByKind | Table::Own | Table::Quarantine => 1,
        Table::Key => 2,
        Table::Feed => 3,
    }
}

/// Times one call of many, warm.
pub(crate) fn each<T>(inputs: &[T], mut call: impl FnMut(&T)) -> Vec<Duration> {
    inputs.iter().take(inputs.len() / 10).for_each(&mut call);
    let timed = |input| {
        let begin = Instant::now();
        call(input);
        begin.elapsed()
    };
    inputs.iter().map(timed).collect()
}
