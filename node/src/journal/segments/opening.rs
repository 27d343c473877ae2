// SPDX-License-Identifier: EUPL-1.2
//! Opening a folder of segments: what is a torn tail, what is damage (RELIABILITY a.5).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::super::disk;
use super::super::error::{Damage, JournalError};
use super::super::segment::{self, Found, HEADER_LEN, Step, Window, header, scan};
use super::super::segment_map::{Map, Segment, Shared};
use super::{Active, Cut, Keep, SCAN_BLOCK, Segments, list_segments, remove_if_there};

impl Segments {
    /// Reads every record in `dir`, which is created if missing, and hands each to `on` in order.
    pub(in crate::journal) fn open(
        dir: &Path,
        keep: Keep,
        roll_len: u64,
        on: &mut dyn FnMut(Found<'_>) -> Result<(), JournalError>,
    ) -> Result<(Self, Option<Cut>), JournalError> {
        disk::create_dir(dir)?;
        disk::remove_temporaries(dir)?;
        let firsts = list_segments(dir)?;
        let base = match keep {
            Keep::Through(_) => 0,
            Keep::AllReadable => firsts.first().copied().unwrap_or(0),
        };
        let mut map = Map { base, size: base, segments: Vec::new() };
        let mut cut = None;
        let mut active = None;
        let mut bad_tail = false;
        for (position, &first) in firsts.iter().enumerate() {
            let last = position + 1 == firsts.len();
            close_gap(dir, &mut map, first, Damage::Missing, on)?;
            if first < map.size {
                let what = "holds records that another segment holds too; restore the folder from a backup";
                return Err(JournalError::Format { path: dir.join(segment::file_name(first)), what });
            }
            let (found, kept) = open_segment(dir, first, last, keep, on)?;
            cut = found.or(cut);
            let Some(kept) = kept else { continue };
            map.size = kept.segment.end;
            map.segments.push(kept.segment);
            active = kept.active.filter(|_| last);
            bad_tail = kept.bad_tail;
            if let (Some(next), true) = (firsts.get(position + 1), bad_tail) {
                close_gap(dir, &mut map, *next, Damage::BadRecord, on)?;
            }
        }
        if let Keep::Through(size) = keep
            && map.size < size
        {
            // Records that were promised are gone: the next batch goes to a new file behind the hole.
            active = None;
            let what = if bad_tail { Damage::BadRecord } else { Damage::Missing };
            close_gap(dir, &mut map, size, what, on)?;
        }
        disk::sync_dir(dir)?;
        let staged_size = map.size;
        let shared = Arc::new(Shared::new(dir.to_owned(), map));
        let segments = Self {
            dir: dir.to_owned(),
            shared,
            active,
            staged_marks: Vec::new(),
            staged_size,
            stopped: None,
            roll_len,
            #[cfg(test)]
            fail_next: None,
        };
        Ok((segments, cut))
    }
}

struct Kept {
    segment: Segment,
    active: Option<Active>,
    bad_tail: bool,
}

/// Scans one file; cuts an unreadable tail if it is the last file and the rule allows it.
fn open_segment(
    dir: &Path,
    first: u64,
    last: bool,
    keep: Keep,
    on: &mut dyn FnMut(Found<'_>) -> Result<(), JournalError>,
) -> Result<(Option<Cut>, Option<Kept>), JournalError> {
    let path = dir.join(segment::file_name(first));
    let failed = |source| JournalError::io("reading", &path, source);
    let file = File::options().read(true).write(true).open(&path).map_err(failed)?;
    let file_len = file.metadata().map_err(failed)?.len();
    let keep_through = match keep {
        Keep::Through(size) if last => size,
        _ => u64::MAX,
    };
    check_header(&file, &path, first, file_len)?;
    let mut window = Window::new(file.try_clone().map_err(failed)?, file_len, SCAN_BLOCK);
    let found = scan(&mut window, first, keep_through, failed, on)?;
    let mut cut = None;
    let may_cut = match keep {
        Keep::Through(size) => found.next >= size,
        Keep::AllReadable => true,
    };
    let torn = found.bad_tail || found.next == first;
    if last && torn && may_cut {
        cut = Some(Cut { file: path.clone(), from: found.next, bytes: file_len.saturating_sub(found.len) });
        if found.next == first {
            remove_if_there(&path)?;
            return Ok((cut, None));
        }
        file.set_len(found.len).map_err(|source| JournalError::io("cutting", &path, source))?;
    }
    if last {
        // A killed process can leave records that only the page cache holds; from here on they count.
        file.sync_data().map_err(|source| JournalError::io("syncing", &path, source))?;
    }
    let mut segment = Segment { end: found.next, len: found.len, ..Segment::empty(first) };
    segment.take(&path, &found);
    let usable = !found.bad_tail || cut.is_some();
    let last_mark = segment.marks.last().copied();
    let active = usable.then(|| Active { file, path, first, len: found.len, unnamed: false, last_mark });
    Ok((cut, Some(Kept { segment, active, bad_tail: found.bad_tail && !usable })))
}

/// A header follows from the file's name, so a damaged one is mended; a later version's file is refused.
fn check_header(file: &File, path: &Path, first: u64, file_len: u64) -> Result<(), JournalError> {
    let mut found = [0; HEADER_LEN as usize];
    let expected = header(first);
    if file_len < HEADER_LEN || (file.read_exact_at(&mut found, 0).is_ok() && found == expected) {
        return Ok(());
    }
    let failed = |source| JournalError::io("mending the header of", path, source);
    let mut window = Window::new(file.try_clone().map_err(failed)?, file_len, segment::RECORD_HEADER_LEN);
    let readable = matches!(window.record(first, HEADER_LEN), Ok(Step::Record { .. }));
    if segment::is_later_version(&found) && !readable {
        let what = "was written by a later version of Concert; install that version";
        return Err(JournalError::Format { path: path.to_owned(), what });
    }
    file.write_all_at(&expected, 0).and_then(|()| file.sync_data()).map_err(failed)
}

/// Gives the records between the end of the sequence and `until` their indexes, as damaged.
fn close_gap(
    dir: &Path,
    map: &mut Map,
    until: u64,
    what: Damage,
    on: &mut dyn FnMut(Found<'_>) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let from = map.size;
    if from >= until {
        return Ok(());
    }
    if map.segments.is_empty() {
        map.segments.push(Segment::empty(from));
    }
    let host = map.segments.last_mut().expect("pushed above if there was none");
    host.add_damage(&dir.join(segment::file_name(host.first)), from..until, what);
    host.end = until;
    map.size = until;
    on(Found::Unreadable { from, to: until })
}
