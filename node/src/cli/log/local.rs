// SPDX-License-Identifier: EUPL-1.2
//! The logs in a data folder, read while no node runs on it.

use concert_protocol::log::{Checkpoint, Hash, HashReader, SignedNote, stored_hash_index};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use indicatif::ProgressBar;

use super::audit::{Audit, LogReport};
use crate::cli::{Context, failures};
use crate::engine::RosterFiles;
use crate::journal::{DataDir, DataLock, JournalError, LogJournal, LogReader, OpenReport, SignedStateFile};
use crate::output::{Exit, Failure};

/// Records read at once.
const READ_COUNT: usize = 1024;
const READ_BYTES: usize = 8 << 20;

/// A data folder that this process holds, with the roster that was applied to it.
pub(in crate::cli) struct LocalLogs {
    /// The folder.
    pub data: DataDir,
    /// Who is a member.
    pub roster: Roster,
    me: Option<MemberId>,
    _lock: DataLock,
}

impl LocalLogs {
    /// Takes the folder that the settings name; a folder that is not there is not made.
    pub(in crate::cli) fn open(context: &Context) -> Result<Self, Failure> {
        let settings = context.settings()?.settings;
        let data = DataDir::new(&settings.node.data);
        if !data.root().is_dir() {
            let error = format!("there is no data folder {}", data.root().display());
            return Err(Failure::new(Exit::NotFound, error)
                .hint("name it with --data, or make one with concert init"));
        }
        let lock = data.take().map_err(|error| {
            failures::lock(error).hint("this command works on the files themselves: stop the node first")
        })?;
        let roster = RosterFiles::new(&data.roster()).load().map_err(failures::roster_file)?;
        Ok(Self { data, roster, me: settings.node.member, _lock: lock })
    }

    /// Whose node the settings say it is.
    pub(in crate::cli) fn me(&self) -> Option<&MemberId> {
        self.me.as_ref()
    }

    /// The logs in the folder, and those that the roster knows.
    pub(in crate::cli) fn logs(&self) -> Result<Vec<LogId>, Failure> {
        let mut logs = self.data.list_logs().map_err(failures::journal)?;
        logs.extend(self.roster.logs().cloned());
        logs.sort();
        logs.dedup();
        Ok(logs)
    }

    /// Opens one log as a node would: what it signed or cosigned is never cut.
    pub(in crate::cli) fn journal(&self, log: &LogId) -> Result<(LogJournal, OpenReport), Failure> {
        let promised = self.promised(log)?;
        LogJournal::open(&self.data.log(log), promised).map_err(failures::journal)
    }

    /// The size that this node signed, or put its cosignature to.
    fn promised(&self, log: &LogId) -> Result<u64, Failure> {
        if self.data.signed_state().exists() {
            let file = SignedStateFile::open(&self.data.signed_state())
                .map_err(|error| Failure::of(Exit::Integrity, &error))?;
            if let Some(last) = file.last().filter(|last| last.log == *log) {
                return Ok(last.state.size);
            }
        }
        let note = std::fs::read(self.data.log(log).join("checkpoint")).unwrap_or_default();
        let (Some(me), Ok(note)) = (&self.me, SignedNote::parse(&note)) else { return Ok(0) };
        let name = self.roster.cosigner_name(me);
        let cosigned = note.signatures().iter().any(|line| line.name() == name);
        Ok(if cosigned { Checkpoint::parse(note.text()).map_or(0, |checkpoint| checkpoint.size) } else { 0 })
    }

    /// Goes through one log.
    pub(in crate::cli) fn audit(&self, log: &LogId, bar: &ProgressBar) -> Result<LogReport, Failure> {
        let (journal, opened) = self.journal(log)?;
        let mut audit = Audit::new(&self.roster, log.clone(), journal.checkpoint());
        for damaged in &opened.damaged {
            audit.complain(damaged.to_string());
        }
        let reader = journal.reader();
        let mut from = 0;
        while from < journal.size() {
            match reader.read(from, READ_COUNT, READ_BYTES) {
                Ok(records) if records.is_empty() => break,
                Ok(records) => {
                    for (index, record) in records {
                        audit.push(record);
                        from = index + 1;
                    }
                }
                Err(JournalError::Damaged(damaged)) => {
                    let leaf = stored_leaf(&reader, from).map_err(failures::journal)?;
                    let Some(leaf) = leaf else {
                        audit.complain(format!(
                            "{damaged}; its leaf hash is lost too, so the rest cannot be checked"
                        ));
                        break;
                    };
                    audit.push_leaf(leaf);
                    from += 1;
                }
                Err(error) => return Err(failures::journal(error)),
            }
            bar.set_position(from);
        }
        self.check_signed(log, &journal, &mut audit)?;
        Ok(audit.finish())
    }

    /// Holds the own log against the memory of what was signed.
    fn check_signed(&self, log: &LogId, journal: &LogJournal, audit: &mut Audit<'_>) -> Result<(), Failure> {
        if !self.data.signed_state().exists() {
            return Ok(());
        }
        let file = match SignedStateFile::open(&self.data.signed_state()) {
            Ok(file) => file,
            Err(error) => {
                audit.complain(error.to_string());
                return Ok(());
            }
        };
        let Some(last) = file.last().filter(|last| last.log == *log) else { return Ok(()) };
        let (size, root) = (last.state.size, last.state.root);
        match journal.root_at(size) {
            Ok(found) if found == root => {}
            Ok(_) => {
                audit.complain(format!("this node signed another root over {size} records than they have"))
            }
            Err(JournalError::OutOfRange { .. }) => {
                audit.complain(format!(
                    "this node signed {size} records, but only {} are here",
                    journal.size()
                ));
            }
            Err(error) => return Err(failures::journal(error)),
        }
        Ok(())
    }
}

/// The leaf hash that is stored for a record, readable or not.
fn stored_leaf(reader: &LogReader, index: u64) -> Result<Option<Hash>, JournalError> {
    match HashReader::read(reader, &[stored_hash_index(0, index)]) {
        Ok(hashes) => Ok(hashes.first().copied()),
        Err(JournalError::OutOfRange { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
