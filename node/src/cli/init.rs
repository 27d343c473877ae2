// SPDX-License-Identifier: EUPL-1.2
//! `concert init`: the data folder and the keys of a new node, and the card that tells others of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::{Args, ValueEnum};
use concert_protocol::entry::text::Text;
use concert_protocol::member::MemberId;
use concert_protocol::roster::{FederationName, Role};
use serde::Serialize;

use super::context::Context;
use super::failures;
use super::files::write_new;
use super::member_card::{CARD_FILE, MemberCard};
use crate::journal::DataDir;
use crate::keys::{NodeKeys, create_private_dir};
use crate::net::peer_id;
use crate::output::{Exit, Failure, col};
use crate::settings::{FILE_IN_DATA, KEYS, Kind, Loaded, Origin, Settings};

/// Make the data folder and the keys of a new node.
///
/// Writes three things into --data: the secret keys (keys/, readable by you alone), the settings given with --set
/// (config.toml), and the member card (concert-member.json), which holds public keys and goes to whoever keeps the roster.
/// The node can start once it has a roster that lists it: see concert roster apply.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Code of the member whose node this is: FR, DE, EU
    #[arg(long, value_name = "CODE")]
    member: MemberId,
    /// Name for people [default: the code]
    #[arg(long, value_name = "NAME", value_parser = text::<120>)]
    name: Option<Text<1, 120>>,
    /// Contact desk, for people: an address, a telephone number
    #[arg(long, value_name = "TEXT", value_parser = text::<400>)]
    contact: Option<Text<1, 400>>,
    /// What the member does: member refers content, mirror only replicates and serves, reviewer recommends
    #[arg(long, value_enum, default_value = "member", hide_possible_values = true)]
    role: RoleArg,
    /// Federation that it asks to join, as in concert.example
    #[arg(long, value_name = "NAME")]
    federation: Option<FederationName>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    Member,
    Mirror,
    Reviewer,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    member: String,
    data: String,
    card: String,
    signing_fingerprint: String,
    cosigner_fingerprint: String,
    transport_fingerprint: String,
    peer_id: Option<String>,
    addresses: Vec<String>,
}

pub(super) fn run(context: &Context, args: &Init) -> Result<(), Failure> {
    let loaded = context.settings()?;
    let data = DataDir::new(&loaded.settings.node.data);
    check_member(&loaded.settings, &args.member)?;
    prepare(data.root())?;
    let _lock = data.take().map_err(failures::lock)?;
    let keys = NodeKeys::generate(&data.keys()).map_err(failures::key)?;
    create_private_dir(&data.roster()).map_err(failures::key)?;
    if context.global.config.is_none() && !data.root().join(FILE_IN_DATA).exists() {
        write_new(&data.root().join(FILE_IN_DATA), settings_file(&loaded, &args.member).as_bytes(), false)?;
    }
    let card = card(args, &loaded.settings, &keys)?;
    let path = data.root().join(CARD_FILE);
    write_new(&path, &card.to_bytes(), false)?;
    let made = Made {
        member: card.member.to_string(),
        data: data.root().display().to_string(),
        card: path.display().to_string(),
        signing_fingerprint: card.signing_key.fingerprint(),
        cosigner_fingerprint: card.cosigner_key.fingerprint(),
        transport_fingerprint: card.transport_key.fingerprint(),
        peer_id: peer_id(&card.transport_key).map(|id| id.to_string()),
        addresses: card.addresses,
    };
    let columns = [
        col("member"),
        col("data"),
        col("card"),
        col("signing_fingerprint"),
        col("cosigner_fingerprint"),
        col("transport_fingerprint"),
        col("peer_id"),
        col("addresses"),
    ];
    context.output.one(&made, &columns)?;
    context.output.note(&format!(
        "next: send {} to whoever keeps the roster, and compare the fingerprints over another channel;\n      \
         then concert roster apply ROSTER --data {}",
        path.display(),
        data.root().display()
    ));
    Ok(())
}

fn check_member(settings: &Settings, member: &MemberId) -> Result<(), Failure> {
    match &settings.node.member {
        Some(set) if set != member => Err(Failure::new(
            Exit::Conflict,
            format!("--member is {member}, but the setting node.member is {set}"),
        )
        .hint("concert config show --origin node.member says where that comes from")),
        _ => Ok(()),
    }
}

/// Makes the folder, or takes one that holds nothing but settings, and closes it to others.
fn prepare(data: &Path) -> Result<(), Failure> {
    create_private_dir(data).map_err(failures::key)?;
    let failed = |error| failures::file("cannot use the data folder", data, error);
    for entry in fs::read_dir(data).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !["config.toml", "conf.d", "lost+found", "lock"].iter().any(|known| name == *known) {
            let error = format!("{} is in use: it holds {}", data.display(), name.display());
            return Err(Failure::new(Exit::Conflict, error)
                .hint("choose another --data; concert init never touches a node that is there"));
        }
    }
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// A settings file with the member and what `--set` gave.
fn settings_file(loaded: &Loaded, member: &MemberId) -> String {
    let mut sections: BTreeMap<String, toml::Table> = BTreeMap::new();
    let given = loaded.values().into_iter().filter(|(key, _)| loaded.origin(key) == Origin::Flag("--set"));
    let member = ("node.member".to_owned(), toml::Value::String(member.to_string()));
    for (key, value) in given.chain([member]) {
        if let Some((section, name)) = key.split_once('.') {
            sections.entry(section.to_owned()).or_default().insert(name.to_owned(), lasting(&key, value));
        }
    }
    let written = toml::to_string(&sections).unwrap_or_default();
    format!("# Settings of this node; concert config example explains every key.\n\n{written}")
}

/// A path given on the command line is relative to the working folder, one in a file to the file.
fn lasting(key: &str, value: toml::Value) -> toml::Value {
    let is_path = KEYS.get(key).is_some_and(|spec| spec.kind == Kind::Path);
    match value {
        toml::Value::String(text) if is_path && !text.is_empty() => {
            let absolute = std::path::absolute(&text).map(|path| path.to_string_lossy().into_owned());
            toml::Value::String(absolute.unwrap_or(text))
        }
        other => other,
    }
}

fn card(args: &Init, settings: &Settings, keys: &NodeKeys) -> Result<MemberCard, Failure> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => text(args.member.as_str()).map_err(|error| Failure::new(Exit::Usage, error))?,
    };
    let role = match args.role {
        RoleArg::Member => Role::Member,
        RoleArg::Mirror => Role::Mirror,
        RoleArg::Reviewer => Role::Reviewer,
    };
    let peer = &settings.peer;
    let addresses = if peer.external.is_empty() { &peer.listen } else { &peer.external };
    let mut card = MemberCard::new(args.member.clone(), name, role, keys);
    card.federation = args.federation.clone();
    card.contact = args.contact.clone();
    card.addresses = addresses.iter().map(ToString::to_string).collect();
    Ok(card)
}

fn text<const MAX: usize>(text: &str) -> Result<Text<1, MAX>, String> {
    text.parse().map_err(|error: concert_protocol::entry::text::TextError| error.to_string())
}
