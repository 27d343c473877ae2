// SPDX-License-Identifier: EUPL-1.2
//! Why a profile cannot be used; always the doing of whoever wrote it.

use std::io;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read, or is not UTF-8.
    #[error("reading the profile {file}")]
    Read {
        /// The profile.
        file: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The file is larger than a profile can be.
    #[error("{file} is larger than {} bytes: it is not a profile", super::PROFILE_LEN_MAX)]
    TooLong {
        /// The profile.
        file: String,
    },
    /// Not TOML.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// The profile.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key is wrong.
    #[error("{file}:{line}: {key}: {fault}")]
    Key {
        /// The profile.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key with all tables around it, as in `fields.tier.map`.
        key: String,
        /// What is wrong with it.
        fault: Box<ProfileFault>,
    },
}

/// What is wrong with a key of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFault {
    /// No such key.
    #[error("no such key; {}", suggestion(nearest, known))]
    UnknownKey {
        /// The most similar known key.
        nearest: Option<String>,
        /// All keys known here.
        known: Vec<String>,
    },
    /// A key that must be there.
    #[error("is missing; {why}")]
    Missing {
        /// What it is for.
        why: &'static str,
    },
    /// A value of another type.
    #[error("is {found}, where {wanted} is wanted")]
    WrongType {
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A word that means nothing here.
    #[error("{found:?} means nothing here; {}", suggestion(nearest, known))]
    UnknownWord {
        /// The word.
        found: String,
        /// The most similar known word.
        nearest: Option<String>,
        /// All words known here.
        known: Vec<String>,
    },
    /// A key that has no meaning for this field.
    #[error("has no meaning here; {why}")]
    Meaningless {
        /// Why.
        why: &'static str,
    },
    /// Two keys of which only one can be there.
    #[error("stands beside `{other}`; keep one of them")]
    Both {
        /// The other key.
        other: &'static str,
    },
    /// A value that the field cannot take.
    #[error("{reason}")]
    Value {
        /// Why not.
        reason: String,
    },
}

fn suggestion(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}? (known: {})", known.join(", ")),
        None => format!("known: {}", known.join(", ")),
    }
}

impl ProfileFault {
    pub(super) fn unknown_key(found: &str, known: &[&str]) -> Self {
        let known = known.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Self::UnknownKey {
            nearest: nearest(found, known.iter().map(String::as_str)).map(str::to_owned),
            known,
        }
    }

    pub(super) fn unknown_word(found: &str, known: &[&str]) -> Self {
        let known = known.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let nearest = nearest(found, known.iter().map(String::as_str)).map(str::to_owned);
        Self::UnknownWord { found: found.chars().take(64).collect(), nearest, known }
    }
}

/// The most similar of several names, if one is similar enough to be meant.
pub(in crate::import) fn nearest<'n>(found: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Similarity costs the product of the lengths, and headings come from outside.
    const LEN_MAX: usize = 80;
    let found: String = found.chars().take(LEN_MAX).flat_map(char::to_lowercase).collect();
    known
        .filter(|name| name.len() <= 4 * LEN_MAX)
        .map(|name| (strsim::damerau_levenshtein(&found, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (found.chars().count() / 3).max(2))
        .map(|(_, name)| name)
}
