// SPDX-License-Identifier: EUPL-1.2
//! Entries from the outside: committed vectors, what is refused and why, and damage of every kind.
//!
//! `CONCERT_BLESS=1 cargo test -p concert-protocol --test entries` writes the vectors anew, which is right only when
//! the specification changed with them.

#![allow(clippy::panic, reason = "a test says what went wrong")]

#[path = "entries/bodies.rs"]
mod bodies;
#[path = "entries/damage.rs"]
mod damage;
#[path = "entries/forge.rs"]
mod forge;
#[path = "entries/generated.rs"]
mod generated;
#[path = "entries/refused.rs"]
mod refused;
#[path = "entries/specification.rs"]
mod specification;
#[path = "entries/vectors.rs"]
mod vectors;
