// SPDX-License-Identifier: EUPL-1.2
//! Names of members and of their logs (spec 00-glossary).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A member's code: 2 to 16 of `A-Z`, `0-9` and `-`, beginning with a letter, such as `FR`, `DE` or `EU`.
///
/// Codes of member states are ISO 3166-1 alpha-2 (`GR`, not `EL`); the EU referral unit is `EU`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(Box<str>);

/// A text that is not a member's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a member code: expected 2 to 16 of A-Z, 0-9 and '-', beginning with a letter")]
pub struct NotAMember(String);

impl MemberId {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MemberId {
    type Err = NotAMember;

    fn from_str(text: &str) -> Result<Self, NotAMember> {
        let well_formed = (2..=16).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if well_formed { Ok(Self(text.into())) } else { Err(NotAMember(clip(text))) }
    }
}

/// Bounds what an error repeats of its input.
fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

impl TryFrom<String> for MemberId {
    type Error = NotAMember;

    fn try_from(text: String) -> Result<Self, NotAMember> {
        text.parse()
    }
}

impl From<MemberId> for String {
    fn from(member: MemberId) -> Self {
        member.0.into()
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One log of one member: the member's code and the log's generation, written `FR/1`.
///
/// A log that was lost or forked is closed by the roster and continued as the next generation; it is never
/// repaired in place (spec 02-log).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogId {
    /// Whose log it is.
    pub member: MemberId,
    /// 1 for a member's first log; at most 65,535.
    pub generation: u16,
}

/// A text that does not name a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name a log: expected a member code, '/' and a generation from 1, as in FR/1")]
pub struct NotALog(String);

impl LogId {
    /// The first log of `member`.
    pub fn first(member: MemberId) -> Self {
        Self { member, generation: 1 }
    }

    /// The log's origin line in a checkpoint: `<federation>/log/<member in lower case>/<generation>`
    /// (spec 02-log, C2SP tlog-checkpoint).
    pub fn origin(&self, federation: &str) -> String {
        format!("{federation}/log/{}/{}", self.member.as_str().to_ascii_lowercase(), self.generation)
    }

    /// The log that an origin line names in this federation, if it is one.
    pub fn from_origin(federation: &str, origin: &str) -> Option<Self> {
        let rest = origin.strip_prefix(federation)?.strip_prefix("/log/")?;
        let (member, generation) = rest.split_once('/')?;
        let log: Self = format!("{}/{generation}", member.to_ascii_uppercase()).parse().ok()?;
        (log.origin(federation) == origin).then_some(log)
    }
}

impl FromStr for LogId {
    type Err = NotALog;

    fn from_str(text: &str) -> Result<Self, NotALog> {
        let wrong = || NotALog(clip(text));
        let (member, number) = text.split_once('/').ok_or_else(wrong)?;
        let generation: u16 = number.parse().map_err(|_| wrong())?;
        let canonical = generation >= 1 && generation.to_string() == number;
        let member = member.parse().map_err(|_| wrong())?;
        if canonical { Ok(Self { member, generation }) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for LogId {
    type Error = NotALog;

    fn try_from(text: String) -> Result<Self, NotALog> {
        text.parse()
    }
}

impl From<LogId> for String {
    fn from(log: LogId) -> Self {
        log.to_string()
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.generation)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case_letters_digits_and_hyphens() {
        for good in ["FR", "EU", "NATO-1", "A1"] {
            assert_eq!(good.parse::<MemberId>().map(|m| m.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "F", "fr", "1F", "F R", "FR/1", "ABCDEFGHIJKLMNOPQ", "FÉ"] {
            assert!(bad.parse::<MemberId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_round_trip_and_others_are_refused() {
        let log: LogId = "FR/2".parse().expect("a log");
        assert_eq!(log.origin("concert.example"), "concert.example/log/fr/2");
        assert_eq!(LogId::from_origin("concert.example", "concert.example/log/fr/2"), Some(log));
        for bad in [
            "concert.example/log/FR/2",
            "concert.example/log/fr/02",
            "other.example/log/fr/2",
            "concert.example/log/fr/0",
        ] {
            assert_eq!(LogId::from_origin("concert.example", bad), None, "{bad}");
        }
        assert!("FR/0".parse::<LogId>().is_err());
        assert!("FR/+1".parse::<LogId>().is_err());
    }
}
