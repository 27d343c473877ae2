// SPDX-License-Identifier: EUPL-1.2
//! The projection: follows the journals and keeps the derived state behind them.
//!
//! One unit of work is a batch of one log: read, check every entry's own signature on all cores, apply to the
//! consolidation, write the index rows and the position in one transaction. Nothing has an effect before its check.
//! When everything is applied and this node coordinates, the notices that should exist are authored.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use concert_protocol::consolidation::{Applied, IssueContext, Position};
use concert_protocol::content::ContentKey;
use concert_protocol::entry::referral::Tier;
use concert_protocol::entry::text::RecipientId;
use concert_protocol::entry::{Body, Entry, EntryError, EntryRef, Envelope, Kind, NoticeId};
use concert_protocol::log::Hash;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::roster::Roster;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::shared::{Shared, now};
use super::unique::Unique;
use super::{Authoring, Engine};
use crate::journal::Record;
use crate::store::{Batch, Source, Store, StoreError, Table, split_version, versioned};

/// Entries checked and applied at once; bounds memory and how long readers of the consolidation wait.
const BATCH_COUNT: usize = 512;
const BATCH_BYTES: usize = 4 << 20;
/// Entries applied under one hold of the write lock.
const LOCK_COUNT: usize = 32;
/// Notices authored at once.
const DUE_MAX: usize = 200;
/// How long the index waits for space before it tries again.
const FULL_PAUSE: std::time::Duration = std::time::Duration::from_secs(5);
/// A store that fails twice within this time, on a disk with space, stops the node.
const FAILURE_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);
/// Version of the rows written here; another one is rebuilt.
const ROW_VERSION: u8 = 1;

/// What the store says of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The log.
    pub log: LogId,
    /// Its index there.
    pub index: u64,
    /// The kind's name, with its version when unknown.
    pub kind: String,
    /// What its author says when it was written.
    pub at: Timestamp,
    /// Why it has no effect, when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_effect: Option<String>,
}

/// Key of the table of entries by kind and time: kind, 0, time, author, 0, id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListKey(pub Vec<u8>);

impl ListKey {
    /// The prefix that all entries of `kind` share.
    pub fn prefix(kind: &str) -> Vec<u8> {
        [kind.as_bytes(), &[0]].concat()
    }

    /// The prefix of the entries of `kind` at `at`, hence the least key of those at or after it.
    pub fn from_time(kind: &str, at: Timestamp) -> Vec<u8> {
        let order = at.as_micros().wrapping_sub(i64::MIN) as u64;
        let mut key = Self::prefix(kind);
        key.extend(order.to_be_bytes());
        key
    }

    /// The key of one entry.
    pub fn of(kind: &str, at: Timestamp, reference: &EntryRef) -> Self {
        let mut key = Self::from_time(kind, at);
        key.extend(reference.author.as_str().as_bytes());
        key.push(0);
        key.extend(reference.id.as_bytes());
        Self(key)
    }

    /// The entry that a key names; `None` for bytes that are no such key.
    pub fn reference(key: &[u8]) -> Option<EntryRef> {
        let kind_end = key.iter().position(|b| *b == 0)?;
        let rest = key.get(kind_end + 9..)?;
        let author_end = rest.iter().position(|b| *b == 0)?;
        let author = std::str::from_utf8(&rest[..author_end]).ok()?.parse().ok()?;
        let id: [u8; 16] = rest.get(author_end + 1..)?.try_into().ok()?;
        Some(EntryRef { author, id: concert_protocol::entry::EntryId::from_bytes(id)? })
    }
}

/// Prefix of a recipient's feed from one log.
pub fn feed_prefix(recipient: &RecipientId, log: &LogId) -> Vec<u8> {
    [recipient.as_str().as_bytes(), &[0], log.to_string().as_bytes(), &[0]].concat()
}

/// Key of one event in a recipient's feed.
pub fn feed_key(recipient: &RecipientId, log: &LogId, index: u64) -> Vec<u8> {
    let mut key = feed_prefix(recipient, log);
    key.extend(index.to_be_bytes());
    key
}

