// SPDX-License-Identifier: EUPL-1.2
//! The record of a simulation: a hash over every event, and the events themselves when somebody looks.

use sha2::{Digest, Sha256};

use concert_protocol::sync::Frame;

use super::world::Event;

/// What happened so far.
pub(super) struct Trace {
    hash: Sha256,
    events: u64,
    print: bool,
}

impl Trace {
    /// Nothing yet.
    pub(super) fn new(print: bool) -> Self {
        Self { hash: Sha256::new(), events: 0, print }
    }

    pub(super) fn event(&mut self, at: u64, event: &Event) {
        self.events += 1;
        let line = match event {
            Event::Frame(id, to, bytes) => {
                self.hash.update(bytes);
                if self.print {
                    format!("frame {id} to {to}: {}", shown(bytes))
                } else {
                    format!("frame {id} {to}")
                }
            }
            Event::Answer(host, boot, id, bytes) => {
                self.hash.update(bytes);
                format!("answer of {host}/{boot} on {id}")
            }
            other => format!("{other:?}"),
        };
        self.say(at, &line);
    }

    /// Takes note of a line.
    pub(super) fn say(&mut self, at: u64, line: &str) {
        self.hash.update(at.to_be_bytes());
        self.hash.update(line.as_bytes());
        if self.print {
            eprintln!("{:>12.6} {line}", at as f64 / 1e6);
        }
    }

    /// Events so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// The hash so far, in hexadecimal.
    pub(super) fn hash(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }
}

/// A frame in a few words.
fn shown(bytes: &[u8]) -> String {
    let size = |note: &[u8]| String::from_utf8_lossy(note).lines().nth(1).unwrap_or("?").to_owned();
    match Frame::decode(bytes) {
        Ok(Frame::Summary(lines)) => {
            let lines = lines.iter().map(|l| format!("{} {}/{}", l.log, l.stored, l.head));
            format!("summary {}", lines.collect::<Vec<_>>().join(", "))
        }
        Ok(Frame::Hint { log, note, from, leaves }) => {
            format!("hint {log} at {} with {} from {from}", size(&note), leaves.len())
        }
        Ok(Frame::GetHead(log)) => format!("get head {log}"),
        Ok(Frame::GetRange { id, log, from, count_max, .. }) => format!("get {id}: {log} {from}+{count_max}"),
        Ok(Frame::Range { id, log, from, leaves, note, .. }) => {
            format!("range {id}: {log} {from}+{} under {}", leaves.len(), size(&note))
        }
        Ok(Frame::Refused { id }) => format!("refused {id}"),
        Ok(Frame::GetConsistency { id, log, old, new }) => format!("get proof {id}: {log} {old} {new}"),
        Ok(Frame::Consistency { id, log, old, new, .. }) => format!("proof {id}: {log} {old} {new}"),
        Ok(Frame::Evidence { log, .. }) => format!("evidence against {log}"),
        Ok(Frame::Held(lines)) => {
            let lines = lines.iter().map(|l| format!("{} {} ({})", l.log, l.size, l.confirmed));
            format!("held {}", lines.collect::<Vec<_>>().join(", "))
        }
        Ok(Frame::Seen { log, note }) => format!("seen {log} at {}", size(&note)),
        Err(error) => format!("{} bytes: {error}", bytes.len()),
    }
}
