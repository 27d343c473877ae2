// SPDX-License-Identifier: EUPL-1.2
//! `concert db backup` and `concert db restore`.

use std::path::Path;

use serde::Serialize;

use super::{Backup, Restore};
use crate::cli::{Client, Context, failures};
use crate::journal::{self, DataDir, JournalError, LockError};
use crate::output::{Exit, Failure, col};

#[derive(Serialize)]
struct Request<'a> {
    folder: &'a Path,
}

/// What was copied, and by whom.
#[derive(Debug, Serialize)]
struct Copied {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    keys: bool,
}

/// Runs `db backup`: by the node if it runs, else on the files.
pub(super) fn backup(context: &Context, args: &Backup) -> Result<(), Failure> {
    let data = context.data()?;
    let to =
        std::path::absolute(&args.to).map_err(|error| failures::file("cannot resolve", &args.to, error))?;
    if !data.root().is_dir() && context.global.url.is_none() {
        return Err(Failure::new(
            Exit::NotFound,
            format!("there is no data folder {}", data.root().display()),
        ));
    }
    let held = data.root().is_dir().then(|| data.take());
    let copied = match held {
        Some(Ok(_lock)) => {
            let report = journal::backup(&data, &to, args.keys).map_err(refused)?;
            let (files, bytes) = (Some(report.files), Some(report.bytes));
            let from = data.root().display().to_string();
            Copied { from, to: to.display().to_string(), files, bytes, keys: args.keys }
        }
        None | Some(Err(LockError::InUse { .. })) if !args.keys => by_the_node(context, &to)?,
        None | Some(Err(LockError::InUse { .. })) => {
            let failure =
                Failure::new(Exit::Conflict, "secret keys are only copied while the node is stopped");
            return Err(failure.hint("leave out --keys, and copy the keys by hand to a safe place"));
        }
        Some(Err(error)) => return Err(failures::lock(error)),
    };
    if !args.keys {
        context.output.note("the keys are not in the backup; keep a copy of the keys folder elsewhere");
    }
    context.output.one(&copied, &[col("from"), col("to"), col("files"), col("bytes"), col("keys")])
}

fn by_the_node(context: &Context, to: &Path) -> Result<Copied, Failure> {
    let client = Client::new(context)?;
    let _: serde_json::Value = context.block_on(client.post(&["backup"], &Request { folder: to }, None))?;
    let (from, to) = (client.base().to_string(), to.display().to_string());
    Ok(Copied { from, to, files: None, bytes: None, keys: false })
}

/// Runs `db restore`.
pub(super) fn restore(context: &Context, args: &Restore) -> Result<(), Failure> {
    let data: DataDir = context.data()?;
    let report = journal::restore(&args.from, &data).map_err(refused)?;
    let copied = Copied {
        from: args.from.display().to_string(),
        to: data.root().display().to_string(),
        files: Some(report.files),
        bytes: Some(report.bytes),
        keys: data.keys().exists(),
    };
    if !copied.keys {
        let keys = data.keys();
        context
            .output
            .note(&format!("put the node's keys back into {} (files with mode 0600)", keys.display()));
    }
    context
        .output
        .note("at its next start the node asks its peers for its own newest checkpoint before it signs");
    context.output.one(&copied, &[col("from"), col("to"), col("files"), col("bytes"), col("keys")])
}

fn refused(error: JournalError) -> Failure {
    match &error {
        JournalError::NotEmpty { .. } => {
            Failure::of(Exit::Conflict, &error).hint("name a folder that is new or empty")
        }
        JournalError::BadBackup { path } if !path.exists() => {
            Failure::of(Exit::NotFound, &error).hint("a backup is a folder with a file named manifest in it")
        }
        JournalError::BadBackup { .. } => Failure::of(Exit::Integrity, &error),
        _ => failures::journal(error),
    }
}
