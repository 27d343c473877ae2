// SPDX-License-Identifier: EUPL-1.2
//! Opening a data folder and starting the engine on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use concert_protocol::consolidation::Consolidation;
use concert_protocol::content::LocatorRules;
use concert_protocol::log::SignedNote;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use concert_protocol::sync::{Replica, ReplicaConfig, StoredLog};
use libp2p::Multiaddr;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::alarms::AlarmLog;
use super::core::{Core, CoreError};
use super::own_log::{OwnLog, OwnLogError};
use super::projection::{Projection, ProjectionSettings, Wake};
use super::repair::{FoundDamage, Repairs, open_journal};
use super::roster_file::{RosterFileError, RosterFiles};
use super::serve::Servers;
use super::shared::{Shared, now};
use super::{COMMANDS_MAX, Engine};
use crate::journal::{
    DataDir, DataLock, JournalError, LockError, LogJournal, PrivateJournal, PrivateRecord, Reserve,
    SignedStateError, SignedStateFile,
};
use crate::keys::{KeyError, NodeKeys};
use crate::net::{self, NetworkError, PeerBook};
use crate::store::{Opened, Store, StoreError};

/// Frames and connection events that may wait for the core; peers are slowed beyond it.
const EVENTS_MAX: usize = 256;
/// The core stops within this after its last step; longer means a disk that hangs.
const STOP_MAX: Duration = Duration::from_secs(30);

