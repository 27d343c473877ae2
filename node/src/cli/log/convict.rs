// SPDX-License-Identifier: EUPL-1.2
//! `concert log convict`: does this evidence show that a member signed two histories?

use concert_protocol::log::{Checkpoint, EVIDENCE_LEN_MAX, Equivocation, Hash, Verdict};
use concert_protocol::member::LogId;
use serde::Serialize;

use super::Convict;
use super::audit::sources;
use crate::cli::trust::Trust;
use crate::cli::{Context, files};
use crate::output::{Exit, Failure, col};

/// What the evidence shows.
#[derive(Debug, Serialize)]
struct Conviction {
    log: LogId,
    /// `two_roots` for one size, or `rewritten`.
    verdict: &'static str,
    size: u64,
    later_size: u64,
    root: Hash,
    other_root: Hash,
    keys_from: String,
}

/// Runs `log convict`.
pub(super) fn run(context: &Context, args: &Convict) -> Result<(), Failure> {
    let bytes = files::read_bounded(&args.evidence, EVIDENCE_LEN_MAX as u64)?;
    let nothing = |cause: String| {
        Failure::new(Exit::Integrity, "this is no evidence against anybody")
            .cause(cause)
            .hint("evidence holds two checkpoints that one author signed and that cannot both be true")
    };
    let evidence = Equivocation::parse(&bytes).map_err(|error| nothing(sources(&error)))?;
    let trust = Trust::find(context, &args.trust)?;
    let first = Checkpoint::parse(evidence.first.text()).map_err(|error| nothing(sources(&error)))?;
    let log = trust
        .log_of(&first)
        .ok_or_else(|| nothing("its checkpoints are of no log of this federation".into()))?;
    for note in [&evidence.first, &evidence.second] {
        trust.open(&log, note).map_err(&nothing)?;
    }
    let keys = trust.checkpoint_keys(&log);
    // Which of the log's keys signed which checkpoint is found by trying: there are a handful.
    let pairs = keys.iter().flat_map(|first| keys.iter().map(move |second| (first, second)));
    let mut refused = None;
    let mut verdict = None;
    for (one, other) in pairs {
        match evidence.check_keys(&first.origin, one, other) {
            Ok(found) => verdict = Some(found),
            Err(error) => refused = Some(error),
        }
    }
    let verdict = verdict.ok_or_else(|| {
        nothing(refused.map_or_else(|| "no key of the log is known".into(), |error| sources(&error)))
    })?;
    let keys_from = trust.source();
    let shown = match verdict {
        Verdict::TwoRoots { size, roots: [root, other_root] } => {
            Conviction { log, verdict: "two_roots", size, later_size: size, root, other_root, keys_from }
        }
        Verdict::Rewritten { old_size, signed_root, later_root, new_size } => Conviction {
            log,
            verdict: "rewritten",
            size: old_size,
            later_size: new_size,
            root: signed_root,
            other_root: later_root,
            keys_from,
        },
    };
    context.output.one(
        &shown,
        &[
            col("log"),
            col("verdict"),
            col("size"),
            col("later_size"),
            col("root"),
            col("other_root"),
            col("keys_from"),
        ],
    )?;
    context.output.note("the evidence holds: the log's author signed both; take it to the roster's keepers");
    Ok(())
}
