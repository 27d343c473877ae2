// SPDX-License-Identifier: EUPL-1.2
//! Settings: read raw from layers, turned once into checked [`Settings`].
//!
//! Layers, later over earlier: defaults, the file, its drop-ins (`conf.d/*.toml` beside it, by name), the environment
//! (`CONCERT__SECTION__KEY`), the flags (`--set section.key=value`, `--data DIR`). An unknown key is an error in every
//! layer, with the place and the nearest known name. Secrets are never settings: they are files, see [`crate::keys`].

mod checked;
mod error;
mod layer;
mod raw;
mod spec;

use std::path::{Path, PathBuf};

use config::Config;

pub use checked::{Consolidation, Http, Import, Node, Peer, Settings, Store, Sync};
pub use error::{Complaint, ComplaintKind, Origin, SettingsError};
pub use layer::{FILE_LEN_MAX, PREFIX, nearest_key};
pub use raw::{
    LogFormat, LogLevel, RawConsolidation, RawHttp, RawImport, RawNode, RawPeer, RawSettings, RawStore,
    RawSync,
};
pub use spec::{KEYS, KeySpec, Kind, example, json_schema};

use layer::Layer;

/// The settings file of an installed node.
pub const FILE_DEFAULT: &str = "/etc/concert/config.toml";
/// Name of the settings file that `concert init` writes into a data folder.
pub const FILE_IN_DATA: &str = "config.toml";
/// Most drop-ins that are read.
pub const DROP_INS_MAX: usize = 256;

/// What decides the settings, gathered from the command line and the environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; it must exist.
    pub config: Option<PathBuf>,
    /// `--data`; without `--config`, `config.toml` in it is the file if there is one.
    pub data: Option<PathBuf>,
    /// Each `--set section.key=value`, in order.
    pub set: Vec<String>,
    /// Variables of the environment; those that do not begin with `CONCERT__` are ignored.
    pub environment: Vec<(String, String)>,
}

/// Settings in force, and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked settings.
    pub settings: Settings,
    /// The merged values as written.
    pub raw: RawSettings,
    /// The files read, in order.
    pub files: Vec<PathBuf>,
    layers: Vec<Layer>,
}

impl Sources {
    /// The variables of this process's environment that are Concert's; others are not even copied.
    pub fn process_environment() -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                name.starts_with(PREFIX).then(|| (name, value.to_string_lossy().into_owned()))
            })
            .collect()
    }

    /// The file and its drop-ins, in order of reading.
    fn files(&self, complaints: &mut Vec<Complaint>) -> Vec<PathBuf> {
        let in_data = self.data.as_ref().map(|data| data.join(FILE_IN_DATA)).filter(|path| path.exists());
        let file = self.config.clone().or(in_data).unwrap_or_else(|| PathBuf::from(FILE_DEFAULT));
        let folder = file.parent().unwrap_or(Path::new("")).join("conf.d");
        let mut files = Vec::new();
        if self.config.is_some() || file.exists() {
            files.push(file);
        }
        match drop_ins(&folder) {
            Ok(found) => files.extend(found),
            Err(error) => complaints.push(Complaint {
                origin: Origin::File { path: folder, line: 1 },
                what: ComplaintKind::Unreadable(error.to_string()),
            }),
        }
        files
    }
}

fn drop_ins(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
        if found.len() > DROP_INS_MAX {
            return Err(std::io::Error::other(format!("more than {DROP_INS_MAX} files")));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads and checks all layers.
///
/// # Errors
///
/// Everything that is wrong in any layer, each with its place.
pub fn load(sources: &Sources) -> Result<Loaded, SettingsError> {
    let mut complaints = Vec::new();
    let files = sources.files(&mut complaints);
    let mut layers: Vec<Layer> = files.iter().map(|path| Layer::file(path, &mut complaints)).collect();
    layers.push(Layer::environment(&sources.environment, &mut complaints));
    layers.push(Layer::flags(&sources.set, sources.data.as_deref(), &mut complaints));
    if !complaints.is_empty() {
        return Err(SettingsError(complaints));
    }
    let raw = merge(&layers).map_err(|error| {
        let what = ComplaintKind::Syntax(error.to_string());
        SettingsError(vec![Complaint { origin: Origin::Default, what }])
    })?;
    match Settings::check(&raw) {
        Ok(settings) => Ok(Loaded { settings, raw, files, layers }),
        Err(wrong) => Err(SettingsError(
            wrong
                .into_iter()
                .map(|wrong| Complaint {
                    origin: origins(&layers, wrong.key).next().unwrap_or(Origin::Default),
                    what: ComplaintKind::BadValue {
                        key: wrong.key.into(),
                        found: wrong.found,
                        expected: wrong.expected,
                    },
                })
                .collect(),
        )),
    }
}

fn merge(layers: &[Layer]) -> Result<RawSettings, config::ConfigError> {
    let mut builder = Config::builder().add_source(Config::try_from(&RawSettings::default())?);
    for layer in layers {
        builder = builder.add_source(layer.clone());
    }
    builder.build()?.try_deserialize()
}

/// Where `key` is written, the place in force first.
fn origins<'a>(layers: &'a [Layer], key: &'a str) -> impl Iterator<Item = Origin> + 'a {
    layers.iter().rev().filter_map(move |layer| layer.0.get(key).map(|(_, origin)| origin.clone()))
}

impl Loaded {
    /// Where the value of `key` in force comes from.
    pub fn origin(&self, key: &str) -> Origin {
        origins(&self.layers, key).next().unwrap_or(Origin::Default)
    }

    /// The places that set `key` too but are covered by a later one, the nearest first.
    pub fn covered(&self, key: &str) -> Vec<Origin> {
        origins(&self.layers, key).skip(1).collect()
    }

    /// The value of every known key as TOML writes it, in order of key.
    pub fn values(&self) -> Vec<(String, toml::Value)> {
        let table = toml::Table::try_from(&self.raw).unwrap_or_default();
        let mut values = Vec::new();
        for (section, keys) in table {
            if let toml::Value::Table(keys) = keys {
                values.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
        }
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }
}

#[cfg(test)]
mod tests;
