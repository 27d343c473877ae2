// SPDX-License-Identifier: EUPL-1.2
//! A log's checkpoint and the cosignatures collected on it.

use std::collections::BTreeMap;

use crate::log::{Checkpoint, NoteSignature, SignedNote, open_checkpoint, verify_cosignature};
use crate::member::{LogId, MemberId};
use crate::roster::Roster;
use crate::sync::fault::PeerFault;
use crate::time::Timestamp;

/// A checkpoint whose author's signature was checked, with the cosignatures that hold.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) checkpoint: Checkpoint,
    /// The author's line alone.
    author_line: NoteSignature,
    /// Checked cosignatures: time in seconds and the line.
    cosignatures: BTreeMap<MemberId, (u64, NoteSignature)>,
}

impl Head {
    /// Opens a note as a checkpoint of `log`: form, origin, author's key for that size, closure and pins.
    ///
    /// # Errors
    ///
    /// [`PeerFault::Note`]: whoever passed it on should have checked.
    pub(crate) fn open(roster: &Roster, log: &LogId, bytes: &[u8]) -> Result<(Self, SignedNote), PeerFault> {
        let wrong = |reason: &'static str| PeerFault::Note { log: log.clone(), reason };
        let note = SignedNote::parse(bytes).map_err(|_| wrong("not a signed note"))?;
        let origin = log.origin(roster.federation());
        let claimed = Checkpoint::parse(note.text()).map_err(|_| wrong("not a checkpoint"))?;
        if claimed.origin != origin {
            return Err(wrong("the checkpoint of another log"));
        }
        let opened = roster
            .checkpoint_keys(log, claimed.size)
            .into_iter()
            .find_map(|key| open_checkpoint(&note, &origin, key).ok());
        let checkpoint = opened.ok_or_else(|| wrong("no signature of a key valid for that size"))?;
        if roster.pins(log).iter().any(|pin| pin.size == checkpoint.size && pin.root != checkpoint.root) {
            return Err(wrong("another root than the federation agreed on"));
        }
        let author_line = note
            .signatures()
            .iter()
            .find(|line| line.name() == origin)
            .cloned()
            .ok_or_else(|| wrong("no signature of the author"))?;
        let head = Self { checkpoint, author_line, cosignatures: BTreeMap::new() };
        Ok((head, note))
    }

    pub(crate) fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// Takes over the cosignature lines of `note` that are newer than what is known and hold. Lines that do not are
    /// left out: they convict nobody, since anybody could have added them. Returns whether anything was new.
    pub(crate) fn merge(&mut self, roster: &Roster, note: &SignedNote) -> bool {
        let mut changed = false;
        for member in roster.members() {
            let Some(key) = roster.cosigner_key(&member.member) else { continue };
            let name = roster.cosigner_name(&member.member);
            for line in note.signatures().iter().filter(|line| line.name() == name) {
                let time = line.signature().first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
                let known = self.cosignatures.get(&member.member).map(|(time, _)| *time);
                if time.is_none() || time <= known {
                    continue;
                }
                if let Ok(time) = verify_cosignature(&self.checkpoint, line, &name, key) {
                    self.cosignatures.insert(member.member.clone(), (time, line.clone()));
                    changed = true;
                }
            }
        }
        changed
    }

    /// Puts the own, just made cosignature in.
    pub(crate) fn add(&mut self, member: MemberId, time: u64, line: NoteSignature) {
        self.cosignatures.insert(member, (time, line));
    }

    pub(crate) fn cosigned_by(&self, member: &MemberId) -> Option<u64> {
        self.cosignatures.get(member).map(|(time, _)| *time)
    }

    /// Members whose cosignature was checked, with its time.
    pub(crate) fn cosigners(&self) -> Vec<(MemberId, Timestamp)> {
        let seconds = |time: u64| Timestamp::from_seconds(i64::try_from(time).unwrap_or(i64::MAX));
        self.cosignatures.iter().map(|(member, (time, _))| (member.clone(), seconds(*time))).collect()
    }

    /// The note with every line that holds.
    pub(crate) fn note(&self) -> Vec<u8> {
        let mut lines = vec![self.author_line.clone()];
        lines.extend(self.cosignatures.values().map(|(_, line)| line.clone()));
        let text = self.checkpoint.to_text();
        SignedNote::new(text, lines).map(|note| note.to_bytes()).unwrap_or_default()
    }

    /// Whether enough machines hold the log up to here: a coordinator and two others, or all where there are fewer
    /// than three members (spec 04-replication, "Confirmed").
    pub(crate) fn is_confirmed(&self, roster: &Roster) -> bool {
        let active = roster.members().iter().filter(|member| member.is_active()).count();
        let coordinator = self.cosignatures.keys().any(|member| roster.is_coordinator(member));
        coordinator && self.cosignatures.len() >= active.min(3)
    }
}
