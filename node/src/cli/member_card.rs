// SPDX-License-Identifier: EUPL-1.2
//! A member card: what a new member tells those who keep the roster. Public halves only.
//!
//! The card is not signed: whoever receives one compares its fingerprints with the sender over another channel.

use std::path::Path;

use concert_protocol::encoding::json_strict;
use concert_protocol::entry::text::Text;
use concert_protocol::key::PublicKey;
use concert_protocol::member::MemberId;
use concert_protocol::roster::{FederationName, Role, RosterMember};
use serde::{Deserialize, Serialize};

use crate::output::{Exit, Failure};

/// Name of the card within a data folder.
pub const CARD_FILE: &str = "concert-member.json";
/// Longest card, in bytes.
pub const CARD_LEN_MAX: u64 = 64 * 1024;

/// The first member of every card; another version of the form would have another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum CardForm {
    #[serde(rename = "concert-member.v1")]
    V1,
}

/// What a new member tells those who keep the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberCard {
    form: CardForm,
    /// The federation it asks to join, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationName>,
    /// Its code.
    pub member: MemberId,
    /// Its name for people.
    pub name: Text<1, 120>,
    /// What it does.
    pub role: Role,
    /// Its contact desk, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Text<1, 400>>,
    /// Signs its entries and checkpoints.
    pub signing_key: PublicKey,
    /// Cosigns others' checkpoints.
    pub cosigner_key: PublicKey,
    /// Identifies its node.
    pub transport_key: PublicKey,
    /// Multiaddresses of its node; may be empty for one that only dials.
    pub addresses: Vec<String>,
}

impl MemberCard {
    /// A card without contact, addresses and federation.
    pub fn new(member: MemberId, name: Text<1, 120>, role: Role, keys: &crate::keys::NodeKeys) -> Self {
        Self {
            form: CardForm::V1,
            federation: None,
            member,
            name,
            role,
            contact: None,
            signing_key: keys.signing.public(),
            cosigner_key: keys.cosigner.public(),
            transport_key: keys.transport.public(),
            addresses: Vec::new(),
        }
    }

    /// Reads a card.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not a card.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let bytes = super::files::read_bounded(path, CARD_LEN_MAX)?;
        json_strict(&bytes).map_err(|error| {
            Failure::new(Exit::Failed, format!("{} is not a member card", path.display()))
                .cause(error.to_string())
                .hint("concert init writes the card of a new node into its data folder")
        })
    }

    /// The card as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("texts, keys and lists can be written as JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The member as a first roster lists it.
    pub fn to_roster_member(&self) -> RosterMember {
        let (id, name) = (self.member.clone(), self.name.clone());
        let (transport, cosigner) = (self.transport_key.clone(), self.cosigner_key.clone());
        let member = match self.role {
            Role::Mirror => RosterMember::mirror(id, name, transport, cosigner),
            role => RosterMember {
                roles: vec![role],
                ..RosterMember::new(id, name, transport, cosigner, self.signing_key.clone())
            },
        };
        RosterMember { contact: self.contact.clone(), addresses: self.addresses.clone(), ..member }
    }

    /// Brings what a roster says of this member up to date: name, contact, addresses and the keys that may change without
    /// regard to the log. The signing key must be the one in use.
    ///
    /// # Errors
    ///
    /// When the signing key is another: where it takes over is for the holders of the root keys to say.
    pub fn update(&self, member: &mut RosterMember) -> Result<(), Failure> {
        let used = member.logs.last().and_then(|log| log.keys.last()).map(|key| &key.key);
        if used.is_some_and(|used| *used != self.signing_key) {
            return Err(Failure::new(
                Exit::Conflict,
                format!("the card of {} names another signing key than the roster", self.member),
            )
            .hint("a signing key changes at a position of the log; nothing but the roster can say which"));
        }
        member.name = self.name.clone();
        member.contact = self.contact.clone();
        member.addresses = self.addresses.clone();
        member.transport_key = self.transport_key.clone();
        member.cosigner_key = self.cosigner_key.clone();
        Ok(())
    }
}
