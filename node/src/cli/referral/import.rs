// SPDX-License-Identifier: EUPL-1.2
//! `concert referral import`: a unit's own export becomes referrals.
//!
//! Before a record is sent the federation is asked whether another member has referred it; that is shown first. Sending is
//! idempotent by unit and reference, so an import that was interrupted is simply run again.

mod known;
mod rejects;
mod send;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use concert_protocol::entry::referral::Referral;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;

use known::{Known, Matches};
use rejects::RejectFile;
use send::{Fate, Sender};

use crate::cli::{Client, Context, failures, progress, view};
use crate::import::{self, Import as Reader, Profile, Record, Remark};
use crate::output::{Exit, Failure, col};

/// Most records that are handed over together; the API takes no more.
const BATCH_MAX: usize = 500;
/// Most bytes of referrals in one request; nodes take bodies of 1 MiB as they are set up.
const BATCH_BYTES: usize = 700 << 10;
/// Known records, changed records and rejected records that are shown while importing.
const SHOWN_MAX: u64 = 10;
/// Known records that are listed in the result for programs.
const LISTED_MAX: usize = 10_000;

/// Import a unit's own export by a profile.
///
/// A profile says how the unit's case system writes its records; config/import holds examples and a description. Each record
/// is looked up first: what another member has already referred is shown, and sent all the same (a unit's own assessment
/// counts) unless --endorse-known sends a short endorsement in its place. The same file twice adds nothing. Records that
/// cannot be taken go to a reject file that can be mended and imported again.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when every record was sent or is there, 1 when some were rejected or differ from what was sent before."
)]
pub(in crate::cli) struct Import {
    /// The profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The export
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what would happen; send and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Endorse what another member has referred under the same addresses, in place of a full referral
    #[arg(long)]
    endorse_known: bool,
    /// New file for records that are not taken [default: beside the export, as in fr.rejects.csv]
    #[arg(long, value_name = "FILE")]
    reject_file: Option<PathBuf>,
}

/// What an import came to.
#[derive(Debug, Default, Serialize)]
struct Summary {
    file: String,
    profile: String,
    dry_run: bool,
    records: u64,
    sent: u64,
    existing: u64,
    changed: u64,
    drafts: u64,
    endorsed: u64,
    known_elsewhere: u64,
    rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject_file: Option<String>,
    seconds: f64,
    known: Vec<Known>,
}

/// Runs `referral import`.
pub(super) fn run(context: &Context, args: &Import) -> Result<(), Failure> {
    let profile = Profile::load(&args.profile).map_err(|error| {
        Failure::of(Exit::Failed, &error).hint("config/import/README.md describes profiles")
    })?;
    let file = File::open(&args.file).map_err(|error| failures::file("cannot read", &args.file, error))?;
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    let name = args.file.display().to_string();
    let reader = import::read(&profile, BufReader::new(file), &name).map_err(unreadable)?;
    let client = Client::new(context)?;
    let batch =
        context.settings().map_or(BATCH_MAX, |loaded| loaded.settings.import.batch).clamp(1, BATCH_MAX);
    let bar = progress::bar(context, len, "importing");
    let rejects = match args.dry_run {
        true => None,
        false => Some(RejectFile::new(&args.file, args.reject_file.as_deref(), reader.header())?),
    };
    let summary = Summary {
        file: name,
        profile: profile.name().to_owned(),
        dry_run: args.dry_run,
        ..Summary::default()
    };
    let job = Job { context, args, client: &client, summary, rejects, bar };
    let summary = context.block_on(job.run(reader, batch))?;
    show(context, &summary)?;
    match summary.rejected + summary.changed {
        0 => Ok(()),
        _ => Err(Failure::silent(Exit::Failed.code())),
    }
}

/// One import under way.
struct Job<'a> {
    context: &'a Context,
    args: &'a Import,
    client: &'a Client,
    summary: Summary,
    rejects: Option<RejectFile>,
    bar: ProgressBar,
}

