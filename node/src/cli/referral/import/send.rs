// SPDX-License-Identifier: EUPL-1.2
//! Handing records over, in batches that may be sent twice without doing anything twice.

use concert_protocol::entry::EntryRef;
use concert_protocol::entry::referral::Referral;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::retry::patiently;
use crate::cli::{Client, Context, view};
use crate::import::{Problem, Reason};
use crate::output::{Exit, Failure};

/// What became of one record.
pub(super) enum Fate {
    /// A referral was signed.
    Sent,
    /// An endorsement was signed.
    Endorsed,
    /// It was there.
    Existing,
    /// It stands with another text, as this entry.
    Changed(String),
    /// It waits for a second person.
    Draft,
    /// The node refused it.
    Refused(Vec<Problem>),
}

/// Records on the way, in order.
pub(super) struct Sender<'a> {
    context: &'a Context,
    client: &'a Client,
    referrals: Vec<Value>,
    endorsements: Vec<Value>,
    /// For each record, whether it is an endorsement.
    order: Vec<bool>,
}

#[derive(Deserialize)]
struct Reply {
    results: Vec<Value>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(context: &'a Context, client: &'a Client) -> Self {
        Self { context, client, referrals: Vec::new(), endorsements: Vec::new(), order: Vec::new() }
    }

    /// Adds a full referral.
    pub(super) fn refer(&mut self, referral: &Referral) {
        self.referrals.push(serde_json::to_value(referral).unwrap_or(Value::Null));
        self.order.push(false);
    }

    /// Adds an endorsement of `other` in place of `referral`.
    pub(super) fn endorse(&mut self, other: &EntryRef, referral: &Referral) {
        let (unit, reference) = (referral.unit.as_str(), referral.reference.as_str());
        self.endorsements.push(json!({"referral": other, "unit": unit, "reference": reference}));
        self.order.push(true);
    }

    /// How many are endorsements.
    pub(super) fn endorsements(&self) -> u64 {
        self.endorsements.len() as u64
    }

    /// Sends both sorts; the answers are in the order in which the records were added.
    pub(super) async fn send(self) -> Result<Vec<Fate>, Failure> {
        let referred = json!({"referrals": self.referrals});
        let endorsed = json!({"endorsements": self.endorsements});
        let mut referred = self.post("referrals:batch", &referred, self.referrals.len()).await?.into_iter();
        let mut endorsed =
            self.post("endorsements:batch", &endorsed, self.endorsements.len()).await?.into_iter();
        let next =
            |endorsement: bool| if endorsement { (endorsed.next(), true) } else { (referred.next(), false) };
        let mut next = next;
        Ok(self
            .order
            .iter()
            .map(|endorsement| next(*endorsement))
            .map(|(result, is)| fate(result, is))
            .collect())
    }

    async fn post(&self, path: &str, body: &Value, count: usize) -> Result<Vec<Value>, Failure> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let reply: Reply =
            patiently(self.context, async || self.client.post(&[path], body, None).await).await?;
        if reply.results.len() == count {
            return Ok(reply.results);
        }
        Err(Failure::new(Exit::Failed, "the node answered for another number of records than it was given"))
    }
}

fn fate(result: Option<Value>, endorsement: bool) -> Fate {
    let result = result.unwrap_or(Value::Null);
    match view::text(&result, "outcome") {
        "created" if endorsement => Fate::Endorsed,
        "created" => Fate::Sent,
        "existing" => Fate::Existing,
        "draft" => Fate::Draft,
        "changed" => Fate::Changed(view::text(&result, "entry").to_owned()),
        _ => Fate::Refused(problems(&result["problem"])),
    }
}

/// The node's reasons as the reject file names them.
fn problems(problem: &Value) -> Vec<Problem> {
    let one = |field: &str, detail: &str| Problem {
        field: if field.is_empty() { "(record)".into() } else { field.trim_start_matches('/').to_owned() },
        value_hint: None,
        reason: Reason::Refused(detail.to_owned()),
    };
    let errors = view::items(problem, "errors");
    if errors.is_empty() {
        let detail = view::text(problem, "detail");
        return vec![one("", if detail.is_empty() { "no reason was given" } else { detail })];
    }
    errors.iter().map(|error| one(view::text(error, "pointer"), view::text(error, "detail"))).collect()
}

/// Whose node this is.
pub(super) async fn member(context: &Context, client: &Client) -> Result<String, Failure> {
    let me: Value = patiently(context, async || client.get(&["me"], &[]).await).await?;
    Ok(view::text(&me, "member").to_owned())
}
