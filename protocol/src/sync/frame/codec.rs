// SPDX-License-Identifier: EUPL-1.2
//! The fields that frames are made of, written and read (spec 04-replication, "Frames").

use super::{FrameError, Leaf};
use crate::entry::ENTRY_LEN_MAX;
use crate::log::{Hash, PATH_LEN_MAX};
use crate::member::LogId;

/// Longest name of a log: a member's code, a slash and a generation.
const LOG_NAME_MAX: usize = 32;
const LEAF_ENTRY: u8 = 0;
const LEAF_WITHHELD: u8 = 1;

/// Appends fields.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn u32(&mut self, number: usize) {
        self.0.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len());
        self.0.extend(bytes);
    }

    pub(super) fn log(&mut self, log: &LogId) {
        let name = log.to_string();
        self.byte(u8::try_from(name.len()).unwrap_or(u8::MAX));
        self.0.extend(name.as_bytes());
    }

    pub(super) fn leaves(&mut self, leaves: &[Leaf]) {
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

    pub(super) fn path(&mut self, path: &[Hash]) {
        self.byte(u8::try_from(path.len()).unwrap_or(u8::MAX));
        for hash in path {
            self.0.extend(hash.as_bytes());
        }
    }
}

/// Takes fields off the front; nothing is allocated before its length was compared with its bound.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

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

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, FrameError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, FrameError> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, FrameError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    pub(super) fn count(&mut self, what: &'static str, bound: usize) -> Result<usize, FrameError> {
        let found = self.u32(what)?;
        let count = usize::try_from(found).unwrap_or(usize::MAX);
        if count > bound { Err(FrameError::TooMuch { what, found: found.into(), bound }) } else { Ok(count) }
    }

    pub(super) fn bytes(&mut self, what: &'static str, bound: usize) -> Result<Vec<u8>, FrameError> {
        let count = self.count(what, bound)?;
        Ok(self.take(count, what)?.to_vec())
    }

    pub(super) fn hash(&mut self) -> Result<Hash, FrameError> {
        Ok(Hash::from_bytes(self.array("a hash")?))
    }

    pub(super) fn log(&mut self) -> Result<LogId, FrameError> {
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

    pub(super) fn leaves(&mut self, bound: usize) -> Result<Vec<Leaf>, FrameError> {
        let count = self.count("leaves", bound)?;
        let mut leaves = Vec::with_capacity(count);
        for _ in 0..count {
            leaves.push(match self.byte("a leaf")? {
                LEAF_ENTRY => Leaf::Entry(self.bytes("an entry", ENTRY_LEN_MAX)?),
                LEAF_WITHHELD => Leaf::Withheld(self.hash()?),
                other => return Err(FrameError::Leaf(other)),
            });
        }
        Ok(leaves)
    }

    pub(super) fn path(&mut self) -> Result<Vec<Hash>, FrameError> {
        let count = usize::from(self.byte("a path")?);
        if count > PATH_LEN_MAX {
            return Err(FrameError::TooMuch { what: "a path", found: count as u64, bound: PATH_LEN_MAX });
        }
        (0..count).map(|_| self.hash()).collect()
    }
}
