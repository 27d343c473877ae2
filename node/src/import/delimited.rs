// SPDX-License-Identifier: EUPL-1.2
//! Records of a CSV export, byte for byte as they stand, with their cells.
//!
//! Strict where the usual readers are lenient: a misplaced quote is a fault of its record and never joins two records
//! silently. A record with broken quoting costs its first line only; reading goes on with the next line. No cell, record or
//! number of cells is kept beyond its bound. (The `csv` crate mends wrong quoting without a word, does not give the
//! bytes of a record and grows with an unclosed quote; the tests compare with it on well-formed input.)

use std::io::{self, Read};

use super::problem::Reason;
use super::reader::Limits;
use super::window::{LineEnd, Window};

/// Most cells in a record; more are a fault.
pub(super) const CELLS_MAX: usize = 1_024;

/// How cells are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: u8,
    pub(super) quote: Option<u8>,
}

/// The cells of one record, not yet decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    fn last_len(&self) -> usize {
        self.bytes.len() - self.ends.last().copied().unwrap_or(0)
    }
}

/// A fault of a record, and the cell that has it where that says more than the record (from 0).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) cell: Option<usize>,
    pub(super) reason: Reason,
}

/// One record of an export as it stands in the file.
#[derive(Debug)]
pub(super) struct RawRecord<C> {
    /// Its first line, from 1.
    pub(super) line: u64,
    /// Its first byte, from 0.
    pub(super) offset: u64,
    /// Its length in bytes, line end included.
    pub(super) len: u64,
    /// Its bytes; empty if it was longer than the bound.
    pub(super) bytes: Vec<u8>,
    /// Whether it has a line end.
    pub(super) terminated: bool,
    /// What it holds.
    pub(super) content: C,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuoteInQuoted,
    AfterReturn,
}

struct Scan<'l> {
    dialect: Dialect,
    limits: &'l Limits,
    state: State,
    cells: Cells,
    /// Length of the current cell, also of what is beyond the bound.
    cell_len: usize,
    too_long: Option<Fault>,
    /// End of the first line, when a quoted cell goes over several.
    first_line_end: Option<usize>,
    lines: u64,
    after_return: bool,
}

enum Step {
    Next,
    /// The record ends before this byte.
    EndBefore,
    /// The record ends behind this byte.
    EndBehind,
    Fault(Reason),
}

/// The next record that is not blank; `None` at the end of the file. `columns` is the number of cells it must have.
pub(super) fn next_record<R: Read>(
    window: &mut Window<R>,
    dialect: Dialect,
    limits: &Limits,
    columns: Option<usize>,
) -> io::Result<Option<RawRecord<Result<Cells, Fault>>>> {
    loop {
        if window.rest().is_empty() && !window.more()? {
            return Ok(None);
        }
        let record = scan(window, dialect, limits, columns)?;
        if !record.content.as_ref().is_ok_and(Cells::is_blank) {
            return Ok(Some(record));
        }
    }
}

fn scan<R: Read>(
    window: &mut Window<R>,
    dialect: Dialect,
    limits: &Limits,
    columns: Option<usize>,
) -> io::Result<RawRecord<Result<Cells, Fault>>> {
    let mut scan = Scan::new(dialect, limits);
    let mut at = 0;
    let fault = loop {
        let bytes = window.rest();
        if at == bytes.len() {
            if at > limits.record_len_max {
                break scan.overflow();
            }
            if window.more()? {
                continue;
            }
            if scan.state == State::Quoted {
                break Reason::QuoteNotClosed { cell: scan.cells.len() + 1 };
            }
            let terminated = scan.state == State::AfterReturn;
            scan.end_cell();
            return Ok(scan.finish(window, at, terminated, columns));
        }
        match scan.step(bytes[at], at) {
            Step::Next => at += 1,
            Step::EndBefore => return Ok(scan.finish(window, at, true, columns)),
            Step::EndBehind => return Ok(scan.finish(window, at + 1, true, columns)),
            Step::Fault(reason) => break reason,
        }
    };
    scan.first_line(window, at, fault)
}

impl<'l> Scan<'l> {
    fn new(dialect: Dialect, limits: &'l Limits) -> Self {
        Self {
            dialect,
            limits,
            state: State::CellStart,
            cells: Cells::default(),
            cell_len: 0,
            too_long: None,
            first_line_end: None,
            lines: 1,
            after_return: false,
        }
    }

