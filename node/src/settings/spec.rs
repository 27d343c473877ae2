// SPDX-License-Identifier: EUPL-1.2
//! What may be written in settings: the known keys with their kinds, bounds and explanations.
//!
//! Derived from the structs in [`super::raw`]; the JSON Schema and `config/example.toml` come from here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::raw::{RawConsolidation, RawHttp, RawImport, RawNode, RawPeer, RawSettings, RawStore, RawSync};

/// What a key takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A file or folder.
    Path,
    /// A whole number within bounds.
    Whole {
        /// Least value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// One of some words.
    Word(Vec<String>),
    /// A list of texts, with the most it may hold.
    List(usize),
}

/// One known key.
#[derive(Clone, Debug)]
pub struct KeySpec {
    /// What it takes.
    pub kind: Kind,
    /// Explanation: effect, unit, when it is read.
    pub doc: String,
}

/// Every known key, `section.key`, with what it takes.
pub static KEYS: LazyLock<BTreeMap<String, KeySpec>> = LazyLock::new(|| {
    let mut keys = BTreeMap::new();
    for (section, schema) in sections() {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let doc = text(property, "description");
            keys.insert(format!("{section}.{key}"), KeySpec { kind: kind(property), doc });
        }
    }
    keys
});

/// The settings as a JSON Schema (2020-12), for editors and deployment tools.
pub fn json_schema() -> Value {
    let properties: Map<String, Value> = sections().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Concert settings",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A commented file in which every key stands with its default, switched off: copying it changes nothing.
pub fn example() -> String {
    let mut out = String::from(
        "# Settings of a Concert node, each with its default. Take away the '#' before a key to change it.\n\
         #\n\
         # Where one key is set in several places, the later of these wins: this file, the files of conf.d/ beside it\n\
         # in order of name, the environment (CONCERT__HTTP__LISTEN for http.listen), --set http.listen=... and --data.\n\
         # `concert config show --origin` tells what is in force and where it comes from.\n\
         # Secrets have no place here: keys and tokens are files that only the node's user can read.\n",
    );
    let docs: BTreeMap<&str, String> =
        sections().map(|(name, schema)| (name, text(&schema, "description"))).collect();
    let defaults = toml::to_string(&RawSettings::default()).unwrap_or_default();
    let mut section = "";
    for line in defaults.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            out.push('\n');
            comment(&mut out, docs.get(name).map_or("", String::as_str));
            out.push_str(line);
            out.push('\n');
        } else if let Some((key, _)) = line.split_once(" = ") {
            let spec = KEYS.get(&format!("{section}.{key}"));
            out.push('\n');
            comment(&mut out, spec.map_or("", |spec| &spec.doc));
            if let Some(bounds) = spec.and_then(|spec| spec.kind.bounds()) {
                comment(&mut out, &bounds);
            }
            out.push_str(&format!("#{line}\n"));
        }
    }
    out
}

impl Kind {
    /// What is expected, for a complaint: "a whole number from 1 to 600".
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Path => "a path".into(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::List(max) => format!("a list of at most {max} texts"),
        }
    }

    fn bounds(&self) -> Option<String> {
        match self {
            Self::Whole { min, max } => Some(format!("From {min} to {max}.")),
            Self::Word(words) => Some(format!("One of {}.", words.join(", "))),
            _ => None,
        }
    }
}

/// Each section's name and schema, with what the derived schema nests taken flat.
fn sections() -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("node", RawNode::schema()),
        ("http", RawHttp::schema()),
        ("peer", RawPeer::schema()),
        ("sync", RawSync::schema()),
        ("consolidation", RawConsolidation::schema()),
        ("store", RawStore::schema()),
        ("import", RawImport::schema()),
    ]
    .into_iter()
    .map(|(name, schema)| (name, flat(serde_json::to_value(schema).unwrap_or_default())))
}

