// SPDX-License-Identifier: EUPL-1.2
//! How many callers may wait or listen at once, in all and with one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::problem::{Code, Problem};
use crate::access::TokenId;

/// Waiting and listening callers of one node; read nodes are added beyond it (DESIGN 13).
const STREAMS_MAX: usize = 12_000;
/// Of one token: a client and its stand-in, and some that are not noticed as gone yet.
const PER_TOKEN_MAX: usize = 8;

/// The places.
#[derive(Clone, Default)]
pub(in super::super) struct Streams(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_token: HashMap<TokenId, usize>,
}

/// One place, given back when dropped.
pub(super) struct Place {
    streams: Streams,
    token: TokenId,
}

impl Streams {
    /// Takes a place.
    pub(super) fn enter(&self, token: TokenId) -> Result<Place, Problem> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_token.get(&token).copied().unwrap_or(0);
        if own >= PER_TOKEN_MAX {
            let detail =
                format!("this token already has {PER_TOKEN_MAX} open streams or long polls; end one first");
            return Err(Problem::new(Code::RateLimited, detail).after(Duration::from_secs(5)));
        }
        if taken.all >= STREAMS_MAX {
            let detail = "this node serves as many streams as it can; try another node of the federation";
            return Err(Problem::new(Code::Unavailable, detail).after(Duration::from_secs(30)));
        }
        taken.all += 1;
        taken.by_token.insert(token, own + 1);
        Ok(Place { streams: self.clone(), token })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_token.get_mut(&self.token) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.by_token.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let streams = Streams::default();
        let [a, b]: [TokenId; 2] =
            ["t-0000000000000001", "t-0000000000000002"].map(|id| id.parse().expect("an id"));
        let places: Vec<Place> = (0..PER_TOKEN_MAX).map(|_| streams.enter(a).expect("a place")).collect();
        assert!(streams.enter(a).is_err());
        assert!(streams.enter(b).is_ok(), "others are not touched");
        drop(places);
        assert!(streams.enter(a).is_ok());
    }
}
