// SPDX-License-Identifier: EUPL-1.2
//! Reads the three sample exports through their profiles and prints records per second, in one thread.
//!
//! `cargo run --release -p concert-node --example bench_import [ROUNDS]`

use std::io::Cursor;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use concert_node::import::{Profile, read, record_digest};

fn main() -> anyhow::Result<()> {
    let rounds: u32 =
        std::env::args().nth(1).map_or(Ok(20), |text| text.parse()).context("ROUNDS is a number")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    println!(
        "{:<10} {:>8} {:>9} {:>10} {:>8} {:>9}",
        "export", "records", "rejected", "records/s", "MB/s", "digests/s"
    );
    for (unit, file) in [("fr", "fr.csv"), ("de", "de.ndjson"), ("be", "be.csv")] {
        let profile = Profile::load(root.join(format!("config/import/{unit}.toml")))?;
        let source =
            std::fs::read(root.join(format!("tests/data/units/{file}"))).context("the sample exports")?;
        let (mut taken, mut rejected) = (Vec::new(), 0_u64);
        let begin = Instant::now();
        for _ in 0..rounds {
            taken.clear();
            rejected = 0;
            for record in read(&profile, Cursor::new(&source), file)? {
                match record?.result {
                    Ok(referral) => taken.push(referral),
                    Err(_) => rejected += 1,
                }
            }
        }
        let seconds = begin.elapsed().as_secs_f64() / f64::from(rounds.max(1));
        let begin = Instant::now();
        let digests = taken.iter().map(record_digest).collect::<std::collections::BTreeSet<_>>();
        let digest_seconds = begin.elapsed().as_secs_f64();
        println!(
            "{file:<10} {:>8} {rejected:>9} {:>10.0} {:>8.1} {:>9.0}",
            taken.len() as u64 + rejected,
            taken.len() as f64 / seconds,
            source.len() as f64 / seconds / 1e6,
            digests.len() as f64 / digest_seconds,
        );
    }
    Ok(())
}
