// SPDX-License-Identifier: EUPL-1.2
//! Segments that are written anew as a whole: erasure, repair, snapshots. Each becomes real by one rename.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use super::super::disk;
use super::super::error::{Damage, JournalError};
use super::super::segment::{self, Found, HEADER_LEN, KIND_LOST, Mark, Step, Window, encode, header, scan};
use super::super::segment_map::Segment;
use super::{Active, SCAN_BLOCK, Segments, check_body, remove_if_there};

impl Segments {
    /// Rewrites every segment that holds one of `replacements`. Records that cannot be read become placeholders.
    pub(in crate::journal) fn replace(
        &mut self,
        replacements: &BTreeMap<u64, (u8, Vec<u8>)>,
    ) -> Result<(), JournalError> {
        self.check()?;
        debug_assert_eq!(self.staged_size, self.size(), "nothing is staged while a segment is rewritten");
        for (_, body) in replacements.values() {
            check_body(body)?;
        }
        let mut next = replacements.keys().next().copied();
        while let Some(index) = next {
            // What rotted since the last scan must not take its readable neighbours with it.
            self.rescan(index..index + 1, &mut |_| Ok(()))?;
            let segment = self.shared.read().segment_of(index).cloned();
            let size = self.size();
            let Some(segment) = segment else {
                return Err(JournalError::OutOfRange { path: self.dir.clone(), asked: index, size });
            };
            next = replacements.range(segment.end..).next().map(|(index, _)| *index);
            match self.rewrite(&segment, replacements) {
                Ok(()) => {}
                Err(error @ JournalError::StorageFull { .. }) => return Err(error),
                Err(error) => return Err(self.stop(error)),
            }
        }
        Ok(())
    }

