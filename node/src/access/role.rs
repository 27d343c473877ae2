// SPDX-License-Identifier: EUPL-1.2
//! Roles: what the holder of a token is at this node.

use std::fmt;
use std::str::FromStr;

use concert_protocol::entry::text::RecipientId;
use serde::{Deserialize, Serialize};

/// What a token allows, and for a recipient whose it is. Written `analyst` or `recipient:video-a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Runs the node: tokens, roster, backups. Refers nothing.
    Administrator,
    /// Works on content: looks up, refers, holds.
    Analyst,
    /// An analyst who also approves others' drafts.
    Approver,
    /// The hub's officer, or a unit's head: also registers recipients and answers on their behalf.
    Officer,
    /// The independent reviewer: reads everything.
    Reviewer,
    /// Reads everything, and who read what.
    Auditor,
    /// One recipient: its own notices and nothing else.
    Recipient(RecipientId),
}

/// A role without whose it is; what the table of routes speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "see Role")]
pub enum RoleName {
    Administrator,
    Analyst,
    Approver,
    Officer,
    Reviewer,
    Auditor,
    Recipient,
}

/// A text that is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a role: expected administrator, analyst, approver, officer, reviewer, auditor or recipient:<id>, as in \
     recipient:video-a"
)]
pub struct NotARole;

impl RoleName {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Administrator,
        Self::Analyst,
        Self::Approver,
        Self::Officer,
        Self::Reviewer,
        Self::Auditor,
        Self::Recipient,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Officer => "officer",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Recipient => "recipient",
        }
    }

    /// The three letters in a token's text, for people and secret scanners.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Administrator => "adm",
            Self::Analyst => "ana",
            Self::Approver => "app",
            Self::Officer => "off",
            Self::Reviewer => "rev",
            Self::Auditor => "aud",
            Self::Recipient => "rec",
        }
    }
}

impl Role {
    /// The role without whose it is.
    pub fn name(&self) -> RoleName {
        match self {
            Self::Administrator => RoleName::Administrator,
            Self::Analyst => RoleName::Analyst,
            Self::Approver => RoleName::Approver,
            Self::Officer => RoleName::Officer,
            Self::Reviewer => RoleName::Reviewer,
            Self::Auditor => RoleName::Auditor,
            Self::Recipient(_) => RoleName::Recipient,
        }
    }

    /// The recipient whose token it is; `None` for a role of a person.
    pub fn recipient(&self) -> Option<&RecipientId> {
        match self {
            Self::Recipient(recipient) => Some(recipient),
            _ => None,
        }
    }
}

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Ok(match text {
            "administrator" => Self::Administrator,
            "analyst" => Self::Analyst,
            "approver" => Self::Approver,
            "officer" => Self::Officer,
            "reviewer" => Self::Reviewer,
            "auditor" => Self::Auditor,
            other => {
                let id = other.strip_prefix("recipient:").ok_or(NotARole)?;
                Self::Recipient(id.parse().map_err(|_| NotARole)?)
            }
        })
    }
}

impl TryFrom<String> for Role {
    type Error = NotARole;

    fn try_from(text: String) -> Result<Self, NotARole> {
        text.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipient(id) => write!(f, "recipient:{id}"),
            other => f.write_str(other.name().as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_back() {
        for name in RoleName::ALL {
            let text = if name == RoleName::Recipient { "recipient:video-a" } else { name.as_str() };
            let role: Role = text.parse().expect("a role");
            assert_eq!((role.name(), role.to_string().as_str()), (name, text));
        }
        for bad in ["", "recipient", "recipient:", "recipient:Video", "Analyst", "root"] {
            assert_eq!(bad.parse::<Role>(), Err(NotARole), "{bad}");
        }
    }
}