/// Key of the record of an entry.
pub fn entry_key(reference: &EntryRef) -> Vec<u8> {
    [reference.author.as_str().as_bytes(), &[0], reference.id.as_bytes()].concat()
}

/// A record of a log after its check.
struct Checked {
    index: u64,
    leaf: Hash,
    result: Result<Box<Entry>, Quarantined>,
}

/// A position without effect: why, for the operator.
#[derive(Clone)]
struct Quarantined {
    reason: String,
    /// Withheld and erased positions are expected; everything else is counted against the author.
    expected: bool,
}

/// What wakes the projection.
#[derive(Default)]
pub(crate) struct Wake {
    flag: std::sync::Mutex<bool>,
    bell: std::sync::Condvar,
}

impl Wake {
    /// Something was stored, or time passed.
    pub(crate) fn ring(&self) {
        *self.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    fn wait(&self, at_most: std::time::Duration) {
        let flag = self.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut flag, _) = self
            .bell
            .wait_timeout_while(flag, at_most, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *flag = false;
    }
}

/// Settings of the projection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProjectionSettings {
    /// After how much silence of an earlier coordinator tiers 1 and 2 are issued here.
    pub(crate) step_in_after: std::time::Duration,
    /// How long recipients are given to answer.
    pub(crate) answer_window: std::time::Duration,
    /// Threads that check signatures.
    pub(crate) workers: usize,
}

/// The projection's thread.
pub(crate) struct Projection {
    shared: Arc<Shared>,
    engine: Engine,
    settings: ProjectionSettings,
    /// Roster under which everything applied so far was checked.
    roster: Arc<Roster>,
    /// Notices were authored below this index of the own log; nothing is due before they are applied.
    authored_through: u64,
    /// Entries found bad since the start, by log.
    bad: BTreeMap<LogId, u64>,
    /// When the store failed last.
    failed: Option<std::time::Instant>,
    /// The core was told that everything it found at the start is indexed.
    told_indexed: bool,
}

impl Projection {
    pub(crate) fn new(shared: Arc<Shared>, engine: Engine, settings: ProjectionSettings) -> Self {
        let roster = shared.roster();
        Self {
            shared,
            engine,
            settings,
            roster,
            authored_through: 0,
            bad: BTreeMap::new(),
            failed: None,
            told_indexed: false,
        }
    }

    /// Rebuilds the memory from the journals up to the store's positions, whose signatures were checked before.
    pub(crate) fn load(&mut self) -> Result<(), StoreError> {
        self.forget();
        let logs: Vec<LogId> = self.shared.logs().into_keys().collect();
        for log in logs {
            let position = self.shared.store.position(&Source::Log(log.clone()))?;
            let Some(reader) = self.shared.reader(&log) else { continue };
            let through = position.min(reader.size());
            let mut from = 0;
            while from < through {
                let records = match reader.read(from, BATCH_COUNT, BATCH_BYTES) {
                    Ok(records) if !records.is_empty() => records,
                    Ok(_) => break,
                    Err(error) => {
                        // What is behind waits with it; once it is repaired, all of it is taken up from here.
                        tracing::error!(%log, from, %error, "a record cannot be read");
                        break;
                    }
                };
                let next = records.last().map_or(from + 1, |(index, _)| index + 1).min(through);
                let skip = self.quarantined(&log, from, next)?;
                let records =
                    records.into_iter().filter(|(index, _)| *index < through && !skip.contains(index));
                let checked = check(
                    &log,
                    &self.roster,
                    &self.shared.me,
                    records.collect(),
                    self.settings.workers,
                    Trust::Checked,
                );
                self.apply(&log, &checked, None);
                from = next;
            }
            self.set_applied(&log, from);
        }
        Ok(())
    }

    fn quarantined(&self, log: &LogId, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        let prefix = [log.to_string().as_bytes(), &[0]].concat();
        let start = [prefix.as_slice(), &from.to_be_bytes()].concat();
        let rows = self.shared.store.range(Table::Quarantine, &prefix, Some(&start), BATCH_COUNT + 1)?;
        let index = |key: &[u8]| key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        Ok(rows.iter().filter_map(|(key, _)| index(key)).filter(|index| *index < to).collect())
    }