    fn step(&mut self, byte: u8, at: usize) -> Step {
        match self.state {
            State::AfterReturn => return if byte == b'\n' { Step::EndBehind } else { Step::EndBefore },
            State::Quoted => {
                if Some(byte) == self.dialect.quote {
                    self.state = State::QuoteInQuoted;
                } else {
                    self.count_line(byte, at);
                    self.push(byte);
                }
                return Step::Next;
            }
            State::QuoteInQuoted if Some(byte) == self.dialect.quote => {
                self.state = State::Quoted;
                self.after_return = false;
                self.push(byte);
                return Step::Next;
            }
            State::CellStart if Some(byte) == self.dialect.quote => {
                self.state = State::Quoted;
                self.after_return = false;
                return Step::Next;
            }
            State::CellStart | State::Plain | State::QuoteInQuoted => {}
        }
        match byte {
            b'\n' => {
                self.end_cell();
                Step::EndBehind
            }
            b'\r' => {
                self.end_cell();
                self.state = State::AfterReturn;
                Step::Next
            }
            _ if byte == self.dialect.separator => {
                self.end_cell();
                self.state = State::CellStart;
                if self.cells.len() < CELLS_MAX {
                    return Step::Next;
                }
                Step::Fault(Reason::CellCount { found: CELLS_MAX + 1, expected: CELLS_MAX })
            }
            _ if self.state == State::QuoteInQuoted => {
                Step::Fault(Reason::QuoteClosedEarly { cell: self.cells.len() + 1 })
            }
            _ if Some(byte) == self.dialect.quote => {
                Step::Fault(Reason::StrayQuote { cell: self.cells.len() + 1 })
            }
            _ => {
                self.state = State::Plain;
                self.push(byte);
                Step::Next
            }
        }
    }

    /// Lines within a quoted cell; a carriage return and a line feed are one line end.
    fn count_line(&mut self, byte: u8, at: usize) {
        match byte {
            // The second half of a line end that was counted with its first.
            b'\n' if self.after_return && self.first_line_end == Some(at) => {
                self.first_line_end = Some(at + 1)
            }
            b'\n' if self.after_return => {}
            b'\n' | b'\r' => {
                self.lines += 1;
                self.first_line_end.get_or_insert(at + 1);
            }
            _ => {}
        }
        self.after_return = byte == b'\r';
    }

    fn push(&mut self, byte: u8) {
        self.cell_len += 1;
        if self.cells.last_len() < self.limits.cell_len_max {
            self.cells.bytes.push(byte);
        }
    }

    fn end_cell(&mut self) {
        if self.state == State::AfterReturn {
            return;
        }
        let len_max = self.limits.cell_len_max;
        if self.cell_len > len_max && self.too_long.is_none() {
            let reason = Reason::CellTooLong { len: self.cell_len, len_max };
            self.too_long = Some(Fault { cell: Some(self.cells.len()), reason });
        }
        self.cells.ends.push(self.cells.bytes.len());
        self.cell_len = 0;
    }

    fn overflow(&self) -> Reason {
        if self.first_line_end.is_some() {
            return Reason::QuoteNotClosed { cell: self.cells.len() + 1 };
        }
        Reason::RecordTooLong { len_max: self.limits.record_len_max }
    }

    /// A record that was read to its end. One over several lines with the wrong number of cells has a quote too many or
    /// too few somewhere, so that the lines behind its first get a chance of their own.
    fn finish<R: Read>(
        self,
        window: &mut Window<R>,
        len: usize,
        terminated: bool,
        columns: Option<usize>,
    ) -> RawRecord<Result<Cells, Fault>> {
        let found = self.cells.len();
        let wrong_count = columns.filter(|columns| *columns != found && !self.cells.is_blank());
        let count =
            wrong_count.map(|expected| Fault { cell: None, reason: Reason::CellCount { found, expected } });
        match (count, self.too_long, self.first_line_end) {
            (Some(count), _, Some(first)) => take(window, first, 1, true, Err(count)),
            (Some(fault), _, None) | (None, Some(fault), _) => {
                take(window, len, self.lines, terminated, Err(fault))
            }
            (None, None, _) => take(window, len, self.lines, terminated, Ok(self.cells)),
        }
    }

    /// The first line of a record that cannot be read, whatever its quotes say.
    fn first_line<R: Read>(
        self,
        window: &mut Window<R>,
        at: usize,
        reason: Reason,
    ) -> io::Result<RawRecord<Result<Cells, Fault>>> {
        let fault = Err(Fault { cell: None, reason });
        if let Some(first) = self.first_line_end {
            return Ok(take(window, first, 1, true, fault));
        }
        Ok(match window.line_end(at, self.limits.record_len_max)? {
            LineEnd::At(end) => take(window, end, 1, true, fault),
            LineEnd::File(len) => take(window, len, 1, false, fault),
            LineEnd::TooFar => {
                let reason = Reason::RecordTooLong { len_max: self.limits.record_len_max };
                skip(window, Err(Fault { cell: None, reason }))?
            }
        })
    }
}

/// Gives out the next `len` bytes.
pub(super) fn take<R: Read, C>(
    window: &mut Window<R>,
    len: usize,
    lines: u64,
    terminated: bool,
    content: C,
) -> RawRecord<C> {
    let record = RawRecord {
        line: window.line(),
        offset: window.offset(),
        len: len as u64,
        bytes: window.rest()[..len].to_vec(),
        terminated,
        content,
    };
    window.consume(len, lines);
    record
}

/// Passes over a line that is too long to be kept.
pub(super) fn skip<R: Read, C>(window: &mut Window<R>, content: C) -> io::Result<RawRecord<C>> {
    let (line, offset) = (window.line(), window.offset());
    let len = window.skip_line()?;
    Ok(RawRecord { line, offset, len, bytes: Vec::new(), terminated: true, content })
}

#[cfg(test)]
mod tests;
