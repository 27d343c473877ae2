// SPDX-License-Identifier: EUPL-1.2
//! `concert notice list` and `concert notice show`.

use serde_json::{Value, json};

use super::{List, Show};
use crate::cli::{Client, Context, view};
use crate::engine::now;
use crate::output::{Failure, col};

/// Runs `notice list`.
pub(super) fn list(context: &Context, args: &List) -> Result<(), Failure> {
    let mut query = Vec::new();
    query.extend(args.recipient.as_deref().map(|recipient| ("recipient", recipient)));
    query.extend(args.state.as_deref().map(|state| ("state", state)));
    let client = Client::new(context)?;
    let mut notices: Vec<Value> = context.block_on(client.list_all(&["notices"], &query, args.limit))?;
    if args.unanswered {
        notices.retain(|notice| view::number(notice, "answered") < view::number(notice, "items"));
    }
    let columns = [
        col("notice"),
        col("recipient"),
        col("state"),
        col("tier"),
        col("types"),
        col("age"),
        col("items"),
        col("answered"),
        col("originators"),
        col("answer_by").time(),
    ];
    let at = now();
    view::list(context, &notices, &columns, |notice| {
        json!({
            "notice": notice["id"], "recipient": notice["recipient"], "state": notice["state"], "tier": notice["tier"],
            "types": notice["types"], "age": view::age(notice, "issued_at", at), "items": notice["items"],
            "answered": notice["answered"], "originators": notice["originators"], "answer_by": notice["answer_by"],
        })
    })
}

/// Runs `notice show`.
pub(super) fn show(context: &Context, args: &Show) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let id = args.notice.to_string();
    let notice: Value = context.block_on(client.get(&["notices", &id], &[]))?;
    if view::for_programs(context) {
        return context.output.one(&notice, &[]);
    }
    let at = now();
    let texts = |path: &str, text: &dyn Fn(&Value) -> String| -> String {
        view::items(&notice, path).iter().map(text).collect::<Vec<_>>().join("; ")
    };
    let item = |item: &Value| {
        let answer = match view::text(item, "answer.outcome") {
            "" => "no answer".to_owned(),
            outcome => {
                format!("{} {} ago", outcome.replace('_', " "), view::age(item, "answer.answered_at", at))
            }
        };
        format!("{} {} ({answer})", view::text(item, "item"), view::text(item, "display"))
    };
    let originator = |originator: &Value| {
        let carrier = view::text(originator, "transmitted_by");
        let carrier = if carrier.is_empty() { String::new() } else { format!(" through {carrier}") };
        format!(
            "{} {} {}{carrier}",
            view::text(originator, "member"),
            view::text(originator, "unit"),
            view::text(originator, "reference")
        )
    };
    let delivery = |delivery: &Value| {
        format!("{} {} ago", view::text(delivery, "channel"), view::age(delivery, "received_at", at))
    };
    let state = match view::text(&notice, "into") {
        "" => view::text(&notice, "state").to_owned(),
        into => format!("merged into {into}"),
    };
    let row = json!({
        "notice": notice["id"], "recipient": notice["recipient"], "state": state, "revision": notice["revision"],
        "tier": notice["tier"], "types": notice["types"], "content_types": notice["content_types"],
        "languages": notice["languages"], "graphic": notice["graphic"], "issued": notice["issued_at"],
        "issuer": notice["issuer"], "answer_by": notice["answer_by"], "items": texts("items", &item),
        "originators": texts("originators", &originator), "deliveries": texts("deliveries", &delivery), "held": notice["held"],
        "proofs": format!(
            "{} of {}",
            view::items(&notice, "referrals").iter().filter(|proof| !view::text(proof, "proof").is_empty()).count(),
            view::items(&notice, "referrals").len()
        ),
    });
    let columns = [
        col("notice"),
        col("recipient"),
        col("state"),
        col("revision"),
        col("tier"),
        col("types"),
        col("content_types"),
        col("languages"),
        col("graphic"),
        col("issued").time(),
        col("issuer"),
        col("answer_by").time(),
        col("items"),
        col("originators"),
        col("proofs"),
        col("deliveries"),
        col("held"),
    ];
    context.output.one(&row, &columns)
}
