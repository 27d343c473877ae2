// SPDX-License-Identifier: EUPL-1.2
//! Proofs about a whole federation: the simulator. Real processes, interoperability and figures stand beside it.

pub mod sim;
