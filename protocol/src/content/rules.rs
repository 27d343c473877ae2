// SPDX-License-Identifier: EUPL-1.2
//! The locator rules: data that says which addresses are one (spec 05-content, "Rules as data").
//!
//! A set of rules is read whole or refused with line, rule and remedy, and its own examples must hold before it is used.
//! There is no regular expression in it, so no address can make matching slow.

mod compile;
mod error;
mod pattern;
mod source;

use std::collections::{BTreeMap, BTreeSet};

pub use error::{RuleProblem, RulesError};
use pattern::{Object, Pattern};
use sha2::{Digest, Sha256};

use super::canonical::Canonical;
use super::keys::PlatformKey;
use crate::encoding::hex_encode;

/// Largest rules file in bytes.
pub const RULES_LEN_MAX: usize = 4 * 1024 * 1024;

/// A checked set of rules.
#[derive(Clone, Debug)]
pub struct LocatorRules {
    version: u32,
    digest: [u8; 32],
    tracking_names: BTreeSet<String>,
    tracking_prefixes: Vec<String>,
    fragment_routed: BTreeSet<String>,
    /// In lower case.
    visit_ids: BTreeSet<String>,
    platforms: Vec<Platform>,
    /// Place in `platforms` by domain.
    domains: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Platform {
    id: String,
    ignore_www: bool,
    /// The kind of key for addresses that no object knows.
    other: Option<String>,
    objects: Vec<Object>,
}

impl LocatorRules {
    /// Reads rules from the text of a file, checks them and runs their examples.
    ///
    /// # Errors
    ///
    /// [`RulesError`] names the line, the rule and what to do.
    pub fn from_toml(text: &str) -> Result<Self, RulesError> {
        if text.len() > RULES_LEN_MAX {
            return Err(RulesError::TooLong);
        }
        compile::compile(text, Sha256::digest(text).into())
    }

    /// The rules that this version of Concert comes with (`config/locators.toml`).
    pub fn builtin() -> Self {
        Self::from_toml(include_str!("../../../config/locators.toml"))
            .expect("the rules in the repository are tested")
    }

    /// The file's own version number; raised with every change that moves a key.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// SHA-256 over the exact bytes of the file: by this, members see whether they use the same rules.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The digest in hexadecimal.
    pub fn digest_hex(&self) -> String {
        hex_encode(&self.digest)
    }

    /// Ids of the platforms that the rules know, in the file's order.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        self.platforms.iter().map(|platform| platform.id.as_str())
    }

    /// The platform that has this host (in lower case, without a trailing dot) or a domain above it.
    pub fn platform_of_host(&self, host: &str) -> Option<&str> {
        self.platform(host).map(|platform| platform.id.as_str())
    }

    /// Whether a query parameter of this exact name says where a visitor came from and nothing else.
    pub(super) fn is_tracking(&self, name: &str) -> bool {
        self.tracking_names.contains(name)
            || self.tracking_prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Whether content on this host is selected by the fragment.
    pub(super) fn is_fragment_routed(&self, host: &str) -> bool {
        self.fragment_routed.contains(host)
    }

    /// Whether a parameter of this name, in any letter case, usually names a visit.
    pub(super) fn is_visit_id(&self, name: &str) -> bool {
        self.visit_ids.contains(&name.to_ascii_lowercase())
    }

    /// The platform key of a cleaned address and the rule that made it.
    pub(super) fn platform_key(&self, address: &Canonical) -> Option<(PlatformKey, String)> {
        // Another port is another server, about which the rules say nothing.
        if address.port.is_some() {
            return None;
        }
        let platform = self.platform(&address.host)?;
        let host = match address.host.strip_prefix("www.") {
            Some(bare) if platform.ignore_www => bare,
            _ => &address.host,
        };
        let key = |kind: &str, id: String| PlatformKey {
            platform: platform.id.as_str().into(),
            kind: kind.into(),
            id: id.into(),
        };
        for object in &platform.objects {
            for pattern in &object.patterns {
                if let Some(id) = object.id(pattern, host, address) {
                    let rule = rule_name(&platform.id, &object.kind, Some(pattern));
                    return Some((key(&object.kind, id), rule));
                }
            }
        }
        let kind = platform.other.as_deref()?;
        let query = pattern::joined(address.parameters().map(|(_, parameter)| parameter));
        Some((key(kind, format!("{host}{}{query}", address.path)), rule_name(&platform.id, kind, None)))
    }

    /// The platform with the longest domain that the host has or is below.
    fn platform(&self, host: &str) -> Option<&Platform> {
        let above = |name: &&str| name.find('.').map(|dot| dot + 1);
        let mut names = std::iter::successors(Some(host), |name| above(name).map(|at| &name[at..]));
        names.find_map(|name| self.domains.get(name)).map(|place| &self.platforms[*place])
    }
}

/// A rule's name in explanations: `video-a/video /embed/{id}`, or `video-a/page` for what no object knows.
fn rule_name(platform: &str, kind: &str, pattern: Option<&Pattern>) -> String {
    match pattern {
        Some(pattern) => format!("{platform}/{kind} {}", pattern.source),
        None => format!("{platform}/{kind}"),
    }
}

#[cfg(test)]
mod tests;
