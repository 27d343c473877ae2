// SPDX-License-Identifier: EUPL-1.2
//! A member log against crashes, rot, repair, erasure, and a model in memory.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use concert_protocol::log::leaf_hash;
use proptest::prelude::*;

use super::super::error::Damage;
use super::super::segments::Fault;
use super::*;

/// Small enough that a few records fill a segment.
const ROLL: u64 = 400;

fn entry(n: u64) -> Record {
    Record::Entry(format!("{{\"entry\":{n},\"text\":\"{}\"}}", "x".repeat(n as usize % 90)).into_bytes())
}

fn record(n: u64) -> Record {
    match n % 7 {
        5 => Record::Withheld(leaf_hash(&n.to_be_bytes())),
        _ => entry(n),
    }
}

fn records(range: Range<u64>) -> Vec<Record> {
    range.map(record).collect()
}

fn root(records: &[Record]) -> Hash {
    let mut frontier = Frontier::new();
    records.iter().for_each(|record| frontier.push(record.leaf_hash()));
    frontier.root()
}

fn open(dir: &Path, keep: u64) -> (LogJournal, OpenReport) {
    LogJournal::open_with(dir, keep, ROLL).expect("opened")
}

/// A log of `count` records in batches of three, closed again.
fn filled(dir: &Path, count: u64) -> Vec<Record> {
    let (mut journal, _) = open(dir, 0);
    let all = records(0..count);
    for batch in all.chunks(3) {
        journal.append(batch).expect("appended");
    }
    all
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "seg");
    disk::list(dir).expect("listed").into_iter().filter(is_segment).collect()
}

fn flip(path: &Path, at: u64, mask: u8) {
    let file = File::options().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ mask], at).expect("written");
}

/// Everything that can be read is what was written; the rest is reported as damaged.
fn assert_only_truth(journal: &LogJournal, all: &[Record]) {
    let damaged = journal.reader().damaged();
    for (index, expected) in (0..journal.size()).zip(all) {
        let is_damaged = damaged.iter().any(|run| (run.from..run.to).contains(&index));
        match journal.reader().get(index) {
            Err(JournalError::Damaged(_)) => assert!(is_damaged, "{index} is unreadable and not reported"),
            found => {
                let found = found.expect("readable or damaged");
                assert!(!is_damaged && found.as_ref() == Some(expected), "{index}: {found:?}");
            }
        }
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for path in disk::list(from).expect("listed") {
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 50);
    assert!(segments(dir.path()).len() > 3);
    let (mut journal, report) = open(dir.path(), 50);
    let withheld = all.iter().filter(|record| record.entry().is_none()).count() as u64;
    let expected = OpenReport { size: 50, entries: 50 - withheld, withheld, ..OpenReport::default() };
    assert_eq!(report, expected);
    for size in 0..=50 {
        assert_eq!(journal.root_at(size).expect("a root"), root(&all[..size as usize]));
        assert_eq!(journal.reread_root(size).expect("a root"), root(&all));
    }
    assert_eq!(journal.frontier().root(), root(&all));
    assert!(matches!(journal.root_at(51), Err(JournalError::OutOfRange { asked: 51, size: 50, .. })));
    assert_only_truth(&journal, &all);
    assert_eq!(journal.append(&[]).expect("nothing to do"), 50);
    assert_eq!(journal.append(&records(50..51)).expect("appended"), 51);
}

#[test]
fn reading_is_bounded_by_count_and_bytes_and_always_gets_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 50);
    let (journal, _) = open(dir.path(), 50);
    let read = |from, count, bytes| journal.read(from, count, bytes).expect("read");
    assert_eq!(
        read(10, 20, usize::MAX).iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        (10..30).collect::<Vec<_>>()
    );
    assert_eq!(read(45, 20, usize::MAX).len(), 5);
    assert_eq!(read(3, 20, 0), [(3, all[3].clone())]);
    assert_eq!(read(0, 20, all[0].body_len() + all[1].body_len()).len(), 2);
    assert_eq!(read(50, 20, usize::MAX), []);
    assert_eq!(read(u64::MAX, 20, usize::MAX), []);
}

