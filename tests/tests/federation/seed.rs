// SPDX-License-Identifier: EUPL-1.2
//! Randomness that can be had again.

use std::ops::Range;

/// A small generator (splitmix64): equal seeds, equal numbers.
pub(crate) struct Seed(u64);

impl Seed {
    /// From `CONCERT_TEST_SEED`, else from the clock; says which, so that a failed run can be replayed.
    pub(crate) fn new() -> Self {
        let given = std::env::var("CONCERT_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let clock = || concert_node::engine::now().as_micros().unsigned_abs();
        let seed = given.unwrap_or_else(clock);
        eprintln!("CONCERT_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number of the range.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// One of some.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.within(0..all.len() as u64) as usize]
    }
}
