// SPDX-License-Identifier: EUPL-1.2
//! The flags that every command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice};

use crate::output::Format;
use crate::settings::Sources;

/// The flags that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Settings file [default: config.toml in --data, else /etc/concert/config.toml]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder of the node [default: the setting node.data, /var/lib/concert]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Override one setting, as in --set http.listen=127.0.0.1:8441; may be given several times
    #[arg(long, global = true, hide_short_help = true, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Address of the node to speak to [default: http:// and the setting http.listen]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub url: Option<String>,
    /// File with the token to speak with [default: keys/admin.token in the data folder]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How long to wait for the node, as in 500ms, 30s or 2m
    #[arg(long, global = true, hide_short_help = true, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Form of the result.
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_name = "FORM",
        conflicts_with = "json",
        hide_possible_values = true,
        help = "Form of the result: table, json, jsonl or csv [default: table]"
    )]
    pub form: Option<Format>,
    /// The same as -o json
    #[arg(long, global = true)]
    pub json: bool,
    /// Bold headings: auto, always or never; auto heeds NO_COLOR
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub color: ColorChoice,
    /// Say nothing but the result and what went wrong
    #[arg(short, long, global = true, hide_short_help = true)]
    pub quiet: bool,
    /// Log more on stderr; twice for every step
    #[arg(short, long, global = true, hide_short_help = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Never ask; fail where an answer would be needed
    #[arg(long, global = true, hide_short_help = true)]
    pub no_input: bool,
    /// Answer yes to every question
    #[arg(long, global = true, hide_short_help = true)]
    pub yes: bool,
}

impl Global {
    /// The form asked for.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.form.unwrap_or_default() }
    }

    /// Where this invocation's settings come from.
    pub fn sources(&self) -> Sources {
        Sources {
            config: self.config.clone(),
            data: self.data.clone(),
            set: self.set.clone(),
            environment: Sources::process_environment(),
        }
    }
}

/// A time greater than nothing and up to a day, as `30s` or `1m 30s`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a time of at most a day, as in 500ms, 30s or 2m";
    let signed: jiff::SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    let duration = Duration::try_from(signed).map_err(|_| expected.to_owned())?;
    let good = !duration.is_zero() && duration <= Duration::from_secs(86_400);
    if good { Ok(duration) } else { Err(expected.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "30", "-1s", "0s", "25h", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
