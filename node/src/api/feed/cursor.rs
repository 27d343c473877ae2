// SPDX-License-Identifier: EUPL-1.2
//! Where a recipient stands: how far each coordinator's log was read. Opaque outside, the same at every node.

use std::collections::BTreeMap;
use std::fmt;

use concert_protocol::encoding::{base64url_decode, base64url_encode};
use concert_protocol::member::LogId;

use super::super::page::foreign_cursor;
use super::super::problem::Problem;

/// First part of every cursor's inside: its version.
const VERSION: &str = "1";
/// Longest cursor, in characters.
const CURSOR_LEN_MAX: usize = 8 << 10;

/// For each log, the index behind the last event that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor(BTreeMap<LogId, u64>);

impl Cursor {
    /// Reads a cursor; none is the beginning.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        text.map_or_else(|| Ok(Self::default()), |text| Self::read(text).ok_or_else(foreign_cursor))
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > CURSOR_LEN_MAX {
            return None;
        }
        let inside = String::from_utf8(base64url_decode(text.as_bytes())?).ok()?;
        let mut parts = inside.split(';');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let mut positions = BTreeMap::new();
        for part in parts {
            let (log, position) = part.split_once(':')?;
            positions.insert(log.parse().ok()?, position.parse().ok()?);
        }
        Some(Self(positions))
    }

    /// The first index of `log` that was not read.
    pub(super) fn position(&self, log: &LogId) -> u64 {
        self.0.get(log).copied().unwrap_or(0)
    }

    /// Goes on to `position` in `log`; never back.
    pub(super) fn advance(&mut self, log: &LogId, position: u64) {
        let held = self.0.entry(log.clone()).or_default();
        *held = position.max(*held);
    }

    /// Every log that was read of, and how far.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&LogId, u64)> {
        self.0.iter().map(|(log, position)| (log, *position))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut inside = VERSION.to_owned();
        for (log, position) in &self.0 {
            inside.push_str(&format!(";{log}:{position}"));
        }
        f.write_str(&base64url_encode(inside.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cursors_round_trip_and_only_go_forward() {
        let mut cursor = Cursor::default();
        assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor.clone()));
        let log: LogId = "EU/1".parse().expect("a log");
        cursor.advance(&log, 532);
        cursor.advance(&log, 17);
        cursor.advance(&"BE/2".parse().expect("a log"), 17);
        assert_eq!(cursor.position(&log), 532);
        assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn cursors_from_elsewhere_are_refused() {
        for inside in ["", "2", "1;", "1;EU/1", "1;EU/1:x", "1;eu/1:3", "1;EU/1:-1"] {
            assert_eq!(Cursor::read(&base64url_encode(inside.as_bytes())), None, "{inside}");
        }
        assert_eq!(Cursor::read("%"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, bytes: Vec<u8>) {
            Cursor::read(&text);
            Cursor::read(&base64url_encode(&bytes));
        }
    }
}
