// SPDX-License-Identifier: EUPL-1.2
//! `concert log check`: whole logs, from a node or from the data folder.

use concert_protocol::member::LogId;
use concert_protocol::roster::Roster;
use futures::StreamExt as _;
use indicatif::ProgressBar;
use serde_json::Value;

use super::audit::{Audit, LogReport};
use super::local::LocalLogs;
use super::remote::{fetch_checkpoint, fetch_entry, fetch_receipt};
use super::{Check, open_head};
use crate::cli::retry::quietly;
use crate::cli::{Client, Context, LIST_LEN_MAX, failures, progress, view};
use crate::engine::RosterFiles;
use crate::journal::Record;
use crate::output::{Exit, Failure, col};

/// Requests to a node at a time.
const AT_ONCE: usize = 8;

/// Runs `log check`.
pub(super) fn run(context: &Context, args: &Check) -> Result<(), Failure> {
    let reports = if args.offline { local(context, &args.logs)? } else { remote(context, &args.logs)? };
    let columns = [
        col("log"),
        col("stored"),
        col("entries"),
        col("withheld"),
        col("erased"),
        col("quarantined"),
        col("head"),
        col("root").short(),
        col("cosigned_by"),
        col("ok"),
    ];
    context.output.list(&reports, &columns)?;
    for report in &reports {
        for remark in &report.remarks {
            context.output.warn(&format!("{}: {remark}", report.log));
        }
    }
    let bad = reports.iter().filter(|report| !report.ok).count();
    if bad == 0 {
        let entries: u64 = reports.iter().map(|report| report.stored).sum();
        context.output.note(&format!(
            "checked {} in {}: every tree has the root that its author signed",
            view::counted(entries, "entry", "entries"),
            view::counted(reports.len() as u64, "log", "logs")
        ));
        return Ok(());
    }
    let failure = Failure::new(Exit::Integrity, format!("{bad} of {} logs do not hold", reports.len()));
    let problems = reports
        .iter()
        .flat_map(|report| report.problems.iter().map(move |text| format!("{}: {text}", report.log)));
    Err(problems
        .fold(failure, |failure, problem| failure.cause(problem))
        .hint("concert db check says what is wrong on the disk; peers can repair damaged records"))
}

fn local(context: &Context, asked: &[LogId]) -> Result<Vec<LogReport>, Failure> {
    let local = LocalLogs::open(context)?;
    let mut reports = Vec::new();
    for log in chosen(&local.logs()?, asked)? {
        let bar = progress::bar(context, local.journal(&log)?.0.size(), "records");
        reports.push(local.audit(&log, &bar)?);
        bar.finish_and_clear();
    }
    Ok(reports)
}

fn chosen(known: &[LogId], asked: &[LogId]) -> Result<Vec<LogId>, Failure> {
    if let Some(unknown) = asked.iter().find(|log| !known.contains(log)) {
        return Err(Failure::new(Exit::NotFound, format!("there is no log {unknown} here")));
    }
    Ok(if asked.is_empty() { known.to_vec() } else { asked.to_vec() })
}

fn remote(context: &Context, asked: &[LogId]) -> Result<Vec<LogReport>, Failure> {
    let client = Client::new(context)?;
    let roster = roster(context, &client)?;
    context.block_on(async {
        let listed: Vec<Value> = client.list_all(&["log"], &[], LIST_LEN_MAX).await?;
        let known: Vec<LogId> = listed.iter().filter_map(|log| view::text(log, "log").parse().ok()).collect();
        let mut reports = Vec::new();
        for log in chosen(&known, asked)? {
            reports.push(check_remote(context, &client, &roster, &log).await?);
        }
        Ok(reports)
    })
}

/// The roster to judge by: the one applied to the data folder if there is one, else the node's own word.
fn roster(context: &Context, client: &Client) -> Result<Roster, Failure> {
    let folder = context.data()?.roster();
    if context.global.url.is_none() && folder.is_dir() {
        return RosterFiles::new(&folder).load().map_err(failures::roster_file);
    }
    let answer: Value = context.block_on(client.get(&["roster"], &[]))?;
    let signed = concert_protocol::roster::SignedRoster::parse(view::text(&answer, "signed").as_bytes());
    let signed = signed.map_err(failures::roster)?;
    let digest = signed.digest();
    context.output.note(&format!(
        "judged by the roster that the node gave, digest {digest}; compare it with another member's"
    ));
    Roster::found(signed, &concert_protocol::roster::Anchor::Digest(digest)).map_err(failures::roster)
}

/// Reads every entry under the newest checkpoint. Where only the leaf hash is there, the receipt's path has to do.
async fn check_remote(
    context: &Context,
    client: &Client,
    roster: &Roster,
    log: &LogId,
) -> Result<LogReport, Failure> {
    let note = match fetch_checkpoint(client, log).await {
        Ok(note) => note,
        Err(failure) if failure.code() == Exit::NotFound.code() => {
            return Ok(Audit::new(roster, log.clone(), None).finish());
        }
        Err(failure) => return Err(failure),
    };
    let mut audit = Audit::new(roster, log.clone(), Some(&note));
    let size = open_head(roster, log, &note).map_or(0, |(checkpoint, _)| checkpoint.size);
    let bar: ProgressBar = progress::bar(context, size, "entries");
    let mut fetched = futures::stream::iter(0..size)
        .map(|index| async move { (index, quietly(async || fetch_entry(client, log, index).await).await) })
        .buffered(AT_ONCE);
    while let Some((index, entry)) = fetched.next().await {
        match entry {
            Ok(bytes) => audit.push(Record::Entry(bytes)),
            Err(failure) if failure.code() == Exit::NotFound.code() => {
                audit.push(Record::Withheld(leaf(client, log, index).await?));
            }
            Err(failure) => return Err(failure),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(audit.finish())
}

/// The leaf hash of an entry that is not given out: the sibling in its neighbour's path.
async fn leaf(client: &Client, log: &LogId, index: u64) -> Result<concert_protocol::log::Hash, Failure> {
    let neighbour = index ^ 1;
    let receipt = quietly(async || fetch_receipt(client, log, neighbour).await).await;
    let path = receipt.map(|receipt| receipt.path().first().copied());
    match path {
        Ok(Some(leaf)) => Ok(leaf),
        _ => Err(Failure::new(
            Exit::Failed,
            format!("entry {index} of {log} is not given out, and neither is its hash"),
        )
        .hint("check it in the data folder: concert log check --offline")),
    }
}
