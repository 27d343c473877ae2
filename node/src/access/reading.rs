// SPDX-License-Identifier: EUPL-1.2
//! The access log: who read which referral and when (DESIGN 11; DOMAIN, safeguards).
//!
//! Lines name entries and notices, never addresses. They are written to the private journal together, a moment after the
//! reading; a line that waits is lost only with the machine's memory.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::role::Role;
use super::token::TokenId;

/// Lines that can be asked for through the API; older ones are in the private journal alone.
pub const LINES_KEPT_MAX: usize = 100_000;
/// How long a line may wait for others.
pub(super) const FLUSH_AFTER: Duration = Duration::from_millis(250);
/// Lines written in one record.
const LINES_TAKEN_MAX: usize = 1_000;
/// Lines that may wait; beyond it the disk has failed for long, which the alarm of the engine says.
const LINES_WAITING_MAX: usize = 50_000;

/// One line: who read or did what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Number of the line at this node, from 1, in order; set when it is noted.
    #[serde(default)]
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The token.
    pub token: TokenId,
    /// Its name at that time.
    pub name: Text<1, 120>,
    /// Its role at that time.
    pub role: Role,
    /// What was done: the name of the operation in the API's description.
    pub action: Box<str>,
    /// What it was done to: an entry, a notice, or a number of them; never an address.
    pub subject: Box<str>,
    /// A remark that the action asks for, such as why an officer answered on behalf of a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text<1, 1000>>,
}

/// Lines that are not yet durable.
pub(super) struct Queue(Mutex<Waiting>);

struct Waiting {
    lines: VecDeque<Reading>,
    next: u64,
    scheduled: bool,
}

impl Queue {
    /// Goes on after line number `last`.
    pub(super) fn new(last: u64) -> Self {
        Self(Mutex::new(Waiting { lines: VecDeque::new(), next: last + 1, scheduled: false }))
    }

    /// Adds a line; `true` if the caller must see to a flush.
    pub(super) fn push(&self, mut line: Reading) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() >= LINES_WAITING_MAX {
            tracing::error!("the access log cannot be written for long; its oldest waiting line is dropped");
            waiting.lines.pop_front();
        }
        line.number = waiting.next;
        waiting.next += 1;
        waiting.lines.push_back(line);
        !std::mem::replace(&mut waiting.scheduled, true)
    }

    pub(super) fn take(&self) -> Vec<Reading> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.scheduled = false;
        let count = waiting.lines.len().min(LINES_TAKEN_MAX);
        waiting.lines.drain(..count).collect()
    }

    pub(super) fn give_back(&self, lines: Vec<Reading>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.into_iter().rev() {
            waiting.lines.push_front(line);
        }
    }
}
