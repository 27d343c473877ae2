// SPDX-License-Identifier: EUPL-1.2
//! Points in time as entries write them (spec 01-entries): RFC 3339, UTC, microseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, from year 0 to year 9999.
///
/// Written `2026-11-22T08:02:41.000000Z`: always 27 characters, always six digits of fraction, always `Z`, so that
/// one instant has one spelling. A timestamp in an entry is its author's claim, never an order of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A text that is not a timestamp in the one accepted form, or a number out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a timestamp: expected RFC 3339 in UTC with six decimals, as in 2026-11-22T08:02:41.000000Z"
)]
pub struct NotATimestamp(String);

/// 0000-01-01T00:00:00Z.
const MICROS_MIN: i64 = -62_167_219_200_000_000;
/// 9999-12-30T22:00:00Z, the end of the range that `jiff` can write.
const MICROS_MAX: i64 = 253_402_207_200_000_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after 1970; out of range is clamped to years 0 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(MICROS_MIN, MICROS_MAX))
    }

    /// The instant `seconds` seconds after 1970, clamped as [`Timestamp::from_micros`].
    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970, rounded down; what a UUIDv7 carries.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant moved forward; stays within range.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// This instant moved back; stays within range.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros))
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let wrong = || NotATimestamp(text.chars().take(64).collect());
        // Length and final letter first: `jiff` accepts many more spellings than the one we do.
        if text.len() != 27 || !text.ends_with('Z') {
            return Err(wrong());
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        let timestamp = Self::from_micros(parsed.as_microsecond());
        if timestamp.to_string() == text { Ok(timestamp) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATimestamp;

    fn try_from(text: String) -> Result<Self, NotATimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => f.write_str("out of range"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_has_one_spelling() {
        let text = "2026-11-22T08:02:41.000120Z";
        let parsed: Timestamp = text.parse().expect("a timestamp");
        assert_eq!(parsed.to_string(), text);
        for other in [
            "2026-11-22T08:02:41Z",
            "2026-11-22T08:02:41.00012Z",
            "2026-11-22T08:02:41.000120z",
            "2026-11-22 08:02:41.000120Z",
            "2026-11-22T09:02:41.0120+01",
            "2026-02-30T08:02:41.000120Z",
        ] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }

    #[test]
    fn the_ends_of_the_range_can_be_written_and_read() {
        for end in [MICROS_MIN, MICROS_MAX, 0] {
            let timestamp = Timestamp::from_micros(end);
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::from_micros(MICROS_MIN));
    }
}
