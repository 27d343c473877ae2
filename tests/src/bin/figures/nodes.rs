// SPDX-License-Identifier: EUPL-1.2
//! Data folders with keys, a roster and prefilled journals, and engines started on them in this process.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use concert_node::engine::{RosterFiles, Running, Shared, StartOptions, now, start};
use concert_node::journal::{DataDir, LogJournal, Record};
use concert_node::keys::NodeKeys;
use concert_protocol::content::LocatorRules;
use concert_protocol::key::SecretKey;
use concert_protocol::log::{Checkpoint, sign_checkpoint};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::{RootKeys, Roster, RosterMember, RosterVersion, SignedRoster};
use concert_protocol::sync::ReplicaConfig;

use crate::author::{Author, member};

/// Name of the federation of this program.
pub(crate) const FEDERATION: &str = "figures.example";
/// Memory for the store's cache: the node's default.
pub(crate) const CACHE_BYTES: u64 = 128 << 20;
/// Space that the node keeps free: as little as it accepts, so that the program needs no large disk.
const RESERVE_BYTES: u64 = 1 << 20;
/// Entries appended at once when a journal is prefilled.
const APPEND: usize = 1_000;
/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// One member's data folder.
pub(crate) struct Place {
    pub(crate) member: MemberId,
    pub(crate) data: DataDir,
    pub(crate) keys: NodeKeys,
    address: String,
}

/// Members of one roster with their folders.
pub(crate) struct Federation {
    pub(crate) places: Vec<Place>,
    pub(crate) roster: Arc<Roster>,
}

impl Federation {
    /// Makes keys and folders below `root`, and one roster in which the first member coordinates.
    ///
    /// # Errors
    ///
    /// What the disk or the system answers.
    pub(crate) fn found(root: &Path, codes: &[&str]) -> anyhow::Result<Self> {
        let places = codes.iter().map(|code| Place::make(root, code)).collect::<anyhow::Result<Vec<_>>>()?;
        let root_key = SecretKey::from_seed(&[9; 32]);
        let keys = RootKeys { keys: vec![root_key.public()], threshold: 1 };
        let at = now();
        let expires = at.plus(Duration::from_secs(30 * 86_400));
        let mut version = RosterVersion::new(FEDERATION.parse()?, at, expires, keys);
        version.members = places.iter().map(Place::roster_member).collect::<anyhow::Result<_>>()?;
        version.members.sort_by(|a, b| a.member.cmp(&b.member));
        version.coordinators = vec![member(codes.first().context("a federation has a member")?)];
        let signed = SignedRoster::sign(&version, &[&root_key])?;
        let mut roster = None;
        for place in &places {
            roster = Some(RosterFiles::new(&place.data.roster()).apply(signed.clone())?);
        }
        let roster = Arc::new(roster.context("a federation has a member")?);
        Ok(Self { places, roster })
    }

    /// The folder of a member.
    pub(crate) fn place(&self, code: &str) -> &Place {
        self.places.iter().find(|place| place.member.as_str() == code).expect("a member of this federation")
    }

    /// A member that signs with its node's key.
    pub(crate) fn author(&self, code: &str) -> Author {
        Author::with_key(code, self.place(code).keys.signing.clone())
    }

    /// Writes a log into a member's folder as if it had been replicated: entries and the checkpoint over them.
    ///
    /// # Errors
    ///
    /// What the disk answers.
    pub(crate) fn prefill(&self, code: &str, log: &LogId, entries: &[Vec<u8>]) -> anyhow::Result<LogJournal> {
        let (mut journal, _) = LogJournal::open(&self.place(code).data.log(log), 0)?;
        for part in entries.chunks(APPEND) {
            let records: Vec<Record> = part.iter().cloned().map(Record::Entry).collect();
            journal.append(&records)?;
        }
        let note = self.checkpoint(&journal, log)?;
        journal.store_checkpoint(&note)?;
        Ok(journal)
    }

    /// A checkpoint over all of a journal, signed by the log's author.
    ///
    /// # Errors
    ///
    /// A log of somebody else.
    pub(crate) fn checkpoint(&self, journal: &LogJournal, log: &LogId) -> anyhow::Result<Vec<u8>> {
        let checkpoint = Checkpoint::new(log.origin(FEDERATION), journal.size(), journal.frontier().root())?;
        Ok(sign_checkpoint(&checkpoint, &self.place(log.member.as_str()).keys.signing)?.to_bytes())
    }

    /// Starts a member's engine; to be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    pub(crate) fn start(&self, code: &str) -> anyhow::Result<Running> {
        let place = self.place(code);
        Ok(start(StartOptions {
            data: place.data.root().to_owned(),
            member: place.member.clone(),
            listen: vec![place.address.parse()?],
            rules: Arc::new(LocatorRules::builtin()),
            cache_bytes: CACHE_BYTES,
            reserve_bytes: RESERVE_BYTES,
            replica: ReplicaConfig::default(),
            step_in_after: Duration::from_secs(300),
            answer_window: Duration::from_secs(24 * 3600),
        })?)
    }
}

impl Place {
    fn make(root: &Path, code: &str) -> anyhow::Result<Self> {
        let data = DataDir::new(root.join(code));
        let keys = NodeKeys::generate(&data.keys())?;
        // A port that was free a moment ago; the roster must name it before the node opens it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { member: member(code), data, keys, address: format!("/ip4/127.0.0.1/tcp/{port}") })
    }

    fn roster_member(&self) -> anyhow::Result<RosterMember> {
        let name = format!("Unit {}", self.member).parse()?;
        let keys = &self.keys;
        let (transport, cosigner) = (keys.transport.public(), keys.cosigner.public());
        let mut member =
            RosterMember::new(self.member.clone(), name, transport, cosigner, keys.signing.public());
        member.addresses = vec![self.address.parse()?];
        Ok(member)
    }
}

/// Waits until `holds`, which is asked for often and must be cheap.
///
/// # Errors
///
/// It does not within `most`.
pub(crate) async fn until(what: &str, most: Duration, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !holds() {
        if begin.elapsed() > most {
            bail!("not within {} s: {what}", most.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Entries that a node has checked and applied, over all logs.
pub(crate) fn applied(shared: &Shared) -> u64 {
    shared.logs().keys().map(|log| shared.applied(log)).sum()
}

/// Ends an engine.
///
/// # Errors
///
/// Why it had ended by itself.
pub(crate) async fn stop(running: Running) -> anyhow::Result<()> {
    running.stop().await.map_err(anyhow::Error::msg)
}
