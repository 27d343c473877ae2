// SPDX-License-Identifier: EUPL-1.2
//! Logs as a node serves them.

use concert_protocol::log::Receipt;
use concert_protocol::member::LogId;

use super::audit::sources;
use crate::cli::Client;
use crate::output::{Exit, Failure};

/// The newest checkpoint of a log, as a signed note.
pub(super) async fn fetch_checkpoint(client: &Client, log: &LogId) -> Result<Vec<u8>, Failure> {
    client.bytes(&["log", log.member.as_str(), &log.generation.to_string(), "checkpoint"], &[]).await
}

/// The exact bytes of an entry.
pub(super) async fn fetch_entry(client: &Client, log: &LogId, index: u64) -> Result<Vec<u8>, Failure> {
    let (generation, index) = (log.generation.to_string(), index.to_string());
    client.signed(&["log", log.member.as_str(), &generation, "entries", &index]).await
}

/// Proof that an entry is in a log.
pub(in crate::cli) async fn fetch_receipt(
    client: &Client,
    log: &LogId,
    index: u64,
) -> Result<Receipt, Failure> {
    let (generation, index) = (log.generation.to_string(), index.to_string());
    let bytes = client.bytes(&["log", log.member.as_str(), &generation, "proof", &index], &[]).await?;
    Receipt::parse(&bytes).map_err(|error| {
        Failure::new(Exit::Integrity, "the node's receipt cannot be read").cause(sources(&error))
    })
}