impl Job<'_> {
    async fn run(
        mut self,
        mut reader: Reader<'_, BufReader<File>>,
        batch: usize,
    ) -> Result<Summary, Failure> {
        let began = Instant::now();
        let member = send::member(self.context, self.client).await?;
        let mut waiting: Vec<(Record, Referral)> = Vec::with_capacity(batch);
        let mut bytes = 0;
        loop {
            let next = reader.next().transpose().map_err(unreadable)?;
            let ended = next.is_none();
            if let Some(mut record) = next {
                self.summary.records += 1;
                match std::mem::replace(&mut record.result, Err(Vec::new())) {
                    Ok(referral) => {
                        bytes += serde_json::to_vec(&referral).map_or(0, |json| json.len());
                        waiting.push((record, referral));
                    }
                    Err(problems) => self.reject(&record, &problems)?,
                }
            }
            if !waiting.is_empty() && (ended || waiting.len() >= batch || bytes >= BATCH_BYTES) {
                self.send(std::mem::take(&mut waiting), &member).await?;
                bytes = 0;
            }
            self.bar.set_position(reader.position());
            if ended {
                break;
            }
        }
        self.bar.finish_and_clear();
        for remark in reader.remarks() {
            self.context.output.note(&remark_text(remark));
        }
        if let Some(rejects) = self.rejects.take() {
            self.summary.reject_file = rejects.finish()?;
        }
        self.summary.seconds = began.elapsed().as_secs_f64();
        Ok(self.summary)
    }

    /// Looks the records up, says what is known elsewhere, and hands them over.
    async fn send(&mut self, records: Vec<(Record, Referral)>, member: &str) -> Result<(), Failure> {
        let matches =
            Matches::find(self.context, self.client, records.iter().map(|(_, referral)| referral), member)
                .await?;
        let mut sender = Sender::new(self.context, self.client);
        for ((record, referral), found) in records.iter().zip(&matches.0) {
            let endorsed = found.endorsable.as_ref().filter(|_| self.args.endorse_known);
            if let Some(mut known) = found.known(record, referral) {
                known.endorse = endorsed.is_some();
                self.known(known);
            }
            match endorsed {
                Some(other) => sender.endorse(other, referral),
                None => sender.refer(referral),
            }
        }
        if self.args.dry_run {
            let endorsed = sender.endorsements();
            self.summary.endorsed += endorsed;
            self.summary.sent += records.len() as u64 - endorsed;
            return Ok(());
        }
        for ((record, referral), fate) in records.iter().zip(sender.send().await?) {
            self.settle(record, referral, fate)?;
        }
        Ok(())
    }

    fn settle(&mut self, record: &Record, referral: &Referral, fate: Fate) -> Result<(), Failure> {
        match fate {
            Fate::Sent => self.summary.sent += 1,
            Fate::Endorsed => self.summary.endorsed += 1,
            Fate::Existing => self.summary.existing += 1,
            Fate::Draft => self.summary.drafts += 1,
            Fate::Changed(entry) => {
                self.summary.changed += 1;
                if self.summary.changed <= SHOWN_MAX {
                    let reference = referral.reference.as_str();
                    self.say(&format!(
                        "line {}: {reference} was sent before with another text, as {entry}; concert referral amend corrects it",
                        record.line
                    ));
                }
            }
            Fate::Refused(problems) => self.reject(record, &problems)?,
        }
        Ok(())
    }

    fn known(&mut self, known: Known) {
        self.summary.known_elsewhere += 1;
        if self.summary.known_elsewhere <= SHOWN_MAX {
            self.say(&known.line());
        } else if self.summary.known_elsewhere == SHOWN_MAX + 1 {
            self.say("more are known at other members; the summary counts them, --json lists them");
        }
        if self.summary.known.len() < LISTED_MAX {
            self.summary.known.push(known);
        }
    }

    fn reject(&mut self, record: &Record, problems: &[import::Problem]) -> Result<(), Failure> {
        self.summary.rejected += 1;
        if self.summary.rejected <= SHOWN_MAX {
            let reference = record.reference.as_deref().unwrap_or("record");
            for problem in problems {
                self.say(&format!("line {}: {reference}: {problem}; {}", record.line, problem.advice()));
            }
        }
        match &mut self.rejects {
            Some(rejects) => rejects.write(record, problems),
            None => Ok(()),
        }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| self.context.output.note(text));
    }
}

fn show(context: &Context, summary: &Summary) -> Result<(), Failure> {
    if let Some(path) = &summary.reject_file {
        context.output.warn(&format!(
            "{} not taken; mend {path} and import it with the same profile (the reasons are in {path}.reasons.ndjson)",
            view::counted(summary.rejected, "record was", "records were")
        ));
    }
    if summary.dry_run {
        context.output.note("dry run: nothing was sent or written; what was sent before is only found to be there when sending");
    }
    let columns = [
        col("file"),
        col("records"),
        col("sent"),
        col("existing").named("already here"),
        col("changed"),
        col("drafts"),
        col("known_elsewhere").named("known at other members"),
        col("endorsed"),
        col("rejected"),
        col("reject_file"),
        col("seconds"),
    ];
    if view::for_programs(context) {
        return context.output.one(summary, &[]);
    }
    let mut row = serde_json::to_value(summary).unwrap_or(Value::Null);
    row["seconds"] = format!("{:.1}", summary.seconds).into();
    context.output.one(&row, &columns)
}

fn remark_text(remark: &Remark) -> String {
    match remark {
        Remark::Unused(name) => format!("the profile does not use {name:?}"),
        Remark::NoLastLineEnd => {
            "the last line has no line end; compare the number of records, the file may be cut off".into()
        }
    }
}

fn unreadable(error: import::ImportError) -> Failure {
    let hint = error.hint();
    Failure::of(Exit::Failed, &error).hint(hint)
}
