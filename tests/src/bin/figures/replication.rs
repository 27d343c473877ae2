// SPDX-License-Identifier: EUPL-1.2
//! How fast a peer's log is taken: range frames through the replica, each range durable before the next is acknowledged.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use concert_node::engine::now;
use concert_node::journal::{LogJournal, Record};
use concert_protocol::log::prove_consistency;
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::sync::{
    Effect, Frame, Input, Leaf, RANGE_BYTES_MAX, RANGE_COUNT_MAX, RangeRequest, Replica, ReplicaConfig,
    SummaryLine, range_frame,
};

use crate::ceilings;
use crate::machine::{Numbers, micros_each, rate, thread_cpu};
use crate::nodes::Federation;
use crate::report::{Bound, Figure, shown};

/// Entries in the log.
const ENTRIES: usize = 100_000;
/// Bytes of each.
const ENTRY_LEN: usize = 1_024;
/// Rounds of which the best counts.
const ROUNDS: usize = 3;
/// Entries a second to reach.
const TO_REACH: f64 = 40_000.0;

/// Feeds one log of a peer into a node's replica and journal, as the node's core does.
///
/// # Errors
///
/// A replica that does not take the log.
pub(crate) fn figures(folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let federation = Federation::found(&folder.join("replication"), &["EU", "FR"])?;
    let mut numbers = Numbers::new(11);
    let entries: Vec<Vec<u8>> = (0..ENTRIES).map(|_| numbers.bytes::<ENTRY_LEN>().to_vec()).collect();
    let log = LogId::first(federation.place("FR").member.clone());
    let source = federation.prefill("FR", &log, &entries)?;
    let (mut time, mut taker) = (Span { wall: Duration::MAX, cpu: Duration::ZERO }, None);
    for round in 0..ROUNDS {
        let mut next =
            Taker::new(&federation, &folder.join(format!("taken-{round}")), &log, &entries, &source)?;
        let took = next.take()?;
        ensure!(next.journal.frontier().root() == source.frontier().root(), "another log came out");
        if took.wall < time.wall {
            (time, taker) = (took, Some(next));
        }
    }
    let taker = taker.context("a round was measured")?;
    let ceiling = ceilings::hashing_and_appending(folder, &entries, RANGE_COUNT_MAX)?;
    let measured = rate(ENTRIES, time.wall);
    let share = |part: Span| 100.0 * part.wall.as_secs_f64() / time.wall.as_secs_f64();
    Ok(vec![Figure {
        name: "replication.rate",
        what: "store a peer's log, authenticated by its checkpoint: entries of 1 KB".into(),
        measured,
        unit: "/s",
        bound: Bound::AtLeast(TO_REACH),
        beside: format!(
            "best of {ROUNDS}, {} entries in {} ranges, each durable, one core; SHA-256, write and sync alone {}/s; {:.0} % of the time in the \
             journal, {:.0} % in checkpoints; processor time of an entry {:.1} us, of the ceiling's {:.1} us",
            shown(ENTRIES as f64),
            taker.ranges,
            shown(ceiling.rate),
            share(taker.journal_time),
            share(taker.checkpoint_time),
            micros_each(ENTRIES, time.cpu),
            ceiling.cpu_micros
        ),
    }])
}

/// The side that is measured, and the peer that serves it.
struct Taker<'a> {
    replica: Replica,
    journal: LogJournal,
    log: LogId,
    peer: MemberId,
    entries: &'a [Vec<u8>],
    source: &'a LogJournal,
    note: Vec<u8>,
    inbox: VecDeque<Frame>,
    serving: Span,
    journal_time: Span,
    checkpoint_time: Span,
    ranges: usize,
}

/// Time on the wall and on the processor.
#[derive(Clone, Copy, Default)]
struct Span {
    wall: Duration,
    cpu: Duration,
}

impl Span {
    /// Adds what a call takes.
    fn of<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let (begin, cpu) = (Instant::now(), thread_cpu());
        let result = call();
        self.wall += begin.elapsed();
        self.cpu += thread_cpu() - cpu;
        result
    }

    fn less(self, part: Self) -> Self {
        Self { wall: self.wall.saturating_sub(part.wall), cpu: self.cpu.saturating_sub(part.cpu) }
    }
}

impl<'a> Taker<'a> {
    fn new(
        federation: &Federation,
        folder: &Path,
        log: &LogId,
        entries: &'a [Vec<u8>],
        source: &'a LogJournal,
    ) -> anyhow::Result<Self> {
        let hub = federation.place("EU");
        let (journal, _) = LogJournal::open(folder, 0)?;
        let replica = Replica::new(
            ReplicaConfig::default(),
            federation.roster.clone(),
            hub.member.clone(),
            hub.keys.cosigner.clone(),
            Vec::new(),
            now(),
        );
        let note = source.checkpoint().context("the peer's log has a checkpoint")?.to_vec();
        Ok(Self {
            replica,
            journal,
            log: log.clone(),
            peer: log.member.clone(),
            entries,
            source,
            note,
            inbox: VecDeque::new(),
            serving: Span::default(),
            journal_time: Span::default(),
            checkpoint_time: Span::default(),
            ranges: 0,
        })
    }

