// SPDX-License-Identifier: EUPL-1.2
//! "Has anyone this?", asked of a node that holds more than a hundred thousand referrals.

use std::time::{Duration, Instant};

use anyhow::ensure;
use concert_protocol::consolidation::LookupHit;
use concert_protocol::content::{Fingerprint, Locator};
use serde_json::{Value, json};

use crate::big::{self, Big};
use crate::ceilings::each;
use crate::door::{Client, Door};
use crate::machine::{Numbers, Times, rate};
use crate::report::{Bound, Figure, shown};
use crate::units::{self, Record};

/// Queries of each sort in process.
const QUERIES: usize = 20_000;
/// Requests over one connection.
const REQUESTS: usize = 4_000;
/// Callers at once, for information.
const CALLERS: usize = 8;
const MICROS_MAX: f64 = 50.0;
const MILLIS_MAX: f64 = 5.0;

/// What is looked up: a third each of what samples and notices are about, of what was generated, of what is unknown.
struct Queries {
    addresses: Vec<String>,
    digests: Vec<String>,
}

/// Times look-ups in process and over HTTP.
///
/// # Errors
///
/// A look-up that misses what is there.
pub(crate) fn figures(big: &Big) -> anyhow::Result<Vec<Figure>> {
    let queries = queries(&units::records()?);
    let counts = big.shared().consolidation().counts();
    let holds = format!(
        "{} referrals, {} open notices",
        shown(counts.referrals as f64),
        shown(counts.notices_open as f64)
    );
    ensure!(counts.referrals >= 100_000, "the store is too small: {holds}");

    let mut hits = 0;
    let mut note = |found: Vec<LookupHit>| hits += usize::from(!found.is_empty());
    let addresses = each(&queries.addresses, |address| {
        let Ok(locator) = Locator::parse(address) else { return };
        note(big.shared().consolidation().lookup_address(&locator));
    });
    let digests = each(&queries.digests, |digest| {
        let Ok(fingerprint) = digest.parse::<Fingerprint>() else { return };
        note(big.shared().consolidation().lookup_fingerprint(&fingerprint));
    });
    let asked = (queries.addresses.len() + queries.digests.len()) * 11 / 10;
    let share = hits as f64 / asked as f64;
    ensure!((0.6..0.7).contains(&share), "{share:.2} of the look-ups hit; two in three should");

    let in_process = |name, what: &str, times: Times| Figure {
        name,
        what: format!("look-up by {what} in process, p99"),
        measured: times.micros(99),
        unit: "us",
        bound: Bound::AtMost(MICROS_MAX),
        beside: format!("{holds}; p50 {:.1} us, two in three known", times.micros(50)),
    };
    let mut figures = vec![
        in_process("lookup.url", "URL", Times::of(addresses)),
        in_process("lookup.sha256", "SHA-256", Times::of(digests)),
    ];
    figures.push(big.runtime.block_on(over_http(big, &queries))?);
    Ok(figures)
}

fn queries(records: &[Record]) -> Queries {
    let mut numbers = Numbers::new(21);
    let files: Vec<String> = records.iter().flat_map(Record::files).collect();
    let addresses = (0..QUERIES).map(|number| match number % 3 {
        0 => records[numbers.below(records.len())].referral.items[0].url.to_string(),
        1 => big::address(big::known(&mut numbers)),
        _ => big::address(big::unknown(&mut numbers)),
    });
    let addresses = addresses.collect();
    let digests = (0..QUERIES).map(|number| match number % 3 {
        0 => files[numbers.below(files.len())].clone(),
        1 => big::digest(big::known_file(&mut numbers)),
        _ => big::digest(big::unknown(&mut numbers)),
    });
    Queries { addresses, digests: digests.collect() }
}

/// One query a request over one connection that is kept; then several callers at once for information.
async fn over_http(big: &Big, queries: &Queries) -> anyhow::Result<Figure> {
    let door = Door::open(big.running()).await?;
    let client = door.client("analyst").await?;
    let both = queries.addresses.iter().zip(&queries.digests).flat_map(|(address, digest)| [address, digest]);
    let bodies: Vec<Value> = both.take(REQUESTS).map(|query| json!({ "queries": [query] })).collect();
    let (one, known) = ask(&client, &bodies).await?;
    let (one, share) = (Times::of(one), known as f64 / bodies.len() as f64);
    ensure!((0.6..0.7).contains(&share), "{share:.2} of the look-ups over HTTP hit; two in three should");
    let floor = Times::of(ping(&client).await?);
    let begin = Instant::now();
    let callers = (0..CALLERS).map(|_| {
        let (client, bodies) = (client.clone(), bodies.clone());
        tokio::spawn(async move { ask(&client, &bodies).await })
    });
    let mut many = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        many.extend(caller.await??.0);
    }
    let (total, time) = (many.len(), begin.elapsed());
    let many = Times::of(many);
    Ok(Figure {
        name: "lookup.http",
        what: "look-up through the HTTP API, one connection kept, p99".into(),
        measured: one.millis(99),
        unit: "ms",
        bound: Bound::AtMost(MILLIS_MAX),
        beside: format!(
            "p50 {:.2} ms; a request that looks nothing up p99 {:.2} ms; {CALLERS} callers at once {}/s, p99 {:.1} ms",
            one.millis(50),
            floor.millis(99),
            shown(rate(total, time)),
            many.millis(99)
        ),
    })
}

/// How long each took, and how many met a referral.
async fn ask(client: &Client, bodies: &[Value]) -> anyhow::Result<(Vec<Duration>, usize)> {
    let (mut times, mut known) = (Vec::with_capacity(bodies.len()), 0);
    for body in bodies {
        let begin = Instant::now();
        let answer = client.post("/api/v1/lookups", body).await?;
        times.push(begin.elapsed());
        known += usize::from(answer["results"][0]["outcome"] == "exact");
    }
    Ok((times, known))
}

/// What a request costs that needs nothing from the store.
async fn ping(client: &Client) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(REQUESTS / 4);
    for _ in 0..REQUESTS / 4 {
        let begin = Instant::now();
        client.get("/api/v1/me").await?;
        times.push(begin.elapsed());
    }
    Ok(times)
}
