// SPDX-License-Identifier: EUPL-1.2
//! The hub as a pure function: a consolidation that is fed entries and issues what is due.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use concert_protocol::consolidation::{Consolidation, IssueContext};
use concert_protocol::content::LocatorRules;
use concert_protocol::entry::Body;
use concert_protocol::time::Timestamp;

use crate::author::{Author, Signed, member};
use crate::units;

/// The coordinator.
pub(crate) const HUB: &str = "EU";
/// Entries asked for at once, as a node does.
const DUE_MAX: usize = 200;
/// Far more rounds than there can be work for.
const ROUNDS_MAX: usize = 10_000;
/// Notices that one case and platform pair may take to come to rest.
const ANSWER_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// A coordinator with the state of all logs.
pub(crate) struct Hub {
    pub(crate) consolidation: Consolidation,
    author: Author,
    /// Everything that the hub itself wrote: registrations and notices.
    pub(crate) written: Vec<Signed>,
}

impl Hub {
    /// A hub that has registered the eight platforms.
    pub(crate) fn new(at: Timestamp) -> anyhow::Result<Self> {
        Self::with_author(Author::new(HUB), at)
    }

    /// The same with a key of a node.
    pub(crate) fn with_author(author: Author, at: Timestamp) -> anyhow::Result<Self> {
        let mut hub = Self { consolidation: consolidation(), author, written: Vec::new() };
        for platform in units::platforms()? {
            hub.write(at, Body::RecipientRegistered(Box::new(platform)))?;
        }
        Ok(hub)
    }

    /// Takes up another member's entry.
    pub(crate) fn apply(&mut self, signed: &Signed) {
        self.consolidation.apply(signed.position.clone(), &signed.entry);
    }

    fn write(&mut self, at: Timestamp, body: Body) -> anyhow::Result<()> {
        let signed = self.author.sign(at, body)?;
        self.apply(&signed);
        self.written.push(signed);
        Ok(())
    }

    /// Issues what is due until nothing is; returns the number of entries written.
    pub(crate) fn issue(&mut self, at: Timestamp) -> anyhow::Result<usize> {
        let mut now = at;
        let before = self.written.len();
        for _ in 0..ROUNDS_MAX {
            let context = IssueContext {
                me: member(HUB),
                now,
                epoch: 1,
                may_issue: &|_| true,
                answer_window: ANSWER_WINDOW,
            };
            let due = self.consolidation.due(&context, DUE_MAX);
            if due.is_empty() {
                return Ok(self.written.len() - before);
            }
            for due in due {
                self.write(now, due.body)?;
                now = now.plus(Duration::from_micros(1));
            }
        }
        bail!("notices stay due however many are issued")
    }
}

/// A consolidation with the rules of the product and the hub as coordinator.
pub(crate) fn consolidation() -> Consolidation {
    let mut consolidation = Consolidation::new(Arc::new(LocatorRules::builtin()));
    consolidation.set_coordinators(vec![member(HUB)]);
    consolidation
}
