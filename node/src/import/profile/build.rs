// SPDX-License-Identifier: EUPL-1.2
//! From the text of a profile to a checked one.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::error::{ProfileError, ProfileFault, nearest};
use super::section::{Entry, Section, Source};
use super::{
    Column, FieldRule, FileForm, FingerprintRule, Format, Origin, PROFILE_LEN_MAX, Profile, Split, WordMap,
};
use crate::import::charset::{COMMON, Charset};
use crate::import::date::{Ambiguous, DateRule, FormatFault, Nonexistent, Zone};
use crate::import::delimited::Dialect;
use crate::import::mapping;
use crate::import::target::{Form, Target};

/// The version of the profile language that this program reads.
const LANGUAGE_VERSION: &str = "1";

const TOP: [&str; 5] = ["profile", "name", "file", "fields", "fingerprints"];
const FILE: [&str; 5] = ["format", "encoding", "separator", "quote", "last_line_end"];
const FIELD: [&str; 12] = [
    "from",
    "value",
    "default",
    "optional",
    "map",
    "ignore_case",
    "split",
    "each_character",
    "format",
    "zone",
    "ambiguous",
    "nonexistent",
];
const FINGERPRINT: [&str; 8] =
    ["kind", "from", "optional", "split", "quality", "pipeline", "size", "relation"];
/// A fingerprint of this kind names its algorithm itself, as in `sha256:...`.
const NAMED: &str = "named";
const KINDS: [&str; 6] = ["sha256", "sha1", "md5", "pdq", "tlsh", NAMED];

