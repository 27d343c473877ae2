// SPDX-License-Identifier: EUPL-1.2
//! What a command has at hand: the global flags, the output, the settings, and a runtime if it needs one.

use std::future::Future;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::failures;
use super::global::Global;
use crate::journal::DataDir;
use crate::output::{Exit, Failure, Output};
use crate::settings::{self, Loaded};

/// Longest answer to a question, in bytes.
const ANSWER_LEN_MAX: u64 = 1024;

/// What a command has at hand.
#[derive(Debug)]
pub struct Context {
    /// The global flags.
    pub global: Global,
    /// Where to speak.
    pub output: Output,
}

impl Context {
    /// For one invocation.
    pub fn new(global: Global, output: Output) -> Self {
        Self { global, output }
    }

    /// Reads the settings; commands that do not need them do not read them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, as causes.
    pub fn settings(&self) -> Result<Loaded, Failure> {
        settings::load(&self.global.sources()).map_err(failures::settings)
    }

    /// The data folder that the settings name.
    ///
    /// # Errors
    ///
    /// As [`Context::settings`].
    pub fn data(&self) -> Result<DataDir, Failure> {
        Ok(DataDir::new(self.settings()?.settings.node.data))
    }

    /// Runs `future` on a runtime of its own; Ctrl-C ends it with status 130.
    ///
    /// # Errors
    ///
    /// What `future` gives, or that there is no runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        runtime()?.block_on(async {
            tokio::select! {
                done = future => done,
                _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
            }
        })
    }

    /// Runs `future`, which sees to Ctrl-C itself: the daemon.
    ///
    /// # Errors
    ///
    /// What `future` gives, or that there is no runtime.
    pub fn block_on_daemon<T>(&self, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        runtime()?.block_on(future)
    }

    /// Asks `question` and takes only `y` or `yes` for consent. `--yes` consents; nobody is asked under `--no-input` or when
    /// stdin is not a terminal.
    ///
    /// # Errors
    ///
    /// When there is no consent.
    pub fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.global.yes {
            return Ok(());
        }
        let refused = || Failure::new(Exit::Conflict, "not confirmed; nothing was changed");
        if self.global.no_input || !io::stdin().is_terminal() {
            return Err(refused().cause(question).hint("add --yes to consent"));
        }
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        let mut answer = String::new();
        let read = io::Read::take(io::stdin().lock(), ANSWER_LEN_MAX).read_line(&mut answer);
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" if read.is_ok() => Ok(()),
            _ => Err(refused()),
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| {
        Failure::new(Exit::Failed, "the system gives no threads to work with").because(error)
    })
}
