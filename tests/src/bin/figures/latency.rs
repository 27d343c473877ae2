// SPDX-License-Identifier: EUPL-1.2
//! How long a referral that a unit hands in takes until the platform reads its notice at the hub.
//!
//! Two nodes in this process, joined by TCP on loopback: FR takes referrals over HTTP at a steady pace, the platform waits
//! at the hub's feed with a long poll. The clock starts when a request is sent, before it is accepted.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use concert_node::engine::{Authoring, Engine, Running, Shared};
use concert_protocol::entry::referral::{Referral, ReferredItem};
use concert_protocol::entry::text::List;
use concert_protocol::entry::{Audience, Body};
use serde_json::Value;

use crate::big;
use crate::door::{Client, Door};
use crate::hub::HUB;
use crate::machine::Times;
use crate::nodes::{Federation, stop, until};
use crate::report::{Bound, Figure, shown};
use crate::units::{self, Record};

/// Referrals a second.
const PACE: usize = 30;
/// For so long.
const SECONDS: usize = 20;
/// The platform at which all of them are.
const PLATFORM: &str = "video-a";
/// Referrals handed over at once while the nodes are filled.
const BATCH: usize = 100;
/// Most seconds for anything here.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing new for so long means that the hub has come to rest.
const REST: Duration = Duration::from_secs(1);
const MILLIS_MAX: f64 = 1_000.0;

/// Moments by the referral's own reference.
type Moments = Arc<Mutex<HashMap<String, Instant>>>;

/// Fills two nodes with the samples, then measures at a steady pace.
///
/// # Errors
///
/// A node that fails, or a referral whose notice never comes.
pub(crate) fn figures(folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let federation = Federation::found(&folder.join("latency"), &[HUB, "FR"])?;
    let records = units::records()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (hub, unit) = (federation.start(HUB)?, federation.start("FR")?);
        let measured = measure(&hub, &unit, &records).await;
        stop(unit).await?;
        stop(hub).await?;
        measured
    })
}

async fn measure(hub: &Running, unit: &Running, records: &[Record]) -> anyhow::Result<Vec<Figure>> {
    let at_hub = hub.engine.shared_arc();
    until("the nodes connect", PATIENCE, || !at_hub.connected().is_empty()).await?;
    until("both may sign", PATIENCE, || at_hub.own_ready() && unit.engine.shared().own_ready()).await?;
    register(&hub.engine).await?;
    let filled = fill(&unit.engine, &at_hub, records).await?;
    let notices = at_hub.consolidation().counts().notices_open;

    let (door, hub_door) = (Door::open(unit).await?, Door::open(hub).await?);
    let analyst = door.client("analyst").await?;
    let platform = hub_door.client(&format!("recipient:{PLATFORM}")).await?;
    let cursor = end_of_feed(&platform).await?;
    let (sent, read) = (Moments::default(), Moments::default());
    let reader = tokio::spawn(follow(platform, cursor, read.clone()));
    let accepted = send(&analyst, &records[0].referral, &sent).await?;
    let all = PACE * SECONDS;
    until("every notice is read", PATIENCE, || lock(&read).len() >= all || reader.is_finished()).await?;
    reader.abort();
    let (sent, read) = (lock(&sent), lock(&read));
    let time =
        |(reference, at): (&String, &Instant)| Some(read.get(reference)?.saturating_duration_since(*at));
    let times: Vec<Duration> = sent.iter().filter_map(time).collect();
    ensure!(times.len() == all, "{} of {all} referrals came out as notices", times.len());
    let times = Times::of(times);
    Ok(vec![
        Figure {
            name: "latency.p99",
            what: "referral handed in at FR -> notice read by the platform at the hub, p99".into(),
            measured: times.millis(99),
            unit: "ms",
            bound: Bound::AtMost(MILLIS_MAX),
            beside: format!(
                "{all} referrals at {PACE}/s over HTTP, TCP on loopback, long poll; p50 {:.0} ms, most {:.0} ms; accepted after p99 {:.0} ms",
                times.millis(50),
                times.millis(100),
                Times::of(accepted).millis(99)
            ),
        },
        Figure {
            name: "latency.exports",
            what: "three exports authored at FR -> the last of their notices stands at the hub".into(),
            measured: filled.as_secs_f64(),
            unit: "s",
            bound: Bound::Free,
            beside: format!("{} referrals, {} notices", shown(records.len() as f64), shown(notices as f64)),
        },
    ])
}

