// SPDX-License-Identifier: EUPL-1.2
//! A sliding view of an export: what was read and not yet given out, and where in the file it stands.
//!
//! A record with broken quoting is given back all but its first line, so the view only moves when it is told to.
//! It grows to the longest record that [`super::Limits`] allows and one chunk more.

use std::io::{self, Read};

/// Bytes asked of the source at a time.
const CHUNK: usize = 64 * 1024;

/// What of a source is in memory.
pub(super) struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    start: usize,
    ended: bool,
    offset: u64,
    line: u64,
}

/// Where a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// Behind its line end, counted from the start of the view.
    At(usize),
    /// With the file, without a line end.
    File(usize),
    /// Not within the bound.
    TooFar,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: Vec::new(), start: 0, ended: false, offset: 0, line: 1 }
    }

    /// What was read and not yet consumed.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Bytes of the file before the view.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of the line at which the view starts, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads another chunk; `false` at the end of the file.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start >= CHUNK {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let before = self.bytes.len();
        self.bytes.resize(before + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.bytes[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.bytes.truncate(before + read.as_ref().copied().unwrap_or(0));
        self.ended = matches!(read, Ok(0));
        read.map(|read| read > 0)
    }

    /// Reads until the view holds `len` bytes or the file ends.
    pub(super) fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.rest().len() < len && self.more()? {}
        Ok(())
    }

    /// Moves the view forward.
    pub(super) fn consume(&mut self, len: usize, lines: u64) {
        self.start += len;
        self.offset += len as u64;
        self.line += lines;
    }

    /// Where the line ends that goes on at `from`; looks no further than `len_max` bytes.
    pub(super) fn line_end(&mut self, from: usize, len_max: usize) -> io::Result<LineEnd> {
        let mut at = from;
        loop {
            let rest = self.rest();
            match rest[at.min(rest.len())..].iter().position(|b| matches!(b, b'\n' | b'\r')) {
                Some(found) if rest[at + found] == b'\n' => return Ok(LineEnd::At(at + found + 1)),
                Some(found) if at + found + 1 < rest.len() => {
                    let end = at + found + 1;
                    return Ok(LineEnd::At(end + usize::from(rest[end] == b'\n')));
                }
                Some(found) => at += found,
                None => at = rest.len(),
            }
            if at > len_max {
                return Ok(LineEnd::TooFar);
            }
            if !self.more()? {
                let len = self.rest().len();
                return Ok(if at < len { LineEnd::At(len) } else { LineEnd::File(len) });
            }
        }
    }

    /// Drops everything up to and including the next line end, however far; returns the bytes dropped.
    pub(super) fn skip_line(&mut self) -> io::Result<u64> {
        let before = self.offset;
        loop {
            match self.line_end(0, CHUNK)? {
                LineEnd::At(end) => self.consume(end, 1),
                LineEnd::File(len) => self.consume(len, 1),
                LineEnd::TooFar => {
                    // A carriage return at the very end stays, because a line feed may follow it.
                    let rest = self.rest();
                    let keep = usize::from(rest.last() == Some(&b'\r'));
                    let len = rest.len() - keep;
                    self.consume(len, 0);
                    self.bytes.drain(..self.start);
                    self.start = 0;
                    continue;
                }
            }
            return Ok(self.offset - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            out[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn all_three_line_ends_are_seen_however_the_bytes_arrive() {
        for source in [&b"a\r\nb\rc\n\rd"[..]] {
            for drip in [true, false] {
                let mut window: Window<Box<dyn Read>> =
                    Window::new(if drip { Box::new(Drip(source)) } else { Box::new(source) });
                let mut ends = Vec::new();
                while let LineEnd::At(end) = window.line_end(0, 100).expect("memory") {
                    ends.push(end);
                    window.consume(end, 1);
                }
                assert_eq!(ends, [3, 2, 2, 1]);
                assert_eq!((window.rest(), window.offset(), window.line()), (&b"d"[..], 8, 5));
            }
        }
    }

    #[test]
    fn an_endless_line_is_dropped_without_keeping_it() {
        let mut source = vec![b'x'; 1_000_000];
        source.extend_from_slice(b"\r\nnext\n");
        let mut window = Window::new(&source[..]);
        assert_eq!(window.line_end(0, 1_000).expect("memory"), LineEnd::TooFar);
        assert_eq!(window.skip_line().expect("memory"), 1_000_002);
        assert!(window.bytes.capacity() < 4 * CHUNK);
        assert_eq!(window.line_end(0, 100).expect("memory"), LineEnd::At(5));
    }
}
