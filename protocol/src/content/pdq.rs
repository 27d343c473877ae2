// SPDX-License-Identifier: EUPL-1.2
//! PDQ hashes of pictures and the one rule by which two of them are near (spec 05-content, "Near pictures").
//!
//! A hash is compared, never computed, here. A near pair links two contents to one case; it never unites them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::encoding::hex_encode;

/// Largest Hamming distance, of 256 bits, at which two pictures count as copies of each other.
pub const NEAR_DISTANCE: u16 = 31;

/// Largest distance that is shown to a person as "perhaps"; 32 to 51 never links anything by itself.
pub const REVIEW_DISTANCE: u16 = 51;

/// Smallest quality at which a hash takes part in a near pair; below it many unlike pictures look alike.
pub const QUALITY_MIN: u8 = 50;

/// Largest quality there is.
pub const QUALITY_MAX: u8 = 100;

/// Numbers of one bits that a hash may have to take part in a near pair.
///
/// A hash of a photograph has 128, by construction; 256 random bits have 128 with a standard deviation of 8. The range
/// is six of these deviations to each side: blank and nearly blank pictures are out, every hash that can tell
/// pictures apart is in (spec 05-content, "Near pictures").
pub const POPCOUNT_VALID: RangeInclusive<u32> = 80..=176;

/// A PDQ hash: 256 bits, the first hexadecimal digit of the text form being the highest of the first word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pdq(pub [u64; 4]);

/// A text that is not a PDQ hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PDQ hash: expected 64 hexadecimal digits")]
pub struct PdqError;

impl Pdq {
    /// Reads 32 bytes in the order of the hexadecimal form.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = chunk.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        }
        Self(words)
    }

    /// The 32 bytes in the order of the hexadecimal form.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Bits in which the two differ: 0 to 256.
    #[inline]
    pub fn distance(&self, other: &Self) -> u16 {
        let differing: u32 = self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum();
        differing as u16
    }

    /// Number of one bits: 0 to 256.
    pub fn popcount(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether the number of one bits is one that a picture with any structure has ([`POPCOUNT_VALID`]).
    pub fn is_valid(&self) -> bool {
        POPCOUNT_VALID.contains(&self.popcount())
    }

    /// Whether all bits are equal: a picture of one colour, which says nothing.
    pub fn is_trivial(&self) -> bool {
        matches!(self.popcount(), 0 | 256)
    }
}

impl FromStr for Pdq {
    type Err = PdqError;

    fn from_str(text: &str) -> Result<Self, PdqError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| PdqError)?;
        Ok(Self::from_bytes(&bytes))
    }
}

impl fmt::Display for Pdq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.to_bytes()))
    }
}

impl fmt::Debug for Pdq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pdq({self})")
    }
}

/// A PDQ hash with the quality that the hashing program reported: 0 (a blank picture) to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RatedPdq {
    hash: Pdq,
    quality: u8,
}

impl RatedPdq {
    /// Joins hash and quality; `None` for a quality above [`QUALITY_MAX`].
    pub fn new(hash: Pdq, quality: u8) -> Option<Self> {
        (quality <= QUALITY_MAX).then_some(Self { hash, quality })
    }

    /// The hash.
    pub fn hash(&self) -> Pdq {
        self.hash
    }

    /// The quality, 0 to 100.
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// Whether the hash may take part in a near pair: quality of at least [`QUALITY_MIN`] and a valid number of ones.
    pub fn may_link(&self) -> bool {
        self.quality >= QUALITY_MIN && self.hash.is_valid()
    }
}

/// The distance of two pictures that are near, `None` if they are not or if either hash says too little.
///
/// Near is: both qualities at least [`QUALITY_MIN`], both numbers of ones in [`POPCOUNT_VALID`], distance at most
/// [`NEAR_DISTANCE`].
pub fn near(a: &RatedPdq, b: &RatedPdq) -> Option<u16> {
    let distance = a.hash.distance(&b.hash);
    (a.may_link() && b.may_link() && distance <= NEAR_DISTANCE).then_some(distance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flip(hash: Pdq, bits: impl IntoIterator<Item = usize>) -> Pdq {
        let mut words = hash.0;
        for bit in bits {
            words[bit / 64] ^= 1 << (bit % 64);
        }
        Pdq(words)
    }

    #[test]
    fn near_needs_distance_quality_and_structure() {
        let hash = Pdq([0xaaaa_aaaa_aaaa_aaaa; 4]);
        let rated = |hash, quality| RatedPdq::new(hash, quality).expect("a quality");
        let at = |n: usize| flip(hash, (0..n).map(|i| i * 8));
        assert_eq!(near(&rated(hash, 50), &rated(at(31), 100)), Some(31));
        assert_eq!(near(&rated(hash, 50), &rated(at(32), 100)), None);
        assert_eq!(near(&rated(hash, 49), &rated(hash, 100)), None);
        assert_eq!(near(&rated(Pdq([0; 4]), 100), &rated(Pdq([0; 4]), 100)), None);
        assert_eq!(RatedPdq::new(hash, 101), None);
        assert!(Pdq([0; 4]).is_trivial() && Pdq([u64::MAX; 4]).is_trivial() && !hash.is_trivial());
    }

    #[test]
    fn text_is_sixty_four_digits_highest_bit_first() {
        let text = format!("8{}1", "0".repeat(62));
        let hash: Pdq = text.parse().expect("a hash");
        assert_eq!(hash.0, [1 << 63, 0, 0, 1]);
        assert_eq!(hash.to_string(), text);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
            assert_eq!(bad.parse::<Pdq>(), Err(PdqError));
        }
    }

    proptest! {
        #[test]
        fn distance_is_a_metric_and_bytes_round_trip(a: [u64; 4], b: [u64; 4], c: [u64; 4]) {
            let (a, b, c) = (Pdq(a), Pdq(b), Pdq(c));
            prop_assert_eq!(Pdq::from_bytes(&a.to_bytes()), a);
            prop_assert_eq!(a.distance(&b), b.distance(&a));
            prop_assert!(a.distance(&c) <= a.distance(&b) + b.distance(&c));
            prop_assert_eq!(a.distance(&a), 0);
        }
    }
}
