// SPDX-License-Identifier: EUPL-1.2
//! The three keys of an address and the steps that led to them (spec 05-content, "Three keys").
//!
//! Keys are derived state. They are recomputed when the rules change and never compared across versions of the rules;
//! what members exchange is the address as its author wrote it.

use std::fmt;

use super::identity::ContentKey;

/// Platform, kind of object and id, as the platform itself tells its objects apart. Equal keys mean the same item.
///
/// Made by a rule of [`LocatorRules`](super::LocatorRules) only; written `platform:video-a:video:9wAc6GMbymA`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformKey {
    pub(super) platform: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) id: Box<str>,
}

impl PlatformKey {
    /// The platform's id in the rules, which is its recipient id, such as `video-a`.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// What kind of object it is, such as `video` or `message`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id: the captured parts joined by `/`, then `?` and the query parameters that the rule does not know.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The address after careful clean-up, nothing guessed. Equal keys mean the same item.
///
/// Written `exact:https://host.example/path`; what follows `exact:` is an address and its own exact key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactKey(pub(super) Box<str>);

impl ExactKey {
    /// The cleaned address, live; defang it before anybody sees it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address without what usually makes no difference. Suggests to a person; never merges.
///
/// Written `loose:host.example/path`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LooseKey(pub(super) Box<str>);

impl LooseKey {
    /// Host, path and sorted query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// All keys of one address under one set of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Present if a platform rule knows the address.
    pub platform: Option<PlatformKey>,
    /// Always present.
    pub exact: ExactKey,
    /// Always present.
    pub loose: LooseKey,
}

impl Keys {
    /// The key by which this address is one item with others: the platform key where there is one, else the exact key.
    ///
    /// Addresses with equal exact keys have equal platform keys, so nothing is lost by using one of them.
    pub fn identity(&self) -> ContentKey {
        match &self.platform {
            Some(key) => ContentKey::Platform(key.clone()),
            None => ContentKey::Exact(self.exact.clone()),
        }
    }
}

/// One step from an address as written to its keys, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done and by which rule.
    pub what: String,
    /// The text before; live.
    pub before: String,
    /// The text after; live.
    pub after: String,
}

impl fmt::Display for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "platform:{}:{}:{}", self.platform, self.kind, self.id)
    }
}

impl fmt::Display for ExactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exact:{}", self.0)
    }
}

impl fmt::Display for LooseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loose:{}", self.0)
    }
}

macro_rules! debug_as_display {
    ($($key:ty),*) => {$(
        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    )*};
}
debug_as_display!(PlatformKey, ExactKey, LooseKey);
