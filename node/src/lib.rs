// SPDX-License-Identifier: EUPL-1.2
//! One member's node: it acts on what `concert-protocol` decides.

pub mod access;
pub mod api;
pub mod cli;
pub mod engine;
pub mod import;
pub mod journal;
pub mod keys;
pub mod net;
pub mod output;
pub mod settings;
pub mod store;
