// SPDX-License-Identifier: EUPL-1.2
//! `concert hold`: leave this content alone for now. Seen by members only; no reasons are given (DOMAIN, "Deconfliction").

use clap::{Args, Subcommand};
use concert_protocol::entry::EntryRef;
use serde_json::{Value, json};

use super::referral::Key;
use super::retry::patiently;
use super::{Client, Context, LIST_LEN_MAX, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Place, release and list holds.
#[derive(Debug, Subcommand)]
pub(super) enum Hold {
    /// Ask that no notice be issued for some content; tiers 1 and 2 are issued all the same.
    Place(Place),
    /// End a hold of this member.
    Release(Release),
    /// List standing holds of all members.
    List,
}

/// Arguments of `hold place`.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Addresses (live or defanged), hashes or referrals
    #[arg(value_name = "URL|HASH|REFERRAL", required = true)]
    what: Vec<String>,
    /// When it ends by itself, as in 2026-12-24T12:00:00Z; without it, when released
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    key: Key,
}

/// Arguments of `hold release`.
#[derive(Debug, Args)]
pub(super) struct Release {
    /// The hold, as in FR/0198c0de-0000-7000-8000-000000000000
    #[arg(value_name = "HOLD")]
    hold: EntryRef,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Hold) -> Result<(), Failure> {
    match command {
        Hold::Place(args) => place(context, args),
        Hold::Release(args) => release(context, args),
        Hold::List => list(context),
    }
}

fn place(context: &Context, args: &Place) -> Result<(), Failure> {
    let (mut addresses, mut fingerprints, mut referrals) = (Vec::new(), Vec::new(), Vec::new());
    for text in &args.what {
        let scheme = text.contains("//");
        match () {
            () if scheme => addresses.push(text.clone()),
            () if text.parse::<EntryRef>().is_ok() => referrals.push(text.clone()),
            () => fingerprints.push(fingerprint(text)),
        }
    }
    let mut body = json!({"addresses": addresses, "fingerprints": fingerprints, "referrals": referrals});
    if let Some(text) = &args.until {
        let until = view::read_time(text).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("--until {text:?} is not a time"))
                .hint("write it as in 2026-12-24T12:00:00Z")
        })?;
        body["until"] = until.to_string().into();
    }
    let (client, key) = (Client::new(context)?, args.key.get()?);
    let post = patiently(context, async || client.post(&["holds"], &body, Some(&key)).await);
    let written: Value = context.block_on(post)?;
    context.output.one(&written, &[col("outcome"), col("entry"), col("at").time()])
}

/// A hash that is only digits is named by its length, as `concert check` does.
fn fingerprint(text: &str) -> String {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (digits, text.len()) {
        (true, 64) => format!("sha256:{text}"),
        (true, 40) => format!("sha1:{text}"),
        (true, 32) => format!("md5:{text}"),
        _ => text.to_owned(),
    }
}

fn release(context: &Context, args: &Release) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let id = args.hold.id.to_string();
    let path = ["holds", args.hold.author.as_str(), &id, "release"];
    let post = patiently(context, async || client.post(&path, &json!({}), None).await);
    let written: Value = context.block_on(post)?;
    context.output.one(&written, &[col("outcome"), col("entry"), col("at").time()])
}

fn list(context: &Context) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let holds: Vec<Value> = context.block_on(client.list_all(&["holds"], &[], LIST_LEN_MAX))?;
    let columns = [
        col("hold"),
        col("member"),
        col("age"),
        col("until").time(),
        col("addresses").url(),
        col("fingerprints"),
        col("referrals"),
    ];
    let at = now();
    view::list(context, &holds, &columns, |hold| {
        json!({
            "hold": hold["hold"], "member": hold["member"], "age": view::age(hold, "at", at), "until": hold["until"],
            "addresses": hold["display"], "fingerprints": hold["fingerprints"], "referrals": hold["referrals"],
        })
    })
}