fn lock(moments: &Moments) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
    moments.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hub registers the platforms.
async fn register(engine: &Engine) -> anyhow::Result<()> {
    let request = |platform| Authoring {
        body: Body::RecipientRegistered(Box::new(platform)),
        audience: Audience::MEMBERS,
        unique: None,
    };
    for registered in engine.author(units::platforms()?.into_iter().map(request).collect()).await? {
        registered?;
    }
    Ok(())
}

/// One unit refers all samples; returns when the hub's last notice about them stood.
async fn fill(engine: &Engine, hub: &Shared, records: &[Record]) -> anyhow::Result<Duration> {
    let request = |record: &Record| Authoring {
        body: Body::Referral(Box::new(record.referral.clone())),
        audience: Audience::MEMBERS,
        unique: None,
    };
    let begin = Instant::now();
    for part in records.chunks(BATCH) {
        for authored in engine.author(part.iter().map(request).collect()).await? {
            authored?;
        }
    }
    let (mut last, mut standing) = (Instant::now(), (0, 0));
    until("the hub comes to rest", PATIENCE, || {
        let counts = hub.consolidation().counts();
        let now = (counts.referrals, counts.notices_open + counts.cosigners);
        if now != standing {
            (last, standing) = (Instant::now(), now);
        }
        standing.0 == records.len() as u64 && last.elapsed() > REST
    })
    .await?;
    Ok(last.duration_since(begin))
}

/// Reads what is there already.
async fn end_of_feed(platform: &Client) -> anyhow::Result<String> {
    let mut path = "/api/v1/feed?limit=100".to_owned();
    loop {
        let page = platform.get(&path).await?;
        let cursor = page["cursor"].as_str().context("a feed has a cursor")?;
        if page["more"] == false {
            return Ok(cursor.to_owned());
        }
        path = format!("/api/v1/feed?limit=100&cursor={cursor}");
    }
}

/// Waits at the feed and notes when each originator's reference was first read.
async fn follow(platform: Client, mut cursor: String, read: Moments) -> anyhow::Result<()> {
    loop {
        let page = platform.get(&format!("/api/v1/feed?limit=100&wait=5&cursor={cursor}")).await?;
        let now = Instant::now();
        cursor = page["cursor"].as_str().context("a feed has a cursor")?.to_owned();
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let originators =
            events.iter().filter_map(|event| event["notice"]["originators"].as_array()).flatten();
        let mut read = lock(&read);
        for reference in originators.filter_map(|originator| originator["reference"].as_str()) {
            if reference.starts_with(REFERENCE) {
                read.entry(reference.to_owned()).or_insert(now);
            }
        }
    }
}

/// What the references of the measured referrals begin with.
const REFERENCE: &str = "LATENCY-";

/// Hands referrals in at a steady pace, whether or not earlier ones were answered; returns how long answers took.
async fn send(analyst: &Client, model: &Referral, sent: &Moments) -> anyhow::Result<Vec<Duration>> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PACE)?);
    let mut answers = Vec::new();
    for number in 0..PACE * SECONDS {
        let body = referral(model, number)?;
        ticks.tick().await;
        let (client, begin) = (analyst.clone(), Instant::now());
        lock(sent).insert(format!("{REFERENCE}{number}"), begin);
        answers.push(tokio::spawn(async move {
            client.post("/api/v1/referrals", &body).await?;
            anyhow::Ok(begin.elapsed())
        }));
    }
    let mut times = Vec::with_capacity(answers.len());
    for answer in answers {
        times.push(answer.await??);
    }
    Ok(times)
}

/// A referral of an item of its own at the platform.
fn referral(model: &Referral, number: usize) -> anyhow::Result<Value> {
    // Numbers that end in 9 are elsewhere.
    let url = big::address(10_000_000 + number / 9 * 10 + number % 9).parse()?;
    let items = vec![ReferredItem { url, locator: None, platform_content_id: None, account_id: None }];
    let referral = Referral {
        reference: format!("{REFERENCE}{number}").parse()?,
        items: List::try_from(items)?,
        fingerprints: List::default(),
        ..model.clone()
    };
    Ok(serde_json::to_value(referral)?)
}
