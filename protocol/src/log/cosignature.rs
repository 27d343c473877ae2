// SPDX-License-Identifier: EUPL-1.2
//! Cosignatures: a member's word that at some time a checkpoint was the largest consistent one it had of a
//! log (spec 02-log, "Cosignatures"; C2SP tlog-cosignature, Ed25519).
//!
//! The signed text does not name the cosigner. One key per cosigner, therefore, and never a log's key.

use super::checkpoint::{Checkpoint, SignError};
use super::note::NoteSignature;
use super::note_key::{NoteKeyKind, bad_name, is_key_name, key_id};
use crate::key::{PublicKey, SecretKey};
use crate::member::MemberId;

/// Latest time that a cosignature can say, in seconds since 1970.
pub const COSIGNATURE_TIME_MAX: u64 = (1 << 63) - 1;

/// A cosignature line taken apart; not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The cosigner that the line names.
    pub name: String,
    /// Its key's id.
    pub key_id: [u8; 4],
    /// When it cosigned, in seconds since 1970 by its own clock.
    pub time: u64,
    /// Ed25519 signature over `cosignature/v1`, the time and the checkpoint.
    pub signature: [u8; 64],
}

/// Why a cosignature line was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// Not eight bytes of time up to 2^63 - 1 and 64 of signature.
    #[error("the line is not a cosignature: expected 8 bytes of time and 64 of signature")]
    Malformed,
    /// The line names another cosigner or another key.
    #[error("the line is not of the key expected for {expected:?}")]
    OtherKey {
        /// The cosigner whose line it should be.
        expected: String,
    },
    /// The signature does not hold for this checkpoint.
    #[error("the cosignature does not hold for this checkpoint")]
    Signature,
}

/// The name under which a member cosigns: `<federation>/cosigner/<member in lower case>`.
pub fn cosigner_name(federation: &str, member: &MemberId) -> String {
    format!("{federation}/cosigner/{}", member.as_str().to_ascii_lowercase())
}

impl Cosignature {
    /// Takes a signature line apart.
    ///
    /// # Errors
    ///
    /// [`CosignatureError::Malformed`].
    pub fn from_line(line: &NoteSignature) -> Result<Self, CosignatureError> {
        let (time, signature) = split(line.signature()).ok_or(CosignatureError::Malformed)?;
        Ok(Self { name: line.name().to_owned(), key_id: line.key_id(), time, signature: *signature })
    }
}

/// Cosigns a checkpoint as `name` at `time` (seconds since 1970), and checks the signature.
///
/// The caller has stored the log up to this checkpoint and found it consistent with every earlier one.
///
/// # Errors
///
/// [`SignError`]: a malformed checkpoint or name, a time past [`COSIGNATURE_TIME_MAX`], or `SelfCheck`.
pub fn cosign(
    checkpoint: &Checkpoint,
    name: &str,
    key: &SecretKey,
    time: u64,
) -> Result<NoteSignature, SignError> {
    checkpoint.check()?;
    if !is_key_name(name) {
        return Err(bad_name(name).into());
    }
    if time > COSIGNATURE_TIME_MAX {
        return Err(SignError::Time { time });
    }
    let public = key.public();
    let signature = key.sign(message(&checkpoint.to_text(), time).as_bytes());
    let stamped = [time.to_be_bytes().as_slice(), &signature].concat();
    let line = NoteSignature::new(name, key_id(name, NoteKeyKind::Cosigner, &public), stamped)
        .map_err(|_| SignError::SelfCheck)?;
    match verify_cosignature(checkpoint, &line, name, &public) {
        Ok(found) if found == time => Ok(line),
        _ => Err(SignError::SelfCheck),
    }
}

/// Checks that `line` is `name`'s cosignature of this checkpoint, and returns its time in seconds since 1970.
///
/// # Errors
///
/// [`CosignatureError`].
pub fn verify_cosignature(
    checkpoint: &Checkpoint,
    line: &NoteSignature,
    name: &str,
    key: &PublicKey,
) -> Result<u64, CosignatureError> {
    if line.name() != name || line.key_id() != key_id(name, NoteKeyKind::Cosigner, key) {
        return Err(CosignatureError::OtherKey { expected: name.to_owned() });
    }
    split(line.signature()).ok_or(CosignatureError::Malformed)?;
    verify_text(&checkpoint.to_text(), line.signature(), key).ok_or(CosignatureError::Signature)
}

/// The time of a cosignature over a note's text, if it holds.
pub(super) fn verify_text(text: &str, stamped: &[u8], key: &PublicKey) -> Option<u64> {
    let (time, signature) = split(stamped)?;
    key.verify(message(text, time).as_bytes(), signature).ok()?;
    Some(time)
}

fn split(stamped: &[u8]) -> Option<(u64, &[u8; 64])> {
    let (time, signature) = stamped.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= COSIGNATURE_TIME_MAX).then_some((time, signature.try_into().ok()?))
}

fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::super::vectors::{EXAMPLE, NAME_EU, NAME_FR, eu_key, fr_key, log_key};
    use super::super::{Hash, SignedNote, sign_checkpoint};
    use super::*;

    const TIME: u64 = 1_795_334_400;

    fn checkpoint() -> Checkpoint {
        let note: SignedNote = EXAMPLE.parse().expect("a note");
        Checkpoint::parse(note.text()).expect("a checkpoint")
    }

    #[test]
    fn a_cosignature_holds_for_one_checkpoint_cosigner_and_time() {
        let line = cosign(&checkpoint(), NAME_FR, &fr_key(), TIME).expect("cosigns");
        assert_eq!(verify_cosignature(&checkpoint(), &line, NAME_FR, &fr_key().public()), Ok(TIME));
        let other = Checkpoint { root: leaf_hash(b"other"), ..checkpoint() };
        let larger = Checkpoint { size: 4, ..checkpoint() };
        let elsewhere = Checkpoint { origin: "concert.example/log/de/1".to_owned(), ..checkpoint() };
        for other in [other, larger, elsewhere] {
            let held = verify_cosignature(&other, &line, NAME_FR, &fr_key().public());
            assert_eq!(held, Err(CosignatureError::Signature));
        }
        for (name, key) in [(NAME_EU, fr_key()), (NAME_FR, eu_key())] {
            let held = verify_cosignature(&checkpoint(), &line, name, &key.public());
            assert_eq!(held, Err(CosignatureError::OtherKey { expected: name.to_owned() }));
        }
    }

    #[test]
    fn every_changed_bit_of_time_or_signature_is_refused() {
        let line = cosign(&checkpoint(), NAME_FR, &fr_key(), TIME).expect("cosigns");
        for bit in 0..72 * 8 {
            let mut stamped = line.signature().to_vec();
            stamped[bit / 8] ^= 1 << (bit % 8);
            let changed = NoteSignature::new(line.name(), line.key_id(), stamped).expect("a line");
            let expected = if bit == 7 { CosignatureError::Malformed } else { CosignatureError::Signature };
            assert_eq!(
                verify_cosignature(&checkpoint(), &changed, NAME_FR, &fr_key().public()),
                Err(expected)
            );
        }
        for length in [1, 8, 64, 71, 73] {
            let changed = NoteSignature::new(line.name(), line.key_id(), vec![0; length]).expect("a line");
            let expected = CosignatureError::Malformed;
            assert_eq!(Cosignature::from_line(&changed), Err(expected.clone()));
            assert_eq!(
                verify_cosignature(&checkpoint(), &changed, NAME_FR, &fr_key().public()),
                Err(expected)
            );
        }
    }

    #[test]
    fn a_line_taken_apart_has_what_went_in() {
        let line = cosign(&checkpoint(), NAME_EU, &eu_key(), 7).expect("cosigns");
        let parts = Cosignature::from_line(&line).expect("a cosignature");
        assert_eq!((parts.name.as_str(), parts.key_id, parts.time), (NAME_EU, line.key_id(), 7));
        assert_eq!(parts.signature, line.signature()[8..]);
    }

    #[test]
    fn times_up_to_the_limit_and_well_formed_names_only() {
        let cosign = |name: &str, time| cosign(&checkpoint(), name, &fr_key(), time);
        for time in [0, COSIGNATURE_TIME_MAX] {
            let line = cosign(NAME_FR, time).expect("cosigns");
            assert_eq!(verify_cosignature(&checkpoint(), &line, NAME_FR, &fr_key().public()), Ok(time));
        }
        let time = COSIGNATURE_TIME_MAX + 1;
        assert_eq!(cosign(NAME_FR, time), Err(SignError::Time { time }));
        assert!(matches!(cosign("a b", 0), Err(SignError::Name(_))));
        let bad = Checkpoint { size: 0, root: Hash::from_bytes([0; 32]), ..checkpoint() };
        assert!(matches!(super::cosign(&bad, NAME_FR, &fr_key(), 0), Err(SignError::Checkpoint(_))));
    }

    #[test]
    fn a_checkpoint_signature_is_no_cosignature_even_under_one_key() {
        // A log key used to cosign is a mistake, but must not let one signature stand for the other.
        let note = sign_checkpoint(&checkpoint(), &log_key()).expect("signs");
        let stamped = [&[0; 8], note.signatures()[0].signature()].concat();
        let id = key_id(NAME_FR, NoteKeyKind::Cosigner, &log_key().public());
        let line = NoteSignature::new(NAME_FR, id, stamped).expect("a line");
        let held = verify_cosignature(&checkpoint(), &line, NAME_FR, &log_key().public());
        assert_eq!(held, Err(CosignatureError::Signature));
    }

    #[test]
    fn cosigners_are_named_after_federation_and_member() {
        let member: MemberId = "FR".parse().expect("a member");
        assert_eq!(cosigner_name("concert.example", &member), NAME_FR);
    }
}
