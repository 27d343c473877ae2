// SPDX-License-Identifier: EUPL-1.2
//! Frames: the messages of `/concert/sync/1` and their exact bytes (spec 04-replication, "Frames").
//!
//! One byte says what a frame is; numbers are big-endian; every length is compared with its bound and with what is
//! left before anything is copied. A frame with a byte too many is as wrong as one with a byte too few.

use crate::log::{Hash, PATH_LEN_MAX};
use crate::member::LogId;

/// Largest frame, in bytes: a range of the largest size with its checkpoint and path.
pub const FRAME_LEN_MAX: usize = 1_300_000;
/// Most leaves in one range.
pub const RANGE_COUNT_MAX: usize = 256;
/// Most bytes of entries in one range.
pub const RANGE_BYTES_MAX: usize = 1 << 20;
/// Most leaves that a hint carries.
pub const HINT_COUNT_MAX: usize = 16;
/// Most bytes of entries that a hint carries.
pub const HINT_BYTES_MAX: usize = 32 << 10;
/// Most logs in a summary.
const SUMMARY_MAX: usize = 1024;
const NOTE_MAX: usize = 64 << 10;
const ENTRY_MAX: usize = 65_535;
const EVIDENCE_MAX: usize = 256 << 10;
const LOG_NAME_MAX: usize = 32;

/// One position of a log on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The entry, for members of its audience.
    Entry(Vec<u8>),
    /// Its leaf hash alone.
    Withheld(Hash),
}

impl Leaf {
    /// The leaf of the tree.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Entry(bytes) => crate::log::leaf_hash(bytes),
            Self::Withheld(hash) => *hash,
        }
    }

    /// Bytes of its payload on the wire.
    pub fn len(&self) -> usize {
        match self {
            Self::Entry(bytes) => bytes.len(),
            Self::Withheld(_) => 32,
        }
    }

    /// Whether it is an entry of no bytes, which no valid entry is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One log in a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryLine {
    /// The log.
    pub log: LogId,
    /// Entries stored durably by the sender.
    pub stored: u64,
    /// Size of the newest checkpoint that it knows.
    pub head: u64,
    /// Its root; that of the empty tree if it knows none. Two holders of one size see at once if they differ.
    pub root: Hash,
    /// Seconds since 1970 of the author's newest cosignature that it knows; 0 for none.
    pub author_time: u64,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Where all logs stand at the sender.
    Summary(Vec<SummaryLine>),
    /// A log has a new checkpoint; the newest entries may come along.
    Hint {
        /// The log.
        log: LogId,
        /// Its checkpoint, as a signed note with cosignatures.
        note: Vec<u8>,
        /// Index of the first leaf that comes along.
        from: u64,
        /// The leaves, ending at the checkpoint's size; or none.
        leaves: Vec<Leaf>,
    },
    /// Asks for the newest checkpoint; answered by a hint without leaves.
    GetHead(LogId),
    /// Asks for leaves.
    GetRange {
        /// Chosen by the asker, given back in the answer.
        id: u64,
        /// The log.
        log: LogId,
        /// First index.
        from: u64,
        /// Most leaves, at most [`RANGE_COUNT_MAX`].
        count_max: u32,
        /// Most bytes, at most [`RANGE_BYTES_MAX`].
        bytes_max: u32,
    },
    /// Leaves, with what proves them.
    Range {
        /// Of the request.
        id: u64,
        /// The log.
        log: LogId,
        /// First index.
        from: u64,
        /// The leaves, at least one.
        leaves: Vec<Leaf>,
        /// A checkpoint that covers them.
        note: Vec<u8>,
        /// Consistency path from the end of the leaves to the checkpoint's size; empty when they are equal.
        path: Vec<Hash>,
    },
    /// The request cannot be answered now.
    Refused {
        /// Of the request.
        id: u64,
    },
    /// Asks for the proof that two sizes of a log belong together, to convict an author or clear a peer.
    GetConsistency {
        /// Chosen by the asker.
        id: u64,
        /// The log.
        log: LogId,
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
    },
    /// That proof.
    Consistency {
        /// Of the request.
        id: u64,
        /// The log.
        log: LogId,
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
        /// Root of the smaller size as the sender has it.
        old_root: Hash,
        /// The path.
        path: Vec<Hash>,
    },
    /// Evidence against a log's author, as JSON (spec 02-log, "Equivocation").
    Evidence {
        /// The log.
        log: LogId,
        /// The evidence.
        json: Vec<u8>,
    },
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Ends too early.
    #[error("the frame ends in the middle of {0}")]
    Truncated(&'static str),
    /// Goes on after its end.
    #[error("{0} bytes follow the end of the frame")]
    Trailing(usize),
    /// A length over its bound.
    #[error("{what} of {found} is over the bound of {bound}")]
    TooMuch {
        /// What.
        what: &'static str,
        /// Found.
        found: u64,
        /// Allowed.
        bound: usize,
    },
    /// A first byte that this version does not know.
    #[error("frame number {0} is not known")]
    Unknown(u8),
    /// Not the name of a log.
    #[error("a log's name is malformed")]
    Log,
    /// A leaf that is neither entry nor hash.
    #[error("a leaf of unknown form {0}")]
    Leaf(u8),
}

