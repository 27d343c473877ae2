// SPDX-License-Identifier: EUPL-1.2
//! `concert token`: who may speak to a node. The secret of a new token is shown once and can be written to a file of mode 0600.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use concert_protocol::entry::text::RecipientId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Client, Context, LIST_LEN_MAX, failures, view};
use crate::output::{Exit, Failure, col};

/// Issue, list and revoke tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Issue a token; its secret is shown this once.
    Issue(Issue),
    /// List the tokens ever issued; without their secrets.
    List,
    /// Revoke a token, at once and for ever.
    Revoke(Revoke),
}

/// Arguments of `token issue`.
#[derive(Debug, Args)]
pub(super) struct Issue {
    /// What it allows: administrator, analyst, approver, officer, reviewer, auditor or recipient
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Whose token it is, for the role recipient
    #[arg(long, value_name = "ID")]
    recipient: Option<RecipientId>,
    /// For people: whose it is. Give every person and every program its own [default: role or recipient]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Days until it ends by itself; without it, it ends when revoked
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    expires_in_days: Option<u32>,
    /// New file for the secret, readable by its owner alone; without it the secret goes to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The token's id, as in t-0123456789abcdef
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
struct Request<'a> {
    name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_days: Option<u32>,
}

#[derive(Deserialize)]
struct Issued {
    secret: String,
    token: Value,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Token) -> Result<(), Failure> {
    match command {
        Token::Issue(args) => issue(context, args),
        Token::List => list(context),
        Token::Revoke(args) => revoke(context, args),
    }
}

fn issue(context: &Context, args: &Issue) -> Result<(), Failure> {
    let role = role(args)?;
    // Before the token exists: a secret that cannot be kept would be lost.
    let mut file = args.out.as_deref().map(create).transpose()?;
    let client = Client::new(context)?;
    let name = args.name.as_deref().unwrap_or(&role);
    let request = Request { name, role: &role, expires_in_days: args.expires_in_days };
    let issued: Result<Issued, Failure> = context.block_on(client.post(&["tokens"], &request, None));
    if let (Err(_), Some(path)) = (&issued, &args.out) {
        // The file was made a moment ago by this command and holds nothing.
        let _ = std::fs::remove_file(path);
    }
    let issued = issued?;
    let columns = [col("id"), col("name"), col("role"), col("expires").time()];
    match (&mut file, &args.out) {
        (Some(file), Some(path)) => {
            let written = writeln!(file, "{}", issued.secret).and_then(|()| file.sync_all());
            written.map_err(|error| failures::file("cannot write", path, error))?;
            context.output.one(&issued.token, &columns)
        }
        _ if view::for_programs(context) => {
            let whole = serde_json::json!({"secret": issued.secret, "token": issued.token});
            context.output.one(&whole, &[])
        }
        _ => {
            context.output.note("the token is shown this once; keep it in a file that only you can read:");
            context.output.text(&issued.secret)
        }
    }
}

fn role(args: &Issue) -> Result<String, Failure> {
    match (args.role.as_str(), &args.recipient) {
        ("recipient", Some(id)) => Ok(format!("recipient:{id}")),
        ("recipient", None) => Err(Failure::new(Exit::Usage, "--role recipient needs --recipient ID")
            .hint("concert platform list shows the ids")),
        (_, Some(_)) => Err(Failure::new(Exit::Usage, "--recipient goes with --role recipient alone")),
        (role, None) => Ok(role.to_owned()),
    }
}

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| failures::file("cannot create", path, error))
}

fn list(context: &Context) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let tokens: Vec<Value> = context.block_on(client.list_all(&["tokens"], &[], LIST_LEN_MAX))?;
    let columns = [
        col("id"),
        col("role"),
        col("name"),
        col("issued_at").named("issued").time(),
        col("expires").time(),
        col("revoked_at").named("revoked").time(),
        col("live"),
    ];
    context.output.list(&tokens, &columns)
}

fn revoke(context: &Context, args: &Revoke) -> Result<(), Failure> {
    context.confirm(&format!("revoke the token {}? It cannot be undone.", args.id))?;
    let client = Client::new(context)?;
    context.block_on(client.delete(&["tokens", &args.id]))?;
    context.output.note(&format!("{} opens nothing any more", args.id));
    Ok(())
}
