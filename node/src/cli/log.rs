// SPDX-License-Identifier: EUPL-1.2
//! `concert log`: what the members' logs say, and whether it holds.
//!
//! Nothing here believes a node: checkpoints, cosignatures, entries and proofs are checked on this side, with the keys of
//! a roster or a published key set.

mod audit;
mod check;
mod convict;
mod local;
mod prove;
mod remote;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concert_protocol::member::LogId;

pub(super) use audit::{LogReport, check_entry, open_head, sources};
pub(super) use local::LocalLogs;
pub(super) use prove::{ReceiptReport, check_receipt, read_receipt};
pub(super) use remote::fetch_receipt;

use super::Context;
use super::trust::TrustArgs;
use crate::output::Failure;

/// Read the members' logs and check what they say.
#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// List the logs, or show one entry or checkpoint.
    Show(Show),
    /// Go through whole logs: every signature, every tree, every checkpoint.
    Check(Check),
    /// Write a receipt: proof that an entry is in a log.
    Prove(Prove),
    /// Check a receipt and its entry, without a node.
    CheckProof(CheckProof),
    /// Check evidence that a member showed two faces of its log.
    Convict(Convict),
}

/// Arguments of `log show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// A log, as in FR/1; without it all are listed
    #[arg(value_name = "LOG")]
    pub(super) log: Option<LogId>,
    /// Index of an entry; without it the checkpoint is shown
    #[arg(value_name = "INDEX", requires = "log")]
    pub(super) index: Option<u64>,
    /// Print the exact bytes: the entry's JWS, or the checkpoint's signed note
    #[arg(long, requires = "log")]
    pub(super) raw: bool,
}

/// Arguments of `log check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Logs, as in FR/1; without any all are checked
    #[arg(value_name = "LOG")]
    pub(super) logs: Vec<LogId>,
    /// Read the data folder itself; the node must be stopped
    #[arg(long)]
    pub(super) offline: bool,
}

/// Arguments of `log prove`.
#[derive(Debug, Args)]
pub(super) struct Prove {
    /// The log, as in FR/1
    #[arg(value_name = "LOG")]
    pub(super) log: LogId,
    /// Index of the entry
    #[arg(value_name = "INDEX")]
    pub(super) index: u64,
    /// File for the receipt; without it the receipt goes to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// Arguments of `log check-proof`.
#[derive(Debug, Args)]
pub(super) struct CheckProof {
    /// The receipt (.tlog-proof)
    #[arg(value_name = "FILE")]
    pub(super) receipt: PathBuf,
    /// The entry (.jws)
    #[arg(long, value_name = "FILE")]
    pub(super) entry: PathBuf,
    #[command(flatten)]
    pub(super) trust: TrustArgs,
}

/// Arguments of `log convict`.
#[derive(Debug, Args)]
pub(super) struct Convict {
    /// The evidence, as nodes keep it under alarms/
    #[arg(value_name = "FILE")]
    pub(super) evidence: PathBuf,
    #[command(flatten)]
    pub(super) trust: TrustArgs,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Log) -> Result<(), Failure> {
    match command {
        Log::Show(args) => show::run(context, args),
        Log::Check(args) => check::run(context, args),
        Log::Prove(args) => prove::run(context, args),
        Log::CheckProof(args) => prove::check(context, args),
        Log::Convict(args) => convict::run(context, args),
    }
}
