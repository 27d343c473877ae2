// SPDX-License-Identifier: EUPL-1.2
//! What every member of a Concert federation must agree on.
//!
//! This crate decides and never acts: it has no sockets, no files, no clock and no randomness. Bytes, results
//! and time come in as arguments; effects go out as values. `protocol/spec` is the same thing in prose, and each
//! module names its section.

pub mod consolidation;
pub mod content;
pub mod encoding;
pub mod entry;
pub mod key;
pub mod log;
pub mod member;
pub mod roster;
pub mod sync;
pub mod time;