/// Frame numbers; retired ones stay listed here and are never used again.
mod number {
    pub(super) const SUMMARY: u8 = 1;
    pub(super) const HINT: u8 = 2;
    pub(super) const GET_HEAD: u8 = 3;
    pub(super) const GET_RANGE: u8 = 4;
    pub(super) const RANGE: u8 = 5;
    pub(super) const REFUSED: u8 = 6;
    pub(super) const GET_CONSISTENCY: u8 = 7;
    pub(super) const CONSISTENCY: u8 = 8;
    pub(super) const EVIDENCE: u8 = 9;
}

const LEAF_ENTRY: u8 = 0;
const LEAF_WITHHELD: u8 = 1;

impl Frame {
    /// The exact bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        match self {
            Self::Summary(lines) => {
                out.byte(number::SUMMARY);
                out.u32(lines.len());
                for line in lines {
                    out.log(&line.log);
                    out.u64(line.stored);
                    out.u64(line.head);
                    out.0.extend(line.root.as_bytes());
                    out.u64(line.author_time);
                }
            }
            Self::Hint { log, note, from, leaves } => {
                out.byte(number::HINT);
                out.log(log);
                out.bytes(note);
                out.u64(*from);
                out.leaves(leaves);
            }
            Self::GetHead(log) => {
                out.byte(number::GET_HEAD);
                out.log(log);
            }
            Self::GetRange { id, log, from, count_max, bytes_max } => {
                out.byte(number::GET_RANGE);
                out.u64(*id);
                out.log(log);
                out.u64(*from);
                out.0.extend(count_max.to_be_bytes());
                out.0.extend(bytes_max.to_be_bytes());
            }
            Self::Range { id, log, from, leaves, note, path } => {
                out.byte(number::RANGE);
                out.u64(*id);
                out.log(log);
                out.u64(*from);
                out.leaves(leaves);
                out.bytes(note);
                out.path(path);
            }
            Self::Refused { id } => {
                out.byte(number::REFUSED);
                out.u64(*id);
            }
            Self::GetConsistency { id, log, old, new } => {
                out.byte(number::GET_CONSISTENCY);
                out.u64(*id);
                out.log(log);
                out.u64(*old);
                out.u64(*new);
            }
            Self::Consistency { id, log, old, new, old_root, path } => {
                out.byte(number::CONSISTENCY);
                out.u64(*id);
                out.log(log);
                out.u64(*old);
                out.u64(*new);
                out.0.extend(old_root.as_bytes());
                out.path(path);
            }
            Self::Evidence { log, json } => {
                out.byte(number::EVIDENCE);
                out.log(log);
                out.bytes(json);
            }
        }
        out.0
    }

    /// Reads one frame; the bytes must hold it and nothing else.
    ///
    /// # Errors
    ///
    /// [`FrameError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut input = Reader(bytes);
        let frame = match input.byte("the frame number")? {
            number::SUMMARY => {
                let count = input.count("summary lines", SUMMARY_MAX)?;
                let mut lines = Vec::new();
                for _ in 0..count {
                    let (log, stored, head) = (input.log()?, input.u64("a size")?, input.u64("a size")?);
                    let (root, author_time) = (input.hash()?, input.u64("a time")?);
                    lines.push(SummaryLine { log, stored, head, root, author_time });
                }
                Self::Summary(lines)
            }
            number::HINT => Self::Hint {
                log: input.log()?,
                note: input.bytes("a note", NOTE_MAX)?,
                from: input.u64("an index")?,
                leaves: input.leaves(HINT_COUNT_MAX)?,
            },
            number::GET_HEAD => Self::GetHead(input.log()?),
            number::GET_RANGE => Self::GetRange {
                id: input.u64("an id")?,
                log: input.log()?,
                from: input.u64("an index")?,
                count_max: input.u32("a count")?,
                bytes_max: input.u32("a count")?,
            },
            number::RANGE => Self::Range {
                id: input.u64("an id")?,
                log: input.log()?,
                from: input.u64("an index")?,
                leaves: input.leaves(RANGE_COUNT_MAX)?,
                note: input.bytes("a note", NOTE_MAX)?,
                path: input.path()?,
            },
            number::REFUSED => Self::Refused { id: input.u64("an id")? },
            number::GET_CONSISTENCY => Self::GetConsistency {
                id: input.u64("an id")?,
                log: input.log()?,
                old: input.u64("a size")?,
                new: input.u64("a size")?,
            },
            number::CONSISTENCY => Self::Consistency {
                id: input.u64("an id")?,
                log: input.log()?,
                old: input.u64("a size")?,
                new: input.u64("a size")?,
                old_root: input.hash()?,
                path: input.path()?,
            },
            number::EVIDENCE => {
                Self::Evidence { log: input.log()?, json: input.bytes("evidence", EVIDENCE_MAX)? }
            }
            other => return Err(FrameError::Unknown(other)),
        };
        if input.0.is_empty() { Ok(frame) } else { Err(FrameError::Trailing(input.0.len())) }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn u32(&mut self, number: usize) {
        self.0.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len());
        self.0.extend(bytes);
    }

    fn log(&mut self, log: &LogId) {
        let name = log.to_string();
        self.byte(u8::try_from(name.len()).unwrap_or(u8::MAX));
        self.0.extend(name.as_bytes());
    }

    fn leaves(&mut self, leaves: &[Leaf]) {
        self.u32(leaves.len());
        for leaf in leaves {
            match leaf {
                Leaf::Entry(bytes) => {
                    self.byte(LEAF_ENTRY);
                    self.bytes(bytes);
                }
                Leaf::Withheld(hash) => {
                    self.byte(LEAF_WITHHELD);
                    self.0.extend(hash.as_bytes());
                }
            }
        }
    }

    fn path(&mut self, path: &[Hash]) {
        self.byte(u8::try_from(path.len()).unwrap_or(u8::MAX));
        for hash in path {
            self.0.extend(hash.as_bytes());
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FrameError::Truncated(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Truncated(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, FrameError> {
        Ok(self.array::<1>(what)?[0])
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, FrameError> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, FrameError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    fn count(&mut self, what: &'static str, bound: usize) -> Result<usize, FrameError> {
        let found = self.u32(what)?;
        let count = usize::try_from(found).unwrap_or(usize::MAX);
        if count > bound { Err(FrameError::TooMuch { what, found: found.into(), bound }) } else { Ok(count) }
    }

    fn bytes(&mut self, what: &'static str, bound: usize) -> Result<Vec<u8>, FrameError> {
        let count = self.count(what, bound)?;
        Ok(self.take(count, what)?.to_vec())
    }

    fn hash(&mut self) -> Result<Hash, FrameError> {
        Ok(Hash::from_bytes(self.array("a hash")?))
    }

    fn log(&mut self) -> Result<LogId, FrameError> {
        let length = usize::from(self.byte("a log's name")?);
        if length > LOG_NAME_MAX {
            return Err(FrameError::TooMuch {
                what: "a log's name",
                found: length as u64,
                bound: LOG_NAME_MAX,
            });
        }
        let name = std::str::from_utf8(self.take(length, "a log's name")?).map_err(|_| FrameError::Log)?;
        name.parse().map_err(|_| FrameError::Log)
    }

    fn leaves(&mut self, bound: usize) -> Result<Vec<Leaf>, FrameError> {
        let count = self.count("leaves", bound)?;
        let mut leaves = Vec::with_capacity(count);
        for _ in 0..count {
            leaves.push(match self.byte("a leaf")? {
                LEAF_ENTRY => Leaf::Entry(self.bytes("an entry", ENTRY_MAX)?),
                LEAF_WITHHELD => Leaf::Withheld(self.hash()?),
                other => return Err(FrameError::Leaf(other)),
            });
        }
        Ok(leaves)
    }

    fn path(&mut self) -> Result<Vec<Hash>, FrameError> {
        let count = usize::from(self.byte("a path")?);
        if count > PATH_LEN_MAX {
            return Err(FrameError::TooMuch { what: "a path", found: count as u64, bound: PATH_LEN_MAX });
        }
        (0..count).map(|_| self.hash()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> LogId {
        "FR/1".parse().expect("a log")
    }

    fn examples() -> Vec<Frame> {
        let hash = Hash::from_bytes([7; 32]);
        let leaves = vec![Leaf::Entry(b"entry".to_vec()), Leaf::Withheld(hash)];
        vec![
            Frame::Summary(vec![SummaryLine { log: log(), stored: 1, head: 2, root: hash, author_time: 3 }]),
            Frame::Hint { log: log(), note: b"note".to_vec(), from: 9, leaves: leaves.clone() },
            Frame::GetHead(log()),
            Frame::GetRange { id: 1, log: log(), from: 2, count_max: 3, bytes_max: 4 },
            Frame::Range { id: 1, log: log(), from: 2, leaves, note: b"note".to_vec(), path: vec![hash; 3] },
            Frame::Refused { id: 5 },
            Frame::GetConsistency { id: 1, log: log(), old: 2, new: 3 },
            Frame::Consistency { id: 1, log: log(), old: 2, new: 3, old_root: hash, path: vec![hash] },
            Frame::Evidence { log: log(), json: b"{}".to_vec() },
        ]
    }

    #[test]
    fn frames_round_trip() {
        for frame in examples() {
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn frames_truncated_anywhere_or_with_more_behind_are_refused() {
        for frame in examples() {
            let bytes = frame.encode();
            for end in 0..bytes.len() {
                assert!(Frame::decode(&bytes[..end]).is_err(), "{frame:?} cut at {end}");
            }
            assert_eq!(Frame::decode(&[bytes, vec![0]].concat()), Err(FrameError::Trailing(1)));
        }
    }

    #[test]
    fn lengths_are_compared_with_their_bounds_before_anything_is_taken() {
        for count in [257_u32, 1 << 31, u32::MAX] {
            let mut bytes = vec![number::RANGE];
            bytes.extend(1_u64.to_be_bytes());
            bytes.extend([4, b'F', b'R', b'/', b'1']);
            bytes.extend(0_u64.to_be_bytes());
            bytes.extend(count.to_be_bytes());
            let refused = FrameError::TooMuch { what: "leaves", found: count.into(), bound: RANGE_COUNT_MAX };
            assert_eq!(Frame::decode(&bytes), Err(refused));
        }
        assert_eq!(Frame::decode(&[200]), Err(FrameError::Unknown(200)));
        assert_eq!(Frame::decode(&[]), Err(FrameError::Truncated("the frame number")));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            if let Ok(frame) = Frame::decode(&bytes) {
                proptest::prop_assert_eq!(frame.encode(), bytes);
            }
        }
    }
}
