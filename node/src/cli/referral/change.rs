// SPDX-License-Identifier: EUPL-1.2
//! What is said about a referral afterwards, and what a second person decides.

use serde_json::{Value, json};

use super::create::{read_referral, show_written};
use super::{Amend, Approve, Endorse, Reject, Withdraw, path};
use crate::cli::retry::patiently;
use crate::cli::{Client, Context, LIST_LEN_MAX, view};
use crate::engine::now;
use crate::output::{Failure, col};

/// Runs `referral withdraw`.
pub(super) fn withdraw(context: &Context, args: &Withdraw) -> Result<(), Failure> {
    context.confirm(&format!("withdraw {}? Members and recipients are told.", args.entry))?;
    let (id, body) = (args.entry.id.to_string(), json!({"reason": args.reason}));
    let (client, key) = (Client::new(context)?, args.key.get()?);
    let path = path(&args.entry, &id, &["withdrawal"]);
    let written: Value =
        context.block_on(patiently(context, async || client.post(&path, &body, Some(&key)).await))?;
    show_written(context, &written)
}

/// Runs `referral endorse`.
pub(super) fn endorse(context: &Context, args: &Endorse) -> Result<(), Failure> {
    let mut body = json!({"unit": args.unit, "reference": args.reference});
    if let Some(note) = &args.note {
        body["note"] = note.as_str().into();
    }
    let (client, id) = (Client::new(context)?, args.referral.id.to_string());
    let path = path(&args.referral, &id, &["endorsement"]);
    let written: Value =
        context.block_on(patiently(context, async || client.post(&path, &body, None).await))?;
    show_written(context, &written)
}

/// Runs `referral amend`.
pub(super) fn amend(context: &Context, args: &Amend) -> Result<(), Failure> {
    let body = json!({"replacement": read_referral(&args.file)?, "reason": args.reason});
    let (client, key, id) = (Client::new(context)?, args.key.get()?, args.referral.id.to_string());
    let path = path(&args.referral, &id, &["amendment"]);
    let written: Value =
        context.block_on(patiently(context, async || client.post(&path, &body, Some(&key)).await))?;
    show_written(context, &written)
}

/// Runs `referral drafts`.
pub(super) fn drafts(context: &Context) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let drafts: Vec<Value> = context.block_on(client.list_all(&["drafts"], &[], LIST_LEN_MAX))?;
    let columns = [
        col("id"),
        col("state"),
        col("author"),
        col("age"),
        col("unit"),
        col("reference"),
        col("content_type"),
        col("items").url(),
    ];
    let at = now();
    view::list(context, &drafts, &columns, |draft| {
        json!({
            "id": draft["id"], "state": draft["state"], "author": draft["author"], "age": view::age(draft, "at", at),
            "unit": draft["referral"]["unit"], "reference": draft["referral"]["reference"],
            "content_type": draft["referral"]["content_type"], "items": draft["display"],
        })
    })
}

/// Runs `referral approve`.
pub(super) fn approve(context: &Context, args: &Approve) -> Result<(), Failure> {
    decide(context, &args.draft, "approval", &json!({}))
}

/// Runs `referral reject`.
pub(super) fn reject(context: &Context, args: &Reject) -> Result<(), Failure> {
    decide(context, &args.draft, "rejection", &json!({"reason": args.reason}))
}

fn decide(context: &Context, draft: &str, decision: &str, body: &Value) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let path = ["drafts", draft, decision];
    let answer: Value =
        context.block_on(patiently(context, async || client.post(&path, body, None).await))?;
    show_written(context, &answer)
}
