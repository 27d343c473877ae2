// SPDX-License-Identifier: EUPL-1.2
//! What goes into a replica and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::log::{Frontier, Hash, SignedNote};
use crate::member::{LogId, MemberId};
use crate::roster::Roster;
use crate::sync::fault::{Alarm, PeerFault};
use crate::sync::frame::Leaf;
use crate::sync::requests::{ConsistencyRequest, RangeRequest};
use crate::time::Timestamp;

/// Intervals. All are the operator's; none is agreed between members.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// Between two comparisons of all logs with one peer.
    pub summary_interval: Duration,
    /// After which a fresh cosignature goes under the own log.
    pub checkpoint_interval: Duration,
    /// How long after a start every other member is waited for before the own log is signed all the same.
    pub own_head_wait: Duration,
    /// The disk is not the last one that this node signed from (a restored backup, a lost memory): every active
    /// member must have told what it has of the own log before anything is signed, or an operator must vouch for it.
    /// What only one of them saw would otherwise be signed a second time, differently.
    pub own_head_from_everybody: bool,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self {
            summary_interval: Duration::from_secs(30),
            checkpoint_interval: Duration::from_secs(120),
            own_head_wait: Duration::from_secs(10),
            own_head_from_everybody: false,
        }
    }
}

/// A log as the driver found it on its disk.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// The log.
    pub log: LogId,
    /// The tree over what is stored.
    pub frontier: Frontier,
    /// The newest checkpoint stored, as a signed note.
    pub head: Option<Vec<u8>>,
    /// This node writes it.
    pub own: bool,
}

/// What happens to a replica.
#[derive(Clone, Debug)]
pub enum Input {
    /// A session with a member began.
    Connected(MemberId),
    /// It ended; what was on the way is lost.
    Disconnected(MemberId),
    /// One frame came.
    Frame {
        /// From whom.
        from: MemberId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// What [`Effect::Store`] asked for is durable.
    Stored {
        /// The log.
        log: LogId,
        /// Its size now.
        size: u64,
    },
    /// It could not be written, for want of space; it will be fetched again.
    StoreFailed {
        /// The log.
        log: LogId,
    },
    /// The node durably appended to its own log and signed it.
    OwnAdvanced {
        /// The new checkpoint.
        note: SignedNote,
        /// Index of the first new entry.
        from: u64,
        /// The new entries.
        leaves: Vec<Vec<u8>>,
    },
    /// Another roster version is in force.
    RosterChanged(Arc<Roster>),
    /// Evidence that [`Alarm::Equivocation`] brought in an earlier run and that nobody has decided on: the log is
    /// frozen again. To be given right after the start.
    Convicted {
        /// The log.
        log: LogId,
        /// The evidence as JSON, as [`Alarm::evidence`] gave it.
        evidence: Vec<u8>,
    },
    /// People decided that a frozen log goes on.
    Unfreeze(LogId),
    /// An operator's word that the own log is complete.
    TrustOwnLog,
}

/// What a replica wants done. Drained after every input, in order.
#[derive(Clone, Debug)]
#[must_use]
pub enum Effect {
    /// Hand one frame to the transport; delivery is best effort.
    Send {
        /// To whom.
        to: MemberId,
        /// The bytes.
        frame: Vec<u8>,
    },
    /// Write the checkpoint durably, then the leaves, then report [`Input::Stored`]. Nothing is told to anybody about
    /// them before. In this order: leaves whose checkpoint was lost could not be proved to anybody, and an author that
    /// lost its own memory could not be reminded of what it signed.
    Store {
        /// The log.
        log: LogId,
        /// Index of the first leaf; equals the log's size on the disk.
        from: u64,
        /// The leaves.
        leaves: Vec<Leaf>,
        /// The checkpoint that they lead to; it may cover more than they do.
        head: Vec<u8>,
    },
    /// Keep the newest checkpoint with newer cosignatures.
    StoreHead {
        /// The log.
        log: LogId,
        /// The note.
        head: Vec<u8>,
    },
    /// Read leaves and send [`crate::sync::range_frame`], obeying audiences.
    Serve(RangeRequest),
    /// Prove and send [`crate::sync::consistency_frame`].
    ServeConsistency(ConsistencyRequest),
    /// Tell the operator.
    Raise(Alarm),
    /// End the session with a peer that broke a rule.
    Disconnect {
        /// Who.
        peer: MemberId,
        /// Why.
        fault: PeerFault,
    },
}

/// One log, for people and for other modules.
#[derive(Clone, Debug, PartialEq)]
pub struct LogStatus {
    /// Entries stored durably here.
    pub stored: u64,
    /// Size of the newest checkpoint known; its entries may not be here yet.
    pub head_size: u64,
    /// Its root.
    pub head_root: Option<Hash>,
    /// Its note with every cosignature that holds.
    pub head_note: Option<Vec<u8>>,
    /// Size of the newest checkpoint whose entries are all here; ranges are served under it.
    pub proven_size: u64,
    /// That checkpoint's note.
    pub proven_note: Option<Vec<u8>>,
    /// Who cosigned the newest checkpoint, and when.
    pub cosigners: Vec<(MemberId, Timestamp)>,
    /// The newest time that the author put under it, by the author's clock.
    pub author_time: Option<Timestamp>,
    /// How long ago, by this node's clock, the author put a new time under it; since the start if it never did.
    pub unheard_for: Duration,
    /// Largest size known to be on enough machines.
    pub confirmed: u64,
    /// Frozen after an equivocation.
    pub frozen: bool,
}
