// SPDX-License-Identifier: EUPL-1.2
//! Opening the engine when all is well, when another process is just ending, and when its files are damaged.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::StoreError;
use super::sled_index::{DAMAGED_MARK, OpenError, SledIndex};

/// Least page cache, in bytes.
pub const CACHE_BYTES_MIN: u64 = 8 << 20;
/// Largest page cache, in bytes; sled's default of 1 GiB can cost ten times as much memory.
pub const CACHE_BYTES_MAX: u64 = 256 << 20;

/// A killed process's lock can outlive it by a moment.
const LOCK_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(5) };
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Damaged folders that are kept for a look; the data in them is derived.
const SET_ASIDE_MAX: usize = 2;
/// What a disk must be able to take before its files are blamed.
const PROBE_LEN: usize = 1 << 20;

/// What opening the store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Rows of an earlier run; go on from the positions.
    Existing,
    /// Nothing was there; apply the journals from the start.
    Empty,
    /// The folder was damaged and set aside; apply the journals from the start.
    Rebuilt {
        /// Where the damaged folder is now.
        set_aside: PathBuf,
        /// The engine's word.
        reason: String,
    },
}

pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<(SledIndex, Opened), StoreError> {
    let cache_bytes = cache_bytes.clamp(CACHE_BYTES_MIN, CACHE_BYTES_MAX);
    let existed = dir.join("db").exists();
    let marked = dir.join(DAMAGED_MARK).exists();
    let first_try = if marked {
        Err(OpenError::Damaged("it failed in use".to_owned()))
    } else {
        open_waiting(dir, cache_bytes)
    };
    let reason = match first_try {
        Ok(index) => return Ok((index, if existed { Opened::Existing } else { Opened::Empty })),
        Err(OpenError::Damaged(reason)) => reason,
        Err(error) => return Err(explain(dir, error)),
    };
    // On a full disk sled fails in many ways, panics among them, and its files are good.
    probe(dir)?;
    let set_aside = set_aside(dir)?;
    match open_waiting(dir, cache_bytes) {
        Ok(index) => Ok((index, Opened::Rebuilt { set_aside, reason })),
        Err(error) => Err(explain(dir, error)),
    }
}

fn open_waiting(dir: &Path, cache_bytes: u64) -> Result<SledIndex, OpenError> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match SledIndex::open(dir, cache_bytes) {
            Err(OpenError::Locked) if Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
            opened => return opened,
        }
    }
}

fn explain(dir: &Path, error: OpenError) -> StoreError {
    match error {
        OpenError::Locked => StoreError::InUse { dir: dir.to_owned() },
        OpenError::Damaged(what) => StoreError::Damaged { step: "opening the store", what },
        OpenError::Machine(error) => error,
    }
}

/// Whether the disk takes a file beside the store.
fn probe(dir: &Path) -> Result<(), StoreError> {
    let path = beside(dir, "probe");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0x55; PROBE_LEN])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed).map_err(|source| StoreError::io("opening the store", source))
}

fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::io("setting the damaged store aside", source);
    let mut numbers = damaged_numbers(dir).map_err(failed)?;
    let next = numbers.last().map_or(1, |last| last + 1);
    let target = beside(dir, &format!("damaged-{next}"));
    fs::rename(dir, &target).map_err(failed)?;
    numbers.push(next);
    for number in numbers.iter().rev().skip(SET_ASIDE_MAX) {
        fs::remove_dir_all(beside(dir, &format!("damaged-{number}"))).map_err(failed)?;
    }
    File::open(parent(dir)).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(target)
}

/// Numbers of the folders set aside so far, ascending.
fn damaged_numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let prefix = beside(dir, "damaged-");
    let prefix = prefix.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut numbers = Vec::new();
    for entry in fs::read_dir(parent(dir))? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn discard(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("removing the store", source))
        }
        _ => Ok(()),
    }
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    dir.with_file_name(name)
}

fn parent(dir: &Path) -> &Path {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
