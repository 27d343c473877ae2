// SPDX-License-Identifier: EUPL-1.2
//! The core's thread: the one owner of the replica and of every journal.
//!
//! It takes what waits, in bounded batches, lets the replica decide, makes everything durable in one commit per log,
//! and only then sends and acknowledges. It never waits for a peer or for a client. A failed write ends it: a member
//! that forgets what it signed is worse than one that is down.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use concert_protocol::entry::{Body, EntryId, NewEntry, Nonce};
use concert_protocol::key::SecretKey;
use concert_protocol::member::LogId;
use concert_protocol::roster::SignedRoster;
use concert_protocol::sync::{Alarm, Effect, Input, Leaf, LogStatus, Replica};
use concert_protocol::time::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::own_log::{OwnLog, OwnLogError};
use super::projection::Wake;
use super::repair::Repairs;
use super::roster_file::{RosterFileError, RosterFiles};
use super::serve::Servers;
use super::shared::{LogState, Shared, now};
use super::unique::Unique;
use super::{AuthorError, Authored, Authoring, Command};
use crate::journal::{DataDir, JournalError, LogJournal, PrivateJournal, Record, Reserve};
use crate::net::{NetEvent, Network, PeerBook, SendError};
use crate::store::{StoreError, Table};

/// Events taken in one step; what they store is synced together.
const STEP_MAX: usize = 256;
/// Longest sleep without anything to do.
const IDLE: Duration = Duration::from_secs(5);

