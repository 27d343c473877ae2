// SPDX-License-Identifier: EUPL-1.2
//! `concert notice`: the coordinated notices, for members all of them, for a recipient its own.

mod answer;
mod list;
mod watch;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concert_protocol::entry::{ItemId, NoticeId};

use super::Context;
use super::referral::Key;
use crate::output::Failure;

/// Read, follow and answer notices.
#[derive(Debug, Subcommand)]
pub(super) enum Notice {
    /// List notices.
    List(List),
    /// Show one notice: items, originators, answers.
    Show(Show),
    Watch(Watch),
    /// Answer notices, as their recipient.
    Answer(Box<Answer>),
}

/// Arguments of `notice list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// To this recipient alone
    #[arg(long, value_name = "ID", visible_alias = "platform")]
    recipient: Option<String>,
    /// In this state: open, merged or withdrawn
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Without an answer to all of their items
    #[arg(long)]
    unanswered: bool,
    /// Most notices that are looked at
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Arguments of `notice show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The notice, as in N-0123456789abcdef0123456789abcdef
    #[arg(value_name = "NOTICE")]
    notice: NoticeId,
}

/// Follow a recipient's own notices, one line for each event.
///
/// Needs the recipient's token. A line is written first and its cursor kept afterwards, so nothing is missed; after an
/// interruption the last line may come again. With --fields, the named values come separated by tabs.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Where to begin: the cursor of the last event that was dealt with [default: the beginning]
    #[arg(long, value_name = "CURSOR", conflicts_with = "cursor_file")]
    cursor: Option<String>,
    /// File that keeps the cursor from one run to the next; made if it is not there
    #[arg(long, value_name = "FILE")]
    cursor_file: Option<PathBuf>,
    /// End when there is nothing more to read
    #[arg(long)]
    once: bool,
    /// Seconds that the node may wait for an event, 0 to 60; with --once, for the first one
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=60))]
    wait: u64,
    /// End after this many events
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Values to print: cursor, event, attention, at, notice, state, into, revision, tier, answer_by, items, unanswered, urls, or
    /// any name in the event joined by dots
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    fields: Vec<String>,
}

/// Arguments of `notice answer`.
#[derive(Debug, Args)]
pub(super) struct Answer {
    /// The notice
    #[arg(value_name = "NOTICE", required_unless_present = "from")]
    notice: Option<NoticeId>,
    /// An item of it; may be given several times [default: all of them]
    #[arg(long = "item", value_name = "ITEM", conflicts_with = "unanswered")]
    items: Vec<ItemId>,
    /// Only items that have no answer yet
    #[arg(long)]
    unanswered: bool,
    /// acknowledged, removed, disabled, geo_limited, already_gone, kept or not_precise
    #[arg(long, value_name = "OUTCOME", required_unless_present = "from")]
    outcome: Option<String>,
    /// Why; needed for kept and not_precise
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where it is no longer shown, as in FR,DE; needed for geo_limited
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    countries: Vec<String>,
    /// When it was done, as in 2026-11-22T08:02:41Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The recipient's own reference
    #[arg(long = "ref", value_name = "TEXT")]
    external_ref: Option<String>,
    /// For an officer who answers on a recipient's behalf: how the answer was given
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Answers as one JSON object a line, each with notice and outcome, or with the members of the API; - for stdin
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["notice", "items", "outcome", "reason", "countries"])]
    from: Option<PathBuf>,
    #[command(flatten)]
    key: Key,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Notice) -> Result<(), Failure> {
    match command {
        Notice::List(args) => list::list(context, args),
        Notice::Show(args) => list::show(context, args),
        Notice::Watch(args) => watch::run(context, args),
        Notice::Answer(args) => answer::run(context, args),
    }
}
