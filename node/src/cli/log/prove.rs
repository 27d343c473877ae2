// SPDX-License-Identifier: EUPL-1.2
//! `concert log prove` writes receipts, `concert log check-proof` checks them away from any node.

use std::path::Path;

use concert_protocol::entry::{ENTRY_LEN_MAX, Entry, EntryRef, Envelope};
use concert_protocol::log::{Checkpoint, RECEIPT_LEN_MAX, Receipt, leaf_hash, verify_inclusion};
use concert_protocol::member::{LogId, MemberId};
use concert_protocol::time::Timestamp;
use serde::Serialize;

use super::audit::sources;
use super::remote::fetch_receipt;
use super::{CheckProof, Prove};
use crate::cli::trust::Trust;
use crate::cli::{Client, Context, files};
use crate::output::{Exit, Failure, col};

/// What a receipt shows about an entry.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct ReceiptReport {
    /// The entry.
    pub entry: EntryRef,
    /// What it is.
    pub kind: String,
    /// Id of the key that signed it.
    pub key: String,
    /// When its author says it was written.
    pub at: Timestamp,
    /// The log it stands in.
    pub log: LogId,
    /// Its index there.
    pub index: u64,
    /// Size of the log under the receipt's checkpoint.
    pub size: u64,
    /// Members whose cosignature on that checkpoint holds.
    pub cosigned_by: Vec<MemberId>,
    /// Where the keys come from.
    pub keys_from: String,
}

/// Runs `log prove`.
pub(super) fn run(context: &Context, args: &Prove) -> Result<(), Failure> {
    let client = Client::new(context)?;
    let (entry, receipt) = context.block_on(async {
        let entry = super::remote::fetch_entry(&client, &args.log, args.index).await?;
        let receipt = fetch_receipt(&client, &args.log, args.index).await?;
        Ok((entry, receipt))
    })?;
    let text = receipt.to_string();
    match &args.out {
        None => context.output.text(&text),
        Some(path) => {
            files::write_new(path, text.as_bytes(), false)?;
            let beside = path.with_extension("jws");
            files::write_new(&beside, &entry, false)?;
            context.output.note(&format!("receipt in {}, entry in {}", path.display(), beside.display()));
            Ok(())
        }
    }
}

/// Runs `log check-proof`.
pub(super) fn check(context: &Context, args: &CheckProof) -> Result<(), Failure> {
    let receipt = read_receipt(&args.receipt)?;
    let entry = files::read_bounded(&args.entry, ENTRY_LEN_MAX as u64)?;
    let trust = Trust::find(context, &args.trust)?;
    let report = check_receipt(&trust, entry.trim_ascii(), &receipt)?;
    context.output.one(
        &report,
        &[
            col("entry"),
            col("kind"),
            col("key"),
            col("at").time(),
            col("log"),
            col("index"),
            col("size"),
            col("cosigned_by"),
            col("keys_from"),
        ],
    )
}

/// Reads a receipt from a file.
pub(in crate::cli) fn read_receipt(path: &Path) -> Result<Receipt, Failure> {
    let bytes = files::read_bounded(path, RECEIPT_LEN_MAX as u64)?;
    Receipt::parse(&bytes).map_err(|error| {
        Failure::new(Exit::Integrity, format!("{} is no receipt", path.display()))
            .cause(sources(&error))
            .hint("concert log prove writes receipts")
    })
}

/// Checks that `entry` is what its author signed, and is where the receipt says.
pub(in crate::cli) fn check_receipt(
    trust: &Trust,
    entry: &[u8],
    receipt: &Receipt,
) -> Result<ReceiptReport, Failure> {
    let (opened, key) = super::super::referral::verify_signature(trust, entry)?;
    let refused = |cause: String| {
        Failure::new(Exit::Integrity, "the receipt does not hold for this entry")
            .cause(cause)
            .hint("fetch the receipt again: concert log prove LOG INDEX")
    };
    let checkpoint =
        Checkpoint::parse(receipt.checkpoint().text()).map_err(|error| refused(sources(&error)))?;
    let log = trust
        .log_of(&checkpoint)
        .ok_or_else(|| refused(format!("{:?} is no log of this federation", checkpoint.origin)))?;
    let head = trust.open(&log, receipt.checkpoint()).map_err(refused)?;
    let (index, size) = (receipt.index(), head.checkpoint.size);
    let leaf = leaf_hash(entry);
    verify_inclusion(index, size, &leaf, receipt.path(), &head.checkpoint.root)
        .map_err(|error| refused(sources(&error)))?;
    if !trust.may_sign(&key, &log, index) {
        return Err(refused(format!("the key {key} may not sign entry {index} of {log}")));
    }
    Ok(ReceiptReport {
        entry: opened.reference(),
        kind: opened.body.kind().to_string(),
        key: key.to_string(),
        at: opened.at,
        log,
        index,
        size,
        cosigned_by: head.cosigned_by,
        keys_from: trust.source(),
    })
}

/// Opens an entry without judging it.
pub(super) fn open_entry(bytes: &[u8]) -> Result<Entry, String> {
    let envelope = Envelope::open(bytes).map_err(|error| sources(&error))?;
    Entry::decode(&envelope).map_err(|error| sources(&error))
}
