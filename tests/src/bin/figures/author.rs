// SPDX-License-Identifier: EUPL-1.2
//! Members without nodes: fixed keys that sign entries into logs held in memory.

use concert_protocol::consolidation::Position;
use concert_protocol::entry::{Audience, Body, Entry, EntryId, EntryRef, NewEntry, Nonce};
use concert_protocol::key::SecretKey;
use concert_protocol::log::leaf_hash;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::time::Timestamp;

use crate::machine::Numbers;

/// A member that signs.
pub(crate) struct Author {
    pub(crate) log: LogId,
    key: SecretKey,
    next: u64,
    numbers: Numbers,
}

/// An entry where it stands.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) position: Position,
    pub(crate) bytes: Vec<u8>,
    pub(crate) entry: Entry,
}

impl Signed {
    pub(crate) fn reference(&self) -> EntryRef {
        self.entry.reference()
    }
}

/// A member's code.
pub(crate) fn member(code: &str) -> MemberId {
    code.parse().expect("a code of this program")
}

/// A key that is the same in every run.
fn fixed_key(code: &str) -> SecretKey {
    let mut seed = [0xf1; 32];
    seed[..code.len()].copy_from_slice(code.as_bytes());
    SecretKey::from_seed(&seed)
}

impl Author {
    /// A member with a fixed key and an empty log.
    pub(crate) fn new(code: &str) -> Self {
        Self::with_key(code, fixed_key(code))
    }

    /// A member with a key of its node.
    pub(crate) fn with_key(code: &str, key: SecretKey) -> Self {
        let seed = code.bytes().fold(1, |seed: u64, byte| seed << 8 | u64::from(byte));
        Self { log: LogId::first(member(code)), key, next: 0, numbers: Numbers::new(seed) }
    }

    /// Signs one entry for all members as the next of the log.
    pub(crate) fn sign(&mut self, at: Timestamp, body: Body) -> anyhow::Result<Signed> {
        let entry = self.entry(at, body);
        Ok(self.seal(entry)?)
    }

    /// Signs many entries on all cores; they stand in the log in this order.
    pub(crate) fn sign_all(&mut self, bodies: Vec<(Timestamp, Body)>) -> anyhow::Result<Vec<Signed>> {
        let entries: Vec<(u64, NewEntry)> =
            bodies.into_iter().map(|(at, body)| self.entry(at, body)).collect();
        let share = entries.len().div_ceil(crate::machine::cores()).max(1);
        let parts: Vec<Vec<(u64, NewEntry)>> = entries.chunks(share).map(<[_]>::to_vec).collect();
        let this = &*self;
        let signed = std::thread::scope(|scope| {
            let threads: Vec<_> = parts
                .into_iter()
                .map(|part| {
                    scope.spawn(move || {
                        part.into_iter().map(|new| this.seal(new)).collect::<Result<Vec<_>, _>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("signing does not panic"))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(signed?.into_iter().flatten().collect())
    }

    fn entry(&mut self, at: Timestamp, body: Body) -> (u64, NewEntry) {
        let id = EntryId::new(at, self.numbers.bytes());
        let nonce = Nonce::new(self.numbers.bytes());
        let author = self.log.member.clone();
        let index = self.next;
        self.next += 1;
        (index, NewEntry { id, author, at, nonce, audience: Audience::MEMBERS, body })
    }

    fn seal(&self, (index, new): (u64, NewEntry)) -> Result<Signed, concert_protocol::entry::EntryError> {
        let signed = new.sign(&self.key)?;
        let leaf = leaf_hash(&signed.bytes);
        let position = Position { log: self.log.clone(), index, leaf };
        Ok(Signed { position, bytes: signed.bytes, entry: signed.entry })
    }
}