    /// Works until `stop`.
    pub(crate) fn run(
        mut self,
        wake: &Wake,
        stop: &tokio_util::sync::CancellationToken,
    ) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            self.follow_roster()?;
            let worked = match self.project_once(stop) {
                Ok(worked) => worked,
                Err(error) => {
                    self.begin_anew(error, wake, stop)?;
                    continue;
                }
            };
            if !worked && !self.told_indexed {
                self.engine.look();
                self.told_indexed = true;
            }
            let authored = !worked && self.author_due();
            if !worked && !authored {
                // Holds end and crowded cases settle by time alone.
                self.shared.consolidation_mut().advance(now());
                wake.wait(self.pause());
            }
        }
        Ok(())
    }

    /// The store failed, so what is in memory and what is in it no longer go together: opens it again, waiting for space
    /// where that is what is missing, and takes everything up from its positions.
    fn begin_anew(
        &mut self,
        error: StoreError,
        wake: &Wake,
        stop: &tokio_util::sync::CancellationToken,
    ) -> Result<(), StoreError> {
        let full = matches!(error, StoreError::StorageFull { .. });
        let before = self.failed.replace(std::time::Instant::now());
        if !full && before.is_some_and(|before| before.elapsed() < FAILURE_PAUSE) {
            return Err(error);
        }
        let code = if full { "storage_full" } else { "store" };
        self.shared.alarms.raise(now(), code, format!("the index is opened again: {error}"));
        while !stop.is_cancelled() {
            match self.shared.store.reopen().and_then(|_| self.load()) {
                Err(StoreError::StorageFull { .. }) => wake.wait(FULL_PAUSE),
                ended => return ended,
            }
        }
        Ok(())
    }

    /// Until something falls due by time, at most a second: coordinators fall silent without an event.
    fn pause(&self) -> std::time::Duration {
        let due = self.shared.consolidation().next_due_at();
        let most = std::time::Duration::from_secs(1);
        due.map_or(most, |at| at.since(now()).clamp(std::time::Duration::from_millis(5), most))
    }

    /// Another roster version may say otherwise about keys; if it does so about entries already applied, the derived
    /// state is made anew.
    fn follow_roster(&mut self) -> Result<(), StoreError> {
        let roster = self.shared.roster();
        if Arc::ptr_eq(&roster, &self.roster) {
            return Ok(());
        }
        let applied: BTreeMap<LogId, u64> =
            self.shared.applied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same = applied.iter().all(|(log, size)| self.roster.agrees_on_keys(&roster, log, *size));
        self.roster = roster;
        if same {
            self.shared.consolidation_mut().set_coordinators(self.roster.coordinators().to_vec());
            return Ok(());
        }
        tracing::warn!("the roster changed keys of entries already applied: rebuilding the derived state");
        self.shared.store.clear()?;
        self.forget();
        Ok(())
    }

    /// Begins the derived state in memory anew.
    fn forget(&mut self) {
        let mut fresh = concert_protocol::consolidation::Consolidation::new(self.shared.rules.clone());
        fresh.set_coordinators(self.roster.coordinators().to_vec());
        *self.shared.consolidation_mut() = fresh;
        self.shared.applied.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.told_indexed = false;
    }

    /// One batch of every log that has something new. Returns whether there was anything.
    fn project_once(&mut self, stop: &tokio_util::sync::CancellationToken) -> Result<bool, StoreError> {
        let mut worked = false;
        // A store that failed for a reader is noticed here, also when nothing new comes.
        self.shared.store.position(&Source::Private)?;
        for (log, state) in self.shared.logs() {
            let from = self.shared.applied(&log);
            if from >= state.stored || stop.is_cancelled() {
                continue;
            }
            let Some(reader) = self.shared.reader(&log) else { continue };
            let mut records = match reader.read(from, BATCH_COUNT, BATCH_BYTES) {
                Ok(records) => records,
                Err(error) => {
                    // Damage is reported and repaired by the core; the projection waits at this position.
                    tracing::error!(%log, from, %error, "a record cannot be read");
                    continue;
                }
            };
            records.retain(|(index, _)| *index < state.stored);
            if records.is_empty() {
                continue;
            }
            worked = true;
            let through = records.last().map_or(from, |(index, _)| index + 1);
            let checked =
                check(&log, &self.roster, &self.shared.me, records, self.settings.workers, Trust::Unchecked);
            let mut batch = Batch::default();
            self.apply(&log, &checked, Some(&mut batch));
            batch.set_position(&Source::Log(log.clone()), through);
            self.shared.store.commit(&batch)?;
            self.tell_bad(&log, &checked);
            self.set_applied(&log, through);
            self.shared.tick.send_modify(|tick| *tick += 1);
        }
        Ok(worked)
    }

    /// Tells the operator of bad entries: the first of a log, then whenever their number has doubled, so that nobody can
    /// drown other alarms with them.
    fn tell_bad(&mut self, log: &LogId, checked: &[Checked]) {
        let bad = |record: &Checked| record.result.as_ref().err().filter(|reason| !reason.expected).cloned();
        let mut found = checked.iter().filter_map(|record| Some((record.index, bad(record)?))).peekable();
        let Some((index, Quarantined { reason, .. })) = found.peek().cloned() else { return };
        let known = self.bad.entry(log.clone()).or_default();
        let before = *known;
        *known += found.count() as u64;
        if before == 0 || known.ilog2() > before.ilog2() {
            let message = format!(
                "bad entries of {log} have no effect, {known} since the start, among them entry {index}: {reason}; \
                 `concert log check {log}` names them"
            );
            self.shared.alarms.raise(now(), "quarantine", message);
        }
    }

    fn set_applied(&self, log: &LogId, through: u64) {
        self.shared.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(log.clone(), through);
    }

    /// Applies checked records in order; with a batch, also writes their index rows into it.
    fn apply(&self, log: &LogId, checked: &[Checked], mut batch: Option<&mut Batch>) {
        for part in checked.chunks(LOCK_COUNT) {
            let mut consolidation = self.shared.consolidation_mut();
            for record in part {
                let position = Position { log: log.clone(), index: record.index, leaf: record.leaf };
                let entry = match &record.result {
                    Ok(entry) => entry,
                    Err(quarantined) => {
                        if let Some(batch) = batch.as_deref_mut() {
                            quarantine(batch, log, record.index, quarantined);
                        }
                        continue;
                    }
                };
                let applied = consolidation.apply(position, entry);
                if let Some(batch) = batch.as_deref_mut() {
                    let keys = keys_of(&self.shared, entry);
                    index(batch, log, record.index, entry, &applied, &keys, log.member == self.shared.me);
                }
            }
            // Queries read what is settled; doing it here keeps them from ever waiting for it.
            consolidation.settle();
        }
    }

    /// Authors what this coordinator should author now. Returns whether anything was.
    fn author_due(&mut self) -> bool {
        let shared = &self.shared;
        let coordinates = self.roster.coordinators().contains(&shared.me);
        let Some(own) = self.roster.own_log(&shared.me) else { return false };
        let applied = shared.applied(&own);
        let behind =
            applied < self.authored_through || shared.log(&own).is_none_or(|state| applied < state.stored);
        let at = now();
        // Acting on half of one's own log would author twice; acting under an expired roster is no longer allowed.
        if !coordinates || behind || !shared.own_ready() || self.roster.check_fresh(at).is_err() {
            return false;
        }
        let rank = Rank::of(shared, &self.roster, at, self.settings.step_in_after);
        let may_issue = |tier: Tier| rank.may_issue(tier);
        let context = IssueContext {
            me: shared.me.clone(),
            now: at,
            epoch: self.roster.epoch(),
            may_issue: &may_issue,
            answer_window: self.settings.answer_window,
        };
        let mut due = shared.consolidation_mut().due(&context, DUE_MAX);
        due.retain(|due| about(&due.body).is_none_or(|notice| knows_behind(shared, notice)));
        for due in &due {
            if let concert_protocol::consolidation::Why::NewOverHold(holds) = &due.why {
                let holders = holds.iter().map(|hold| hold.to_string()).collect::<Vec<_>>().join(", ");
                let message = format!("a notice of tier 1 or 2 is issued in spite of {holders}");
                shared.alarms.raise(at, "issued_over_hold", message);
            }
        }
        if due.is_empty() {
            return false;
        }
        let requests = due
            .into_iter()
            .map(|due| Authoring { body: due.body, audience: due.audience, unique: None })
            .collect();
        match self.engine.author_blocking(requests) {
            Ok(results) => {
                for error in results.iter().filter_map(|result| result.as_ref().err()) {
                    tracing::error!(%error, "a notice could not be authored");
                }
                let authored = results.iter().flatten().map(|authored| authored.index + 1).max();
                self.authored_through = authored.unwrap_or(0).max(self.authored_through);
                authored.is_some()
            }
            Err(error) => {
                tracing::warn!(%error, "notices wait");
                false
            }
        }
    }
}

