// SPDX-License-Identifier: EUPL-1.2
//! Signed notes: a text and the lines of those who vouch for it (spec 02-log, "Notes"; C2SP signed-note).
//!
//! Every accepted note has exactly one spelling, so reading and writing it again gives the same bytes.
//! Reading judges no signature: until [`SignedNote::verify`] succeeds, a note's text is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cosignature;
use super::note_key::{NoteKey, NoteKeyKind, is_key_name};
use crate::encoding::{base64_decode, base64_encode};

/// Longest note, in bytes.
pub const NOTE_LEN_MAX: usize = 64 * 1024;
/// Most signature lines in a note.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// What a signature line begins with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// A text with at least one signature line, not necessarily of anybody known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: who says to have signed, and what that key's kind makes of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

/// A signature line that was checked; [`SignedNote::verify`] is the only source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedSignature<'k> {
    /// The configured key that signed.
    pub key: &'k NoteKey,
    /// For a cosigner: when, in seconds since 1970, by its own clock.
    pub time: Option<u64>,
}

/// Why bytes are not a note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_LEN_MAX`].
    #[error("a note of {found} bytes is over the limit of {NOTE_LEN_MAX}")]
    TooLong {
        /// Bytes that came.
        found: usize,
    },
    /// Not UTF-8.
    #[error("the note is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// An ASCII control character other than the line feed.
    #[error("the note has a control character at byte {at}")]
    ControlCharacter {
        /// Its offset.
        at: usize,
    },
    /// The text does not end in a line feed.
    #[error("the note's text does not end with a line feed")]
    UnfinishedText,
    /// No empty line followed by signature lines.
    #[error("the note has no signature lines: expected an empty line and at least one after its text")]
    NoSignatures,
    /// The last line is cut off.
    #[error("the note's last line does not end with a line feed")]
    UnfinishedLine,
    /// A line that is not an em dash, a key's name and canonical base64 of an id and a signature.
    #[error("signature line {number} is malformed")]
    BadLine {
        /// Counted from 1 after the empty line.
        number: usize,
    },
    /// More than [`NOTE_SIGNATURES_MAX`] lines.
    #[error("the note has more than {NOTE_SIGNATURES_MAX} signature lines")]
    TooManySignatures,
}

/// Why a well-formed note is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Two configured keys share name and id. The operator's fault, not the note's.
    #[error("two configured keys named {name:?} have the same id")]
    AmbiguousKeys {
        /// Their name.
        name: String,
    },
    /// A configured key's signature does not hold; the whole note is refused.
    #[error("the signature of {name:?} does not hold")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// No configured key signed.
    #[error("no known key signed the note")]
    NoKnownSignature,
}

impl NoteSignature {
    /// Makes a line out of its parts; `signature` is what the key's kind defines, without the id.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadLine`] for a name that no key can have or an empty signature.
    pub fn new(
        name: impl Into<String>,
        key_id: [u8; 4],
        signature: impl Into<Vec<u8>>,
    ) -> Result<Self, NoteError> {
        let (name, signature) = (name.into(), signature.into());
        if is_key_name(&name) && !signature.is_empty() {
            Ok(Self { name, key_id, signature })
        } else {
            Err(NoteError::BadLine { number: 1 })
        }
    }

    /// The name of the key that is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// That key's id.
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// The signature as its kind defines it, without the id.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Reads one line, with or without its line feed; the form in which lines travel alone.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadLine`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::from_line(line.strip_suffix('\n').unwrap_or(line)).ok_or(NoteError::BadLine { number: 1 })
    }

    fn from_line(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let bytes = base64_decode(encoded)?;
        let (&key_id, signature) = bytes.split_first_chunk()?;
        Self::new(name, key_id, signature).ok()
    }
}

