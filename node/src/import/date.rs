// SPDX-License-Identifier: EUPL-1.2
//! Dates as an export writes them, with the rule for the two hours a year in which a local time is not enough.
//!
//! Zones come from the database that is compiled in, never from the machine. A date that does not exist is refused, not moved.

use concert_protocol::time::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::problem::Reason;

/// The year of the first public web pages: an earlier date is a mistake, mostly a year of two digits.
const YEAR_MIN: i16 = 1991;

/// How one field writes its dates.
#[derive(Clone, Debug)]
pub(super) struct DateRule {
    /// As `strftime`, or `rfc3339`.
    pub(super) format: String,
    /// Where the clock hung; `None` if every date carries its offset.
    pub(super) zone: Option<Zone>,
}

/// A time zone and what to do when its clocks are moved.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) zone: TimeZone,
    pub(super) ambiguous: Ambiguous,
    pub(super) nonexistent: Nonexistent,
}

/// A time that the clock showed twice (autumn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ambiguous {
    Earlier,
    Later,
    Reject,
}

/// A time that the clock skipped (spring).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nonexistent {
    Reject,
    /// Moved forward by the length of the gap, as a clock that was not yet put forward would have it.
    Shift,
}

/// Why a format cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatFault {
    /// Not a format, or one without day, month or year.
    Unusable,
    /// It has no offset, so a zone is needed.
    NeedsZone,
    /// It has an offset, so a zone would be ignored.
    HasOffset,
}

impl DateRule {
    /// Tries the format on a date of its own.
    pub(super) fn check(&self) -> Result<(), FormatFault> {
        let Ok(sample) = "2026-11-22T08:02:41+00:00[UTC]".parse::<jiff::Zoned>() else {
            return Err(FormatFault::Unusable);
        };
        let has_offset = match self.format.as_str() {
            "rfc3339" => true,
            format => {
                let text = strtime::format(format, &sample).map_err(|_| FormatFault::Unusable)?;
                let parsed = strtime::parse(format, &text).map_err(|_| FormatFault::Unusable)?;
                let has_offset = parsed.to_timestamp().is_ok();
                if !has_offset && parsed.to_datetime().is_err() {
                    return Err(FormatFault::Unusable);
                }
                has_offset
            }
        };
        match (has_offset, &self.zone) {
            (false, None) => Err(FormatFault::NeedsZone),
            (true, Some(_)) => Err(FormatFault::HasOffset),
            _ => Ok(()),
        }
    }

    /// The instant that a text names.
    pub(super) fn read(&self, text: &str) -> Result<Timestamp, Reason> {
        let wrong = |what: String| Reason::Date {
            format: self.format.clone(),
            what: what.chars().take(160).collect(),
        };
        let instant = match (self.format.as_str(), &self.zone) {
            ("rfc3339", _) => text.parse::<jiff::Timestamp>().map_err(|error| wrong(plain(&error)))?,
            (format, zone) => {
                let parsed = strtime::parse(format, text).map_err(|error| wrong(plain(&error)))?;
                match zone {
                    None => parsed.to_timestamp().map_err(|error| wrong(plain(&error)))?,
                    Some(zone) => {
                        let local = parsed.to_datetime().map_err(|error| wrong(plain(&error)))?;
                        check_year(local.year())?;
                        zone.instant(local)?.ok_or_else(|| wrong("out of range".into()))?
                    }
                }
            }
        };
        check_year(instant.to_zoned(TimeZone::UTC).year())?;
        Ok(Timestamp::from_micros(instant.as_microsecond()))
    }
}

fn check_year(year: i16) -> Result<(), Reason> {
    if year < YEAR_MIN { Err(Reason::DateTooEarly { year }) } else { Ok(()) }
}

/// The parser's message without the value, which it repeats in quotes.
fn plain(error: &jiff::Error) -> String {
    let text = error.to_string();
    let mut out = String::with_capacity(text.len());
    for (i, part) in text.split('"').enumerate() {
        out.push_str(if i % 2 == 0 { part } else { "the value" });
    }
    out
}

