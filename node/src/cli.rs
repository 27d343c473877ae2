// SPDX-License-Identifier: EUPL-1.2
//! The command line: one tree of nouns and verbs over the node's HTTP API.
//!
//! This file is the table of commands. Commands that work on files alone (`init`, `config`, `key`, `roster`) run without a
//! node; all others are clients of one through [`Client`]. Nothing is asked for when stdin is not a terminal, and the
//! result alone goes to stdout.

mod check;
mod client;
mod completions;
mod config;
mod context;
mod db;
mod failures;
mod files;
mod global;
mod hold;
mod init;
mod key;
mod log;
mod logging;
mod member_card;
mod notice;
mod peer;
mod platform;
mod progress;
mod referral;
mod retry;
mod roster;
mod run;
mod status;
mod token;
mod trust;
mod version;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use client::{Client, LIST_LEN_MAX, PAGE_LEN, Page, REPLY_LEN_MAX};
pub use context::Context;
pub use global::Global;
pub use logging::start_logging;
pub use member_card::{CARD_FILE, CARD_LEN_MAX, MemberCard};

use crate::output::{EXIT_HELP, Exit, Failure, Output};

/// Refer terrorist content to platforms together: one node of a federation.
///
/// A new node begins with concert init; concert roster keeps who is a member; concert config says what is set and why.
/// Each command has its own --help, and -h for a summary.
#[derive(Debug, Parser)]
#[command(name = "concert", version, after_help = EXIT_HELP, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 110, subcommand_value_name = "COMMAND")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Run(run::Run),
    Status(status::Status),
    Check(check::Check),
    #[command(subcommand)]
    Referral(referral::Referral),
    #[command(subcommand)]
    Notice(notice::Notice),
    #[command(subcommand)]
    Hold(hold::Hold),
    #[command(subcommand)]
    Platform(platform::Platform),
    #[command(subcommand)]
    Peer(peer::Peer),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Log(log::Log),
    #[command(subcommand)]
    Db(db::Db),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Roster(roster::Roster),
    Completions(completions::Completions),
    /// Print the version of this program and of what it speaks
    Version,
}

/// Parses the command line, runs the command and says how it went.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with status 0, complaints to stderr with status 2.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage } else { Exit::Done }.code());
        }
    };
    let output = cli.global.output();
    match run(cli.command, Context::new(cli.global, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: Command, context: Context) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(&context, &args),
        Command::Run(args) => run::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Referral(command) => referral::run(&context, &command),
        Command::Notice(command) => notice::run(&context, &command),
        Command::Hold(command) => hold::run(&context, &command),
        Command::Platform(command) => platform::run(&context, &command),
        Command::Peer(command) => peer::run(&context, &command),
        Command::Token(command) => token::run(&context, &command),
        Command::Log(command) => log::run(&context, &command),
        Command::Db(command) => db::run(&context, &command),
        Command::Config(command) => config::run(&context, &command),
        Command::Key(command) => key::run(&context, &command),
        Command::Roster(command) => roster::run(&context, &command),
        Command::Completions(args) => completions::run(&context, &args, &mut Cli::command()),
        Command::Version => version::run(&context),
    }
}

impl Global {
    /// How this invocation speaks.
    fn output(&self) -> Output {
        Output::new(self.format(), self.color, self.quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_says_what_it_is() {
        fn check(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no description");
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{path} {} has no description", arg.get_id());
            }
            for sub in command.get_subcommands() {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        check(&Cli::command(), "concert");
    }
}
