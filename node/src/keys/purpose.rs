// SPDX-License-Identifier: EUPL-1.2
//! What a key is for. One key has one purpose: a key that cosigned its own log would prove nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The purpose that a key file names in its first line.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Signs the member's entries and the checkpoints of its own log.
    Signing,
    /// Cosigns the checkpoints of other members' logs.
    Cosigner,
    /// Identifies the node to its peers (its libp2p peer id).
    Transport,
    /// Signs versions of the roster.
    Root,
}

/// A word that names no purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected signing, cosigner, transport or root")]
pub struct NotAPurpose;

impl Purpose {
    /// The keys that every node has, in the order in which they are shown.
    pub const OF_A_NODE: [Self; 3] = [Self::Signing, Self::Cosigner, Self::Transport];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Cosigner => "cosigner",
            Self::Transport => "transport",
            Self::Root => "root",
        }
    }

    /// Name of its file in a data folder's `keys`.
    pub fn file_name(self) -> String {
        format!("{self}.key")
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = NotAPurpose;

    fn from_str(text: &str) -> Result<Self, NotAPurpose> {
        let all = [Self::Signing, Self::Cosigner, Self::Transport, Self::Root];
        all.into_iter().find(|purpose| purpose.as_str() == text).ok_or(NotAPurpose)
    }
}
