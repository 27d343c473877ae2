// SPDX-License-Identifier: EUPL-1.2
//! Who is a member, and which keys speak for whom: a chain of signed roster versions (spec 03-roster).
//!
//! A version is trusted because root keys of the version before *and* of itself signed it, never because of where
//! it came from. [`SignedRoster`] is a file that was read, [`Roster`] one that is trusted. Nothing here fetches,
//! stores or reads a clock; the node walks the chain, keeps every version and says what time it is.

mod error;
mod history;
mod rules;
mod signed;
mod tables;
mod trust;
mod version;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;

pub use error::{RosterError, WalkError};
pub use signed::{ROSTER_LEN_MAX, ROSTER_SIGNATURES_MAX, ROSTER_TYP, RosterDigest, SignedRoster};
pub use trust::{Anchor, Expired, ROSTER_STEPS_MAX, Roster};
pub use version::{
    FederationName, KeyPeriodEnd, LogKey, MemberState, Quota, Role, RootKeys, RosterLog, RosterMember,
    RosterVersion, TreePin,
};
