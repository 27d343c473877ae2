// SPDX-License-Identifier: EUPL-1.2
//! Holds: deconfliction without reasons, seen by members only (DOMAIN, "Deconfliction").

use serde::{Deserialize, Serialize};

use crate::content::Fingerprint;
use crate::entry::envelope::EntryError;
use crate::entry::id::EntryRef;
use crate::entry::rule::{broken, each_once};
use crate::entry::text::{Address, List};
use crate::time::Timestamp;

/// Asks that no notice be issued for some content. Tiers 1 and 2 are issued all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Addresses; the content found there is held.
    #[serde(default)]
    pub addresses: List<Address, 0, 50>,
    /// Digests of the content.
    #[serde(default)]
    pub fingerprints: List<Fingerprint, 0, 50>,
    /// Referrals whose content is held.
    #[serde(default)]
    pub referrals: List<EntryRef, 0, 50>,
    /// When it ends by itself; without it, when released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Ends a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldReleased {
    /// The author's own hold.
    pub hold: EntryRef,
}

impl Hold {
    /// The rules between fields.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        if self.addresses.is_empty() && self.fingerprints.is_empty() && self.referrals.is_empty() {
            return broken("addresses", "a hold names an address, a fingerprint or a referral");
        }
        each_once("addresses", &self.addresses)?;
        each_once("fingerprints", &self.fingerprints)?;
        each_once("referrals", &self.referrals)
    }
}
