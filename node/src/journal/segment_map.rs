// SPDX-License-Identifier: EUPL-1.2
//! Which records stand in which segment file, shared between the writer and the readers.
//!
//! The map holds a mark for every 64 records or 64 KiB, so tens of millions of records cost some tens of megabytes.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::error::{Damage, Damaged, JournalError};
use super::segment::{self, HEADER_LEN, Mark, Step, Window};

const READ_BLOCK: usize = 128 << 10;

/// One segment file.
#[derive(Clone)]
pub(super) struct Segment {
    /// Index of its first record.
    pub(super) first: u64,
    /// One past its last index; where the next segment begins.
    pub(super) end: u64,
    /// Bytes up to the end of its last good record.
    pub(super) len: u64,
    pub(super) marks: Vec<Mark>,
    /// Unreadable runs, ascending and apart.
    pub(super) damaged: Vec<Damaged>,
}

/// All segments, ascending and without holes: a lost record belongs to the segment before it.
pub(super) struct Map {
    /// First index that the sequence reaches back to.
    pub(super) base: u64,
    /// One past the last index.
    pub(super) size: u64,
    pub(super) segments: Vec<Segment>,
}

/// The map and the folder it describes.
pub(super) struct Shared {
    dir: PathBuf,
    map: RwLock<Map>,
}

impl Segment {
    pub(super) fn empty(first: u64) -> Self {
        Self { first, end: first, len: 0, marks: Vec::new(), damaged: Vec::new() }
    }

    /// Notes a damaged run behind all others; neighbours of one kind become one run.
    pub(super) fn add_damage(&mut self, file: &Path, range: Range<u64>, what: Damage) {
        match self.damaged.last_mut() {
            Some(last) if last.to == range.start && last.what == what => last.to = range.end,
            _ => {
                let damaged = Damaged { file: file.to_owned(), from: range.start, to: range.end, what };
                self.damaged.push(damaged);
            }
        }
    }

    /// The damaged run that holds `index`.
    pub(super) fn damage_at(&self, index: u64) -> Option<&Damaged> {
        self.damaged.iter().find(|damaged| (damaged.from..damaged.to).contains(&index))
    }

    /// The mark of exactly that record.
    pub(super) fn mark_at(&self, index: u64) -> Option<Mark> {
        let position = self.marks.binary_search_by_key(&index, |mark| mark.index).ok()?;
        self.marks.get(position).copied()
    }

    /// The last mark at or before `index`.
    fn mark_before(&self, index: u64) -> Mark {
        let position = self.marks.partition_point(|mark| mark.index <= index);
        let mark = position.checked_sub(1).and_then(|position| self.marks.get(position));
        mark.copied().unwrap_or(Mark { index: self.first, offset: HEADER_LEN })
    }

    /// Where the record `index` begins, found by walking from the nearest mark.
    fn offset_of(&self, index: u64, window: &mut Window) -> io::Result<Option<u64>> {
        let mark = self.mark_before(index);
        let mut offset = mark.offset;
        for _ in mark.index..index {
            match window.skip(offset)? {
                Some(next) => offset = next,
                None => return Ok(None),
            }
        }
        Ok(Some(offset))
    }

    /// Cuts the file so that it ends before the record `size`. Returns it if more records may go behind.
    pub(super) fn cut(&mut self, dir: &Path, size: u64) -> Result<Option<File>, JournalError> {
        let path = dir.join(segment::file_name(self.first));
        let failed = |source| JournalError::io("cutting", &path, source);
        // Damage that reaches the new end leaves no record to cut behind; the cut goes before the damage.
        let end = self.damage_at(size - 1).map_or(size, |damaged| damaged.from);
        let file = match File::options().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(file.map_err(failed)?),
        };
        if let Some(file) = &file {
            let mut window = Window::new(file.try_clone().map_err(failed)?, self.len, READ_BLOCK);
            let last = end.checked_sub(1).filter(|last| *last >= self.first);
            let offset = match last {
                Some(last) => match self.offset_of(last, &mut window).map_err(failed)? {
                    Some(offset) => window.skip(offset).map_err(failed)?,
                    None => None,
                },
                None => Some(HEADER_LEN),
            };
            let what = Damage::BadRecord;
            let unreadable = || Damaged { file: path.clone(), from: end.saturating_sub(1), to: end, what };
            self.len = offset.ok_or_else(unreadable)?;
            file.set_len(self.len).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        self.end = size;
        self.marks.retain(|mark| mark.index < end);
        self.damaged.retain(|damaged| damaged.from < size);
        if let Some(last) = self.damaged.last_mut() {
            last.to = last.to.min(size);
        }
        Ok(file.filter(|_| end == size))
    }
}

