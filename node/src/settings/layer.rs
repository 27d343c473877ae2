// SPDX-License-Identifier: EUPL-1.2
//! One place where settings are written (a file, the environment, the flags), read into known keys and typed values.
//!
//! Every layer is checked by itself, so that a complaint names the place even when a later layer covers it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::error::{Complaint, ComplaintKind, Origin};
use super::spec::{KEYS, Kind};

/// Longest settings file, in bytes.
pub const FILE_LEN_MAX: u64 = 1 << 20;
/// Prefix of the environment's variables, before `__`.
pub const PREFIX: &str = "CONCERT";
/// Most of a wrong value that a complaint repeats, in characters.
const SHOWN_MAX: usize = 64;

/// The known keys that one place sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(pub(super) BTreeMap<String, (Value, Origin)>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect())
    }
}

impl Layer {
    /// Reads a TOML file; paths in it are relative to its folder.
    pub(super) fn file(path: &Path, complaints: &mut Vec<Complaint>) -> Self {
        let whole = |what| Complaint { origin: Origin::File { path: path.to_owned(), line: 1 }, what };
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) => {
                complaints.push(whole(ComplaintKind::Unreadable(error.to_string())));
                return Self::default();
            }
        };
        let lines = match DeTable::parse(&text) {
            Ok(table) => lines(&text, table.get_ref()),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_at(&text, span.start));
                let origin = Origin::File { path: path.to_owned(), line };
                complaints
                    .push(Complaint { origin, what: ComplaintKind::Syntax(error.message().to_owned()) });
                return Self::default();
            }
        };
        let collected = match File::from_str(&text, FileFormat::Toml).collect() {
            Ok(collected) => collected,
            Err(error) => {
                complaints.push(whole(ComplaintKind::Syntax(error.to_string())));
                return Self::default();
            }
        };
        let origin = |key: &str| Origin::File {
            path: path.to_owned(),
            line: lines.get(key).or_else(|| lines.get(section(key))).copied().unwrap_or(1),
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::checked(flatten(collected), &Reading { typed: true, folder }, origin, complaints)
    }

    /// Reads `CONCERT__SECTION__KEY` out of `variables`; others are ignored.
    pub(super) fn environment(variables: &[(String, String)], complaints: &mut Vec<Complaint>) -> Self {
        let known: Map<String, String> = variables
            .iter()
            .filter(|(name, _)| name.to_ascii_uppercase().starts_with("CONCERT__"))
            .cloned()
            .collect();
        let source =
            Environment::with_prefix(PREFIX).prefix_separator("__").separator("__").source(Some(known));
        let collected = source.collect().unwrap_or_default();
        let origin = |key: &str| {
            let name = key.to_ascii_uppercase().replace('.', "__");
            Origin::Environment(format!("{PREFIX}__{name}"))
        };
        Self::checked(
            flatten(collected),
            &Reading { typed: false, folder: Path::new("") },
            origin,
            complaints,
        )
    }

    /// Reads the values of `--set section.key=value`, later ones over earlier ones, and of `--data`.
    pub(super) fn flags(set: &[String], data: Option<&Path>, complaints: &mut Vec<Complaint>) -> Self {
        let reading = Reading { typed: false, folder: Path::new("") };
        let mut values = BTreeMap::new();
        for assignment in set {
            let Some((key, value)) = assignment.split_once('=') else {
                let what = format!("{:?} is not of the form section.key=value", shorten(assignment));
                complaints
                    .push(Complaint { origin: Origin::Flag("--set"), what: ComplaintKind::Syntax(what) });
                continue;
            };
            values
                .insert(key.trim().to_owned(), Value::new(None, ValueKind::String(value.trim().to_owned())));
        }
        let mut layer = Self::checked(values, &reading, |_| Origin::Flag("--set"), complaints);
        if let Some(data) = data {
            let value = Value::new(None, ValueKind::String(data.to_string_lossy().into_owned()));
            layer.0.insert("node.data".into(), (value, Origin::Flag("--data")));
        }
        layer
    }

    /// Keeps what is known and well-formed and complains of the rest.
    fn checked(
        values: BTreeMap<String, Value>,
        reading: &Reading<'_>,
        origin: impl Fn(&str) -> Origin,
        complaints: &mut Vec<Complaint>,
    ) -> Self {
        let mut layer = Self::default();
        for (key, value) in values {
            let origin = origin(&key);
            let Some(spec) = KEYS.get(&key) else {
                let what = ComplaintKind::UnknownKey { nearest: nearest_key(&key), key: shorten(&key) };
                complaints.push(Complaint { origin, what });
                continue;
            };
            match reading.value(&spec.kind, &value) {
                Some(kind) => {
                    let value = Value::new(Some(&origin.to_string()), kind);
                    layer.0.insert(key, (value, origin));
                }
                None => {
                    let (found, expected) = (found(&value), spec.kind.expected());
                    complaints
                        .push(Complaint { origin, what: ComplaintKind::BadValue { key, found, expected } });
                }
            }
        }
        layer
    }
}

