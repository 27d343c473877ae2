// SPDX-License-Identifier: EUPL-1.2
//! The bytes of one segment file: header, records, and how to find the next good record after a bad one.
//!
//! A record's checksum covers its index, so a record that a disk put in the wrong place is a bad record.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::error::JournalError;

/// Largest body of a record, in bytes.
pub const BODY_LEN_MAX: usize = 1 << 20;
/// Magic (7), format version (1), first index (8, little endian).
pub(super) const HEADER_LEN: u64 = 16;
/// Length (4), checksum (4), kind (1).
pub(super) const RECORD_HEADER_LEN: usize = 9;
/// Stands for a record that was unreadable when its segment was rewritten.
pub(super) const KIND_LOST: u8 = 0xff;

const MAGIC: [u8; 7] = *b"concert";
const FORMAT_VERSION: u8 = 1;
/// A read seeks to a mark and walks from there, so marks bound both memory and the walk.
const MARK_RECORDS: u64 = 64;
const MARK_BYTES: u64 = 64 << 10;
/// How many records a gap may swallow before the records after it are no longer recognised.
const GAP_RECORDS_MAX: u64 = 4096;
/// A match this close needs no second record to confirm it: chance would be one in a hundred million.
const GAP_RECORDS_SURE: u64 = 8;

/// The header of the segment whose first record is `first`.
pub(super) fn header(first: u64) -> [u8; HEADER_LEN as usize] {
    let mut bytes = [0; HEADER_LEN as usize];
    bytes[..7].copy_from_slice(&MAGIC);
    bytes[7] = FORMAT_VERSION;
    bytes[8..].copy_from_slice(&first.to_le_bytes());
    bytes
}

/// Whether a header says that a later version of Concert wrote the file.
pub(super) fn is_later_version(found: &[u8]) -> bool {
    found.len() >= 8 && found[..7] == MAGIC && found[7] > FORMAT_VERSION
}

/// `<first index, 16 hex digits>.seg`.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:016x}.seg")
}

/// The first index that a file name gives; `None` if it is no segment's.
pub(super) fn first_index(name: &str) -> Option<u64> {
    let first = u64::from_str_radix(name.strip_suffix(".seg")?, 16).ok()?;
    (file_name(first) == name).then_some(first)
}

/// Appends one record's bytes to `out`.
pub(super) fn encode(index: u64, kind: u8, body: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(body.len()).expect("bodies are bounded by BODY_LEN_MAX before they are encoded");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c_append(prefix_checksum(index, kind), body).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(body);
}

fn prefix_checksum(index: u64, kind: u8) -> u32 {
    let mut prefix = [0; 9];
    prefix[..8].copy_from_slice(&index.to_le_bytes());
    prefix[8] = kind;
    crc32c::crc32c(&prefix)
}

/// Body length and stored checksum, if the record header is complete and plausible.
fn parse_header(bytes: &[u8]) -> Option<(usize, u32)> {
    let len = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let kind = *bytes.get(8)?;
    // Kind 0 is never written, so that a run of zeros is never a record.
    (len <= BODY_LEN_MAX && kind != 0).then_some((len, checksum))
}

/// Where a record that is easy to find begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) index: u64,
    pub(super) offset: u64,
}

/// What stands at an offset.
pub(super) enum Step<'a> {
    /// A good record; the next one begins at `next`.
    Record { kind: u8, body: &'a [u8], next: u64 },
    /// The end of the file.
    End,
    /// No good record of that index.
    Bad,
}

/// Buffered reading of a file at any offset.
pub(super) struct Window {
    file: File,
    end: u64,
    block_len: usize,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    /// Reads `file` up to `end`, `block_len` bytes at a time.
    pub(super) fn new(file: File, end: u64, block_len: usize) -> Self {
        Self { file, end, block_len, start: 0, buffer: Vec::new() }
    }

    /// Up to `len` bytes at `offset`; fewer only at the end of the file.
    fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        let held = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = held.filter(|skip| skip.saturating_add(len) <= self.buffer.len()) {
            return Ok(&self.buffer[skip..skip + len]);
        }
        self.buffer.resize(len.max(self.block_len).min(left), 0);
        self.start = offset;
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.file.read_at(&mut self.buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.clear();
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(&self.buffer[..len.min(filled)])
    }

