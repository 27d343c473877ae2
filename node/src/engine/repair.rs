// SPDX-License-Identifier: EUPL-1.2
//! Damage in the journals: found at the start, told to the operator, and put right from peers.
//!
//! What is lost at the end of a log, or together with its leaf hash, is cut off and comes back by replication, which
//! believes the author's checkpoint alone. A record between others whose leaf hash is still known is asked for by
//! itself, so that nothing behind it is given up. While the own log is damaged nothing is signed (RELIABILITY c.9).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use concert_protocol::member::{LogId, MemberId};
use concert_protocol::sync::{Frame, Leaf, RANGE_BYTES_MAX, RANGE_COUNT_MAX};
use concert_protocol::time::Timestamp;

use super::shared::now;
use crate::journal::{Damage, Damaged, DataDir, JournalError, LogJournal, OpenReport, Record};

/// Numbers of requests for repair have this bit; the replica counts its own from 1 and never comes here.
const REQUEST_BIT: u64 = 1 << 63;
/// A peer that has not answered by then is not waited for.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Between two tries for one log.
const RETRY: Duration = Duration::from_secs(2);
/// Folder for files as they were before a damaged end was cut off.
const ASIDE: &str = "damaged";

/// What was wrong with a log when it was opened, for the operator.
#[derive(Debug)]
pub(super) struct FoundDamage {
    pub(super) message: String,
}

/// Opens a log of which the first `keep` records were promised, and cuts off an end that is lost.
///
/// # Errors
///
/// As [`LogJournal::open`].
pub(super) fn open_journal(
    data: &DataDir,
    log: &LogId,
    keep: u64,
) -> Result<(LogJournal, Option<FoundDamage>), JournalError> {
    let dir = data.log(log);
    let (journal, report) = LogJournal::open(&dir, keep)?;
    if let Some(cut) = &report.cut {
        tracing::warn!(%log, ?cut, "a torn tail that nobody was promised was cut");
    }
    let found = |rest: String| {
        let damaged =
            report.damaged.first().map_or_else(|| "leaf hashes are lost".into(), Damaged::to_string);
        Some(FoundDamage { message: format!("{log} is damaged: {damaged}; {rest}") })
    };
    let Some(size) = lost_from(&report) else {
        let damage = (!report.damaged.is_empty()).then(|| found("asking peers for them".into())).flatten();
        return Ok((journal, damage));
    };
    drop(journal);
    let kept = if holds_bytes_behind(&report, size) { Some(set_aside(data, log)?) } else { None };
    let place =
        kept.map_or(String::new(), |path| format!("; the files as they were are in {}", path.display()));
    let damage = found(format!("fetching everything from record {size} on from peers{place}"));
    let (journal, _) = LogJournal::open(&dir, size)?;
    Ok((journal, damage))
}

/// The size from which on the log has to come back by replication.
fn lost_from(report: &OpenReport) -> Option<u64> {
    let mut end = report.size;
    for damaged in report.damaged.iter().rev().take_while(|damaged| damaged.to >= report.size) {
        end = end.min(damaged.from);
    }
    // Runs of one damage that touch in two files are one end.
    while let Some(before) = report.damaged.iter().find(|damaged| damaged.to == end && damaged.from < end) {
        end = before.from;
    }
    let tail = (end < report.size).then_some(end);
    tail.into_iter().chain(report.leaf_unknown).min()
}

/// Whether cutting at `size` gives up anything but records that are not there at all.
fn holds_bytes_behind(report: &OpenReport, size: u64) -> bool {
    let missing = |damaged: &&Damaged| damaged.from >= size && damaged.what == Damage::Missing;
    let gone: u64 = report.damaged.iter().filter(missing).map(|damaged| damaged.to - damaged.from).sum();
    gone < report.size - size
}

/// Copies the log's files before they are cut; people may want to look.
fn set_aside(data: &DataDir, log: &LogId) -> Result<PathBuf, JournalError> {
    let name = format!("{}-{}-{}", log.member, log.generation, now().as_micros());
    let (from, to) = (data.log(log), data.root().join(ASIDE).join(name));
    let failed = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::StorageFull => JournalError::StorageFull { step: "setting aside", path },
            _ => JournalError::Io { step: "setting aside", path, source },
        }
    };
    std::fs::create_dir_all(&to).map_err(failed(&to))?;
    for entry in std::fs::read_dir(&from).map_err(failed(&from))? {
        let entry = entry.map_err(failed(&from))?;
        std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed(&to))?;
    }
    Ok(to)
}

/// Records that peers were asked for.
struct Asked {
    log: LogId,
    from: u64,
    peer: MemberId,
    until: Timestamp,
}

/// Records between others that cannot be read, and who was asked for them.
#[derive(Default)]
pub(super) struct Repairs {
    /// Damaged runs, first index and one past the last.
    wanted: BTreeMap<LogId, Vec<(u64, u64)>>,
    asked: BTreeMap<u64, Asked>,
    next: BTreeMap<LogId, Timestamp>,
    requests: u64,
}

impl Repairs {
    /// Takes note of what cannot be read in a journal; of nothing when all of it can.
    pub(super) fn note(&mut self, log: &LogId, journal: &LogJournal) {
        let runs: Vec<(u64, u64)> =
            journal.reader().damaged().iter().map(|damaged| (damaged.from, damaged.to)).collect();
        if runs.is_empty() {
            self.wanted.remove(log);
        } else {
            self.wanted.insert(log.clone(), runs);
        }
    }

