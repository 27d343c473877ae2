// SPDX-License-Identifier: EUPL-1.2
//! One member's node: it acts on what `concert-protocol` decides.

pub mod cli;
pub mod import;
pub mod journal;
pub mod keys;
pub mod output;
pub mod settings;
pub mod store;
