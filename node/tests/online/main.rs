// SPDX-License-Identifier: EUPL-1.2
//! The real program as a process: one node that is a federation of its own, and everything that people do with it.
//!
//! Ports are chosen by the system, data live in temporary folders, and nothing waits for a fixed time.

mod job;
mod node;
mod offline;
mod trouble;
