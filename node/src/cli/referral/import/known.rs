// SPDX-License-Identifier: EUPL-1.2
//! What the federation already knows of the records that are about to be sent.

use concert_protocol::entry::EntryRef;
use concert_protocol::entry::referral::Referral;
use serde::Serialize;
use serde_json::Value;

use crate::cli::check::look_up;
use crate::cli::retry::patiently;
use crate::cli::{Client, Context, view};
use crate::engine::now;
use crate::import::Record;
use crate::output::Failure;

/// A record that another member has referred too.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Known {
    /// Line of the export.
    line: u64,
    /// The record's file reference.
    reference: String,
    /// What met: `address`, `file` or `near_picture`.
    matched: &'static str,
    /// Whether an endorsement is sent in place of a full referral.
    pub(super) endorse: bool,
    /// The earliest referral of another member that was met.
    hit: Value,
}

impl Known {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        let notice = match (view::text(&self.hit, "answer"), view::text(&self.hit, "notice_state")) {
            ("", "") => "no notice yet".to_owned(),
            ("", state) => format!("notice {state}"),
            (answer, _) => answer.replace('_', " "),
        };
        let hold = if view::flag(&self.hit, "on_hold") { ", on hold" } else { "" };
        let action = if self.endorse { "endorsing" } else { "joining its notice" };
        format!(
            "line {}: {} is known: {} ({}) {} ago, same {}, {notice}{hold}; {action}",
            self.line,
            self.reference,
            view::text(&self.hit, "member"),
            view::text(&self.hit, "unit"),
            view::age(&self.hit, "at", now()),
            self.matched.replace('_', " "),
        )
    }
}

/// What was found for one record.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The referral of another member that names every address of the record, when nobody of this member has one.
    pub(super) endorsable: Option<EntryRef>,
    best: Option<(&'static str, Value)>,
}

impl Found {
    /// The record as known elsewhere, if it is.
    pub(super) fn known(&self, record: &Record, referral: &Referral) -> Option<Known> {
        let (matched, hit) = self.best.clone()?;
        let reference = referral.reference.to_string();
        Some(Known { line: record.line, reference, matched, endorse: false, hit })
    }
}

/// What was found for each record of a batch, in their order.
pub(super) struct Matches(pub(super) Vec<Found>);

impl Matches {
    /// Asks for every address and fingerprint of the records.
    pub(super) async fn find<'r>(
        context: &Context,
        client: &Client,
        referrals: impl Iterator<Item = &'r Referral> + Clone,
        member: &str,
    ) -> Result<Self, Failure> {
        let mut queries = Vec::new();
        for referral in referrals.clone() {
            queries.extend(referral.items.iter().map(|item| item.url.to_string()));
            queries.extend(referral.fingerprints.iter().map(|print| print.value.to_string()));
        }
        let results = patiently(context, async || look_up(client, &queries).await).await?;
        let mut results = results.into_iter();
        let mut found = Vec::new();
        for referral in referrals {
            let addresses: Vec<Value> = results.by_ref().take(referral.items.len()).collect();
            let files: Vec<Value> = results.by_ref().take(referral.fingerprints.len()).collect();
            found.push(judge(&addresses, &files, member));
        }
        Ok(Self(found))
    }
}

fn judge(addresses: &[Value], files: &[Value], member: &str) -> Found {
    let of_others = |result: &Value, kind: &str| -> Option<Value> {
        let hits = view::items(result, "hits").iter();
        hits.filter(|hit| view::text(hit, "member") != member && view::text(hit, "kind") == kind)
            .min_by_key(|hit| view::text(hit, "at").to_owned())
            .cloned()
    };
    let first = |results: &[Value], kind: &str| results.iter().find_map(|result| of_others(result, kind));
    let best = first(addresses, "exact")
        .map(|hit| ("address", hit))
        .or_else(|| first(files, "exact").map(|hit| ("file", hit)))
        .or_else(|| first(files, "near").map(|hit| ("near_picture", hit)));
    Found { endorsable: endorsable(addresses, member), best }
}

/// An endorsement says nothing of addresses, so it stands for a record only if one referral names them all.
fn endorsable(addresses: &[Value], member: &str) -> Option<EntryRef> {
    let exact = |result: &Value| {
        let hits = view::items(result, "hits").iter().filter(|hit| view::text(hit, "kind") == "exact");
        hits.cloned().collect::<Vec<Value>>()
    };
    let hits: Vec<Vec<Value>> = addresses.iter().map(exact).collect();
    let own = hits.iter().flatten().any(|hit| view::text(hit, "member") == member);
    if own {
        return None;
    }
    let names_all = |referral: &str| {
        hits.iter().all(|hits| hits.iter().any(|hit| view::text(hit, "referral") == referral))
    };
    let mut candidates: Vec<&Value> = hits.first()?.iter().collect();
    candidates.sort_by_key(|hit| (view::text(hit, "at"), view::text(hit, "referral")));
    let chosen =
        candidates.into_iter().map(|hit| view::text(hit, "referral")).find(|referral| names_all(referral))?;
    chosen.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "DE/018bcfe5-6800-7fff-bfff-ffffffffffff";
    const B: &str = "BE/018bcfe5-6800-7fff-bfff-fffffffffffe";

    fn hit(referral: &str, at: &str) -> Value {
        json!({"kind": "exact", "referral": referral, "member": &referral[..2], "at": at})
    }

    fn result(hits: &[Value]) -> Value {
        json!({"outcome": "exact", "hits": hits})
    }

    #[test]
    fn an_endorsement_needs_one_referral_of_another_that_names_every_address() {
        let (early, late) = (hit(B, "2026-01-01"), hit(A, "2026-02-01"));
        let one = [result(&[late.clone(), early.clone()])];
        assert_eq!(endorsable(&one, "FR").map(|r| r.to_string()).as_deref(), Some(B), "the earliest");
        let two = [result(&[late.clone(), early.clone()]), result(std::slice::from_ref(&late))];
        assert_eq!(
            endorsable(&two, "FR").map(|r| r.to_string()).as_deref(),
            Some(A),
            "the one that names both"
        );
        let apart = [result(std::slice::from_ref(&early)), result(std::slice::from_ref(&late))];
        assert_eq!(endorsable(&apart, "FR"), None);
        assert_eq!(endorsable(&[result(&[])], "FR"), None);
        assert_eq!(endorsable(&one, "BE"), None, "a unit of this member has assessed it itself");
    }

    #[test]
    fn own_referrals_are_not_known_elsewhere() {
        let own = result(&[hit(A, "2026-01-01")]);
        assert!(judge(std::slice::from_ref(&own), &[], "DE").best.is_none());
        assert_eq!(judge(&[own], &[], "FR").best.map(|(matched, _)| matched), Some("address"));
        let near = json!({"hits": [{"kind": "near", "member": "DE", "at": "x", "distance": 3}]});
        assert_eq!(judge(&[], &[near], "FR").best.map(|(matched, _)| matched), Some("near_picture"));
    }
}
