// SPDX-License-Identifier: EUPL-1.2
//! A federation as it is run: the real program, one process a node, on loopback, with real exports.
//!
//! Tests wait for states with a deadline. What is random is seeded: `CONCERT_TEST_SEED` replays a run.

#![allow(clippy::panic, dead_code, reason = "tests fail by panicking, and two programs share the support")]

#[path = "federation/api.rs"]
mod api;
#[path = "federation/cluster.rs"]
mod cluster;
#[path = "federation/node.rs"]
mod node;
#[path = "federation/program.rs"]
mod program;

#[path = "federation/importing.rs"]
mod importing;
#[path = "federation/keeping.rs"]
mod keeping;
#[path = "federation/platforms.rs"]
mod platforms;
#[path = "federation/seed.rs"]
mod seed;
