// SPDX-License-Identifier: EUPL-1.2
//! `concert platform`: whom notices go to. The API calls them recipients; hosting services are most of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concert_protocol::entry::recipient::Recipient;
use concert_protocol::entry::text::RecipientId;
use serde_json::{Value, json};

use super::referral::Key;
use super::retry::patiently;
use super::{Client, Context, LIST_LEN_MAX, files};
use crate::output::{Exit, Failure, col};

/// Longest file with recipients, in bytes.
const FILE_LEN_MAX: u64 = 16 << 20;

/// List, register and suspend platforms and other recipients.
#[derive(Debug, Subcommand)]
pub(super) enum Platform {
    /// List recipients.
    List,
    /// Register a recipient, or bring its record up to date; the same record again changes nothing.
    Add(Box<Add>),
    /// Send a recipient nothing more, until it is added again.
    Suspend(Suspend),
}

/// Arguments of `platform add`.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// JSON file with one recipient or a list of them; flags are not read then
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    from: Option<PathBuf>,
    /// Its id; for a platform that the locator rules know, its id there
    #[arg(value_name = "ID", required_unless_present = "from")]
    id: Option<String>,
    /// Name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it does: hosting, search or access
    #[arg(long, value_name = "ROLE", default_value = "hosting")]
    role: String,
    /// Its domains, subdomains included, as in video-a.example,vid-a.example
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    domains: Vec<String>,
    /// State of main establishment, as in IE
    #[arg(long, value_name = "CODE")]
    established: Option<String>,
    /// Languages in which it can be written to, best first, as in en,fr
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    languages: Vec<String>,
    /// Contact point
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// The public key with which it signs answers: 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    public_key: Option<String>,
}

/// Arguments of `platform suspend`.
#[derive(Debug, Args)]
pub(super) struct Suspend {
    /// The recipient
    #[arg(value_name = "ID")]
    id: RecipientId,
    /// Why, for members
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    key: Key,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Platform) -> Result<(), Failure> {
    match command {
        Platform::List => list(context),
        Platform::Add(args) => add(context, args),
        Platform::Suspend(args) => suspend(context, args),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let recipients: Vec<Value> = context.block_on(client.list_all(&["recipients"], &[], LIST_LEN_MAX))?;
    let columns = [
        col("record.recipient").named("id"),
        col("record.name").named("name"),
        col("record.role").named("role"),
        col("record.domains").named("domains").url(),
        col("record.established").named("established"),
        col("suspended"),
    ];
    context.output.list(&recipients, &columns)
}

fn add(context: &Context, args: &Add) -> Result<(), Failure> {
    let records = match &args.from {
        Some(path) => read(path)?,
        None => vec![record(&args.flags(), "the flags")?],
    };
    let client = Client::new(context)?;
    let added = context.block_on(async {
        let mut added = Vec::new();
        for record in &records {
            let post = async || client.post::<Value>(&["recipients"], record, None).await;
            let mut written = patiently(context, post)
                .await
                .map_err(|failure| failure.cause(format!("for the recipient {}", record.recipient)))?;
            written["recipient"] = record.recipient.to_string().into();
            added.push(written);
        }
        Ok(added)
    })?;
    context.output.list(&added, &[col("recipient"), col("outcome"), col("entry"), col("at").time()])
}

impl Add {
    fn flags(&self) -> Value {
        let mut record = json!({
            "recipient": self.id, "name": self.name.as_ref().or(self.id.as_ref()), "role": self.role,
            "domains": self.domains, "established": self.established, "languages": self.languages,
        });
        let optional = [("contact", &self.contact), ("key", &self.public_key)];
        for (name, value) in optional {
            if let Some(value) = value {
                record[name] = value.as_str().into();
            }
        }
        record
    }
}

fn read(path: &std::path::Path) -> Result<Vec<Recipient>, Failure> {
    let name = path.display().to_string();
    let bytes = files::read_bounded(path, FILE_LEN_MAX)?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Failed, format!("{name} is not JSON")).because(error))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let one = |(place, value): (usize, &Value)| record(value, &format!("recipient {} in {name}", place + 1));
    list.iter().enumerate().map(one).collect()
}

/// Reads a record. Files may call the recipient `id`, as people do.
fn record(value: &Value, what: &str) -> Result<Recipient, Failure> {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut()
        && !object.contains_key("recipient")
        && let Some(id) = object.remove("id")
    {
        object.insert("recipient".into(), id);
    }
    serde_json::from_value(value).map_err(|error| {
        Failure::new(Exit::Usage, format!("{what} cannot be registered")).because(error).hint(
            "a recipient has an id, name, role (hosting, search, access), domains and established (as in IE)",
        )
    })
}

fn suspend(context: &Context, args: &Suspend) -> Result<(), Failure> {
    context.confirm(&format!("send {} nothing more?", args.id))?;
    let (client, key) = (Client::new(context)?, args.key.get()?);
    let (path, body) = (["recipients", args.id.as_str(), "suspension"], json!({"reason": args.reason}));
    let written: Value =
        context.block_on(patiently(context, async || client.post(&path, &body, Some(&key)).await))?;
    let columns = [col("outcome"), col("entry"), col("log"), col("index"), col("at").time()];
    context.output.one(&written, &columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_people_write_them() {
        let value = json!({"id": "video-a", "name": "Video A", "role": "hosting", "domains": ["video-a.test"], "established": "IE"});
        assert_eq!(record(&value, "it").expect("a record").recipient.as_str(), "video-a");
        let wrong = json!({"id": "video-a", "name": "Video A", "role": "hosting", "domains": [], "established": "IE"});
        assert_eq!(record(&wrong, "it").expect_err("no domains").code(), 2);
    }
}
