// SPDX-License-Identifier: EUPL-1.2
//! Peers that should not be there, and peers that break the rules: kept out or cut off, and nobody else notices.

use std::time::Duration;

use concert_node::net::{self, NetEvent, Network, PeerBook};
use concert_protocol::key::SecretKey;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{Anchor, Roster, SignedRoster};
use concert_protocol::sync::{Frame, Leaf, SummaryLine};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::cluster::{Cluster, address, referral, until};

const WITHIN: Duration = Duration::from_secs(60);

/// One end of the peer protocol, spoken by a test; it ends with its runtime.
struct Liar {
    runtime: Runtime,
    network: Network,
    events: mpsc::Receiver<NetEvent>,
}

impl Liar {
    /// Dials everybody in `roster` with `key`, as `me`.
    fn new(key: &SecretKey, roster: &SignedRoster, me: &str) -> Self {
        let anchor = Anchor::Digest(roster.digest());
        let roster = Roster::found(roster.clone(), &anchor).expect("a roster");
        let me: MemberId = me.parse().expect("a member code");
        let runtime = Runtime::new().expect("threads");
        let (sender, events) = mpsc::channel(1024);
        let network = {
            let _inside = runtime.enter();
            let listen = ["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
            net::start(key, &listen, PeerBook::of(&roster, &me), sender, Default::default())
                .expect("a network")
        };
        Self { runtime, network, events }
    }

    /// The next event, if one comes in time.
    fn event(&mut self, within: Duration) -> Option<NetEvent> {
        let events = &mut self.events;
        self.runtime.block_on(async { tokio::time::timeout(within, events.recv()).await.ok().flatten() })
    }

    /// Waits until a session with a member begins.
    fn connected(&mut self) -> MemberId {
        until("a session begins", WITHIN, || match self.event(WITHIN) {
            Some(NetEvent::Connected(member)) => Some(member),
            _ => None,
        })
    }

    /// Waits until the other side ends the session.
    fn cut_off(&mut self) {
        until("the session ends", WITHIN, || match self.event(WITHIN) {
            Some(NetEvent::Disconnected(_)) => Some(()),
            _ => None,
        });
    }
}

#[test]
fn a_stranger_gets_no_session() {
    let mut federation = Cluster::new(&["EU", "FR"]);
    let hub = federation.node_mut("EU");
    hub.environment = vec![("CONCERT__NODE__LOG_LEVEL".into(), "debug".into())];
    federation.start();
    let hub = federation.node("EU");
    let refusals = || hub.log_text().matches("a connection from outside was refused").count();
    let before = refusals();
    let mut stranger = Liar::new(&SecretKey::from_seed(&[66; 32]), &federation.roster, "XX");
    // Refused more than once, since it tries again.
    until("the hub refuses it", WITHIN, || (refusals() >= before + 2).then_some(()));
    assert!(stranger.network.connected().is_empty());
    assert!(stranger.event(Duration::ZERO).is_none(), "no session, no frame");
    let peers = hub.admin().list("/api/v1/peers");
    assert_eq!(peers.len(), 2, "{peers:?}");
    assert_eq!(hub.status()["node"]["connected"], serde_json::json!(["FR"]));
}

#[test]
fn a_member_with_somebody_elses_key_gets_no_session() {
    let mut federation = Cluster::new(&["EU", "FR"]);
    let hub = federation.node_mut("EU");
    hub.environment = vec![("CONCERT__NODE__LOG_LEVEL".into(), "debug".into())];
    hub.start_ready();
    // FR's signing key is not its transport key.
    let key = federation.node("FR").keys().signing;
    let stranger = Liar::new(&key, &federation.roster, "FR");
    let hub = federation.node("EU");
    let refused = || hub.log_text().contains("a connection from outside was refused");
    until("the hub refuses it", WITHIN, || refused().then_some(()));
    assert!(stranger.network.connected().is_empty());
}

#[test]
fn peers_that_break_the_rules_are_cut_off_and_the_others_go_on() {
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    // FR's place is taken by a liar; its node never runs.
    for code in ["EU", "DE"] {
        federation.node_mut(code).start();
    }
    for code in ["EU", "DE"] {
        federation.node_mut(code).ready();
    }
    federation.register_platforms("EU");
    let fr: LogId = "FR/1".parse().expect("a log");
    let eu: MemberId = "EU".parse().expect("a member");
    let key = federation.node("FR").keys().transport;
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("not a frame", vec![0xee; 100]),
        ("nothing", Vec::new()),
        ("cut", Frame::GetHead(fr.clone()).encode()[..3].to_vec()),
        ("no checkpoint", hint(&fr, b"not a note".to_vec(), Vec::new())),
        ("nobody's checkpoint", hint(&fr, foreign_note(&federation), Vec::new())),
        (
            "an entry that is too long",
            hint(&fr, b"not a note".to_vec(), vec![Leaf::Entry(vec![b'a'; 70_000])]),
        ),
        ("evidence that shows nothing", Frame::Evidence { log: fr.clone(), json: b"{}".to_vec() }.encode()),
    ];
    for (lie, frame) in lies {
        let mut liar = Liar::new(&key, &federation.roster, "FR");
        while liar.connected() != eu {}
        liar.network.send(&eu, frame).expect("sent");
        eprintln!("told: {lie}");
        liar.cut_off();
    }
    let hub = federation.node("EU");
    assert!(hub.log_text().contains("a peer broke a rule"), "the operator can see it");
    // One that promises what it never gives holds up its own log alone.
    let mut liar = Liar::new(&key, &federation.roster, "FR");
    while liar.connected() != eu {}
    let line = SummaryLine {
        log: fr,
        stored: 1_000_000,
        head: 1_000_000,
        root: concert_protocol::log::empty_root(),
        author_time: 4_000_000_000,
    };
    liar.network.send(&eu, Frame::Summary(vec![line]).encode()).expect("sent");
    let analyst = federation.node("DE").caller("analyst");
    for n in 0..10 {
        analyst.post("/api/v1/referrals", None, &referral(&format!("r{n}"), &address(n))).good();
    }
    until("the others go on", WITHIN, || {
        (hub.status()["node"]["counts"]["notices_open"] == 10).then_some(())
    });
    assert_eq!(hub.log_state("FR/1").expect("a log")["stored"], 0);
    assert!(!hub.alarms().iter().any(|code| code == "equivocation"));
}

fn hint(log: &LogId, note: Vec<u8>, leaves: Vec<Leaf>) -> Vec<u8> {
    Frame::Hint { log: log.clone(), note, from: 0, leaves }.encode()
}

/// A checkpoint of FR's log that DE signed.
fn foreign_note(federation: &Cluster) -> Vec<u8> {
    use concert_protocol::log::{Checkpoint, Hash, sign_checkpoint};
    let log = federation.node("FR").own_log();
    let checkpoint =
        Checkpoint::new(log.origin("concert.test"), 3, Hash::from_bytes([3; 32])).expect("a checkpoint");
    sign_checkpoint(&checkpoint, &federation.node("DE").keys().signing).expect("signed").to_bytes()
}
