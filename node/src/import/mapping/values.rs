// SPDX-License-Identifier: EUPL-1.2
//! From one text to one value of a referral, each with the rule that refuses it.

use std::str::FromStr;

use concert_protocol::content::{Fingerprint, Locator};
use concert_protocol::entry::referral::{Label, Tier};
use concert_protocol::entry::text::{Address, LanguageTag, Text, TextError};
use concert_protocol::time::Timestamp;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WordError;

use super::Value;
use crate::import::date::DateRule;
use crate::import::problem::Reason;
use crate::import::profile::{FieldRule, FingerprintRule, Split};
use crate::import::target::{Form, Target};

/// Whether a field can take a value that the profile itself writes.
pub(in crate::import) fn check_value(target: Target, text: &str) -> Result<(), Reason> {
    match target.form() {
        Form::Line if target == Target::TermsClause => line::<400>(text).map(drop),
        Form::Line => line::<120>(text).map(drop),
        Form::Prose if target == Target::Reasons => parse::<Text<1, 4000>>(text).map(drop),
        Form::Prose => parse::<Text<1, 1000>>(text).map(drop),
        Form::Date => rfc3339(text).map(drop),
        Form::Address => address(text).map(drop),
        Form::Language => parse::<LanguageTag>(text).map(drop),
        Form::Label => parse::<Label>(text).map(drop),
        Form::Sha256 => sha256(text).map(drop),
        Form::Word(known) if known.contains(&text) => Ok(()),
        Form::Word(known) => Err(unknown(known.iter().copied())),
    }
}

pub(super) fn split<'v>(values: &[&'v str], how: &Split) -> Vec<&'v str> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        match how {
            Split::No => parts.push(*value),
            Split::At(at) => {
                parts.extend(value.split(at.as_str()).map(str::trim).filter(|part| !part.is_empty()))
            }
            Split::EachCharacter => {
                let characters = value.char_indices().filter(|(_, c)| !c.is_whitespace());
                parts.extend(characters.map(|(at, c)| &value[at..at + c.len_utf8()]));
            }
        }
    }
    parts
}

pub(super) fn in_own_words<'v>(
    target: Target,
    rule: &'v FieldRule,
    part: &'v str,
) -> Result<Value<'v>, Reason> {
    let export = |text| Value { text, by_profile: false };
    match (&rule.map, target.form()) {
        (Some(map), _) => {
            let meaning = map.find(part).ok_or_else(|| unknown(map.words.keys().map(String::as_str)))?;
            Ok(export(meaning))
        }
        (None, Form::Word(known)) if !known.contains(&part) => Err(unknown(known.iter().copied())),
        (None, _) => Ok(export(part)),
    }
}

pub(super) fn unknown<'w>(allowed: impl Iterator<Item = &'w str>) -> Reason {
    Reason::UnknownWord { allowed: allowed.map(str::to_owned).collect() }
}

pub(super) fn parse<T: FromStr<Err = TextError>>(text: &str) -> Result<T, Reason> {
    text.parse().map_err(Reason::Text)
}

/// Text of one line. A line break in a reference or a name is the mark of two records that ran into each other.
pub(super) fn line<const MAX: usize>(text: &str) -> Result<Text<1, MAX>, Reason> {
    if text.contains(['\n', '\t']) { Err(Reason::LineBreak) } else { parse(text) }
}

/// One of Concert's own words; the caller has made sure that it is one.
pub(super) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Reason> {
    let read: Result<T, WordError> = T::deserialize(text.into_deserializer());
    read.map_err(|_| unknown(std::iter::empty()))
}

pub(super) fn tier(text: &str) -> Result<Tier, Reason> {
    let tier = text.parse().ok().and_then(|number: u8| Tier::try_from(number).ok());
    tier.ok_or_else(|| unknown(["1", "2", "3", "4"].into_iter()))
}

pub(super) fn rfc3339(text: &str) -> Result<Timestamp, Reason> {
    DateRule { format: "rfc3339".into(), zone: None }.read(text)
}

pub(super) fn sha256(text: &str) -> Result<Fingerprint, Reason> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    format!("sha256:{digits}").parse().map_err(Reason::Fingerprint)
}

/// The address as its author recorded it, refanged; an entry wants the scheme in lower case.
pub(super) fn address(text: &str) -> Result<Address, Reason> {
    let locator = Locator::parse(text)?;
    let raw = locator.as_str();
    match raw.split_once("://") {
        Some((scheme, rest)) => parse(&format!("{}://{rest}", scheme.to_ascii_lowercase())),
        None => parse(raw),
    }
}

pub(super) fn fingerprint(
    rule: &FingerprintRule,
    value: &str,
    quality: Option<&str>,
) -> Result<Fingerprint, Reason> {
    let Some(algorithm) = &rule.algorithm else { return Ok(value.parse::<Fingerprint>()?) };
    // Some systems write the algorithm before the value even in a column of its own.
    let own = value.get(..algorithm.len() + 1).is_some_and(|start| {
        start.ends_with(':') && start[..algorithm.len()].eq_ignore_ascii_case(algorithm)
    });
    let mut text = if own { value.to_owned() } else { format!("{algorithm}:{value}") };
    if let Some(quality) = quality {
        text.push_str(":q");
        text.push_str(quality);
    }
    if let Some(pipeline) = &rule.pipeline {
        text.push_str(":p");
        text.push_str(pipeline);
    }
    Ok(text.parse::<Fingerprint>()?)
}
