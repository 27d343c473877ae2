// SPDX-License-Identifier: EUPL-1.2
//! `concert referral export`: what somebody without a node needs to check a referral, a court's expert for instance.

use std::path::Path;

use concert_protocol::entry::EntryRef;
use concert_protocol::member::LogId;
use serde::Serialize;
use serde_json::Value;

use super::{Export, path};
use crate::cli::log::fetch_receipt;
use crate::cli::{Client, Context, failures, files, view};
use crate::output::{Failure, col};

/// One written entry.
#[derive(Debug, Serialize)]
struct Written {
    entry: EntryRef,
    jws: String,
    proof: Option<String>,
}

/// Runs `referral export`.
pub(super) fn run(context: &Context, args: &Export) -> Result<(), Failure> {
    let client = Client::new(context)?;
    std::fs::create_dir_all(&args.to).map_err(|error| failures::file("cannot make", &args.to, error))?;
    let written = context.block_on(async {
        let id = args.referral.id.to_string();
        let document: Value = client.get(&path(&args.referral, &id, &[]), &[]).await?;
        let mut written = vec![write(&client, &args.to, &args.referral).await?];
        // What it now says, and who co-signed it; each is an entry of its own.
        let current = view::text(&document, "current").parse::<EntryRef>().ok();
        let endorsements =
            view::items(&document, "endorsements").iter().filter_map(|entry| entry.as_str()?.parse().ok());
        for entry in current.into_iter().filter(|current| *current != args.referral).chain(endorsements) {
            written.push(write(&client, &args.to, &entry).await?);
        }
        let keys = client.public(&[".well-known", "jwks.json"]).await?;
        files::write_new(&args.to.join("jwks.json"), &keys, true)?;
        let roster: Value = client.get(&["roster"], &[]).await?;
        files::write_new(&args.to.join("roster.json"), view::text(&roster, "signed").as_bytes(), true)?;
        Ok(written)
    })?;
    let example = written.first().map_or("", |written| written.jws.as_str());
    context.output.note(&format!(
        "to check: concert referral verify {example} --jwks {}",
        args.to.join("jwks.json").display()
    ));
    context.output.list(&written, &[col("entry"), col("jws"), col("proof")])
}

async fn write(client: &Client, to: &Path, entry: &EntryRef) -> Result<Written, Failure> {
    let id = entry.id.to_string();
    let jws = client.signed(&path(entry, &id, &[])).await?;
    let name = to.join(format!("{}-{id}.jws", entry.author));
    files::write_new(&name, &jws, true)?;
    let proof = match position(client, entry).await? {
        Some((log, index)) => {
            let proof = name.with_extension("tlog-proof");
            files::write_new(&proof, fetch_receipt(client, &log, index).await?.to_string().as_bytes(), true)?;
            Some(proof.display().to_string())
        }
        None => None,
    };
    Ok(Written { entry: entry.clone(), jws: name.display().to_string(), proof })
}

/// Where an entry stands in its log, if the node says so.
async fn position(client: &Client, entry: &EntryRef) -> Result<Option<(LogId, u64)>, Failure> {
    let id = entry.id.to_string();
    let document: Value = client.get(&path(entry, &id, &[]), &[]).await?;
    let here = view::text(&document, "current") == entry.to_string();
    let log = view::text(&document, "log").parse().ok().filter(|_| here);
    Ok(log.map(|log| (log, view::number(&document, "index"))))
}
