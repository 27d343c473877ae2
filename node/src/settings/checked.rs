// SPDX-License-Identifier: EUPL-1.2
//! The settings as the node uses them: parsed, bounded, with units in their types.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use concert_protocol::member::MemberId;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::raw::{LogFormat, LogLevel, RawSettings};

/// Checked settings; [`super::load`] is the only source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The node itself.
    pub node: Node,
    /// The HTTP door.
    pub http: Http,
    /// The door to the other members' nodes.
    pub peer: Peer,
    /// Replication.
    pub sync: Sync,
    /// Identity and notices.
    pub consolidation: Consolidation,
    /// Disk and memory.
    pub store: Store,
    /// Import.
    pub import: Import,
}

/// The node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Whose node it is; `None` where nothing says so, which only commands that are not a node may accept.
    pub member: Option<MemberId>,
    /// The data folder.
    pub data: PathBuf,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Least severity that is logged.
    pub log_level: LogLevel,
}

/// The HTTP door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address under which others reach it, without a slash at the end.
    pub public_url: Option<String>,
    /// Largest request body, in bytes.
    pub body_len_max: usize,
    /// Time for one request.
    pub request_timeout: Duration,
}

/// The door to other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where to listen; may be empty.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others reach this node, where they differ.
    pub external: Vec<Multiaddr>,
}

/// Replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Between two comparisons of all logs with a peer.
    pub summary_interval: Duration,
    /// Between two checkpoints of a quiet log.
    pub checkpoint_interval: Duration,
    /// How long to ask peers for the own newest checkpoint after a start.
    pub own_head_wait: Duration,
}

/// Identity and notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consolidation {
    /// The file of locator rules; `None` for those built in.
    pub rules: Option<PathBuf>,
    /// After which the next coordinator steps in, for tiers 1 and 2.
    pub step_in_after: Duration,
    /// What recipients are given to answer.
    pub answer_window: Duration,
}

/// Disk and memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Memory for the store's pages, in bytes.
    pub cache_bytes: u64,
    /// Disk space held back, in bytes.
    pub reserve_bytes: u64,
}

/// Import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Records handed to the node at once.
    pub batch: usize,
}

/// A key whose text is of the right kind but means nothing: name, what was found, what is expected.
pub(super) struct Meaningless {
    pub(super) key: &'static str,
    pub(super) found: String,
    pub(super) expected: String,
}

impl Settings {
    /// Gives every raw value its meaning, or names all that have none.
    pub(super) fn check(raw: &RawSettings) -> Result<Self, Vec<Meaningless>> {
        let mut wrong = Vec::new();
        let settings = Self {
            node: Node {
                member: member(&raw.node.member, &mut wrong),
                data: data(&raw.node.data, &mut wrong),
                log_format: raw.node.log_format,
                log_level: raw.node.log_level,
            },
            http: Http {
                listen: listen(&raw.http.listen, &mut wrong),
                public_url: public_url(&raw.http.public_url, &mut wrong),
                body_len_max: usize::try_from(raw.http.body_max_kib * 1024).unwrap_or(usize::MAX),
                request_timeout: Duration::from_secs(raw.http.request_timeout_s),
            },
            peer: Peer {
                listen: multiaddrs("peer.listen", &raw.peer.listen, &mut wrong),
                external: multiaddrs("peer.external", &raw.peer.external, &mut wrong),
            },
            sync: Sync {
                summary_interval: Duration::from_secs(raw.sync.summary_interval_s),
                checkpoint_interval: Duration::from_secs(raw.sync.checkpoint_interval_s),
                own_head_wait: Duration::from_secs(raw.sync.own_head_wait_s),
            },
            consolidation: Consolidation {
                rules: (!raw.consolidation.rules.is_empty()).then(|| PathBuf::from(&raw.consolidation.rules)),
                step_in_after: Duration::from_secs(raw.consolidation.step_in_after_s),
                answer_window: Duration::from_secs(raw.consolidation.answer_window_h * 3600),
            },
            store: Store {
                cache_bytes: raw.store.cache_mib << 20,
                reserve_bytes: raw.store.reserve_mib << 20,
            },
            import: Import { batch: usize::try_from(raw.import.batch).unwrap_or(1) },
        };
        if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
    }

    /// What is allowed but worth a second thought, as sentences for the operator.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.http.listen.ip().is_loopback() {
            warnings.push(format!(
                "http.listen = {} is reachable from other machines and speaks plain HTTP; put a proxy with TLS in front",
                self.http.listen
            ));
        }
        if self.node.member.is_none() {
            warnings.push("node.member is not set; a node does not start without it".into());
        }
        warnings
    }
}

fn member(text: &str, wrong: &mut Vec<Meaningless>) -> Option<MemberId> {
    if text.is_empty() {
        return None;
    }
    let expected = "a member code: 2 to 16 of A-Z, 0-9 and '-', beginning with a letter, as in FR";
    text.parse().map_err(|_| wrong.push(meaningless("node.member", text, expected))).ok()
}

fn data(text: &str, wrong: &mut Vec<Meaningless>) -> PathBuf {
    if text.is_empty() {
        wrong.push(meaningless("node.data", text, "a folder, as in /var/lib/concert"));
    }
    PathBuf::from(text)
}

fn listen(text: &str, wrong: &mut Vec<Meaningless>) -> SocketAddr {
    text.parse().unwrap_or_else(|_| {
        wrong.push(meaningless("http.listen", text, "an IP address and a port, as in 127.0.0.1:8440"));
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

fn public_url(text: &str, wrong: &mut Vec<Meaningless>) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let good = reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if !good {
        let expected =
            "an http or https address without user, query or fragment, as in https://concert.example";
        wrong.push(meaningless("http.public_url", text, expected));
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn multiaddrs(key: &'static str, texts: &[String], wrong: &mut Vec<Meaningless>) -> Vec<Multiaddr> {
    let mut good = Vec::with_capacity(texts.len());
    for text in texts {
        match text.parse::<Multiaddr>() {
            Ok(address) if is_tcp(&address) => good.push(address),
            _ => wrong.push(meaningless(key, text, "a TCP multiaddress, as in /ip4/192.0.2.1/tcp/4400")),
        }
    }
    good
}

/// Host and TCP port and nothing behind them: the peer's identity comes from the roster, never from an address.
fn is_tcp(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = matches!(
        parts.next(),
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
    );
    host && matches!(parts.next(), Some(Protocol::Tcp(_))) && parts.next().is_none()
}

fn meaningless(key: &'static str, found: &str, expected: &str) -> Meaningless {
    let found = found.chars().take(64).collect::<String>();
    Meaningless { key, found: format!("{found:?}"), expected: expected.into() }
}
