// SPDX-License-Identifier: EUPL-1.2
//! `concert notice answer`: one notice from flags, or many from lines of JSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use crate::cli::retry::{fresh_key, patiently};
use crate::cli::{Client, Context, failures, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Answers in one request, and items in one answer; the API takes no more.
const BATCH_MAX: usize = 100;
/// Longest line with an answer, in bytes.
const LINE_LEN_MAX: u64 = 256 << 10;

/// An answer as people and programs write it: with `items` as the API has them, or with one outcome for all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    notice: String,
    #[serde(default)]
    items: Option<Value>,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    countries: Vec<String>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    external_ref: Option<String>,
    #[serde(default)]
    signed: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    results: Vec<Value>,
}

/// Runs `notice answer`.
pub(super) fn run(context: &Context, args: &Answer) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let results = context.block_on(async {
        match &args.from {
            Some(path) => from_lines(context, args, &client, path).await,
            None => one(context, args, &client).await,
        }
    })?;
    if results.is_empty() {
        context.output.note("nothing to answer: every item has an answer");
    }
    show(context, &results)?;
    let refused = results.iter().filter(|result| view::text(result, "outcome") == "refused").count();
    match refused {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Failed, format!("{refused} of {} answers were refused", results.len()))
            .maybe_hint(
                results.iter().find_map(|result| Some(result["problem"]["detail"].as_str()?.to_owned())),
            )),
    }
}

async fn one(context: &Context, args: &Answer, client: &Client) -> Result<Vec<Value>, Failure> {
    let notice = args.notice.map(|notice| notice.to_string()).unwrap_or_default();
    let line = Line {
        notice,
        items: (!args.items.is_empty()).then(|| json!(args.items)),
        outcome: args.outcome.clone(),
        reason: args.reason.clone(),
        countries: args.countries.clone(),
        at: args.at.clone(),
        external_ref: args.external_ref.clone(),
        signed: None,
        note: args.note.clone(),
    };
    let mut results = Vec::new();
    let key = args.key.get()?;
    for (part, answer) in complete(context, args, client, line).await?.into_iter().enumerate() {
        let key = if part == 0 { key.clone() } else { format!("{key}-{part}") };
        results.extend(post(context, client, &[answer], &key).await?);
    }
    Ok(results)
}

async fn from_lines(
    context: &Context,
    args: &Answer,
    client: &Client,
    path: &Path,
) -> Result<Vec<Value>, Failure> {
    let mut lines = open(path)?;
    let (mut results, mut batch, mut in_batch) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut number = 0;
    while let Some(line) = read_line(&mut lines, path, &mut number)? {
        for answer in complete(context, args, client, line).await? {
            // One answer to a notice in each request: two under one key would be taken for a mistake.
            let again = !in_batch.insert(view::text(&answer, "notice").to_owned());
            if again || batch.len() == BATCH_MAX {
                results.extend(post(context, client, &std::mem::take(&mut batch), &fresh_key()?).await?);
                in_batch = BTreeSet::from([view::text(&answer, "notice").to_owned()]);
            }
            batch.push(answer);
        }
    }
    results.extend(post(context, client, &batch, &fresh_key()?).await?);
    Ok(results)
}

/// The answer as the API takes it, in parts of a hundred items; none if nothing is left to answer.
async fn complete(
    context: &Context,
    args: &Answer,
    client: &Client,
    line: Line,
) -> Result<Vec<Value>, Failure> {
    let at = match line.at.as_deref().or(args.at.as_deref()) {
        None => now(),
        Some(text) => view::read_time(text).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{text:?} is not a time"))
                .hint("write it as in 2026-11-22T08:02:41Z")
        })?,
    };
    let given = match &line.items {
        Some(Value::Array(items)) => Some(items.clone()),
        _ => None,
    };
    let items = match given {
        Some(items) if items.iter().all(Value::is_object) => items,
        given => {
            let outcome = line.outcome.as_deref().ok_or_else(|| {
                Failure::new(Exit::Usage, format!("the answer to {} has no outcome", line.notice))
            })?;
            let ids = match given {
                Some(ids) => ids,
                None => items_of(context, args, client, &line.notice).await?,
            };
            ids.iter().map(|id| item(id, outcome, &line, at.to_string())).collect()
        }
    };
    let part = |items: &[Value]| {
        let mut answer = json!({"notice": line.notice, "items": items});
        let notes = line.note.as_ref().or(args.note.as_ref());
        let references = line.external_ref.as_ref().or(args.external_ref.as_ref());
        for (name, value) in [("note", notes), ("external_ref", references), ("signed", line.signed.as_ref())]
        {
            if let Some(value) = value {
                answer[name] = value.as_str().into();
            }
        }
        answer
    };
    Ok(items.chunks(BATCH_MAX).map(part).collect())
}