/// Checks the whole text; the first complaint is the one reported.
pub(super) fn profile(file: &str, text: &str) -> Result<Profile, ProfileError> {
    if text.len() as u64 > PROFILE_LEN_MAX {
        return Err(ProfileError::TooLong { file: file.to_owned() });
    }
    let text = text.trim_start_matches('\u{feff}');
    let source = Source { file, text };
    let table = DeTable::parse(text).map_err(|error| ProfileError::Syntax {
        file: file.to_owned(),
        line: source.line(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let top = Section::open(source, String::new(), 0..0, table.get_ref(), &TOP)?;
    let version = top.required("profile", "write `profile = 1`, the version of the profile language")?;
    if version.scalar()? != LANGUAGE_VERSION {
        return Err(version.value_fault("this program reads version 1 of the profile language"));
    }
    let form = file_form(&top.required("file", "it says how the export is written")?)?;
    let mut builder = Builder { form, columns: Vec::new() };
    let fields = builder.fields(&top.required("fields", "it says where each field comes from")?)?;
    let fingerprints = match top.entry("fingerprints") {
        Some(entry) => entry
            .sections(&FINGERPRINT)?
            .iter()
            .map(|section| builder.fingerprint(section))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let name = top.text("name")?.unwrap_or(file).to_owned();
    Ok(Profile { name, file: form, columns: builder.columns, fields, fingerprints })
}

fn file_form(entry: &Entry<'_>) -> Result<FileForm, ProfileError> {
    let section = entry.section(&FILE)?;
    let format = section.required("format", "write \"csv\" or \"ndjson\"")?;
    let charset = match section.entry("encoding") {
        Some(entry) => {
            let label = entry.text()?;
            Charset::from_label(label)
                .ok_or_else(|| entry.fault(ProfileFault::unknown_word(label, &COMMON)))?
        }
        None => Charset::from_label("utf-8").ok_or_else(|| section.missing("encoding", "write \"utf-8\""))?,
    };
    let format = match format.text()? {
        "csv" => csv_form(&section)?,
        "ndjson" => {
            for name in ["separator", "quote", "last_line_end"] {
                if let Some(entry) = section.entry(name) {
                    return Err(
                        entry.fault(ProfileFault::Meaningless { why: "NDJSON has one object a line" })
                    );
                }
            }
            Format::Ndjson
        }
        other => return Err(format.fault(ProfileFault::unknown_word(other, &["csv", "ndjson"]))),
    };
    Ok(FileForm { charset, format })
}

fn csv_form(section: &Section<'_>) -> Result<Format, ProfileError> {
    let separator = match section.entry("separator") {
        Some(entry) => {
            ascii(&entry)?.ok_or_else(|| entry.value_fault("is empty; write \",\", \";\" or \"\\t\""))?
        }
        None => b',',
    };
    let quote = match section.entry("quote") {
        Some(entry) => ascii(&entry)?,
        None => Some(b'"'),
    };
    if quote == Some(separator) {
        return Err(section.missing("quote", "separator and quote are the same character"));
    }
    let last_line_end_required = match section.entry("last_line_end") {
        Some(entry) => word(&entry, &[("required", true), ("optional", false)])?,
        None => false,
    };
    Ok(Format::Csv { dialect: Dialect { separator, quote }, last_line_end_required })
}

/// One printable ASCII character or a tab; `None` for an empty text.
fn ascii(entry: &Entry<'_>) -> Result<Option<u8>, ProfileError> {
    match entry.text()?.as_bytes() {
        [] => Ok(None),
        [byte] if *byte == b'\t' || byte.is_ascii_punctuation() => Ok(Some(*byte)),
        _ => Err(entry.value_fault("must be one punctuation character or a tab")),
    }
}

fn word<T: Copy>(entry: &Entry<'_>, words: &[(&str, T)]) -> Result<T, ProfileError> {
    let text = entry.text()?;
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| entry.fault(ProfileFault::unknown_word(text, &known)))
}

struct Builder {
    form: FileForm,
    columns: Vec<Column>,
}

impl Builder {
    fn fields(&mut self, entry: &Entry<'_>) -> Result<BTreeMap<Target, FieldRule>, ProfileError> {
        let names = Target::ALL.map(Target::name);
        let section = entry.section(&names)?;
        let mut fields = BTreeMap::new();
        for target in Target::ALL {
            if let Some(entry) = section.entry(target.name()) {
                fields.insert(target, self.field(target, &entry.section(&FIELD)?)?);
            }
        }
        if let Some(missing) = Target::ALL.into_iter().find(|t| t.is_required() && !fields.contains_key(t)) {
            return Err(section.missing(
                missing.name(),
                "every referral has this field: give it `from`, a column of the export, or `value`, a constant",
            ));
        }
        for (part, whole) in
            [(Target::EvidenceId, Target::EvidenceSha256), (Target::EvidenceSha256, Target::EvidenceId)]
        {
            if fields.contains_key(&part) && !fields.contains_key(&whole) {
                return Err(section.missing(whole.name(), "evidence has both an id and a SHA-256"));
            }
        }
        Ok(fields)
    }

    fn field(&mut self, target: Target, section: &Section<'_>) -> Result<FieldRule, ProfileError> {
        refuse_meaningless(target, section)?;
        let map = word_map(target, section)?;
        let default = match section.entry("default") {
            Some(entry) => Some(self.constant(target, &entry)?.remove(0)),
            None => None,
        };
        let date = if target.form() == Form::Date { date_rule(section)? } else { None };
        let origin = match (section.entry("from"), section.entry("value")) {
            (Some(from), None) => Origin::Column(self.column(&from, section.flag("optional")?)?),
            (None, Some(value)) => {
                for name in ["default", "optional", "map", "ignore_case", "split", "each_character"] {
                    if let Some(entry) = section.entry(name) {
                        return Err(entry.fault(ProfileFault::Meaningless { why: "`value` is a constant" }));
                    }
                }
                Origin::Constant(self.constant(target, &value)?)
            }
            (Some(_), Some(value)) => return Err(value.fault(ProfileFault::Both { other: "from" })),
            (None, None) => return Err(section.missing("from", "write `from` or `value`")),
        };
        if target.form() == Form::Date && date.is_none() && matches!(origin, Origin::Column(_)) {
            return Err(section.missing("format", "write \"rfc3339\", or a form such as \"%d/%m/%Y %H:%M\""));
        }
        Ok(FieldRule { origin, default, map, split: split(section)?, date })
    }

    /// Values written in the profile, in Concert's own words, checked as values of the export are.
    fn constant(&self, target: Target, entry: &Entry<'_>) -> Result<Vec<String>, ProfileError> {
        let values = entry.scalars()?;
        if values.is_empty() || values.len() > 1 && !target.takes_several() {
            return Err(entry.wrong_type(if target.takes_several() {
                "one text or more"
            } else {
                "one text"
            }));
        }
        for value in &values {
            check_word(target, value, entry)?;
        }
        Ok(values)
    }

    fn column(&mut self, entry: &Entry<'_>, optional: bool) -> Result<usize, ProfileError> {
        let path = entry.path(matches!(self.form.format, Format::Ndjson))?;
        if path.len() > 1 && !matches!(self.form.format, Format::Ndjson) {
            return Err(entry.wrong_type("one heading"));
        }
        if let Some(known) = self.columns.iter().position(|column| column.path == path) {
            self.columns[known].optional &= optional;
            return Ok(known);
        }
        self.columns.push(Column { path, optional });
        Ok(self.columns.len() - 1)
    }

    fn fingerprint(&mut self, section: &Section<'_>) -> Result<FingerprintRule, ProfileError> {
        let kind_entry = section.required("kind", "write sha256, pdq, ..., or named")?;
        let kind = word(&kind_entry, &KINDS.map(|kind| (kind, kind)))?;
        let optional = section.flag("optional")?;
        let from = section.required("from", "name the column or key")?;
        let column = self.column(&from, optional)?;
        for name in ["quality", "pipeline"] {
            if let Some(entry) = section.entry(name)
                && kind != "pdq"
            {
                return Err(entry.fault(ProfileFault::Meaningless { why: "only PDQ has one" }));
            }
        }
        if kind == "pdq" && section.entry("quality").is_none() {
            return Err(section.missing("quality", "a PDQ hash says nothing without its quality"));
        }
        let mut other = |name| section.entry(name).map(|entry| self.column(&entry, optional)).transpose();
        let (quality, size) = (other("quality")?, other("size")?);
        let contains = match section.entry("relation") {
            Some(entry) => word(&entry, &[("is", false), ("contains", true)])?,
            None => false,
        };
        Ok(FingerprintRule {
            algorithm: (kind != NAMED).then(|| kind.to_owned()),
            column,
            split: split(section)?,
            quality,
            pipeline: section.text("pipeline")?.map(str::to_owned),
            size,
            contains,
        })
    }
}

fn refuse_meaningless(target: Target, section: &Section<'_>) -> Result<(), ProfileError> {
    let refuse = |names: &[&str], why| match names.iter().find_map(|name| section.entry(name)) {
        Some(entry) => Err(entry.fault(ProfileFault::Meaningless { why })),
        None => Ok(()),
    };
    if target.form() != Form::Date {
        refuse(&["format", "zone", "ambiguous", "nonexistent"], "this field takes no date")?;
    }
    if matches!(target.form(), Form::Date | Form::Address | Form::Prose | Form::Sha256) {
        refuse(&["map", "ignore_case"], "this field takes no words")?;
    }
    if !target.takes_several() {
        refuse(&["split", "each_character"], "this field takes one value")?;
    }
    Ok(())
}

fn split(section: &Section<'_>) -> Result<Split, ProfileError> {
    let each_character = section.entry("each_character").is_some() && section.flag("each_character")?;
    match (section.entry("split"), each_character) {
        (Some(entry), true) => Err(entry.fault(ProfileFault::Both { other: "each_character" })),
        (Some(entry), false) => match entry.text()? {
            "" => Err(entry.value_fault("is empty; write what stands between two values")),
            at => Ok(Split::At(at.to_owned())),
        },
        (None, true) => Ok(Split::EachCharacter),
        (None, false) => Ok(Split::No),
    }
}

fn word_map(target: Target, section: &Section<'_>) -> Result<Option<WordMap>, ProfileError> {
    let ignore_case = section.flag("ignore_case")?;
    let Some(entry) = section.entry("map") else {
        return match section.entry("ignore_case") {
            Some(entry) => Err(entry.fault(ProfileFault::Meaningless { why: "there is no `map`" })),
            None => Ok(None),
        };
    };
    let mut words = BTreeMap::new();
    for (word, value) in entry.open_section()?.entries() {
        let meaning = value.scalar()?;
        check_word(target, &meaning, &value)?;
        let word = if ignore_case { word.to_lowercase() } else { word.to_owned() };
        if words.insert(word, meaning).is_some() {
            return Err(value.value_fault("is the same word as another one when letter case is ignored"));
        }
    }
    if words.is_empty() {
        return Err(entry.value_fault("is empty; write the words of the export"));
    }
    Ok(Some(WordMap { words, ignore_case }))
}

/// Whether a field can take a value that the profile itself writes.
fn check_word(target: Target, value: &str, entry: &Entry<'_>) -> Result<(), ProfileError> {
    match target.form() {
        Form::Word(known) if !known.contains(&value) => {
            Err(entry.fault(ProfileFault::unknown_word(value, known)))
        }
        _ => mapping::check_value(target, value).map_err(|reason| entry.value_fault(reason)),
    }
}

fn date_rule(section: &Section<'_>) -> Result<Option<DateRule>, ProfileError> {
    let Some(entry) = section.entry("format") else {
        return match section.entry("zone") {
            Some(entry) => Err(entry.fault(ProfileFault::Meaningless { why: "there is no `format`" })),
            None => Ok(None),
        };
    };
    let rule = DateRule { format: entry.text()?.to_owned(), zone: zone(section)? };
    match rule.check() {
        Ok(()) => Ok(Some(rule)),
        Err(FormatFault::Unusable) => Err(entry.value_fault(
            "cannot be used; it needs at least day, month and year, as in \"%d/%m/%Y %H:%M\", or \"rfc3339\"",
        )),
        Err(FormatFault::NeedsZone) => {
            Err(section.missing("zone", "the format has no offset: name the zone, as in \"Europe/Paris\""))
        }
        Err(FormatFault::HasOffset) => {
            let why = ProfileFault::Meaningless { why: "the format has an offset of its own" };
            Err(section
                .entry("zone")
                .map_or_else(|| section.missing("zone", "inconsistent"), |zone| zone.fault(why)))
        }
    }
}

fn zone(section: &Section<'_>) -> Result<Option<Zone>, ProfileError> {
    let Some(entry) = section.entry("zone") else {
        for name in ["ambiguous", "nonexistent"] {
            if let Some(entry) = section.entry(name) {
                return Err(entry.fault(ProfileFault::Meaningless { why: "there is no `zone`" }));
            }
        }
        return Ok(None);
    };
    let name = entry.text()?;
    let zone = TimeZone::get(name).map_err(|_| unknown_zone(&entry, name))?;
    let ambiguous = match section.entry("ambiguous") {
        Some(entry) => word(
            &entry,
            &[("earlier", Ambiguous::Earlier), ("later", Ambiguous::Later), ("reject", Ambiguous::Reject)],
        )?,
        None => Ambiguous::Earlier,
    };
    let nonexistent = match section.entry("nonexistent") {
        Some(entry) => word(&entry, &[("reject", Nonexistent::Reject), ("shift", Nonexistent::Shift)])?,
        None => Nonexistent::Reject,
    };
    Ok(Some(Zone { name: name.to_owned(), zone, ambiguous, nonexistent }))
}

fn unknown_zone(entry: &Entry<'_>, name: &str) -> ProfileError {
    let zones: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    let known = ["Europe/Paris", "Europe/Berlin", "Europe/Brussels", "UTC", "..."].map(str::to_owned).into();
    let nearest = nearest(name, zones.iter().map(String::as_str)).map(str::to_owned);
    entry.fault(ProfileFault::UnknownWord { found: name.chars().take(64).collect(), nearest, known })
}
