// SPDX-License-Identifier: EUPL-1.2
//! A key file: a line that names purpose and version, and a line with the seed.
//!
//! ```text
//! concert signing key v1
//! <64 hexadecimal digits: the 32-byte seed of RFC 8032>
//! ```

use std::path::Path;

use concert_protocol::encoding::hex_encode;
use concert_protocol::key::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::error::KeyError;
use super::purpose::Purpose;
use super::secret;

/// Longest key file, in bytes; a good one is shorter than 100.
pub const KEY_FILE_LEN_MAX: u64 = 256;

/// A secret key with its purpose. Its `Debug` shows the public half alone.
#[derive(Clone, Debug)]
pub struct KeyFile {
    purpose: Purpose,
    key: SecretKey,
}

impl KeyFile {
    /// Reads a key of any purpose.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: missing, open to others, malformed, or refused by the system.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = secret::read_private(path, KEY_FILE_LEN_MAX)?;
        let malformed = |what| KeyError::Malformed { path: path.to_owned(), what };
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("it is not text"))?;
        let (first, rest) = text.split_once('\n').ok_or_else(|| malformed("it is not two lines"))?;
        let purpose = first
            .strip_prefix("concert ")
            .and_then(|rest| rest.strip_suffix(" key v1"))
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| malformed("the first line is not \"concert <purpose> key v1\""))?;
        let digits = rest.strip_suffix('\n').unwrap_or(rest);
        let seed = seed(digits)
            .ok_or_else(|| malformed("the second line is not 64 lower-case hexadecimal digits"))?;
        Ok(Self { purpose, key: SecretKey::from_seed(&seed) })
    }

    /// Reads a key that must be for `purpose`.
    ///
    /// # Errors
    ///
    /// Those of [`KeyFile::load`], and [`KeyError::WrongPurpose`].
    pub fn load_for(path: &Path, purpose: Purpose) -> Result<Self, KeyError> {
        let file = Self::load(path)?;
        if file.purpose == purpose {
            return Ok(file);
        }
        Err(KeyError::WrongPurpose { path: path.to_owned(), found: file.purpose, expected: purpose })
    }

    /// Makes a new key and its file: mode 0600, durable when this returns, never over an existing file.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exists`], [`KeyError::Random`] or the system's answer.
    pub fn generate(path: &Path, purpose: Purpose) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Random)?;
        let digits = Zeroizing::new(hex_encode(seed.as_slice()));
        let text = Zeroizing::new(format!("concert {purpose} key v1\n{}\n", digits.as_str()));
        secret::create_private(path, text.as_bytes())?;
        // What counts is what can be read back.
        Self::load_for(path, purpose)
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// The key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Gives up the file for the key.
    pub fn into_key(self) -> SecretKey {
        self.key
    }
}

/// Decodes without leaving the seed in memory that is not wiped.
fn seed(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    hex::decode_to_slice(digits, seed.as_mut_slice()).ok()?;
    Some(seed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn a_new_key_is_private_and_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        let made = KeyFile::generate(&path, Purpose::Root).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let read = KeyFile::load(&path).expect("read");
        assert_eq!((read.purpose(), read.public()), (Purpose::Root, made.public()));
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(text.lines().next(), Some("concert root key v1"));
        assert_eq!(text.lines().nth(1).map(str::len), Some(64));
        assert!(!format!("{read:?}").contains(text.lines().nth(1).expect("a seed")));
    }

    #[test]
    fn two_keys_differ_and_none_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one.key"), folder.path().join("two.key"));
        let first = KeyFile::generate(&one, Purpose::Signing).expect("made");
        let second = KeyFile::generate(&two, Purpose::Signing).expect("made");
        assert_ne!(first.public(), second.public());
        assert!(matches!(KeyFile::generate(&one, Purpose::Signing), Err(KeyError::Exists { .. })));
        assert_eq!(KeyFile::load(&one).expect("still there").public(), first.public());
    }

    #[test]
    fn a_file_open_to_group_or_others_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("signing.key");
        KeyFile::generate(&path, Purpose::Signing).expect("made");
        for open in [0o640, 0o604, 0o620, 0o610, 0o644, 0o601] {
            mode(&path, open);
            let error = KeyFile::load(&path).expect_err("refused");
            assert!(matches!(error, KeyError::Open { mode, .. } if mode == open), "{open:o}: {error}");
            assert!(error.hint().is_some_and(|hint| hint.starts_with("chmod 600 ")));
        }
        for shut in [0o600, 0o400] {
            mode(&path, shut);
            assert!(KeyFile::load(&path).is_ok(), "{shut:o}");
        }
    }

    #[test]
    fn a_key_for_something_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cosigner.key");
        KeyFile::generate(&path, Purpose::Cosigner).expect("made");
        let error = KeyFile::load_for(&path, Purpose::Signing).expect_err("refused");
        assert_eq!(
            error.to_string(),
            format!("{} holds a cosigner key; expected a signing key", path.display())
        );
    }

    #[test]
    fn malformed_files_are_refused_without_repeating_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.key");
        let good = "ab".repeat(32);
        for bad in [
            String::new(),
            good.clone(),
            format!("concert signing key v2\n{good}\n"),
            format!("concert painting key v1\n{good}\n"),
            format!("concert signing key v1\n{}\n", good.to_uppercase()),
            format!("concert signing key v1\n{}\n", &good[1..]),
            format!("concert signing key v1\n{good}\n\n"),
            format!("concert signing key v1\n{good}\n{good}\n"),
            "x".repeat(300),
        ] {
            fs::write(&path, &bad).expect("written");
            mode(&path, 0o600);
            let error = KeyFile::load(&path).expect_err("refused");
            assert!(matches!(error, KeyError::Malformed { .. }), "{bad:?}: {error}");
            assert!(!error.to_string().contains(&good[..16]), "{error}");
        }
    }
}
