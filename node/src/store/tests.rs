// SPDX-License-Identifier: EUPL-1.2
//! The engine against the model in memory, and against damage.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    (dir, store)
}

fn open(dir: &Path) -> (Store, Opened) {
    Store::open(dir, CACHE_BYTES_MIN).expect("opened")
}

fn log(text: &str) -> LogId {
    text.parse().expect("a log")
}

/// A store with 2,000 rows, synced and closed.
fn filled(dir: &Path) {
    let (store, opened) = open(dir);
    assert_eq!(opened, Opened::Empty);
    for part in 0..20_u32 {
        let mut batch = Batch::new();
        for row in 0..100_u32 {
            batch.put(Table::Entry, &(part * 100 + row).to_be_bytes(), versioned(1, &[part as u8; 200]));
        }
        batch.set_position(&Source::Log(log("FR/1")), u64::from(part + 1) * 100);
        store.commit(&batch).expect("committed");
    }
    store.sync().expect("synced");
}

#[test]
fn rows_and_positions_survive_a_restart() {
    let (_dir, path) = folder();
    filled(&path);
    let (store, opened) = open(&path);
    assert_eq!(opened, Opened::Existing);
    assert_eq!(store.position(&Source::Log(log("FR/1"))).expect("read"), 2000);
    assert_eq!(store.position(&Source::Private).expect("read"), 0);
    let mut batch = Batch::new();
    batch.set_position(&Source::Private, 7).set_position(&Source::Log(log("DE/2")), 9);
    store.commit(&batch).expect("committed");
    assert_eq!(store.position(&Source::Private).expect("read"), 7);
    assert_eq!(store.positions().expect("read"), [(log("DE/2"), 9), (log("FR/1"), 2000)]);
    let newest = store.range_back(Table::Entry, &[], None, 2).expect("read");
    assert_eq!(newest[0].0, 1999_u32.to_be_bytes());
    assert_eq!(split_version(&newest[0].1), Some((1, &[19_u8; 200][..])));
    assert!(store.size_on_disk() > 0);
}

#[test]
fn every_table_has_its_own_number_and_a_tree() {
    let numbers: BTreeSet<u8> = Table::ALL.iter().map(|table| table.prefix()).collect();
    assert_eq!(numbers.len(), Table::ALL.len());
    assert!(numbers.iter().all(|number| (1..255).contains(number)));
    assert!(Table::ALL.iter().all(|table| table.tree() < table::TREES));
}

#[test]
fn tables_of_one_tree_do_not_see_each_other() {
    for store in [Store::in_memory(), open(&folder().1).0] {
        let mut batch = Batch::new();
        for table in Table::ALL {
            batch.put(table, b"k", vec![1, table.prefix()]);
        }
        store.commit(&batch).expect("committed");
        for table in Table::ALL {
            let row = (b"k".to_vec(), vec![1, table.prefix()]);
            let (up, down) = (store.range(table, &[], None, 9), store.range_back(table, &[], None, 9));
            assert_eq!([up.expect("read"), down.expect("read")].concat(), [row.clone(), row]);
        }
    }
}

/// Opens the engine by itself, once the store that was just dropped has let go of its lock.
fn sled_opened(path: &Path) -> sled::Db {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match sled::open(path) {
            Ok(raw) => return raw,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn large_values_are_replaced_shrunk_and_deleted_without_a_trace() {
    let (_dir, path) = folder();
    let (store, _) = open(&path);
    let value = |len: usize| (0..len).map(|n| n as u8).collect::<Vec<u8>>();
    assert_eq!(store.verify().expect("whole"), Some(0));
    for len in [0, 1, 6143, 6144, 6145, 100_000, 70_000, 5, 300_000] {
        let mut batch = Batch::new();
        batch.put(Table::Feed, b"case", value(len));
        store.commit(&batch).expect("committed");
        assert_eq!(store.get(Table::Feed, b"case").expect("read"), Some(value(len)), "{len}");
        assert_eq!(store.range(Table::Feed, b"c", None, 1).expect("read")[0].1, value(len));
        let pieces = if len < 6144 { 0 } else { len.div_ceil(6144) as u64 };
        assert_eq!(store.verify().expect("whole"), Some(1 + pieces));
    }
    let mut batch = Batch::new();
    batch.delete(Table::Feed, b"case");
    store.commit(&batch).expect("committed");
    assert_eq!(store.get(Table::Feed, b"case").expect("read"), None);
    drop(store);
    let raw = sled_opened(&path);
    let overflow = raw.open_tree([b't', table::TREES as u8]).expect("opened");
    assert_eq!(overflow.len(), 0, "no piece is left");
}

#[test]
fn keys_and_values_past_their_bounds_are_refused_before_anything_is_written() {
    let store = Store::in_memory();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"good", vec![1]).put(Table::Meta, b"bad", vec![0; VALUE_LEN_MAX + 1]);
    assert!(matches!(store.commit(&batch), Err(StoreError::TooLarge { what: "value", .. })));
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"good", vec![1]).delete(Table::Meta, &[0; KEY_LEN_MAX + 1]);
    assert!(matches!(store.commit(&batch), Err(StoreError::TooLarge { what: "key", .. })));
    assert_eq!(store.get(Table::Meta, b"good").expect("read"), None);
}

