// SPDX-License-Identifier: EUPL-1.2
//! Fingerprints of files, in the text form in which members exchange them (spec 05-content, "Fingerprints").
//!
//! Parsing normalises letter case and refuses wrong lengths; it computes nothing. The size in bytes that MD5 and SHA-1
//! need before they join anything belongs to the file, not to one digest of it: it stands beside the list of
//! fingerprints as the member `size`, and reaches [`ContentKey::of_fingerprint`](super::ContentKey::of_fingerprint) as an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::pdq::{Pdq, RatedPdq};
use crate::encoding::hex_encode;

/// Longest value, in bytes, of an algorithm that Concert carries but does not read.
pub const OPAQUE_LEN_MAX: usize = 1_024;

const ALGORITHM_LEN_MAX: usize = 16;
const PIPELINE_LEN_MAX: usize = 16;
/// Hexadecimal digits of a TLSH digest behind its version, `T1`.
const TLSH_DIGITS: usize = 70;

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const EMPTY_SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// One fingerprint of one file, written `<algorithm>:<value>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fingerprint {
    /// `sha256:` and 64 hexadecimal digits; equal files, for certain.
    Sha256([u8; 32]),
    /// `sha1:` and 40 hexadecimal digits; joins only where the size agrees.
    Sha1([u8; 20]),
    /// `md5:` and 32 hexadecimal digits; joins only where the size agrees.
    Md5([u8; 16]),
    /// `pdq:`, 64 hexadecimal digits, `:q` and the quality, and perhaps `:p` and how the picture was shrunk first.
    Pdq {
        /// Hash and quality.
        pdq: RatedPdq,
        /// Which preparation the hashing program used, if it said so.
        pipeline: Option<Pipeline>,
    },
    /// `tlsh:T1` and 70 hexadecimal digits, kept in upper case as TLSH writes them; suggests only.
    Tlsh(Tlsh),
    /// Any other algorithm, carried as it came and compared exactly; suggests only.
    Opaque(Opaque),
}

/// How a picture was prepared before PDQ, such as `full` or `512`: 1 to 16 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pipeline(Box<str>);

/// A TLSH digest without its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tlsh([u8; TLSH_DIGITS / 2]);

/// A fingerprint that Concert does not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opaque {
    algorithm: Box<str>,
    value: Box<str>,
}

/// A text that does not name a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PDQ pipeline: expected 1 to 16 of a-z, 0-9 and '-', such as full or 512")]
pub struct PipelineError;

/// Why a text is not a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// There is no algorithm before the value.
    #[error("a fingerprint names its algorithm first, as in sha256:<64 hexadecimal digits>")]
    NoAlgorithm,
    /// The algorithm's name is not one.
    #[error("not the name of an algorithm: expected 1 to 16 of a-z, 0-9 and '-', beginning with a letter")]
    BadAlgorithm,
    /// A digest of the wrong length: perhaps cut off, perhaps of another algorithm.
    #[error(
        "{algorithm} has {expected} hexadecimal digits, not {found}; was it cut off, or is it another algorithm?"
    )]
    WrongLength {
        /// The algorithm named.
        algorithm: &'static str,
        /// Digits that it has.
        expected: usize,
        /// Characters found.
        found: usize,
    },
    /// A character that is no hexadecimal digit.
    #[error("{algorithm} is written in hexadecimal digits; character {at} is none")]
    NotHex {
        /// The algorithm named.
        algorithm: &'static str,
        /// Which character of the value, from 1.
        at: usize,
    },
    /// A PDQ hash without its quality.
    #[error("a PDQ hash needs its quality, 0 to 100: pdq:<64 hexadecimal digits>:q<quality>")]
    NoQuality,
    /// A PDQ quality that is not one.
    #[error("a PDQ quality is a whole number from 0 to 100, written q<quality>")]
    BadQuality,
    /// What follows a PDQ quality is not a pipeline.
    #[error("after its quality a PDQ hash may only have :p<pipeline>, such as :pfull or :p512")]
    BadPipeline,
    /// A value that is empty, too long or not visible ASCII.
    #[error(
        "a fingerprint's value is 1 to {OPAQUE_LEN_MAX} visible ASCII characters without quotes or backslash"
    )]
    BadValue,
}

