// SPDX-License-Identifier: EUPL-1.2
//! The journal of what is this node's alone: drafts, public reports, users, tokens, idempotency keys, access log.
//!
//! Bodies are opaque here. A record that was acknowledged is never cut: only what cannot be read at the very end is,
//! since that is a batch whose sync never returned. Nobody else has a copy, so damage elsewhere is reported and
//! stepped over.

use std::ops::ControlFlow;
use std::path::Path;

use super::error::{Damaged, JournalError};
use super::segment::Found;
use super::segment_map::SegmentReader;
use super::segments::{Cut, Keep, ROLL_LEN, Segments, list_segments};

/// Begins a snapshot: everything before it is superseded.
const KIND_SNAPSHOT: u8 = 0xfe;

/// One record, of a kind (1 to 253) that the caller gives a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateRecord {
    /// What the body is.
    pub kind: u8,
    /// At most [`super::BODY_LEN_MAX`] bytes; should start with a version marker.
    pub body: Vec<u8>,
}

/// What opening the private journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateReport {
    /// Readable records.
    pub records: u64,
    /// Records that cannot be read any more.
    pub damaged: Vec<Damaged>,
    /// The torn tail that was cut.
    pub cut: Option<Cut>,
}

/// The private journal; one owner.
pub struct PrivateJournal {
    segments: Segments,
    reader: SegmentReader,
}

impl PrivateJournal {
    /// Opens or creates the journal in `dir`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], [`JournalError::StorageFull`], or [`JournalError::Format`] for files of a later version.
    pub fn open(dir: &Path) -> Result<(Self, PrivateReport), JournalError> {
        Self::open_with(dir, ROLL_LEN)
    }

