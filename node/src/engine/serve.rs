// SPDX-License-Identifier: EUPL-1.2
//! Answers peers' requests for ranges and proofs from the journals, on threads of their own.
//!
//! An entry leaves in full only for a member of its audience; others get its leaf hash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use concert_protocol::entry::address_of;
use concert_protocol::log::prove_consistency;
use concert_protocol::member::MemberId;
use concert_protocol::sync::{
    ConsistencyRequest, Leaf, RangeRequest, consistency_frame, range_frame, refused_frame,
};

use super::shared::Shared;
use crate::journal::{JournalError, Record};
use crate::net::Network;

/// Requests of one peer that are answered at once; the replica refuses more before they come here.
const PER_PEER_MAX: usize = 8;

/// Requests under way, by peer.
#[derive(Clone, Default)]
pub(crate) struct Servers {
    under_way: Arc<Mutex<BTreeMap<MemberId, usize>>>,
}

/// Why a request was refused; the peer is told no more than that.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("the log is not here")]
    NoLog,
    #[error("nothing newer than asked for is here")]
    NothingNewer,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("no proof: {0}")]
    Proof(String),
}

impl Servers {
    /// A peer that is gone needs no answers.
    pub(crate) fn forget(&self, peer: &MemberId) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(peer);
    }

    pub(crate) fn range(&self, request: RangeRequest, shared: &Arc<Shared>, network: &Network) {
        let (to, id) = (request.to.clone(), request.id);
        self.answer(to, id, shared, network, move |shared| range(shared, &request));
    }

    pub(crate) fn consistency(&self, request: ConsistencyRequest, shared: &Arc<Shared>, network: &Network) {
        let (to, id) = (request.to.clone(), request.id);
        self.answer(to, id, shared, network, move |shared| consistency(shared, &request));
    }

    fn answer(
        &self,
        to: MemberId,
        id: u64,
        shared: &Arc<Shared>,
        network: &Network,
        make: impl FnOnce(&Shared) -> Result<Vec<u8>, ServeError> + Send + 'static,
    ) {
        {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            let count = under_way.entry(to.clone()).or_default();
            if *count >= PER_PEER_MAX {
                let _ = network.send(&to, refused_frame(id));
                return;
            }
            *count += 1;
        }
        let (shared, network, servers) = (shared.clone(), network.clone(), self.clone());
        tokio::task::spawn_blocking(move || {
            let frame = make(&shared).unwrap_or_else(|error| {
                tracing::debug!(peer = %to, %error, "a request is refused");
                refused_frame(id)
            });
            // The session may have ended meanwhile; the peer will ask again.
            let _ = network.send(&to, frame);
            if let Some(count) = servers.under_way.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&to)
            {
                *count = count.saturating_sub(1);
            }
        });
    }
}

fn range(shared: &Shared, request: &RangeRequest) -> Result<Vec<u8>, ServeError> {
    let reader = shared.reader(&request.log).ok_or(ServeError::NoLog)?;
    let state = shared.log(&request.log).ok_or(ServeError::NoLog)?;
    // A head may be known before its entries are; only what is under a head and all here can be proved.
    let (head, note) = state.proven.ok_or(ServeError::NothingNewer)?;
    if request.from >= head || reader.size() < head {
        return Err(ServeError::NothingNewer);
    }
    let available = head;
    let coordinators = shared.roster().coordinators().to_vec();
    let count = usize::try_from(available - request.from).unwrap_or(usize::MAX).min(request.count_max);
    let records = reader.read(request.from, count, request.bytes_max)?;
    let leaves: Vec<Leaf> = records
        .into_iter()
        .map(|(_, record)| match record {
            Record::Entry(bytes) => match address_of(&bytes) {
                Some((author, audience)) if !audience.admits(&request.to, &author, &coordinators) => {
                    Leaf::Withheld(concert_protocol::log::leaf_hash(&bytes))
                }
                _ => Leaf::Entry(bytes),
            },
            Record::Withheld(hash) | Record::Erased(hash) => Leaf::Withheld(hash),
        })
        .collect();
    let through = request.from + leaves.len() as u64;
    let path = if through < head { consistency_path(&reader, through, head)? } else { Vec::new() };
    Ok(range_frame(request, leaves, &note, path))
}

fn consistency(shared: &Shared, request: &ConsistencyRequest) -> Result<Vec<u8>, ServeError> {
    let reader = shared.reader(&request.log).ok_or(ServeError::NoLog)?;
    if reader.size() < request.new {
        return Err(ServeError::NothingNewer);
    }
    let old_root = reader.root_at(request.old)?;
    let path = consistency_path(&reader, request.old, request.new)?;
    Ok(consistency_frame(request, old_root, path))
}

fn consistency_path(
    reader: &crate::journal::LogReader,
    old: u64,
    new: u64,
) -> Result<Vec<concert_protocol::log::Hash>, ServeError> {
    prove_consistency(old, new, reader).map_err(|error| ServeError::Proof(error.to_string()))
}