impl SignedNote {
    /// Joins a text with signature lines.
    ///
    /// # Errors
    ///
    /// [`NoteError`]: the text must end with a line feed and have no other control character, there must be 1
    /// to [`NOTE_SIGNATURES_MAX`] lines, and all of it must fit [`NOTE_LEN_MAX`].
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let note = Self { text: text.into(), signatures };
        if !note.text.ends_with('\n') {
            return Err(NoteError::UnfinishedText);
        }
        if note.signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        if note.signatures.len() > NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        check_characters(&note.text)?;
        let length = note.to_string().len();
        if length > NOTE_LEN_MAX { Err(NoteError::TooLong { found: length }) } else { Ok(note) }
    }

    /// Reads a note. Nothing may follow its last line.
    ///
    /// # Errors
    ///
    /// [`NoteError`]; `TooLong` before anything else is looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_LEN_MAX {
            return Err(NoteError::TooLong { found: bytes.len() });
        }
        let note = str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 { at: error.valid_up_to() })?;
        check_characters(note)?;
        // The text may have empty lines of its own: the last one separates.
        let end = note.rfind("\n\n").ok_or(NoteError::NoSignatures)? + 1;
        let (text, lines) = (&note[..end], &note[end + 1..]);
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::UnfinishedLine)?;
        let mut signatures = Vec::new();
        for (line, number) in lines.split('\n').zip(1..) {
            if number > NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::from_line(line).ok_or(NoteError::BadLine { number })?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that is signed, with its final line feed. Untrusted until [`SignedNote::verify`] succeeded.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines as they came, 1 to [`NOTE_SIGNATURES_MAX`].
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The note's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// This note with one more line; a line of the same name and id is replaced where it stands.
    ///
    /// # Errors
    ///
    /// `TooManySignatures` or `TooLong`.
    pub fn with_signature(&self, line: NoteSignature) -> Result<Self, NoteError> {
        let mut signatures = self.signatures.clone();
        let same = |old: &&mut NoteSignature| old.name == line.name && old.key_id == line.key_id;
        match signatures.iter_mut().find(same) {
            Some(old) => *old = line,
            None => signatures.push(line),
        }
        Self::new(self.text.clone(), signatures)
    }

    /// Checks the lines of all configured `keys` and returns them in the order of the note.
    ///
    /// Lines of unknown keys are ignored, also when only name or id is known, and so is a second line of one
    /// key.
    ///
    /// # Errors
    ///
    /// `AmbiguousKeys` if two of `keys` share name and id, `BadSignature` as soon as one known key's line
    /// does not hold, `NoKnownSignature` if there is none.
    pub fn verify<'k>(&self, keys: &'k [NoteKey]) -> Result<Vec<VerifiedSignature<'k>>, VerifyError> {
        let mut known = BTreeMap::new();
        for key in keys {
            if known.insert((key.name(), key.id()), key).is_some() {
                return Err(VerifyError::AmbiguousKeys { name: key.name().to_owned() });
            }
        }
        let mut seen = BTreeSet::new();
        let mut verified = Vec::new();
        for line in &self.signatures {
            let id = (line.name(), line.key_id());
            let Some(&key) = known.get(&id) else { continue };
            if !seen.insert(id) {
                continue;
            }
            let bad = || VerifyError::BadSignature { name: line.name.clone() };
            let time = match key.kind() {
                NoteKeyKind::Log => {
                    key.key().verify(self.text.as_bytes(), &line.signature).map_err(|_| bad())?;
                    None
                }
                NoteKeyKind::Cosigner => {
                    Some(cosignature::verify_text(&self.text, &line.signature, key.key()).ok_or_else(bad)?)
                }
            };
            verified.push(VerifiedSignature { key, time });
        }
        if verified.is_empty() { Err(VerifyError::NoKnownSignature) } else { Ok(verified) }
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().position(|b| b < 0x20 && b != b'\n') {
        Some(at) => Err(NoteError::ControlCharacter { at }),
        None => Ok(()),
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text.as_bytes())
    }
}

