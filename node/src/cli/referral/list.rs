// SPDX-License-Identifier: EUPL-1.2
//! `concert referral list` and `concert referral show`.

use serde_json::{Value, json};

use super::{List, Show, path};
use crate::cli::{Client, Context, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// Runs `referral list`.
pub(super) fn list(context: &Context, args: &List) -> Result<(), Failure> {
    let since = args.since.as_deref().map(since).transpose()?;
    let mut query = Vec::new();
    query.extend(args.member.as_deref().map(|member| ("member", member)));
    query.extend(args.state.as_deref().map(|state| ("state", state)));
    query.extend(since.as_deref().map(|since| ("since", since)));
    if args.oldest {
        query.push(("order", "oldest"));
    }
    let client = Client::new(context)?;
    let referrals: Vec<Value> = context.block_on(client.list_all(&["referrals"], &query, args.limit))?;
    let columns = [
        col("referral"),
        col("unit"),
        col("reference"),
        col("age"),
        col("state"),
        col("tier"),
        col("type"),
        col("items"),
        col("endorsed"),
        col("notices"),
        col("answered"),
    ];
    let at = now();
    view::list(context, &referrals, &columns, |referral| {
        let notices: Vec<&str> =
            view::items(referral, "notices").iter().map(|notice| view::text(notice, "state")).collect();
        json!({
            "referral": referral["referral"], "unit": referral["unit"], "reference": referral["reference"],
            "age": view::age(referral, "at", at), "state": referral["state"], "tier": referral["tier"],
            "type": referral["content_type"], "items": referral["items"], "endorsed": referral["endorsements"],
            "notices": notices, "answered": referral["answered"],
        })
    })
}

fn since(text: &str) -> Result<String, Failure> {
    view::read_time(text).map(|time| time.to_string()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("--since {text:?} is not a time"))
            .hint("write it as in 2026-11-22 or 2026-11-22T08:00:00Z")
    })
}

/// Runs `referral show`.
pub(super) fn show(context: &Context, args: &Show) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let id = args.referral.id.to_string();
    let path = path(&args.referral, &id, &[]);
    if args.raw {
        let bytes = context.block_on(client.signed(&path))?;
        return context.output.text(&String::from_utf8_lossy(&bytes));
    }
    let query: &[(&str, &str)] = if args.explain { &[("explain", "true")] } else { &[] };
    let referral: Value = context.block_on(client.get(&path, query))?;
    if view::for_programs(context) {
        return context.output.one(&referral, &[]);
    }
    let at = now();
    let summary = &referral["summary"];
    let address = |item: &Value| {
        let recipient = view::text(item, "recipient");
        let to = if recipient.is_empty() { "nobody registered" } else { recipient };
        format!("{} ({to})", view::text(item, "display"))
    };
    let answer = |answer: &Value| {
        format!(
            "{} {} {} ago",
            view::text(answer, "recipient"),
            view::text(answer, "answer.outcome"),
            view::age(answer, "answer.answered_at", at)
        )
    };
    let notice = |notice: &Value| format!("{} {}", view::text(notice, "id"), view::text(notice, "state"));
    let edge = |edge: &Value| {
        format!(
            "{} {} — {}",
            view::text(edge, "why").replace('_', " "),
            view::text(edge, "first"),
            view::text(edge, "second")
        )
    };
    let texts = |value: &Value, path: &str, text: &dyn Fn(&Value) -> String| -> String {
        view::items(value, path).iter().map(text).collect::<Vec<_>>().join("; ")
    };
    let document = &referral["document"];
    let row = json!({
        "referral": summary["referral"], "unit": summary["unit"], "reference": summary["reference"],
        "written": summary["at"], "state": summary["state"], "confirmed": summary["confirmed"],
        "tier": summary["tier"], "content_type": summary["content_type"], "types": summary["types"],
        "items": texts(&referral, "items", &address),
        "fingerprints": texts(document, "fingerprints", &|print| view::text(print, "value").to_owned()),
        "reasons": document["reasons"], "endorsements": referral["endorsements"],
        "case": summary["case"], "notices": texts(summary, "notices", &notice),
        "answers": texts(&referral, "answers", &answer),
        "log": format!("{} entry {}", view::text(&referral, "log"), view::number(&referral, "index")),
        "edges": texts(&referral, "edges", &edge),
    });
    let mut columns = vec![
        col("referral"),
        col("unit"),
        col("reference"),
        col("written").time(),
        col("state"),
        col("confirmed"),
        col("tier"),
        col("content_type"),
        col("types"),
        col("items"),
        col("fingerprints"),
        col("reasons"),
        col("endorsements"),
        col("case"),
        col("notices"),
        col("answers"),
        col("log"),
    ];
    if args.explain {
        columns.push(col("edges"));
    }
    context.output.one(&row, &columns)
}
