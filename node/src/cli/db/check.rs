// SPDX-License-Identifier: EUPL-1.2
//! `concert db check`: every record, every tree, every index row.

use std::collections::BTreeMap;

use concert_protocol::member::LogId;
use serde::Serialize;

use crate::cli::log::{LocalLogs, LogReport, check_entry};
use crate::cli::{Context, failures, progress};
use crate::engine::find_entry;
use crate::journal::{PrivateJournal, Record};
use crate::output::{Exit, Failure, col};
use crate::store::{Opened, Source, Store, StoreError, Table};

/// Memory for the store's pages while it is compared, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// Records compared at once.
const COMPARE_COUNT: usize = 512;
const COMPARE_BYTES: usize = 8 << 20;
/// Complaints about the store that are kept with their text.
const NAMED_MAX: usize = 20;

/// What `db check` found.
#[derive(Debug, Serialize)]
struct Found {
    ok: bool,
    logs: Vec<LogReport>,
    private: PrivateFound,
    store: StoreFound,
}

#[derive(Debug, Default, Serialize)]
struct PrivateFound {
    records: u64,
    damaged: u64,
    ok: bool,
}

#[derive(Debug, Default, Serialize)]
struct StoreFound {
    /// Rows counted, unless the folder had to be set aside.
    rows: Option<u64>,
    /// Entries that have been applied.
    applied: BTreeMap<LogId, u64>,
    ok: bool,
    problems: Vec<String>,
}

/// Runs `db check`.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let local = LocalLogs::open(context)?;
    let mut logs = Vec::new();
    for log in local.logs()? {
        let bar = progress::bar(context, bound(&local, &log)?, "records");
        logs.push(local.audit(&log, &bar)?);
        bar.finish_and_clear();
    }
    let private = private(&local)?;
    let store = store(context, &local)?;
    let ok = logs.iter().all(|log| log.ok) && private.ok && store.ok;
    let found = Found { ok, logs, private, store };
    show(context, &found)?;
    if found.ok { Ok(()) } else { Err(broken(&found)) }
}

fn bound(local: &LocalLogs, log: &LogId) -> Result<u64, Failure> {
    Ok(local.journal(log)?.0.size())
}

fn private(local: &LocalLogs) -> Result<PrivateFound, Failure> {
    let (_, report) = PrivateJournal::open(&local.data.private()).map_err(failures::journal)?;
    let damaged = report.damaged.iter().map(|run| run.to - run.from).sum();
    Ok(PrivateFound { records: report.records, damaged, ok: damaged == 0 })
}

/// Compares the store with the journals: positions, and for each applied entry its row.
fn store(context: &Context, local: &LocalLogs) -> Result<StoreFound, Failure> {
    if !local.data.store().exists() {
        return Ok(StoreFound { ok: true, ..StoreFound::default() });
    }
    let failed = |error: StoreError| Failure::of(Exit::Failed, &error);
    let mut found = StoreFound { ok: true, ..StoreFound::default() };
    let (store, opened) = Store::open(&local.data.store(), CACHE_BYTES).map_err(failed)?;
    if let Opened::Rebuilt { set_aside, reason } = opened {
        let place = set_aside.display();
        complain(
            &mut found,
            format!(
                "the index was damaged ({reason}) and is set aside as {place}; the next start makes it anew"
            ),
        );
        return Ok(found);
    }
    match store.verify() {
        Ok(rows) => found.rows = rows,
        Err(error) => complain(&mut found, error.to_string()),
    }
    for (log, applied) in store.positions().map_err(failed)? {
        found.applied.insert(log.clone(), applied);
        let (journal, _) = local.journal(&log)?;
        if applied > journal.size() {
            let text = format!(
                "the index has applied {applied} entries of {log}, the journal has {}",
                journal.size()
            );
            complain(&mut found, text);
        }
        let bar = progress::bar(context, applied.min(journal.size()), "index rows");
        let reader = journal.reader();
        let mut from = 0;
        while from < applied.min(journal.size()) {
            // Damaged records were named when the log itself was gone through.
            let Ok(records) = reader.read(from, COMPARE_COUNT, COMPARE_BYTES) else {
                from += 1;
                continue;
            };
            let Some((last, _)) = records.last() else { break };
            let next = last + 1;
            for (index, record) in records.iter().filter(|(index, _)| *index < applied) {
                if let Some(problem) = compare(&store, local, &log, *index, record).map_err(failed)? {
                    complain(&mut found, problem);
                }
            }
            from = next;
            bar.set_position(from);
        }
        bar.finish_and_clear();
    }
    let _ = store.position(&Source::Private).map_err(failed)?;
    Ok(found)
}

/// What is wrong with the index of one record.
fn compare(
    store: &Store,
    local: &LocalLogs,
    log: &LogId,
    index: u64,
    record: &Record,
) -> Result<Option<String>, StoreError> {
    let key = [log.to_string().as_bytes(), &[0], &index.to_be_bytes()].concat();
    let quarantined = store.get(Table::Quarantine, &key)?.is_some();
    let good = record.entry().and_then(|bytes| check_entry(&local.roster, log, index, bytes).ok());
    let Some(entry) = good else {
        let missing = format!("record {index} of {log} has no effect, but the index does not say why");
        return Ok((!quarantined).then_some(missing));
    };
    let found = find_entry(store, &entry.reference())?;
    Ok(match found {
        // An author that used an id twice has one row, of one of its two entries.
        Some(row) if row.log.member == log.member => None,
        None if quarantined => None,
        _ => Some(format!("entry {index} of {log} is not in the index")),
    })
}

fn complain(found: &mut StoreFound, problem: String) {
    found.ok = false;
    if found.problems.len() < NAMED_MAX {
        found.problems.push(problem);
    }
}

fn show(context: &Context, found: &Found) -> Result<(), Failure> {
    use crate::output::Format;
    if !matches!(context.output.format(), Format::Table | Format::Csv) {
        return context.output.one(found, &[]);
    }
    let columns = [
        col("log"),
        col("stored"),
        col("entries"),
        col("withheld"),
        col("erased"),
        col("quarantined"),
        col("head"),
        col("cosigned_by"),
        col("ok"),
    ];
    context.output.list(&found.logs, &columns)?;
    for remark in
        found.logs.iter().flat_map(|log| log.remarks.iter().map(move |text| format!("{}: {text}", log.log)))
    {
        context.output.warn(&remark);
    }
    let rows = found.store.rows.map_or("no".to_owned(), |rows| rows.to_string());
    context.output.note(&format!("{} private records, {rows} index rows", found.private.records));
    Ok(())
}

fn broken(found: &Found) -> Failure {
    let mut failure = Failure::new(Exit::Integrity, "the data folder is not what it should be");
    for log in &found.logs {
        for problem in &log.problems {
            failure = failure.cause(format!("{}: {problem}", log.log));
        }
    }
    if found.private.damaged > 0 {
        failure = failure.cause(format!("{} private records cannot be read", found.private.damaged));
    }
    for problem in &found.store.problems {
        failure = failure.cause(format!("index: {problem}"));
    }
    let logs_ok = found.logs.iter().all(|log| log.ok);
    failure.hint(match logs_ok {
        true => "concert db rebuild throws the index away; it is made anew at the next start",
        false => "start the node beside its peers: what is damaged is fetched from them; or restore a backup",
    })
}
