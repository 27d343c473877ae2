// SPDX-License-Identifier: EUPL-1.2
//! `concert log show`: logs, checkpoints, entries.

use concert_protocol::content::defang;
use concert_protocol::log::{Checkpoint, SignedNote};
use concert_protocol::member::LogId;
use serde_json::{Value, json};

use super::Show;
use super::audit::sources;
use super::prove::open_entry;
use super::remote::{fetch_checkpoint, fetch_entry};
use crate::cli::{Client, Context, LIST_LEN_MAX, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Runs `log show`.
pub(super) fn run(context: &Context, args: &Show) -> Result<(), Failure> {
    let client = Client::new(context)?;
    match (&args.log, args.index) {
        (None, _) => list(context, &client),
        (Some(log), None) => checkpoint(context, &client, log, args.raw),
        (Some(log), Some(index)) => entry(context, &client, log, index, args.raw),
    }
}

fn list(context: &Context, client: &Client) -> Result<(), Failure> {
    let logs: Vec<Value> = context.block_on(client.list_all(&["log"], &[], LIST_LEN_MAX))?;
    let columns = [
        col("log"),
        col("head"),
        col("stored"),
        col("checked"),
        col("confirmed"),
        col("heard"),
        col("cosigners"),
        col("frozen"),
    ];
    let at = now();
    view::list(context, &logs, &columns, |log| {
        let cosigners: Vec<&str> =
            view::items(log, "cosigners").iter().map(|cosigner| view::text(cosigner, "member")).collect();
        json!({
            "log": log["log"], "head": log["head"], "stored": log["stored"], "checked": log["applied"],
            "confirmed": log["confirmed"], "heard": view::age(log, "author_time", at), "cosigners": cosigners,
            "frozen": log["frozen"],
        })
    })
}

fn checkpoint(context: &Context, client: &Client, log: &LogId, raw: bool) -> Result<(), Failure> {
    let bytes = context.block_on(fetch_checkpoint(client, log))?;
    if raw {
        return context.output.text(&String::from_utf8_lossy(&bytes));
    }
    let malformed =
        |cause: String| Failure::new(Exit::Integrity, "the node's checkpoint cannot be read").cause(cause);
    let note = SignedNote::parse(&bytes).map_err(|error| malformed(sources(&error)))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| malformed(sources(&error)))?;
    let signatures: Vec<&str> = note.signatures().iter().map(|line| line.name()).collect();
    let shown = json!({
        "log": log, "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root, "signatures": signatures,
        "note": String::from_utf8_lossy(&bytes),
    });
    context.output.note("as the node tells it; concert log check verifies it");
    context.output.one(&shown, &[col("log"), col("origin"), col("size"), col("root"), col("signatures")])
}

fn entry(context: &Context, client: &Client, log: &LogId, index: u64, raw: bool) -> Result<(), Failure> {
    let bytes = context.block_on(fetch_entry(client, log, index))?;
    if raw {
        return context.output.text(&String::from_utf8_lossy(&bytes));
    }
    let entry = open_entry(&bytes).map_err(|cause| {
        Failure::new(Exit::Integrity, format!("entry {index} of {log} has no effect at any member"))
            .cause(cause)
            .hint("--raw prints its bytes")
    })?;
    let body = entry.body.to_json().unwrap_or_default();
    let shown = json!({
        "log": log, "index": index, "entry": entry.reference(), "kind": entry.body.kind().to_string(), "at": entry.at,
        "audience": entry.audience, "body": body, "jws": String::from_utf8_lossy(&bytes),
    });
    if view::for_programs(context) {
        return context.output.one(&shown, &[]);
    }
    let mut row = shown;
    row["body"] = addresses_defanged(&body).to_string().into();
    let columns =
        [col("log"), col("index"), col("entry"), col("kind"), col("at").time(), col("audience"), col("body")];
    context.output.one(&row, &columns)
}

/// The same value with every address in it written so that nothing links to it.
fn addresses_defanged(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
            defang(text).into()
        }
        Value::Array(items) => items.iter().map(addresses_defanged).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), addresses_defanged(value))).collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_left_live() {
        let body = json!({"items": [{"url": "https://video-a.test/x"}], "reasons": "see there", "n": 3});
        let shown = addresses_defanged(&body).to_string();
        assert!(!shown.contains("https://") && shown.contains("see there"), "{shown}");
    }
}
