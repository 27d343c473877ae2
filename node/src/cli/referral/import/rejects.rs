// SPDX-License-Identifier: EUPL-1.2
//! Where records go that are not taken: beside the export, or to a file of the caller's choice. Made when first needed.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::failures;
use crate::import::{Problem, Record, RejectWriter, Rejects};
use crate::output::{Exit, Failure};

type Writer = RejectWriter<BufWriter<File>, BufWriter<File>>;

/// A reject file that may come to be.
pub(super) enum RejectFile {
    /// Beside the export, under the next free name.
    Beside(Box<Rejects>, PathBuf),
    /// Under this name, which must be free.
    Named { path: PathBuf, header: Vec<u8>, open: Option<Box<Writer>> },
}

impl RejectFile {
    /// For an export with this heading line.
    pub(super) fn new(export: &Path, named: Option<&Path>, header: &[u8]) -> Result<Self, Failure> {
        let Some(path) = named else {
            return Ok(Self::Beside(Box::new(Rejects::beside(export, header)), export.to_owned()));
        };
        if path.exists() {
            let failure = Failure::new(Exit::Conflict, format!("{} exists already", path.display()));
            return Err(failure.hint("it may hold corrections: import it, or choose another --reject-file"));
        }
        Ok(Self::Named { path: path.to_owned(), header: header.to_vec(), open: None })
    }

    /// Writes one record with its reasons.
    pub(super) fn write(&mut self, record: &Record, problems: &[Problem]) -> Result<(), Failure> {
        let written = match self {
            Self::Beside(rejects, _) => rejects.write_for(record, problems),
            Self::Named { path, header, open } => {
                writer(path, header, open).and_then(|writer| writer.write_for(record, problems))
            }
        };
        written.map_err(|error| failures::file("cannot write rejected records beside", self.near(), error))
    }

    /// Makes it durable; the name of the file, if there is one.
    pub(super) fn finish(self) -> Result<Option<String>, Failure> {
        let near = self.near().to_owned();
        let failed = |error| failures::file("cannot write rejected records beside", &near, error);
        match self {
            Self::Beside(rejects, _) => {
                Ok(rejects.finish().map_err(failed)?.map(|(paths, _)| paths.records.display().to_string()))
            }
            Self::Named { open: None, .. } => Ok(None),
            Self::Named { path, open: Some(writer), .. } => {
                let (records, reasons, _) = writer.finish().map_err(failed)?;
                for file in [records, reasons] {
                    let synced = file
                        .into_inner()
                        .map_err(io::IntoInnerError::into_error)
                        .and_then(|file| file.sync_all());
                    synced.map_err(failed)?;
                }
                Ok(Some(path.display().to_string()))
            }
        }
    }

    fn near(&self) -> &Path {
        match self {
            Self::Beside(_, export) => export,
            Self::Named { path, .. } => path,
        }
    }
}

fn writer<'w>(path: &Path, header: &[u8], open: &'w mut Option<Box<Writer>>) -> io::Result<&'w mut Writer> {
    if open.is_none() {
        let mut reasons = OsString::from(path);
        reasons.push(".reasons.ndjson");
        let (records, reasons) = (create(path)?, create(Path::new(&reasons))?);
        *open = Some(Box::new(RejectWriter::new(BufWriter::new(records), BufWriter::new(reasons), header)?));
    }
    open.as_deref_mut().ok_or_else(|| io::Error::other("no reject file"))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