impl Zone {
    /// `None` for a time beyond what can be written.
    fn instant(&self, local: DateTime) -> Result<Option<jiff::Timestamp>, Reason> {
        let times = self.zone.to_ambiguous_timestamp(local);
        let zone = || self.name.clone();
        let instant = match (times.offset(), self.ambiguous, self.nonexistent) {
            (AmbiguousOffset::Fold { .. }, Ambiguous::Reject, _) => {
                return Err(Reason::AmbiguousTime { zone: zone() });
            }
            (AmbiguousOffset::Fold { .. }, Ambiguous::Later, _) => times.later(),
            (AmbiguousOffset::Gap { .. }, _, Nonexistent::Reject) => {
                return Err(Reason::SkippedTime { zone: zone() });
            }
            // Of a gap the compatible choice is the shifted one, of a fold the earlier one.
            _ => times.compatible(),
        };
        Ok(instant.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris(ambiguous: Ambiguous, nonexistent: Nonexistent) -> DateRule {
        let zone = TimeZone::get("Europe/Paris").expect("bundled");
        let zone = Zone { name: "Europe/Paris".into(), zone, ambiguous, nonexistent };
        DateRule { format: "%d/%m/%Y %H:%M".into(), zone: Some(zone) }
    }

    fn read(rule: &DateRule, text: &str) -> String {
        match rule.read(text) {
            Ok(instant) => instant.to_string()[..16].to_owned(),
            Err(reason) => reason.code().to_owned(),
        }
    }

    #[test]
    fn local_times_follow_the_zone_and_the_stated_rules() {
        let strict = paris(Ambiguous::Earlier, Nonexistent::Reject);
        assert_eq!(strict.check(), Ok(()));
        assert_eq!(read(&strict, "03/03/2026 00:17"), "2026-03-02T23:17");
        assert_eq!(read(&strict, "03/07/2026 00:17"), "2026-07-02T22:17");
        assert_eq!(read(&strict, "25/10/2026 02:30"), "2026-10-25T00:30");
        assert_eq!(read(&strict, "29/03/2026 02:30"), "local_time");
        let other = paris(Ambiguous::Later, Nonexistent::Shift);
        assert_eq!(read(&other, "25/10/2026 02:30"), "2026-10-25T01:30");
        assert_eq!(read(&other, "29/03/2026 02:30"), "2026-03-29T01:30");
        assert_eq!(read(&paris(Ambiguous::Reject, Nonexistent::Reject), "25/10/2026 02:30"), "local_time");
    }

    #[test]
    fn impossible_dates_are_refused_and_not_moved() {
        let rule = paris(Ambiguous::Earlier, Nonexistent::Reject);
        for text in [
            "31/02/2026 10:00",
            "00/01/2026 10:00",
            "01/13/2026 10:00",
            "01/01/2026 25:00",
            "01/01/2026",
            "01/01/26 10:00",
            "01/01/2026 10:00 x",
            "",
            "29/02/2025 10:00",
            "01/01/-2026 10:00",
            "2026-01-01 10:00",
        ] {
            assert_eq!(read(&rule, text), "date", "{text}");
        }
        let rfc = DateRule { format: "rfc3339".into(), zone: None };
        assert_eq!(read(&rfc, "2026-03-02T15:40:02+01:00"), "2026-03-02T14:40");
        for text in ["2026-02-30T00:00:00Z", "2026-03-02T15:40:02", "yesterday", "9999-12-31T23:59:59-12:00"]
        {
            assert_eq!(read(&rfc, text), "date", "{text}");
        }
    }

    #[test]
    fn formats_are_tried_before_they_are_used() {
        let rule = |format: &str| DateRule { format: format.into(), zone: None };
        assert_eq!(rule("%d/%m/%Y %H:%M").check(), Err(FormatFault::NeedsZone));
        assert_eq!(rule("%Y-%m-%d %H:%M %z").check(), Ok(()));
        assert_eq!(rule("%s").check(), Ok(()));
        assert_eq!(rule("%H:%M").check(), Err(FormatFault::Unusable));
        assert_eq!(rule("%").check(), Err(FormatFault::Unusable));
        let zoned = DateRule { format: "rfc3339".into(), ..paris(Ambiguous::Earlier, Nonexistent::Reject) };
        assert_eq!(zoned.check(), Err(FormatFault::HasOffset));
        assert_eq!(
            DateRule { format: "%d.%m.%Y".into(), ..paris(Ambiguous::Earlier, Nonexistent::Reject) }.check(),
            Ok(())
        );
    }
}
