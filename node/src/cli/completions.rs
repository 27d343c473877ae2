// SPDX-License-Identifier: EUPL-1.2
//! `concert completions`: what makes the tab key work.

use clap::Args;
use clap_complete::Shell;

use super::context::Context;
use crate::output::Failure;

/// Print a completion script for a shell
///
/// bash: concert completions bash > /etc/bash_completion.d/concert
/// zsh: concert completions zsh > "${fpath[1]}/_concert"
/// fish: concert completions fish > ~/.config/fish/completions/concert.fish
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

pub(super) fn run(context: &Context, args: &Completions, command: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "concert", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))
}
