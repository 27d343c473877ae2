// SPDX-License-Identifier: EUPL-1.2
//! `concert check`: has anybody this? Asked before a person looks at anything.
//!
//! Files are hashed here; what leaves is their SHA-256 alone. Addresses are shown defanged.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use clap::Args;
use concert_protocol::encoding::hex_encode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Client, Context, failures, progress, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Queries in one request.
const QUERIES_MAX: usize = 500;
/// Most queries of one invocation.
const TOTAL_MAX: usize = 100_000;
/// Longest line read from stdin, in bytes.
const LINE_LEN_MAX: u64 = 64 << 10;
/// Exit statuses of `--exit-status`.
const REFERRED: u8 = 10;
const NEAR: u8 = 11;
const ON_A_LIST: u8 = 12;
const ON_HOLD: u8 = 13;

/// Ask whether any member has referred an address, a hash or a file.
///
/// Nothing is stored and nothing is fetched. A file is hashed on this machine and only its SHA-256 is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "With --exit-status: 0 unknown · 10 referred · 11 near picture · 12 on a hash list · 13 on hold"
)]
pub(super) struct Check {
    /// Addresses (live or defanged), hashes (sha256:..., pdq:..., or bare digits) or files; - reads them from stdin
    #[arg(value_name = "URL|HASH|FILE|-", required = true)]
    queries: Vec<String>,
    /// Answer with the exit status
    #[arg(long)]
    exit_status: bool,
}

#[derive(Serialize)]
struct Request<'a> {
    queries: &'a [String],
}

#[derive(Deserialize)]
struct Reply {
    results: Vec<Value>,
}

/// What is asked for, and what people called it.
struct Query {
    text: String,
    shown: String,
    file: bool,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Check) -> Result<(), Failure> {
    let queries = gather(context, &args.queries)?;
    let client = Client::new(context)?;
    let texts: Vec<String> = queries.iter().map(|query| query.text.clone()).collect();
    let results = context.block_on(look_up(&client, &texts))?;
    if !(args.exit_status && context.global.quiet) {
        show(context, &queries, &results)?;
    }
    let invalid = results.iter().filter(|result| view::text(result, "outcome") == "invalid").count();
    if invalid > 0 {
        return Err(Failure::new(
            Exit::Usage,
            format!("{invalid} of {} queries mean nothing", queries.len()),
        )
        .hint("give addresses beginning with http:// or https://, hashes, or names of files"));
    }
    match status(&results) {
        0 => Ok(()),
        code if args.exit_status => Err(Failure::silent(code)),
        _ => Ok(()),
    }
}

/// Asks for each of `queries`, in as many requests as it takes; the answers are in their order.
pub(super) async fn look_up(client: &Client, queries: &[String]) -> Result<Vec<Value>, Failure> {
    let mut results = Vec::with_capacity(queries.len());
    for part in queries.chunks(QUERIES_MAX) {
        let reply: Reply = client.post(&["lookups"], &Request { queries: part }, None).await?;
        if reply.results.len() != part.len() {
            return Err(Failure::new(
                Exit::Failed,
                "the node answered another number of queries than it was asked",
            ));
        }
        results.extend(reply.results);
    }
    Ok(results)
}

fn gather(context: &Context, arguments: &[String]) -> Result<Vec<Query>, Failure> {
    let mut queries = Vec::new();
    for argument in arguments {
        if argument != "-" {
            queries.push(query(context, argument)?);
            continue;
        }
        if io::stdin().is_terminal() {
            context.output.note("reading addresses and hashes, one a line; end with Ctrl-D");
        }
        let mut lines = io::BufReader::new(io::stdin().lock());
        loop {
            let mut line = String::new();
            let read = (&mut lines).take(LINE_LEN_MAX).read_line(&mut line);
            if read.map_err(|error| Failure::new(Exit::Failed, "stdin cannot be read").because(error))? == 0 {
                break;
            }
            let line = line.trim();
            if !line.is_empty() {
                queries.push(Query { text: line.to_owned(), shown: line.to_owned(), file: false });
            }
            if queries.len() > TOTAL_MAX {
                let error = format!("more than {TOTAL_MAX} queries at once");
                return Err(Failure::new(Exit::Usage, error).hint("split the list"));
            }
        }
    }
    Ok(queries)
}

/// A file that is there is hashed; everything else goes to the node as it is.
fn query(context: &Context, argument: &str) -> Result<Query, Failure> {
    let path = Path::new(argument);
    if argument.contains("://") || !path.is_file() {
        return Ok(Query { text: argument.to_owned(), shown: argument.to_owned(), file: false });
    }
    let digest = sha256(context, path).map_err(|error| failures::file("cannot read", path, error))?;
    Ok(Query { text: format!("sha256:{digest}"), shown: argument.to_owned(), file: true })
}