    fn open_with(dir: &Path, roll_len: u64) -> Result<(Self, PrivateReport), JournalError> {
        let mut report = PrivateReport::default();
        let mut snapshot = None;
        let mut on = |found: Found<'_>| {
            match found {
                Found::Record { index, kind: KIND_SNAPSHOT, .. } => snapshot = Some(index),
                Found::Record { .. } => report.records += 1,
                Found::Unreadable { .. } => {}
            }
            Ok(())
        };
        let (mut segments, cut) = Segments::open(dir, Keep::AllReadable, roll_len, &mut on)?;
        report.cut = cut;
        if let Some(first) = snapshot.filter(|first| list_segments(dir).is_ok_and(|all| all.contains(first)))
        {
            // A crash between writing a snapshot and removing what it supersedes.
            segments.drop_before(first)?;
        }
        let reader = segments.reader();
        report.damaged = reader.damaged(&(0..u64::MAX));
        Ok((Self { segments, reader }, report))
    }

    /// Appends a batch, whole or not at all; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// As [`super::LogJournal::append`].
    pub fn append(&mut self, records: &[PrivateRecord]) -> Result<(), JournalError> {
        for record in records {
            check_kind(record.kind, self.segments.dir())?;
        }
        if records.is_empty() {
            return self.segments.check();
        }
        self.segments.stage(records.iter().map(|record| (record.kind, record.body.as_slice())))?;
        self.segments.sync()?;
        self.segments.publish();
        Ok(())
    }

    /// Hands every readable record, oldest first, to `on` with its number in the journal.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], and [`JournalError::Damaged`] for records that were readable when the journal was opened.
    pub fn replay(&self, mut on: impl FnMut(u64, PrivateRecord)) -> Result<(), JournalError> {
        let mut from = self.base();
        let size = self.reader.size();
        for damaged in self.reader.damaged(&(0..u64::MAX)) {
            self.replay_range(from..damaged.from, &mut on)?;
            from = damaged.to;
        }
        self.replay_range(from..size, &mut on)
    }

    fn replay_range(
        &self,
        range: std::ops::Range<u64>,
        on: &mut impl FnMut(u64, PrivateRecord),
    ) -> Result<(), JournalError> {
        self.reader.visit(range, &mut |index, kind, body| {
            if kind != KIND_SNAPSHOT {
                on(index, PrivateRecord { kind, body: body.to_vec() });
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Replaces everything by `live`, in one step; what is not in it is gone from the disk.
    ///
    /// # Errors
    ///
    /// [`JournalError::StorageFull`] or [`JournalError::TooLarge`]: the journal is as it was.
    pub fn compact(&mut self, live: impl IntoIterator<Item = PrivateRecord>) -> Result<(), JournalError> {
        let dir = self.segments.dir().to_owned();
        let begin = std::iter::once(Ok((KIND_SNAPSHOT, Vec::new())));
        let checked = live.into_iter().map(|record| {
            check_kind(record.kind, &dir)?;
            Ok((record.kind, record.body))
        });
        let first = self.segments.add_segment(&mut begin.chain(checked))?;
        self.segments.drop_before(first)
    }

    /// Bytes on the disk, and records since the journal or its last snapshot began.
    pub fn extent(&self) -> (u64, u64) {
        (super::disk::bytes_on_disk(self.segments.dir()), self.reader.size() - self.base())
    }

    fn base(&self) -> u64 {
        self.reader.base()
    }
}

fn check_kind(kind: u8, dir: &Path) -> Result<(), JournalError> {
    if kind == 0 || kind >= KIND_SNAPSHOT {
        let what = "takes records of kinds 1 to 253 only; this is a fault of the program";
        return Err(JournalError::Format { path: dir.to_owned(), what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::super::disk;
    use super::*;

    const ROLL: u64 = 300;

    fn open(dir: &Path) -> (PrivateJournal, PrivateReport) {
        PrivateJournal::open_with(dir, ROLL).expect("opened")
    }

    fn record(n: u64) -> PrivateRecord {
        PrivateRecord { kind: 1 + (n % 3) as u8, body: format!("{{\"draft\":{n}}}").into_bytes() }
    }

    fn replayed(journal: &PrivateJournal) -> Vec<PrivateRecord> {
        let mut all = Vec::new();
        journal.replay(|_, record| all.push(record)).expect("replayed");
        all
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        disk::list(dir).expect("listed")
    }

    #[test]
    fn what_is_appended_is_replayed_and_a_snapshot_takes_its_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path());
        let all: Vec<_> = (0..40).map(record).collect();
        for batch in all.chunks(5) {
            journal.append(batch).expect("appended");
        }
        assert_eq!(replayed(&journal), all);
        let before = files(dir.path()).len();
        journal.compact(all[30..].to_vec()).expect("compacted");
        assert!(files(dir.path()).len() < before);
        journal.append(&[record(99)]).expect("appended");
        let expected: Vec<_> = all[30..].iter().cloned().chain([record(99)]).collect();
        assert_eq!(replayed(&journal), expected);
        drop(journal);
        let (journal, report) = open(dir.path());
        assert_eq!(report, PrivateReport { records: 11, ..PrivateReport::default() });
        assert_eq!(replayed(&journal), expected);
        let bytes: Vec<u8> =
            files(dir.path()).iter().flat_map(|path| fs::read(path).expect("read")).collect();
        assert!(!bytes.windows(11).any(|window| window == b"{\"draft\":3}"), "superseded bytes are gone");
    }

    #[test]
    fn a_snapshot_interrupted_before_or_after_its_rename_counts_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let (live, old) = (dir.path().join("live"), dir.path().join("old"));
        let (mut journal, _) = open(&live);
        journal.append(&(0..20).map(record).collect::<Vec<_>>()).expect("appended");
        fs::create_dir(&old).expect("created");
        for path in files(&live) {
            fs::copy(&path, old.join(path.file_name().expect("a name"))).expect("copied");
        }
        journal.compact([record(7)]).expect("compacted");
        drop(journal);
        let snapshot = files(&live).pop().expect("the snapshot");
        let name = snapshot.file_name().expect("a name");
        let mut temporary = name.to_owned();
        temporary.push(".tmp");
        fs::copy(&snapshot, old.join(temporary)).expect("copied");
        assert_eq!(replayed(&open(&old).0).len(), 20);
        fs::copy(&snapshot, old.join(name)).expect("copied");
        assert_eq!(replayed(&open(&old).0), [record(7)]);
        assert_eq!(files(&old).len(), 1);
    }

    #[test]
    fn a_snapshot_that_cannot_be_written_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path());
        journal.append(&[record(1), record(2)]).expect("appended");
        for bad in [
            PrivateRecord { kind: 0, body: Vec::new() },
            PrivateRecord { kind: 1, body: vec![0; (1 << 20) + 1] },
        ] {
            journal.compact([record(1), bad.clone()]).expect_err("refused");
            journal.append(&[bad]).expect_err("refused");
        }
        journal.append(&[record(3)]).expect("appended");
        assert_eq!(replayed(&open(dir.path()).0), [record(1), record(2), record(3)]);
        assert_eq!(files(dir.path()).len(), 1, "no half snapshot is left");
    }

    #[test]
    fn a_bad_record_in_the_middle_is_reported_and_nothing_behind_it_is_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path());
        let all: Vec<_> = (0..10).map(record).collect();
        journal.append(&all).expect("appended");
        drop(journal);
        let path = &files(dir.path())[0];
        let mut bytes = fs::read(path).expect("read");
        bytes[16 + 2 * 21 + 12] ^= 1;
        fs::write(path, &bytes).expect("written");
        let (mut journal, report) = open(dir.path());
        assert_eq!(report.damaged.iter().map(|run| (run.from, run.to)).collect::<Vec<_>>(), [(2, 3)]);
        journal.append(&[record(10)]).expect("appended");
        let expected: Vec<_> = (0..11).filter(|n| *n != 2).map(record).collect();
        assert_eq!(replayed(&journal), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_cut_anywhere_leaves_a_prefix(batches in prop::collection::vec(1_usize..6, 1..12), cut in any::<prop::sample::Index>()) {
            let dir = tempfile::tempdir().expect("a folder");
            let (mut journal, _) = open(dir.path());
            let all: Vec<_> = (0..batches.iter().sum::<usize>() as u64).map(record).collect();
            let mut rest = all.as_slice();
            for count in batches {
                let (batch, others) = rest.split_at(count);
                journal.append(batch).expect("appended");
                rest = others;
            }
            drop(journal);
            let last = files(dir.path()).pop().expect("a segment");
            let len = fs::metadata(&last).expect("there").len();
            let file = File::options().write(true).open(&last).expect("opened");
            file.set_len(cut.index(len as usize) as u64).expect("cut");
            let (mut journal, report) = open(dir.path());
            prop_assert_eq!(&report.damaged, &[]);
            let mut kept = replayed(&journal);
            prop_assert!(kept.len() < all.len() && all.starts_with(&kept));
            journal.append(&[record(77)]).expect("appended");
            kept.push(record(77));
            drop(journal);
            prop_assert_eq!(replayed(&open(dir.path()).0), kept);
        }
    }
}
