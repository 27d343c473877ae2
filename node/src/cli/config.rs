// SPDX-License-Identifier: EUPL-1.2
//! `concert config`: what is set, where, and what could be.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use crate::output::{Column, Exit, Failure, Format, col};
use crate::settings::{KEYS, Loaded, Origin, example, json_schema, nearest_key};

/// Show, check and explain the settings.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Check every layer of the settings, and name all that is wrong at once
    Check,
    Show(Show),
    /// Print a settings file that explains every key and sets none
    Example,
    /// Print the JSON Schema of the settings file
    Schema,
}

/// Show the settings in force.
///
/// With a KEY, its value alone, ready for a script: $(concert config show http.listen).
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Say where each value comes from, and which places it covers
    #[arg(long)]
    origin: bool,
    /// One key, as in http.listen
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

/// One setting in force.
#[derive(Serialize)]
struct Setting {
    key: String,
    value: toml::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    covers: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Checked {
    valid: bool,
    files: Vec<String>,
    warnings: Vec<String>,
}

pub(super) fn run(context: &Context, command: &Config) -> Result<(), Failure> {
    match command {
        Config::Check => check(context),
        Config::Show(args) => show(context, args),
        Config::Example => context.output.text(&example()),
        Config::Schema => {
            let schema = serde_json::to_string_pretty(&json_schema());
            context.output.text(&schema.unwrap_or_default())
        }
    }
}

fn check(context: &Context) -> Result<(), Failure> {
    let loaded = context.settings()?;
    let files: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    let warnings = loaded.settings.warnings();
    warnings.iter().for_each(|warning| context.output.warn(warning));
    let checked = Checked { valid: true, files, warnings };
    match context.output.format() {
        Format::Table if checked.files.is_empty() => {
            context.output.note("the settings are valid; no settings file was found, the defaults hold");
            Ok(())
        }
        Format::Table => {
            context.output.note(&format!("the settings are valid: {}", checked.files.join(", ")));
            Ok(())
        }
        _ => context.output.one(&checked, &[col("valid"), col("files"), col("warnings")]),
    }
}

fn show(context: &Context, args: &Show) -> Result<(), Failure> {
    if let Some(key) = args.key.as_ref().filter(|key| !KEYS.contains_key(*key)) {
        let failure = Failure::new(Exit::NotFound, format!("there is no setting {key:?}"));
        return Err(failure.maybe_hint(nearest_key(key).map(|key| format!("did you mean {key}?"))));
    }
    let loaded = context.settings()?;
    let wanted = |key: &String| args.key.as_ref().is_none_or(|wanted| wanted == key);
    let settings: Vec<Setting> = loaded
        .values()
        .into_iter()
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| setting(&loaded, key, value, args.origin))
        .collect();
    match (settings.as_slice(), &args.key, context.output.format()) {
        ([only], Some(_), Format::Table) if !args.origin => context.output.text(&plain(&only.value)),
        ([only], Some(_), _) => context.output.one(only, &columns(args.origin)),
        _ => context.output.list(&settings, &columns(args.origin)),
    }
}

fn setting(loaded: &Loaded, key: String, value: toml::Value, with_origin: bool) -> Setting {
    let origin = with_origin.then(|| loaded.origin(&key).to_string());
    let covers = with_origin.then(|| loaded.covered(&key).iter().map(Origin::to_string).collect());
    Setting { key, value, origin, covers }
}

fn columns(with_origin: bool) -> Vec<Column> {
    let all = vec![col("key"), col("value"), col("origin"), col("covers")];
    all.into_iter().take(if with_origin { 4 } else { 2 }).collect()
}

/// A value without the marks of TOML; a list with commas, as `--set` takes it.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