impl Fingerprint {
    /// The algorithm's name in lower case: `sha256`, `pdq`, `vpdq`, ...
    pub fn algorithm(&self) -> &str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha1(_) => "sha1",
            Self::Md5(_) => "md5",
            Self::Pdq { .. } => "pdq",
            Self::Tlsh(_) => "tlsh",
            Self::Opaque(opaque) => &opaque.algorithm,
        }
    }

    /// Whether equal values mean equal files: SHA-256 always, SHA-1 and MD5 where the size agrees, no other.
    pub fn joins_exactly(&self) -> bool {
        matches!(self, Self::Sha256(_) | Self::Sha1(_) | Self::Md5(_))
    }

    /// Whether this is what nothing looks like: the digest of the empty file, or a picture of one colour.
    pub fn is_trivial(&self) -> bool {
        match self {
            Self::Sha256(digest) => hex_encode(digest) == EMPTY_SHA256,
            Self::Sha1(digest) => hex_encode(digest) == EMPTY_SHA1,
            Self::Md5(digest) => hex_encode(digest) == EMPTY_MD5,
            Self::Pdq { pdq, .. } => pdq.hash().is_trivial(),
            Self::Tlsh(_) | Self::Opaque(_) => false,
        }
    }

    /// The PDQ hash with its quality, if this is one.
    pub fn pdq(&self) -> Option<RatedPdq> {
        match self {
            Self::Pdq { pdq, .. } => Some(*pdq),
            _ => None,
        }
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (algorithm, value) = text.split_once(':').ok_or(FingerprintError::NoAlgorithm)?;
        if value.len() > OPAQUE_LEN_MAX {
            return Err(FingerprintError::BadValue);
        }
        match read_algorithm(algorithm)?.as_str() {
            "sha256" | "sha-256" => digest("sha256", value).map(Self::Sha256),
            "sha1" | "sha-1" => digest("sha1", value).map(Self::Sha1),
            "md5" => digest("md5", value).map(Self::Md5),
            "pdq" => read_pdq(value),
            "tlsh" => read_tlsh(value),
            other => Ok(Self::Opaque(Opaque { algorithm: other.into(), value: read_value(value)? })),
        }
    }
}

fn read_algorithm(name: &str) -> Result<String, FingerprintError> {
    let well_formed = name.len() <= ALGORITHM_LEN_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if well_formed { Ok(name.to_ascii_lowercase()) } else { Err(FingerprintError::BadAlgorithm) }
}

fn digest<const N: usize>(algorithm: &'static str, text: &str) -> Result<[u8; N], FingerprintError> {
    if let Some(at) = text.chars().position(|c| !c.is_ascii_hexdigit()) {
        return Err(FingerprintError::NotHex { algorithm, at: at + 1 });
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| FingerprintError::WrongLength {
        algorithm,
        expected: 2 * N,
        found: text.len(),
    })?;
    Ok(bytes)
}

fn read_pdq(value: &str) -> Result<Fingerprint, FingerprintError> {
    let mut parts = value.splitn(3, ':');
    let hash = Pdq::from_bytes(&digest("pdq", parts.next().unwrap_or_default())?);
    let quality = parts.next().ok_or(FingerprintError::NoQuality)?;
    let quality = strip_letter(quality, 'q').ok_or(FingerprintError::BadQuality)?;
    let number: u8 = quality.parse().map_err(|_| FingerprintError::BadQuality)?;
    let canonical = number.to_string() == quality;
    let pdq = RatedPdq::new(hash, number).filter(|_| canonical).ok_or(FingerprintError::BadQuality)?;
    let pipeline = parts.next().map(|text| {
        let name = strip_letter(text, 'p').ok_or(FingerprintError::BadPipeline)?;
        name.to_ascii_lowercase().parse::<Pipeline>().map_err(|_| FingerprintError::BadPipeline)
    });
    Ok(Fingerprint::Pdq { pdq, pipeline: pipeline.transpose()? })
}

fn strip_letter(text: &str, letter: char) -> Option<&str> {
    text.strip_prefix([letter, letter.to_ascii_uppercase()])
}

fn read_tlsh(value: &str) -> Result<Fingerprint, FingerprintError> {
    // The version may be missing in older tools' output; only version 1 exists.
    let versioned = value.get(..2).is_some_and(|version| version.eq_ignore_ascii_case("T1"));
    let digits = if versioned { &value[2..] } else { value };
    digest("tlsh", digits).map(|bytes| Fingerprint::Tlsh(Tlsh(bytes)))
}

