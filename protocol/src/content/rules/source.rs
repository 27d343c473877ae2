// SPDX-License-Identifier: EUPL-1.2
//! The rules file as it is written: one struct per table, unknown keys refused, places kept for error messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) version: Spanned<u32>,
    pub(super) tracking: Tracking,
    pub(super) exact: Exact,
    pub(super) loose: Loose,
    #[serde(default)]
    pub(super) platform: Vec<Platform>,
}

/// `[tracking]`: parameters removed on every host.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tracking {
    pub(super) names: Vec<Spanned<String>>,
    pub(super) prefixes: Vec<Spanned<String>>,
}

/// `[exact]`: what the exact key needs to know, and examples for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exact {
    #[serde(default)]
    pub(super) fragment_routed: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) same: Vec<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) apart: Vec<Spanned<Vec<Spanned<String>>>>,
}

/// `[loose]`: what the loose key leaves out beyond its fixed steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loose {
    #[serde(default)]
    pub(super) visit_ids: Vec<String>,
}

/// `[[platform]]`: one service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platform {
    pub(super) id: Spanned<String>,
    pub(super) domains: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) ignore_www: bool,
    pub(super) other: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) object: Vec<Object>,
}

/// `[[platform.object]]`: one kind of thing that has an address there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    pub(super) kind: Spanned<String>,
    pub(super) key: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, Spanned<Shape>>,
    pub(super) pattern: Vec<Pattern>,
    #[serde(default)]
    pub(super) same: Vec<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) apart: Vec<Spanned<Vec<Spanned<String>>>>,
}

/// One entry of `[platform.object.capture]`: what a captured part looks like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    #[serde(default)]
    pub(super) alphabet: super::pattern::Alphabet,
    pub(super) length: Option<usize>,
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    #[serde(default)]
    pub(super) lower: bool,
    #[serde(default)]
    pub(super) except: Vec<String>,
}

/// `[[platform.object.pattern]]`: one way in which the address is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) path: Spanned<String>,
    #[serde(default)]
    pub(super) query: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) ignore: Vec<String>,
}
