// SPDX-License-Identifier: EUPL-1.2
//! A federation of processes on this machine, and waiting for what it comes to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use concert_node::engine::now;
use concert_protocol::key::SecretKey;
use concert_protocol::roster::{RootKeys, RosterMember, RosterVersion, SignedRoster};
use concert_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::node::{Node, PAUSE};
use super::program::{arg, project};

/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A federation.
pub(crate) struct Cluster {
    /// Its nodes by member code.
    pub(crate) nodes: BTreeMap<String, Node>,
    /// The version of the roster that was applied last.
    pub(crate) roster: SignedRoster,
    root: SecretKey,
    // Behind the nodes, so that it goes last.
    dir: tempfile::TempDir,
}

impl Cluster {
    /// Folders, keys and a roster that is good for a year; nothing runs yet. The first is the hub.
    pub(crate) fn new(codes: &[&str]) -> Self {
        Self::with(codes, &[], now(), now().plus(DAY * 365))
    }

    /// The same with further settings for every node, and with a roster of that time.
    pub(crate) fn with(codes: &[&str], settings: &[&str], issued: Timestamp, expires: Timestamp) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let nodes: BTreeMap<String, Node> =
            codes.iter().map(|code| ((*code).to_owned(), Node::init(dir.path(), code, settings))).collect();
        let root = SecretKey::from_seed(&[7; 32]);
        let keys = RootKeys { keys: vec![root.public()], threshold: 1 };
        let federation = "concert.test".parse().expect("a federation's name");
        let mut version = RosterVersion::new(federation, issued, expires, keys);
        version.members = nodes.values().map(roster_member).collect();
        version.coordinators = vec![codes[0].parse().expect("a member code")];
        let roster = SignedRoster::sign(&version, &[&root]).expect("a valid roster");
        let cluster = Self { nodes, roster, root, dir };
        for node in cluster.nodes.values() {
            cluster.apply_roster(node);
        }
        cluster
    }

    /// The next version of the roster, changed by `change`.
    pub(crate) fn next_roster(
        &self,
        expires: Timestamp,
        change: impl FnOnce(&mut RosterVersion),
    ) -> SignedRoster {
        let mut version = self.roster.content().next(now(), expires);
        change(&mut version);
        SignedRoster::sign(&version, &[&self.root]).expect("a valid roster")
    }

    /// Applies the roster to a folder whose node does not run, by `concert roster apply`.
    pub(crate) fn apply_roster(&self, node: &Node) {
        let file = self.path("roster.json");
        fs::write(&file, self.roster.bytes()).expect("written");
        node.offline(&["-q", "--yes", "roster", "apply", arg(&file)]).good();
    }

    /// A path in the federation's own folder.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// The folder that holds everything.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A node.
    pub(crate) fn node(&self, code: &str) -> &Node {
        &self.nodes[code]
    }

    /// A node, to start or stop it.
    pub(crate) fn node_mut(&mut self, code: &str) -> &mut Node {
        self.nodes.get_mut(code).expect("a node of this federation")
    }

    /// Starts every node that does not run, and waits until all are ready.
    pub(crate) fn start(&mut self) {
        for node in self.nodes.values_mut().filter(|node| !node.runs()) {
            node.start();
        }
        for node in self.nodes.values_mut() {
            node.ready();
        }
    }

    /// Registers the platforms of the sample data at the hub.
    pub(crate) fn register_platforms(&self, hub: &str) {
        let file = project("tests/data/units/platforms.json");
        self.node(hub).run(&["-q", "platform", "add", "--from", arg(&file)]).good();
    }

    /// Waits until every running node holds and has applied every log to the same size, and their digests are equal.
    /// Returns the digest.
    pub(crate) fn until_equal(&self, within: Duration) -> String {
        let nodes: Vec<&Node> = self.nodes.values().filter(|node| node.runs()).collect();
        until("every node has everything", within, || {
            let first = complete(nodes.first()?)?;
            nodes.iter().all(|node| complete(node).as_ref() == Some(&first)).then_some(())?;
            let digests: Vec<String> = nodes.iter().map(|node| node.digest()).collect();
            // A coordinator may have written in between.
            let settled = complete(nodes.first()?)? == first;
            (settled && digests.iter().all(|digest| *digest == digests[0])).then(|| digests[0].clone())
        })
    }
}

/// Sizes of all logs, if all of them are whole, checked and applied here.
fn complete(node: &Node) -> Option<BTreeMap<String, u64>> {
    let page = node.admin().try_get("/api/v1/log").filter(|reply| reply.status == 200)?.body;
    let mut sizes = BTreeMap::new();
    for log in page["items"].as_array()? {
        let (stored, head, applied) =
            (log["stored"].as_u64()?, log["head"].as_u64()?, log["applied"].as_u64()?);
        if stored != head || stored != applied {
            return None;
        }
        sizes.insert(log["log"].as_str()?.to_owned(), stored);
    }
    Some(sizes)
}

fn roster_member(node: &Node) -> RosterMember {
    let keys = node.keys();
    let name = format!("Unit {}", node.code).parse().expect("a name");
    let (transport, cosigner) = (keys.transport.public(), keys.cosigner.public());
    let mut member = RosterMember::new(node.member(), name, transport, cosigner, keys.signing.public());
    member.addresses = vec![format!("/ip4/127.0.0.1/tcp/{}", node.peer)];
    member
}

/// Looks until there is something, at most for `within`.
pub(crate) fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < within, "not within {} s: {what}", within.as_secs());
        std::thread::sleep(PAUSE);
    }
}

/// A referral of one address, as the API takes it and as the entry says it.
pub(crate) fn referral(reference: &str, url: &str) -> Value {
    json!({
        "unit": "Unit", "reference": reference, "detected_at": "2026-03-03T00:00:00.000000Z", "items": [{"url": url}],
        "content_type": "text", "reasons": "Terrorist content", "types": ["a"],
        "exception_check": {"finding": "none"}, "tier": 4, "handling": "recipient",
        "retention": {"class": "standard"}, "source": "own_monitoring",
    })
}

/// An address at the sample platform `paste-e`.
pub(crate) fn address(n: usize) -> String {
    format!("https://paste-e.test/t{n:07}")
}
