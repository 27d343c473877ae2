// SPDX-License-Identifier: EUPL-1.2
//! `concert db export` and `concert db import`: logs as plain files, one JSON object a line.
//!
//! The first line says which log of which federation it is and holds its newest checkpoint; then comes one line for each
//! record, in order. An import believes none of it: the records must have the root that a key of the roster signed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _};
use std::path::Path;

use concert_protocol::encoding::{base64_decode, base64_encode};
use concert_protocol::log::{Checkpoint, Frontier, Hash};
use concert_protocol::member::LogId;
use serde::{Deserialize, Serialize};

use super::{Export, Import};
use crate::cli::log::{LocalLogs, open_head};
use crate::cli::{Context, failures, progress};
use crate::journal::{JournalError, LogJournal, Record, SignedStateFile};
use crate::output::{Exit, Failure, col};

/// What the first line of every file says.
const FORM: &str = "concert-log.v1";
/// Longest line, in bytes: an entry in base64 and a little around it; a checkpoint with every character escaped.
const LINE_LEN_MAX: u64 = 512 << 10;
/// Records written or appended at once.
const BATCH_COUNT: usize = 1000;
const BATCH_BYTES: usize = 8 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    form: String,
    federation: String,
    log: LogId,
    size: u64,
    /// The newest checkpoint, a signed note; without one nothing in the file can be believed.
    checkpoint: Option<String>,
}

/// One record; `erased` and `withheld` hold its leaf hash.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    index: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// The JWS.
    Entry(String),
    /// An entry that is not even text, in base64.
    Bytes(String),
    Withheld(Hash),
    Erased(Hash),
}

#[derive(Debug, Serialize)]
struct Moved {
    log: LogId,
    file: String,
    records: u64,
    /// Records that were not here before; on export all.
    new: u64,
    head: Option<u64>,
}

const COLUMNS: [&str; 5] = ["log", "file", "records", "new", "head"];

/// Runs `db export`.
pub(super) fn export(context: &Context, args: &Export) -> Result<(), Failure> {
    let local = LocalLogs::open(context)?;
    let known = local.logs()?;
    if let Some(unknown) = args.logs.iter().find(|log| !known.contains(log)) {
        return Err(Failure::new(Exit::NotFound, format!("there is no log {unknown} in the data folder")));
    }
    let logs = if args.logs.is_empty() { known } else { args.logs.clone() };
    std::fs::create_dir_all(&args.to).map_err(|error| failures::file("cannot make", &args.to, error))?;
    let mut moved = Vec::new();
    for log in logs {
        let path = args.to.join(format!("{}-{}.ndjson", log.member, log.generation));
        moved.push(export_log(context, &local, &log, &path)?);
    }
    context.output.list(&moved, &COLUMNS.map(col))
}

