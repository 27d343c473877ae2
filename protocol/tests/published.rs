// SPDX-License-Identifier: EUPL-1.2
//! Vectors that others published (protocol/vectors/published), held against the rules of this crate.
//!
//! The sets of signatures are taken whole: accepted is exactly what their flags and the strict rule say. What is
//! there only in part, or rebuilt by hand, is named in the README beside the vectors.

#[path = "published/json.rs"]
mod json;
#[path = "published/jws.rs"]
mod jws;
#[path = "published/merkle.rs"]
mod merkle;
#[path = "published/signatures.rs"]
mod signatures;
