// SPDX-License-Identifier: EUPL-1.2
//! The door against a real engine of a federation of one, over real connections.

mod answers;
mod feed;
mod matrix;
mod node;
mod openapi;
mod problems;
mod referrals;
