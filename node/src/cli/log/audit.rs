// SPDX-License-Identifier: EUPL-1.2
//! Going through a whole log: every record read, every signature checked, the tree held against its checkpoint.
//!
//! An [`Audit`] takes records in order, from a journal, a file or the API, and trusts the roster alone. It decides nothing:
//! what does not hold is counted and named. An entry whose own signature does not hold is no damage: it stays in its
//! place without effect (spec 01-entries), but people are told.

use concert_protocol::entry::{Entry, EntryError, Envelope};
use concert_protocol::log::{
    Checkpoint, Frontier, Hash, SignedNote, empty_root, open_checkpoint, verify_cosignature,
};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use serde::Serialize;

use crate::journal::Record;

/// Records whose signatures are checked together, on all cores.
pub(in crate::cli) const AUDIT_BATCH: usize = 4096;
/// Complaints that are kept with their text; the rest are counted.
const NAMED_MAX: usize = 20;

/// What going through one log found.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct LogReport {
    /// The log.
    pub log: LogId,
    /// Records gone through.
    pub stored: u64,
    /// Entries held in full.
    pub entries: u64,
    /// Entries of which only the leaf hash came.
    pub withheld: u64,
    /// Entries whose payload was erased here.
    pub erased: u64,
    /// Entries without effect, because they are malformed or their signature does not hold.
    pub quarantined: u64,
    /// Size of the newest checkpoint, if there is one.
    pub head: Option<u64>,
    /// Its root.
    pub root: Option<Hash>,
    /// Other members whose cosignature on it holds.
    pub cosigned_by: Vec<MemberId>,
    /// Whether everything below the checkpoint is what its author signed.
    pub ok: bool,
    /// What does not hold, the first few.
    pub problems: Vec<String>,
    /// Entries without effect, the first few.
    pub remarks: Vec<String>,
}

/// One log being gone through.
pub(in crate::cli) struct Audit<'r> {
    roster: &'r Roster,
    report: LogReport,
    frontier: Frontier,
    head: Option<Checkpoint>,
    /// Root of the records at the checkpoint's size, once there.
    root_at_head: Option<Hash>,
    pending: Vec<(u64, Record)>,
}

impl<'r> Audit<'r> {
    /// Begins with the log's newest checkpoint as a signed note; without one nothing is held against a signature of the
    /// whole.
    pub(in crate::cli) fn new(roster: &'r Roster, log: LogId, note: Option<&[u8]>) -> Self {
        let mut report = LogReport {
            log,
            stored: 0,
            entries: 0,
            withheld: 0,
            erased: 0,
            quarantined: 0,
            head: None,
            root: None,
            cosigned_by: Vec::new(),
            ok: true,
            problems: Vec::new(),
            remarks: Vec::new(),
        };
        let mut head = None;
        match note.map(|bytes| open_head(roster, &report.log, bytes)) {
            Some(Ok((checkpoint, cosigned_by))) => {
                report.head = Some(checkpoint.size);
                report.root = Some(checkpoint.root);
                report.cosigned_by = cosigned_by;
                head = Some(checkpoint);
            }
            Some(Err(problem)) => complain(&mut report, problem),
            None => {}
        }
        let mut audit =
            Self { roster, report, frontier: Frontier::new(), head, root_at_head: None, pending: Vec::new() };
        audit.note_root();
        audit
    }

    /// Says what another check found, such as a record that cannot be read.
    pub(in crate::cli) fn complain(&mut self, problem: String) {
        complain(&mut self.report, problem);
    }

    /// Takes the next record.
    pub(in crate::cli) fn push(&mut self, record: Record) {
        let index = self.frontier.size();
        match &record {
            Record::Entry(_) => self.report.entries += 1,
            Record::Withheld(_) => self.report.withheld += 1,
            Record::Erased(_) => self.report.erased += 1,
        }
        self.push_leaf(record.leaf_hash());
        if record.entry().is_some() {
            self.pending.push((index, record));
            if self.pending.len() >= AUDIT_BATCH {
                self.check_pending();
            }
        }
    }

    /// Takes the next leaf of a record that cannot be read but whose hash is known.
    pub(in crate::cli) fn push_leaf(&mut self, leaf: Hash) {
        self.frontier.push(leaf);
        self.note_root();
    }

