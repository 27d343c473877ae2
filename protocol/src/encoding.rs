// SPDX-License-Identifier: EUPL-1.2
//! The three text forms of bytes that Concert writes: hexadecimal, base64 (notes) and base64url (JWS).
//!
//! Each has exactly one accepted spelling per value, so that a signed text cannot be varied without breaking it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::DeserializeOwned;

const NOTE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
const JOSE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Standard base64 with padding, as signed notes use it.
pub fn base64_encode(bytes: &[u8]) -> String {
    NOTE.encode(bytes)
}

/// Decodes canonical standard base64; `None` for anything else, stray trailing bits included.
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    NOTE.decode(text).ok()
}

/// Base64url without padding, as JWS uses it (RFC 7515, section 2).
pub fn base64url_encode(bytes: &[u8]) -> String {
    JOSE.encode(bytes)
}

/// Decodes canonical base64url without padding; `None` for anything else.
pub fn base64url_decode(text: &[u8]) -> Option<Vec<u8>> {
    JOSE.decode(text).ok()
}

/// Lower-case hexadecimal.
pub fn hex_encode(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// Decodes exactly `N` bytes of lower-case hexadecimal; `None` for anything else, upper case included.
pub fn hex_decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Why a JSON text was refused; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Parses one JSON document into a type that refuses unknown and duplicate members; nothing may follow it.
///
/// # Errors
///
/// Names the field or value that is wrong with line and column, but never repeats more than 200 characters.
pub fn json_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes).map_err(|error| JsonError(error.to_string().chars().take(200).collect()))
}
