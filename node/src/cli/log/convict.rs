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
    let evidence = Equivocation::parse(&bytes).map_err(|error| nothing(sources(&error)))?;
    let trust = Trust::find(context, &args.trust)?;
    let conviction = judge(&trust, &evidence)?;
    let columns = ["log", "verdict", "size", "later_size", "root", "other_root", "keys_from"];
    context.output.one(&conviction, &columns.map(col))?;
    context.output.note("the evidence holds: the log's author signed both; take it to the roster's keepers");
    Ok(())
}

fn nothing(cause: String) -> Failure {
    Failure::new(Exit::Integrity, "this is no evidence against anybody")
        .cause(cause)
        .hint("evidence holds two checkpoints that one author signed and that cannot both be true")
}

/// What the evidence shows under keys that are believed.
fn judge(trust: &Trust, evidence: &Equivocation) -> Result<Conviction, Failure> {
    let first = Checkpoint::parse(evidence.first.text()).map_err(|error| nothing(sources(&error)))?;
    let log = trust
        .log_of(&first)
        .ok_or_else(|| nothing("its checkpoints are of no log of this federation".into()))?;
    for note in [&evidence.first, &evidence.second] {
        trust.open(&log, note).map_err(nothing)?;
    }
    let keys = trust.checkpoint_keys(&log);
    let mut refused = "no key of the log is known".to_owned();
    // Which of the log's keys signed which checkpoint is found by trying: there are a handful.
    for (one, other) in keys.iter().flat_map(|one| keys.iter().map(move |other| (one, other))) {
        match evidence.check_keys(&first.origin, one, other) {
            Ok(verdict) => return Ok(Conviction::of(log, verdict, trust.source())),
            Err(error) => refused = sources(&error),
        }
    }
    Err(nothing(refused))
}

impl Conviction {
    fn of(log: LogId, verdict: Verdict, keys_from: String) -> Self {
        match verdict {
            Verdict::TwoRoots { size, roots: [root, other_root] } => {
                Self { log, verdict: "two_roots", size, later_size: size, root, other_root, keys_from }
            }
            Verdict::Rewritten { old_size, signed_root, later_root, new_size } => Self {
                log,
                verdict: "rewritten",
                size: old_size,
                later_size: new_size,
                root: signed_root,
                other_root: later_root,
                keys_from,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use concert_protocol::entry::KeyId;
    use concert_protocol::key::SecretKey;
    use concert_protocol::log::{SignedNote, leaf_hash, sign_checkpoint};

    use super::*;

    fn note(size: u64, leaf: &[u8], key: &SecretKey) -> SignedNote {
        let checkpoint =
            Checkpoint::new("concert.test/log/fr/1", size, leaf_hash(leaf)).expect("a checkpoint");
        sign_checkpoint(&checkpoint, key).expect("signs")
    }

    #[test]
    fn two_roots_by_one_author_convict_and_nothing_else_does() {
        let (author, stranger) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let id = KeyId::of(&"FR".parse().expect("a member"), &author.public());
        let trust = Trust::Keys(vec![(id, author.public())]);
        let judge =
            |first: SignedNote, second: SignedNote| judge(&trust, &Equivocation::two_roots(first, second));
        let found = judge(note(3, b"a", &author), note(3, b"b", &author)).expect("evidence");
        assert_eq!((found.verdict, found.size, found.log.to_string().as_str()), ("two_roots", 3, "FR/1"));
        let same = judge(note(3, b"a", &author), note(3, b"a", &author));
        let forged = judge(note(3, b"a", &author), note(3, b"b", &stranger));
        for refused in [same, forged] {
            assert_eq!(refused.expect_err("no evidence").code(), 7);
        }
    }
}
