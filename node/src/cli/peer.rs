// SPDX-License-Identifier: EUPL-1.2
//! `concert peer`: the other members' nodes, as this node sees them.

use clap::{Args, Subcommand};
use concert_protocol::member::MemberId;
use serde_json::{Value, json};

use super::{Client, Context, LIST_LEN_MAX, view};
use crate::engine::now;
use crate::output::{Exit, Failure, col};

/// List the other members' nodes.
#[derive(Debug, Subcommand)]
pub(super) enum Peer {
    /// List members and whether their nodes are connected.
    List,
    /// Show one member: addresses, contact, log.
    Show(Show),
}

/// Arguments of `peer show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The member, as in DE
    #[arg(value_name = "CODE")]
    member: MemberId,
}

/// Runs one of the commands.
pub(super) fn run(context: &Context, command: &Peer) -> Result<(), Failure> {
    match command {
        Peer::List => list(context),
        Peer::Show(args) => show(context, args),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let (peers, logs) = context.block_on(async {
        let peers: Vec<Value> = client.list_all(&["peers"], &[], LIST_LEN_MAX).await?;
        let logs: Vec<Value> = client.list_all(&["log"], &[], LIST_LEN_MAX).await?;
        Ok((peers, logs))
    })?;
    let columns = [
        col("member"),
        col("name"),
        col("roles"),
        col("state"),
        col("connected"),
        col("heard"),
        col("log"),
        col("stored"),
        col("head"),
        col("addresses"),
    ];
    let at = now();
    view::list(context, &peers, &columns, |peer| {
        let log = log_of(&logs, peer);
        let connected = if view::flag(peer, "own") { json!("this node") } else { peer["connected"].clone() };
        let mut roles = view::items(peer, "roles").to_vec();
        if view::flag(peer, "coordinator") {
            roles.push("coordinator".into());
        }
        json!({
            "member": peer["member"], "name": peer["name"], "roles": roles, "state": peer["state"], "connected": connected,
            "heard": view::age(peer, "heard_at", at), "log": peer["log"], "stored": log["stored"], "head": log["head"],
            "addresses": peer["addresses"],
        })
    })
}

fn show(context: &Context, args: &Show) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let (peers, logs) = context.block_on(async {
        let peers: Vec<Value> = client.list_all(&["peers"], &[], LIST_LEN_MAX).await?;
        let logs: Vec<Value> = client.list_all(&["log"], &[], LIST_LEN_MAX).await?;
        Ok((peers, logs))
    })?;
    let found = peers.iter().find(|peer| view::text(peer, "member") == args.member.as_str());
    let mut peer = found.cloned().ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("the roster in force has no member {}", args.member))
            .hint("concert peer list shows those that it has")
    })?;
    peer["log_state"] = log_of(&logs, &peer);
    let columns = [
        col("member"),
        col("name"),
        col("roles"),
        col("coordinator"),
        col("state"),
        col("connected"),
        col("heard_at").named("heard").time(),
        col("contact"),
        col("addresses"),
        col("log"),
        col("log_state.stored").named("stored"),
        col("log_state.applied").named("checked"),
        col("log_state.head").named("head"),
        col("log_state.confirmed").named("confirmed"),
        col("log_state.frozen").named("frozen"),
    ];
    context.output.one(&peer, &columns)
}

fn log_of(logs: &[Value], peer: &Value) -> Value {
    let name = view::text(peer, "log");
    logs.iter().find(|log| view::text(log, "log") == name).cloned().unwrap_or(Value::Null)
}