    /// Says what was found.
    pub(in crate::cli) fn finish(mut self) -> LogReport {
        self.check_pending();
        self.report.stored = self.frontier.size();
        match (&self.head, self.root_at_head) {
            (Some(head), Some(root)) if root == head.root => {}
            (Some(head), Some(_)) => {
                let size = head.size;
                complain(
                    &mut self.report,
                    format!("the first {size} records do not have the root that was signed for them"),
                );
            }
            (Some(head), None) => {
                let text = format!(
                    "the checkpoint is over {} records, but only {} are here",
                    head.size, self.report.stored
                );
                complain(&mut self.report, text);
            }
            (None, _) if self.report.stored > 0 && self.report.ok => {
                complain(&mut self.report, "there are records but no checkpoint over them".into());
            }
            (None, _) => {}
        }
        self.report
    }

    fn note_root(&mut self) {
        if self.head.as_ref().is_some_and(|head| head.size == self.frontier.size()) {
            let empty = self.frontier.size() == 0;
            self.root_at_head = Some(if empty { empty_root() } else { self.frontier.root() });
        }
    }

    fn check_pending(&mut self) {
        let (roster, log) = (self.roster, &self.report.log);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = self.pending.len().div_ceil(workers).max(1);
        let check = |(index, record): &(u64, Record)| {
            let bytes = record.entry().unwrap_or_default();
            check_entry(roster, log, *index, bytes).err().map(|error| (*index, error))
        };
        let found: Vec<(u64, EntryError)> = std::thread::scope(|scope| {
            let parts = self.pending.chunks(share);
            let threads: Vec<_> = parts
                .map(|part| scope.spawn(move || part.iter().filter_map(check).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        self.pending.clear();
        for (index, error) in found {
            self.report.quarantined += 1;
            if self.report.remarks.len() < NAMED_MAX {
                self.report.remarks.push(format!("entry {index} has no effect: {error}"));
            }
        }
    }
}

fn complain(report: &mut LogReport, problem: String) {
    report.ok = false;
    if report.problems.len() < NAMED_MAX {
        report.problems.push(problem);
    }
}

/// Checks what can be checked of the entry at `index` of `log` with the roster alone.
///
/// # Errors
///
/// Why the entry has no effect.
pub(in crate::cli) fn check_entry(
    roster: &Roster,
    log: &LogId,
    index: u64,
    bytes: &[u8],
) -> Result<Entry, EntryError> {
    let envelope = Envelope::open(bytes)?;
    let key = roster
        .signing_key(log, index, &envelope.key.fingerprint)
        .ok_or_else(|| EntryError::UnknownKey(envelope.key.to_string()))?;
    envelope.verify(key)?;
    let entry = Entry::decode(&envelope)?;
    if entry.author != log.member {
        return Err(EntryError::Misplaced { author: entry.author, log: log.member.clone() });
    }
    Ok(entry)
}

/// Reads a checkpoint of `log` that one of the log's keys signed, and says whose cosignatures on it hold.
///
/// # Errors
///
/// A sentence that says why it is none.
pub(in crate::cli) fn open_head(
    roster: &Roster,
    log: &LogId,
    note: &[u8],
) -> Result<(Checkpoint, Vec<MemberId>), String> {
    let note = SignedNote::parse(note).map_err(|error| format!("the checkpoint is malformed: {error}"))?;
    let size =
        Checkpoint::parse(note.text()).map_err(|error| format!("the checkpoint is malformed: {error}"))?.size;
    let origin = log.origin(roster.federation());
    let keys = roster.checkpoint_keys(log, size);
    if keys.is_empty() {
        return Err(format!(
            "the roster names no key that may sign a checkpoint of {log} over {size} entries"
        ));
    }
    let mut refused = String::new();
    for key in keys {
        match open_checkpoint(&note, &origin, key) {
            Ok(checkpoint) => {
                let cosigned_by = cosigners(roster, log, &note, &checkpoint);
                return Ok((checkpoint, cosigned_by));
            }
            Err(error) => refused = sources(&error),
        }
    }
    Err(format!("the checkpoint is refused: {refused}"))
}

/// Members that vouch for somebody else's log; an author's cosignature under its own says only that it was alive.
fn cosigners(roster: &Roster, log: &LogId, note: &SignedNote, checkpoint: &Checkpoint) -> Vec<MemberId> {
    let holds = |member: &&concert_protocol::roster::RosterMember| {
        let name = roster.cosigner_name(&member.member);
        roster.cosigner_key(&member.member).is_some_and(|key| {
            note.signatures().iter().any(|line| verify_cosignature(checkpoint, line, &name, key).is_ok())
        })
    };
    let others = roster.members().iter().filter(|member| member.member != log.member);
    others.filter(holds).map(|member| member.member.clone()).collect()
}

/// An error and what it stems from, in one line.
pub(in crate::cli) fn sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}