impl TryFrom<String> for SignedNote {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<SignedNote> for String {
    fn from(note: SignedNote) -> Self {
        note.to_string()
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The line without its line feed.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = base64_encode(&[self.key_id.as_slice(), &self.signature].concat());
        write!(f, "{LINE_START}{} {encoded}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vectors::{EXAMPLE, keys};
    use super::*;

    fn example() -> SignedNote {
        EXAMPLE.parse().expect("a note")
    }

    #[test]
    fn the_example_is_read_verified_and_written_back() {
        let note = example();
        assert_eq!(note.to_string(), EXAMPLE);
        let keys = keys();
        let times: Vec<_> = note.verify(&keys).expect("holds").into_iter().map(|v| (v.key, v.time)).collect();
        assert_eq!(
            times,
            [(&keys[0], None), (&keys[1], Some(1_795_334_400)), (&keys[2], Some(1_795_334_402))]
        );
    }

    #[test]
    fn every_bit_flip_is_refused_or_makes_one_line_unknown() {
        let (bytes, keys, text) = (EXAMPLE.as_bytes(), keys(), example().text().len());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(note) = SignedNote::parse(&flipped) else { continue };
            assert_eq!(note.to_bytes(), flipped, "read as something else");
            match note.verify(&keys) {
                Ok(verified) => {
                    assert!(bit / 8 > text, "a changed text was believed");
                    assert_eq!(verified.len(), 2, "bit {bit} was not noticed");
                }
                Err(error) => {
                    assert!(matches!(error, VerifyError::BadSignature { .. } | VerifyError::NoKnownSignature))
                }
            }
        }
    }

    #[test]
    fn every_truncation_is_refused_or_ends_after_a_whole_line() {
        for end in 0..EXAMPLE.len() {
            match SignedNote::parse(&EXAMPLE.as_bytes()[..end]) {
                Ok(note) => {
                    assert!(EXAMPLE[..end].ends_with("=\n"));
                    assert!(note.verify(&keys()).is_ok_and(|verified| verified.len() < 3));
                }
                Err(error) => assert!(matches!(
                    error,
                    NoteError::NoSignatures
                        | NoteError::UnfinishedLine
                        | NoteError::BadLine { .. }
                        | NoteError::NotUtf8 { .. }
                )),
            }
        }
    }

    #[test]
    fn unknown_lines_are_ignored_and_known_bad_ones_refuse_the_note() {
        let (note, keys) = (example(), keys());
        let lines = note.signatures();
        let with =
            |line: NoteSignature| SignedNote::new(note.text(), vec![lines[0].clone(), line]).expect("a note");
        let line = |name: &str, id, bytes: &[u8]| NoteSignature::new(name, id, bytes).expect("a line");
        // The same name or the same id alone is another key.
        for unknown in [
            line("somebody.example", lines[1].key_id(), b"nonsense"),
            line(lines[1].name(), [0; 4], b"nonsense"),
        ] {
            assert_eq!(with(unknown).verify(&keys).map(|verified| verified.len()), Ok(1));
        }
        let bad = line(lines[1].name(), lines[1].key_id(), b"nonsense");
        assert_eq!(
            with(bad.clone()).verify(&keys),
            Err(VerifyError::BadSignature { name: lines[1].name().to_owned() })
        );
        // Unknown to this reader, the same line is ignored.
        assert_eq!(with(bad.clone()).verify(&keys[..1]).map(|verified| verified.len()), Ok(1));
        // A second line of a key is not looked at.
        let twice = SignedNote::new(note.text(), vec![lines[1].clone(), bad]).expect("a note");
        assert_eq!(twice.verify(&keys).map(|verified| verified.len()), Ok(1));
        assert_eq!(note.verify(&[]), Err(VerifyError::NoKnownSignature));
        let ambiguous = [keys[0].clone(), keys[0].clone()];
        assert!(matches!(note.verify(&ambiguous), Err(VerifyError::AmbiguousKeys { .. })));
    }

    #[test]
    fn a_signature_of_one_kind_is_not_one_of_the_other() {
        let (note, keys) = (example(), keys());
        for key in &keys {
            let other = match key.kind() {
                NoteKeyKind::Log => NoteKeyKind::Cosigner,
                NoteKeyKind::Cosigner => NoteKeyKind::Log,
            };
            let other = NoteKey::new(key.name(), other, key.key().clone()).expect("a key");
            let line = note.signatures().iter().find(|line| line.name() == key.name()).expect("signed");
            let relabelled = NoteSignature::new(key.name(), other.id(), line.signature()).expect("a line");
            let note = SignedNote::new(note.text(), vec![relabelled]).expect("a note");
            assert!(matches!(note.verify(&[other]), Err(VerifyError::BadSignature { .. })));
        }
    }

    #[test]
    fn the_last_empty_line_separates() {
        let line = example().signatures()[0].clone();
        for text in ["\n", "a\n\nb\n", "a\n\n", "a\n\n\n\n", "a\n\n\u{2014} b c\n"] {
            let note = SignedNote::new(text, vec![line.clone()]).expect("a note");
            assert_eq!(SignedNote::parse(&note.to_bytes()), Ok(note));
        }
    }

    #[test]
    fn malformed_notes_are_refused_by_name() {
        let line = format!("{}\n", example().signatures()[0]);
        let parse = |text: String| SignedNote::parse(text.as_bytes()).expect_err("refused");
        assert_eq!(parse(format!("a\r\n\n{line}")), NoteError::ControlCharacter { at: 1 });
        assert_eq!(parse(format!("a\n{line}")), NoteError::NoSignatures);
        assert_eq!(parse("a\n\n".to_owned()), NoteError::NoSignatures);
        assert_eq!(parse(format!("a\n\n{line}x\n")), NoteError::BadLine { number: 2 });
        assert_eq!(parse(format!("a\n\n{line}x")), NoteError::UnfinishedLine);
        assert_eq!(parse(format!("a\n\n{line}\n")), NoteError::NoSignatures);
        assert_eq!(SignedNote::parse(b"a\xff\n\n"), Err(NoteError::NotUtf8 { at: 1 }));
        for bad in [
            "- a AAAAAAA=",
            "\u{2014}  AAAAAAA=",
            "\u{2014} a  AAAAAAA=",
            "\u{2014} a AAAAAAA= ",
            "\u{2014} a+b AAAAAAA=",
            "\u{2014} a AAAAAA==",
            "\u{2014} a AAAAAAB=",
            "\u{2014} a AAAAAAA",
            "\u{2014} a\u{a0}b AAAAAAA=",
        ] {
            assert_eq!(parse(format!("a\n\n{bad}\n")), NoteError::BadLine { number: 1 }, "{bad}");
        }
    }

    #[test]
    fn the_limits_hold_to_the_byte_and_the_line() {
        let line = example().signatures()[0].clone();
        let at_most = SignedNote::new("a\n", vec![line.clone(); NOTE_SIGNATURES_MAX]).expect("a note");
        assert_eq!(SignedNote::parse(&at_most.to_bytes()).as_ref(), Ok(&at_most));
        let one_more = [at_most.to_string(), format!("{line}\n")].concat();
        assert_eq!(SignedNote::parse(one_more.as_bytes()), Err(NoteError::TooManySignatures));
        let other = NoteSignature::new("somebody.example", [0; 4], [0]).expect("a line");
        assert_eq!(at_most.with_signature(other), Err(NoteError::TooManySignatures));
        let rest = format!("\n\n{line}\n").len();
        let text = |len: usize| format!("{}\n", "a".repeat(len - rest));
        let longest = SignedNote::new(text(NOTE_LEN_MAX), vec![line.clone()]).expect("fits");
        assert_eq!(longest.to_bytes().len(), NOTE_LEN_MAX);
        assert_eq!(SignedNote::parse(&longest.to_bytes()), Ok(longest));
        let found = NOTE_LEN_MAX + 1;
        assert_eq!(SignedNote::new(text(found), vec![line]), Err(NoteError::TooLong { found }));
        assert_eq!(SignedNote::parse(&vec![b'a'; found]), Err(NoteError::TooLong { found }));
    }

    #[test]
    fn a_new_line_takes_the_place_of_the_same_keys_old_one() {
        let note = example();
        let old = &note.signatures()[1];
        let newer = NoteSignature::new(old.name(), old.key_id(), *b"newer").expect("a line");
        let replaced = note.with_signature(newer.clone()).expect("a note");
        assert_eq!(replaced.signatures().len(), 3);
        assert_eq!(replaced.signatures()[1], newer);
        assert_eq!(NoteSignature::parse(&format!("{newer}\n")), Ok(newer));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back_the_same(
            text in "(\\PC{0,8}\n){1,4}", names in proptest::collection::vec("[!-*,-~]{1,8}", 1..4), bytes: Vec<u8>
        ) {
            let signature = [bytes.as_slice(), b"s"].concat();
            let line = |name| NoteSignature::new(name, [1, 2, 3, 4], signature.clone()).expect("a line");
            let note = SignedNote::new(text, names.into_iter().map(line).collect()).expect("a note");
            prop_assert_eq!(SignedNote::parse(&note.to_bytes()), Ok(note));
        }

        #[test]
        fn no_bytes_have_two_readings(at in 0usize..EXAMPLE.len(), cut in 0usize..9, paste in "[\n \u{2014}A-B=+]{0,6}") {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes.splice(at..(at + cut).min(EXAMPLE.len()), paste.bytes());
            if let Ok(note) = SignedNote::parse(&bytes) {
                prop_assert_eq!(note.to_bytes(), bytes);
            }
        }
    }
}