    /// Takes the whole log; the time without what the peer needed to serve it, which is another machine's.
    fn take(&mut self) -> anyhow::Result<Span> {
        let mut span = Span::default();
        span.of(|| self.take_all())?;
        Ok(span.less(self.serving))
    }

    fn take_all(&mut self) -> anyhow::Result<()> {
        self.replica.handle(now(), Input::Connected(self.peer.clone()))?;
        let size = self.entries.len() as u64;
        let line = SummaryLine {
            log: self.log.clone(),
            stored: size,
            head: size,
            root: concert_protocol::log::empty_root(),
            author_time: 0,
        };
        self.inbox.push_back(Frame::Summary(vec![line]));
        while self.journal.size() < size {
            self.carry_out()?;
            match self.inbox.pop_front() {
                Some(frame) => {
                    let bytes = self.frame(frame)?;
                    self.replica.handle(now(), Input::Frame { from: self.peer.clone(), bytes })?;
                }
                None if self.journal.size() < size => {
                    // Nothing is on the way: only time can bring more, and here it must not be needed.
                    bail!("the replica asks for nothing at {} of {size} entries", self.journal.size());
                }
                None => {}
            }
        }
        self.carry_out()
    }

    /// What the peer puts on the wire; its time is not the taker's.
    fn frame(&mut self, frame: Frame) -> anyhow::Result<Vec<u8>> {
        let mut serving = self.serving;
        let bytes = serving.of(|| self.serve(frame));
        self.serving = serving;
        bytes
    }

    fn serve(&mut self, frame: Frame) -> anyhow::Result<Vec<u8>> {
        Ok(match frame {
            Frame::GetHead(log) => {
                Frame::Hint { log, note: self.note.clone(), from: 0, leaves: Vec::new() }.encode()
            }
            Frame::GetRange { id, log, from, count_max, bytes_max } => {
                let request = RangeRequest {
                    to: self.peer.clone(),
                    id,
                    log,
                    from,
                    count_max: usize::try_from(count_max)?.min(RANGE_COUNT_MAX),
                    bytes_max: usize::try_from(bytes_max)?.min(RANGE_BYTES_MAX),
                };
                self.range(&request)?
            }
            other => other.encode(),
        })
    }

    fn range(&mut self, request: &RangeRequest) -> anyhow::Result<Vec<u8>> {
        self.ranges += 1;
        let from = usize::try_from(request.from)?;
        let mut bytes = 0;
        let fits = |entry: &&Vec<u8>| {
            bytes += entry.len();
            bytes <= request.bytes_max
        };
        let leaves: Vec<Leaf> = self.entries[from..]
            .iter()
            .take(request.count_max)
            .take_while(fits)
            .cloned()
            .map(Leaf::Entry)
            .collect();
        let (through, size) = (request.from + leaves.len() as u64, self.entries.len() as u64);
        let path = if through < size {
            prove_consistency(through, size, &self.source.reader())?
        } else {
            Vec::new()
        };
        Ok(range_frame(request, leaves, &self.note, path))
    }

    /// Everything that the replica wants, as the core carries it out.
    fn carry_out(&mut self) -> anyhow::Result<()> {
        while let Some(effect) = self.replica.poll_effect() {
            match effect {
                Effect::Send { frame, .. } => {
                    let frame = Frame::decode(&frame)?;
                    if matches!(frame, Frame::GetHead(_) | Frame::GetRange { .. }) {
                        self.inbox.push_back(frame);
                    }
                }
                Effect::Store { from, leaves, head, .. } => {
                    ensure!(from == self.journal.size(), "a range out of order");
                    let record = |leaf| match leaf {
                        Leaf::Entry(bytes) => Record::Entry(bytes),
                        Leaf::Withheld(hash) => Record::Withheld(hash),
                    };
                    let records: Vec<Record> = leaves.into_iter().map(record).collect();
                    self.checkpoint_time.of(|| self.journal.store_checkpoint(&head))?;
                    let size = self.journal_time.of(|| self.journal.append(&records))?;
                    self.replica.handle(now(), Input::Stored { log: self.log.clone(), size })?;
                }
                Effect::StoreHead { head, .. } => {
                    self.checkpoint_time.of(|| self.journal.store_checkpoint(&head))?;
                }
                Effect::Disconnect { fault, .. } => bail!("the replica refuses the peer: {fault}"),
                _ => {}
            }
        }
        Ok(())
    }
}
