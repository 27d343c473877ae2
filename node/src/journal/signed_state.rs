// SPDX-License-Identifier: EUPL-1.2
//! What this node has signed, in a file of its own: the memory that keeps it from equivocating (DESIGN 3).
//!
//! Two slots are written in turn, so a torn write never touches the state before it. Each slot holds the state twice,
//! four kilobytes apart, so that one bad sector cannot silently bring back an older state.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use concert_protocol::log::{Hash, SignedState, WouldEquivocate};
use concert_protocol::member::LogId;

use super::disk;
use super::error::JournalError;

const PAGE_LEN: usize = 4096;
const SLOT_LEN: usize = 2 * PAGE_LEN;
const FILE_LEN: usize = 2 * SLOT_LEN;
const MAGIC: [u8; 8] = *b"concsig\x01";
const LOG_LEN_MAX: usize = 24;
const STATE_LEN: usize = 8 + 8 + 8 + 32 + 1 + LOG_LEN_MAX;

/// What was signed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The log.
    pub log: LogId,
    /// Its largest signed tree.
    pub state: SignedState,
}

/// Why nothing may be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedStateError {
    /// The node's memory is behind what it signed, or not its own.
    #[error(transparent)]
    WouldEquivocate(#[from] WouldEquivocate),
    /// The file belongs to another log, or to a later generation.
    #[error("{} is the memory of log {held}, not of {asked}; is this the right data folder?", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The log it is for.
        held: LogId,
        /// The log that was to be signed.
        asked: LogId,
    },
    /// No copy of the state can be read.
    #[error("{} is damaged: nothing is signed until peers have returned this node's newest checkpoint", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The disk failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The open file.
pub struct SignedStateFile {
    file: File,
    path: PathBuf,
    sequence: u64,
    last: Option<Signed>,
    created: bool,
    bad_copies: usize,
    stopped: Option<String>,
}

impl SignedStateFile {
    /// Opens the file, or creates one that says that nothing was signed.
    ///
    /// # Errors
    ///
    /// [`SignedStateError::Damaged`] if something was signed but no copy says what; [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<Self, SignedStateError> {
        let created = !path.exists();
        if created {
            disk::create_dir(path.parent().unwrap_or(Path::new(".")))?;
            disk::replace_file(path, &[0; FILE_LEN])?;
        }
        let failed = |source| JournalError::io("opening", path, source);
        let file = File::options().read(true).write(true).open(path).map_err(failed)?;
        let bytes = disk::read_bounded(path, FILE_LEN as u64)?.unwrap_or_default();
        let copies: Vec<_> = bytes.chunks(PAGE_LEN).map(decode).collect();
        let blank = bytes.len() == FILE_LEN && bytes.iter().all(|byte| *byte == 0);
        let newest = copies.iter().flatten().max_by_key(|(sequence, _)| *sequence).cloned();
        if newest.is_none() && !blank {
            return Err(SignedStateError::Damaged { path: path.to_owned() });
        }
        if bytes.len() != FILE_LEN {
            file.set_len(FILE_LEN as u64).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        let written =
            |(page, copy): &(&[u8], &Option<_>)| copy.is_none() && page.iter().any(|byte| *byte != 0);
        let bad_copies = bytes.chunks(PAGE_LEN).zip(&copies).filter(written).count();
        let (sequence, last) = newest.map_or((0, None), |(sequence, signed)| (sequence, Some(signed)));
        Ok(Self { file, path: path.to_owned(), sequence, last, created, bad_copies, stopped: None })
    }

    /// What was signed last; `None` if nothing was.
    pub fn last(&self) -> Option<&Signed> {
        self.last.as_ref()
    }

    /// Whether the file was not there: then what was signed before, if anything, is forgotten, and peers must be
    /// asked before anything is signed.
    pub fn was_created(&self) -> bool {
        self.created
    }

    /// Copies that could not be read when the file was opened: a torn write, or a disk that rots.
    pub fn bad_copies(&self) -> usize {
        self.bad_copies
    }