#[test]
fn oversize_entries_are_refused_and_the_log_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = open(dir.path(), 0);
    let batch = [Record::Entry(vec![b'x'; 65_535]), Record::Entry(vec![b'x'; 65_536])];
    assert!(matches!(journal.append(&batch), Err(JournalError::TooLarge { len: 65_536, .. })));
    assert_eq!(journal.append(&batch[..1]).expect("the largest entry"), 1);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_beyond_the_signed_size_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(&dir.path().join("log"), 11);
    let last = segments(&dir.path().join("log")).pop().expect("a segment");
    let whole = fs::read(&last).expect("read");
    let last_len = segment_len(&all[10]);
    for torn in whole.len() - last_len..whole.len() {
        let copy = dir.path().join(format!("torn-{torn}"));
        copy_dir(&dir.path().join("log"), &copy);
        let path = copy.join(last.file_name().expect("a name"));
        fs::write(&path, &whole[..torn]).expect("written");
        if torn % 2 == 0 {
            let (journal, report) = open(&copy, 11);
            assert_eq!((journal.size(), report.cut), (11, None), "promised records keep their index");
            assert_eq!(report.damaged.iter().map(|run| (run.from, run.to)).collect::<Vec<_>>(), [(10, 11)]);
            assert_only_truth(&journal, &all);
        }
        let (mut journal, report) = open(&copy, 10);
        assert_eq!((journal.size(), report.damaged.len()), (10, 0));
        let expected = (torn > whole.len() - last_len).then_some((torn - (whole.len() - last_len)) as u64);
        assert_eq!(report.cut.map(|cut| (cut.from, cut.bytes)), expected.map(|bytes| (10, bytes)));
        journal.append(&records(10..13)).expect("appended");
        assert_eq!(journal.frontier().root(), root(&records(0..13)));
        drop(journal);
        assert_only_truth(&open(&copy, 13).0, &records(0..13));
    }
}

fn segment_len(record: &Record) -> usize {
    super::super::segment::RECORD_HEADER_LEN + record.body_len()
}

#[test]
fn damage_below_the_signed_size_is_repaired_against_the_kept_leaf_hashes() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 40);
    let paths = segments(dir.path());
    flip(&paths[1], 40, 1);
    let len = fs::metadata(&paths[3]).expect("there").len();
    File::options().write(true).open(&paths[3]).expect("opened").set_len(len - 3).expect("cut");
    fs::remove_file(&paths[4]).expect("removed");
    let (mut journal, report) = open(dir.path(), 40);
    assert_eq!((report.size, report.cut, report.leaf_unknown), (40, None, None));
    assert!(report.damaged.len() >= 2, "{:?}", report.damaged);
    assert_only_truth(&journal, &all);
    assert_eq!(journal.frontier().root(), root(&all), "the leaf hashes were kept apart");
    let size = journal.append(&records(40..42)).expect("the log goes on behind the damage");
    let lost: Vec<u64> = report.damaged.iter().flat_map(|run| run.from..run.to).collect();
    let wrong = vec![(lost[0], entry(99))];
    assert!(
        matches!(journal.repair(&wrong, None), Err(JournalError::WrongLeaf { index }) if index == lost[0])
    );
    let (one, others) = lost.split_first().expect("some are lost");
    let taken = journal.repair(&[(*one, all[*one as usize].clone())], None);
    assert_eq!(taken.expect("repaired"), 1);
    let others: Vec<_> = others.iter().map(|index| (*index, all[*index as usize].clone())).collect();
    assert_eq!(journal.repair(&others, None).expect("repaired"), others.len());
    assert_eq!(journal.repair(&others, None).expect("nothing left to do"), 0);
    drop(journal);
    let (journal, report) = open(dir.path(), size);
    assert_eq!((report.damaged.len(), report.size), (0, 42));
    assert_only_truth(&journal, &records(0..42));
}

#[test]
fn when_leaf_hashes_are_lost_too_only_the_signed_root_allows_a_repair() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 20);
    fs::remove_file(&segments(dir.path())[0]).expect("removed");
    fs::remove_file(dir.path().join("hashes")).expect("removed");
    let (mut journal, report) = open(dir.path(), 20);
    assert_eq!((report.size, report.leaf_unknown), (20, Some(0)));
    let lost = report.damaged[0].to;
    assert!(matches!(journal.append(&records(20..21)), Err(JournalError::LeafUnknown { index: 0 })));
    assert!(matches!(journal.root_at(20), Err(JournalError::OutOfRange { .. })));
    let mut offered: Vec<_> = (0..lost).map(|index| (index, all[index as usize].clone())).collect();
    assert!(matches!(journal.repair(&offered, None), Err(JournalError::LeafUnknown { index: 0 })));
    let signed = Some((20, root(&all)));
    assert!(matches!(journal.repair(&offered[1..], signed), Err(JournalError::LeafUnknown { index: 0 })));
    offered[0].1 = entry(77);
    assert!(matches!(journal.repair(&offered, signed), Err(JournalError::WrongRoot { size: 20 })));
    offered[0].1 = all[0].clone();
    assert_eq!(journal.repair(&offered, signed).expect("repaired"), offered.len());
    assert_eq!(journal.root_at(20).expect("a root"), root(&all));
    journal.append(&records(20..22)).expect("appended");
    assert_only_truth(&journal, &records(0..22));
}

