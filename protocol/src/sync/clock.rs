// SPDX-License-Identifier: EUPL-1.2
//! Deadlines that a stepping wall clock cannot move.
//!
//! The driver tells the wall clock's time. What passed between two calls counts, never what the clock says: a step back
//! counts nothing, a step forward at most [`STEP_MAX`].

use std::time::Duration;

use crate::time::Timestamp;

/// Most time that passes between two calls; the driver calls more often than that.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(60);

/// Time since the replica was made.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    uptime: Duration,
}

impl Clock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { wall: now, uptime: Duration::ZERO }
    }

    /// Takes note of the wall clock.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.uptime = self.at(now);
        self.wall = now;
    }

    /// Uptime when the wall clock says `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Duration {
        self.uptime.saturating_add(now.since(self.wall).min(STEP_MAX))
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.uptime
    }

    /// The wall clock's time as last told.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall
    }

    /// Seconds since 1970 as last told; a clock before 1970 says 0.
    pub(crate) fn seconds(&self) -> u64 {
        u64::try_from(self.wall.as_seconds()).unwrap_or(0)
    }

    /// What the wall clock says at `deadline`, or at the latest moment at which it should be looked at.
    pub(crate) fn wall_at(&self, deadline: Duration) -> Timestamp {
        self.wall.plus(deadline.saturating_sub(self.uptime).min(STEP_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_the_wall_clock_do_not_move_deadlines() {
        let at = Timestamp::from_seconds;
        let mut clock = Clock::new(at(1000));
        clock.advance(at(1010));
        assert_eq!(clock.uptime(), Duration::from_secs(10));
        clock.advance(at(1010 - 3600));
        assert_eq!(clock.uptime(), Duration::from_secs(10), "a step back counts nothing");
        clock.advance(at(1010 - 3600 + 5));
        assert_eq!(clock.uptime(), Duration::from_secs(15));
        clock.advance(at(400_000_000));
        assert_eq!(clock.uptime(), Duration::from_secs(15) + STEP_MAX, "ten years count as a minute");
        assert_eq!(clock.wall_at(clock.uptime() + Duration::from_secs(3)), at(400_000_003));
    }
}