fn item(id: &Value, outcome: &str, line: &Line, at: String) -> Value {
    let mut item = json!({"item": id, "outcome": outcome, "at": at});
    if let Some(reason) = &line.reason {
        item["reason"] = reason.as_str().into();
    }
    if !line.countries.is_empty() {
        item["countries"] = json!(line.countries);
    }
    item
}

/// Every item of a notice, or those without an answer.
async fn items_of(
    context: &Context,
    args: &Answer,
    client: &Client,
    notice: &str,
) -> Result<Vec<Value>, Failure> {
    let document: Value = patiently(context, async || client.get(&["notices", notice], &[]).await)
        .await
        .map_err(|failure| failure.cause(format!("for the notice {notice}")))?;
    let open = |item: &&Value| !args.unanswered || item.get("answer").is_none_or(Value::is_null);
    Ok(view::items(&document, "items").iter().filter(open).map(|item| item["item"].clone()).collect())
}

async fn post(
    context: &Context,
    client: &Client,
    answers: &[Value],
    key: &str,
) -> Result<Vec<Value>, Failure> {
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    let body = json!({"answers": answers});
    let reply: Reply =
        patiently(context, async || client.post(&["answers:batch"], &body, Some(key)).await).await?;
    let named = answers.iter().zip(reply.results).map(|(answer, mut result)| {
        result["notice"] = answer["notice"].clone();
        result["items"] = view::items(answer, "items").len().into();
        result["decision"] =
            view::items(answer, "items").first().map_or(Value::Null, |item| item["outcome"].clone());
        result
    });
    Ok(named.collect())
}

fn show(context: &Context, results: &[Value]) -> Result<(), Failure> {
    if view::for_programs(context) {
        return context.output.list(results, &[]);
    }
    let columns = [
        col("notice"),
        col("decision"),
        col("items"),
        col("outcome"),
        col("entry"),
        col("problem.detail").named("problem"),
    ];
    context.output.list(results, &columns)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|error| failures::file("cannot read", path, error))?;
    Ok(Box::new(BufReader::new(file)))
}

fn read_line(lines: &mut dyn BufRead, path: &Path, number: &mut u64) -> Result<Option<Line>, Failure> {
    loop {
        let mut line = Vec::new();
        let read = lines.take(LINE_LEN_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| failures::file("cannot read", path, error))? == 0 {
            return Ok(None);
        }
        *number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        return serde_json::from_slice(&line).map(Some).map_err(|error| {
            Failure::new(Exit::Usage, format!("{} line {number} is not an answer", path.display()))
                .because(error)
                .hint(r#"write one object a line, as in {"notice":"N-...","outcome":"removed"}"#)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_or_as_the_api_has_them_and_nothing_else() {
        let read = |text: &str| {
            let mut bytes = text.as_bytes();
            read_line(&mut bytes, Path::new("x"), &mut 0)
        };
        let short = read("\n{\"notice\":\"N-1\",\"outcome\":\"kept\",\"reason\":\"satire\"}\n")
            .expect("read")
            .expect("a line");
        assert_eq!((short.notice.as_str(), short.outcome.as_deref()), ("N-1", Some("kept")));
        assert!(
            read("{\"notice\":\"N-1\",\"items\":[{\"item\":\"i\",\"outcome\":\"removed\",\"at\":\"t\"}]}")
                .is_ok()
        );
        assert!(read("").expect("read").is_none());
        assert_eq!(read("{\"notice\":\"N-1\",\"outcom\":\"kept\"}").expect_err("a slip").code(), 2);
    }
}
