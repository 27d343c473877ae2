// SPDX-License-Identifier: EUPL-1.2
//! A whole federation in one thread: real replicas and consolidations on simulated disks, network and clock.
//!
//! Everything is drawn from one seed, so a failing seed replays exactly; [`run`] returns a hash of the trace, and the
//! same seed gives the same hash. What is checked after every event and at the end stands in `world`.

#![expect(clippy::panic, reason = "a simulation ends by panicking: what must hold did not")]

mod disk;
mod member;
mod rng;
mod words;
mod world;

pub use world::{Outcome, run};