/// Why the core ended.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// A journal could not be written.
    #[error("cannot write a journal: {0}")]
    Journal(#[from] JournalError),
    /// The own log could not be signed.
    #[error(transparent)]
    OwnLog(#[from] OwnLogError),
    /// The store could not be read.
    #[error("cannot read the store: {0}")]
    Store(#[from] StoreError),
    /// The system gave no randomness.
    #[error("the system gives no random bytes")]
    Random,
    /// The replica asked for something that a roster member's log cannot have.
    #[error("the log {0} is not open here")]
    NoLog(LogId),
}

/// The answer to a request for entries, and the way back to who asked.
type AuthorAnswer = Result<Vec<Result<Authored, AuthorError>>, AuthorError>;
type AuthorReply = oneshot::Sender<AuthorAnswer>;

/// Everything that the core owns.
pub(crate) struct Core {
    pub(crate) data: DataDir,
    pub(super) repairs: Repairs,
    pub(crate) shared: Arc<Shared>,
    pub(crate) replica: Replica,
    pub(crate) journals: BTreeMap<LogId, LogJournal>,
    pub(super) own: Option<OwnLog>,
    pub(crate) signing_key: SecretKey,
    pub(crate) private: PrivateJournal,
    pub(crate) rosters: RosterFiles,
    pub(crate) reserve: Reserve,
    pub(crate) network: Network,
    pub(crate) servers: Servers,
    pub(crate) wake: Arc<Wake>,
    /// Authored but perhaps not yet in the store: unique part to index.
    pub(crate) recent: BTreeMap<Unique, u64>,
    /// `recent` has every entry of the own log from here on; what is before is known once the store has it.
    pub(super) recent_from: u64,
    pub(crate) storage_full: bool,
    /// The projection has something to do once it is published.
    pub(crate) stored_something: bool,
}

impl Core {
    /// Works until `stop`; then finishes what it took.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<NetEvent>,
        stop: CancellationToken,
    ) -> Result<(), CoreError> {
        self.settle(now(), Vec::new())?;
        while !stop.is_cancelled() {
            let mut taken_commands = Vec::new();
            let mut taken_events = Vec::new();
            let sleep = self.replica.poll_timeout().map_or(IDLE, |at| at.since(now()).min(IDLE));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Local work before remote work.
                command = commands.recv() => match command {
                    Some(command) => taken_commands.push(command),
                    None => break,
                },
                event = events.recv() => taken_events.extend(event),
                () = tokio::time::sleep(sleep) => {}
            }
            while taken_commands.len() < STEP_MAX
                && let Ok(command) = commands.try_recv()
            {
                taken_commands.push(command);
            }
            while taken_events.len() < STEP_MAX
                && let Ok(event) = events.try_recv()
            {
                taken_events.push(event);
            }
            self.step(now(), taken_commands, taken_events)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        at: Timestamp,
        commands: Vec<Command>,
        events: Vec<NetEvent>,
    ) -> Result<(), CoreError> {
        for event in events {
            self.on_event(at, event)?;
        }
        let mut authoring = Vec::new();
        for command in commands {
            match command {
                Command::Author { requests, reply } => authoring.push((requests, reply)),
                other => self.on_command(at, other)?,
            }
        }
        self.replica.handle_timeout(at);
        self.ask_for_repairs(at);
        self.first_head(at)?;
        self.settle(at, authoring)
    }

    /// A log whose newest entries have no checkpoint gets one as soon as it may be signed. That is a new log, whose
    /// silence is noticed from then on, and one whose node stopped between remembering what it signs and signing it.
    /// One whose last checkpoint was signed but not kept, because the node ended or the disk was full, gets it again.
    fn first_head(&mut self, at: Timestamp) -> Result<(), CoreError> {
        let Some(log) = self.own.as_ref().map(|own| own.log().clone()) else { return Ok(()) };
        let size = self.journals.get(&log).map_or(0, LogJournal::size);
        let signed = |status: LogStatus| status.head_note.is_some() && status.head_size >= size;
        if self.replica.log_status(&log).is_some_and(signed) || self.refusal(at).is_some() {
            return Ok(());
        }
        let (Some(own), Some(journal)) = (self.own.as_mut(), self.journals.get_mut(&log)) else {
            return Ok(());
        };
        let note = own.sign(journal, size)?;
        self.handle(at, Input::OwnAdvanced { note, from: size, leaves: Vec::new() });
        Ok(())
    }

    fn on_event(&mut self, at: Timestamp, event: NetEvent) -> Result<(), CoreError> {
        if let NetEvent::Frame { from, bytes } = &event
            && let Some((log, records)) = self.repairs.take(from, bytes)
        {
            return self.repair(at, &log, &records);
        }
        let (peer, input) = match event {
            NetEvent::Connected(member) => (member.clone(), Input::Connected(member)),
            NetEvent::Disconnected(member) => {
                self.servers.forget(&member);
                (member.clone(), Input::Disconnected(member))
            }
            NetEvent::Frame { from, bytes } => (from.clone(), Input::Frame { from, bytes }),
        };
        if let Err(fault) = self.replica.handle(at, input) {
            tracing::warn!(%peer, %fault, "a peer broke a rule");
        }
        Ok(())
    }

    fn ask_for_repairs(&mut self, at: Timestamp) {
        for (peer, frame) in self.repairs.ask(at, &self.network.connected()) {
            // A peer that does not read is disconnected when the replica writes to it.
            let _ = self.network.send(&peer, frame);
        }
    }

    /// Puts records that a peer sent in the place of those that cannot be read, if they have the same leaf hashes.
    fn repair(&mut self, at: Timestamp, log: &LogId, records: &[(u64, Record)]) -> Result<(), CoreError> {
        let Some(journal) = self.journals.get_mut(log) else { return Ok(()) };
        match journal.repair(records, None) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                self.repairs.note(log, journal);
                self.repairs.go_on(log);
                let message = format!("{count} records of {log} that could not be read are back from peers");
                self.shared.alarms.raise(at, "repaired", message);
                self.stored_something = true;
            }
            Err(error @ (JournalError::WrongLeaf { .. } | JournalError::LeafUnknown { .. })) => {
                tracing::warn!(%log, %error, "a peer's records are no repair; asking another");
            }
            Err(error) => self.survive_full(error)?,
        }
        Ok(())
    }

    fn on_command(&mut self, at: Timestamp, command: Command) -> Result<(), CoreError> {
        // A caller that went away needs no answer.
        match command {
            Command::Author { reply, .. } => drop(reply),
            // Every step looks at everything.
            Command::Look => {}
            Command::Private { records, reply } => {
                let written = self.private.append(&records);
                let _ = reply.send(match written {
                    Ok(()) => Ok(()),
                    Err(error) if error.is_storage_full() => Err(AuthorError::StorageFull),
                    Err(error) => return Err(error.into()),
                });
            }
            Command::Roster { signed, reply } => {
                let _ = reply.send(self.apply_roster(at, *signed));
            }
            Command::Unfreeze { log, reply } => {
                self.handle(at, Input::Unfreeze(log));
                let _ = reply.send(());
            }
            Command::TrustOwnLog { reply } => {
                self.handle(at, Input::TrustOwnLog);
                let _ = reply.send(());
            }
            Command::Backup { to, reply } => {
                // The core writes nothing meanwhile, so the copy is of one instant.
                let copied = crate::journal::backup(&self.data, &to, false);
                let _ = reply.send(copied.map(|_| ()).map_err(|error| error.to_string()));
            }
        }
        Ok(())
    }

    /// Inputs of this node's own making cannot be at fault.
    fn handle(&mut self, at: Timestamp, input: Input) {
        if let Err(fault) = self.replica.handle(at, input) {
            tracing::error!(%fault, "the replica refused this node's own input");
        }
    }

    fn apply_roster(&mut self, at: Timestamp, signed: SignedRoster) -> Result<u64, RosterFileError> {
        let roster = Arc::new(self.rosters.apply(signed)?);
        let version = roster.version();
        for log in roster.logs() {
            if let std::collections::btree_map::Entry::Vacant(vacant) = self.journals.entry(log.clone()) {
                let (journal, _) = LogJournal::open(&self.data.log(log), 0)?;
                self.shared
                    .readers
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(log.clone(), journal.reader());
                vacant.insert(journal);
            }
        }
        *self.shared.roster.write().unwrap_or_else(PoisonError::into_inner) = roster.clone();
        self.network.set_roster(PeerBook::of(&roster, &self.shared.me));
        self.handle(at, Input::RosterChanged(roster));
        self.wake.ring();
        Ok(version)
    }

    /// Carries out everything that the replica wants, and authors what was asked, until nothing is left.
    fn settle(
        &mut self,
        at: Timestamp,
        authoring: Vec<(Vec<Authoring>, AuthorReply)>,
    ) -> Result<(), CoreError> {
        let answers = if authoring.is_empty() { Vec::new() } else { self.author(at, authoring)? };
        while let Some(effect) = self.replica.poll_effect() {
            self.carry_out(at, effect)?;
        }
        self.publish();
        if std::mem::take(&mut self.stored_something) {
            self.wake.ring();
        }
        // Only now: whoever reads the answer must find published what it says.
        for (reply, answer) in answers {
            let _ = reply.send(answer);
        }
        Ok(())
    }

    fn carry_out(&mut self, at: Timestamp, effect: Effect) -> Result<(), CoreError> {
        match effect {
            Effect::Send { to, frame } => {
                if self.network.send(&to, frame) == Err(SendError::Full) {
                    tracing::warn!(peer = %to, "the peer does not read; disconnecting");
                    self.network.disconnect(&to);
                }
            }
            Effect::Store { log, from, leaves, head } => self.store(at, log, from, leaves, head)?,
            Effect::StoreHead { log, head } => {
                let journal = self.journals.get_mut(&log).ok_or(CoreError::NoLog(log))?;
                if let Err(error) = journal.store_checkpoint(&head) {
                    self.survive_full(error)?;
                }
            }
            Effect::Serve(request) => self.servers.range(request, &self.shared, &self.network),
            Effect::ServeConsistency(request) => {
                self.servers.consistency(request, &self.shared, &self.network)
            }
            Effect::Raise(alarm) => self.raise(at, &alarm),
            Effect::Disconnect { peer, fault } => {
                tracing::warn!(%peer, %fault, "disconnecting a peer");
                self.network.disconnect(&peer);
            }
        }
        Ok(())
    }

    fn store(
        &mut self,
        at: Timestamp,
        log: LogId,
        from: u64,
        leaves: Vec<Leaf>,
        head: Vec<u8>,
    ) -> Result<(), CoreError> {
        let journal = self.journals.get_mut(&log).ok_or_else(|| CoreError::NoLog(log.clone()))?;
        if journal.size() != from {
            tracing::error!(%log, from, size = journal.size(), "the replica and the journal disagree; storing nothing");
            return Ok(());
        }
        let records: Vec<Record> = leaves
            .into_iter()
            .map(|leaf| match leaf {
                Leaf::Entry(bytes) => Record::Entry(bytes),
                Leaf::Withheld(hash) => Record::Withheld(hash),
            })
            .collect();
        // The checkpoint first: records without one could not be proved to anybody after a crash in between.
        let written = journal.store_checkpoint(&head).and_then(|()| journal.append(&records));
        if let Err(error) = written {
            self.survive_full(error)?;
            self.handle(at, Input::StoreFailed { log });
            return Ok(());
        }
        self.storage_full = false;
        let journal = self.journals.get_mut(&log).ok_or_else(|| CoreError::NoLog(log.clone()))?;
        let size = journal.size();
        let root = journal.frontier().root();
        if let Some(own) = self.own.as_mut().filter(|own| *own.log() == log) {
            // Own entries that came back from peers were signed once; remember that before anything new is.
            own.recovered(size, root)?;
        }
        self.handle(at, Input::Stored { log, size });
        self.stored_something = true;
        Ok(())
    }

    /// A full disk stops writing, not the node; any other failure stops the node.
    fn survive_full(&mut self, error: JournalError) -> Result<(), CoreError> {
        if !error.is_storage_full() {
            return Err(error.into());
        }
        if !self.storage_full {
            self.storage_full = true;
            // The reserve gives the store and the checkpoints room to finish what they began.
            if let Err(error) = self.reserve.release() {
                tracing::error!(%error, "the reserve could not be released");
            }
            self.shared.alarms.raise(now(), "storage_full", error.to_string());
        }
        Ok(())
    }

    /// Authors what was asked in one durable step; the answers are given once everything is published.
    fn author(
        &mut self,
        at: Timestamp,
        batch: Vec<(Vec<Authoring>, AuthorReply)>,
    ) -> Result<Vec<(AuthorReply, AuthorAnswer)>, CoreError> {
        let refusal = self.refusal(at);
        let Some(log) = self.own.as_ref().map(|own| own.log().clone()).filter(|_| refusal.is_none()) else {
            let error = refusal.unwrap_or_else(|| AuthorError::NoLog(self.shared.me.clone()));
            return Ok(batch.into_iter().map(|(_, reply)| (reply, Err(error.clone()))).collect());
        };
        let from = self.journals.get(&log).map_or(0, LogJournal::size);
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        for (requests, reply) in batch {
            let mut results = Vec::with_capacity(requests.len());
            for request in requests {
                results.push(self.author_one(at, &log, from, &mut entries, request)?);
            }
            answers.push((reply, Ok(results)));
        }
        if !entries.is_empty() && !self.append_own(at, &log, entries)? {
            let full = |(reply, _): (AuthorReply, AuthorAnswer)| (reply, Err(AuthorError::StorageFull));
            return Ok(answers.into_iter().map(full).collect());
        }
        Ok(answers)
    }

    /// Why nothing may be authored now.
    fn refusal(&self, at: Timestamp) -> Option<AuthorError> {
        if self.own.is_none() {
            return Some(AuthorError::NoLog(self.shared.me.clone()));
        }
        let own = self.own.as_ref()?;
        let here = self.journals.get(own.log()).map_or(0, LogJournal::size);
        // Fewer entries than were signed, or some that cannot be read: they come back from peers before anything new is
        // signed.
        let damaged = here < own.signed_size() || self.repairs.concern(own.log());
        // Whoever asks for what was authored before must be told so, not get it a second time.
        let unindexed = self.shared.applied(own.log()) < self.recent_from;
        if damaged || unindexed || !self.replica.may_sign_own(at) {
            return Some(AuthorError::NotReady);
        }
        None
    }

    /// Signs one entry into `entries`, or finds the one that the same request authored before.
    fn author_one(
        &mut self,
        at: Timestamp,
        log: &LogId,
        from: u64,
        entries: &mut Vec<Vec<u8>>,
        request: Authoring,
    ) -> Result<Result<Authored, AuthorError>, CoreError> {
        if needs_fresh_roster(&request.body) && self.shared.roster().expired(at) {
            return Ok(Err(AuthorError::RosterExpired(self.shared.roster().content().expires)));
        }
        if let Some(unique) = request.unique {
            match self.existing(at, log, from, entries, unique) {
                Ok(None) => {}
                Ok(Some(existing)) => return Ok(Ok(existing)),
                // The projection sees to the store; without it nobody can tell what was authored before.
                Err(CoreError::Store(StoreError::StorageFull { .. })) => {
                    return Ok(Err(AuthorError::StorageFull));
                }
                Err(CoreError::Store(error)) => {
                    tracing::warn!(%error, "the store cannot be asked what was authored before");
                    return Ok(Err(AuthorError::NotReady));
                }
                Err(error) => return Err(error),
            }
        }
        let id = match request.unique {
            Some(unique) => unique.id(at),
            None => EntryId::new(at, random()?),
        };
        let author = self.shared.me.clone();
        let nonce = Nonce::new(random()?);
        let new = NewEntry { id, author, at, nonce, audience: request.audience, body: request.body };
        let signed = match new.sign(&self.signing_key) {
            Ok(signed) => signed,
            Err(error) => return Ok(Err(error.into())),
        };
        let index = from + entries.len() as u64;
        entries.push(signed.bytes.clone());
        if let Some(unique) = request.unique {
            self.recent.insert(unique, index);
        }
        let reference = signed.entry.reference();
        Ok(Ok(Authored { reference, log: log.clone(), index, at, bytes: signed.bytes, existing: false }))
    }

    /// The entry that a unique request authored before: in this batch, lately, or long ago.
    fn existing(
        &mut self,
        at: Timestamp,
        log: &LogId,
        from: u64,
        entries: &[Vec<u8>],
        unique: Unique,
    ) -> Result<Option<Authored>, CoreError> {
        let index = match self.recent.get(&unique) {
            Some(index) => Some(*index),
            None => {
                let row = self.shared.store.get(Table::Own, unique.as_bytes())?;
                row.and_then(|bytes| super::projection::row_body(&bytes)?.try_into().ok())
                    .map(u64::from_be_bytes)
            }
        };
        let Some(index) = index else { return Ok(None) };
        let bytes = match index.checked_sub(from).and_then(|offset| usize::try_from(offset).ok()) {
            Some(offset) => entries.get(offset).cloned(),
            None => match self.journals.get(log).map(|journal| journal.reader().get(index)).transpose()? {
                Some(Some(Record::Entry(bytes))) => Some(bytes),
                _ => None,
            },
        };
        // An erased entry was authored all the same; its name alone can still be told.
        let Some(bytes) = bytes else { return Ok(None) };
        let envelope = concert_protocol::entry::Envelope::open(&bytes);
        let entry = envelope.and_then(|envelope| concert_protocol::entry::Entry::decode(&envelope));
        let reference = match entry {
            Ok(entry) => entry.reference(),
            Err(_) => return Ok(None),
        };
        Ok(Some(Authored { reference, log: log.clone(), index, at, bytes, existing: true }))
    }

    /// Appends, signs and publishes. `false` when the disk is full and nothing was written.
    fn append_own(&mut self, at: Timestamp, log: &LogId, entries: Vec<Vec<u8>>) -> Result<bool, CoreError> {
        let journal = self.journals.get_mut(log).ok_or_else(|| CoreError::NoLog(log.clone()))?;
        let own = self.own.as_mut().ok_or_else(|| CoreError::NoLog(log.clone()))?;
        let before = journal.size();
        let (from, note) = match own.append(journal, &entries) {
            Ok(appended) => appended,
            Err(OwnLogError::Journal(error)) if error.is_storage_full() && journal.size() == before => {
                self.recent.retain(|_, index| *index < before);
                self.survive_full(error)?;
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        self.storage_full = false;
        self.handle(at, Input::OwnAdvanced { note, from, leaves: entries });
        self.forget_projected(log);
        self.stored_something = true;
        Ok(true)
    }

    /// What the store knows need not be remembered here.
    fn forget_projected(&mut self, log: &LogId) {
        let applied = self.shared.applied(log);
        if self.recent.len() > 4 * STEP_MAX {
            self.recent.retain(|_, index| *index >= applied);
            self.recent_from = self.recent_from.max(applied);
        }
    }

    fn raise(&self, at: Timestamp, alarm: &Alarm) {
        let mut message = alarm.to_string();
        if let Some(evidence) = alarm.evidence()
            && let Some(path) = self.shared.alarms.keep_evidence(&evidence)
        {
            message = format!("{message}; evidence kept in {}", path.display());
        }
        self.shared.alarms.raise(at, alarm.code(), message);
    }

    /// Tells readers where every log stands.
    pub(super) fn publish(&self) {
        let mut states = BTreeMap::new();
        for (log, journal) in &self.journals {
            let status = self.replica.log_status(log);
            let mut state = LogState { stored: journal.size(), ..LogState::default() };
            if let Some(status) = status {
                state.head = status.head_size;
                state.root = status.head_root;
                state.note = status.head_note.clone();
                state.proven = status.proven_note.clone().map(|note| (status.proven_size, note));
                state.cosigners = status.cosigners.clone();
                state.author_time = status.author_time;
                state.confirmed = status.confirmed;
                state.frozen = status.frozen;
            }
            states.insert(log.clone(), state);
        }
        *self.shared.logs.lock().unwrap_or_else(PoisonError::into_inner) = states;
        let ready = self.own.is_some() && self.refusal(now()).is_none();
        if ready && !self.shared.own_ready.swap(ready, Ordering::Relaxed) {
            // Peers told what they have of the own log, and all of it is here: the backup is caught up.
            let _ = std::fs::remove_file(self.data.restored());
        }
        self.shared.own_ready.store(ready, Ordering::Relaxed);
    }
}

fn random<const N: usize>() -> Result<[u8; N], CoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CoreError::Random)?;
    Ok(bytes)
}

/// Bodies that only coordinators with a fresh roster may author; others are bound by their own duties alone.
fn needs_fresh_roster(body: &Body) -> bool {
    matches!(
        body,
        Body::NoticeIssued(_)
            | Body::NoticeRevised(_)
            | Body::NoticeMerged(_)
            | Body::NoticeWithdrawn(_)
            | Body::RecipientRegistered(_)
            | Body::RecipientUpdated(_)
            | Body::RecipientSuspended(_)
            | Body::RulesPublished(_)
    )
}