impl Map {
    pub(super) fn segment_of(&self, index: u64) -> Option<&Segment> {
        let position = self.segments.partition_point(|segment| segment.end <= index);
        self.segments.get(position).filter(|segment| segment.first <= index)
    }

    pub(super) fn overlapping(&self, range: &Range<u64>) -> impl Iterator<Item = &Segment> {
        let range = range.clone();
        self.segments.iter().filter(move |segment| segment.first < range.end && range.start < segment.end)
    }

    /// Everything unreadable in `range`.
    pub(super) fn damaged(&self, range: &Range<u64>) -> Vec<Damaged> {
        self.overlapping(range).flat_map(|segment| segment.damage_in(range)).collect()
    }
}

impl Shared {
    pub(super) fn new(dir: PathBuf, map: Map) -> Self {
        Self { dir, map: RwLock::new(map) }
    }

    // The map is changed in single assignments only, so it is whole even if a thread died holding the lock.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads published records; cheap to clone, usable from any thread.
#[derive(Clone)]
pub(super) struct SegmentReader {
    shared: Arc<Shared>,
}

/// What a visitor gets: index, kind, body.
pub(super) type Visit<'a> = dyn FnMut(u64, u8, &[u8]) -> Result<ControlFlow<()>, JournalError> + 'a;

impl SegmentReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn size(&self) -> u64 {
        self.shared.read().size
    }

    /// First index that the sequence reaches back to.
    pub(super) fn base(&self) -> u64 {
        self.shared.read().base
    }

    pub(super) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    pub(super) fn damaged(&self, range: &Range<u64>) -> Vec<Damaged> {
        self.shared.read().damaged(range)
    }

    /// Hands each record of `range` to `visit`, checked, until it breaks or the end.
    ///
    /// Fails at the first record that cannot be read.
    pub(super) fn visit(&self, range: Range<u64>, visit: &mut Visit<'_>) -> Result<(), JournalError> {
        let mut index = range.start;
        while index < range.end {
            let Some((segment, path, file)) = self.open_at(index)? else { return Ok(()) };
            let failed = |source| JournalError::io("reading", &path, source);
            let mut window = Window::new(file, segment.len, READ_BLOCK);
            let bad =
                |index| Damaged { file: path.clone(), from: index, to: index + 1, what: Damage::BadRecord };
            let mut offset =
                segment.offset_of(index, &mut window).map_err(failed)?.ok_or_else(|| bad(index))?;
            let end = segment.end.min(range.end);
            while index < end {
                if let Some(damaged) = segment.damage_at(index) {
                    return Err(damaged.clone().into());
                }
                let Step::Record { kind, body, next } = window.record(index, offset).map_err(failed)? else {
                    return Err(bad(index).into());
                };
                if visit(index, kind, body)?.is_break() {
                    return Ok(());
                }
                (index, offset) = (index + 1, next);
            }
        }
        Ok(())
    }

    /// The segment that holds `index`, and its file opened while no rewrite can replace it.
    fn open_at(&self, index: u64) -> Result<Option<(Segment, PathBuf, File)>, JournalError> {
        let map = self.shared.read();
        let Some(found) = map.segment_of(index) else { return Ok(None) };
        if let Some(damaged) = found.damage_at(index) {
            return Err(damaged.clone().into());
        }
        let path = self.shared.dir.join(segment::file_name(found.first));
        let file = File::open(&path).map_err(|source| JournalError::io("opening", &path, source))?;
        let nearest = found.mark_before(index);
        // Only what this read needs: a segment's marks can be thousands.
        let segment = Segment { marks: vec![nearest], damaged: found.damaged.clone(), ..*found };
        Ok(Some((segment, path, file)))
    }
}