#[test]
fn erasing_drops_the_payload_from_the_disk_and_keeps_every_root() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 30);
    let (mut journal, _) = open(dir.path(), 30);
    let roots: Vec<Hash> = (0..=30).map(|size| journal.root_at(size).expect("a root")).collect();
    let erased = [0_u64, 8, 29];
    assert_eq!(journal.erase(&erased).expect("erased"), 3);
    assert_eq!(journal.erase(&erased).expect("erased already"), 0);
    assert!(matches!(journal.erase(&[5]), Err(JournalError::NothingToErase { index: 5 })));
    assert!(matches!(journal.erase(&[30]), Err(JournalError::OutOfRange { asked: 30, .. })));
    let back = vec![(8, all[8].clone())];
    assert_eq!(journal.repair(&back, None).expect("an erased payload stays away"), 0);
    journal.append(&records(30..32)).expect("appended to a rewritten segment");
    drop(journal);
    for path in segments(dir.path()) {
        let bytes = fs::read(&path).expect("read");
        for index in erased {
            let payload = all[index as usize].body();
            assert!(!bytes.windows(payload.len()).any(|window| window == payload), "{index} in {path:?}");
        }
    }
    let (journal, report) = open(dir.path(), 32);
    assert_eq!((report.erased, report.hashes_corrected, report.damaged.len()), (3, 0, 0));
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(journal.root_at(size as u64).expect("a root"), *root);
    }
    let hash = all[8].leaf_hash();
    assert_eq!(journal.reader().get(8).expect("read"), Some(Record::Erased(hash)));
}

#[test]
fn a_withheld_entry_can_be_filled_in_by_the_entry_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = open(dir.path(), 0);
    journal.append(&[Record::Withheld(entry(1).leaf_hash())]).expect("appended");
    assert!(matches!(journal.repair(&[(0, entry(2))], None), Err(JournalError::WrongLeaf { index: 0 })));
    assert_eq!(journal.repair(&[(0, entry(1))], None).expect("filled in"), 1);
    assert_eq!(journal.reader().get(0).expect("read"), Some(entry(1)));
}

#[test]
fn wrong_and_missing_tree_hashes_are_corrected_from_the_records() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 40);
    let path = dir.path().join("hashes");
    let good = fs::read(&path).expect("read");
    for bad in [Vec::new(), good[..100].to_vec(), vec![0; good.len()], [&good[..], b"more"].concat()] {
        fs::write(&path, &bad).expect("written");
        let (journal, report) = open(dir.path(), 40);
        assert_eq!(report.leaf_unknown, None);
        assert_eq!(journal.root_at(33).expect("a root"), root(&all[..33]));
        assert_eq!(fs::read(&path).expect("read"), good);
    }
    flip(&path, 32 * 9, 4);
    assert_eq!(open(dir.path(), 40).1.hashes_corrected, 1);
}

#[test]
fn a_scrub_finds_what_rotted_since_the_log_was_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 40);
    let (mut journal, _) = open(dir.path(), 40);
    assert_eq!(journal.scrub(0..u64::MAX).expect("scrubbed"), []);
    let last = segments(dir.path()).pop().expect("a segment");
    flip(&last, 30, 2);
    flip(&dir.path().join("hashes"), 32 * 3, 1);
    let damaged = journal.scrub(0..u64::MAX).expect("scrubbed");
    let rotten = damaged.iter().find(|run| run.what == Damage::BadRecord).expect("a bad record").from;
    let wrong = damaged.iter().find(|run| run.what == Damage::WrongHash).expect("a wrong hash").from;
    assert_eq!(damaged.len(), 2, "{damaged:?}");
    assert_eq!(wrong, 2, "stored hash 3 belongs to the third leaf");
    assert!(matches!(journal.read(rotten, 1, 1), Err(JournalError::Damaged(_))));
    journal.append(&records(40..43)).expect("the log goes on in a new segment");
    assert_eq!(journal.rebuild_tree().expect("rebuilt"), 1);
    assert_eq!(journal.repair(&[(rotten, all[rotten as usize].clone())], None).expect("repaired"), 1);
    assert_eq!(journal.scrub(3..43).expect("scrubbed"), []);
    drop(journal);
    let (journal, report) = open(dir.path(), 43);
    assert_eq!(report.damaged, []);
    assert_only_truth(&journal, &records(0..43));
}