#[test]
fn clearing_forgets_rows_and_positions_also_when_it_was_interrupted() {
    let (_dir, path) = folder();
    filled(&path);
    open(&path).0.clear().expect("cleared");
    let empty = |store: &Store| {
        assert_eq!(store.positions().expect("read"), []);
        assert_eq!(store.range(Table::Entry, &[], None, 9).expect("read"), []);
    };
    empty(&open(&path).0);
    Store::discard(&path).expect("removed");
    filled(&path);
    {
        let raw = sled_opened(&path);
        raw.open_tree([b't', 0]).expect("opened").insert([0, b'c'], &[1]).expect("marked");
    }
    empty(&open(&path).0);
}

#[test]
fn a_store_in_use_is_refused_and_left_alone() {
    let (_dir, path) = folder();
    let (first, _) = open(&path);
    assert!(matches!(Store::open(&path, CACHE_BYTES_MIN), Err(StoreError::InUse { .. })));
    drop(first);
    assert_eq!(open(&path).1, Opened::Existing);
}

#[test]
fn a_store_that_is_opened_again_is_opened_for_every_handle() {
    let (_dir, path) = folder();
    filled(&path);
    let (store, _) = open(&path);
    let other = store.clone();
    assert_eq!(store.reopen().expect("opened again"), Opened::Existing);
    assert_eq!(other.position(&Source::Log(log("FR/1"))).expect("read"), 2000);
    // What cannot be opened refuses, and can be tried again.
    let away = path.with_extension("away");
    fs::rename(&path, &away).expect("moved");
    fs::write(&path, b"in the way").expect("written");
    store.reopen().expect_err("no folder");
    assert!(matches!(other.position(&Source::Private), Err(StoreError::StorageFull { .. })));
    fs::remove_file(&path).expect("removed");
    fs::rename(&away, &path).expect("moved back");
    assert_eq!(other.reopen().expect("opened again"), Opened::Existing);
    assert_eq!(store.position(&Source::Log(log("FR/1"))).expect("read"), 2000);
}

#[test]
fn a_corrupt_folder_is_set_aside_and_a_bounded_number_is_kept() {
    let (dir, path) = folder();
    for round in 1..=4 {
        filled(&path);
        let mut bytes = fs::read(path.join("db")).expect("read");
        let len = bytes.len().min(400_000);
        bytes[..len].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
        fs::write(path.join("db"), &bytes).expect("written");
        fs::write(path.join("conf"), b"segment_size: no\n").expect("written");
        let (store, opened) = open(&path);
        let expected = dir.path().join(format!("store.damaged-{round}"));
        assert!(matches!(&opened, Opened::Rebuilt { set_aside, .. } if *set_aside == expected), "{opened:?}");
        assert_eq!(store.position(&Source::Log(log("FR/1"))).expect("read"), 0);
        drop(store);
        Store::discard(&path).expect("removed");
    }
    let kept = fs::read_dir(dir.path()).expect("listed").count();
    assert_eq!(kept, 2);
}

#[test]
fn rows_that_vanish_beneath_the_position_are_noticed_and_the_store_is_set_aside() {
    let (_dir, path) = folder();
    filled(&path);
    {
        let raw = sled_opened(&path);
        raw.open_tree([b't', 1])
            .expect("opened")
            .remove([&[10][..], &77_u32.to_be_bytes()].concat())
            .expect("removed");
    }
    let (store, opened) = open(&path);
    assert_eq!(opened, Opened::Existing);
    assert!(matches!(store.verify(), Err(StoreError::Damaged { .. })));
    assert!(
        matches!(store.get(Table::Entry, b"any"), Err(StoreError::Damaged { .. })),
        "not used any further"
    );
    drop(store);
    assert!(matches!(open(&path).1, Opened::Rebuilt { .. }));
}

