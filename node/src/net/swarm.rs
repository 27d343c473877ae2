// SPDX-License-Identifier: EUPL-1.2
//! The swarm's task: listens, dials, admits by roster and hands sessions over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use concert_protocol::key::SecretKey;
use concert_protocol::member::MemberId;
use futures::StreamExt as _;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, allow_block_list, connection_limits, noise, tcp, yamux,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{KnownPeer, NetEvent, Network, Outboxes, PROTOCOL, PeerBook, Request, keypair, session};

/// Pauses between dials of one peer double from the first to the second value.
const DIAL_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The peer with the greater id dials too, but later: where only it can reach the other, somebody must.
const DIAL_LATER: Duration = Duration::from_secs(2);
/// How often peers without a connection are looked at.
const TICK: Duration = Duration::from_millis(250);
/// Handshakes under way at once from outside; strangers are refused only after one.
const PENDING_INCOMING_MAX: u32 = 64;
/// Both sides may dial at once, so one connection more than the one that is used.
const CONNECTIONS_PER_PEER_MAX: u32 = 2;
/// Connections without a session close after this.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Why the peer port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The transport key is unusable.
    #[error("the transport key cannot be used by libp2p")]
    Key,
    /// Noise, TCP or yamux could not be set up.
    #[error("cannot set up the transport: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address from the settings.
        address: Multiaddr,
        /// What the system says.
        source: libp2p::TransportError<std::io::Error>,
    },
    /// The session protocol was registered twice.
    #[error("the session protocol is registered already")]
    Registered,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    // These two come first: they refuse a connection before the third sees it.
    allowed: allow_block_list::Behaviour<allow_block_list::AllowedPeers>,
    limits: connection_limits::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// Opens the peer port and starts its task; it ends when `stop` is cancelled.
///
/// # Errors
///
/// [`NetworkError`].
pub fn start(
    transport_key: &SecretKey,
    listen: &[Multiaddr],
    book: PeerBook,
    events: mpsc::Sender<NetEvent>,
    stop: CancellationToken,
) -> Result<Network, NetworkError> {
    let mut swarm = build(transport_key)?;
    for address in listen {
        swarm
            .listen_on(address.clone())
            .map_err(|source| NetworkError::Listen { address: address.clone(), source })?;
    }
    let outboxes = Outboxes::default();
    let (requests, incoming_requests) = mpsc::unbounded_channel();
    let (listening_sender, listening) = watch::channel(Vec::new());
    let mut task = Task {
        me: *swarm.local_peer_id(),
        swarm,
        book: PeerBook::default(),
        outboxes: outboxes.clone(),
        events,
        dials: BTreeMap::new(),
        sessions: 0,
        listening: listening_sender,
        stop,
    };
    task.admit(book);
    let control = task.swarm.behaviour().streams.new_control();
    let incoming =
        control.clone().accept(StreamProtocol::new(PROTOCOL)).map_err(|_| NetworkError::Registered)?;
    tokio::spawn(task.run(incoming_requests, incoming, control));
    Ok(Network { outboxes, requests, listening })
}

fn build(transport_key: &SecretKey) -> Result<Swarm<Behaviour>, NetworkError> {
    let keypair = keypair(transport_key).ok_or(NetworkError::Key)?;
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
    let swarm = libp2p::SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| NetworkError::Transport(Box::new(error)))?
        .with_behaviour(|_| Behaviour {
            allowed: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            streams: libp2p_stream::Behaviour::new(),
        })
        .map_err(|error| NetworkError::Transport(Box::new(error)))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_MAX))
        .build();
    Ok(swarm)
}

/// When a peer is dialled next.
struct Dial {
    next: Instant,
    pause: Duration,
}

struct Task {
    me: PeerId,
    swarm: Swarm<Behaviour>,
    book: PeerBook,
    outboxes: Outboxes,
    events: mpsc::Sender<NetEvent>,
    dials: BTreeMap<MemberId, Dial>,
    sessions: u64,
    listening: watch::Sender<Vec<Multiaddr>>,
    stop: CancellationToken,
}

/// A stream that this node opened, or failed to.
type Opened = (MemberId, PeerId, Option<Stream>);

