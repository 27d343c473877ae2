// SPDX-License-Identifier: EUPL-1.2
//! The node's engine: one thread owns the replica and every journal, another keeps the derived state up to date.
//!
//! Data flow: requests and frames come in over bounded channels; `core` persists before it sends or acknowledges;
//! `projection` follows the journals, checks each entry's own signature, applies it to the consolidation and the
//! store, and asks the core to author what should exist; [`Engine`] is the cheap handle that everything else holds.

mod alarms;
mod core;
mod own_log;
mod projection;
mod repair;
mod roster_file;
mod serve;
mod shared;
mod start;
mod unique;

use concert_protocol::entry::{Audience, Body, EntryRef};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::SignedRoster;
use concert_protocol::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

pub use alarms::{AlarmLog, RaisedAlarm};
pub use core::CoreError;
pub use own_log::OwnLogError;
pub use projection::{EntryRecord, ListKey, entry_key, feed_key, feed_prefix, find_entry, row_body};
pub use roster_file::{RosterFileError, RosterFiles};
pub use shared::{LogState, Shared, now};
pub use start::{Running, StartError, StartOptions, start};
pub use unique::Unique;

use crate::journal::PrivateRecord;

/// Commands that may wait for the engine; callers wait their turn beyond it.
pub const COMMANDS_MAX: usize = 1024;

/// One entry to author.
#[derive(Clone, Debug)]
pub struct Authoring {
    /// What it says.
    pub body: Body,
    /// Who receives it.
    pub audience: Audience,
    /// Present when the same request must never author twice, before or after a restart.
    pub unique: Option<Unique>,
}

/// An entry that is durable in this node's own log.
#[derive(Clone, Debug)]
pub struct Authored {
    /// Its name.
    pub reference: EntryRef,
    /// Its log.
    pub log: LogId,
    /// Its index there.
    pub index: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The exact bytes.
    pub bytes: Vec<u8>,
    /// The same request authored it before; nothing new was written.
    pub existing: bool,
}

/// Why nothing was authored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthorError {
    /// This node's role has no log of its own.
    #[error("{0} has no open log in the roster: a mirror authors nothing")]
    NoLog(MemberId),
    /// After a start the node first asks its peers for its own newest checkpoint.
    #[error("not ready to sign: waiting for peers to return this node's own newest checkpoint")]
    NotReady,
    /// The roster expired, which ends the privilege that was asked for.
    #[error("the roster expired at {0}; a new version must be signed and applied")]
    RosterExpired(Timestamp),
    /// The entry breaks a rule of its kind.
    #[error(transparent)]
    Entry(#[from] concert_protocol::entry::EntryError),
    /// The disk is full: reading and serving go on, writing does not.
    #[error("the disk is full: free some space, then try again")]
    StorageFull,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// What others ask of the core.
pub(crate) enum Command {
    /// Author entries: all in one durable step, answered one by one.
    Author {
        requests: Vec<Authoring>,
        reply: oneshot::Sender<Result<Vec<Result<Authored, AuthorError>>, AuthorError>>,
    },
    /// Write local records durably.
    Private { records: Vec<PrivateRecord>, reply: oneshot::Sender<Result<(), AuthorError>> },
    /// Put a roster version in force that follows the one in force.
    Roster { signed: Box<SignedRoster>, reply: oneshot::Sender<Result<u64, RosterFileError>> },
    /// Go on with a log that was frozen after an equivocation was decided by people.
    Unfreeze { log: LogId, reply: oneshot::Sender<()> },
    /// An operator's word that this node's own log is complete although no peer could be asked.
    TrustOwnLog { reply: oneshot::Sender<()> },
    /// What the core waits for may be there now.
    Look,
    /// Copy the journals consistently into an empty folder.
    Backup { to: std::path::PathBuf, reply: oneshot::Sender<Result<(), String>> },
}

/// A cheap handle to a running engine; usable from any task.
#[derive(Clone)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    shared: std::sync::Arc<Shared>,
}

impl Engine {
    pub(crate) fn new(commands: mpsc::Sender<Command>, shared: std::sync::Arc<Shared>) -> Self {
        Self { commands, shared }
    }

    /// What the engine's threads publish for readers.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A shared handle to the same.
    pub fn shared_arc(&self) -> std::sync::Arc<Shared> {
        self.shared.clone()
    }

    /// Authors entries in one durable step. The outer error concerns all of them.
    ///
    /// # Errors
    ///
    /// [`AuthorError`]. Cancel-safe: once sent, the entries are authored whether or not the answer is awaited.
    pub async fn author(
        &self,
        requests: Vec<Authoring>,
    ) -> Result<Vec<Result<Authored, AuthorError>>, AuthorError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Author { requests, reply }).await?;
        answer.await.map_err(|_| AuthorError::Stopping)?
    }

    /// Authors one entry.
    ///
    /// # Errors
    ///
    /// [`AuthorError`].
    pub async fn author_one(&self, request: Authoring) -> Result<Authored, AuthorError> {
        self.author(vec![request]).await?.pop().unwrap_or(Err(AuthorError::Stopping))
    }

    /// Writes local records durably.
    ///
    /// # Errors
    ///
    /// [`AuthorError::StorageFull`] or [`AuthorError::Stopping`].
    pub async fn write_private(&self, records: Vec<PrivateRecord>) -> Result<(), AuthorError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Private { records, reply }).await?;
        answer.await.map_err(|_| AuthorError::Stopping)?
    }

    /// Puts the next roster version in force; returns its number.
    ///
    /// # Errors
    ///
    /// [`RosterFileError`] when it does not follow the one in force.
    pub async fn apply_roster(&self, signed: SignedRoster) -> Result<u64, RosterFileError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Roster { signed: Box::new(signed), reply };
        self.ask(command).await.map_err(|_| RosterFileError::Stopping)?;
        answer.await.map_err(|_| RosterFileError::Stopping)?
    }

    /// Lets a frozen log go on.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Stopping`].
    pub async fn unfreeze(&self, log: LogId) -> Result<(), AuthorError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Unfreeze { log, reply }).await?;
        answer.await.map_err(|_| AuthorError::Stopping)
    }

    /// Takes an operator's word that the own log is complete.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Stopping`].
    pub async fn trust_own_log(&self) -> Result<(), AuthorError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::TrustOwnLog { reply }).await?;
        answer.await.map_err(|_| AuthorError::Stopping)
    }

    /// Copies the journals consistently into the empty folder `to` while running.
    ///
    /// # Errors
    ///
    /// A sentence for the operator.
    pub async fn backup(&self, to: std::path::PathBuf) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Backup { to, reply }).await.map_err(|error| error.to_string())?;
        answer.await.map_err(|_| AuthorError::Stopping.to_string())?
    }

    async fn ask(&self, command: Command) -> Result<(), AuthorError> {
        self.commands.send(command).await.map_err(|_| AuthorError::Stopping)
    }

    /// Has the core look again at once. It does so by itself after a few seconds.
    pub(crate) fn look(&self) {
        let _ = self.commands.try_send(Command::Look);
    }

    /// The same from a thread that may wait.
    pub(crate) fn author_blocking(
        &self,
        requests: Vec<Authoring>,
    ) -> Result<Vec<Result<Authored, AuthorError>>, AuthorError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .blocking_send(Command::Author { requests, reply })
            .map_err(|_| AuthorError::Stopping)?;
        answer.blocking_recv().map_err(|_| AuthorError::Stopping)?
    }
}
