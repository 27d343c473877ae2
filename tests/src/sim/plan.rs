// SPDX-License-Identifier: EUPL-1.2
//! What a seed means: how many members, how long, and which misfortunes.

use super::federation::MEMBERS_MAX;
use super::random::Random;

/// Microseconds.
pub const MILLI: u64 = 1_000;
/// Microseconds.
pub const SECOND: u64 = 1_000_000;

/// A member that does not keep the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liar {
    /// Two copies of one machine write two histories from a moment on; others reach one copy each.
    Clone {
        /// When the second copy starts.
        at: u64,
        /// Whether it is shown to one member only.
        to_one: bool,
    },
    /// Serves leaves, paths and checkpoints that are not what they should be, so many times in a thousand.
    Corrupt(u64),
}

/// What one simulation does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// From which everything follows.
    pub seed: u64,
    /// Members, 2 to 28.
    pub members: usize,
    /// Coordinators, the first members.
    pub coordinators: usize,
    /// How long members write and misfortunes happen, in microseconds.
    pub duration: u64,
    /// Mean time between two entries of one member, in microseconds.
    pub writing: u64,
    /// Frames lost in a million; each ends its connection.
    pub loss: u64,
    /// Latency of a frame in microseconds, from and to.
    pub latency: (u64, u64),
    /// Mean time between two misfortunes; none if 0.
    pub misfortune: u64,
    /// Appends to the own log during which the power fails, in a thousand.
    pub power: u64,
    /// Most leaves that a server hands out at once.
    pub serve_max: usize,
    /// Requests refused as if the server were busy, in a thousand.
    pub busy: u64,
    /// Members that do not keep the rules, by position; the hub keeps them.
    pub liars: Vec<(usize, Liar)>,
    /// Whether machines are restored from old backups.
    pub backups: bool,
    /// Whether clocks step.
    pub clocks: bool,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x0070_6c61_6e00);
        let members = match random.below(10) {
            0 => 2,
            1 => 3,
            2 => 7,
            _ => 5,
        };
        let coordinators = if members > 2 && random.chance(400) { 2 } else { 1 };
        let duration = random.between(60, 240) * SECOND;
        let mut plan = Self {
            seed,
            members,
            coordinators,
            duration,
            writing: random.between(8, 40) * SECOND,
            loss: if random.chance(500) { random.between(0, 20_000) } else { 0 },
            latency: (random.between(1, 20) * MILLI, random.between(20, 300) * MILLI),
            misfortune: if random.chance(150) { 0 } else { random.between(5, 40) * SECOND },
            power: if random.chance(300) { 50 } else { 0 },
            serve_max: random.between(1, 40) as usize,
            busy: if random.chance(300) { 100 } else { 0 },
            liars: Vec::new(),
            backups: random.chance(300),
            clocks: random.chance(300),
        };
        if members >= 4 && random.chance(350) {
            let liar = match random.below(3) {
                0 => Liar::Clone { at: random.between(0, duration / 2), to_one: random.chance(500) },
                1 => Liar::Clone { at: 0, to_one: random.chance(500) },
                _ => Liar::Corrupt(random.between(100, 1000)),
            };
            plan.liars.push((random.between(1, members as u64 - 1) as usize, liar));
        }
        plan
    }

    /// A large federation in ordinary weather.
    pub fn large(seed: u64) -> Self {
        Self {
            members: MEMBERS_MAX,
            coordinators: 2,
            duration: 30 * SECOND,
            writing: 20 * SECOND,
            loss: 500,
            liars: Vec::new(),
            ..Self::of(seed)
        }
    }

    /// What is wrong with a member, if anything.
    pub fn liar(&self, member: usize) -> Option<Liar> {
        self.liars.iter().find(|(liar, _)| *liar == member).map(|(_, liar)| *liar)
    }

    /// Whether a member writes two histories.
    pub fn is_cloned(&self, member: usize) -> bool {
        matches!(self.liar(member), Some(Liar::Clone { .. }))
    }

    /// Whether a member keeps all rules.
    pub fn is_honest(&self, member: usize) -> bool {
        self.liar(member).is_none()
    }
}
