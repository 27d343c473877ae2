// SPDX-License-Identifier: EUPL-1.2
//! How fast a log is fetched: what its author adds beyond its quota is fetched late, never dropped
//! (spec 04-replication, "Quotas").
//!
//! What was there when the log was first seen is history and counts against nothing, so that a new member catches up at
//! full speed.

use std::time::Duration;

use crate::roster::Quota;

/// Granted where the roster says nothing.
const DEFAULT: Quota = Quota { entries_per_hour: 50_000, bytes_total: u64::MAX };
/// An author that was quiet may use what it left unused of one day.
const SAVED_HOURS: u64 = 24;
/// A log over its quota has one range fetched in this time.
pub(crate) const LATE_PAUSE: Duration = Duration::from_secs(10);

const HOUR_MILLIS: u64 = 3_600_000;

/// What may be fetched of one log at full speed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance {
    /// First index that is late; `None` before the log was seen.
    granted: Option<u64>,
    /// Largest size seen.
    seen: u64,
    refilled_at: Duration,
    bytes: u64,
    /// When a late range may be fetched again.
    late_at: Duration,
}

impl Allowance {
    /// Takes note of a checkpoint's size.
    pub(crate) fn see(&mut self, size: u64) {
        self.seen = self.seen.max(size);
    }

    /// Takes note of bytes fetched.
    pub(crate) fn took(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether the entry at `index` is beyond the quota.
    pub(crate) fn is_late(&mut self, quota: Option<Quota>, index: u64, stored: u64, now: Duration) -> bool {
        let quota = quota.unwrap_or(DEFAULT);
        let hourly = quota.entries_per_hour;
        let granted = *self.granted.get_or_insert_with(|| {
            self.refilled_at = now;
            self.seen.saturating_add(hourly)
        });
        let passed = u64::try_from(now.saturating_sub(self.refilled_at).as_millis()).unwrap_or(u64::MAX);
        let earned = passed.saturating_mul(hourly) / HOUR_MILLIS;
        if earned > 0 {
            self.refilled_at = now;
            let most = stored.saturating_add(hourly.saturating_mul(SAVED_HOURS)).max(granted);
            self.granted = Some(granted.saturating_add(earned).min(most));
        }
        index >= self.granted.unwrap_or(granted) || self.bytes >= quota.bytes_total
    }

    /// Whether one late range may be fetched now.
    pub(crate) fn may_fetch_late(&self, now: Duration) -> bool {
        self.late_at <= now
    }

    /// When a late range may be fetched.
    pub(crate) fn late_at(&self) -> Duration {
        self.late_at
    }

    /// A late range was asked for.
    pub(crate) fn fetched_late(&mut self, now: Duration) {
        self.late_at = now.saturating_add(LATE_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn history_is_free_and_growth_is_not() {
        let quota = Some(Quota { entries_per_hour: 100, bytes_total: 1000 });
        let mut allowance = Allowance::default();
        allowance.see(1_000_000);
        assert!(!allowance.is_late(quota, 0, 0, Duration::ZERO));
        assert!(!allowance.is_late(quota, 1_000_099, 0, Duration::ZERO));
        assert!(allowance.is_late(quota, 1_000_100, 0, Duration::ZERO));
        assert!(!allowance.is_late(quota, 1_000_199, 1_000_100, HOUR), "an hour grants a hundred more");
        assert!(allowance.is_late(quota, 1_000_200, 1_000_100, HOUR));
        assert!(allowance.is_late(quota, 1_002_600, 1_000_100, HOUR * 1000), "at most a day is saved up");
        assert!(!allowance.is_late(quota, 1_002_400, 1_000_100, HOUR * 1000));
        allowance.took(1000);
        assert!(allowance.is_late(quota, 0, 0, HOUR * 1000));
    }

    #[test]
    fn frequent_looks_do_not_lose_what_is_earned() {
        let quota = Some(Quota { entries_per_hour: 10, bytes_total: u64::MAX });
        let mut allowance = Allowance::default();
        for second in 0..=3600 {
            allowance.is_late(quota, 0, 0, Duration::from_secs(second));
        }
        assert!(!allowance.is_late(quota, 19, 0, HOUR));
    }
}
