// SPDX-License-Identifier: EUPL-1.2
//! `concert roster show`, and the summary that the other verbs end with.

use std::path::{Path, PathBuf};

use clap::Args;
use concert_protocol::roster::{RosterVersion, SignedRoster};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failures;
use crate::engine::RosterFiles;
use crate::net::peer_id;
use crate::output::{Failure, Format, col};

/// Show a version: members, coordinators, root keys and who signed.
///
/// Without FILE, the version in force in --data. Of a FILE, the signatures of its own root keys are checked; whether it
/// follows the version in force is checked by concert roster apply.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// A roster file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A version in short.
#[derive(Serialize)]
struct Summary<'a> {
    federation: String,
    version: u64,
    digest: String,
    issued_at: String,
    expires: String,
    expired: bool,
    epoch: u64,
    coordinators: Vec<String>,
    members: usize,
    /// Signatures of its own root keys that hold, of those needed.
    signatures: usize,
    threshold: u32,
    root_keys: Vec<RootKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a RosterVersion>,
}

#[derive(Serialize)]
struct RootKey {
    fingerprint: String,
    public: String,
    signed: bool,
}

/// A member as the table has it.
#[derive(Serialize)]
struct Member<'a> {
    member: String,
    name: &'a str,
    roles: serde_json::Value,
    state: serde_json::Value,
    signing_fingerprint: Option<String>,
    peer_id: Option<String>,
    addresses: &'a [String],
}

pub(super) fn run(context: &Context, args: &Show) -> Result<(), Failure> {
    let signed = match &args.file {
        Some(file) => super::read(file)?,
        None => {
            let files = RosterFiles::new(&context.data()?.roster());
            files.load().map_err(failures::roster_file)?.signed().clone()
        }
    };
    match context.output.format() {
        Format::Json | Format::Jsonl => {
            let mut summary = summarise(&signed, args.file.as_deref())?;
            summary.content = Some(signed.content());
            context.output.one(&summary, &[])
        }
        Format::Csv => members(context, &signed),
        Format::Table => {
            summary(context, &signed, args.file.as_deref())?;
            context.output.text("")?;
            members(context, &signed)
        }
    }
}

/// Writes a version in short.
pub(super) fn summary(context: &Context, signed: &SignedRoster, file: Option<&Path>) -> Result<(), Failure> {
    let columns = [
        col("federation"),
        col("version"),
        col("digest"),
        col("issued_at").time().named("issued"),
        col("expires").time(),
        col("expired"),
        col("epoch"),
        col("coordinators"),
        col("members"),
        col("signatures"),
        col("threshold"),
        col("file"),
    ];
    let columns = if file.is_some() { &columns[..] } else { &columns[..columns.len() - 1] };
    context.output.one(&summarise(signed, file)?, columns)
}

fn summarise<'a>(signed: &SignedRoster, file: Option<&Path>) -> Result<Summary<'a>, Failure> {
    let content = signed.content();
    let signatures = signed.count(&content.root.keys).map_err(failures::roster)?;
    let signers: Vec<&str> = signed.signature_ids().collect();
    let root_keys = content.root.keys.iter().map(|key| RootKey {
        fingerprint: key.fingerprint(),
        public: key.to_string(),
        signed: signers.contains(&key.fingerprint().as_str()),
    });
    Ok(Summary {
        federation: content.federation.to_string(),
        version: content.version,
        digest: signed.digest().to_string(),
        issued_at: content.issued_at.to_string(),
        expires: content.expires.to_string(),
        expired: super::now() >= content.expires,
        epoch: content.epoch,
        coordinators: content.coordinators.iter().map(ToString::to_string).collect(),
        members: content.members.len(),
        signatures,
        threshold: content.root.threshold,
        root_keys: root_keys.collect(),
        file: file.map(|file| file.display().to_string()),
        content: None,
    })
}

fn members(context: &Context, signed: &SignedRoster) -> Result<(), Failure> {
    let rows = signed.content().members.iter().map(|member| Member {
        member: member.member.to_string(),
        name: member.name.as_str(),
        roles: serde_json::to_value(&member.roles).unwrap_or_default(),
        state: serde_json::to_value(member.state).unwrap_or_default(),
        signing_fingerprint: member
            .logs
            .last()
            .and_then(|log| log.keys.last())
            .map(|key| key.key.fingerprint()),
        peer_id: peer_id(&member.transport_key).map(|id| id.to_string()),
        addresses: &member.addresses,
    });
    let columns = [
        col("member"),
        col("name"),
        col("roles"),
        col("state"),
        col("signing_fingerprint").named("signing"),
        col("addresses"),
    ];
    context.output.list(&rows.collect::<Vec<_>>(), &columns)
}
