// SPDX-License-Identifier: EUPL-1.2
//! The `concert` program as the tests meet it: a process with arguments, an exit status, stdout and stderr.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// How an invocation ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; -1 when a signal ended it.
    pub(crate) status: i32,
    /// What it gave.
    pub(crate) out: String,
    /// What it said.
    pub(crate) err: String,
}

impl Ended {
    /// From what the system gives.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Its stdout, if it ended with 0.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its stdout as JSON, whatever its status.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// Requires the status, and each of the texts on stderr.
    pub(crate) fn refused(&self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is missing in:\n{}", self.err);
        }
    }
}

/// The program under test: `CONCERT_BIN`, or what the workspace's build put beside this test.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CONCERT_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/<profile>/deps/<test>
    let path = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps").join("concert");
    assert!(
        path.is_file(),
        "{} is missing: cargo build -p concert-node --bin concert (scripts/test builds it first), or set CONCERT_BIN",
        path.display()
    );
    path
}

/// An invocation that sees nothing of the environment and nothing on stdin.
pub(crate) fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs one command to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    Ended::of(command(args).output().expect("the program starts"))
}

/// A file of the project, by its path from the workspace's root.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