/// The open notice that an entry would change.
fn about(body: &Body) -> Option<&NoticeId> {
    match body {
        Body::NoticeRevised(body) => Some(&body.notice),
        Body::NoticeMerged(body) => Some(&body.notice),
        Body::NoticeWithdrawn(body) => Some(&body.notice),
        _ => None,
    }
}

/// Whether every referral that a notice says it rests on has arrived here. After a loss on the disk the notices may be
/// back before the referrals are, and nobody must be told that no unit stands behind them.
fn knows_behind(shared: &Shared, notice: &NoticeId) -> bool {
    let view = shared.consolidation().notice(notice);
    let here = |position: &Position| position.index < shared.applied(&position.log);
    view.is_none_or(|view| view.originators.iter().all(|originator| here(&originator.position)))
}

/// Where this coordinator stands among the coordinators.
struct Rank {
    /// Every coordinator before this one is silent for longer than the bound.
    earlier_silent: bool,
    /// There is none before this one.
    first: bool,
}

impl Rank {
    fn of(shared: &Shared, roster: &Roster, at: Timestamp, bound: std::time::Duration) -> Self {
        let earlier: Vec<&MemberId> = roster.coordinators().iter().take_while(|c| **c != shared.me).collect();
        let silent = |member: &MemberId| {
            let heard =
                roster.own_log(member).and_then(|log| shared.log(&log)).and_then(|state| state.author_time);
            // A coordinator never heard of counts as silent since this node started.
            at.since(heard.unwrap_or(shared.started)) > bound
        };
        Self { first: earlier.is_empty(), earlier_silent: earlier.into_iter().all(silent) }
    }

