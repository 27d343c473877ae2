// SPDX-License-Identifier: EUPL-1.2
//! Everything bad that can come in from outside or be found on the disk: a test, a clear message, and nothing lost.
//!
//! Exports in wrong encodings, with missing columns, huge cells or impossible dates are met in `node::import`; here the
//! running program meets the rest.

#![allow(clippy::panic, dead_code, reason = "tests fail by panicking, and two programs share the support")]

#[path = "federation/api.rs"]
mod api;
#[path = "federation/cluster.rs"]
mod cluster;
#[path = "federation/node.rs"]
mod node;
#[path = "federation/program.rs"]
mod program;

#[path = "bad_input/clock.rs"]
mod clock;
#[path = "bad_input/damage.rs"]
mod damage;
#[path = "bad_input/disk.rs"]
mod disk;
#[path = "bad_input/door.rs"]
mod door;
#[path = "bad_input/entries.rs"]
mod entries;
#[path = "bad_input/peers.rs"]
mod peers;
#[path = "bad_input/roster.rs"]
mod roster;
