// SPDX-License-Identifier: EUPL-1.2
//! The log on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::settings::{LogFormat, LogLevel, Node};

/// Starts the log of this process in the form and from the severity that the settings name; `verbose` counts `-v`, each
/// of which lowers the severity by a step. Libraries are heard from `warn` on.
///
/// # Errors
///
/// When the process logs already.
pub fn start_logging(settings: &Node, verbose: u8) -> Result<(), TryInitError> {
    let level = level(settings.log_level, verbose);
    let least = if matches!(level, "error") { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{least},concert_node={level},concert_protocol={level}"));
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Json => log.json().finish().try_init(),
        LogFormat::Auto if !io::stderr().is_terminal() => log.json().finish().try_init(),
        LogFormat::Auto | LogFormat::Text => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            log.with_ansi(io::stderr().is_terminal() && !plain).finish().try_init()
        }
    }
}

fn level(configured: LogLevel, verbose: u8) -> &'static str {
    let levels = ["error", "warn", "info", "debug", "trace"];
    levels[(configured as usize).saturating_add(verbose.into()).min(levels.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_lowers_the_severity_by_a_step() {
        assert_eq!(level(LogLevel::Info, 0), "info");
        assert_eq!(level(LogLevel::Info, 1), "debug");
        assert_eq!(level(LogLevel::Error, 2), "info");
        assert_eq!(level(LogLevel::Trace, 9), "trace");
    }
}
