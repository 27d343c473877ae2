// SPDX-License-Identifier: EUPL-1.2
//! Content identity: when two records speak of the same thing (spec 05-content).
//!
//! Addresses become keys by rules that are data, files become fingerprints, and pictures are compared by PDQ. Nothing
//! here resolves a name, follows a redirect or opens a file. Consolidation drives it, and so does every look-up.

mod canonical;
mod defang;
mod fingerprint;
mod identity;
mod keys;
mod locator;
mod pdq;
mod pdq_index;
mod rules;
#[cfg(test)]
mod samples;

pub use defang::{defang, refang, reveal_controls};
pub use fingerprint::{Fingerprint, FingerprintError, OPAQUE_LEN_MAX, Opaque, Pipeline, PipelineError, Tlsh};
pub use identity::{ContentKey, KeyDigest};
pub use keys::{ExactKey, Keys, LooseKey, PlatformKey, Step};
pub use locator::{LOCATOR_LEN_MAX, Locator, LocatorError, NotPublic};
pub use pdq::{
    NEAR_DISTANCE, POPCOUNT_VALID, Pdq, PdqError, QUALITY_MAX, QUALITY_MIN, REVIEW_DISTANCE, RatedPdq, near,
};
pub use pdq_index::PdqIndex;
pub use rules::{LocatorRules, RULES_LEN_MAX, RuleProblem, RulesError};
