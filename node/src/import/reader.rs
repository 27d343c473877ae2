// SPDX-License-Identifier: EUPL-1.2
//! Streams an export through a profile, record by record, in bounded memory.
//!
//! What is wrong with the file as a whole is said before the first record; what is wrong with a record is part of the
//! record and does not stop the others.

mod opening;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read};

use concert_protocol::entry::referral::Referral;

use super::delimited::{self, Cells, Dialect, Fault, RawRecord};
use super::error::ImportError;
use super::json::{self, Json, JsonFault};
use super::mapping;
use super::problem::{Problem, Reason};
use super::profile::{Column, Profile};
use super::row::Row;
use super::window::{LineEnd, Window};

/// Most different remarks that are kept.
const REMARKS_MAX: usize = 64;
/// Most characters of a name from the file that a remark or an error repeats.
const NAME_LEN_MAX: usize = 80;

/// Bounds of what is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest cell or JSON text, in bytes.
    pub cell_len_max: usize,
    /// Longest record that is kept to be written to the reject file, in bytes.
    pub record_len_max: usize,
    /// Deepest nesting of a JSON record.
    pub json_depth_max: usize,
}

impl Default for Limits {
    /// 64 KiB a cell, 16 MiB a record, 16 levels.
    fn default() -> Self {
        Self { cell_len_max: 64 * 1024, record_len_max: 16 * 1024 * 1024, json_depth_max: 16 }
    }
}

/// One record of an export.
#[derive(Clone, Debug)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its first byte in the file, from 0.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The unit's file reference, if it could be read.
    pub reference: Option<String>,
    /// The referral, or all that is wrong.
    pub result: Result<Referral, Vec<Problem>>,
    /// Its bytes as they stand in the file; empty if it was longer than [`Limits::record_len_max`].
    pub raw: Vec<u8>,
}

impl Record {
    /// Whether [`Record::raw`] holds all of it.
    pub fn raw_is_complete(&self) -> bool {
        self.raw.len() as u64 == self.len
    }
}

/// Something about the file that is worth a word but no error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Remark {
    /// A column or key that the profile does not use.
    Unused(String),
    /// The last line has no line end; it may have been cut off.
    NoLastLineEnd,
}

/// The records of an export; made by [`read`]. Ends after an error.
pub struct Import<'p, R> {
    profile: &'p Profile,
    file: String,
    limits: Limits,
    window: Window<R>,
    header: Vec<u8>,
    kind: Kind,
    remarks: BTreeSet<Remark>,
    records: u64,
    done: bool,
}

enum Kind {
    Csv { dialect: Dialect, headings: Vec<String>, places: Vec<Option<usize>>, last_line_end_required: bool },
    Ndjson,
}

/// Reads an export with the default [`Limits`]. `file` is its name for people.
///
/// # Errors
///
/// What is wrong with the file as a whole: [`ImportError`]. The iterator's own errors are `Io` and, at the end of a file
/// without any record, `NoRecords`.
pub fn read<'p, R: Read>(profile: &'p Profile, source: R, file: &str) -> Result<Import<'p, R>, ImportError> {
    read_with(profile, source, file, Limits::default())
}

/// Reads an export with bounds of the caller's choice.
///
/// # Errors
///
/// As [`read`].
pub fn read_with<'p, R: Read>(
    profile: &'p Profile,
    source: R,
    file: &str,
    limits: Limits,
) -> Result<Import<'p, R>, ImportError> {
    let mut import = Import {
        profile,
        file: file.to_owned(),
        limits,
        window: Window::new(source),
        header: Vec::new(),
        kind: Kind::Ndjson,
        remarks: BTreeSet::new(),
        records: 0,
        done: false,
    };
    import.open()?;
    Ok(import)
}