#[test]
fn a_rewrite_does_not_take_readable_neighbours_of_new_rot_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = LogJournal::open(dir.path(), 0).expect("opened");
    let all = records(0..30);
    journal.append(&all).expect("appended");
    flip(&segments(dir.path())[0], 400, 1);
    journal.erase(&[1]).expect("erased");
    let damaged: u64 = journal.reader().damaged().iter().map(|run| run.to - run.from).sum();
    assert_eq!(damaged, 1);
    assert_eq!(journal.reader().get(29).expect("read"), Some(all[29].clone()));
}

#[test]
fn a_failed_write_or_sync_stops_the_log_and_loses_nothing_that_was_acknowledged() {
    for fault in [
        (Fault::Write, io::ErrorKind::Other),
        (Fault::Sync, io::ErrorKind::Other),
        (Fault::Sync, io::ErrorKind::StorageFull),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path(), 0);
        journal.append(&records(0..5)).expect("appended");
        journal.segments.fail_next = Some(fault);
        journal.append(&records(5..8)).expect_err("the disk failed");
        assert!(matches!(journal.append(&records(5..8)), Err(JournalError::Stopped { .. })));
        assert!(matches!(journal.erase(&[0]), Err(JournalError::Stopped { .. })));
        assert!(matches!(journal.store_checkpoint(b"note"), Err(JournalError::Stopped { .. })));
        assert!(matches!(journal.truncate_unsigned_tail(1), Err(JournalError::Stopped { .. })));
        assert_eq!(journal.size(), 5, "what was not synced was never shown");
        assert_only_truth(&journal, &records(0..8));
        drop(journal);
        assert_only_truth(&open(dir.path(), 5).0, &records(0..8));
    }
}

#[test]
fn a_full_disk_refuses_the_batch_and_the_log_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = open(dir.path(), 0);
    journal.append(&records(0..5)).expect("appended");
    journal.stage(&records(5..6)).expect("staged");
    journal.segments.fail_next = Some((Fault::Write, io::ErrorKind::StorageFull));
    assert!(matches!(journal.append(&records(6..8)), Err(JournalError::StorageFull { .. })));
    assert_eq!(journal.append(&records(6..9)).expect("space again"), 9);
    assert_eq!(journal.frontier().root(), root(&records(0..9)));
    drop(journal);
    assert_only_truth(&open(dir.path(), 9).0, &records(0..9));
}

#[test]
fn several_logs_share_one_commit_and_fail_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| open(&dir.path().join(name), 0).0);
    b.segments.fail_next = Some((Fault::Sync, io::ErrorKind::Other));
    let all = records(0..4);
    let results = append_many(&mut [(&mut a, &all), (&mut b, &all), (&mut c, &all[..2])]);
    assert!(matches!(results.as_slice(), [Ok(4), Err(JournalError::Io { .. }), Ok(2)]), "{results:?}");
    assert_eq!((a.size(), b.size(), c.size()), (4, 0, 2));
}

#[test]
fn the_newest_checkpoint_survives_and_is_bounded() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = open(dir.path(), 0);
    assert_eq!(journal.checkpoint(), None);
    journal.store_checkpoint(b"one").expect("stored");
    journal.store_checkpoint(b"two").expect("stored");
    assert!(matches!(journal.store_checkpoint(&vec![0; 65_537]), Err(JournalError::TooLarge { .. })));
    drop(journal);
    assert_eq!(open(dir.path(), 0).0.checkpoint(), Some(&b"two"[..]));
}

