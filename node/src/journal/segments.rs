// SPDX-License-Identifier: EUPL-1.2
//! A folder of segment files seen as one numbered sequence of records.
//!
//! One owner writes through [`Segments`]; [`SegmentReader`]s see exactly what was made durable and published. A
//! failed write or sync stops the writer: after a failed sync nobody knows what the disk holds (RELIABILITY E6).

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk;
use super::error::{Damage, Damaged, JournalError};
use super::segment::{self, BODY_LEN_MAX, Mark, Scan, encode, header};
use super::segment_map::{Map, Segment, SegmentReader, Shared};

mod opening;
mod rewrite;

/// A segment that has reached this many bytes gets no further batch.
pub(super) const ROLL_LEN: u64 = 64 << 20;
/// Encoded bytes that are handed to the system at once.
const WRITE_LEN: usize = 4 << 20;
const SCAN_BLOCK: usize = 1 << 20;

/// What may be cut from the end of the sequence when it is opened.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// Records below this size were promised: they keep their indexes whatever the disk says.
    Through(u64),
    /// Every record that can be read was promised; the sequence begins with the first file.
    AllReadable,
}

/// Bytes behind the last good record that were dropped at open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub file: PathBuf,
    /// Index of the first record that was cut.
    pub from: u64,
    /// Bytes dropped.
    pub bytes: u64,
}

/// The writing end.
pub(super) struct Segments {
    dir: PathBuf,
    shared: Arc<Shared>,
    active: Option<Active>,
    /// Records written and not yet published.
    staged_marks: Vec<Mark>,
    staged_size: u64,
    stopped: Option<String>,
    roll_len: u64,
    #[cfg(test)]
    pub(super) fail_next: Option<(Fault, io::ErrorKind)>,
}

/// Where a test makes the disk fail.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Write,
    Sync,
}

/// The file that takes the next batch.
struct Active {
    file: File,
    path: PathBuf,
    first: u64,
    /// Bytes written, header included.
    len: u64,
    /// Whether the folder does not durably name the file yet.
    unnamed: bool,
    last_mark: Option<Mark>,
}

impl Segments {
    /// One past the last published index.
    pub(super) fn size(&self) -> u64 {
        self.shared.read().size
    }