    fn rewrite(
        &mut self,
        old: &Segment,
        replacements: &BTreeMap<u64, (u8, Vec<u8>)>,
    ) -> Result<(), JournalError> {
        let path = self.dir.join(segment::file_name(old.first));
        let temporary = disk::temporary(&path);
        let result = self.write_copy(old, &path, &temporary, replacements);
        let (new, file) = match result {
            Ok(written) => written,
            Err(error) => {
                // Half a copy is worth nothing, and the disk may be full.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        };
        let mut map = self.shared.write();
        // Readers open the file by name under the same lock, so they never mix old offsets with the new file.
        disk::rename(&temporary, &path)?;
        let was_active = self.active.as_ref().is_some_and(|active| active.first == old.first);
        let whole = new.damaged.is_empty() && map.segments.last().is_some_and(|last| last.first == old.first);
        if was_active || (self.active.is_none() && whole) {
            let last_mark = new.marks.last().copied();
            self.active =
                Some(Active { file, path, first: new.first, len: new.len, unnamed: false, last_mark });
        }
        if let Some(held) = map.segments.iter_mut().find(|held| held.first == old.first) {
            *held = new;
        }
        Ok(())
    }

    fn write_copy(
        &self,
        old: &Segment,
        path: &Path,
        temporary: &Path,
        replacements: &BTreeMap<u64, (u8, Vec<u8>)>,
    ) -> Result<(Segment, File), JournalError> {
        let failed = |source| JournalError::io("rewriting", temporary, source);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(temporary);
        let mut out = BufWriter::with_capacity(SCAN_BLOCK, file.map_err(failed)?);
        out.write_all(&header(old.first)).map_err(failed)?;
        let mut new = Segment { end: old.end, len: HEADER_LEN, ..Segment::empty(old.first) };
        let mut source = Copying::open(old, path)?;
        let mut buffer = Vec::new();
        for index in old.first..old.end {
            buffer.clear();
            match (replacements.get(&index), source.next(index, old)?) {
                (Some((kind, body)), _) => encode(index, *kind, body, &mut buffer),
                (None, Some((kind, body))) => encode(index, kind, body, &mut buffer),
                (None, None) => {
                    new.add_damage(path, index..index + 1, Damage::Lost);
                    encode(index, KIND_LOST, &[], &mut buffer);
                }
            }
            segment::note(&mut new.marks, Mark { index, offset: new.len });
            out.write_all(&buffer).map_err(failed)?;
            new.len += buffer.len() as u64;
        }
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok((new, file))
    }

    /// Reads the segments that hold records of `range` again and notes what is damaged by now.
    pub(in crate::journal) fn rescan(
        &mut self,
        range: Range<u64>,
        on: &mut dyn FnMut(Found<'_>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let touched: Vec<Segment> = self.shared.read().overlapping(&range).cloned().collect();
        for mut segment in touched {
            let path = self.dir.join(segment::file_name(segment.first));
            let failed = |source| JournalError::io("reading", &path, source);
            let (end, first) = (segment.end, segment.first);
            let mut bounded = |found: Found<'_>| match found {
                Found::Record { index, .. } if index >= end => Ok(()),
                found => on(found),
            };
            let result = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                file => {
                    let mut window = Window::new(file.map_err(failed)?, segment.len, SCAN_BLOCK);
                    Some(scan(&mut window, first, u64::MAX, failed, &mut bounded)?)
                }
            };
            segment.damaged.clear();
            let (next, bad_tail) = match result {
                Some(found) => {
                    segment.take(&path, &found);
                    (found.next, found.bad_tail)
                }
                None => (first, false),
            };
            if next < end {
                let what = if bad_tail { Damage::BadRecord } else { Damage::Missing };
                segment.add_damage(&path, next..end, what);
                on(Found::Unreadable { from: next, to: end })?;
            }
            if !segment.damaged.is_empty() && self.active.as_ref().is_some_and(|active| active.first == first)
            {
                // No record goes behind damage: the next batch opens a new file.
                self.active = None;
            }
            if let Some(held) = self.shared.write().segments.iter_mut().find(|held| held.first == first) {
                *held = segment;
            }
        }
        Ok(())
    }

    /// Forgets every segment before the one that begins at `first`, and removes their files.
    pub(in crate::journal) fn drop_before(&mut self, first: u64) -> Result<(), JournalError> {
        let mut map = self.shared.write();
        map.base = first;
        let old: Vec<Segment> = map.segments.extract_if(.., |segment| segment.first < first).collect();
        drop(map);
        for segment in &old {
            remove_if_there(&self.dir.join(segment::file_name(segment.first)))?;
        }
        disk::sync_dir(&self.dir)
    }

    /// Writes `records` as one new segment behind all others, whole or not at all.
    pub(in crate::journal) fn add_segment(
        &mut self,
        records: &mut dyn Iterator<Item = Result<(u8, Vec<u8>), JournalError>>,
    ) -> Result<u64, JournalError> {
        self.check()?;
        let first = self.staged_size;
        let path = self.dir.join(segment::file_name(first));
        let temporary = disk::temporary(&path);
        let (new, file) = match write_new(first, &temporary, records) {
            Ok(written) => written,
            Err(error) => {
                // Half a snapshot is worth nothing, and the disk may be full.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        };
        let renamed = disk::rename(&temporary, &path);
        renamed.map_err(|error| self.stop(error))?;
        let last_mark = new.marks.last().copied();
        self.active = Some(Active { file, path, first, len: new.len, unnamed: false, last_mark });
        self.staged_size = new.end;
        let mut map = self.shared.write();
        map.size = new.end;
        map.segments.push(new);
        Ok(first)
    }
}

fn write_new(
    first: u64,
    temporary: &Path,
    records: &mut dyn Iterator<Item = Result<(u8, Vec<u8>), JournalError>>,
) -> Result<(Segment, File), JournalError> {
    let failed = |source| JournalError::io("writing", temporary, source);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(temporary);
    let mut out = BufWriter::with_capacity(SCAN_BLOCK, file.map_err(failed)?);
    let mut new = Segment { len: HEADER_LEN, ..Segment::empty(first) };
    out.write_all(&header(first)).map_err(failed)?;
    let mut buffer = Vec::new();
    for record in records {
        let (kind, body) = record?;
        check_body(&body)?;
        buffer.clear();
        encode(new.end, kind, &body, &mut buffer);
        segment::note(&mut new.marks, Mark { index: new.end, offset: new.len });
        out.write_all(&buffer).map_err(failed)?;
        new.len += buffer.len() as u64;
        new.end += 1;
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok((new, file))
}

/// Reads the records of a segment that is being rewritten, in order.
struct Copying<'p> {
    path: &'p Path,
    window: Option<Window>,
    offset: Option<u64>,
}

impl<'p> Copying<'p> {
    fn open(old: &Segment, path: &'p Path) -> Result<Self, JournalError> {
        let window = match File::open(path) {
            Ok(file) => Some(Window::new(file, old.len, SCAN_BLOCK)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(JournalError::io("reading", path, source)),
        };
        Ok(Self { path, window, offset: Some(HEADER_LEN) })
    }

    /// The record `index`, unless it is damaged.
    fn next(&mut self, index: u64, old: &Segment) -> Result<Option<(u8, &[u8])>, JournalError> {
        if let Some(mark) = old.mark_at(index) {
            self.offset = Some(mark.offset);
        }
        let (Some(window), Some(offset)) = (self.window.as_mut(), self.offset) else { return Ok(None) };
        match window.record(index, offset) {
            Ok(Step::Record { kind, body, next }) => {
                self.offset = Some(next);
                Ok((kind != KIND_LOST).then_some((kind, body)))
            }
            Ok(Step::Bad | Step::End) => {
                self.offset = None;
                Ok(None)
            }
            Err(source) => Err(JournalError::io("reading", self.path, source)),
        }
    }
}