#[test]
fn a_segment_of_a_later_version_is_refused_and_a_rotten_header_is_mended() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 20);
    let paths = segments(dir.path());
    for at in 0..16 {
        flip(&paths[1], at, 0x40);
        let (journal, report) = open(dir.path(), 20);
        assert_eq!(report.damaged, [], "byte {at}");
        assert_only_truth(&journal, &all);
    }
    let mut later = fs::read(&paths[1]).expect("read");
    later[7] = 2;
    later[16..].fill(b'?');
    fs::write(&paths[1], &later).expect("written");
    assert!(matches!(LogJournal::open(dir.path(), 20), Err(JournalError::Format { .. })));
    assert_eq!(fs::read(&paths[1]).expect("read"), later, "left as it was");
}

#[test]
fn leftovers_of_an_interrupted_rewrite_or_roll_are_no_obstacle() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = filled(dir.path(), 20);
    fs::write(dir.path().join("0000000000000000.seg.tmp"), b"half").expect("written");
    for leftover in [&b""[..], b"conc", b"concert\x01\x14\0\0\0\0\0\0\0"] {
        let path = dir.path().join("0000000000000014.seg");
        fs::write(&path, leftover).expect("written");
        let (journal, report) = open(dir.path(), 20);
        assert_eq!((report.size, report.damaged.len()), (20, 0));
        assert_only_truth(&journal, &all);
        assert!(!path.exists());
    }
    assert!(!dir.path().join("0000000000000000.seg.tmp").exists());
}

#[test]
fn readers_see_whole_batches_only_while_the_writer_appends() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = open(dir.path(), 0);
    let reader = journal.reader();
    let all = records(0..300);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (round, batch) in all.chunks(3).enumerate() {
                journal.append(batch).expect("appended");
                if round % 20 == 7 {
                    journal.erase(&[round as u64 * 3 / 7 * 7]).expect("erased");
                }
            }
        });
        let mut size = 0;
        while size < 300 {
            let seen = reader.size();
            assert!(seen >= size && seen.is_multiple_of(3));
            size = seen;
            let from = size.saturating_sub(40);
            for (index, record) in reader.read(from, 40, usize::MAX).expect("read") {
                assert_eq!(record.leaf_hash(), all[index as usize].leaf_hash());
            }
            assert_eq!(reader.root_at(size).expect("a root"), root(&all[..size as usize]));
        }
    });
}

/// Cutting a log once forgot the records that were written but not committed: the next batch went behind them, with
/// their indexes.
#[test]
fn regression_cutting_takes_uncommitted_records_off_the_disk() {
    for committed in [0, 2, 30] {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path(), 0);
        journal.append(&records(0..committed)).expect("appended");
        journal.stage(&records(committed..committed + 3)).expect("staged");
        journal.truncate_unsigned_tail(committed / 2).expect("cut");
        drop(journal);
        assert_eq!(open(dir.path(), 0).1.size, committed / 2);
        let (mut journal, _) = open(dir.path(), 0);
        journal.stage(&records(90..93)).expect("staged");
        journal.truncate_unsigned_tail(committed / 2).expect("cut");
        journal.append(&records(committed / 2..committed + 9)).expect("appended");
        drop(journal);
        let (journal, report) = open(dir.path(), committed + 9);
        assert_eq!(report.damaged, []);
        assert_only_truth(&journal, &records(0..committed + 9));
    }
}

