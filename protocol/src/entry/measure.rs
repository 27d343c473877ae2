// SPDX-License-Identifier: EUPL-1.2
//! National measures: delisting by search engines and blocking by access providers. Peers see them, and never
//! apply them by themselves.

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::id::EntryRef;
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{Address, DomainName, List, Text};
use crate::time::Timestamp;

/// A measure in force in its author's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What is done.
    pub measure: MeasureKind,
    /// Reference of the authority.
    pub reference: Text<1, 120>,
    /// Legal basis in national law.
    pub legal_basis: Text<1, 200>,
    /// Addresses to delist.
    #[serde(default)]
    pub addresses: List<Address, 0, 50>,
    /// Whole hosts to block.
    #[serde(default)]
    pub hosts: List<DomainName, 0, 50>,
    /// When it is checked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_on: Option<Timestamp>,
}

/// The two national measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasureKind {
    /// Search engines no longer list the addresses.
    Delisting,
    /// Access providers no longer resolve the hosts.
    Blocking,
}

/// A measure lifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureLifted {
    /// The author's own measure.
    pub measure: EntryRef,
    /// Why.
    pub reason: Text<1, 1000>,
}

impl Measure {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        let (listed, other, field, rule) = match self.measure {
            MeasureKind::Delisting => (
                self.addresses.len(),
                self.hosts.len(),
                "addresses",
                "delisting names addresses, and no hosts",
            ),
            MeasureKind::Blocking => (
                self.hosts.len(),
                self.addresses.len(),
                "hosts",
                "blocking names whole hosts, and no addresses",
            ),
        };
        if listed == 0 || other != 0 {
            return broken(field, rule);
        }
        each_once("addresses", &self.addresses)?;
        each_once("hosts", &self.hosts)
    }
}
