// SPDX-License-Identifier: EUPL-1.2
//! The peer port: TCP, Noise and yamux by libp2p, admission by roster, one framed session per peer.
//!
//! This module moves frames and knows nothing of what they say. Signatures and disks never enter the swarm's task.
//! Every queue is bounded: a peer that does not read its frames is disconnected, never waited for.

mod session;
mod swarm;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use concert_protocol::key::{PublicKey, SecretKey};
use concert_protocol::member::MemberId;
use concert_protocol::roster::Roster;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc;

pub use swarm::{NetworkError, start};

/// Protocol id of the session stream; the number changes when old readers could not follow.
pub const PROTOCOL: &str = "/concert/sync/1";

/// Frames that may wait for one peer. The replica keeps few requests in flight, so more means a peer that stalls.
pub const OUTBOX_MAX: usize = 256;

/// What the network tells the engine.
#[derive(Debug)]
pub enum NetEvent {
    /// A session with a member began.
    Connected(MemberId),
    /// The session ended; frames on the way are lost.
    Disconnected(MemberId),
    /// One frame arrived.
    Frame {
        /// The member at the other end, known by its transport key.
        from: MemberId,
        /// The frame, at most [`concert_protocol::sync::FRAME_LEN_MAX`] bytes.
        bytes: Vec<u8>,
    },
}

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no session.
    #[error("not connected")]
    NotConnected,
    /// [`OUTBOX_MAX`] frames wait already.
    #[error("the peer does not read")]
    Full,
}

/// A member as the network knows it.
#[derive(Clone, Debug)]
pub struct KnownPeer {
    /// Its code.
    pub member: MemberId,
    /// Its libp2p id, made from its transport key.
    pub peer: PeerId,
    /// Where it may be dialled.
    pub addresses: Vec<Multiaddr>,
}

/// Everybody whom the roster admits, this node left out.
#[derive(Clone, Debug, Default)]
pub struct PeerBook(Vec<KnownPeer>);

impl PeerBook {
    /// The peers of `roster` as `me` sees them. Addresses that are not multiaddrs are left out with a warning.
    pub fn of(roster: &Roster, me: &MemberId) -> Self {
        let mut known = Vec::new();
        for member in roster.members().iter().filter(|m| m.member != *me && m.is_active()) {
            let Some(peer) = peer_id(&member.transport_key) else { continue };
            let mut addresses = Vec::new();
            for text in &member.addresses {
                match text.parse() {
                    Ok(address) => addresses.push(address),
                    Err(_) => {
                        tracing::warn!(member = %member.member, "the roster holds an address that is not a multiaddr")
                    }
                }
            }
            known.push(KnownPeer { member: member.member.clone(), peer, addresses });
        }
        Self(known)
    }

    /// The peers.
    pub fn peers(&self) -> &[KnownPeer] {
        &self.0
    }

    fn member_of(&self, peer: &PeerId) -> Option<&MemberId> {
        self.0.iter().find(|known| known.peer == *peer).map(|known| &known.member)
    }
}

/// The libp2p id that belongs to a transport key.
pub fn peer_id(key: &PublicKey) -> Option<PeerId> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(&key.to_bytes()).ok()?;
    Some(libp2p::identity::PublicKey::from(key).to_peer_id())
}

/// The libp2p key pair of a transport key.
pub(crate) fn keypair(key: &SecretKey) -> Option<libp2p::identity::Keypair> {
    let mut seed = key.seed();
    libp2p::identity::Keypair::ed25519_from_bytes(&mut seed[..]).ok()
}

/// What the engine asks of the swarm's task.
enum Request {
    /// Close the connections of a peer that broke a rule or does not read.
    Disconnect(MemberId),
    /// Admit and dial the members of another roster version.
    Roster(PeerBook),
}

/// Sessions that are open, by member: number of the session and the way into its outbox.
type Outboxes = Arc<Mutex<BTreeMap<MemberId, (u64, mpsc::Sender<Vec<u8>>)>>>;

/// A cheap handle to the network; usable from any thread.
#[derive(Clone)]
pub struct Network {
    outboxes: Outboxes,
    requests: mpsc::UnboundedSender<Request>,
    listening: tokio::sync::watch::Receiver<Vec<Multiaddr>>,
}

impl Network {
    /// Queues one frame for a peer without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError`]; after `Full` the caller should disconnect the peer.
    pub fn send(&self, to: &MemberId, frame: Vec<u8>) -> Result<(), SendError> {
        let outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, outbox) = outboxes.get(to).ok_or(SendError::NotConnected)?;
        outbox.try_send(frame).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::NotConnected,
        })
    }

    /// Closes the connections of `member`; it will be dialled again after a pause.
    pub fn disconnect(&self, member: &MemberId) {
        // The receiver lives as long as the swarm's task; after that there is nothing left to close.
        let _ = self.requests.send(Request::Disconnect(member.clone()));
    }

    /// Puts another roster version in force for admission and dialling.
    pub fn set_roster(&self, book: PeerBook) {
        let _ = self.requests.send(Request::Roster(book));
    }

    /// Members with an open session.
    pub fn connected(&self) -> Vec<MemberId> {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Addresses on which the peer port listens.
    pub fn listening(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }
}