    /// Makes durable that a tree of `size` and `root` of `log` is about to be signed.
    ///
    /// The first state of the log's next generation may follow any state of the one before.
    ///
    /// # Errors
    ///
    /// [`SignedStateError::WouldEquivocate`], [`SignedStateError::OtherLog`]: sign nothing. After
    /// [`SignedStateError::Journal`] the file takes no more states.
    pub fn advance(&mut self, log: &LogId, size: u64, root: Hash) -> Result<(), SignedStateError> {
        if let Some(reason) = &self.stopped {
            let reason = reason.clone();
            return Err(JournalError::Stopped { path: self.path.clone(), reason }.into());
        }
        let state = match &self.last {
            None => SignedState::nothing().advance(size, root)?,
            Some(last) if last.log == *log => {
                let next = last.state.advance(size, root)?;
                if next == last.state {
                    return Ok(());
                }
                next
            }
            Some(last) if last.log.member == log.member && last.log.generation < log.generation => {
                SignedState::nothing().advance(size, root)?
            }
            Some(last) => {
                let (held, asked) = (last.log.clone(), log.clone());
                return Err(SignedStateError::OtherLog { path: self.path.clone(), held, asked });
            }
        };
        self.write(Signed { log: log.clone(), state })
    }

    /// Starts anew with what peers have proved that this node signed, in place of a damaged file.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] or [`JournalError::StorageFull`].
    pub fn replace_damaged(path: &Path, signed: Signed) -> Result<Self, SignedStateError> {
        disk::replace_file(path, &[0; FILE_LEN])?;
        let mut file = Self::open(path)?;
        file.write(signed)?;
        Ok(file)
    }

    fn write(&mut self, signed: Signed) -> Result<(), SignedStateError> {
        let sequence = self.sequence + 1;
        let mut slot = [0; SLOT_LEN];
        let bytes = encode(sequence, &signed);
        slot[..bytes.len()].copy_from_slice(&bytes);
        slot[PAGE_LEN..PAGE_LEN + bytes.len()].copy_from_slice(&bytes);
        let offset = (sequence % 2) * SLOT_LEN as u64;
        let mut back = [0; SLOT_LEN];
        let written = self
            .file
            .write_all_at(&slot, offset)
            .and_then(|()| self.file.sync_data())
            .and_then(|()| self.file.read_exact_at(&mut back, offset))
            .map_err(|source| JournalError::io("writing", &self.path, source));
        let checked = written.and_then(|()| {
            let what = "does not hold what was just written to it; check the disk";
            let same = back == slot;
            same.then_some(()).ok_or(JournalError::Format { path: self.path.clone(), what })
        });
        if let Err(error) = checked {
            self.stopped = Some(error.line());
            return Err(error.into());
        }
        (self.sequence, self.last) = (sequence, Some(signed));
        Ok(())
    }
}

