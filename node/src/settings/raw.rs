// SPDX-License-Identifier: EUPL-1.2
//! The settings as they are written: one struct for each section, nothing checked but shape.
//!
//! These types are the only place where a key is named, explained, bounded and given its default. The list of known
//! keys, the schema and `config/example.toml` are all derived from them.

#![allow(rustdoc::bare_urls, reason = "the explanations are printed as they are into config/example.toml")]

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every section, as written in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// See [`RawNode`].
    pub node: RawNode,
    /// See [`RawHttp`].
    pub http: RawHttp,
    /// See [`RawPeer`].
    pub peer: RawPeer,
    /// See [`RawSync`].
    pub sync: RawSync,
    /// See [`RawConsolidation`].
    pub consolidation: RawConsolidation,
    /// See [`RawStore`].
    pub store: RawStore,
    /// See [`RawImport`].
    pub import: RawImport,
}

/// The node itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawNode {
    /// Code of the member whose node this is, as the roster has it: FR, DE, EU.
    /// Needed by a node; commands that only speak to one do without. Read at start.
    #[schema(max_length = 16)]
    pub member: String,
    /// Folder of the journals, the keys, the roster and the store. One node at a time may use it.
    /// A relative path in a file is relative to that file. Read at start.
    #[schema(format = "path", min_length = 1)]
    pub data: String,
    /// Form of the log on stderr: "text" for people, "json" with one object a line, "auto" for text on a
    /// terminal and json elsewhere. Read at start.
    #[schema(inline)]
    pub log_format: LogFormat,
    /// Least severity that is logged. No level logs an address or content. Read at start.
    #[schema(inline)]
    pub log_level: LogLevel,
}

impl Default for RawNode {
    fn default() -> Self {
        Self {
            member: String::new(),
            data: "/var/lib/concert".into(),
            log_format: LogFormat::Auto,
            log_level: LogLevel::Info,
        }
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Least severity that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What wakes somebody.
    Error,
    /// And what is worth a look tomorrow.
    Warn,
    /// And what the node does.
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

/// The HTTP door: the API that platforms, people and the other commands speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawHttp {
    /// Address and port to listen on, as in 127.0.0.1:8440; IPv6 in square brackets; port 0 takes a free one.
    /// Concert speaks plain HTTP: beyond this machine, put a proxy that speaks TLS in front. Read at start.
    pub listen: String,
    /// The address under which others reach this door, as in https://concert.example; goes into links and feeds.
    /// Empty: http:// and the address listened on. Read at start.
    #[schema(max_length = 255)]
    pub public_url: String,
    /// Largest request body, in KiB; a larger one is answered 413. Read at start.
    #[schema(minimum = 64, maximum = 65_536)]
    pub body_max_kib: u64,
    /// Time for one request, in seconds, before it is answered 408; streams are not bound by it. Read at start.
    #[schema(minimum = 1, maximum = 600)]
    pub request_timeout_s: u64,
}

impl Default for RawHttp {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8440".into(),
            public_url: String::new(),
            body_max_kib: 1024,
            request_timeout_s: 30,
        }
    }
}

/// The door to the other members' nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawPeer {
    /// Multiaddresses to listen on for the other members' nodes; TCP only, port 0 takes a free one.
    /// Empty: this node dials the others and is dialled by none. Read at start.
    #[schema(max_items = 8)]
    pub listen: Vec<String>,
    /// Multiaddresses under which the others reach this node, where they differ from those listened on;
    /// `concert init` puts them into the member card, from where they go into the roster. Read by `init`.
    #[schema(max_items = 8)]
    pub external: Vec<String>,
}

impl Default for RawPeer {
    fn default() -> Self {
        Self { listen: vec!["/ip4/127.0.0.1/tcp/4400".into()], external: Vec::new() }
    }
}

/// Replication between members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawSync {
    /// Time between two comparisons of all logs with each connected peer, in seconds. New entries do not wait for
    /// it, they are announced at once; it heals what an announcement missed. Read at start.
    #[schema(minimum = 1, maximum = 3600)]
    pub summary_interval_s: u64,
    /// Time after which this node signs a fresh checkpoint of its log though nothing was added, in seconds. Members
    /// that hear none for long take this node for silent. Read at start.
    #[schema(minimum = 10, maximum = 240)]
    pub checkpoint_interval_s: u64,
    /// How long this node waits after a start, in seconds, for peers to tell it the newest checkpoint of its own log
    /// before it signs again: a node restored from a backup must not sign a second history. Read at start.
    #[schema(minimum = 0, maximum = 3600)]
    pub own_head_wait_s: u64,
}

impl Default for RawSync {
    fn default() -> Self {
        Self { summary_interval_s: 30, checkpoint_interval_s: 120, own_head_wait_s: 10 }
    }
}

/// Content identity and the one coordinated notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawConsolidation {
    /// File of locator rules (as config/locators.toml). Empty: the rules built into this version.
    /// A relative path in a file is relative to that file. Read at start.
    #[schema(format = "path")]
    pub rules: String,
    /// Time after which the next coordinator in roster order issues a notice of tier 1 or 2 that the one before it
    /// has not issued, in seconds. Tiers 3 and 4 wait for the hub. Read at start.
    #[schema(minimum = 10, maximum = 86_400)]
    pub step_in_after_s: u64,
    /// Time that the recipient of a notice is given to answer, in hours; the deadline in the notices that this
    /// node issues. Read at start.
    #[schema(minimum = 1, maximum = 8760)]
    pub answer_window_h: u64,
}

impl Default for RawConsolidation {
    fn default() -> Self {
        Self { rules: String::new(), step_in_after_s: 180, answer_window_h: 24 }
    }
}

/// Disk and memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawStore {
    /// Memory for pages of the store, in MiB. The node needs more than this: key tables live beside it. Read at start.
    #[schema(minimum = 8, maximum = 65_536)]
    pub cache_mib: u64,
    /// Disk space that the node holds back, in MiB, and gives free when the disk is full, so that it can finish what
    /// it began and stop in order. Read at start.
    #[schema(minimum = 1, maximum = 4096)]
    pub reserve_mib: u64,
}

impl Default for RawStore {
    fn default() -> Self {
        Self { cache_mib: 64, reserve_mib: 16 }
    }
}

/// Import of a unit's own export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawImport {
    /// Records that `concert referral import` hands to the node at once, and that become durable together. Larger is
    /// faster; after an interruption at most this many are sent again, and found to be there. Read by each import.
    #[schema(minimum = 1, maximum = 1000)]
    pub batch: u64,
}

impl Default for RawImport {
    fn default() -> Self {
        Self { batch: 200 }
    }
}
