// SPDX-License-Identifier: EUPL-1.2
//! `concert referral verify`: is this what its author signed, and is it in the author's log?

use concert_protocol::content::defang;
use concert_protocol::encoding::hex_encode;
use concert_protocol::entry::referral::Referral as ReferralBody;
use concert_protocol::entry::{Body, ENTRY_LEN_MAX, Entry, EntryError, Envelope, KeyId};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Verify;
use crate::cli::log::{ReceiptReport, check_receipt, read_receipt, sources};
use crate::cli::trust::Trust;
use crate::cli::{Context, files, view};
use crate::output::{Exit, Failure, col};

/// What the file shows.
#[derive(Serialize)]
struct Verified {
    valid: bool,
    entry: String,
    kind: String,
    member: String,
    key: String,
    at: String,
    content: serde_json::Value,
    keys_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptReport>,
}

/// Runs `referral verify`.
pub(super) fn run(context: &Context, args: &Verify) -> Result<(), Failure> {
    let bytes = files::read_bounded(&args.file, ENTRY_LEN_MAX as u64 + 2)?;
    let bytes = bytes.trim_ascii();
    let trust = Trust::find(context, &args.trust)?;
    let (entry, key) = verify_signature(&trust, bytes)?;
    let beside = args.file.with_extension("tlog-proof");
    let proof = args.proof.clone().or_else(|| beside.is_file().then_some(beside));
    let receipt = match proof {
        Some(path) => Some(check_receipt(&trust, bytes, &read_receipt(&path)?)?),
        None => {
            context
                .output
                .note("no receipt: the signature holds, but nothing shows that the entry is in a log");
            None
        }
    };
    let verified = Verified {
        valid: true,
        entry: entry.reference().to_string(),
        kind: entry.body.kind().to_string(),
        member: entry.author.to_string(),
        key: key.to_string(),
        at: entry.at.to_string(),
        content: entry.body.to_json().unwrap_or_default(),
        keys_from: trust.source(),
        receipt,
    };
    if view::for_programs(context) {
        return context.output.one(&verified, &[]);
    }
    let row = serde_json::json!({
        "entry": verified.entry,
        "content": content(&entry.body),
        "signed": format!("{}, key {}, {}   valid", verified.member, verified.key, verified.at),
        "log": verified.receipt.as_ref().map_or_else(|| "no receipt".to_owned(), log_line),
        "keys": verified.keys_from,
    });
    context.output.one(&row, &[col("entry"), col("content"), col("signed"), col("log"), col("keys")])
}

fn log_line(receipt: &ReceiptReport) -> String {
    let cosigned: Vec<String> = receipt.cosigned_by.iter().map(ToString::to_string).collect();
    let by = if cosigned.is_empty() { "nobody that is known here".to_owned() } else { cosigned.join(", ") };
    format!("{} entry {} of {}, cosigned by {by}   ok", receipt.log, receipt.index, receipt.size)
}

fn content(body: &Body) -> String {
    match body {
        Body::Referral(referral) => referred(referral),
        Body::ReferralAmended(amended) => {
            format!("amends {}: {}", amended.referral, referred(&amended.replacement))
        }
        Body::ReferralWithdrawn(withdrawn) => format!("withdraws {}", withdrawn.referral),
        Body::ReferralEndorsed(endorsed) => format!("endorses {}", endorsed.referral),
        other => other.kind().to_string(),
    }
}

fn referred(referral: &ReferralBody) -> String {
    let addresses = referral.items.iter().map(|item| defang(item.url.as_str()));
    let hashes = referral.fingerprints.iter().map(|print| print.value.to_string());
    addresses.chain(hashes).collect::<Vec<_>>().join(", ")
}

/// Opens an entry and checks its signature with a key that is believed.
///
/// # Errors
///
/// With exit status 7, and what to do.
pub(in crate::cli) fn verify_signature(trust: &Trust, bytes: &[u8]) -> Result<(Entry, KeyId), Failure> {
    let refused = |error: &str| Failure::new(Exit::Integrity, error.to_owned());
    let envelope = Envelope::open(bytes).map_err(|error| {
        refused("not a signed entry")
            .cause(sources(&error))
            .hint("give the file as it came: one line, three parts with dots between")
    })?;
    let key = trust.key(&envelope.key).ok_or_else(|| {
        refused("signed with a key that is not known")
            .cause(format!("{} is not in {}", envelope.key, trust.source()))
            .hint("fetch the key set again, or apply the newest roster")
    })?;
    envelope.verify(&key).map_err(|error| match error {
        EntryError::Signature => refused("the signature does not match the payload")
            .cause(format!("payload digest {}, key {}", digest(&envelope.payload), envelope.key))
            .hint("the file changed after signing; ask the sender for the original"),
        other => refused("the entry does not hold").cause(sources(&other)),
    })?;
    let entry = Entry::decode(&envelope).map_err(|error| {
        refused("signed, but not a valid entry")
            .cause(sources(&error))
            .hint("it has no effect at any member; its author should be told")
    })?;
    let key = envelope.key.clone();
    Ok((entry, key))
}

fn digest(bytes: &[u8]) -> String {
    format!("{}…", &hex_encode(&Sha256::digest(bytes))[..12])
}
