// SPDX-License-Identifier: EUPL-1.2
//! Checkpoints: a log's origin, size and root, signed by its author (spec 02-log, "Checkpoints"; C2SP
//! tlog-checkpoint).
//!
//! Signing here does not ask whether the author may sign this size and root: [`super::SignedState`] does,
//! before.

use super::hash::{Hash, empty_root};
use super::note::{NoteSignature, SignedNote, VerifyError};
use super::note_key::{BadNoteKey, NoteKey, NoteKeyKind, bad_name, is_key_name, key_id};
use super::tree::TREE_SIZE_MAX;
use crate::key::{PublicKey, SecretKey};

pub use super::note_key::ORIGIN_LEN_MAX;

/// What a log's author states: at this size, the tree of this log had this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `<federation>/log/<member in lower case>/<generation>`, as [`crate::member::LogId::origin`]
    /// writes it.
    pub origin: String,
    /// Entries in the log, at most [`TREE_SIZE_MAX`].
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// Why a text is not a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not exactly three lines.
    #[error("a checkpoint has exactly three lines: origin, size and root")]
    Lines,
    /// The origin could not be a key's name.
    #[error("the checkpoint's origin is malformed")]
    Origin(#[source] BadNoteKey),
    /// Not a decimal number in its shortest form, or past [`TREE_SIZE_MAX`].
    #[error("the checkpoint's size is not a number from 0 to {TREE_SIZE_MAX} without leading zeros")]
    Size,
    /// Not canonical base64 of 32 bytes.
    #[error("the checkpoint's root is not base64 of 32 bytes")]
    Root,
    /// Size 0 with a root other than the empty tree's.
    #[error("a checkpoint of size 0 must have the root of the empty tree")]
    NotEmpty,
}

/// Why a signed checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The note's text is not a checkpoint.
    #[error("the note is not a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// It is another log's.
    #[error("the checkpoint is of {found:?}, not of {expected:?}")]
    Origin {
        /// The log it should be of.
        expected: String,
        /// The log it is of.
        found: String,
    },
    /// It is not validly signed by the log's key.
    #[error("the checkpoint is not signed by its log's key")]
    Signature(#[from] VerifyError),
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The checkpoint could not be read by others.
    #[error("the checkpoint to sign is malformed")]
    Checkpoint(#[from] CheckpointError),
    /// The signer's name could not stand in a signature line.
    #[error("the signer's name is malformed")]
    Name(#[from] BadNoteKey),
    /// A cosignature's time is past 2^63 - 1.
    #[error("{time} seconds are past what a cosignature can say")]
    Time {
        /// The refused time.
        time: u64,
    },
    /// The new signature does not hold: memory or processor cannot be trusted. Nothing may be published.
    #[error("the signature just made does not hold; memory or processor is faulty, do not publish")]
    SelfCheck,
}

impl Checkpoint {
    /// Puts a checkpoint together.
    ///
    /// # Errors
    ///
    /// `Origin`, `Size` or `NotEmpty`.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let checkpoint = Self { origin: origin.into(), size, root };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Reads a note's text: three lines, each ending in a line feed.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        let size = parse_decimal(size).ok_or(CheckpointError::Size)?;
        Self::new(origin, size, Hash::from_base64(root).ok_or(CheckpointError::Root)?)
    }

    /// The three lines that are signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    pub(super) fn check(&self) -> Result<(), CheckpointError> {
        if !is_key_name(&self.origin) {
            return Err(CheckpointError::Origin(bad_name(&self.origin)));
        }
        if self.size > TREE_SIZE_MAX {
            return Err(CheckpointError::Size);
        }
        if self.size == 0 && self.root != empty_root() {
            return Err(CheckpointError::NotEmpty);
        }
        Ok(())
    }
}

/// Signs a checkpoint with its log's key, whose name is the origin, and checks the signature.
///
/// # Errors
///
/// `Checkpoint` for one that others would refuse, `SelfCheck` if the new signature does not hold.
pub fn sign_checkpoint(checkpoint: &Checkpoint, key: &SecretKey) -> Result<SignedNote, SignError> {
    checkpoint.check()?;
    let (text, public) = (checkpoint.to_text(), key.public());
    let id = key_id(&checkpoint.origin, NoteKeyKind::Log, &public);
    let line = NoteSignature::new(checkpoint.origin.as_str(), id, key.sign(text.as_bytes()));
    let note = line.and_then(|line| SignedNote::new(text, vec![line])).map_err(|_| SignError::SelfCheck)?;
    match open_checkpoint(&note, &checkpoint.origin, &public) {
        Ok(opened) if opened == *checkpoint => Ok(note),
        _ => Err(SignError::SelfCheck),
    }
}

/// Reads the checkpoint in a note if it is `origin`'s and signed by its `key`.
///
/// Lines of other keys are not looked at: cosignatures are checked with [`SignedNote::verify`].
///
/// # Errors
///
/// [`OpenError`]; text and origin are judged before the costlier signature.
pub fn open_checkpoint(note: &SignedNote, origin: &str, key: &PublicKey) -> Result<Checkpoint, OpenError> {
    let checkpoint = Checkpoint::parse(note.text())?;
    if checkpoint.origin != origin {
        return Err(OpenError::Origin { expected: origin.to_owned(), found: checkpoint.origin });
    }
    let key = NoteKey::new(origin, NoteKeyKind::Log, key.clone()).map_err(CheckpointError::Origin)?;
    note.verify(&[key])?;
    Ok(checkpoint)
}