    /// The record `index`, checked, if it begins at `offset`.
    pub(super) fn record(&mut self, index: u64, offset: u64) -> io::Result<Step<'_>> {
        if offset >= self.end {
            return Ok(Step::End);
        }
        let Some((len, checksum)) = parse_header(self.get(offset, RECORD_HEADER_LEN)?) else {
            return Ok(Step::Bad);
        };
        let bytes = self.get(offset, RECORD_HEADER_LEN + len)?;
        let Some(body) = bytes.get(RECORD_HEADER_LEN..RECORD_HEADER_LEN + len) else { return Ok(Step::Bad) };
        let kind = bytes[8];
        if crc32c::crc32c_append(prefix_checksum(index, kind), body) != checksum {
            return Ok(Step::Bad);
        }
        Ok(Step::Record { kind, body, next: offset + (RECORD_HEADER_LEN + len) as u64 })
    }

    /// Where the record after the one at `offset` begins, without checking it; `None` if that cannot be.
    pub(super) fn skip(&mut self, offset: u64) -> io::Result<Option<u64>> {
        let parsed = parse_header(self.get(offset, RECORD_HEADER_LEN)?);
        Ok(parsed.map(|(len, _)| offset + (RECORD_HEADER_LEN + len) as u64).filter(|next| *next <= self.end))
    }

    /// The next good record after a bad one of `index` at `offset`.
    fn resync(&mut self, index: u64, offset: u64) -> io::Result<Option<Mark>> {
        let rest_len = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let rest = self.get(offset, rest_len)?.to_vec();
        for at in 1..rest.len() {
            let Some((len, checksum)) = parse_header(&rest[at..]) else { continue };
            let Some(body) = rest[at..].get(RECORD_HEADER_LEN..RECORD_HEADER_LEN + len) else { continue };
            let body_checksum = crc32c::crc32c(body);
            let swallowed_max = (at / RECORD_HEADER_LEN) as u64 + 1;
            for swallowed in 1..=swallowed_max.min(GAP_RECORDS_MAX) {
                let Some(found) = index.checked_add(swallowed) else { break };
                let prefix = prefix_checksum(found, rest[at + 8]);
                if crc32c::crc32c_combine(prefix, body_checksum, len) != checksum {
                    continue;
                }
                let next = &rest[at + RECORD_HEADER_LEN + len..];
                if swallowed <= GAP_RECORDS_SURE || next.is_empty() || begins_with(found + 1, next) {
                    return Ok(Some(Mark { index: found, offset: offset + at as u64 }));
                }
            }
        }
        Ok(None)
    }
}

fn begins_with(index: u64, bytes: &[u8]) -> bool {
    let record = parse_header(bytes)
        .and_then(|(len, checksum)| Some((bytes.get(RECORD_HEADER_LEN..RECORD_HEADER_LEN + len)?, checksum)));
    record.is_some_and(|(body, checksum)| {
        crc32c::crc32c_append(prefix_checksum(index, bytes[8]), body) == checksum
    })
}

/// What a scan comes across, in order of index.
pub(super) enum Found<'a> {
    /// A good record.
    Record { index: u64, kind: u8, body: &'a [u8] },
    /// Records `from..to` are not readable.
    Unreadable { from: u64, to: u64 },
}

/// What one file was found to hold.
pub(super) struct Scan {
    /// Places to start reading from.
    pub(super) marks: Vec<Mark>,
    /// One past the last index found.
    pub(super) next: u64,
    /// Bytes up to the end of the last good record.
    pub(super) len: u64,
    /// Unreadable runs that good records follow, and whether each is a placeholder for lost ones.
    pub(super) gaps: Vec<(std::ops::Range<u64>, bool)>,
    /// Whether anything unreadable stands behind the last good record.
    pub(super) bad_tail: bool,
}