/// What a node needs to start.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Who this node is.
    pub member: MemberId,
    /// Where the peer port listens.
    pub listen: Vec<Multiaddr>,
    /// Locator rules in force.
    pub rules: Arc<LocatorRules>,
    /// Memory for the store's cache, in bytes.
    pub cache_bytes: u64,
    /// Disk space kept free for finishing when the disk fills, in bytes.
    pub reserve_bytes: u64,
    /// Intervals and bounds of replication.
    pub replica: ReplicaConfig,
    /// After how much silence tiers 1 and 2 are issued by the next coordinator.
    pub step_in_after: Duration,
    /// How long recipients are given to answer.
    pub answer_window: Duration,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process uses the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A key file is missing, readable by others, or damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no roster, or it is not valid.
    #[error(transparent)]
    Roster(#[from] RosterFileError),
    /// The roster does not know this node.
    #[error("{0} is not in the roster in force (version {1}); apply a version that lists it")]
    NotAMember(MemberId, u64),
    /// The roster names other keys than the folder holds.
    #[error("the roster names another {what} key for {member} than the one in {folder}")]
    OtherKey {
        /// Which.
        what: &'static str,
        /// This node.
        member: MemberId,
        /// The key folder.
        folder: PathBuf,
    },
    /// A journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The memory of what was signed cannot be read.
    #[error(transparent)]
    SignedState(#[from] SignedStateError),
    /// The own log contradicts what was signed.
    #[error(
        "this node's own log does not lead to the root that it signed at size {size}; restore it from peers or a backup"
    )]
    OtherRoot {
        /// The signed size.
        size: u64,
    },
    /// The own log could not be put right.
    #[error(transparent)]
    OwnLog(#[from] OwnLogError),
    /// The store cannot be used.
    #[error("cannot open the store: {0}")]
    Store(#[from] StoreError),
    /// The peer port cannot be opened.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A thread could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// A running engine. Dropping it without [`Running::stop`] loses nothing that was acknowledged.
pub struct Running {
    /// The handle for everything else.
    pub engine: Engine,
    /// Local records of earlier runs, in order.
    pub private: Vec<PrivateRecord>,
    /// Cancelled when the engine ends by itself; cancel it to end the engine.
    pub stopping: CancellationToken,
    core: std::thread::JoinHandle<Result<(), CoreError>>,
    projection: std::thread::JoinHandle<Result<(), StoreError>>,
    wake: Arc<Wake>,
    _lock: DataLock,
}

impl Running {
    /// Finishes what was begun and ends the threads; says why the engine ended if it did by itself.
    ///
    /// # Errors
    ///
    /// What ended the core or the projection.
    pub async fn stop(self) -> Result<(), String> {
        self.stopping.cancel();
        self.wake.ring();
        let ended = tokio::task::spawn_blocking(move || {
            let projection = self.projection.join().map_err(|_| "the projection panicked".to_owned());
            let core = self.core.join().map_err(|_| "the core panicked".to_owned());
            core?.map_err(|error| error.to_string())?;
            projection?.map_err(|error| error.to_string())
        });
        match tokio::time::timeout(STOP_MAX, ended).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the engine's threads could not be joined".into()),
            Err(_) => Err("the engine did not stop in time; what was acknowledged is durable".into()),
        }
    }
}

/// Opens the folder and starts the threads; call it inside a tokio runtime.
///
/// # Errors
///
/// [`StartError`], before anything was changed that a second start could not take up.
pub fn start(options: StartOptions) -> Result<Running, StartError> {
    let data = DataDir::new(&options.data);
    let lock = data.take()?;
    let keys = NodeKeys::load(&data.keys())?;
    let rosters = RosterFiles::new(&data.roster());
    let roster = Arc::new(rosters.load()?);
    check_keys(&roster, &options.member, &keys, &data)?;

    let (mut journals, damage) = open_journals(&data, &roster, &options.member)?;
    let own = open_own(&data, &roster, &options.member, &keys, &mut journals)?;
    let (private, _) = PrivateJournal::open(&data.private())?;
    let mut private_records = Vec::new();
    private.replay(|_, record| private_records.push(record))?;
    let reserve = Reserve::new(&data.reserve(), options.reserve_bytes);
    if let Err(error) = reserve.fill() {
        tracing::warn!(%error, "the disk has no room for the reserve");
    }
    let (store, opened) = Store::open(&data.store(), options.cache_bytes)?;
    if let Opened::Rebuilt { set_aside, reason } = &opened {
        tracing::warn!(set_aside = %set_aside.display(), %reason, "the store was damaged: set aside, rebuilding from the journals");
    }

    let store = verified(store, &data, options.cache_bytes, &journals)?;

    let at = now();
    let stored = stored_logs(&journals, &options.member);
    let mut config = options.replica.clone();
    let own_entries = own.as_ref().and_then(|own| journals.get(own.log())).map_or(0, LogJournal::size);
    let forgot = own.as_ref().is_some_and(OwnLog::memory_is_new) && own_entries > 0;
    if forgot || data.restored().exists() {
        // Time alone does not tell what was signed; only peers, or an operator who knows, can.
        tracing::warn!("what was signed last is not known here: peers are asked before anything is signed");
        config.own_head_from_everybody = true;
    }
    let replica =
        Replica::new(config, roster.clone(), options.member.clone(), keys.cosigner.clone(), stored, at);
    let shared = Arc::new(Shared {
        me: options.member.clone(),
        started: at,
        rules: options.rules.clone(),
        store,
        alarms: AlarmLog::new(data.alarms()),
        consolidation: RwLock::new(Consolidation::new(options.rules.clone())),
        readers: RwLock::new(journals.iter().map(|(log, journal)| (log.clone(), journal.reader())).collect()),
        roster: RwLock::new(roster.clone()),
        logs: Mutex::default(),
        applied: Mutex::default(),
        network: OnceLock::new(),
        tick: watch::channel(0).0,
        own_ready: false.into(),
    });
    let stop = CancellationToken::new();
    let (events_sender, events) = mpsc::channel(EVENTS_MAX);
    let book = PeerBook::of(&roster, &options.member);
    let network = net::start(&keys.transport, &options.listen, book, events_sender, stop.clone())?;
    let _ = shared.network.set(network.clone());

    let (commands_sender, commands) = mpsc::channel(COMMANDS_MAX);
    let engine = Engine::new(commands_sender, shared.clone());
    let wake = Arc::new(Wake::default());
    let mut repairs = Repairs::default();
    for (log, journal) in &journals {
        repairs.note(log, journal);
    }
    for FoundDamage { message, .. } in damage {
        shared.alarms.raise(at, "damaged", message);
    }
    let core = Core {
        data,
        repairs,
        shared: shared.clone(),
        replica,
        journals,
        own,
        signing_key: keys.signing.clone(),
        private,
        rosters,
        reserve,
        network,
        servers: Servers::default(),
        wake: wake.clone(),
        recent: BTreeMap::new(),
        recent_from: own_entries,
        storage_full: false,
        stored_something: false,
    };
    core.publish();
    let settings = ProjectionSettings {
        step_in_after: options.step_in_after,
        answer_window: options.answer_window,
        workers: std::thread::available_parallelism().map_or(2, usize::from),
    };
    let projection = Projection::new(shared, engine.clone(), settings);
    let projection = spawn_projection(projection, wake.clone(), stop.clone())?;
    let core = spawn_core(core, commands, events, stop.clone(), wake.clone())?;
    Ok(Running { engine, private: private_records, stopping: stop, core, projection, wake, _lock: lock })
}

/// A store that lost rows, or knows what the journals do not, is begun anew and rebuilt from them.
fn verified(
    store: Store,
    data: &DataDir,
    cache_bytes: u64,
    journals: &BTreeMap<LogId, LogJournal>,
) -> Result<Store, StartError> {
    let ahead = store
        .positions()?
        .iter()
        .any(|(log, position)| journals.get(log).is_none_or(|journal| *position > journal.size()));
    let store = match store.verify() {
        Ok(_) => store,
        Err(StoreError::Damaged { what, .. }) => {
            tracing::warn!(what, "the store is damaged: setting it aside, rebuilding from the journals");
            drop(store);
            Store::open(&data.store(), cache_bytes)?.0
        }
        Err(error) => return Err(error.into()),
    };
    if ahead {
        tracing::warn!("the store knows entries that the journals do not: rebuilding it");
        store.clear()?;
    }
    Ok(store)
}

fn spawn_core(
    core: Core,
    commands: mpsc::Receiver<super::Command>,
    events: mpsc::Receiver<net::NetEvent>,
    stop: CancellationToken,
    wake: Arc<Wake>,
) -> Result<std::thread::JoinHandle<Result<(), CoreError>>, StartError> {
    let runtime = tokio::runtime::Handle::current();
    let body = move || {
        let ended = runtime.block_on(core.run(commands, events, stop.clone()));
        if let Err(error) = &ended {
            tracing::error!(%error, "the core stops the node");
        }
        stop.cancel();
        wake.ring();
        ended
    };
    std::thread::Builder::new().name("core".into()).spawn(body).map_err(StartError::Thread)
}

fn spawn_projection(
    mut projection: Projection,
    wake: Arc<Wake>,
    stop: CancellationToken,
) -> Result<std::thread::JoinHandle<Result<(), StoreError>>, StartError> {
    let body = move || {
        let ended = projection.load().and_then(|()| projection.run(&wake, &stop));
        if let Err(error) = &ended {
            tracing::error!(%error, "the projection stops the node; the store is rebuilt at the next start");
        }
        stop.cancel();
        ended
    };
    std::thread::Builder::new().name("projection".into()).spawn(body).map_err(StartError::Thread)
}

fn check_keys(roster: &Roster, me: &MemberId, keys: &NodeKeys, data: &DataDir) -> Result<(), StartError> {
    let member = roster.member(me).ok_or_else(|| StartError::NotAMember(me.clone(), roster.version()))?;
    let other = |what| StartError::OtherKey { what, member: me.clone(), folder: data.keys() };
    if member.transport_key != keys.transport.public() {
        return Err(other("transport"));
    }
    if member.cosigner_key != keys.cosigner.public() {
        return Err(other("cosigner"));
    }
    let signs = |log: &LogId| roster.is_signing_key(log, &keys.signing.public());
    if roster.own_log(me).is_some_and(|log| !signs(&log)) {
        return Err(other("signing"));
    }
    Ok(())
}

fn open_journals(
    data: &DataDir,
    roster: &Roster,
    me: &MemberId,
) -> Result<(BTreeMap<LogId, LogJournal>, Vec<FoundDamage>), StartError> {
    let signed = SignedStateFile::open(&data.signed_state()).ok();
    let (mut journals, mut damage) = (BTreeMap::new(), Vec::new());
    for log in roster.logs().cloned() {
        let own_signed = signed.as_ref().and_then(|file| file.last()).filter(|last| last.log == log);
        let keep = match own_signed {
            Some(last) => last.state.size,
            None => cosigned_size(data, &log, roster, me),
        };
        let (journal, found) = open_journal(data, &log, keep)?;
        damage.extend(found);
        journals.insert(log, journal);
    }
    Ok((journals, damage))
}

/// The size under which this node put its cosignature, which it promised to hold.
fn cosigned_size(data: &DataDir, log: &LogId, roster: &Roster, me: &MemberId) -> u64 {
    let name = roster.cosigner_name(me);
    let note =
        std::fs::read(data.log(log).join("checkpoint")).ok().and_then(|bytes| SignedNote::parse(&bytes).ok());
    let Some(note) = note.filter(|note| note.signatures().iter().any(|line| line.name() == name)) else {
        return 0;
    };
    concert_protocol::log::Checkpoint::parse(note.text()).map_or(0, |checkpoint| checkpoint.size)
}

/// Brings the own log and the memory of what was signed together, or refuses to.
fn open_own(
    data: &DataDir,
    roster: &Roster,
    me: &MemberId,
    keys: &NodeKeys,
    journals: &mut BTreeMap<LogId, LogJournal>,
) -> Result<Option<OwnLog>, StartError> {
    let Some(log) = roster.own_log(me) else { return Ok(None) };
    let signed = SignedStateFile::open(&data.signed_state())?;
    let Some(journal) = journals.get_mut(&log) else { return Ok(None) };
    if let Some(last) = signed.last().filter(|last| last.log == log) {
        let (size, root) = (last.state.size, last.state.root);
        if journal.size() >= size && journal.root_at(size)? != root {
            return Err(StartError::OtherRoot { size });
        }
        if journal.size() > size {
            // Written but never signed, so never acknowledged and never seen by anybody.
            journal.truncate_unsigned_tail(size)?;
        }
    } else if !signed.was_created() && journal.size() > 0 {
        journal.truncate_unsigned_tail(0)?;
    }
    Ok(Some(OwnLog::new(log, roster.federation(), keys.signing.clone(), signed)))
}

fn stored_logs(journals: &BTreeMap<LogId, LogJournal>, me: &MemberId) -> Vec<StoredLog> {
    let stored = |(log, journal): (&LogId, &LogJournal)| StoredLog {
        log: log.clone(),
        frontier: journal.frontier().clone(),
        head: journal.checkpoint().map(<[u8]>::to_vec),
        own: log.member == *me,
    };
    journals.iter().map(stored).collect()
}
