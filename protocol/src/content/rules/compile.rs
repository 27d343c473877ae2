// SPDX-License-Identifier: EUPL-1.2
//! From the text of a rules file to rules whose examples hold; every complaint carries its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use url::Url;

use super::error::{RuleProblem as Problem, RulesError};
use super::pattern::{Alphabet, HostTemplate, Object, Part, Pattern, Shape};
use super::{LocatorRules, Platform, source};
use crate::content::Locator;
use crate::content::keys::Keys;

const ID_LEN_MAX: usize = 64;
/// Longest captured part where the rule sets no bound: the longest DNS name and most file systems' longest name.
const CAPTURE_LEN_MAX: usize = 255;

/// Groups of example addresses.
type Examples = [Spanned<Vec<Spanned<String>>>];

/// A problem and the place in the text that it is about.
type Located<T> = Result<T, (Range<usize>, Problem)>;

/// Reads, checks and tries out the rules in `text`.
pub(super) fn compile(text: &str, digest: [u8; 32]) -> Result<LocatorRules, RulesError> {
    let source: source::Source = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    let at = |rule: &str| {
        let rule = rule.to_owned();
        move |(place, problem): (Range<usize>, Problem)| RulesError::Rule {
            line: line(text, place.start),
            rule: rule.clone(),
            problem,
        }
    };
    if *source.version.get_ref() == 0 {
        return Err(at("version")((source.version.span(), Problem::Version)));
    }
    let mut rules = LocatorRules {
        version: *source.version.get_ref(),
        digest,
        tracking_names: parameter_names(&source.tracking.names).map_err(at("[tracking]"))?,
        tracking_prefixes: parameter_names(&source.tracking.prefixes)
            .map_err(at("[tracking]"))?
            .into_iter()
            .collect(),
        fragment_routed: source
            .exact
            .fragment_routed
            .iter()
            .map(|h| host(h, h.get_ref()))
            .collect::<Located<_>>()
            .map_err(at("[exact]"))?,
        visit_ids: source.loose.visit_ids.iter().map(|name| name.to_ascii_lowercase()).collect(),
        platforms: Vec::new(),
        domains: BTreeMap::new(),
    };
    for platform in &source.platform {
        add_platform(&mut rules, platform).map_err(|(rule, problem)| at(&rule)(problem))?;
    }
    check_examples(&rules, None, &source.exact.same, &source.exact.apart).map_err(at("[exact]"))?;
    for platform in &source.platform {
        for object in &platform.object {
            let (id, kind) = (platform.id.get_ref(), object.kind.get_ref());
            check_examples(&rules, Some((id, kind)), &object.same, &object.apart)
                .map_err(at(&format!("{id}/{kind}")))?;
        }
    }
    Ok(rules)
}

