// SPDX-License-Identifier: EUPL-1.2
//! Why a rules file is refused: always the operator's, always with line, rule and remedy.

use crate::content::LocatorError;

/// Why a set of locator rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// More than [`RULES_LEN_MAX`](super::RULES_LEN_MAX) bytes.
    #[error("the locator rules are longer than {} bytes; is this the right file?", super::RULES_LEN_MAX)]
    TooLong,
    /// Not TOML, or not the tables and keys that the rules consist of.
    #[error("locator rules, line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// One rule is wrong.
    #[error("locator rules, line {line}, {rule}: {problem}")]
    Rule {
        /// Line, from 1.
        line: usize,
        /// Which rule, such as `video-a/video` or `[tracking]`.
        rule: String,
        /// What is wrong and what to do.
        problem: RuleProblem,
    },
}

/// What is wrong with one rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleProblem {
    /// `version = 0`.
    #[error("versions count from 1; write version = 1 or higher")]
    Version,
    /// An id or a kind with other characters.
    #[error("{0:?} is not an id; use 1 to 64 of a-z, 0-9 and '-'")]
    BadId(String),
    /// Two platforms of one id, or two objects of one kind.
    #[error("{0:?} is defined twice; join the two or rename one")]
    Duplicate(String),
    /// Something that is not a host name in its canonical form.
    #[error(
        "{0:?} is not a host; write it in lower case, A-labels, without port, dot at the end or 'www.' that is ignored"
    )]
    BadHost(String),
    /// One domain, two platforms.
    #[error("the domain {0:?} belongs to another platform already; remove it from one of them")]
    DomainTaken(String),
    /// A pattern's host lies outside the platform's domains.
    #[error("the host {0:?} lies outside the platform's domains; add its domain there")]
    ForeignHost(String),
    /// A platform without a domain, a pattern without a host, an object without a key or pattern.
    #[error("{0} is empty; name at least one")]
    Empty(&'static str),
    /// A path that is not a template.
    #[error(
        "{0:?} is not a path: begin with '/', use whole segments of unreserved characters or {{name}}, and ** only at the end"
    )]
    BadPath(String),
    /// A parameter name or value in a rule that no address could match.
    #[error(
        "{0:?} is not a parameter name or value as it stands in an address: unreserved characters, or {{name}} as a value"
    )]
    BadParameter(String),
    /// A name in braces that `capture` does not describe.
    #[error("the capture {0:?} is not described; add it under capture")]
    UnknownCapture(String),
    /// One pattern captures one name twice.
    #[error("the capture {0:?} occurs twice in one pattern; use two names")]
    RepeatedCapture(String),
    /// A part of the key that a pattern does not capture.
    #[error(
        "the pattern does not capture {0:?}, which is part of the key; add {{{0}}} to its host, path or query"
    )]
    KeyNotCaptured(String),
    /// A part of the key that could contain a separator, or `lower` on text that could contain escapes.
    #[error(
        "the capture {0:?} needs an alphabet other than \"any\", because it is lower-cased or stands in a query and in the key"
    )]
    NeedsAlphabet(String),
    /// `length` with `min` or `max`, or bounds that exclude everything.
    #[error("the lengths of capture {0:?} exclude each other; give length alone, or min not above max")]
    BadLength(String),
    /// An object or the exact key without examples of both sorts.
    #[error("no examples; give at least one group under same and one pair under apart")]
    NoExamples,
    /// A group or pair of the wrong size.
    #[error("an example has {found} addresses; same needs 1 or more, apart exactly 2")]
    ExampleSize {
        /// How many were given.
        found: usize,
    },
    /// An example that is not an address.
    #[error("an example is not an address: {0}")]
    BadExample(#[source] LocatorError),
    /// An example of an object that another rule, or none, takes.
    #[error("this example does not get a key of this kind but {0}; mend the pattern or the example")]
    NotThisObject(String),
    /// Two examples that should be the same are not.
    #[error("these examples should have one key but have {0} and {1}; mend the rule or the example")]
    NotSame(String, String),
    /// Two examples that should stay apart do not.
    #[error("these examples should stay apart but both have {0}; mend the rule or the example")]
    NotApart(String),
}