#[derive(Clone, Debug)]
enum Act {
    Append(u8),
    Stage(u8),
    Erase(prop::sample::Index),
    Truncate(prop::sample::Index),
    Checkpoint(u8),
    Scrub,
    Reopen,
    /// The process dies and the newest file loses bytes beyond what was acknowledged.
    Crash(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1_u8..9).prop_map(Act::Append),
        1 => (1_u8..5).prop_map(Act::Stage),
        1 => any::<prop::sample::Index>().prop_map(Act::Erase),
        1 => any::<prop::sample::Index>().prop_map(Act::Truncate),
        1 => any::<u8>().prop_map(Act::Checkpoint),
        1 => Just(Act::Scrub),
        2 => Just(Act::Reopen),
        2 => any::<u16>().prop_map(Act::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_journal_does_what_the_model_does(acts in prop::collection::vec(act(), 1..30)) {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = open(dir.path(), 0);
        let mut model: Vec<Record> = Vec::new();
        let mut staged: Vec<Record> = Vec::new();
        let mut checkpoint = None;
        for act in acts {
            let next = (model.len() + staged.len()) as u64;
            match act {
                Act::Append(count) => {
                    let batch = records(next..next + u64::from(count));
                    journal.append(&batch).expect("appended");
                    model.append(&mut staged);
                    model.extend(batch);
                }
                Act::Stage(count) => {
                    let batch = records(next..next + u64::from(count));
                    journal.stage(&batch).expect("staged");
                    staged.extend(batch);
                    // A roll commits what was staged before it.
                    let published = journal.size() as usize;
                    let shown = published - model.len();
                    model.extend(staged.drain(..shown));
                }
                Act::Erase(index) if !model.is_empty() => {
                    let index = index.index(model.len());
                    let erased = journal.erase(&[index as u64]);
                    model.append(&mut staged);
                    match &model[index] {
                        Record::Withheld(_) => { erased.expect_err("nothing to erase"); }
                        record => {
                            erased.expect("erased");
                            model[index] = Record::Erased(record.leaf_hash());
                        }
                    }
                }
                Act::Truncate(index) => {
                    let size = index.index(model.len() + 1);
                    journal.truncate_unsigned_tail(size as u64).expect("cut");
                    model.truncate(size);
                    staged.clear();
                }
                Act::Checkpoint(byte) => {
                    journal.store_checkpoint(&[byte]).expect("stored");
                    checkpoint = Some(vec![byte]);
                }
                Act::Scrub => {
                    prop_assert_eq!(journal.scrub(0..u64::MAX).expect("scrubbed"), []);
                    model.append(&mut staged);
                }
                Act::Erase(_) => {}
                Act::Reopen | Act::Crash(_) => {
                    let acknowledged = model.len() as u64;
                    drop(journal);
                    if let (Act::Crash(cut), Some(last)) = (&act, segments(dir.path()).pop()) {
                        // Only bytes that no sync covered may vanish.
                        let unsynced: usize = staged.iter().map(segment_len).sum();
                        let len = fs::metadata(&last).expect("there").len();
                        let cut = u64::from(*cut) % (unsynced as u64 + 1);
                        let file = File::options().write(true).open(&last).expect("opened");
                        file.set_len(len - cut.min(len)).expect("cut");
                    }
                    let report;
                    (journal, report) = open(dir.path(), acknowledged);
                    prop_assert_eq!(&report.damaged, &[]);
                    let kept = (report.size - acknowledged) as usize;
                    prop_assert!(kept <= staged.len());
                    model.extend(staged.drain(..).take(kept));
                }
            }
            prop_assert_eq!(journal.size(), model.len() as u64);
            prop_assert_eq!(journal.root_at(model.len() as u64).expect("a root"), root(&model));
            prop_assert_eq!(journal.checkpoint(), checkpoint.as_deref());
        }
        let read: Vec<Record> = journal.read(0, usize::MAX, usize::MAX).expect("read").into_iter().map(|(_, r)| r).collect();
        prop_assert_eq!(read, model);
    }

    #[test]
    fn random_rot_is_reported_never_read_and_repaired(
        rot in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..), 1..6),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..2),
    ) {
        let dir = tempfile::tempdir().expect("a folder");
        let all = filled(dir.path(), 60);
        let paths = segments(dir.path());
        for (file, at, mask) in rot {
            let path = &paths[file.index(paths.len())];
            let len = fs::metadata(path).expect("there").len();
            flip(path, at.index(len as usize) as u64, mask);
        }
        for (file, at) in cuts {
            let path = &paths[file.index(paths.len())];
            let len = fs::metadata(path).expect("there").len();
            let file = File::options().write(true).open(path).expect("opened");
            file.set_len(at.index(len as usize) as u64).expect("cut");
        }
        let (mut journal, report) = open(dir.path(), 60);
        prop_assert_eq!((report.size, report.cut, report.leaf_unknown), (60, None, None));
        assert_only_truth(&journal, &all);
        prop_assert_eq!(journal.root_at(60).expect("a root"), root(&all));
        let lost = report.damaged.iter().flat_map(|run| run.from..run.to);
        let offered: Vec<_> = lost.map(|index| (index, all[index as usize].clone())).collect();
        prop_assert_eq!(journal.repair(&offered, None).expect("repaired"), offered.len());
        journal.append(&records(60..64)).expect("appended");
        drop(journal);
        let (journal, report) = open(dir.path(), 64);
        prop_assert_eq!(report.damaged, []);
        assert_only_truth(&journal, &records(0..64));
    }
}
