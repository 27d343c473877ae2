// SPDX-License-Identifier: EUPL-1.2
//! From a signed file to a trusted version: the first by an anchor, each next by the one before (spec 03-roster,
//! "Trust"; the rule of TUF, section 5.3).
//!
//! Every refusal leaves the version trusted so far in place. The expiry of the old version does not matter for
//! the step to the next, or a federation that overslept could never wake.

use std::fmt;

use crate::key::PublicKey;
use crate::time::Timestamp;

use super::error::{RosterError, WalkError};
use super::history;
use super::signed::{RosterDigest, SignedRoster};
use super::tables::Tables;
use super::version::RosterVersion;

/// Most versions that one walk passes.
pub const ROSTER_STEPS_MAX: usize = 1_024;

/// What makes a first version trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Root keys that came over another channel, with how many of them must have signed.
    Keys {
        /// Distinct keys, at least one.
        keys: Vec<PublicKey>,
        /// 1 to the number of keys.
        threshold: usize,
    },
    /// The digest that an operator compared and confirmed: trust on first use, said out loud.
    Digest(RosterDigest),
}

/// The roster has run out: reading goes on, new privileges do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "roster version {version} expired at {since}; reading goes on, but notices and admissions wait for the next \
     version: ask the holders of the root keys"
)]
pub struct Expired {
    /// The version in force.
    pub version: u64,
    /// Its expiry.
    pub since: Timestamp,
}

/// A trusted roster version with its look-up tables.
///
/// Made by [`Roster::found`] and [`Roster::advance`] alone. Cheap to ask, not to copy: share it.
#[derive(Clone)]
pub struct Roster {
    pub(super) signed: SignedRoster,
    pub(super) tables: Tables,
}

impl Roster {
    /// Trusts a first version, which need not be version 1, by `anchor` and by a threshold of its own root keys.
    ///
    /// # Errors
    ///
    /// [`RosterError::Anchor`], [`OtherDigest`](RosterError::OtherDigest),
    /// [`TooFewTrusted`](RosterError::TooFewTrusted), [`TooFewOwn`](RosterError::TooFewOwn) or
    /// [`BadSignature`](RosterError::BadSignature).
    pub fn found(first: SignedRoster, anchor: &Anchor) -> Result<Self, RosterError> {
        match anchor {
            Anchor::Digest(expected) if *expected != first.digest() => {
                return Err(RosterError::OtherDigest { expected: *expected, offered: first.digest() });
            }
            Anchor::Digest(_) => {}
            Anchor::Keys { keys, threshold } => {
                check_anchor(keys, *threshold)?;
                require_trusted(&first, keys, *threshold)?;
            }
        }
        Self::accept(first)
    }

    /// The next version, if this one leads to it. In this order: same federation, version exactly one more, a
    /// threshold of this version's root keys, a threshold of the next one's, what is settled stays (spec
    /// 03-roster, "History"). Whether either has expired does not matter here: see [`Roster::check_fresh`].
    ///
    /// # Errors
    ///
    /// [`RosterError::OtherFederation`], [`AlreadyTrusted`](RosterError::AlreadyTrusted),
    /// [`SecondVersion`](RosterError::SecondVersion), [`Rollback`](RosterError::Rollback),
    /// [`NotNext`](RosterError::NotNext), [`TooFewTrusted`](RosterError::TooFewTrusted),
    /// [`TooFewOwn`](RosterError::TooFewOwn), [`BadSignature`](RosterError::BadSignature),
    /// [`History`](RosterError::History) or [`KeyReuse`](RosterError::KeyReuse).
    pub fn advance(&self, next: SignedRoster) -> Result<Self, RosterError> {
        self.check_follows(&next)?;
        let root = &self.content().root;
        require_trusted(&next, &root.keys, threshold(root.threshold))?;
        require_own(&next)?;
        history::check(self.content(), next.content())?;
        Ok(Self::build(next))
    }