/// Replaces each `allOf` by its union; of two values for one name, the later (the field's own) wins.
fn flat(schema: Value) -> Value {
    match schema {
        Value::Object(mut object) => {
            if let Some(Value::Array(parts)) = object.remove("allOf") {
                for part in parts {
                    if let Value::Object(part) = flat(part) {
                        // The outer half of the pair says "object" of whatever it describes.
                        let known = object.contains_key("type");
                        object.extend(part.into_iter().filter(|(name, _)| !(known && name == "type")));
                    }
                }
            }
            Value::Object(object.into_iter().map(|(name, value)| (name, flat(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(flat).collect()),
        other => other,
    }
}

fn kind(property: &Value) -> Kind {
    if let Some(words) = property["enum"].as_array() {
        return Kind::Word(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    match property["type"].as_str() {
        Some("integer") => Kind::Whole {
            min: property["minimum"].as_u64().unwrap_or(0),
            max: property["maximum"].as_u64().unwrap_or(i64::MAX as u64),
        },
        Some("array") => Kind::List(property["maxItems"].as_u64().map_or(LIST_LEN_MAX, |max| max as usize)),
        _ if property["format"] == "path" => Kind::Path,
        _ => Kind::Text,
    }
}

/// Most items of a list that states no bound of its own.
const LIST_LEN_MAX: usize = 64;

fn text(schema: &Value, member: &str) -> String {
    schema[member].as_str().unwrap_or_default().to_owned()
}

fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        out.push_str("# ");
        out.push_str(line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_known_and_explained_key() {
        let defaults: BTreeMap<String, BTreeMap<String, toml::Value>> =
            toml::from_str(&toml::to_string(&RawSettings::default()).expect("written")).expect("read");
        let mut fields: Vec<String> = defaults
            .iter()
            .flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}")))
            .collect();
        fields.sort();
        assert_eq!(fields, KEYS.keys().cloned().collect::<Vec<_>>());
        for (key, spec) in KEYS.iter() {
            assert!(spec.doc.contains("Read "), "{key} does not say when it is read");
            assert!(spec.doc.lines().all(|line| line.len() <= 118), "{key}: {}", spec.doc);
            let unit = [("_s", "second"), ("_h", "hour"), ("_kib", "KiB"), ("_mib", "MiB")];
            for (suffix, word) in unit {
                assert!(!key.ends_with(suffix) || spec.doc.contains(word), "{key} does not say its unit");
            }
        }
    }

    #[test]
    fn whole_numbers_words_lists_and_paths_are_told_apart() {
        assert_eq!(KEYS["http.request_timeout_s"].kind, Kind::Whole { min: 1, max: 600 });
        assert_eq!(
            KEYS["node.log_format"].kind,
            Kind::Word(vec!["auto".into(), "text".into(), "json".into()])
        );
        assert!(KEYS["node.log_format"].doc.contains("Read at start"));
        assert_eq!(KEYS["peer.listen"].kind, Kind::List(8));
        assert_eq!(KEYS["node.data"].kind, Kind::Path);
        assert_eq!(KEYS["http.public_url"].kind, Kind::Text);
    }

    #[test]
    fn the_example_switched_on_is_the_defaults() {
        let on: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert_eq!(toml::from_str::<RawSettings>(&on).expect("read"), RawSettings::default());
        let off: RawSettings = toml::from_str(&example()).expect("read");
        assert_eq!(off, RawSettings::default());
    }

    #[test]
    fn the_committed_example_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/example.toml");
        let committed = std::fs::read_to_string(path).expect("config/example.toml");
        assert!(committed == example(), "run: concert config example > config/example.toml");
    }

    #[test]
    fn the_schema_is_flat_and_closed() {
        let schema = json_schema();
        assert!(!schema.to_string().contains("allOf") && !schema.to_string().contains("$ref"));
        assert_eq!(schema["properties"]["http"]["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["node"]["properties"]["log_format"]["type"], json!("string"));
    }
}
