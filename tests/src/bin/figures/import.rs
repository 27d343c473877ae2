// SPDX-License-Identifier: EUPL-1.2
//! How fast one node imports an export: read through its profile, signed, stored durably, acknowledged.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use concert_node::engine::Authoring;
use concert_protocol::entry::{Audience, Body};

use crate::ceilings;
use crate::machine::{Times, rate};
use crate::nodes::{Federation, stop};
use crate::report::{Bound, Figure, shown};
use crate::units::{EXPORTS, export};

/// Referrals handed over at once.
const BATCH: usize = 100;
/// Times that the three exports are imported.
const REPEATS: usize = 3;
/// Referrals a second to reach.
const TO_REACH: f64 = 1_000.0;

/// Imports the three exports at one node that has no peers, again and again.
///
/// # Errors
///
/// A node that does not start or refuses a referral.
pub(crate) fn figures(folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let federation = Federation::found(&folder.join("import"), &["FR"])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (entries, batches, seconds) = runtime.block_on(async {
        let running = federation.start("FR")?;
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut batches = Vec::new();
        let begin = Instant::now();
        for _ in 0..REPEATS {
            for (unit, file) in EXPORTS {
                for part in export(unit, file)?.chunks(BATCH) {
                    let request = |referral: &concert_protocol::entry::referral::Referral| Authoring {
                        body: Body::Referral(Box::new(referral.clone())),
                        audience: Audience::MEMBERS,
                        unique: None,
                    };
                    let handed = Instant::now();
                    for authored in running.engine.author(part.iter().map(request).collect()).await? {
                        entries.push(authored?.bytes);
                    }
                    batches.push(handed.elapsed());
                }
            }
        }
        let elapsed = begin.elapsed();
        stop(running).await?;
        anyhow::Ok((entries, batches, elapsed))
    })?;
    ensure!(entries.len() == REPEATS * crate::units::RECORDS, "referrals were lost on the way");
    let signing = ceilings::signing(&entries[..2_000]);
    let disk = ceilings::appending(folder, &entries, BATCH)?;
    Ok(vec![Figure {
        name: "import.rate",
        what: "import, sign, store durably: referrals on one node".into(),
        measured: rate(entries.len(), seconds),
        unit: "/s",
        bound: Bound::AtLeast(TO_REACH),
        beside: format!(
            "{} referrals in batches of {BATCH}, p99 {:.0} ms a batch; signing alone {}/s on one core, write and sync alone {}/s",
            shown(entries.len() as f64),
            Times::of(batches).millis(99),
            shown(signing),
            shown(disk)
        ),
    }])
}