fn read_value(value: &str) -> Result<Box<str>, FingerprintError> {
    let visible = value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b'\\'));
    if visible && !value.is_empty() { Ok(value.into()) } else { Err(FingerprintError::BadValue) }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{}", hex_encode(digest)),
            Self::Sha1(digest) => write!(f, "sha1:{}", hex_encode(digest)),
            Self::Md5(digest) => write!(f, "md5:{}", hex_encode(digest)),
            Self::Pdq { pdq, pipeline } => {
                write!(f, "pdq:{}:q{}", pdq.hash(), pdq.quality())?;
                pipeline.as_ref().map_or(Ok(()), |pipeline| write!(f, ":p{}", pipeline.as_str()))
            }
            Self::Tlsh(Tlsh(digest)) => write!(f, "tlsh:T1{}", hex::encode_upper(digest)),
            Self::Opaque(Opaque { algorithm, value }) => write!(f, "{algorithm}:{value}"),
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl Pipeline {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tlsh {
    /// The 35 bytes behind the version.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Opaque {
    /// The value as it came, 1 to [`OPAQUE_LEN_MAX`] visible ASCII characters.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Pipeline {
    type Err = PipelineError;

    fn from_str(text: &str) -> Result<Self, PipelineError> {
        let well_formed = (1..=PIPELINE_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if well_formed { Ok(Self(text.into())) } else { Err(PipelineError) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, FingerprintError> {
        text.parse::<Fingerprint>().map(|f| f.to_string())
    }

    #[test]
    fn letter_case_is_normalised_and_the_rest_kept() {
        let upper = format!("SHA-256:{}", EMPTY_SHA256.to_ascii_uppercase());
        assert_eq!(read(&upper), Ok(format!("sha256:{EMPTY_SHA256}")));
        let pdq = "0F".repeat(32);
        assert_eq!(
            read(&format!("PDQ:{pdq}:Q77:PFull")),
            Ok(format!("pdq:{}:q77:pfull", pdq.to_ascii_lowercase()))
        );
        let tlsh = "a0".repeat(35);
        let canonical = Ok(format!("tlsh:T1{}", tlsh.to_ascii_uppercase()));
        assert_eq!(read(&format!("tlsh:{tlsh}")), canonical);
        assert_eq!(read(&format!("tlsh:t1{tlsh}")), canonical);
        assert_eq!(read("vPDQ:Ab+/=,12"), Ok("vpdq:Ab+/=,12".into()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        use FingerprintError as E;
        let pdq = "0f".repeat(32);
        let wrong = |algorithm, expected, found| Err(E::WrongLength { algorithm, expected, found });
        assert_eq!(read(EMPTY_MD5), Err(E::NoAlgorithm));
        assert_eq!(read(&format!("sha256:{EMPTY_MD5}")), wrong("sha256", 64, 32));
        assert_eq!(read(&format!("md5:{EMPTY_SHA1}")), wrong("md5", 32, 40));
        assert_eq!(read("sha1:"), wrong("sha1", 40, 0));
        assert_eq!(read(&format!("md5:{}x", &EMPTY_MD5[..31])), Err(E::NotHex { algorithm: "md5", at: 32 }));
        assert_eq!(read("tlsh:T1AB"), wrong("tlsh", 70, 2));
        assert_eq!(read("9x:1"), Err(E::BadAlgorithm));
        assert_eq!(read(&format!("pdq:{pdq}")), Err(E::NoQuality));
        for quality in ["101", "256", "-1", "+7", "07", "", "7.5"] {
            assert_eq!(read(&format!("pdq:{pdq}:q{quality}")), Err(E::BadQuality), "{quality}");
        }
        for end in ["", "x", "p", "pa b", "pfull:x"] {
            assert_eq!(read(&format!("pdq:{pdq}:q50:{end}")), Err(E::BadPipeline), "{end}");
        }
        for value in ["", "a b", "é", "\u{202e}", "a\\b", &"x".repeat(OPAQUE_LEN_MAX + 1)] {
            assert_eq!(read(&format!("tmk:{value}")), Err(E::BadValue), "{value}");
        }
    }

    #[test]
    fn trivial_files_and_what_joins() {
        let of = |text: String| text.parse::<Fingerprint>().expect("a fingerprint");
        for text in
            [format!("sha256:{EMPTY_SHA256}"), format!("sha1:{EMPTY_SHA1}"), format!("md5:{EMPTY_MD5}")]
        {
            let empty = of(text);
            assert!(empty.is_trivial() && empty.joins_exactly());
        }
        for digit in ["0", "f"] {
            let blank = of(format!("pdq:{}:q100", digit.repeat(64)));
            assert!(blank.is_trivial() && !blank.joins_exactly());
        }
        let some = of(format!("sha256:{}", "ab".repeat(32)));
        assert!(!some.is_trivial() && some.joins_exactly());
        assert!(!of("vpdq:00".into()).joins_exactly());
    }

    #[test]
    fn json_is_the_text() {
        let text = format!("\"md5:{EMPTY_MD5}\"");
        let read: Fingerprint = serde_json::from_str(&text).expect("a fingerprint");
        assert_eq!(serde_json::to_string(&read).ok().as_deref(), Some(text.as_str()));
        assert!(serde_json::from_str::<Fingerprint>("\"md5:00\"").is_err());
    }

    proptest! {
        #[test]
        fn the_written_form_reads_back_and_nothing_panics(text in "(sha256|md5|pdq|tlsh|x):[0-9a-fA-FqT:1p]{0,90}|\\PC{0,40}") {
            if let Ok(fingerprint) = text.parse::<Fingerprint>() {
                prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>(), Ok(fingerprint));
            }
        }
    }
}