    /// Tiers 1 and 2 do not wait for a silent coordinator; tiers 3 and 4 do (DESIGN 7).
    fn may_issue(&self, tier: Tier) -> bool {
        self.first || (self.earlier_silent && tier.is_urgent())
    }
}

/// Whether signatures still have to be checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// They were, before the position was written.
    Checked,
    /// Not yet.
    Unchecked,
}

/// Opens, checks and decodes records on `workers` threads; order is kept.
fn check(
    log: &LogId,
    roster: &Roster,
    me: &MemberId,
    records: Vec<(u64, Record)>,
    workers: usize,
    trust: Trust,
) -> Vec<Checked> {
    let one = |(index, record): &(u64, Record)| Checked {
        index: *index,
        leaf: record.leaf_hash(),
        result: check_record(log, roster, me, *index, record, trust),
    };
    let share = records.len().div_ceil(workers.max(1)).max(1);
    if workers < 2 || records.len() < 16 {
        return records.iter().map(one).collect();
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = records
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap_or_default()).collect()
    })
}

fn check_record(
    log: &LogId,
    roster: &Roster,
    me: &MemberId,
    index: u64,
    record: &Record,
    trust: Trust,
) -> Result<Box<Entry>, Quarantined> {
    let bytes = match record {
        Record::Entry(bytes) => bytes,
        Record::Withheld(_) => {
            return Err(Quarantined { reason: "withheld: addressed to others".into(), expected: true });
        }
        Record::Erased(_) => return Err(Quarantined { reason: "erased".into(), expected: true }),
    };
    let checked = check_entry(log, roster, index, bytes, trust)
        .map_err(|error| Quarantined { reason: error.to_string(), expected: false })?;
    if !checked.audience.admits(me, &checked.author, roster.coordinators()) {
        // Held by mistake of a peer; having it must not give it an effect here that it has not elsewhere.
        return Err(Quarantined { reason: "addressed to others".into(), expected: false });
    }
    Ok(Box::new(checked))
}