fn sha256(context: &Context, path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let bar = progress::bar(context, file.metadata()?.len(), "hashing");
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut block)?;
        if len == 0 {
            break;
        }
        hasher.update(&block[..len]);
        bar.inc(len as u64);
    }
    bar.finish_and_clear();
    Ok(hex_encode(&hasher.finalize()))
}

fn show(context: &Context, queries: &[Query], results: &[Value]) -> Result<(), Failure> {
    if view::for_programs(context) {
        let named = queries.iter().zip(results).map(|(query, result)| {
            let mut result = result.clone();
            result["query"] = query.shown.clone().into();
            result
        });
        return context.output.list(&named.collect::<Vec<_>>(), &[]);
    }
    let at = now();
    let mut rows = Vec::new();
    for (query, result) in queries.iter().zip(results) {
        let hits = view::items(result, "hits");
        let note = note(query, result);
        if hits.is_empty() {
            rows.push(json!({"query": query.shown, "result": view::text(result, "outcome"), "note": note}));
        }
        for (place, hit) in hits.iter().enumerate() {
            let first = place == 0;
            let kind = match hit.get("distance").and_then(Value::as_u64) {
                Some(distance) => format!("near {distance}"),
                None => "exact".to_owned(),
            };
            rows.push(json!({
                "query": if first { query.shown.as_str() } else { "" },
                "result": kind,
                "unit": hit["member"],
                "referral": hit["referral"],
                "age": view::age(hit, "at", at),
                "answer": answer(hit),
                "note": if first { note.as_str() } else { "" },
            }));
        }
    }
    let columns = [
        col("query").url(),
        col("result"),
        col("unit"),
        col("referral"),
        col("age"),
        col("answer"),
        col("note"),
    ];
    context.output.list(&rows, &columns)?;
    summary(context, results);
    Ok(())
}

fn note(query: &Query, result: &Value) -> String {
    let mut notes = Vec::new();
    if query.file {
        notes.push("hashed here");
    }
    let detail = view::text(result, "detail");
    if !detail.is_empty() {
        notes.push(detail);
    }
    if view::items(result, "hits").iter().any(|hit| view::flag(hit, "on_hold")) {
        notes.push("on hold");
    }
    notes.join("; ")
}

/// What the recipient answered, else how the notice stands.
fn answer(hit: &Value) -> String {
    match (view::text(hit, "answer"), view::text(hit, "notice_state")) {
        ("", "") => String::new(),
        ("", state) => format!("notice {state}"),
        (answer, _) => answer.to_owned(),
    }
}

fn summary(context: &Context, results: &[Value]) {
    let hits = results.iter().flat_map(|result| view::items(result, "hits"));
    let mut referrals: Vec<&str> = hits.clone().map(|hit| view::text(hit, "referral")).collect();
    let mut members: Vec<&str> = hits.map(|hit| view::text(hit, "member")).collect();
    for list in [&mut referrals, &mut members] {
        list.sort_unstable();
        list.dedup();
    }
    if let Some(first) = referrals.first() {
        context.output.note(&format!(
            "{} by {}. hint: concert referral show {first}",
            view::counted(referrals.len() as u64, "referral", "referrals"),
            view::counted(members.len() as u64, "member", "members"),
        ));
    }
}

/// The gravest of what was found.
fn status(results: &[Value]) -> u8 {
    let hits = || results.iter().flat_map(|result| view::items(result, "hits"));
    let outcome = |word: &str| results.iter().any(|result| view::text(result, "outcome") == word);
    if hits().any(|hit| view::flag(hit, "on_hold")) {
        ON_HOLD
    } else if outcome("exact") {
        REFERRED
    } else if outcome("listed") {
        ON_A_LIST
    } else if outcome("near") {
        NEAR
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_says_the_gravest() {
        let unknown = json!({"outcome": "unknown", "hits": []});
        let near = json!({"outcome": "near", "hits": [{"kind": "near", "distance": 6, "on_hold": false}]});
        let exact = json!({"outcome": "exact", "hits": [{"kind": "exact", "on_hold": false}]});
        let held = json!({"outcome": "exact", "hits": [{"kind": "exact", "on_hold": true}]});
        assert_eq!(status(std::slice::from_ref(&unknown)), 0);
        assert_eq!(status(&[unknown.clone(), near.clone()]), NEAR);
        assert_eq!(status(&[near, exact.clone()]), REFERRED);
        assert_eq!(status(&[exact, held]), ON_HOLD);
    }
}
