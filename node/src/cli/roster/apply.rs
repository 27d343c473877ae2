// SPDX-License-Identifier: EUPL-1.2
//! `concert roster apply`.

use std::path::PathBuf;

use clap::Args;
use concert_protocol::roster::{RosterDigest, SignedRoster};

use super::show::summary;
use crate::cli::context::Context;
use crate::cli::failures;
use crate::engine::{RosterFileError, RosterFiles};
use crate::output::{Exit, Failure};

/// Put versions in force in a data folder whose node is not running.
///
/// The first version is trusted because you say so: compare its digest with the holders of the root keys over another
/// channel and give it with --digest. Each later version must be signed by enough root keys of the one before; several files
/// are applied in order of version, and a version that is in force already changes nothing.
#[derive(Debug, Args)]
pub(in crate::cli) struct Apply {
    /// Roster files
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Digest of the first version, as compared over another channel
    #[arg(long, value_name = "HEX")]
    digest: Option<RosterDigest>,
}

pub(super) fn run(context: &Context, args: &Apply) -> Result<(), Failure> {
    let mut versions = args.files.iter().map(|path| super::read(path)).collect::<Result<Vec<_>, _>>()?;
    versions.sort_by_key(|signed| signed.content().version);
    let data = context.data()?;
    if !data.root().is_dir() {
        return Err(Failure::new(
            Exit::NotFound,
            format!("there is no data folder {}", data.root().display()),
        )
        .hint("concert init --member CODE --data DIR makes one"));
    }
    let _lock = data.take().map_err(|error| {
        failures::lock(error)
            .hint("a running node takes a new roster through its API; stop it to apply one here")
    })?;
    let files = RosterFiles::new(&data.roster());
    let mut in_force = match files.load() {
        Ok(roster) => Some(roster),
        Err(RosterFileError::Missing(_)) => {
            if let Some(first) = versions.first() {
                confirm_first(context, first, args.digest)?;
            }
            None
        }
        Err(error) => return Err(failures::roster_file(error)),
    };
    for version in versions {
        // What is in force came through the same checks; a version from before it says nothing new.
        let known = in_force.as_ref().is_some_and(|roster| roster.digest() == version.digest());
        if !known {
            in_force = Some(files.apply(version).map_err(failures::roster_file)?);
        }
    }
    match in_force {
        Some(roster) => {
            summary(context, roster.signed(), None)?;
            if roster.expired(super::now()) {
                context
                    .output
                    .warn("this version has expired: the node reads and replicates, but issues nothing new");
            }
            Ok(())
        }
        None => Ok(()),
    }
}

/// A first version is trusted on the operator's word, and only when asked for.
fn confirm_first(
    context: &Context,
    first: &SignedRoster,
    digest: Option<RosterDigest>,
) -> Result<(), Failure> {
    match digest {
        Some(digest) if digest == first.digest() => Ok(()),
        Some(digest) => {
            Err(Failure::new(Exit::Integrity, "the first roster is not the one whose digest was given")
                .cause(format!("digest of the file: {}", first.digest()))
                .cause(format!("digest given:       {digest}"))
                .hint("ask the holders of the root keys for the right file, or for its digest"))
        }
        None => context.confirm(&format!(
            "Trust version {} of {} as the first roster of this node: was its digest {} compared over another channel?",
            first.content().version,
            first.content().federation,
            first.digest()
        )),
    }
}
