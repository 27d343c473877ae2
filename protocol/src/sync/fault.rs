// SPDX-License-Identifier: EUPL-1.2
//! What peers did wrong, and what people must look at.

use std::time::Duration;

use crate::log::Equivocation;
use crate::member::{LogId, MemberId};
use crate::sync::frame::FrameError;
use crate::time::Timestamp;

/// Why a peer's message was refused. Every variant is the sender's doing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// Bytes that are not a frame.
    #[error("not a frame: {0}")]
    Frame(#[from] FrameError),
    /// Not in the roster, or not active.
    #[error("{0} is not an active member")]
    NotAMember(MemberId),
    /// A checkpoint that should not have been passed on.
    #[error("a checkpoint of {log} is refused: {reason}")]
    Note {
        /// The log.
        log: LogId,
        /// Why.
        reason: &'static str,
    },
    /// Leaves that do not lead to the checkpoint that came with them.
    #[error("leaves {from}.. of {log} do not lead to the checkpoint that came with them")]
    BadRange {
        /// The log.
        log: LogId,
        /// First index.
        from: u64,
    },
    /// Evidence that shows nothing.
    #[error("evidence against {0} that shows nothing")]
    BadEvidence(LogId),
}

/// What people must look at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Alarm {
    /// A log's author showed two faces; the log is frozen.
    Equivocation {
        /// The log.
        log: LogId,
        /// The proof, checkable by anybody.
        evidence: Box<Equivocation>,
    },
    /// Nothing was heard of a log's author for too long.
    Silent {
        /// The log.
        log: LogId,
        /// The last time that its author put under it.
        since: Timestamp,
    },
    /// A peer serves leaves that lead nowhere.
    BadRange {
        /// The peer.
        peer: MemberId,
        /// The log.
        log: LogId,
    },
    /// A member's clock and this node's disagree.
    ClockSkew {
        /// The member.
        member: MemberId,
        /// By how much.
        by: Duration,
    },
    /// A peer holds more of this node's own log than this node does: it lost memory, and signs nothing until it has
    /// its own entries back.
    Amnesia {
        /// Entries here.
        here: u64,
        /// Entries under the checkpoint that the peer showed.
        there: u64,
    },
}

impl Alarm {
    /// A stable word for logs and interfaces.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Equivocation { .. } => "equivocation",
            Self::Silent { .. } => "silent",
            Self::BadRange { .. } => "bad_range",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Amnesia { .. } => "amnesia",
        }
    }

    /// Evidence to keep, as JSON.
    pub fn evidence(&self) -> Option<Vec<u8>> {
        match self {
            Self::Equivocation { evidence, .. } => serde_json::to_vec(evidence).ok(),
            _ => None,
        }
    }
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equivocation { log, .. } => {
                write!(f, "the author of {log} signed two histories; the log is frozen until people decide")
            }
            Self::Silent { log, since } => {
                write!(f, "nothing was heard of the author of {log} since {since}")
            }
            Self::BadRange { peer, log } => {
                write!(f, "{peer} serves leaves of {log} that lead to no checkpoint")
            }
            Self::ClockSkew { member, by } => {
                write!(f, "the clocks of {member} and of this node differ by {} s", by.as_secs())
            }
            Self::Amnesia { here, there } => write!(
                f,
                "peers hold {there} entries of this node's own log, {here} are here: fetching them before signing"
            ),
        }
    }
}
