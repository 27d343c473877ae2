// SPDX-License-Identifier: EUPL-1.2
//! Records that were not taken, written so that they can be mended and imported again as they are.
//!
//! The reject file has the format, the encoding and the heading line of the export. What is wrong stands in a second
//! file beside it, one JSON object a record, because a remark among the records would have to be removed again. No file
//! is ever overwritten: it may hold somebody's half-finished corrections.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::problem::Problem;
use super::reader::Record;

/// Most reject files that are kept beside one export.
const FILES_MAX: u32 = 1_000;

/// How many records were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectCounts {
    /// Records in the reject file.
    pub copied: u64,
    /// Records that were too long to be copied; the reasons name their place in the export.
    pub not_copied: u64,
}

/// Where rejected records and the reasons were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectPaths {
    /// The records.
    pub records: PathBuf,
    /// The reasons, as NDJSON.
    pub reasons: PathBuf,
}

/// Writes rejected records to one place and the reasons to another.
pub struct RejectWriter<W, S> {
    records: W,
    reasons: S,
    line_end: &'static [u8],
    next_line: u64,
    counts: RejectCounts,
}

/// One line of the file of reasons.
#[derive(Serialize)]
struct Reasons<'r> {
    /// Line in the export.
    line: u64,
    /// First byte in the export.
    offset: u64,
    /// Length in bytes in the export.
    len: u64,
    /// Line in the reject file; `null` if the record was too long to be copied.
    reject_line: Option<u64>,
    reference: Option<&'r str>,
    problems: &'r [Problem],
}

impl<W: Write, S: Write> RejectWriter<W, S> {
    /// Begins with the heading line of the export ([`Import::header`](super::Import::header)).
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn new(mut records: W, reasons: S, header: &[u8]) -> io::Result<Self> {
        let line_end: &[u8] = match header {
            [.., b'\r', b'\n'] => b"\r\n",
            [.., b'\r'] => b"\r",
            _ => b"\n",
        };
        records.write_all(header)?;
        let headed = !header.is_empty() && header != b"\xef\xbb\xbf";
        if headed && !header.ends_with(line_end) {
            records.write_all(line_end)?;
        }
        let lines = if headed { line_count(header).max(1) } else { 0 };
        Ok(Self { records, reasons, line_end, next_line: lines + 1, counts: RejectCounts::default() })
    }

    /// Writes a record that was not taken; one that was taken is passed over.
    ///
    /// # Errors
    ///
    /// Those of the writers.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let Err(problems) = &record.result else { return Ok(()) };
        self.write_for(record, problems)
    }

    /// Writes a record for reasons found after reading.
    ///
    /// # Errors
    ///
    /// Those of the writers.
    pub fn write_for(&mut self, record: &Record, problems: &[Problem]) -> io::Result<()> {
        let copied = record.raw_is_complete();
        let line = Reasons {
            line: record.line,
            offset: record.offset,
            len: record.len,
            reject_line: copied.then_some(self.next_line),
            reference: record.reference.as_deref(),
            problems,
        };
        let mut json = serde_json::to_vec(&line)?;
        json.push(b'\n');
        self.reasons.write_all(&json)?;
        if !copied {
            self.counts.not_copied += 1;
            return Ok(());
        }
        self.records.write_all(&record.raw)?;
        if !record.raw.ends_with(b"\n") && !record.raw.ends_with(b"\r") {
            self.records.write_all(self.line_end)?;
        }
        self.next_line += line_count(&record.raw).max(1);
        self.counts.copied += 1;
        Ok(())
    }

    /// Flushes both and gives them back with the counts.
    ///
    /// # Errors
    ///
    /// Those of the writers.
    pub fn finish(mut self) -> io::Result<(W, S, RejectCounts)> {
        self.records.flush()?;
        self.reasons.flush()?;
        Ok((self.records, self.reasons, self.counts))
    }
}

/// Line ends in the bytes; a carriage return and a line feed are one.
fn line_count(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\r' => true,
        b'\n' => *at == 0 || bytes[at - 1] != b'\r',
        _ => false,
    });
    ends.count() as u64
}

type FileWriter = RejectWriter<BufWriter<File>, BufWriter<File>>;

/// The reject file of one import, beside its export; made when the first record is rejected.
pub struct Rejects {
    export: PathBuf,
    header: Vec<u8>,
    open: Option<(FileWriter, RejectPaths)>,
}

impl Rejects {
    /// For an export at `export`: `fr.csv` gets `fr.rejects.csv` and `fr.rejects.csv.reasons.ndjson`, or the next free
    /// number, as in `fr.rejects-2.csv`. Nothing is written yet.
    pub fn beside(export: &Path, header: &[u8]) -> Self {
        Self { export: export.to_owned(), header: header.to_vec(), open: None }
    }

    /// Writes a record that was not taken; one that was taken is passed over.
    ///
    /// # Errors
    ///
    /// Those of the disk; the files can only be read by the user who runs the program.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        match &record.result {
            Ok(_) => Ok(()),
            Err(problems) => self.write_for(record, problems),
        }
    }

    /// Writes a record for reasons found after reading.
    ///
    /// # Errors
    ///
    /// As [`Rejects::write`].
    pub fn write_for(&mut self, record: &Record, problems: &[Problem]) -> io::Result<()> {
        if self.open.is_none() {
            let (records, reasons, paths) = create(&self.export)?;
            let writer = RejectWriter::new(BufWriter::new(records), BufWriter::new(reasons), &self.header)?;
            self.open = Some((writer, paths));
        }
        match &mut self.open {
            Some((writer, _)) => writer.write_for(record, problems),
            None => Ok(()),
        }
    }

    /// Makes both files durable and says where they are; `None` if every record was taken.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn finish(self) -> io::Result<Option<(RejectPaths, RejectCounts)>> {
        let Some((writer, paths)) = self.open else { return Ok(None) };
        let (records, reasons, counts) = writer.finish()?;
        for file in [records, reasons] {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        Ok(Some((paths, counts)))
    }
}

fn create(export: &Path) -> io::Result<(File, File, RejectPaths)> {
    let stem = export.file_stem().unwrap_or_default().to_string_lossy();
    let extension = export.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    for number in 1..=FILES_MAX {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let name = format!("{stem}.rejects{suffix}{extension}");
        let paths = RejectPaths {
            reasons: export.with_file_name(format!("{name}.reasons.ndjson")),
            records: export.with_file_name(name),
        };
        let records = match create_new(&paths.records) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            other => other?,
        };
        return Ok((records, create_new(&paths.reasons)?, paths));
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "too many reject files beside the export; remove old ones",
    ))
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