fn check_entry(
    log: &LogId,
    roster: &Roster,
    index: u64,
    bytes: &[u8],
    trust: Trust,
) -> Result<Entry, EntryError> {
    if trust == Trust::Checked {
        return Entry::decode(&Envelope::open(bytes)?);
    }
    Entry::verify(bytes, &log.member, |key| {
        // The log decides whose keys count; a key id that names somebody else's is no key here.
        (key.member == log.member)
            .then(|| roster.signing_key(log, index, &key.fingerprint))
            .flatten()
            .cloned()
    })
}

fn quarantine(batch: &mut Batch, log: &LogId, index: u64, quarantined: &Quarantined) {
    if !quarantined.expected {
        tracing::warn!(%log, index, reason = quarantined.reason, "entry quarantined in place");
    }
    let mut key = [log.to_string().as_bytes(), &[0]].concat();
    key.extend(index.to_be_bytes());
    batch.put(Table::Quarantine, &key, versioned(ROW_VERSION, quarantined.reason.as_bytes()));
}

/// Content keys of a referral, for the store's table of keys.
fn keys_of(shared: &Shared, entry: &Entry) -> Vec<ContentKey> {
    match &entry.body {
        Body::Referral(referral) => concert_protocol::consolidation::content_keys(referral, &shared.rules),
        _ => Vec::new(),
    }
}

fn index(
    batch: &mut Batch,
    log: &LogId,
    index: u64,
    entry: &Entry,
    applied: &Applied,
    keys: &[ContentKey],
    own: bool,
) {
    let reference = entry.reference();
    let kind = match entry.body.kind() {
        Kind::Known(kind) => kind.name().to_owned(),
        Kind::Unknown(name) => name.into(),
    };
    let without_effect = match applied {
        Applied::Effective => None,
        Applied::WithoutEffect(reason) => Some(reason.to_string()),
    };
    let record = EntryRecord { log: log.clone(), index, kind: kind.clone(), at: entry.at, without_effect };
    let value = serde_json::to_vec(&record).unwrap_or_default();
    batch.put(Table::Entry, &entry_key(&reference), versioned(ROW_VERSION, &value));
    batch.put(Table::EntryByKind, &ListKey::of(&kind, entry.at, &reference).0, versioned(ROW_VERSION, &[]));
    if own {
        batch.put(
            Table::Own,
            Unique::in_id(&entry.id).as_bytes(),
            versioned(ROW_VERSION, &index.to_be_bytes()),
        );
    }
    for key in keys {
        let row = [key.digest().as_bytes().as_slice(), &entry_key(&reference)].concat();
        batch.put(Table::Key, &row, versioned(ROW_VERSION, &[]));
    }
    if let Some((recipient, notice)) = concert_protocol::consolidation::notice_event(&entry.body)
        && *applied == Applied::Effective
    {
        batch.put(
            Table::Feed,
            &feed_key(recipient, log, index),
            versioned(ROW_VERSION, notice.to_string().as_bytes()),
        );
    }
}

/// The body of a row of this version.
pub fn row_body(value: &[u8]) -> Option<&[u8]> {
    split_version(value).filter(|(version, _)| *version == ROW_VERSION).map(|(_, body)| body)
}

/// Looks an entry up by name; `None` if it is not indexed here.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub fn find_entry(store: &Store, reference: &EntryRef) -> Result<Option<EntryRecord>, StoreError> {
    let value = store.get(Table::Entry, &entry_key(reference))?;
    Ok(value.and_then(|bytes| serde_json::from_slice(row_body(&bytes)?).ok()))
}
