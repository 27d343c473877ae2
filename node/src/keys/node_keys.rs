// SPDX-License-Identifier: EUPL-1.2
//! The three keys of a node, in `<data>/keys`.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use concert_protocol::key::SecretKey;

use super::error::KeyError;
use super::file::KeyFile;
use super::purpose::Purpose;
use super::secret;

/// Folder of the keys within a data folder.
pub const KEYS_FOLDER: &str = "keys";
/// File of the first administrator's token within [`KEYS_FOLDER`].
pub const ADMIN_TOKEN_FILE: &str = "admin.token";

/// What a node signs, cosigns and identifies itself with.
#[derive(Clone, Debug)]
pub struct NodeKeys {
    /// Signs this member's entries and checkpoints.
    pub signing: SecretKey,
    /// Cosigns the checkpoints of others.
    pub cosigner: SecretKey,
    /// Identifies the node to its peers.
    pub transport: SecretKey,
}

impl NodeKeys {
    /// Reads the three key files in `dir` (usually `<data>/keys`).
    ///
    /// # Errors
    ///
    /// The first [`KeyError`] that comes up.
    pub fn load(dir: &Path) -> Result<Self, KeyError> {
        Self::of(|purpose| KeyFile::load_for(&dir.join(purpose.file_name()), purpose))
    }

    /// Makes `dir` (mode 0700) and three new keys in it. Nothing is made if one of the files is already there.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exists`], or what the system answered.
    pub fn generate(dir: &Path) -> Result<Self, KeyError> {
        create_private_dir(dir)?;
        for path in Purpose::OF_A_NODE.map(|purpose| dir.join(purpose.file_name())) {
            if path.exists() {
                return Err(KeyError::Exists { path });
            }
        }
        Self::of(|purpose| KeyFile::generate(&dir.join(purpose.file_name()), purpose))
    }

    fn of(mut file: impl FnMut(Purpose) -> Result<KeyFile, KeyError>) -> Result<Self, KeyError> {
        Ok(Self {
            signing: file(Purpose::Signing)?.into_key(),
            cosigner: file(Purpose::Cosigner)?.into_key(),
            transport: file(Purpose::Transport)?.into_key(),
        })
    }
}

/// Creates `dir`, and what is missing above it, for the owner alone (mode 0700); one that exists is left as it is.
///
/// # Errors
///
/// The system's answer.
pub fn create_private_dir(dir: &Path) -> Result<(), KeyError> {
    let built = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    built.map_err(|source| KeyError::Io { step: "creating the folder", path: dir.to_owned(), source })?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    secret::sync_dir(parent)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_keys_of_a_node_are_three_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("data/keys");
        let made = NodeKeys::generate(&dir).expect("made");
        let read = NodeKeys::load(&dir).expect("read");
        assert_eq!(made.signing.public(), read.signing.public());
        assert_eq!(made.transport.public(), read.transport.public());
        assert_ne!(made.signing.public(), made.cosigner.public());
        assert_eq!(fs::metadata(&dir).expect("there").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn nothing_is_made_beside_a_key_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        KeyFile::generate(&folder.path().join("transport.key"), Purpose::Transport).expect("made");
        assert!(matches!(NodeKeys::generate(folder.path()), Err(KeyError::Exists { .. })));
        assert!(!folder.path().join("signing.key").exists());
    }

    #[test]
    fn a_key_under_the_name_of_another_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        NodeKeys::generate(folder.path()).expect("made");
        let path = |purpose: Purpose| folder.path().join(purpose.file_name());
        fs::copy(path(Purpose::Signing), path(Purpose::Cosigner)).expect("copied");
        assert!(matches!(NodeKeys::load(folder.path()), Err(KeyError::WrongPurpose { .. })));
    }
}
