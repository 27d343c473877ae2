// SPDX-License-Identifier: EUPL-1.2
//! `concert roster`: writing, signing, reading and applying versions of the roster, without a node.

mod apply;
mod create;
mod show;
mod sign;

use std::path::Path;

use clap::Subcommand;
use concert_protocol::roster::{ROSTER_LEN_MAX, SignedRoster};
use concert_protocol::time::Timestamp;

use super::context::Context;
use super::{failures, files};
use crate::keys::{KeyFile, Purpose};
use crate::output::Failure;

/// Keep the signed list of members.
///
/// A roster says who is a member, who coordinates, and whose signatures make the next version. A first version is trusted
/// because its digest was compared over another channel; each next one because enough root keys of the one before, and its
/// own, have signed it.
#[derive(Debug, Subcommand)]
pub(super) enum Roster {
    Create(create::Create),
    Sign(sign::Sign),
    Show(show::Show),
    Apply(apply::Apply),
}

pub(super) fn run(context: &Context, command: &Roster) -> Result<(), Failure> {
    match command {
        Roster::Create(args) => create::run(context, args),
        Roster::Sign(args) => sign::run(context, args),
        Roster::Show(args) => show::run(context, args),
        Roster::Apply(args) => apply::run(context, args),
    }
}

/// Reads a file and checks its form; nothing about trust.
fn read(path: &Path) -> Result<SignedRoster, Failure> {
    let bytes = files::read_bounded(path, ROSTER_LEN_MAX as u64)?;
    SignedRoster::parse(&bytes)
        .map_err(|error| failures::roster(error).cause(format!("in {}", path.display())))
}

/// Reads the root keys in `paths`.
fn root_keys(paths: &[impl AsRef<Path>]) -> Result<Vec<KeyFile>, Failure> {
    let load = |path: &Path| KeyFile::load_for(path, Purpose::Root).map_err(failures::key);
    paths.iter().map(|path| load(path.as_ref())).collect()
}

/// The time of this machine's clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
