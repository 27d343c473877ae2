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
        entries.push(
            world.entry(
                ["FR", "DE", "BE"][random(&mut world.seed) as usize % 3],
                Body::Referral(Box::new(body)),
            ),
        );
    }
    entries
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
    println!("{:?}", world.state.counts());
    let url = "https://host-x.example/v/00000099".parse().expect("an address");
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
}