    /// Whether records of `log` cannot be read.
    pub(super) fn concern(&self, log: &LogId) -> bool {
        self.wanted.contains_key(log)
    }

    /// Asks one of the connected peers after the other. Gives the frames to send.
    pub(super) fn ask(&mut self, at: Timestamp, connected: &[MemberId]) -> Vec<(MemberId, Vec<u8>)> {
        self.asked.retain(|_, asked| asked.until > at);
        let mut frames = Vec::new();
        for (log, runs) in &self.wanted {
            let waits = self.asked.values().any(|asked| asked.log == *log);
            let early = self.next.get(log).is_some_and(|next| *next > at);
            let (Some((from, to)), false) = (runs.first().copied(), connected.is_empty() || waits || early)
            else {
                continue;
            };
            self.requests += 1;
            let id = REQUEST_BIT | self.requests;
            let peer = connected[(self.requests as usize) % connected.len()].clone();
            let count_max = u32::try_from(to - from).unwrap_or(u32::MAX).min(RANGE_COUNT_MAX as u32);
            let frame =
                Frame::GetRange { id, log: log.clone(), from, count_max, bytes_max: RANGE_BYTES_MAX as u32 };
            frames.push((peer.clone(), frame.encode()));
            self.next.insert(log.clone(), at.plus(RETRY));
            self.asked.insert(id, Asked { log: log.clone(), from, peer, until: at.plus(ANSWER_MAX) });
        }
        frames
    }

    /// Takes an answer out of what comes in; `None` leaves the frame to the replica.
    pub(super) fn take(&mut self, from: &MemberId, bytes: &[u8]) -> Option<(LogId, Vec<(u64, Record)>)> {
        if self.asked.is_empty() {
            return None;
        }
        let (id, leaves) = match Frame::decode(bytes).ok()? {
            Frame::Range { id, leaves, .. } => (id, leaves),
            Frame::Refused { id } => (id, Vec::new()),
            _ => return None,
        };
        let asked = self.asked.get(&id).filter(|asked| asked.peer == *from)?;
        let (log, first) = (asked.log.clone(), asked.from);
        self.asked.remove(&id);
        let record = |leaf| match leaf {
            Leaf::Entry(bytes) => Record::Entry(bytes),
            Leaf::Withheld(hash) => Record::Withheld(hash),
        };
        Some((log, (first..).zip(leaves.into_iter().map(record)).collect()))
    }

    /// After something was repaired the next run need not wait.
    pub(super) fn go_on(&mut self, log: &LogId) {
        self.next.remove(log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(size: u64, damaged: &[(u64, u64, Damage)], leaf_unknown: Option<u64>) -> OpenReport {
        let run = |&(from, to, what): &(u64, u64, Damage)| Damaged { file: PathBuf::new(), from, to, what };
        OpenReport { size, damaged: damaged.iter().map(run).collect(), leaf_unknown, ..OpenReport::default() }
    }

    #[test]
    fn what_is_lost_at_the_end_is_cut_and_what_is_between_is_not() {
        use Damage::{BadRecord, Missing};
        assert_eq!(lost_from(&report(10, &[], None)), None);
        assert_eq!(lost_from(&report(10, &[(3, 4, BadRecord)], None)), None);
        assert_eq!(lost_from(&report(10, &[(3, 4, BadRecord), (8, 10, Missing)], None)), Some(8));
        assert_eq!(lost_from(&report(10, &[(6, 8, BadRecord), (8, 10, Missing)], None)), Some(6));
        assert_eq!(lost_from(&report(10, &[(3, 4, BadRecord)], Some(3))), Some(3));
        assert_eq!(lost_from(&report(10, &[(0, 10, Missing)], Some(0))), Some(0));
    }

    #[test]
    fn files_are_kept_only_where_something_is_in_them() {
        use Damage::{BadRecord, Missing};
        assert!(!holds_bytes_behind(&report(10, &[(8, 10, Missing)], None), 8));
        assert!(holds_bytes_behind(&report(10, &[(8, 10, BadRecord)], None), 8));
        assert!(holds_bytes_behind(&report(10, &[(3, 4, Missing)], Some(3)), 3));
    }

    #[test]
    fn one_peer_after_the_other_is_asked_and_answers_of_others_are_not_taken() {
        let log: LogId = "FR/1".parse().expect("a log");
        let peers: Vec<MemberId> = ["EU", "DE"].iter().map(|code| code.parse().expect("a member")).collect();
        let mut repairs = Repairs::default();
        repairs.wanted.insert(log.clone(), vec![(3, 5)]);
        let at = Timestamp::from_seconds(1000);
        let asked = repairs.ask(at, &peers);
        assert_eq!(asked.len(), 1);
        assert!(repairs.ask(at, &peers).is_empty(), "one request at a time");
        let Ok(Frame::GetRange { id, from: 3, count_max: 2, .. }) = Frame::decode(&asked[0].1) else {
            panic!("a request for the run");
        };
        let other = peers.iter().find(|peer| **peer != asked[0].0).expect("the other");
        let refused = Frame::Refused { id }.encode();
        assert!(repairs.take(other, &refused).is_none());
        assert_eq!(repairs.take(&asked[0].0, &refused), Some((log.clone(), Vec::new())));
        assert!(repairs.ask(at, &peers).is_empty(), "not at once again");
        let again = repairs.ask(at.plus(RETRY), &peers);
        assert_eq!(again[0].0, *other);
        assert!(repairs.take(other, &Frame::GetHead(log).encode()).is_none());
    }
}
