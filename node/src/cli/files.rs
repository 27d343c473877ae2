// SPDX-License-Identifier: EUPL-1.2
//! Reading and writing the files that commands are given.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::failures;
use crate::journal::replace_file;
use crate::output::{Exit, Failure};

/// The whole file, if it is not longer than `len_max`.
pub(super) fn read_bounded(path: &Path, len_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error| failures::file("cannot read", path, error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(len_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > len_max {
        let error =
            format!("{} is longer than the {len_max} bytes that such a file may have", path.display());
        return Err(Failure::new(Exit::Failed, error));
    }
    Ok(bytes)
}

/// Writes a new file, durably and whole; one that is there stays unless `replace`.
pub(super) fn write_new(path: &Path, bytes: &[u8], replace: bool) -> Result<(), Failure> {
    if !replace && path.exists() {
        let failure = Failure::new(Exit::Conflict, format!("{} exists already", path.display()));
        return Err(failure.hint("choose another name, or move the file away"));
    }
    // A bare file name has no folder of its own to make durable.
    let path = std::path::absolute(path).map_err(|error| failures::file("cannot write", path, error))?;
    replace_file(&path, bytes).map_err(failures::journal)
}
