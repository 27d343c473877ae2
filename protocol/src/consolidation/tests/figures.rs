// SPDX-License-Identifier: EUPL-1.2
//! How fast it is. Not a test of anything: run with
//! `cargo test --release -p concert-protocol --lib consolidation::tests::figures -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

/// Referrals; one in twenty of an address that another unit referred before, one in five with a picture.
const REFERRALS: u64 = 200_000;
const ROUND: u64 = 20_000;

fn entries(world: &mut World, from: u64) -> Vec<(Position, Entry)> {
    let mut entries = Vec::new();
    for n in from..from + ROUND {
        let number = if n % 20 == 19 { random(&mut world.seed) % n } else { n };
        let url = format!(
            "https://{}/{number:08}",
            ["host-x.example/v", "files-d.test/d", "video-a.test"][n as usize % 3]
        );
        let mut prints = Vec::new();
        if n % 2 == 0 {
            let digits: String = (0..4).map(|_| format!("{:016x}", random(&mut world.seed))).collect();
            prints.push(is(print(&format!("sha256:{digits}"))));
        }
        if n % 5 == 0 {
            prints.push(is(pdq(n, 0)));
        }
        let mut body = with(referral(&[&url]), prints);
        body.reference = format!("PH-2026-{n:06}").parse().expect("a text");
        body.reasons =
            "Propaganda of a listed entity, seen on the date given. ".repeat(3).parse().expect("a text");
        let who = ["FR", "DE", "BE"][random(&mut world.seed) as usize % 3];
        entries.push(world.entry(who, Body::Referral(Box::new(body))));
    }
    entries
}

/// What the process holds, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap_or("unknown").trim().to_owned()
}

#[test]
#[ignore = "prints figures"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn figures() {
    let mut world = World::new();
    let mut from = 0;
    while from < REFERRALS {
        let entries = entries(&mut world, from);
        from += ROUND;
        let start = Instant::now();
        for (position, entry) in entries {
            world.state.apply(position, &entry);
        }
        println!(
            "{from:>9} referrals: applied at {:.0} per second",
            ROUND as f64 / start.elapsed().as_secs_f64()
        );
    }
    println!("{} in memory", resident());
    let (mut issued, mut asking, mut applying) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        let start = Instant::now();
        let due = world.due();
        asking += start.elapsed();
        if due.is_empty() {
            break;
        }
        issued += due.len();
        let entries: Vec<_> = due.into_iter().map(|due| world.entry("EU", due.body)).collect();
        let start = Instant::now();
        for (position, entry) in entries {
            world.state.apply(position, &entry);
        }
        applying += start.elapsed();
    }
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / issued as f64;
    println!(
        "{issued} notice entries: {:.1} us each to find, {:.1} us to apply",
        each(asking),
        each(applying)
    );
    println!("{} in memory", resident());
    println!("{:?}", world.state.counts());
    let url = "https://host-x.example/v/00000102".parse().expect("an address");
    let start = Instant::now();
    for _ in 0..1_000 {
        assert!(!world.state.lookup_address(&url).is_empty());
    }
    println!("look-up of an address: {:.1} us", start.elapsed().as_secs_f64() * 1e3);
    for (what, value) in [("SHA-256", sha(1)), ("picture", pdq(1_000, 12))] {
        let start = Instant::now();
        for _ in 0..1_000 {
            std::hint::black_box(world.state.lookup_fingerprint(&value));
        }
        println!("look-up of a {what}: {:.1} us", start.elapsed().as_secs_f64() * 1e3);
    }
    let start = Instant::now();
    world.state.state_digest();
    println!("state digest: {:.2} s", start.elapsed().as_secs_f64());
    crowds();
}

/// Referrals meant to be slow: all of one address, then near pictures each older than all before.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn crowds() {
    let mut world = World::new();
    let others = entries(&mut world, 0);
    let round = |world: &mut World, what: &str, referrals: Vec<(Position, Entry)>| {
        let (count, mut worst, start) = (referrals.len(), Duration::ZERO, Instant::now());
        for (position, entry) in referrals {
            let start = Instant::now();
            world.state.apply(position, &entry);
            worst = worst.max(start.elapsed());
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        let settle = Instant::now();
        world.state.settle();
        println!("{what}: {rate:.0} per second, slowest {worst:?}, settled in {:?}", settle.elapsed());
    };
    let crowd: Vec<_> = (0..ROUND)
        .map(|_| world.entry("FR", Body::Referral(Box::new(referral(&["https://nobody.example/1"])))))
        .collect();
    round(&mut world, "one address", crowd);
    let near = |world: &mut World, n: u64| {
        let digits = format!("{:064x}", 1_u128 << (n % 100)).replace('0', "5");
        let value = print(&format!("pdq:{digits}:q90"));
        let body = with(referral(&[&format!("https://nobody.example/near/{n}")]), vec![is(value)]);
        let (position, mut entry) = world.entry("FR", Body::Referral(Box::new(body)));
        entry.at = Timestamp::from_seconds(900_000 - i64::try_from(n).expect("small"));
        (position, entry)
    };
    let crowd: Vec<_> = (0..5_000).map(|n| near(&mut world, n)).collect();
    round(&mut world, "near pictures, each older", crowd);
    round(&mut world, "others", others);
}