    /// One past the last index written, published or not.
    pub(super) fn staged_size(&self) -> u64 {
        self.staged_size
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A handle that sees what is published.
    pub(super) fn reader(&self) -> SegmentReader {
        SegmentReader::new(self.shared.clone())
    }

    /// Refuses if an earlier write failed.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        match &self.stopped {
            Some(reason) => Err(JournalError::Stopped { path: self.dir.clone(), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Refuses every later write.
    pub(super) fn stop(&mut self, error: JournalError) -> JournalError {
        self.stopped.get_or_insert_with(|| error.line());
        error
    }

    /// Writes records behind the last one, without making them durable or visible.
    pub(super) fn stage<'a>(
        &mut self,
        records: impl IntoIterator<Item = (u8, &'a [u8])>,
    ) -> Result<u64, JournalError> {
        self.check()?;
        if self.is_full() {
            self.roll()?;
        }
        let undo = (self.active.as_ref().map(|active| active.len), self.staged_size, self.staged_marks.len());
        match self.write_records(records) {
            Ok(()) => Ok(self.staged_size),
            Err(error @ (JournalError::StorageFull { .. } | JournalError::TooLarge { .. })) => {
                self.undo(undo)?;
                Err(error)
            }
            Err(error) => Err(self.stop(error)),
        }
    }

    fn write_records<'a>(
        &mut self,
        records: impl IntoIterator<Item = (u8, &'a [u8])>,
    ) -> Result<(), JournalError> {
        #[cfg(test)]
        let fault = self.fail_next.take_if(|(at, _)| *at == Fault::Write);
        let active = self.active.as_mut().expect("stage opens a segment first");
        let mut buffer = if active.len == 0 { header(active.first).to_vec() } else { Vec::new() };
        let mut last_mark = active.last_mark;
        for (kind, body) in records {
            check_body(body)?;
            let mark = Mark { index: self.staged_size, offset: active.len + buffer.len() as u64 };
            if let Some(mark) = next_mark(last_mark, mark) {
                self.staged_marks.push(mark);
                last_mark = Some(mark);
            }
            encode(self.staged_size, kind, body, &mut buffer);
            self.staged_size += 1;
            if buffer.len() >= WRITE_LEN {
                active.write(&buffer)?;
                buffer.clear();
            }
        }
        #[cfg(test)]
        if let Some((_, kind)) = fault {
            return Err(JournalError::io("appending to", &active.path, kind.into()));
        }
        active.write(&buffer)?;
        active.last_mark = last_mark;
        Ok(())
    }

    /// Takes back a batch that was not written whole, so that the next one finds the file as it was.
    fn undo(&mut self, (len, size, marks): (Option<u64>, u64, usize)) -> Result<(), JournalError> {
        self.staged_size = size;
        self.staged_marks.truncate(marks);
        let Some((active, len)) = self.active.as_mut().zip(len) else { return Ok(()) };
        active.len = len;
        let result = active.file.set_len(len);
        result.map_err(|source| {
            let error = JournalError::io("taking back a batch from", &active.path, source);
            self.stopped.get_or_insert_with(|| error.line());
            error
        })
    }

    /// Makes what was staged durable.
    pub(super) fn sync(&mut self) -> Result<(), JournalError> {
        self.check()?;
        let Some(active) = self.active.as_mut() else { return Ok(()) };
        let result = active.file.sync_data();
        #[cfg(test)]
        let result =
            self.fail_next.take_if(|(at, _)| *at == Fault::Sync).map_or(result, |(_, kind)| Err(kind.into()));
        let mut result = result.map_err(|source| JournalError::io("syncing", &active.path, source));
        if result.is_ok() && active.unnamed {
            result = disk::sync_dir(&self.dir);
            active.unnamed = result.is_err();
        }
        result.map_err(|error| self.stop(error))
    }

    /// Shows what is durable to readers.
    pub(super) fn publish(&mut self) -> u64 {
        let mut map = self.shared.write();
        if let Some(active) = &self.active
            && self.staged_size > map.size
        {
            if map.segments.last().is_none_or(|last| last.first != active.first) {
                map.segments.push(Segment::empty(active.first));
            }
            let size = self.staged_size;
            let last = map.segments.last_mut().expect("pushed above if there was none");
            (last.end, last.len) = (size, active.len);
            last.marks.append(&mut self.staged_marks);
            map.size = size;
        }
        map.size
    }

    /// Whether the next batch opens a new file. The caller commits what is staged before that, so that only the newest
    /// file can have a torn tail.
    pub(super) fn is_full(&self) -> bool {
        self.active.as_ref().is_none_or(|active| active.len >= self.roll_len)
    }

    fn roll(&mut self) -> Result<(), JournalError> {
        debug_assert_eq!(
            self.staged_size,
            self.size(),
            "what is staged is committed before a new file is opened"
        );
        let first = self.staged_size;
        let path = self.dir.join(segment::file_name(first));
        let created = File::options().read(true).write(true).create_new(true).open(&path);
        match created.map_err(|source| JournalError::io("creating", &path, source)) {
            Ok(file) => {
                self.active = Some(Active { file, path, first, len: 0, unnamed: true, last_mark: None });
                Ok(())
            }
            Err(error @ JournalError::StorageFull { .. }) => Err(error),
            Err(error) => Err(self.stop(error)),
        }
    }

    /// Drops every record from `size` on.
    pub(super) fn truncate(&mut self, size: u64) -> Result<(), JournalError> {
        self.check()?;
        let result = self.truncate_files(size);
        result.map_err(|error| self.stop(error))
    }

    fn truncate_files(&mut self, size: u64) -> Result<(), JournalError> {
        let shared = self.shared.clone();
        let mut map = shared.write();
        if size > map.size {
            return Err(JournalError::OutOfRange { path: self.dir.clone(), asked: size, size: map.size });
        }
        self.drop_staged(&map)?;
        // Newest first, so that a crash leaves a sequence without a hole.
        while let Some(last) = map.segments.last().filter(|last| last.first >= size) {
            let path = self.dir.join(segment::file_name(last.first));
            self.active = None;
            remove_if_there(&path)?;
            map.segments.pop();
            disk::sync_dir(&self.dir)?;
        }
        if let Some(last) = map.segments.last_mut().filter(|last| last.end > size) {
            self.active = last.cut(&self.dir, size)?.map(|file| Active {
                file,
                path: self.dir.join(segment::file_name(last.first)),
                first: last.first,
                len: last.len,
                unnamed: false,
                last_mark: last.marks.last().copied(),
            });
        }
        map.size = map.size.min(size);
        self.staged_size = map.size;
        Ok(())
    }

    /// Takes what was written and not published off the disk.
    fn drop_staged(&mut self, map: &Map) -> Result<(), JournalError> {
        self.staged_marks.clear();
        self.staged_size = map.size;
        let Some(active) = self.active.as_mut() else { return Ok(()) };
        let Some(published) = map.segments.last().filter(|last| last.first == active.first) else {
            let path = active.path.clone();
            self.active = None;
            return remove_if_there(&path);
        };
        active.len = published.len;
        active.last_mark = published.marks.last().copied();
        let cut = active.file.set_len(active.len);
        cut.map_err(|source| JournalError::io("cutting", &active.path, source))
    }
}

impl Active {
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let written = self.file.write_all_at(bytes, self.len);
        written.map_err(|source| JournalError::io("appending to", &self.path, source))?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// First indexes of the segment files in `dir`, ascending.
pub(super) fn list_segments(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let paths = disk::list(dir)?;
    let name = |path: &PathBuf| path.file_name().and_then(|name| segment::first_index(name.to_str()?));
    Ok(paths.iter().filter_map(name).collect())
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::io("removing", path, source))
        }
        _ => Ok(()),
    }
}

fn check_body(body: &[u8]) -> Result<(), JournalError> {
    if body.len() > BODY_LEN_MAX {
        let (len, len_max) = (body.len() as u64, BODY_LEN_MAX as u64);
        return Err(JournalError::TooLarge { what: "a record", len, len_max });
    }
    Ok(())
}

fn next_mark(last: Option<Mark>, mark: Mark) -> Option<Mark> {
    let mut marks = Vec::from_iter(last);
    let before = marks.len();
    segment::note(&mut marks, mark);
    (marks.len() > before).then_some(mark)
}

impl Segment {
    /// Takes over what a scan found.
    pub(super) fn take(&mut self, path: &Path, found: &Scan) {
        self.marks.clone_from(&found.marks);
        for (range, placeholder) in &found.gaps {
            let what = if *placeholder { Damage::Lost } else { Damage::BadRecord };
            self.add_damage(path, range.clone(), what);
        }
    }

    /// Collects damage for a report, clipped to `range`.
    pub(super) fn damage_in(&self, range: &Range<u64>) -> impl Iterator<Item = Damaged> {
        let range = range.clone();
        self.damaged.iter().filter_map(move |damaged| {
            let (from, to) = (damaged.from.max(range.start), damaged.to.min(range.end));
            (from < to).then(|| Damaged { from, to, ..damaged.clone() })
        })
    }
}