/// Reads a decimal number from 0 to 2^63 - 1 in its one spelling.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|&number| number <= TREE_SIZE_MAX)?;
    // The standard parser accepts a plus sign and leading zeros.
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{EXAMPLE, ORIGIN, keys, log_key};
    use super::super::{NOTE_LEN_MAX, leaf_hash};
    use super::*;

    #[test]
    fn malformed_texts_are_refused_by_name() {
        let root = leaf_hash(b"").to_base64();
        let empty = empty_root().to_base64();
        let parse = |text: &str| Checkpoint::parse(text).map(|checkpoint| checkpoint.to_text());
        for good in
            [format!("a\n1\n{root}\n"), format!("a\n{TREE_SIZE_MAX}\n{root}\n"), format!("a\n0\n{empty}\n")]
        {
            assert_eq!(parse(&good), Ok(good.clone()));
        }
        let lines = CheckpointError::Lines;
        for bad in [
            "",
            "\n",
            "a\n1\n",
            &format!("a\n1\n{root}"),
            &format!("a\n1\n{root}\nextension\n"),
            &format!("a\n1\n{root}\n\n"),
        ] {
            assert_eq!(parse(bad), Err(lines.clone()), "{bad:?}");
        }
        for size in [
            "",
            "-1",
            "+1",
            "01",
            "1 ",
            " 1",
            "0x1",
            "1e3",
            "\u{661}",
            "9223372036854775808",
            "18446744073709551616",
        ] {
            assert_eq!(parse(&format!("a\n{size}\n{root}\n")), Err(CheckpointError::Size), "{size:?}");
        }
        for root in
            ["", "AAAA", &root[..43], &format!("{root}="), &format!("{root} "), &root.replace('=', "A")]
        {
            assert_eq!(parse(&format!("a\n1\n{root}\n")), Err(CheckpointError::Root), "{root:?}");
        }
        for origin in ["", "a b", "a+b", &"a".repeat(256)] {
            assert!(matches!(parse(&format!("{origin}\n1\n{root}\n")), Err(CheckpointError::Origin(_))));
        }
        assert_eq!(parse(&format!("a\n0\n{root}\n")), Err(CheckpointError::NotEmpty));
    }

    #[test]
    fn a_checkpoint_opens_for_its_log_and_key_alone() {
        let key = log_key();
        let checkpoint = Checkpoint::new(ORIGIN, 3, leaf_hash(b"")).expect("a checkpoint");
        let note = sign_checkpoint(&checkpoint, &key).expect("signs");
        assert_eq!(open_checkpoint(&note, ORIGIN, &key.public()), Ok(checkpoint.clone()));
        assert!(matches!(
            open_checkpoint(&note, "concert.example/log/fr/2", &key.public()),
            Err(OpenError::Origin { .. })
        ));
        let stranger = SecretKey::from_seed(&[9; 32]);
        assert_eq!(
            open_checkpoint(&note, ORIGIN, &stranger.public()),
            Err(OpenError::Signature(VerifyError::NoKnownSignature))
        );
        // Signed by the stranger, but passed off as the log's key by its id.
        let id = key_id(ORIGIN, NoteKeyKind::Log, &key.public());
        let forged = NoteSignature::new(ORIGIN, id, stranger.sign(note.text().as_bytes())).expect("a line");
        let forged = SignedNote::new(note.text(), vec![forged]).expect("a note");
        assert!(matches!(
            open_checkpoint(&forged, ORIGIN, &key.public()),
            Err(OpenError::Signature(VerifyError::BadSignature { .. }))
        ));
    }

    #[test]
    fn what_others_would_refuse_is_not_signed() {
        let sign = |checkpoint: &Checkpoint| sign_checkpoint(checkpoint, &log_key()).expect_err("refused");
        let good = Checkpoint { origin: ORIGIN.to_owned(), size: 1, root: leaf_hash(b"") };
        let bad = Checkpoint { origin: "a\nb".to_owned(), ..good.clone() };
        assert!(matches!(sign(&bad), SignError::Checkpoint(CheckpointError::Origin(_))));
        let bad = Checkpoint { size: TREE_SIZE_MAX + 1, ..good.clone() };
        assert_eq!(sign(&bad), SignError::Checkpoint(CheckpointError::Size));
        assert_eq!(sign(&Checkpoint { size: 0, ..good }), SignError::Checkpoint(CheckpointError::NotEmpty));
    }

    #[test]
    fn a_bad_cosignature_does_not_spoil_the_authors_word() {
        let note: SignedNote = EXAMPLE.parse().expect("a note");
        let old = &note.signatures()[2];
        let bad = NoteSignature::new(old.name(), old.key_id(), [0; 72]).expect("a line");
        let note = note.with_signature(bad).expect("a note");
        assert!(note.to_bytes().len() < NOTE_LEN_MAX);
        assert!(open_checkpoint(&note, ORIGIN, &log_key().public()).is_ok());
        assert!(note.verify(&keys()).is_err());
    }
}
