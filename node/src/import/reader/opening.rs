// SPDX-License-Identifier: EUPL-1.2
//! What is found out about an export before its first record: its kind, its encoding, its headings.

use std::collections::BTreeSet;
use std::io::Read;

use super::{Import, Kind, Limits, Remark, clip};
use crate::import::delimited::{self, Dialect};
use crate::import::error::{ImportError, MissingColumn};
use crate::import::json::{self, Json};
use crate::import::profile::{Format, nearest};
use crate::import::row::has_path;
use crate::import::sniff::{self, HEAD_LEN, Verdict};

/// Longest heading line, in bytes.
const HEADINGS_LEN_MAX: usize = 1024 * 1024;
/// Lines of an NDJSON file that are looked at before a key counts as missing from all of it.
const SAMPLE_LINES: usize = 20;

impl<R: Read> Import<'_, R> {
    pub(super) fn open(&mut self) -> Result<(), ImportError> {
        let profile = self.profile;
        let charset = profile.file.charset;
        self.fill_head()?;
        let file = || self.file.clone();
        if self.window.rest().iter().all(u8::is_ascii_whitespace) && self.window.rest().len() < HEAD_LEN {
            return Err(ImportError::Empty { file: file() });
        }
        let head = &self.window.rest()[..self.window.rest().len().min(HEAD_LEN)];
        let bom_len = match sniff::examine(head, charset, profile.is_ndjson()) {
            Verdict::Text { bom_len } => bom_len,
            Verdict::Format(found) => {
                let expected = if profile.is_ndjson() { "NDJSON" } else { "CSV" };
                return Err(ImportError::OtherFormat { file: file(), found, expected });
            }
            Verdict::Encoding(found) => {
                return Err(ImportError::OtherEncoding { file: file(), expected: charset.name(), found });
            }
        };
        self.header.extend_from_slice(&self.window.rest()[..bom_len]);
        self.window.consume(bom_len, 0);
        match profile.file.format {
            Format::Csv { dialect, last_line_end_required } => self.open_csv(dialect, last_line_end_required),
            Format::Ndjson => self.sample_keys(),
        }
    }

    fn fill_head(&mut self) -> Result<(), ImportError> {
        let filled = self.window.fill(HEAD_LEN);
        self.io(filled)
    }

    fn open_csv(&mut self, dialect: Dialect, last_line_end_required: bool) -> Result<(), ImportError> {
        let limits =
            Limits { record_len_max: self.limits.record_len_max.min(HEADINGS_LEN_MAX), ..self.limits };
        let record = delimited::next_record(&mut self.window, dialect, &limits, None);
        let record = self.io(record)?.ok_or_else(|| ImportError::Empty { file: self.file.clone() })?;
        let unreadable =
            |what: String| ImportError::Headings { file: self.file.clone(), line: record.line, what };
        let cells = record.content.map_err(|fault| unreadable(fault.reason.to_string()))?;
        let mut headings = Vec::with_capacity(cells.len());
        for (number, cell) in cells.iter().enumerate() {
            let charset = self.profile.file.charset;
            let heading = charset.decode(cell).map_err(|wrong| {
                let byte = wrong.byte;
                unreadable(format!(
                    "byte 0x{byte:02X} in heading {} means nothing in {}",
                    number + 1,
                    charset.name()
                ))
            })?;
            headings.push(heading.trim().to_owned());
        }
        let places = self.places(&headings, &record.bytes)?;
        self.header.extend_from_slice(&record.bytes);
        for (number, heading) in headings.iter().enumerate() {
            if !places.contains(&Some(number)) {
                self.remark(Remark::Unused(clip(heading)));
            }
        }
        self.kind = Kind::Csv { dialect, headings, places, last_line_end_required };
        Ok(())
    }

    /// Where each of the profile's columns stands.
    fn places(&self, headings: &[String], line: &[u8]) -> Result<Vec<Option<usize>>, ImportError> {
        let mut places = Vec::with_capacity(self.profile.columns.len());
        for column in &self.profile.columns {
            let name = &column.path[0];
            let mut found =
                headings.iter().enumerate().filter(|(_, heading)| *heading == name).map(|(at, _)| at);
            let place = found.next();
            if let (Some(first), Some(second)) = (place, found.next()) {
                let (first, second) = (first + 1, second + 1);
                return Err(ImportError::DuplicateHeading {
                    file: self.file.clone(),
                    name: name.clone(),
                    first,
                    second,
                });
            }
            places.push(place);
        }
        let missing = self.missing(|number| places[number].is_some(), headings);
        if missing.is_empty() {
            return Ok(places);
        }
        let separator = self.better_separator(line);
        Err(ImportError::MissingColumns { file: self.file.clone(), missing, separator })
    }

    fn missing(&self, is_there: impl Fn(usize) -> bool, names: &[String]) -> Vec<MissingColumn> {
        let columns = || self.profile.columns.iter().enumerate();
        let unmapped =
            |name: &&str| !columns().any(|(_, column)| column.path.len() == 1 && column.path[0] == **name);
        let missing = columns().filter(|(number, column)| !column.optional && !is_there(*number));
        missing
            .map(|(_, column)| {
                let others =
                    names.iter().map(String::as_str).filter(|name| !name.is_empty()).filter(unmapped);
                let nearest = nearest(&column.shown(), others).map(clip);
                MissingColumn { name: column.shown(), nearest }
            })
            .collect()
    }

    /// A separator with which the heading line would have more of the profile's columns than it has now.
    fn better_separator(&self, line: &[u8]) -> Option<char> {
        let Format::Csv { dialect, .. } = self.profile.file.format else { return None };
        let text = self.profile.file.charset.decode(line).ok()?;
        let found = |separator: char| {
            let cells = text.trim().split(separator).map(|cell| cell.trim().trim_matches('"'));
            cells.filter(|cell| self.profile.columns.iter().any(|column| column.path[0] == *cell)).count()
        };
        let now = found(char::from(dialect.separator));
        [';', ',', '\t', '|'].into_iter().find(|separator| found(*separator) > now.max(1))
    }

    /// A key that no line of the first few has is missing from the export and not from a record.
    fn sample_keys(&mut self) -> Result<(), ImportError> {
        let charset = self.profile.file.charset;
        let rest = &self.window.rest()[..self.window.rest().len().min(HEAD_LEN)];
        let whole = self.window.rest().len() < HEAD_LEN;
        let mut lines: Vec<&[u8]> = rest.split(|b| matches!(b, b'\n' | b'\r')).collect();
        if !whole {
            lines.pop();
        }
        let objects: Vec<Json> = lines
            .into_iter()
            .filter(|line| !line.trim_ascii().is_empty())
            .take(SAMPLE_LINES)
            .filter_map(|line| json::parse_object(&charset.decode(line).ok()?, &self.limits).ok())
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        let columns = &self.profile.columns;
        let there = |number: usize| objects.iter().any(|object| has_path(object, &columns[number].path));
        let names: BTreeSet<String> = objects.iter().flat_map(top_names).collect();
        let missing = self.missing(there, &names.into_iter().collect::<Vec<_>>());
        if missing.is_empty() {
            return Ok(());
        }
        Err(ImportError::MissingColumns { file: self.file.clone(), missing, separator: None })
    }
}

fn top_names(object: &Json) -> Vec<String> {
    match object {
        Json::Map(members) => members.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    }
}
