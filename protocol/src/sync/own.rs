// SPDX-License-Identifier: EUPL-1.2
//! Whether enough peers told what they have of this node's own log (spec 04-replication, "The own log after a start").
//!
//! A node that was restored from an old backup may not know it. What it signed and forgot is with its peers, so they are
//! asked before anything new is signed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::member::MemberId;
use crate::roster::Roster;
use crate::sync::interface::ReplicaConfig;

/// What was heard since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnHead {
    /// Members that told what they have of the own log, and showed the checkpoint if it was more than is here.
    answered: BTreeSet<MemberId>,
    /// An operator vouched for it.
    trusted: bool,
}

impl OwnHead {
    pub(crate) fn answered(&mut self, peer: &MemberId) {
        self.answered.insert(peer.clone());
    }

    pub(crate) fn trust(&mut self) {
        self.trusted = true;
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Whether what is known of the own log is all that can be expected to be known.
    pub(crate) fn is_heard(
        &self,
        roster: &Roster,
        me: &MemberId,
        uptime: Duration,
        config: &ReplicaConfig,
    ) -> bool {
        let mut others = roster.members().iter().filter(|member| member.is_active() && member.member != *me);
        self.trusted
            || others.all(|member| self.answered.contains(&member.member))
            || !config.own_head_from_everybody && uptime >= config.own_head_wait
    }
}