fn encode(sequence: u64, signed: &Signed) -> Vec<u8> {
    let log = signed.log.to_string();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&signed.state.size.to_le_bytes());
    bytes.extend_from_slice(signed.state.root.as_bytes());
    // A member code has 16 characters at most, a generation five digits.
    bytes.push(log.len() as u8);
    bytes.extend_from_slice(log.as_bytes());
    bytes.resize(STATE_LEN, 0);
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(page: &[u8]) -> Option<(u64, Signed)> {
    let (state, rest) = page.split_at_checked(STATE_LEN)?;
    let checksum = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    if checksum != crc32c::crc32c(state) || !state.starts_with(&MAGIC) {
        return None;
    }
    let number = |at: usize| Some(u64::from_le_bytes(state.get(at..at + 8)?.try_into().ok()?));
    let root = Hash::from_bytes(state.get(24..56)?.try_into().ok()?);
    let log_len = usize::from(*state.get(56)?);
    let log = std::str::from_utf8(state.get(57..57 + log_len)?).ok()?.parse().ok()?;
    Some((number(8)?, Signed { log, state: SignedState { size: number(16)?, root } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> LogId {
        text.parse().expect("a log")
    }

    fn root(byte: u8) -> Hash {
        Hash::from_bytes([byte; 32])
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("signed-state");
        (dir, path)
    }

    #[test]
    fn it_refuses_a_smaller_size_and_a_second_root_also_after_a_restart() {
        let (_dir, path) = folder();
        let mut file = SignedStateFile::open(&path).expect("created");
        assert!(file.was_created() && file.last().is_none());
        file.advance(&log("FR/1"), 5, root(5)).expect("first");
        file.advance(&log("FR/1"), 7, root(7)).expect("larger");
        for _ in 0..2 {
            file.advance(&log("FR/1"), 7, root(7)).expect("the same again");
            let smaller = file.advance(&log("FR/1"), 6, root(6));
            assert!(matches!(
                smaller,
                Err(SignedStateError::WouldEquivocate(WouldEquivocate::Smaller { .. }))
            ));
            let second = file.advance(&log("FR/1"), 7, root(8));
            assert!(matches!(
                second,
                Err(SignedStateError::WouldEquivocate(WouldEquivocate::SecondRoot { .. }))
            ));
            file = SignedStateFile::open(&path).expect("opened");
            assert!(!file.was_created());
            assert_eq!(file.last().map(|signed| signed.state.size), Some(7));
        }
    }

    #[test]
    fn another_log_is_refused_and_a_next_generation_begins_anew() {
        let (_dir, path) = folder();
        let mut file = SignedStateFile::open(&path).expect("created");
        file.advance(&log("FR/1"), 9, root(9)).expect("signed");
        for other in ["DE/1", "DE/2"] {
            let refused = file.advance(&log(other), 10, root(1));
            assert!(matches!(refused, Err(SignedStateError::OtherLog { .. })));
        }
        file.advance(&log("FR/2"), 1, root(1)).expect("the next generation");
        let back = file.advance(&log("FR/1"), 10, root(1));
        assert!(matches!(back, Err(SignedStateError::OtherLog { .. })));
    }

    #[test]
    fn no_single_bad_byte_brings_back_an_older_state() {
        let (_dir, path) = folder();
        let mut file = SignedStateFile::open(&path).expect("created");
        for size in 1..=3 {
            file.advance(&log("FR/1"), size, root(size as u8)).expect("signed");
        }
        let good = std::fs::read(&path).expect("read");
        for at in (0..FILE_LEN).filter(|at| at % PAGE_LEN < STATE_LEN + 4) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).expect("written");
            let file = SignedStateFile::open(&path).expect("one copy is enough");
            assert_eq!(file.last().map(|signed| signed.state.size), Some(3), "byte {at}");
            assert_eq!(file.bad_copies(), 1);
        }
    }

    #[test]
    fn a_write_torn_anywhere_leaves_the_old_state_or_the_new_one() {
        let (_dir, path) = folder();
        let mut file = SignedStateFile::open(&path).expect("created");
        file.advance(&log("FR/1"), 1, root(1)).expect("signed");
        let before = std::fs::read(&path).expect("read");
        file.advance(&log("FR/1"), 2, root(2)).expect("signed");
        let after = std::fs::read(&path).expect("read");
        for cut in (0..FILE_LEN).step_by(7) {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&path, &torn).expect("written");
            let file = SignedStateFile::open(&path).expect("opened");
            let size = file.last().map(|signed| signed.state.size);
            assert!(size == Some(1) || size == Some(2), "cut at {cut}: {size:?}");
        }
    }

    #[test]
    fn a_file_without_a_good_copy_is_refused_until_peers_have_spoken() {
        let (_dir, path) = folder();
        let mut file = SignedStateFile::open(&path).expect("created");
        file.advance(&log("FR/1"), 1, root(1)).expect("signed");
        for bad in [vec![0xaa; FILE_LEN], Vec::new(), vec![0; 100]] {
            std::fs::write(&path, &bad).expect("written");
            assert!(
                matches!(SignedStateFile::open(&path), Err(SignedStateError::Damaged { .. })),
                "{}",
                bad.len()
            );
        }
        let state = SignedState { size: 4, root: root(4) };
        let signed = Signed { log: log("FR/1"), state };
        SignedStateFile::replace_damaged(&path, signed.clone()).expect("replaced");
        assert_eq!(SignedStateFile::open(&path).expect("opened").last(), Some(&signed));
    }
}