/// Overwrites some bytes of the engine's file at many places. Whatever it then does inside, the answer is a store that
/// works: with all rows, with an older state whose position says so, or with none.
#[test]
fn overwritten_bytes_end_in_a_store_that_works_never_in_a_panic() {
    let (dir, path) = folder();
    filled(&path);
    let healthy = fs::read(path.join("db")).expect("read");
    let snapshots: Vec<_> = fs::read_dir(&path)
        .expect("listed")
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).expect("read")))
        .collect();
    let mut noticed = 0;
    for round in 0..24 {
        let place = dir.path().join(format!("round-{round}")).join("store");
        fs::create_dir_all(&place).expect("created");
        for (name, bytes) in &snapshots {
            fs::write(place.join(name), bytes).expect("written");
        }
        let mut bytes = healthy.clone();
        let at = 16 + (round * 7919 * 13) % (bytes.len() - 32);
        bytes[at..at + 3].copy_from_slice(&[0xff, 0x00, 0xa5]);
        fs::write(place.join("db"), &bytes).expect("written");
        let (mut store, mut opened) = open(&place);
        let rows = |store: &Store| {
            store.verify()?;
            let position = store.position(&Source::Log(log("FR/1")))?;
            Ok::<_, StoreError>((
                position,
                store.range(Table::Entry, &[], None, RANGE_ROWS_MAX)?.len() as u64,
            ))
        };
        let seen = rows(&store).unwrap_or_else(|error| {
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
            drop(std::mem::replace(&mut store, Store::in_memory()));
            (store, opened) = open(&place);
            assert!(matches!(opened, Opened::Rebuilt { .. }), "{opened:?}");
            rows(&store).expect("a new store")
        });
        assert_eq!(seen.0, seen.1, "round {round}: rows and position come from one transaction");
        noticed += u32::from(seen.0 < 2000);
    }
    assert!(noticed > 0, "some of the damage must have mattered");
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xfe), Just(0xff)], 0..4)
}

fn table() -> impl Strategy<Value = Table> {
    prop::sample::select(vec![Table::Entry, Table::EntryByKind, Table::Key])
}

#[derive(Clone, Debug)]
enum Act {
    Commit(Vec<(Table, Vec<u8>, Option<usize>)>),
    Range(Table, Vec<u8>, Option<Vec<u8>>, usize),
    Clear,
}

fn act() -> impl Strategy<Value = Act> {
    let len = prop::option::of(prop_oneof![4 => 0_usize..9, 1 => 6100_usize..20_000]);
    prop_oneof![
        6 => prop::collection::vec((table(), key(), len), 1..8).prop_map(Act::Commit),
        6 => (table(), key(), prop::option::of(key()), 0_usize..9).prop_map(|(t, p, f, n)| Act::Range(t, p, f, n)),
        1 => Just(Act::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_engine_does_what_the_model_does(acts in prop::collection::vec(act(), 1..40)) {
        let (_dir, path) = folder();
        let (mut store, _) = open(&path);
        let model = Store::in_memory();
        for (n, act) in acts.into_iter().enumerate() {
            match act {
                Act::Commit(changes) => {
                    let mut batch = Batch::new();
                    for (table, key, len) in changes {
                        match len {
                            Some(len) => batch.put(table, &key, vec![n as u8; len]),
                            None => batch.delete(table, &key),
                        };
                    }
                    store.commit(&batch).expect("committed");
                    model.commit(&batch).expect("committed");
                }
                Act::Range(table, prefix, from, limit) => {
                    let from = from.as_deref();
                    prop_assert_eq!(store.range(table, &prefix, from, limit).expect("read"),
                        model.range(table, &prefix, from, limit).expect("read"));
                    prop_assert_eq!(store.range_back(table, &prefix, from, limit).expect("read"),
                        model.range_back(table, &prefix, from, limit).expect("read"));
                    prop_assert_eq!(store.get(table, &prefix).expect("read"), model.get(table, &prefix).expect("read"));
                }
                Act::Clear => {
                    store.clear().expect("cleared");
                    model.clear().expect("cleared");
                    drop(store);
                    (store, _) = open(&path);
                }
            }
        }
        prop_assert!(store.verify().expect("whole").is_some());
    }
}