fn export_log(context: &Context, local: &LocalLogs, log: &LogId, path: &Path) -> Result<Moved, Failure> {
    let failed = |error: io::Error| failures::file("cannot write", path, error);
    let (journal, _) = local.journal(log)?;
    let size = journal.size();
    let mut out = BufWriter::new(File::create_new(path).map_err(failed)?);
    let checkpoint = journal.checkpoint().map(|note| String::from_utf8_lossy(note).into_owned());
    let signed = journal.checkpoint().and_then(|note| open_head(&local.roster, log, note).ok());
    let federation = local.roster.federation().into();
    let head = Head { form: FORM.into(), federation, log: log.clone(), size, checkpoint };
    line(&mut out, &head).map_err(failed)?;
    let bar = progress::bar(context, size, "records");
    let mut from = 0;
    while from < size {
        let records = journal.read(from, BATCH_COUNT, BATCH_BYTES).map_err(|error| {
            failures::journal(error).hint("concert db check says what is damaged; peers can repair it")
        })?;
        for (index, record) in records {
            line(&mut out, &Row { index, what: what(record) }).map_err(failed)?;
            from = index + 1;
        }
        bar.set_position(from);
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    bar.finish_and_clear();
    let head = signed.map(|(checkpoint, _)| checkpoint.size);
    Ok(Moved { log: log.clone(), file: path.display().to_string(), records: size, new: size, head })
}

fn what(record: Record) -> What {
    match record {
        Record::Entry(bytes) => match String::from_utf8(bytes) {
            Ok(text) => What::Entry(text),
            Err(error) => What::Bytes(base64_encode(error.as_bytes())),
        },
        Record::Withheld(hash) => What::Withheld(hash),
        Record::Erased(hash) => What::Erased(hash),
    }
}

fn line(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Runs `db import`.
pub(super) fn import(context: &Context, args: &Import) -> Result<(), Failure> {
    let local = LocalLogs::open(context)?;
    let mut moved = Vec::new();
    for path in &args.files {
        moved.push(import_file(context, &local, path)?);
    }
    context.output.note("the index takes up what is new at the next start");
    context.output.list(&moved, &COLUMNS.map(col))
}

/// Reads the file twice: once to hold it against its checkpoint, once to take what is missing here.
fn import_file(context: &Context, local: &LocalLogs, path: &Path) -> Result<Moved, Failure> {
    let mut source = Source::open(path)?;
    let log = source.head.log.clone();
    if source.head.federation != local.roster.federation() {
        let error = format!("{} is of the federation {}", path.display(), source.head.federation);
        return Err(
            Failure::new(Exit::Conflict, error).cause(format!("this one is {}", local.roster.federation()))
        );
    }
    let checkpoint = source.checkpoint(local)?;
    let bar = progress::bar(context, checkpoint.size * 2, "records");
    let mut frontier = Frontier::new();
    while frontier.size() < checkpoint.size
        && let Some((_, record)) = source.next()?
    {
        frontier.push(record.leaf_hash());
        bar.inc(1);
    }
    if frontier.size() != checkpoint.size || (checkpoint.size > 0 && frontier.root() != checkpoint.root) {
        let failure =
            Failure::new(Exit::Integrity, format!("{} is not what its author signed", path.display()));
        let cause =
            format!("its records do not have the root that was signed for the first {}", checkpoint.size);
        return Err(failure.cause(cause));
    }
    let (journal, _) = local.journal(&log)?;
    let new = take(local, journal, Source::open(path)?, &checkpoint, &bar)?;
    bar.finish_and_clear();
    Ok(Moved {
        log,
        file: path.display().to_string(),
        records: checkpoint.size,
        new,
        head: Some(checkpoint.size),
    })
}

/// Adds what the journal lacks of the first `checkpoint.size` records, and keeps the checkpoint if it is newer.
fn take(
    local: &LocalLogs,
    mut journal: LogJournal,
    mut source: Source,
    checkpoint: &Checkpoint,
    bar: &indicatif::ProgressBar,
) -> Result<u64, Failure> {
    let before = journal.size();
    let shared = before.min(checkpoint.size);
    let (mut batch, mut mended, mut bytes, mut repaired) = (Vec::new(), Vec::new(), 0, 0);
    while source.next_index < checkpoint.size
        && let Some((index, record)) = source.next()?
    {
        bar.inc(1);
        if index < shared {
            if wanted(&journal, index, &record).map_err(|error| differs(error, &source, index))? {
                mended.push((index, record));
            }
            if mended.len() >= BATCH_COUNT {
                repaired += repair(&mut journal, &mut mended, &source)?;
            }
            continue;
        }
        bytes += record.body_len();
        batch.push(record);
        if batch.len() >= BATCH_COUNT || bytes >= BATCH_BYTES {
            journal.append(&batch).map_err(failures::journal)?;
            batch.clear();
            bytes = 0;
        }
    }
    journal.append(&batch).map_err(failures::journal)?;
    repaired += repair(&mut journal, &mut mended, &source)?;
    let log = &source.head.log;
    let held = journal.checkpoint().and_then(|note| open_head(&local.roster, log, note).ok());
    if held.is_none_or(|(held, _)| held.size < checkpoint.size) {
        remember(local, log, checkpoint)?;
        journal.store_checkpoint(source.note()).map_err(failures::journal)?;
    }
    Ok(journal.size() - before + repaired)
}

/// What came back of this node's own log must never be signed otherwise.
fn remember(local: &LocalLogs, log: &LogId, checkpoint: &Checkpoint) -> Result<(), Failure> {
    if local.me() != Some(&log.member) || local.roster.own_log(&log.member).as_ref() != Some(log) {
        return Ok(());
    }
    let failed = |error| Failure::of(Exit::Integrity, &error);
    let mut file = SignedStateFile::open(&local.data.signed_state()).map_err(failed)?;
    file.advance(log, checkpoint.size, checkpoint.root).map_err(failed)
}

/// Whether the journal lacks the record in full. One that is here in full must be the same.
fn wanted(journal: &LogJournal, index: u64, record: &Record) -> Result<bool, JournalError> {
    match journal.reader().get(index) {
        Err(JournalError::Damaged(_)) => Ok(true),
        Err(error) => Err(error),
        Ok(here) => {
            let here = here.ok_or(JournalError::WrongLeaf { index })?;
            if here.leaf_hash() != record.leaf_hash() {
                return Err(JournalError::WrongLeaf { index });
            }
            Ok(matches!(here, Record::Withheld(_)) && record.entry().is_some())
        }
    }
}

fn repair(
    journal: &mut LogJournal,
    mended: &mut Vec<(u64, Record)>,
    source: &Source,
) -> Result<u64, Failure> {
    if mended.is_empty() {
        return Ok(0);
    }
    let first = mended[0].0;
    let taken = journal.repair(mended, None).map_err(|error| differs(error, source, first))?;
    mended.clear();
    Ok(taken as u64)
}

fn differs(error: JournalError, source: &Source, index: u64) -> Failure {
    match error {
        JournalError::WrongLeaf { .. } | JournalError::LeafUnknown { .. } => {
            let text = format!("record {index} of {} is another one here than in the file", source.head.log);
            Failure::new(Exit::Integrity, text)
                .cause("the log's author may have shown two faces, or this folder is damaged; nothing was changed")
                .hint("concert db check tells which")
        }
        other => failures::journal(other),
    }
}

/// A file being read.
struct Source {
    name: String,
    lines: BufReader<File>,
    number: u64,
    head: Head,
    next_index: u64,
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| failures::file("cannot read", path, error))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let name = path.display().to_string();
        let first = read_line(&mut lines, &name, 1)?.ok_or_else(|| wrong(&name, 1, "it is empty"))?;
        let head: Head = serde_json::from_slice(&first)
            .map_err(|_| wrong(&name, 1, "it does not say which log this is"))?;
        if head.form != FORM {
            return Err(wrong(&name, 1, "a form that this version does not read"));
        }
        Ok(Self { name, lines, number: 1, head, next_index: 0 })
    }

    /// The next record.
    fn next(&mut self) -> Result<Option<(u64, Record)>, Failure> {
        self.number += 1;
        let Some(line) = read_line(&mut self.lines, &self.name, self.number)? else { return Ok(None) };
        let row: Row = serde_json::from_slice(&line).map_err(|_| self.wrong("not a record"))?;
        if row.index != self.next_index {
            return Err(self.wrong("records must follow each other without a gap, from index 0"));
        }
        self.next_index += 1;
        let record = match row.what {
            What::Entry(text) => Record::Entry(text.into_bytes()),
            What::Bytes(text) => Record::Entry(base64_decode(&text).ok_or_else(|| self.wrong("not base64"))?),
            // Erased at the other side; to this one it is as if it had never been addressed here.
            What::Withheld(hash) | What::Erased(hash) => Record::Withheld(hash),
        };
        Ok(Some((row.index, record)))
    }

    fn note(&self) -> &[u8] {
        self.head.checkpoint.as_deref().unwrap_or_default().as_bytes()
    }

    fn checkpoint(&self, local: &LocalLogs) -> Result<Checkpoint, Failure> {
        if self.head.checkpoint.is_none() {
            return Err(self.wrong("it has no checkpoint, so nothing in it can be believed"));
        }
        let opened = open_head(&local.roster, &self.head.log, self.note());
        opened.map(|(checkpoint, _)| checkpoint).map_err(|problem| {
            Failure::new(Exit::Integrity, format!("the checkpoint in {} does not hold", self.name))
                .cause(problem)
        })
    }

    fn wrong(&self, what: &str) -> Failure {
        wrong(&self.name, self.number, what)
    }
}

fn read_line(lines: &mut BufReader<File>, name: &str, number: u64) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = lines.take(LINE_LEN_MAX).read_until(b'\n', &mut line);
    read.map_err(|error| failures::file("cannot read", Path::new(name), error))?;
    if line.len() as u64 == LINE_LEN_MAX {
        return Err(wrong(name, number, "longer than any record"));
    }
    Ok((!line.is_empty()).then_some(line))
}

fn wrong(name: &str, number: u64, what: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{name} line {number}: {what}"))
        .hint("concert db export writes such files")
}
