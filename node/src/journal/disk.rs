// SPDX-License-Identifier: EUPL-1.2
//! The few durable file operations that everything else is made of (RELIABILITY E2).
//!
//! A created or renamed file is durable only once its folder is synced too.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::JournalError;

/// Suffix of a file that is not yet, or never became, part of the data.
pub(super) const TEMPORARY: &str = "tmp";

/// Makes the folder's list of names durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    let step = "syncing the folder";
    File::open(dir).and_then(|handle| handle.sync_all()).map_err(|source| JournalError::io(step, dir, source))
}

/// Creates `dir` and every folder above it that is missing, durably.
pub(super) fn create_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            return Err(JournalError::io("creating the folder", dir, source));
        }
        _ => {}
    }
    sync_dir(parent.unwrap_or(Path::new(".")))
}

/// Replaces `path` by `bytes` so that a reader, or a restart after a power cut, sees the old file or the new one.
///
/// # Errors
///
/// [`JournalError::Io`] or [`JournalError::StorageFull`]; the old file is then still there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let temporary = temporary(path);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(source) = written {
        // The temporary file is nobody's; leaving it would only hold space that is already short.
        let _ = fs::remove_file(&temporary);
        return Err(JournalError::io("writing", &temporary, source));
    }
    rename(&temporary, path)
}

/// Renames within one folder, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), JournalError> {
    fs::rename(from, to).map_err(|source| JournalError::io("renaming", from, source))?;
    sync_dir(to.parent().unwrap_or(Path::new(".")))
}

/// The name under which a file is written before it is renamed to `path`.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(TEMPORARY);
    path.with_file_name(name)
}

/// The whole file, `None` if there is none.
pub(super) fn read_bounded(path: &Path, len_max: u64) -> Result<Option<Vec<u8>>, JournalError> {
    let failed = |source| JournalError::io("reading", path, source);
    let len = match fs::metadata(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(failed)?.len(),
    };
    if len > len_max {
        return Err(JournalError::TooLarge { what: "a file", len, len_max });
    }
    fs::read(path).map(Some).map_err(failed)
}

/// The paths of a folder's content, sorted; none if it does not exist.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let failed = |source| JournalError::io("listing", dir, source);
    let entries = match fs::read_dir(dir) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// Removes what interrupted writes left behind in `dir`.
pub(super) fn remove_temporaries(dir: &Path) -> Result<(), JournalError> {
    for path in list(dir)? {
        if path.extension().is_some_and(|extension| extension == TEMPORARY) {
            fs::remove_file(&path).map_err(|source| JournalError::io("removing", &path, source))?;
        }
    }
    Ok(())
}

/// Bytes that the files below `path` hold; what vanishes meanwhile counts as nothing.
pub fn bytes_on_disk(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes_on_disk(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/b/note");
        create_dir(path.parent().expect("a parent")).expect("created");
        replace_file(&path, b"one").expect("written");
        replace_file(&path, b"second").expect("replaced");
        assert_eq!(read_bounded(&path, 6).expect("read").as_deref(), Some(&b"second"[..]));
        assert!(matches!(read_bounded(&path, 5), Err(JournalError::TooLarge { len: 6, .. })));
        assert_eq!(list(&dir.path().join("a/b")).expect("listed"), [path]);
        assert_eq!(bytes_on_disk(dir.path()), 6);
    }

    #[test]
    fn a_full_disk_has_its_own_error_and_the_old_file_stays() {
        let full = File::options().write(true).open("/dev/full");
        let Ok(mut full) = full else { return };
        let source = full.write_all(b"x").expect_err("always full");
        let error = JournalError::io("writing", Path::new("x"), source);
        assert!(matches!(error, JournalError::StorageFull { .. }), "{error}");
    }
}
