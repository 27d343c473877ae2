// SPDX-License-Identifier: EUPL-1.2
//! `concert db`: the data folder itself. All but `backup` want the node stopped, and take the folder's lock.
//!
//! The journals are the record and are never changed here, except by `import`, which adds what a signed checkpoint vouches
//! for. The store is derived: `rebuild` throws it away.

mod check;
mod copy;
mod transfer;

use clap::{Args, Subcommand};
use concert_protocol::member::LogId;
use serde::Serialize;
use std::path::PathBuf;

use super::Context;
use super::log::LocalLogs;
use crate::output::{Exit, Failure, col};
use crate::store::Store;

/// Check, copy and carry the data folder.
#[derive(Debug, Subcommand)]
pub(super) enum Db {
    /// Read every record back and compare trees, checkpoints and index; the node must be stopped.
    Check,
    /// Throw the index away; the next start makes it anew from the journals.
    Rebuild,
    /// Copy everything that cannot be made anew; works while the node runs.
    Backup(Backup),
    /// Make a new data folder from a backup.
    Restore(Restore),
    /// Write logs as plain files, one JSON object a line.
    Export(Export),
    /// Add what exported files have and the folder lacks.
    Import(Import),
}

/// Arguments of `db backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// New or empty folder, on the node's machine
    #[arg(value_name = "DIR")]
    pub(super) to: PathBuf,
    /// Copy the secret keys too; only while the node is stopped
    #[arg(long)]
    pub(super) keys: bool,
}

/// Arguments of `db restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// Folder of the backup
    #[arg(value_name = "DIR")]
    pub(super) from: PathBuf,
}

/// Arguments of `db export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Folder for the files, one for each log; made if it is not there
    #[arg(value_name = "DIR")]
    pub(super) to: PathBuf,
    /// Only this log, as in FR/1; may be given several times
    #[arg(long = "log", value_name = "LOG")]
    pub(super) logs: Vec<LogId>,
}

/// Arguments of `db import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Files that `db export` wrote
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Db) -> Result<(), Failure> {
    match command {
        Db::Check => check::run(context),
        Db::Rebuild => rebuild(context),
        Db::Backup(args) => copy::backup(context, args),
        Db::Restore(args) => copy::restore(context, args),
        Db::Export(args) => transfer::export(context, args),
        Db::Import(args) => transfer::import(context, args),
    }
}

#[derive(Serialize)]
struct Rebuilt {
    store: String,
    bytes_freed: u64,
}

fn rebuild(context: &Context) -> Result<(), Failure> {
    let local = LocalLogs::open(context)?;
    let dir = local.data.store();
    let bytes_freed = crate::journal::bytes_on_disk(&dir);
    Store::discard(&dir).map_err(|error| Failure::of(Exit::Failed, &error))?;
    context.output.note("the index is gone; the next start makes it anew from the journals");
    let rebuilt = Rebuilt { store: dir.display().to_string(), bytes_freed };
    context.output.one(&rebuilt, &[col("store"), col("bytes_freed")])
}
