// SPDX-License-Identifier: EUPL-1.2
//! A node that holds more than a hundred thousand referrals: the samples with their notices, and generated ones.
//!
//! Its logs lie in its folder as if they had been replicated; the engine checks and indexes them when it starts.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use concert_node::engine::{Running, Shared};
use concert_node::store::Store;
use concert_protocol::content::Fingerprint;
use concert_protocol::entry::Body;
use concert_protocol::entry::referral::{Referral, ReferredFingerprint, ReferredItem, Relation};
use concert_protocol::entry::text::List;
use concert_protocol::member::LogId;
use concert_protocol::time::Timestamp;

use crate::author::{Author, Signed, member};
use crate::grouping::sign_as_detected;
use crate::hub::{HUB, Hub};
use crate::machine::{Numbers, process_cpu};
use crate::nodes::{Federation, applied, stop, until};
use crate::units::{self, EXPORTS};

/// The node.
const NODE: &str = "AT";
/// Generated referrals of each of two units.
const GENERATED: usize = 50_000;
/// The second unit's first referrals are about items of the first one's.
const SHARED: usize = 10_000;
/// Of a hundred generated referrals, so many carry a SHA-256, and so many a PDQ hash.
const WITH_SHA256: usize = 40;
const WITH_PDQ: usize = 15;
/// Far longer than it should take to check and index everything.
const CATCH_UP_MAX: Duration = Duration::from_secs(300);

/// The running node and what it holds.
pub(crate) struct Big {
    pub(crate) federation: Federation,
    /// Every entry, log by log, in the order of the logs.
    pub(crate) entries: Vec<Signed>,
    /// How long checking and indexing took.
    pub(crate) took: Duration,
    /// Processor time that went into it.
    pub(crate) cpu: Duration,
    pub(crate) runtime: tokio::runtime::Runtime,
    running: Option<Running>,
}

impl Big {
    /// Writes the journals and starts the node on them; returns once it has caught up.
    ///
    /// # Errors
    ///
    /// A disk, a sample or a node that fails.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let federation = Federation::found(&folder.join("big"), &[HUB, "FR", "DE", "BE", NODE])?;
        let logs = logs(&federation)?;
        for (log, entries) in &logs {
            let bytes: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes.clone()).collect();
            federation.prefill(NODE, log, &bytes)?;
        }
        let entries: Vec<Signed> = logs.into_iter().flat_map(|(_, entries)| entries).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (took, cpu) = (Duration::MAX, Duration::ZERO);
        let mut big = Self { federation, entries, took, cpu, runtime, running: None };
        big.catch_up()?;
        Ok(big)
    }

    /// Starts the node without an index and waits for it; the quickest time so far counts.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        let total = self.entries.len() as u64;
        let (running, took, cpu) = self.runtime.block_on(async {
            let running = self.federation.start(NODE)?;
            let (begin, cpu) = (Instant::now(), process_cpu());
            let shared = running.engine.shared_arc();
            until("checking and indexing", CATCH_UP_MAX, || applied(&shared) >= total).await?;
            anyhow::Ok((running, begin.elapsed(), process_cpu() - cpu))
        })?;
        self.running = Some(running);
        if took < self.took {
            (self.took, self.cpu) = (took, cpu);
        }
        Ok(())
    }

    /// Throws the index away and has it made anew.
    ///
    /// # Errors
    ///
    /// A node that does not end, or not start again.
    pub(crate) fn rebuild(&mut self) -> anyhow::Result<()> {
        let running = self.running.take().context("it runs")?;
        self.runtime.block_on(stop(running))?;
        Store::discard(&self.federation.place(NODE).data.store())?;
        self.catch_up()
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("taken by its end alone")
    }

    pub(crate) fn shared(&self) -> &Shared {
        self.running().engine.shared()
    }

    /// Ends the node.
    ///
    /// # Errors
    ///
    /// Why it had ended by itself.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let running = self.running.take().context("stopped once")?;
        self.runtime.block_on(stop(running))
    }
}

