// SPDX-License-Identifier: EUPL-1.2
//! The sample exports of three units, read through the profiles of the product, with the truth about each record.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use concert_node::import::{Profile, read};
use concert_protocol::content::RatedPdq;
use concert_protocol::entry::recipient::Recipient;
use concert_protocol::entry::referral::Referral;
use serde_json::Value;

/// Units and their exports.
pub(crate) const EXPORTS: [(&str, &str); 3] = [("FR", "fr.csv"), ("DE", "de.ndjson"), ("BE", "be.csv")];
/// Records in all of them.
pub(crate) const RECORDS: usize = 6_000;

/// One record of an export and what it is about in truth.
pub(crate) struct Record {
    /// Index into [`EXPORTS`].
    pub(crate) unit: usize,
    pub(crate) referral: Referral,
    /// Number of the item: one address on one platform.
    pub(crate) item: usize,
    /// The platform of the item.
    pub(crate) platform: String,
    /// Number of the content.
    pub(crate) content: usize,
}

impl Record {
    /// SHA-256 digests of what the content is.
    pub(crate) fn files(&self) -> impl Iterator<Item = String> + '_ {
        let prints = self.referral.fingerprints.iter().map(|print| &print.value);
        prints.filter(|print| print.algorithm() == "sha256").map(ToString::to_string)
    }

    /// PDQ hashes that are good enough to link.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = RatedPdq> + '_ {
        self.referral.fingerprints.iter().filter_map(|print| print.value.pdq()).filter(RatedPdq::may_link)
    }
}

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The records of one export in its order, as referrals.
///
/// # Errors
///
/// A record that the profile refuses: the samples have none.
pub(crate) fn export(unit: &str, file: &str) -> anyhow::Result<Vec<Referral>> {
    let profile = Profile::load(project(&format!("config/import/{}.toml", unit.to_lowercase())))?;
    let source = std::fs::File::open(project(&format!("tests/data/units/{file}")))?;
    let mut referrals = Vec::new();
    for record in read(&profile, std::io::BufReader::new(source), file)? {
        let record = record?;
        match record.result {
            Ok(referral) => referrals.push(referral),
            Err(problems) => bail!("{file}, line {}: {:?}", record.line, problems.first()),
        }
    }
    Ok(referrals)
}

/// All records, unit by unit, each with the truth.
///
/// # Errors
///
/// Sample data that do not belong together.
pub(crate) fn records() -> anyhow::Result<Vec<Record>> {
    let truth = std::fs::read_to_string(project("tests/data/units/truth.csv"))?;
    let (mut items, mut contents, mut known) = (Numbering::default(), Numbering::default(), HashMap::new());
    for line in truth.lines().skip(1) {
        let [unit, reference, item, content] = line.split(',').collect::<Vec<_>>()[..] else {
            bail!("truth.csv: not four columns: {line}");
        };
        let platform = item.split_once(':').context("an item begins with its platform")?.0.to_owned();
        known.insert((unit, reference.to_owned()), (items.number(item), platform, contents.number(content)));
    }
    let mut records = Vec::new();
    for (unit, (code, file)) in EXPORTS.iter().enumerate() {
        for referral in export(code, file)? {
            let found = known.remove(&(*code, referral.reference.to_string()));
            let (item, platform, content) = found.context("a record that the truth does not know")?;
            records.push(Record { unit, referral, item, platform, content });
        }
    }
    ensure!(records.len() == RECORDS && known.is_empty(), "the samples and their truth differ");
    Ok(records)
}

/// The eight platforms as the hub registers them.
///
/// # Errors
///
/// Sample data of another form.
pub(crate) fn platforms() -> anyhow::Result<Vec<Recipient>> {
    let text = std::fs::read_to_string(project("tests/data/units/platforms.json"))?;
    let platforms: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&text)?;
    let recipient = |mut platform: serde_json::Map<String, Value>| {
        if let Some(id) = platform.remove("id") {
            platform.insert("recipient".into(), id);
        }
        Ok(serde_json::from_value(Value::Object(platform))?)
    };
    platforms.into_iter().map(recipient).collect()
}

/// Gives names numbers from 0.
#[derive(Default)]
struct Numbering<'a>(HashMap<&'a str, usize>);

impl<'a> Numbering<'a> {
    fn number(&mut self, name: &'a str) -> usize {
        let next = self.0.len();
        *self.0.entry(name).or_insert(next)
    }
}
