// SPDX-License-Identifier: EUPL-1.2
//! Recipients: whom notices, orders and national measures go to (spec 01-entries, "recipient").

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::rule::each_once;
use crate::entry::text::{CountryCode, DomainName, LanguageTag, List, RecipientId, Text};
use crate::key::PublicKey;

/// A recipient's record; `recipient.updated` carries the whole record as it should now read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The id; for a platform that the locator rules know, its id there.
    pub recipient: RecipientId,
    /// Name for people.
    pub name: Text<1, 120>,
    /// What it does.
    pub role: RecipientRole,
    /// Its domains; subdomains are included.
    pub domains: List<DomainName, 1, 200>,
    /// State of main establishment, or of the legal representative.
    pub established: CountryCode,
    /// Languages in which it can be written to, best first.
    #[serde(default)]
    pub languages: List<LanguageTag, 0, 24>,
    /// Contact point (Regulation (EU) 2021/784, Article 15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Text<1, 400>>,
    /// The key with which it signs answers, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

/// What a recipient does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientRole {
    /// A hosting service provider: receives notices and orders.
    Hosting,
    /// A search engine: receives the delisting list.
    Search,
    /// An access provider: receives the blocking list.
    Access,
}

/// The recipient receives nothing more until it is updated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientSuspended {
    /// Which.
    pub recipient: RecipientId,
    /// Why.
    pub reason: Text<1, 1000>,
}

impl Recipient {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        each_once("domains", &self.domains)?;
        each_once("languages", &self.languages)
    }
}
