// SPDX-License-Identifier: EUPL-1.2
//! `concert referral`: what units say about content.

mod change;
mod create;
mod export;
mod import;
mod list;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concert_protocol::entry::EntryRef;

pub(super) use verify::verify_signature;

use super::Context;
use super::trust::TrustArgs;
use crate::output::Failure;

/// Refer content, follow what becomes of it, and check what others signed.
#[derive(Debug, Subcommand)]
pub(super) enum Referral {
    /// List referrals of all members.
    List(List),
    /// Show one referral: case, notices, answers.
    Show(Show),
    Create(Box<create::Create>),
    Import(import::Import),
    /// Withdraw a referral or an endorsement of this member.
    Withdraw(Withdraw),
    /// Co-sign another member's referral.
    Endorse(Endorse),
    /// Correct a referral of this member.
    Amend(Amend),
    /// List referrals that wait for a second person.
    Drafts,
    /// Approve a draft of somebody else; it is sent.
    Approve(Approve),
    /// Reject a draft of somebody else.
    Reject(Reject),
    /// Check a signed entry in a file, with or without a node.
    Verify(Verify),
    /// Write a referral's signed entries and their receipts to files.
    Export(Export),
}

/// Arguments of `referral list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this member alone
    #[arg(long, value_name = "CODE")]
    member: Option<String>,
    /// In this state: standing, amended or withdrawn
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Written at or after this time, as in 2026-11-22T08:00:00Z or 2026-11-22
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The oldest first
    #[arg(long)]
    oldest: bool,
    /// Most referrals that are listed
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Arguments of `referral show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The referral, as in FR/0198c0de-0000-7000-8000-000000000000
    #[arg(value_name = "REFERRAL")]
    referral: EntryRef,
    /// Also say why it is in its case
    #[arg(long)]
    explain: bool,
    /// Print the signed entry itself
    #[arg(long, conflicts_with = "explain")]
    raw: bool,
}

/// Arguments of `referral withdraw`.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The referral or endorsement
    #[arg(value_name = "ENTRY")]
    entry: EntryRef,
    /// Why, for members
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    key: Key,
}

/// Arguments of `referral endorse`.
#[derive(Debug, Args)]
pub(super) struct Endorse {
    /// Another member's referral
    #[arg(value_name = "REFERRAL")]
    referral: EntryRef,
    /// The endorsing unit
    #[arg(long, value_name = "NAME")]
    unit: String,
    /// The unit's own file reference
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// A remark
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Arguments of `referral amend`.
#[derive(Debug, Args)]
pub(super) struct Amend {
    /// The referral
    #[arg(value_name = "REFERRAL")]
    referral: EntryRef,
    /// JSON file with the whole referral as it should now read; - for stdin
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    key: Key,
}

/// Arguments of `referral approve`.
#[derive(Debug, Args)]
pub(super) struct Approve {
    /// The draft, as in d-0123456789abcdef0123
    #[arg(value_name = "DRAFT")]
    draft: String,
}

/// Arguments of `referral reject`.
#[derive(Debug, Args)]
pub(super) struct Reject {
    /// The draft, as in d-0123456789abcdef0123
    #[arg(value_name = "DRAFT")]
    draft: String,
    /// Why, for its author
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Arguments of `referral verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The signed entry (.jws); a receipt of the same name (.tlog-proof) beside it is checked too
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The receipt, if it has another name
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Arguments of `referral export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The referral
    #[arg(value_name = "REFERRAL")]
    referral: EntryRef,
    /// Folder for the files; made if it is not there
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

/// What protects a request that signs something from being done twice.
#[derive(Clone, Debug, Args)]
pub(super) struct Key {
    /// Name for this request: sent again under it, it does nothing twice [default: a fresh one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Key {
    /// The key given, or a fresh one.
    pub(super) fn get(&self) -> Result<String, Failure> {
        match &self.idempotency_key {
            Some(key) => Ok(key.clone()),
            None => super::retry::fresh_key(),
        }
    }
}

/// The path of a referral below the API.
fn path<'p>(entry: &'p EntryRef, id: &'p str, more: &[&'p str]) -> Vec<&'p str> {
    [&["referrals", entry.author.as_str(), id], more].concat()
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Referral) -> Result<(), Failure> {
    match command {
        Referral::List(args) => list::list(context, args),
        Referral::Show(args) => list::show(context, args),
        Referral::Create(args) => create::run(context, args),
        Referral::Import(args) => import::run(context, args),
        Referral::Withdraw(args) => change::withdraw(context, args),
        Referral::Endorse(args) => change::endorse(context, args),
        Referral::Amend(args) => change::amend(context, args),
        Referral::Drafts => change::drafts(context),
        Referral::Approve(args) => change::approve(context, args),
        Referral::Reject(args) => change::reject(context, args),
        Referral::Verify(args) => verify::run(context, args),
        Referral::Export(args) => export::run(context, args),
    }
}
