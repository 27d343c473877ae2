// SPDX-License-Identifier: EUPL-1.2
//! The `concert` program: parses, runs, says how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    concert_node::cli::main(std::env::args_os())
}