/// All logs with their entries, in the order in which the node goes through them.
fn logs(federation: &Federation) -> anyhow::Result<Vec<(LogId, Vec<Signed>)>> {
    let records = units::records()?;
    let mut authors: Vec<Author> = EXPORTS.iter().map(|(code, _)| federation.author(code)).collect();
    let samples = sign_as_detected(&records, &mut authors)?;
    let end = samples.last().map_or(Timestamp::EPOCH, |(_, entry)| entry.entry.at);
    let mut hub = Hub::with_author(federation.author(HUB), Timestamp::EPOCH)?;
    samples.iter().for_each(|(_, entry)| hub.apply(entry));
    hub.issue(end)?;

    let model = &records.first().context("samples")?.referral;
    let mut logs = vec![(LogId::first(member(HUB)), hub.written)];
    for (unit, author) in authors.iter_mut().enumerate() {
        let mut entries: Vec<Signed> = samples
            .iter()
            .filter(|(record, _)| records[*record].unit == unit)
            .map(|(_, entry)| entry.clone())
            .collect();
        if unit < 2 {
            let bodies = (0..GENERATED).map(|number| {
                let at = end.plus(Duration::from_millis(number as u64));
                Ok((at, Body::Referral(Box::new(generated(model, unit, number)?))))
            });
            entries.extend(author.sign_all(bodies.collect::<anyhow::Result<_>>()?)?);
        }
        logs.push((author.log.clone(), entries));
    }
    logs.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(logs)
}

/// A referral like `model` about another item.
fn generated(model: &Referral, unit: usize, number: usize) -> anyhow::Result<Referral> {
    let item = if unit == 0 || number < SHARED { number } else { GENERATED + number };
    let mut numbers = Numbers::new(item as u64);
    let url = address(item).parse()?;
    let items = vec![ReferredItem { url, locator: None, platform_content_id: None, account_id: None }];
    let mut fingerprints = Vec::new();
    let mut add = |text: String| {
        let value: Fingerprint = text.parse()?;
        fingerprints.push(ReferredFingerprint { value, relation: Relation::Is, size: None });
        anyhow::Ok(())
    };
    if item % 100 < WITH_SHA256 {
        add(digest(item))?;
    }
    if numbers.below(100) < WITH_PDQ {
        let hash: [u8; 32] = numbers.bytes();
        add(format!("pdq:{}:q{}", concert_protocol::encoding::hex_encode(&hash), 50 + item % 50))?;
    }
    Ok(Referral {
        reference: format!("G{unit}-{number:06}").parse()?,
        items: List::try_from(items)?,
        fingerprints: List::try_from(fingerprints)?,
        ..model.clone()
    })
}

/// The address of a generated item: most on a platform that the rules know, some elsewhere. Numbers that no referral
/// has give addresses that nobody referred.
pub(crate) fn address(item: usize) -> String {
    let mut numbers = Numbers::new(0xadd ^ (item as u64) << 20);
    if item % 10 == 9 {
        return format!("https://host-{}.example/files/{:x}?page={item}", item % 997, numbers.next());
    }
    let id = concert_protocol::encoding::base64url_encode(&numbers.bytes::<8>());
    format!("https://www.video-a.test/watch?v={id}&feature=share")
}

/// The SHA-256 that a generated item may carry.
pub(crate) fn digest(item: usize) -> String {
    let bytes: [u8; 32] = Numbers::new(0x5ba ^ (item as u64) << 20).bytes();
    format!("sha256:{}", concert_protocol::encoding::hex_encode(&bytes))
}

/// A generated item that was referred.
pub(crate) fn known(numbers: &mut Numbers) -> usize {
    numbers.below(GENERATED)
}

/// One that was referred with a SHA-256.
pub(crate) fn known_file(numbers: &mut Numbers) -> usize {
    numbers.below(GENERATED / 100) * 100 + numbers.below(WITH_SHA256)
}

/// One that nobody referred.
pub(crate) fn unknown(numbers: &mut Numbers) -> usize {
    10 * GENERATED + numbers.below(GENERATED)
}
