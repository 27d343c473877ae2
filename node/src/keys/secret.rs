// SPDX-License-Identifier: EUPL-1.2
//! Reading files that must be secret, and making them.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::KeyError;

/// Permission bits that nobody but the owner may have.
const OTHERS: u32 = 0o077;
/// Longest token file, in bytes.
const TOKEN_FILE_LEN_MAX: u64 = 4096;

/// Reads a small file that only its owner may read; the content is wiped when dropped.
///
/// # Errors
///
/// [`KeyError::Open`] when group or others have any right to it, [`KeyError::Malformed`] when it is longer than
/// `len_max` or not a regular file, otherwise the system's answer.
pub fn read_private(path: &Path, len_max: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |source| KeyError::io("reading", path, source);
    // Judged by the open file, not by its name: the name could be made to mean another file in between.
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let malformed = |what| KeyError::Malformed { path: path.to_owned(), what };
    if !metadata.is_file() {
        return Err(malformed("it is not a regular file"));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    if metadata.len() > len_max {
        return Err(malformed("it is too long"));
    }
    // With the room reserved, reading never moves the secret and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len_max).unwrap_or(0) + 1));
    file.take(len_max).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Reads a bearer token: one line of visible ASCII.
///
/// # Errors
///
/// Those of [`read_private`]; [`KeyError::Malformed`] for anything but one line.
pub fn read_token(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let bytes = read_private(path, TOKEN_FILE_LEN_MAX)?;
    let line = bytes.trim_ascii();
    let good = !line.is_empty() && line.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(line).ok().filter(|_| good);
    let what = "expected one line with a token";
    let text = text.ok_or_else(|| KeyError::Malformed { path: path.to_owned(), what })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Creates a file that only its owner may read, durably; never touches one that exists.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = open.map_err(|source| KeyError::io("creating", path, source))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(source) = written {
        // Half a key is none, and would stand in the way of a second attempt.
        let _ = std::fs::remove_file(path);
        return Err(KeyError::io("writing", path, source));
    }
    sync_dir(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes the folder's list of names durable.
pub(super) fn sync_dir(folder: &Path) -> Result<(), KeyError> {
    let synced = File::open(folder).and_then(|handle| handle.sync_all());
    synced.map_err(|source| KeyError::io("syncing the folder", folder, source))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_is_one_line_of_a_private_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.token");
        create_private(&path, b"abc.DEF-123\n").expect("created");
        assert_eq!(read_token(&path).expect("read").as_str(), "abc.DEF-123");
        for bad in ["", "\n", "two words", "two\nlines", "caf\u{e9}"] {
            fs::write(&path, bad).expect("written");
            assert!(matches!(read_token(&path), Err(KeyError::Malformed { .. })), "{bad:?}");
        }
        fs::write(&path, "x".repeat(5000)).expect("written");
        assert!(matches!(read_token(&path), Err(KeyError::Malformed { what: "it is too long", .. })));
        fs::write(&path, "good").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(read_token(&path), Err(KeyError::Open { mode: 0o640, .. })));
    }

    #[test]
    fn a_folder_is_not_a_secret_file() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(read_private(folder.path(), 10), Err(KeyError::Malformed { .. })));
        assert!(matches!(read_private(&folder.path().join("x"), 10), Err(KeyError::Missing { .. })));
    }
}
