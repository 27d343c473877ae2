// SPDX-License-Identifier: EUPL-1.2
//! Import by profile: a unit's own export becomes referrals (config/import/README.md describes the profiles).
//!
//! A [`Profile`] is data that says how one unit's case system writes its records. [`read`] streams an export through it in
//! bounded memory and gives one [`Record`] per line of the export: a referral, or every reason why there is none.
//! Nothing is guessed and nothing is dropped: what cannot be read goes to a reject file that can be mended and imported
//! again ([`Rejects`]). Nothing here signs, stores or sends; the command line and the API drive it.

mod charset;
mod date;
mod delimited;
mod error;
mod identity;
mod json;
mod mapping;
mod problem;
mod profile;
mod reader;
mod reject;
mod row;
mod sniff;
mod target;
mod window;

#[cfg(test)]
mod tests;

pub use charset::Charset;
pub use error::{ImportError, MissingColumn};
pub use identity::{Standing, import_key, record_digest};
pub use problem::{Problem, Reason};
pub use profile::{PROFILE_LEN_MAX, Profile, ProfileError, ProfileFault};
pub use reader::{Import, Limits, Record, Remark, read, read_with};
pub use reject::{RejectCounts, RejectPaths, RejectWriter, Rejects};
pub use target::Target;
