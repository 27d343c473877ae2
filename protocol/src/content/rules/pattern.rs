// SPDX-License-Identifier: EUPL-1.2
//! One way of writing an address, compared segment by segment (spec 05-content, "Rules as data").

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::content::canonical::Canonical;

/// One kind of object of a platform.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: String,
    /// Names of the captures that make the id, in order.
    pub(super) key: Vec<String>,
    pub(super) shapes: BTreeMap<String, Shape>,
    pub(super) patterns: Vec<Pattern>,
}

/// One way in which an object's address is written.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// The path template, for explanations.
    pub(super) source: String,
    pub(super) hosts: Vec<HostTemplate>,
    pub(super) path: Vec<Part>,
    /// Whether any further segments may follow.
    pub(super) open_end: bool,
    pub(super) query: BTreeMap<String, Part>,
    pub(super) ignore: Vec<String>,
}

/// A host, or one captured label below a host.
#[derive(Clone, Debug)]
pub(super) enum HostTemplate {
    Exact(String),
    Below { capture: String, parent: String },
}

/// A whole path segment or parameter value.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Capture(String),
}

/// What a captured part looks like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) alphabet: Alphabet,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) lower: bool,
    /// Values that mean something else.
    pub(super) except: Vec<String>,
}

/// The characters that a captured part may consist of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Alphabet {
    /// Anything that a segment may hold, escapes included.
    #[default]
    Any,
    /// `0-9`.
    Digits,
    /// `0-9`, the first not `0`: a number has one spelling.
    Number,
    /// `a-z`, `A-Z`, `0-9`.
    Alphanumeric,
    /// The same and `_`.
    Word,
    /// The same, `_` and `-`.
    Slug,
}

/// Captured values by name.
type Captures<'a> = BTreeMap<&'a str, &'a str>;

impl Object {
    /// The id of a cleaned address (its host without an ignored `www.`) if this pattern matches it.
    pub(super) fn id(&self, pattern: &Pattern, host: &str, address: &Canonical) -> Option<String> {
        let mut captures = pattern.match_host(host)?;
        pattern.match_path(&address.path, &mut captures)?;
        let unknown = pattern.match_query(address, &mut captures)?;
        for (name, value) in &captures {
            self.shapes.get(*name).filter(|shape| shape.fits(value))?;
        }
        let parts = self.key.iter().map(|name| {
            let value = captures.get(name.as_str())?;
            let lower = self.shapes.get(name).is_some_and(|shape| shape.lower);
            Some(if lower { value.to_ascii_lowercase() } else { (*value).to_owned() })
        });
        let id = parts.collect::<Option<Vec<_>>>()?.join("/");
        Some(format!("{id}{}", joined(unknown.into_iter())))
    }
}

/// Parameters as the end of an id: nothing, or `?` and all of them as written.
pub(super) fn joined<'a>(parameters: impl Iterator<Item = &'a str>) -> String {
    let parameters: Vec<&str> = parameters.collect();
    if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) }
}

impl Pattern {
    fn match_host<'a>(&'a self, host: &'a str) -> Option<Captures<'a>> {
        self.hosts.iter().find_map(|template| match template {
            HostTemplate::Exact(exact) => (exact == host).then(Captures::new),
            HostTemplate::Below { capture, parent } => {
                let (label, rest) = host.split_once('.')?;
                (rest == parent).then(|| Captures::from([(capture.as_str(), label)]))
            }
        })
    }

    fn match_path<'a>(&'a self, path: &'a str, captures: &mut Captures<'a>) -> Option<()> {
        let mut segments = path.strip_prefix('/')?.split('/');
        for part in &self.path {
            part.matches(segments.next()?, captures)?;
        }
        (self.open_end || segments.next().is_none()).then_some(())
    }

    /// Takes the parameters that the pattern names, leaves out the ignored ones, returns the others in order.
    ///
    /// A named parameter that is missing or repeated does not match: which of two values counts only the server knows.
    fn match_query<'a>(
        &'a self,
        address: &'a Canonical,
        captures: &mut Captures<'a>,
    ) -> Option<Vec<&'a str>> {
        let (mut unknown, mut named) = (Vec::new(), 0);
        for (name, parameter) in address.parameters() {
            if let Some((key, part)) = self.query.get_key_value(name) {
                if address.parameters().filter(|(other, _)| other == key).count() > 1 {
                    return None;
                }
                part.matches(parameter.split_once('=')?.1, captures)?;
                named += 1;
            } else if !self.ignore.iter().any(|ignored| ignored == name) {
                unknown.push(parameter);
            }
        }
        (named == self.query.len()).then_some(unknown)
    }
}

impl Part {
    fn matches<'a>(&'a self, value: &'a str, captures: &mut Captures<'a>) -> Option<()> {
        match self {
            Self::Literal(literal) => (literal == value).then_some(()),
            Self::Capture(name) => captures.insert(name, value).is_none().then_some(()),
        }
    }
}

impl Shape {
    fn fits(&self, value: &str) -> bool {
        (self.min..=self.max).contains(&value.len())
            && self.alphabet.has(value)
            && !self
                .except
                .iter()
                .any(|except| except == value || (self.lower && except.eq_ignore_ascii_case(value)))
    }
}

impl Alphabet {
    fn has(self, value: &str) -> bool {
        let all = |extra: &[u8]| value.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b));
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::Any => true,
            Self::Digits => digits,
            Self::Number => digits && !value.starts_with('0'),
            Self::Alphanumeric => all(b""),
            Self::Word => all(b"_"),
            Self::Slug => all(b"_-"),
        }
    }
}
