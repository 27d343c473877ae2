// SPDX-License-Identifier: EUPL-1.2
//! A token bucket per caller, so that one caller cannot take the node from the others (RELIABILITY C3).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::token::TokenId;

/// Callers remembered; beyond it those with a full bucket are forgotten, which changes nothing for them.
const CALLERS_MAX: usize = 60_000;
/// One request in the unit of a bucket's level.
const REQUEST: u64 = 1_000_000;

/// How fast one caller may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second after that; at least 1.
    pub per_second: u32,
}

/// What is left to a caller after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests left now.
    pub left: u32,
    /// Until the bucket is full again.
    pub full_in: Duration,
}

struct Bucket {
    /// Millionths of a request, so that refills between quick calls are not rounded away.
    level: u64,
    at: Instant,
}

/// The buckets of all callers.
pub struct Limiter {
    pace: Pace,
    buckets: Mutex<HashMap<TokenId, Bucket>>,
}

impl Limiter {
    /// All callers at one pace.
    pub fn new(pace: Pace) -> Self {
        let pace = Pace { burst: pace.burst.max(1), per_second: pace.per_second.max(1) };
        Self { pace, buckets: Mutex::default() }
    }

    /// The pace.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Takes one request from a caller's bucket.
    ///
    /// # Errors
    ///
    /// How long to wait before the next.
    pub fn take(&self, caller: TokenId, now: Instant) -> Result<Allowance, Duration> {
        let full = u64::from(self.pace.burst) * REQUEST;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX && !buckets.contains_key(&caller) {
            buckets.retain(|_, bucket| self.level(bucket, now, full) < full);
        }
        let bucket = buckets.entry(caller).or_insert(Bucket { level: full, at: now });
        bucket.level = self.level(bucket, now, full);
        bucket.at = now;
        if bucket.level < REQUEST {
            return Err(self.time_for(REQUEST - bucket.level));
        }
        bucket.level -= REQUEST;
        let left = u32::try_from(bucket.level / REQUEST).unwrap_or(u32::MAX);
        Ok(Allowance { left, full_in: self.time_for(full - bucket.level) })
    }

    fn level(&self, bucket: &Bucket, now: Instant, full: u64) -> u64 {
        let passed = u64::try_from(now.saturating_duration_since(bucket.at).as_micros()).unwrap_or(u64::MAX);
        bucket.level.saturating_add(passed.saturating_mul(u64::from(self.pace.per_second))).min(full)
    }

    fn time_for(&self, level: u64) -> Duration {
        Duration::from_micros(level.div_ceil(u64::from(self.pace.per_second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_pace_and_others_are_not_touched() {
        let limiter = Limiter::new(Pace { burst: 3, per_second: 2 });
        let [a, b] = [(); 2].map(|()| TokenId::random().expect("random bytes"));
        let start = Instant::now();
        assert_eq!([(); 3].map(|()| limiter.take(a, start).map(|all| all.left)), [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(limiter.take(a, start), Err(Duration::from_millis(500)));
        assert!(limiter.take(b, start).is_ok());
        let later = start + Duration::from_millis(500);
        assert!(limiter.take(a, later).is_ok());
        assert!(limiter.take(a, later).is_err());
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(limiter.take(a, much_later).map(|all| all.left), Ok(2), "never more than the burst");
    }
}
