// SPDX-License-Identifier: EUPL-1.2
//! `concert referral create`: one referral, from a JSON file or from flags.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use concert_protocol::content::Locator;
use concert_protocol::entry::ENTRY_LEN_MAX;
use serde_json::{Value, json};

use crate::cli::retry::patiently;
use crate::cli::{Client, Context, failures, files, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Longest file with a referral, in bytes.
const FILE_LEN_MAX: u64 = 4 * ENTRY_LEN_MAX as u64;

/// Refer content, from a JSON file or from flags.
///
/// Unit and reference make a referral unique: the same again is found to be there, another text under them is refused. Sites
/// and collections become a draft that a second person approves.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// JSON file with the referral as the API has it; - for stdin. Flags are not read then
    #[arg(value_name = "FILE|-")]
    file: Option<PathBuf>,
    /// The unit that assessed the content
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// The unit's own file reference
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// An address of the content, live or defanged; may be given several times
    #[arg(long = "item", value_name = "URL")]
    items: Vec<String>,
    /// A hash of the content, as in sha256:... or pdq:...:q90; may be given several times
    #[arg(long = "fingerprint", value_name = "HASH")]
    fingerprints: Vec<String>,
    /// When the unit saw it, as in 2026-11-22T08:02:41Z [default: now]
    #[arg(long, value_name = "TIME")]
    detected_at: Option<String>,
    /// video, image, text, audio, archive, account, channel, collection or site
    #[arg(long, value_name = "SORT")]
    content_type: Option<String>,
    /// Languages of the content, as in fr,de
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    languages: Vec<String>,
    /// Why, sufficiently substantiated
    #[arg(long, value_name = "TEXT")]
    reasons: Option<String>,
    /// Points of Article 2(7), as in a,d
    #[arg(long, value_name = "LETTERS", value_delimiter = ',')]
    types: Vec<String>,
    /// What the check of Article 1(3) found: none, educational, journalistic, artistic, research, counter_terror or polemic
    #[arg(long, value_name = "FINDING")]
    exception: Option<String>,
    /// A note on that check; needed unless it found none
    #[arg(long, value_name = "TEXT")]
    exception_note: Option<String>,
    /// 1 threat to life, 2 crisis, 3 designated entity, 4 promotional
    #[arg(long, value_name = "1-4")]
    tier: Option<u8>,
    /// The content is graphic
    #[arg(long)]
    graphic: bool,
    /// How the unit came to know: public_report, own_monitoring, partner, hash_match, action_day or crisis
    #[arg(long, value_name = "SOURCE", default_value = "own_monitoring")]
    source: String,
    /// Who may see the signed referral: recipient or members
    #[arg(long, value_name = "WHO", default_value = "recipient")]
    handling: String,
    /// The unit's retention class
    #[arg(long, value_name = "CLASS", default_value = "standard")]
    retention: String,
}

/// Runs `referral create`.
pub(super) fn run(context: &Context, args: &Create) -> Result<(), Failure> {
    let referral = match &args.file {
        Some(path) => read_referral(path)?,
        None => args.referral()?,
    };
    let client = Client::new(context)?;
    let post = patiently(context, async || client.post(&["referrals"], &referral, None).await);
    let written: Value = context.block_on(post)?;
    show_written(context, &written)
}

impl Create {
    fn referral(&self) -> Result<Value, Failure> {
        let needed = |value: &Option<String>, flag: &str| {
            value.clone().ok_or_else(|| {
                Failure::new(Exit::Usage, format!("{flag} is missing"))
                    .hint("give all of --unit --reference --item --content-type --reasons --types --exception --tier, or a FILE")
            })
        };
        let item = |text: &String| match Locator::parse(text) {
            Ok(locator) => Ok(json!({"url": locator.as_str()})),
            Err(error) => Err(Failure::new(Exit::Usage, format!("--item: {error}"))),
        };
        let mut exception = json!({"finding": needed(&self.exception, "--exception")?});
        if let Some(note) = &self.exception_note {
            exception["note"] = note.as_str().into();
        }
        let tier = self.tier.map(|tier| tier.to_string());
        needed(&tier, "--tier")?;
        Ok(json!({
            "unit": needed(&self.unit, "--unit")?,
            "reference": needed(&self.reference, "--reference")?,
            "detected_at": detected_at(self.detected_at.as_deref())?,
            "items": self.items.iter().map(item).collect::<Result<Vec<_>, _>>()?,
            "content_type": needed(&self.content_type, "--content-type")?,
            "languages": self.languages,
            "reasons": needed(&self.reasons, "--reasons")?,
            "types": self.types,
            "exception_check": exception,
            "tier": self.tier,
            "graphic": self.graphic,
            "fingerprints": self.fingerprints.iter().map(|value| json!({"value": value})).collect::<Vec<_>>(),
            "handling": self.handling,
            "retention": {"class": self.retention},
            "source": self.source,
        }))
    }
}

fn detected_at(text: Option<&str>) -> Result<String, Failure> {
    match text {
        None => Ok(now().to_string()),
        Some(text) => Ok(view::read_time(text)
            .ok_or_else(|| {
                Failure::new(Exit::Usage, format!("--detected-at {text:?} is not a time"))
                    .hint("write it as in 2026-11-22T08:02:41Z")
            })?
            .to_string()),
    }
}

/// Reads a referral as the API has it.
pub(super) fn read_referral(path: &Path) -> Result<Value, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(FILE_LEN_MAX).read_to_end(&mut bytes);
        read.map_err(|error| failures::file("cannot read", path, error))?;
        bytes
    } else {
        files::read_bounded(path, FILE_LEN_MAX)?
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Failed, format!("{} is not JSON", path.display())).because(error))
}

/// Shows what a request that signs came to.
pub(super) fn show_written(context: &Context, written: &Value) -> Result<(), Failure> {
    let columns = match written.get("draft") {
        Some(_) => {
            context.output.note("it waits for a second person: concert referral approve DRAFT");
            vec![col("outcome"), col("draft")]
        }
        None => vec![col("outcome"), col("entry"), col("log"), col("index"), col("at").time()],
    };
    context.output.one(written, &columns)
}