/// Reads every record of a file. Looks past a bad one only if its index is below `keep_through`.
pub(super) fn scan(
    window: &mut Window,
    first: u64,
    keep_through: u64,
    read_failed: impl Fn(io::Error) -> JournalError,
    on: &mut dyn FnMut(Found<'_>) -> Result<(), JournalError>,
) -> Result<Scan, JournalError> {
    let mut scan =
        Scan { marks: Vec::new(), next: first, len: HEADER_LEN, gaps: Vec::new(), bad_tail: false };
    loop {
        let (index, offset) = (scan.next, scan.len);
        match window.record(index, offset).map_err(&read_failed)? {
            Step::End => return Ok(scan),
            Step::Record { kind, body, next } => {
                if kind == KIND_LOST {
                    scan.gaps.push((index..index + 1, true));
                    on(Found::Unreadable { from: index, to: index + 1 })?;
                } else {
                    on(Found::Record { index, kind, body })?;
                }
                note(&mut scan.marks, Mark { index, offset });
                (scan.next, scan.len) = (index + 1, next);
            }
            Step::Bad => {
                let found = if index < keep_through {
                    window.resync(index, offset).map_err(&read_failed)?
                } else {
                    None
                };
                let Some(mark) = found else {
                    scan.bad_tail = true;
                    return Ok(scan);
                };
                scan.gaps.push((index..mark.index, false));
                on(Found::Unreadable { from: index, to: mark.index })?;
                scan.marks.push(mark);
                (scan.next, scan.len) = (mark.index, mark.offset);
            }
        }
    }
}

/// Adds a mark if the last one is far enough away.
pub(super) fn note(marks: &mut Vec<Mark>, mark: Mark) {
    let far =
        |last: &Mark| mark.index - last.index >= MARK_RECORDS || mark.offset - last.offset >= MARK_BYTES;
    if marks.last().is_none_or(far) {
        marks.push(mark);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn scanned(first: u64, records: &[u8], keep_through: u64) -> (Vec<u64>, Scan) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&header(first)).expect("written");
        file.write_all(records).expect("written");
        let mut window = Window::new(file, HEADER_LEN + records.len() as u64, 4096);
        let mut good = Vec::new();
        let mut on = |found: Found<'_>| {
            if let Found::Record { index, .. } = found {
                good.push(index);
            }
            Ok(())
        };
        let failed = |error| JournalError::io("reading", std::path::Path::new("test"), error);
        let scan = scan(&mut window, first, keep_through, failed, &mut on).expect("scanned");
        (good, scan)
    }

    fn three(first: u64, bodies: [&[u8]; 3]) -> (Vec<u8>, [usize; 4]) {
        let mut bytes = Vec::new();
        let mut ends = [0; 4];
        for (n, body) in bodies.iter().enumerate() {
            encode(first + n as u64, 1, body, &mut bytes);
            ends[n + 1] = bytes.len();
        }
        (bytes, ends)
    }

    #[test]
    fn names_round_trip() {
        assert_eq!(file_name(255), "00000000000000ff.seg");
        for first in [0, 1, 255, u64::MAX] {
            assert_eq!(first_index(&file_name(first)), Some(first));
        }
        for bad in ["ff.seg", "00000000000000FF.seg", "00000000000000ff.seg.tmp", "hashes"] {
            assert_eq!(first_index(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_record_is_stepped_over_only_below_the_kept_size() {
        let (mut bytes, ends) = three(7, [b"alpha", b"beta", b"gamma"]);
        bytes[ends[1] + RECORD_HEADER_LEN] ^= 1;
        let (good, scan) = scanned(7, &bytes, 9);
        assert_eq!((good.as_slice(), scan.next, scan.bad_tail), (&[7, 9][..], 10, false));
        assert_eq!(scan.gaps, [(8..9, false)]);
        let (good, scan) = scanned(7, &bytes, 8);
        assert_eq!((good.as_slice(), scan.next, scan.bad_tail), (&[7][..], 8, true));
        assert_eq!(scan.len, HEADER_LEN + ends[1] as u64);
    }

    #[test]
    fn a_zeroed_sector_keeps_the_indexes_behind_it() {
        let mut bytes = Vec::new();
        for index in 0..100 {
            encode(index, 2, &[index as u8; 40], &mut bytes);
        }
        bytes[500..2500].fill(0);
        let (good, scan) = scanned(0, &bytes, u64::MAX);
        let lost = scan.gaps[0].0.clone();
        assert!(lost.start <= 11 && lost.end >= 51, "{lost:?}");
        assert_eq!(good, (0..lost.start).chain(lost.end..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_record_in_the_wrong_place_is_bad() {
        let (bytes, ends) = three(0, [b"same", b"same", b"same"]);
        let mut swapped = bytes[ends[1]..ends[2]].to_vec();
        swapped.extend_from_slice(&bytes[..ends[1]]);
        let (good, scan) = scanned(0, &swapped, 0);
        assert!(good.is_empty() && scan.bad_tail);
    }

    proptest! {
        #[test]
        fn no_single_bit_flip_passes(body in prop::collection::vec(any::<u8>(), 0..40), bit in 0_usize..392) {
            let mut bytes = Vec::new();
            encode(3, 1, &body, &mut bytes);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (good, scan) = scanned(3, &bytes, 0);
            prop_assert!(good.is_empty() && scan.bad_tail);
        }

        #[test]
        fn every_cut_leaves_the_whole_records_before_it(cut in 0_usize..60) {
            let (bytes, ends) = three(0, [b"one", b"", b"three-three-three"]);
            let cut = cut % (bytes.len() + 1);
            let (good, scan) = scanned(0, &bytes[..cut], 0);
            let whole = ends[1..].iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(good.len(), whole);
            prop_assert_eq!(scan.bad_tail, !ends.contains(&cut));
        }

        #[test]
        fn scanning_noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..3000), keep in 0_u64..9) {
            let (good, _) = scanned(0, &noise, keep);
            prop_assert!(good.is_empty());
        }
    }
}