fn syntax(text: &str, error: &toml::de::Error) -> RulesError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let column = text.get(line_start..start).map_or(0, |before| before.chars().count()) + 1;
    RulesError::Syntax {
        line: line(text, start),
        column,
        message: error.message().chars().take(200).collect(),
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

fn add_platform(
    rules: &mut LocatorRules,
    from: &source::Platform,
) -> Result<(), (String, (Range<usize>, Problem))> {
    let name = from.id.get_ref();
    let here = |problem| (name.clone(), problem);
    id(&from.id).map_err(here)?;
    if rules.platforms.iter().any(|platform| platform.id == *name) {
        return Err(here((from.id.span(), Problem::Duplicate(name.clone()))));
    }
    if from.domains.is_empty() {
        return Err(here((from.id.span(), Problem::Empty("domains"))));
    }
    for domain in &from.domains {
        let checked = platform_host(domain, domain.get_ref(), from.ignore_www).map_err(here)?;
        if rules.domains.insert(checked.clone(), rules.platforms.len()).is_some() {
            return Err(here((domain.span(), Problem::DomainTaken(checked))));
        }
    }
    let other = from.other.as_ref().map(id).transpose().map_err(here)?;
    let mut objects: Vec<Object> = Vec::new();
    for object in &from.object {
        let kind = object.kind.get_ref();
        let here = |problem| (format!("{name}/{kind}"), problem);
        if other.as_ref() == Some(kind) || objects.iter().any(|known| known.kind == *kind) {
            return Err(here((object.kind.span(), Problem::Duplicate(kind.clone()))));
        }
        objects.push(compile_object(from, object).map_err(here)?);
    }
    rules.platforms.push(Platform { id: name.clone(), ignore_www: from.ignore_www, other, objects });
    Ok(())
}

fn compile_object(platform: &source::Platform, from: &source::Object) -> Located<Object> {
    let kind = id(&from.kind)?;
    let empty = |what| (from.kind.span(), Problem::Empty(what));
    if from.key.is_empty() || from.pattern.is_empty() {
        return Err(empty(if from.key.is_empty() { "key" } else { "pattern" }));
    }
    let shapes = from.capture.iter().map(|(name, from)| Ok((name.clone(), shape(name, from)?)));
    let shapes: BTreeMap<String, Shape> = shapes.collect::<Located<_>>()?;
    for name in &from.key {
        if !shapes.contains_key(name.get_ref()) {
            return Err((name.span(), Problem::UnknownCapture(name.get_ref().clone())));
        }
    }
    let mut patterns = Vec::new();
    for pattern in &from.pattern {
        if pattern.hosts.is_empty() {
            return Err(empty("hosts"));
        }
        let compiled = compile_pattern(platform, pattern)?;
        check_captures(from, pattern, &compiled, &shapes)?;
        patterns.push(compiled);
    }
    Ok(Object { kind, key: from.key.iter().map(|name| name.get_ref().clone()).collect(), shapes, patterns })
}

fn shape(name: &str, from: &Spanned<source::Shape>) -> Located<Shape> {
    let (place, from) = (from.span(), from.get_ref());
    let (min, max) = match (from.length, from.min, from.max) {
        (Some(length), None, None) => (length, length),
        (None, min, max) => (min.unwrap_or(1), max.unwrap_or(CAPTURE_LEN_MAX)),
        _ => (1, 0),
    };
    if min == 0 || min > max {
        return Err((place, Problem::BadLength(name.into())));
    }
    // Lower-casing would change the digits of an escape.
    if from.lower && from.alphabet == Alphabet::Any {
        return Err((place, Problem::NeedsAlphabet(name.into())));
    }
    Ok(Shape { alphabet: from.alphabet, min, max, lower: from.lower, except: from.except.clone() })
}

fn compile_pattern(platform: &source::Platform, from: &source::Pattern) -> Located<Pattern> {
    let (path, open_end) = path(&from.path)?;
    let mut query = BTreeMap::new();
    for (name, value) in &from.query {
        let part = capture_name(value.get_ref())
            .map_or_else(|| Part::Literal(value.get_ref().clone()), Part::Capture);
        for text in [Some(name), if let Part::Literal(text) = &part { Some(text) } else { None }]
            .into_iter()
            .flatten()
        {
            if !is_unreserved(text) {
                return Err((value.span(), Problem::BadParameter(text.clone())));
            }
        }
        query.insert(name.clone(), part);
    }
    let hosts = from.hosts.iter().map(|host| host_template(platform, host)).collect::<Located<_>>()?;
    Ok(Pattern {
        source: from.path.get_ref().clone(),
        hosts,
        path,
        open_end,
        query,
        ignore: from.ignore.clone(),
    })
}

/// Every capture is described and occurs once; every part of the key is captured on every way to it.
fn check_captures(
    object: &source::Object,
    from: &source::Pattern,
    pattern: &Pattern,
    shapes: &BTreeMap<String, Shape>,
) -> Located<()> {
    let place = || from.path.span();
    let captured = |parts: &mut dyn Iterator<Item = &Part>| -> Vec<String> {
        parts
            .filter_map(|part| if let Part::Capture(name) = part { Some(name.clone()) } else { None })
            .collect()
    };
    let in_query = captured(&mut pattern.query.values());
    let elsewhere = [captured(&mut pattern.path.iter()), in_query.clone()].concat();
    for host in &pattern.hosts {
        let label = if let HostTemplate::Below { capture, .. } = host { Some(capture.clone()) } else { None };
        let mut seen = BTreeSet::new();
        for name in label.into_iter().chain(elsewhere.iter().cloned()) {
            if !shapes.contains_key(&name) {
                return Err((place(), Problem::UnknownCapture(name)));
            }
            if !seen.insert(name.clone()) {
                return Err((place(), Problem::RepeatedCapture(name)));
            }
        }
        for name in &object.key {
            let name = name.get_ref();
            if !seen.contains(name) {
                return Err((place(), Problem::KeyNotCaptured(name.clone())));
            }
            // A '/' or '?' in a parameter's value would make two ids look like one.
            if in_query.contains(name)
                && shapes.get(name).is_some_and(|shape| shape.alphabet == Alphabet::Any)
            {
                return Err((place(), Problem::NeedsAlphabet(name.clone())));
            }
        }
    }
    Ok(())
}

/// `/a/{b}/**`: whole segments; the empty one only at the end.
fn path(from: &Spanned<String>) -> Located<(Vec<Part>, bool)> {
    let text = from.get_ref();
    let bad = || (from.span(), Problem::BadPath(text.clone()));
    let mut segments: Vec<&str> = text.strip_prefix('/').ok_or_else(bad)?.split('/').collect();
    let open_end = segments.last() == Some(&"**");
    if open_end {
        segments.pop();
    }
    let last = segments.len().saturating_sub(1);
    let part = |(place, segment): (usize, &&str)| match capture_name(segment) {
        Some(name) => Ok(Part::Capture(name)),
        None if segment.is_empty() && place == last && !open_end => Ok(Part::Literal(String::new())),
        None if is_unreserved(segment) && !matches!(*segment, "." | "..") => {
            Ok(Part::Literal((*segment).into()))
        }
        None => Err(bad()),
    };
    Ok((segments.iter().enumerate().map(part).collect::<Located<_>>()?, open_end))
}

fn host_template(platform: &source::Platform, from: &Spanned<String>) -> Located<HostTemplate> {
    let text = from.get_ref();
    let template = match text.split_once('.') {
        Some((label, parent)) if label.starts_with('{') => HostTemplate::Below {
            capture: capture_name(label).ok_or_else(|| (from.span(), Problem::BadHost(text.clone())))?,
            parent: host(from, parent)?,
        },
        _ => HostTemplate::Exact(platform_host(from, text, platform.ignore_www)?),
    };
    let (HostTemplate::Exact(name) | HostTemplate::Below { parent: name, .. }) = &template;
    let own = platform.domains.iter().any(|domain| {
        name.strip_suffix(domain.get_ref().as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    if own { Ok(template) } else { Err((from.span(), Problem::ForeignHost(text.clone()))) }
}

/// A host of a platform: where a leading `www.` is ignored, a rule that names it could never match.
fn platform_host(place: &Spanned<String>, name: &str, ignore_www: bool) -> Located<String> {
    if ignore_www && name.starts_with("www.") {
        return Err((place.span(), Problem::BadHost(name.into())));
    }
    host(place, name)
}

fn host(place: &Spanned<String>, name: &str) -> Located<String> {
    let parsed = Url::parse(&format!("http://{name}/")).ok();
    let canonical =
        parsed.as_ref().and_then(Url::domain) == Some(name) && !name.ends_with('.') && name.contains('.');
    if canonical { Ok(name.into()) } else { Err((place.span(), Problem::BadHost(name.into()))) }
}

fn id(from: &Spanned<String>) -> Located<String> {
    let text = from.get_ref();
    let well_formed = (1..=ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if well_formed { Ok(text.clone()) } else { Err((from.span(), Problem::BadId(text.clone()))) }
}

fn capture_name(text: &str) -> Option<String> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    let well_formed = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    well_formed.then(|| name.into())
}

fn parameter_names(from: &[Spanned<String>]) -> Located<BTreeSet<String>> {
    let name = |name: &Spanned<String>| {
        let text = name.get_ref();
        if is_unreserved(text) {
            Ok(text.clone())
        } else {
            Err((name.span(), Problem::BadParameter(text.clone())))
        }
    };
    from.iter().map(name).collect()
}

fn is_unreserved(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Tries the examples of one object (platform and kind) or, without one, of the exact key.
fn check_examples(
    rules: &LocatorRules,
    object: Option<(&str, &str)>,
    same: &Examples,
    apart: &Examples,
) -> Located<()> {
    let keys = |example: &Spanned<String>| -> Located<String> {
        let locator =
            Locator::parse(example.get_ref()).map_err(|e| (example.span(), Problem::BadExample(e)))?;
        Ok(compared(&locator.keys(rules), object.is_some()))
    };
    let missing = same.is_empty() || apart.is_empty();
    if missing && (object.is_some() || same.len() != apart.len()) {
        let place = same.iter().chain(apart).map(Spanned::span).next();
        return Err((place.unwrap_or(0..0), Problem::NoExamples));
    }
    for group in same {
        let Some(first) = group.get_ref().first() else {
            return Err((group.span(), Problem::ExampleSize { found: 0 }));
        };
        let expected = keys(first)?;
        let own = object.is_none_or(|(id, kind)| expected.starts_with(&format!("platform:{id}:{kind}:")));
        if !own {
            return Err((first.span(), Problem::NotThisObject(expected)));
        }
        for example in group.get_ref() {
            let found = keys(example)?;
            if found != expected {
                return Err((example.span(), Problem::NotSame(expected, found)));
            }
        }
    }
    for pair in apart {
        let [one, other] = pair.get_ref().as_slice() else {
            return Err((pair.span(), Problem::ExampleSize { found: pair.get_ref().len() }));
        };
        let key = keys(one)?;
        if key == keys(other)? {
            return Err((other.span(), Problem::NotApart(key)));
        }
    }
    Ok(())
}

/// What examples are compared by: an object's by identity, those of `[exact]` by the exact key.
fn compared(keys: &Keys, by_identity: bool) -> String {
    if by_identity { keys.identity().to_string() } else { keys.exact.to_string() }
}
