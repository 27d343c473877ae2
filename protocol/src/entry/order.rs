// SPDX-License-Identifier: EUPL-1.2
//! Removal orders under Article 3 of Regulation (EU) 2021/784.
//!
//! An order is a binding act with its own signature, clock, redress and finality. It is never merged with
//! anything, never suppressed and never delayed; no type here is shared with referrals' state.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entry::envelope::EntryError;
use crate::entry::id::EntryRef;
use crate::entry::referral::LegalType;
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{Address, CountryCode, List, RecipientId, Text};
use crate::time::Timestamp;

/// Longest non-disclosure that one order can ask for: six weeks.
pub const NON_DISCLOSURE_MAX: Duration = Duration::from_secs(42 * 86_400);

/// A removal order as Annex I wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Reference number, unique per authority.
    pub reference: Text<1, 120>,
    /// The issuing competent authority.
    pub authority: Text<1, 200>,
    /// What sort of authority it is.
    pub authority_type: AuthorityType,
    /// Contact for feedback.
    pub feedback_contact: Text<1, 400>,
    /// The hosting service provider.
    pub recipient: RecipientId,
    /// Its legal representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_representative: Option<Text<1, 200>>,
    /// Its contact point.
    pub contact_point: Text<1, 400>,
    /// Member state of main establishment; a copy goes to its authority at the same time.
    pub established: CountryCode,
    /// Time of issue.
    pub issued_at: Timestamp,
    /// Exact addresses.
    pub addresses: List<Address, 1, 50>,
    /// Points of Article 2(7).
    pub types: List<LegalType, 1, 5>,
    /// Statement of reasons.
    pub reasons: Text<1, 8000>,
    /// Non-disclosure to the content provider; ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_disclosure: Option<NonDisclosure>,
    /// Court or body, deadline and law for redress.
    pub redress: Text<1, 2000>,
    /// The referral that it was escalated from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_from: Option<EntryRef>,
}

/// Who issued an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityType {
    /// A judge, court or investigating judge.
    Judicial,
    /// A law enforcement authority.
    LawEnforcement,
    /// Any other competent authority.
    Other,
}

/// When the content provider may not be told (Article 11(3)): at most [`NON_DISCLOSURE_MAX`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NonDisclosure {
    /// From.
    pub from: Timestamp,
    /// Until; ends by itself.
    pub until: Timestamp,
}

/// An order that fell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderAnnulled {
    /// The order.
    pub order: EntryRef,
    /// By which body.
    pub body: Text<1, 200>,
    /// Why.
    pub reason: Text<1, 2000>,
}

/// An order that can no longer be appealed (Article 3(7), Article 5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFinal {
    /// The order.
    pub order: EntryRef,
    /// Since when.
    pub since: Timestamp,
}

/// A decision under Article 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderScrutiny {
    /// The order.
    pub order: EntryRef,
    /// The scrutinising authority.
    pub authority: Text<1, 200>,
    /// Whether it infringes the Regulation or fundamental rights; then its effect ends at once.
    pub infringement: bool,
    /// Why.
    pub reason: Text<1, 4000>,
}

impl Order {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        each_once("addresses", &self.addresses)?;
        each_once("types", &self.types)?;
        match &self.non_disclosure {
            Some(secret) if secret.until <= secret.from => {
                broken("non_disclosure.until", "must be later than from")
            }
            Some(secret) if secret.until.since(secret.from) > NON_DISCLOSURE_MAX => {
                broken("non_disclosure.until", "at most six weeks after from")
            }
            _ => Ok(()),
        }
    }
}