impl<R: Read> Import<'_, R> {
    /// The byte-order mark and heading line as they stand in the file; a reject file begins with them.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Bytes of the file given out so far; for a progress bar.
    pub fn position(&self) -> u64 {
        self.window.offset()
    }

    /// What is worth a word about the file; complete when all records were read. At most 64.
    pub fn remarks(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter()
    }

    fn io<T>(&self, result: io::Result<T>) -> Result<T, ImportError> {
        result.map_err(|source| ImportError::Io {
            file: self.file.clone(),
            offset: self.window.offset(),
            source,
        })
    }

    fn remark(&mut self, remark: Remark) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.insert(remark);
        }
    }

    fn next_csv(&mut self) -> Result<Option<Record>, ImportError> {
        let Kind::Csv { dialect, headings, places, last_line_end_required } = &self.kind else {
            return Ok(None);
        };
        let raw = delimited::next_record(&mut self.window, *dialect, &self.limits, Some(headings.len()));
        let Some(raw) = self.io(raw)? else { return Ok(None) };
        let cut_off = !raw.terminated && *last_line_end_required;
        let (reference, result) = match &raw.content {
            Err(fault) => (None, Err(vec![cell_problem(fault, headings)])),
            Ok(cells) => match self.decode(cells, headings, &raw) {
                Err(problem) => (None, Err(vec![problem])),
                Ok(cells) => {
                    let row = Row::Cells { cells, places };
                    let mapped = mapping::referral(self.profile, &row);
                    let cut = || Err(vec![Problem::of_record(Reason::CutOff)]);
                    (mapping::reference(self.profile, &row), if cut_off { cut() } else { mapped })
                }
            },
        };
        let terminated = raw.terminated;
        let record = finish(raw, reference, result);
        if !terminated {
            self.remark(Remark::NoLastLineEnd);
        }
        Ok(Some(record))
    }

    fn decode<'c, C>(
        &self,
        cells: &'c Cells,
        headings: &[String],
        raw: &RawRecord<C>,
    ) -> Result<Vec<Cow<'c, str>>, Problem> {
        let charset = self.profile.file.charset;
        let decode = |(number, cell): (usize, &'c [u8])| {
            let field = || headings.get(number).map_or_else(String::new, |heading| clip(heading));
            let text = charset.decode(cell).map_err(|wrong| {
                // Quotes are written twice in the file, so the place in the cell is not the place in the file.
                let at = charset.decode(&raw.bytes).err().map_or(wrong.at, |in_record| in_record.at) as u64;
                let reason =
                    Reason::WrongByte { byte: wrong.byte, at: raw.offset + at, encoding: charset.name() };
                Problem { field: field(), value_hint: None, reason }
            })?;
            match text.contains('\0') {
                true => Err(Problem { field: field(), value_hint: None, reason: Reason::Nul }),
                false => Ok(text),
            }
        };
        cells.iter().enumerate().map(decode).collect()
    }

    fn next_ndjson(&mut self) -> Result<Option<Record>, ImportError> {
        let read = next_line(&mut self.window, &self.limits);
        let Some(raw) = self.io(read)? else { return Ok(None) };
        if let Err(reason) = &raw.content {
            let problem = Problem::of_record(reason.clone());
            return Ok(Some(finish(raw, None, Err(vec![problem]))));
        }
        let charset = self.profile.file.charset;
        let text = charset.decode(&raw.bytes).map_err(|wrong| Reason::WrongByte {
            byte: wrong.byte,
            at: raw.offset + wrong.at as u64,
            encoding: charset.name(),
        });
        let parsed = match text {
            Err(reason) => Err(Problem::of_record(reason)),
            Ok(text) => json::parse_object(&text, &self.limits).map_err(json_problem),
        };
        let (reference, result) = match parsed {
            Err(problem) => (None, Err(vec![problem])),
            Ok(object) => {
                let mut unused = Vec::new();
                unused_keys(&object, &self.profile.columns, &mut Vec::new(), &mut unused);
                unused.into_iter().for_each(|name| self.remark(Remark::Unused(name)));
                let row = Row::Object(&object);
                (mapping::reference(self.profile, &row), mapping::referral(self.profile, &row))
            }
        };
        if !raw.terminated {
            self.remark(Remark::NoLastLineEnd);
        }
        Ok(Some(finish(raw, reference, result)))
    }
}

impl<R: Read> Iterator for Import<'_, R> {
    type Item = Result<Record, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match self.kind {
            Kind::Csv { .. } => self.next_csv(),
            Kind::Ndjson => self.next_ndjson(),
        };
        self.done = !matches!(next, Ok(Some(_)));
        if self.done && self.records == 0 && next.is_ok() {
            return Some(Err(ImportError::NoRecords { file: self.file.clone() }));
        }
        self.records += 1;
        next.transpose()
    }
}

fn finish<C>(raw: RawRecord<C>, reference: Option<String>, result: Result<Referral, Vec<Problem>>) -> Record {
    Record { line: raw.line, offset: raw.offset, len: raw.len, reference, result, raw: raw.bytes }
}

/// The next line that is not blank.
fn next_line<R: Read>(
    window: &mut Window<R>,
    limits: &Limits,
) -> io::Result<Option<RawRecord<Result<(), Reason>>>> {
    loop {
        let too_long = Reason::RecordTooLong { len_max: limits.record_len_max };
        let record = match window.line_end(0, limits.record_len_max)? {
            LineEnd::File(0) => return Ok(None),
            LineEnd::At(end) => delimited::take(window, end, 1, true, Ok(())),
            LineEnd::File(len) => delimited::take(window, len, 1, false, Ok(())),
            LineEnd::TooFar => delimited::skip(window, Err(too_long))?,
        };
        if record.bytes.trim_ascii().is_empty() && record.content.is_ok() {
            continue;
        }
        return Ok(Some(record));
    }
}

fn cell_problem(fault: &Fault, headings: &[String]) -> Problem {
    let field = fault.cell.and_then(|cell| headings.get(cell)).cloned();
    Problem {
        field: field.unwrap_or_else(|| "(record)".into()),
        value_hint: None,
        reason: fault.reason.clone(),
    }
}

fn json_problem(fault: JsonFault) -> Problem {
    let field = if fault.path.is_empty() { "(record)".into() } else { clip(&fault.path) };
    Problem { field, value_hint: None, reason: fault.reason }
}

/// Keys that no column of the profile is or leads through, as paths with dots.
fn unused_keys<'j>(object: &'j Json, columns: &[Column], path: &mut Vec<&'j str>, unused: &mut Vec<String>) {
    let Json::Map(members) = object else { return };
    for (key, value) in members {
        path.push(key);
        let leads = |column: &&Column| column.path.iter().zip(path.iter()).all(|(a, b)| a == b);
        let mut mapped = columns.iter().filter(leads).peekable();
        if mapped.peek().is_none() {
            unused.push(clip(&path.join(".")));
        } else if mapped.all(|column| column.path.len() > path.len()) {
            unused_keys(value, columns, path, unused);
        }
        path.pop();
    }
}

fn clip(name: &str) -> String {
    name.chars().take(NAME_LEN_MAX).collect()
}