    /// Advances through `chain`, at most [`ROSTER_STEPS_MAX`] versions that follow this one, in order. A version
    /// that was just reached may come again and is passed over.
    ///
    /// # Errors
    ///
    /// [`WalkError`] with the last version that could be trusted, which the caller keeps.
    pub fn walk(self, chain: impl IntoIterator<Item = SignedRoster>) -> Result<Self, WalkError> {
        let mut reached = self;
        for (step, next) in chain.into_iter().enumerate() {
            let advanced =
                if step < ROSTER_STEPS_MAX { reached.advance(next) } else { Err(RosterError::TooManySteps) };
            match advanced {
                Ok(roster) => reached = roster,
                Err(RosterError::AlreadyTrusted(_)) => {}
                Err(source) => return Err(WalkError { reached: Box::new(reached), source }),
            }
        }
        Ok(reached)
    }

    /// Whether the roster still gives privileges. To be asked before issuing a notice, admitting a change or
    /// anything else that is new; never before reading, replicating or serving.
    ///
    /// # Errors
    ///
    /// [`Expired`].
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), Expired> {
        if self.expired(now) {
            return Err(Expired { version: self.version(), since: self.content().expires });
        }
        Ok(())
    }

    /// Whether `now` is at or after the expiry.
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.content().expires
    }

    /// Everything that the version says.
    pub fn content(&self) -> &RosterVersion {
        self.signed.content()
    }

    /// The signed file.
    pub fn signed(&self) -> &SignedRoster {
        &self.signed
    }

    /// The file, byte for byte as it was received; all versions are kept and served for ever.
    pub fn bytes(&self) -> &[u8] {
        self.signed.bytes()
    }

    /// The version's digest.
    pub fn digest(&self) -> RosterDigest {
        self.signed.digest()
    }

    fn check_follows(&self, next: &SignedRoster) -> Result<(), RosterError> {
        let (ours, theirs) = (self.content(), next.content());
        let (trusted, offered) = (ours.version, theirs.version);
        if ours.federation != theirs.federation {
            return Err(RosterError::OtherFederation {
                trusted: ours.federation.to_string(),
                offered: theirs.federation.to_string(),
            });
        }
        if offered < trusted {
            return Err(RosterError::Rollback { trusted, offered });
        }
        if offered == trusted && self.digest() == next.digest() {
            return Err(RosterError::AlreadyTrusted(trusted));
        }
        if offered == trusted {
            return Err(RosterError::SecondVersion {
                version: trusted,
                trusted: self.digest(),
                offered: next.digest(),
                signed: next.count(&ours.root.keys).unwrap_or(0),
            });
        }
        if offered - trusted > 1 { Err(RosterError::NotNext { trusted, offered }) } else { Ok(()) }
    }

    fn accept(signed: SignedRoster) -> Result<Self, RosterError> {
        require_own(&signed)?;
        Ok(Self::build(signed))
    }

    fn build(signed: SignedRoster) -> Self {
        let tables = Tables::new(signed.content());
        Self { signed, tables }
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roster({} {}, {})", self.federation(), self.version(), self.digest())
    }
}

fn check_anchor(keys: &[PublicKey], threshold: usize) -> Result<(), RosterError> {
    let distinct: std::collections::BTreeSet<_> = keys.iter().map(PublicKey::to_bytes).collect();
    if distinct.len() != keys.len() {
        return Err(RosterError::Anchor("one of them is given twice"));
    }
    if !(1..=keys.len()).contains(&threshold) {
        return Err(RosterError::Anchor("the threshold is not between 1 and the number of keys"));
    }
    Ok(())
}

fn require_trusted(signed: &SignedRoster, keys: &[PublicKey], needed: usize) -> Result<(), RosterError> {
    let found = signed.count(keys)?;
    if found < needed {
        return Err(RosterError::TooFewTrusted { version: signed.content().version, found, needed });
    }
    Ok(())
}

fn require_own(signed: &SignedRoster) -> Result<(), RosterError> {
    let root = &signed.content().root;
    let (found, needed) = (signed.count(&root.keys)?, threshold(root.threshold));
    if found < needed {
        return Err(RosterError::TooFewOwn { version: signed.content().version, found, needed });
    }
    Ok(())
}

/// A threshold too large for this machine's words can never be met, which is the safe reading.
fn threshold(threshold: u32) -> usize {
    usize::try_from(threshold).unwrap_or(usize::MAX)
}
