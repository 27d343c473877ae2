// SPDX-License-Identifier: EUPL-1.2
//! Authoring exactly once, across retries, double clicks, two imports at a time, and restarts.
//!
//! The random part of an entry's UUIDv7 is made from what must be unique: the digest of a unit's file reference, or
//! of a client's idempotency key. So the own log itself remembers what was authored, and nothing else has to be
//! kept in step with it (spec decisions/0004).

use concert_protocol::entry::EntryId;
use concert_protocol::time::Timestamp;
use sha2::{Digest, Sha256};

/// What must be authored at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unique([u8; 10]);

impl Unique {
    /// From a purpose and the texts that name the thing; each text is length-prefixed, so none can run into the next.
    pub fn of(purpose: &str, parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in std::iter::once(&purpose).chain(parts) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        // Six bits of a UUIDv7 are fixed; going through an id once makes equal what is equal afterwards.
        Self::in_id(&EntryId::new(Timestamp::EPOCH, random))
    }

    /// The unique part of an existing id.
    pub fn in_id(id: &EntryId) -> Self {
        let mut random = [0; 10];
        random.copy_from_slice(&id.as_bytes()[6..]);
        Self(random)
    }

    /// The id of an entry written at `at`.
    pub fn id(self, at: Timestamp) -> EntryId {
        EntryId::new(at, self.0)
    }

    /// The bytes, a key of the store.
    pub fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_gives_back_what_was_unique_at_any_time() {
        let unique = Unique::of("referral", &["PHAROS", "PH-1"]);
        for seconds in [0, 1, 1_800_000_000] {
            assert_eq!(Unique::in_id(&unique.id(Timestamp::from_seconds(seconds))), unique);
        }
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(Unique::of("r", &["ab", "c"]), Unique::of("r", &["a", "bc"]));
        assert_ne!(Unique::of("r", &["ab"]), Unique::of("ra", &["b"]));
    }
}
