// SPDX-License-Identifier: EUPL-1.2
//! `concert roster sign`.

use std::path::PathBuf;

use clap::Args;

use super::show::summary;
use crate::cli::context::Context;
use crate::cli::failures;
use crate::cli::files::write_new;
use crate::output::{Exit, Failure};

/// Add the signature of a root key, or the signatures of another copy.
///
/// Shows what the version says before it signs, and asks. Root keys may sign copies apart from each other: --merge joins
/// them, whoever signed first.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The roster file; it is replaced by the one with more signatures
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Root key files to sign with
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "merge")]
    key: Vec<PathBuf>,
    /// Another copy of the same version, to take signatures from
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// Write to this new file and leave FILE as it is
    #[arg(short = 'O', long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Sign) -> Result<(), Failure> {
    let mut signed = super::read(&args.file)?;
    let keys = super::root_keys(&args.key)?;
    let content = signed.content();
    if !keys.is_empty() {
        context.confirm(&format!(
            "Sign version {} of {} with {} members, coordinators {}, digest {}?",
            content.version,
            content.federation,
            content.members.len(),
            content.coordinators.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            signed.digest()
        ))?;
    }
    if let Some(other) = &args.merge {
        signed = signed.merge(&super::read(other)?).map_err(failures::roster)?;
    }
    for key in keys {
        if !signed.content().root.keys.contains(&key.public()) {
            context.output.warn(&format!(
                "{} is not a root key of this version; its signature counts only if it is one of the version before",
                key.public().fingerprint()
            ));
        }
        signed = signed.add_signature(key.key()).map_err(failures::roster)?;
    }
    let path = args.out.as_ref().unwrap_or(&args.file);
    write_new(path, signed.bytes(), args.out.is_none())?;
    summary(context, &signed, Some(path))?;
    match signed.count(&signed.content().root.keys) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::of(Exit::Integrity, &error)),
    }
}
