// SPDX-License-Identifier: EUPL-1.2
//! `concert notice watch`: a recipient's feed, one line for each event.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Watch;
use crate::cli::{Client, Context, failures, files, view};
use crate::journal::replace_file;
use crate::output::{Exit, Failure, col, printable};

/// Longest cursor, in bytes.
const CURSOR_LEN_MAX: u64 = 8 << 10;
/// Events asked for at once.
const PAGE: usize = 50;
/// Between two tries while the node is away.
const AWAY_PAUSE: Duration = Duration::from_secs(2);

/// Runs `notice watch`.
pub(super) fn run(context: &Context, args: &Watch) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let cursor = match &args.cursor_file {
        Some(path) => load(path)?,
        None => args.cursor.clone().filter(|cursor| !cursor.is_empty()),
    };
    context.block_on(follow(context, args, &client, cursor))
}

async fn follow(
    context: &Context,
    args: &Watch,
    client: &Client,
    mut cursor: Option<String>,
) -> Result<(), Failure> {
    // The answer must come before the client gives up on it.
    let patience = context.global.timeout.as_secs().saturating_sub(2);
    let mut left = args.max.unwrap_or(usize::MAX);
    let (mut asked, mut headed) = (false, false);
    while left > 0 {
        let wait = if args.once && asked { 0 } else { args.wait.min(patience) }.to_string();
        let limit = left.min(PAGE).to_string();
        let mut query = vec![("limit", limit.as_str()), ("wait", wait.as_str())];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Value = match client.get(&["feed"], &query).await {
            Err(failure) if failure.code() == Exit::Unreachable.code() && !args.once => {
                context.output.note("the node is away or busy; trying again");
                tokio::time::sleep(AWAY_PAUSE).await;
                continue;
            }
            other => other?,
        };
        let events = view::items(&page, "events");
        for event in events {
            print(context, args, event, !headed)?;
            headed = true;
            // Only now: what was not written must come again.
            cursor = Some(view::text(event, "cursor").to_owned());
            keep(args.cursor_file.as_deref(), cursor.as_deref())?;
        }
        left = left.saturating_sub(events.len());
        asked = true;
        let more = view::flag(&page, "more");
        let next = view::text(&page, "cursor");
        if !next.is_empty() && cursor.as_deref() != Some(next) {
            cursor = Some(next.to_owned());
            keep(args.cursor_file.as_deref(), cursor.as_deref())?;
        }
        if args.once && !more {
            return Ok(());
        }
    }
    Ok(())
}

fn load(path: &Path) -> Result<Option<String>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read_bounded(path, CURSOR_LEN_MAX)?;
    let text = String::from_utf8(bytes).unwrap_or_default().trim().to_owned();
    Ok((!text.is_empty()).then_some(text))
}

fn keep(path: Option<&Path>, cursor: Option<&str>) -> Result<(), Failure> {
    match (path, cursor) {
        (Some(path), Some(cursor)) => {
            replace_file(path, format!("{cursor}\n").as_bytes()).map_err(failures::journal)
        }
        _ => Ok(()),
    }
}

fn print(context: &Context, args: &Watch, event: &Value, first: bool) -> Result<(), Failure> {
    if !args.fields.is_empty() {
        if view::for_programs(context) {
            let named: serde_json::Map<String, Value> =
                args.fields.iter().map(|name| (name.clone(), field(event, name).into())).collect();
            return context.output.next(&named, &[], first);
        }
        let values: Vec<String> = args.fields.iter().map(|name| printable(&field(event, name))).collect();
        return context.output.text(&values.join("\t"));
    }
    if view::for_programs(context) {
        return context.output.next(event, &[], first);
    }
    let row = json!({
        "at": event["at"], "notice": event["notice"]["id"], "event": event["type"], "attention": event["attention"],
        "state": event["notice"]["state"], "tier": event["notice"]["tier"],
        "items": view::items(event, "notice.items").len(), "unanswered": unanswered(event).count(),
    });
    let columns = [
        col("at").time(),
        col("notice"),
        col("event"),
        col("attention"),
        col("state"),
        col("tier"),
        col("items"),
        col("unanswered"),
    ];
    context.output.next(&row, &columns, first)
}

/// A value of an event by its short name, or by names joined by dots.
fn field(event: &Value, name: &str) -> String {
    let notice = &event["notice"];
    match name {
        "notice" => view::text(notice, "id").to_owned(),
        "event" => view::text(event, "type").to_owned(),
        "items" => ids(view::items(notice, "items").iter()),
        "unanswered" => ids(unanswered(event)),
        "urls" => view::items(notice, "items")
            .iter()
            .map(|item| view::text(item, "url"))
            .collect::<Vec<_>>()
            .join(" "),
        "state" | "into" | "revision" | "tier" | "answer_by" | "issuer" | "issued_at" | "types" => {
            plain(&notice[name])
        }
        path => plain(path.split('.').try_fold(event, |value, name| value.get(name)).unwrap_or(&Value::Null)),
    }
}

fn ids<'v>(items: impl Iterator<Item = &'v Value>) -> String {
    items.map(|item| view::text(item, "item")).collect::<Vec<_>>().join(",")
}

fn unanswered(event: &Value) -> impl Iterator<Item = &Value> {
    view::items(event, "notice.items").iter().filter(|item| item.get("answer").is_none_or(Value::is_null))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_short_names_and_paths() {
        let event = json!({
            "cursor": "c1", "type": "notice.issued", "attention": true,
            "notice": {"id": "N-1", "state": "open", "tier": 3, "types": ["a", "d"],
                       "items": [{"item": "i1", "url": "https://a.test/"}, {"item": "i2", "url": "https://b.test/", "answer": {"outcome": "removed"}}]},
        });
        let cases = [
            ("notice", "N-1"),
            ("event", "notice.issued"),
            ("attention", "true"),
            ("tier", "3"),
            ("types", "a,d"),
            ("items", "i1,i2"),
            ("unanswered", "i1"),
            ("urls", "https://a.test/ https://b.test/"),
            ("cursor", "c1"),
            ("notice.id", "N-1"),
            ("into", ""),
            ("no.such", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(field(&event, name), expected, "{name}");
        }
    }
}