/// How values of a layer are read.
struct Reading<'a> {
    /// Whether the layer knows numbers and lists (a file) or texts alone (environment, flags).
    typed: bool,
    /// What relative paths are relative to; empty for the working folder.
    folder: &'a Path,
}

impl Reading<'_> {
    fn value(&self, kind: &Kind, value: &Value) -> Option<ValueKind> {
        match (kind, &value.kind) {
            (Kind::Text, ValueKind::String(text)) => Some(ValueKind::String(text.clone())),
            (Kind::Path, ValueKind::String(text)) => Some(ValueKind::String(self.path(text))),
            (Kind::Word(words), ValueKind::String(text)) if words.contains(text) => {
                Some(ValueKind::String(text.clone()))
            }
            (Kind::Whole { min, max }, ValueKind::I64(number)) => {
                whole(u64::try_from(*number).ok()?, *min, *max)
            }
            (Kind::Whole { min, max }, ValueKind::String(text)) if !self.typed => {
                whole(text.parse().ok()?, *min, *max)
            }
            (Kind::List(max), ValueKind::Array(items)) if items.len() <= *max => {
                let texts = items.iter().all(|item| matches!(item.kind, ValueKind::String(_)));
                texts.then(|| ValueKind::Array(items.clone()))
            }
            (Kind::List(max), ValueKind::String(text)) if !self.typed => {
                let items: Vec<Value> = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Value::new(None, ValueKind::String(item.to_owned())))
                    .collect();
                (items.len() <= *max).then_some(ValueKind::Array(items))
            }
            _ => None,
        }
    }

    fn path(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        PathBuf::from(self.folder).join(text).to_string_lossy().into_owned()
    }
}

fn whole(number: u64, min: u64, max: u64) -> Option<ValueKind> {
    let within = (min..=max).contains(&number);
    within.then(|| i64::try_from(number).ok().map(ValueKind::I64)).flatten()
}

/// The known key that looks most like `key`: in the whole, or in its last part (a key in the wrong section).
pub fn nearest_key(key: &str) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &String| {
        let whole = strsim::jaro_winkler(&key.to_ascii_lowercase(), known);
        let part = strsim::jaro_winkler(&last(key).to_ascii_lowercase(), &last(known)) * 0.95;
        whole.max(part)
    };
    // Of equals, the first by name.
    KEYS.keys()
        .rev()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone())
}

/// Nested tables as `section.key`. Anything deeper than that stays one value, which no kind accepts.
fn flatten(collected: Map<String, Value>) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (section, value) in collected {
        match value.kind {
            // A known section may be empty: in the example, all of them are.
            ValueKind::Table(keys) if !keys.is_empty() || is_section(&section) => {
                flat.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            _ => {
                flat.insert(section, value);
            }
        }
    }
    flat
}

/// Line of every `section` and `section.key` of a file.
fn lines(text: &str, table: &DeTable<'_>) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for (name, value) in table {
        lines.insert(name.get_ref().to_string(), line_at(text, name.span().start));
        if let DeValue::Table(keys) = value.get_ref() {
            for key in keys.keys() {
                lines
                    .insert(format!("{}.{}", name.get_ref(), key.get_ref()), line_at(text, key.span().start));
            }
        }
    }
    lines
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn is_section(name: &str) -> bool {
    KEYS.keys().any(|key| section(key) == name)
}

fn section(key: &str) -> &str {
    key.split_once('.').map_or(key, |(section, _)| section)
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

fn found(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{:?}", shorten(text)),
        ValueKind::Array(_) => "a list".into(),
        ValueKind::Table(_) => "a table".into(),
        other => shorten(&other.to_string()),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}
