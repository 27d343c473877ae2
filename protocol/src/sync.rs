// SPDX-License-Identifier: EUPL-1.2
//! Replication: how every member comes to hold every log (spec 04-replication).
//!
//! [`Replica`] is a state machine without I/O. It runs unchanged in the node and in the simulator. Entries are opaque
//! here: what authenticates a range is the author's signed checkpoint at its end, and typing comes after.

mod fault;
mod frame;
mod head;
mod log_state;
mod peer;
mod replica;
mod requests;

pub use fault::{Alarm, PeerFault};
pub use frame::{
    FRAME_LEN_MAX, Frame, FrameError, HINT_BYTES_MAX, HINT_COUNT_MAX, Leaf, RANGE_BYTES_MAX, RANGE_COUNT_MAX,
    SummaryLine,
};
pub use replica::{Effect, Input, LogStatus, Replica, ReplicaConfig, StoredLog};
pub use requests::{ConsistencyRequest, RangeRequest, consistency_frame, range_frame, refused_frame};
