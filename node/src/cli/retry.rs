// SPDX-License-Identifier: EUPL-1.2
//! Asking again when a node is away for a moment. Only for requests that may be repeated without doing a thing twice.

use std::time::{Duration, Instant};

use super::Context;
use crate::output::{Exit, Failure};

/// How long a node may be away before a command gives up.
const AWAY_MAX: Duration = Duration::from_secs(60);
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Calls `attempt` until it succeeds, fails for good, or the node was away for a minute; says so once.
pub(super) async fn patiently<T>(
    context: &Context,
    attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    persist(attempt, || context.output.note("the node is away or busy; trying again")).await
}

/// As [`patiently`], without a word: for many small requests that a node slows down.
pub(super) async fn quietly<T>(attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    persist(attempt, || {}).await
}

async fn persist<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
    say: impl Fn(),
) -> Result<T, Failure> {
    let mut pause = PAUSE_FIRST;
    let mut away_since = None;
    loop {
        let failure = match attempt().await {
            Err(failure) if failure.code() == Exit::Unreachable.code() => failure,
            other => return other,
        };
        let since = *away_since.get_or_insert_with(|| {
            say();
            Instant::now()
        });
        if since.elapsed() > AWAY_MAX {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A fresh key for a request that signs something: the same request, sent again under it, does nothing twice.
pub(super) fn fresh_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Exit::Failed, "the system gives no random bytes").cause(error.to_string())
    })?;
    Ok(concert_protocol::encoding::hex_encode(&bytes))
}