impl Task {
    async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        mut incoming: libp2p_stream::IncomingStreams,
        control: libp2p_stream::Control,
    ) {
        let (opened_sender, mut opened) = mpsc::channel::<Opened>(64);
        let (ended_sender, mut ended) = mpsc::channel::<(MemberId, PeerId, u64)>(64);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                event = self.swarm.select_next_some() => {
                    if let Some(known) = self.on_swarm_event(event) {
                        open(control.clone(), known, opened_sender.clone());
                    }
                }
                Some((peer, stream)) = incoming.next() => {
                    if let Some(member) = self.book.member_of(&peer).cloned() {
                        self.begin(member, peer, stream, ended_sender.clone()).await;
                    }
                }
                Some((member, peer, stream)) = opened.recv() => match stream {
                    Some(stream) => self.begin(member, peer, stream, ended_sender.clone()).await,
                    None => { let _ = self.swarm.disconnect_peer_id(peer); }
                },
                Some((member, peer, number)) = ended.recv() => self.end(&member, peer, number).await,
                Some(request) = requests.recv() => self.on_request(request),
                _ = tick.tick() => self.dial_missing(),
            }
        }
        // Dropping the outboxes ends every session's writer.
        self.outboxes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    /// Returns the peer to which a session stream should be opened now.
    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<KnownPeer> {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "peer port is open");
                self.listening.send_modify(|addresses| addresses.push(address));
                None
            }
            SwarmEvent::ConnectionEstablished { peer_id, num_established, .. } => {
                let known = self.book.peers().iter().find(|known| known.peer == peer_id).cloned()?;
                self.dials.remove(&known.member);
                // Of two peers the one with the smaller id opens the stream, whoever dialled.
                (num_established.get() == 1 && self.me < peer_id).then_some(known)
            }
            SwarmEvent::IncomingConnectionError { .. } => {
                tracing::debug!("a connection from outside was refused");
                None
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), .. } => {
                if let Some(member) = self.book.member_of(&peer) {
                    tracing::debug!(%member, "dial failed");
                }
                None
            }
            _ => None,
        }
    }

    async fn begin(
        &mut self,
        member: MemberId,
        peer: PeerId,
        stream: Stream,
        ended: mpsc::Sender<(MemberId, PeerId, u64)>,
    ) {
        self.sessions += 1;
        let number = self.sessions;
        let (sender, receiver) = session::outbox();
        let replaced = {
            let mut outboxes = self.outboxes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            outboxes.insert(member.clone(), (number, sender)).is_some()
        };
        if replaced {
            let _ = self.events.send(NetEvent::Disconnected(member.clone())).await;
        }
        tracing::info!(%member, "peer connected");
        let _ = self.events.send(NetEvent::Connected(member.clone())).await;
        let events = self.events.clone();
        tokio::spawn(async move {
            let end = session::serve(member.clone(), stream, receiver, events).await;
            tracing::info!(%member, reason = %end, "session ended");
            let _ = ended.send((member, peer, number)).await;
        });
    }

    async fn end(&mut self, member: &MemberId, peer: PeerId, number: u64) {
        let current = {
            let mut outboxes = self.outboxes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let current = outboxes.get(member).is_some_and(|(open, _)| *open == number);
            if current {
                outboxes.remove(member);
            }
            current
        };
        if current {
            let _ = self.swarm.disconnect_peer_id(peer);
            let _ = self.events.send(NetEvent::Disconnected(member.clone())).await;
        }
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Disconnect(member) => {
                if let Some(known) = self.book.peers().iter().find(|known| known.member == member) {
                    let _ = self.swarm.disconnect_peer_id(known.peer);
                }
            }
            Request::Roster(book) => self.admit(book),
        }
    }

    /// Admits the peers of `book` and nobody else; those who are no longer in it are cut off.
    fn admit(&mut self, book: PeerBook) {
        let allowed: BTreeSet<PeerId> = book.peers().iter().map(|known| known.peer).collect();
        let behaviour = self.swarm.behaviour_mut();
        let gone: Vec<PeerId> = behaviour
            .allowed
            .allowed_peers()
            .iter()
            .filter(|peer| !allowed.contains(peer))
            .copied()
            .collect();
        for peer in gone {
            behaviour.allowed.disallow_peer(peer);
        }
        for peer in allowed {
            behaviour.allowed.allow_peer(peer);
        }
        self.dials.clear();
        self.book = book;
    }

    fn dial_missing(&mut self) {
        let now = Instant::now();
        for known in self.book.peers() {
            if known.addresses.is_empty() || self.swarm.is_connected(&known.peer) {
                continue;
            }
            let first = if self.me < known.peer { Duration::ZERO } else { DIAL_LATER };
            let dial = self
                .dials
                .entry(known.member.clone())
                .or_insert(Dial { next: now + first, pause: DIAL_PAUSE.0 });
            if dial.next > now {
                continue;
            }
            dial.next = now + dial.pause;
            dial.pause = (dial.pause * 2).min(DIAL_PAUSE.1);
            // Naming the peer makes libp2p refuse another key at that address.
            let options = DialOpts::peer_id(known.peer).addresses(known.addresses.clone()).build();
            if let Err(error) = self.swarm.dial(options) {
                tracing::debug!(member = %known.member, %error, "cannot dial now");
            }
        }
    }
}

/// Opens the session stream in a task of its own and reports it.
fn open(mut control: libp2p_stream::Control, known: KnownPeer, opened: mpsc::Sender<Opened>) {
    tokio::spawn(async move {
        let stream = control.open_stream(known.peer, StreamProtocol::new(PROTOCOL)).await;
        if let Err(error) = &stream {
            tracing::warn!(member = %known.member, %error, "the peer does not speak {PROTOCOL}");
        }
        let _ = opened.send((known.member, known.peer, stream.ok())).await;
    });
}
