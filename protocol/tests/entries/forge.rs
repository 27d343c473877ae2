// SPDX-License-Identifier: EUPL-1.2
//! Makes entries by hand, right or wrong: shares only hashing, base64 and Ed25519 with the crate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use concert_protocol::entry::{Entry, EntryError, KeyId};
use concert_protocol::key::{PublicKey, SecretKey};
use concert_protocol::member::MemberId;
use sha2::{Digest as _, Sha256, Sha512};

/// The members of the vectors and the byte that their seeds consist of.
pub(crate) const MEMBERS: [(&str, u8); 3] = [("DE", 4), ("EU", 5), ("FR", 1)];

pub(crate) fn member(code: &str) -> MemberId {
    code.parse().expect("a member code")
}

pub(crate) fn key_of(code: &str) -> SecretKey {
    let seed = MEMBERS.iter().find(|(name, _)| *name == code).expect("a member of the vectors").1;
    SecretKey::from_seed(&[seed; 32])
}

/// `<member>/<first 16 hexadecimal digits of the key's SHA-256>`.
pub(crate) fn kid(code: &str, key: &[u8; 32]) -> String {
    format!("{code}/{}", &hex::encode(Sha256::digest(key))[..16])
}

pub(crate) fn kid_of(code: &str) -> String {
    kid(code, &key_of(code).public().to_bytes())
}

pub(crate) fn header(code: &str, kind: &str) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"concert.{kind}.v1+jws"}}"#, kid_of(code))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and payload, joined and signed by `code`.
pub(crate) fn sign(code: &str, header: &str, payload: &[u8]) -> String {
    sign_parts(code, &base64url(header.as_bytes()), &base64url(payload))
}

/// The same with parts that are already encoded, well or badly.
pub(crate) fn sign_parts(code: &str, header: &str, payload: &str) -> String {
    let input = format!("{header}.{payload}");
    let signature = key_of(code).sign(input.as_bytes());
    format!("{input}.{}", base64url(&signature))
}

/// An entry of `code` with this payload.
pub(crate) fn entry(code: &str, kind: &str, payload: &str) -> String {
    sign(code, &header(code, kind), payload.as_bytes())
}

/// Reads an entry in the log of `owner` as a member does.
pub(crate) fn read(jws: &[u8], owner: &str) -> Result<Entry, EntryError> {
    Entry::verify(jws, &member(owner), known_key)
}

/// What the roster of the vectors knows.
pub(crate) fn known_key(id: &KeyId) -> Option<PublicKey> {
    let known = MEMBERS.iter().map(|(code, _)| (code, key_of(code).public()));
    known.into_iter().find(|(code, key)| KeyId::of(&member(code), key) == *id).map(|(_, key)| key)
}

/// The order of the base point, little-endian: a signature is the same to a lenient verifier with it added to S.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// S + L in place of S (RFC 8032, section 8.4).
pub(crate) fn malleable(signature: &[u8]) -> Vec<u8> {
    let mut other = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in other[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "S + L fits into 32 bytes");
    other
}

/// A signature whose R is the neutral element and whose equation holds: only the strict check refuses it.
pub(crate) fn small_order_r(code: &str, message: &[u8]) -> Vec<u8> {
    let key = key_of(code);
    let mut r = [0; 32];
    r[0] = 1;
    let challenge =
        Sha512::new().chain_update(r).chain_update(key.public().to_bytes()).chain_update(message).finalize();
    let mut secret: [u8; 32] = Sha512::digest(*key.seed())[..32].try_into().expect("32 bytes");
    secret[0] &= 0xf8;
    secret[31] = secret[31] & 0x7f | 0x40;
    [r, times(&reduce(&challenge), &reduce(&secret))].concat()
}

/// A little-endian number modulo the order.
fn reduce(number: &[u8]) -> [u8; 32] {
    number.iter().rev().fold([0; 32], |mut sum, byte| {
        for bit in (0..8).rev() {
            sum = plus(&sum, &sum);
            if byte >> bit & 1 == 1 {
                let mut one = [0; 32];
                one[0] = 1;
                sum = plus(&sum, &one);
            }
        }
        sum
    })
}

fn times(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    b.iter().rev().fold([0; 32], |mut sum, byte| {
        for bit in (0..8).rev() {
            sum = plus(&sum, &sum);
            if byte >> bit & 1 == 1 {
                sum = plus(&sum, a);
            }
        }
        sum
    })
}

/// Both below the order, so is the sum.
fn plus(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut sum = [0; 32];
    let mut carry = 0;
    for i in 0..32 {
        let digit = u16::from(a[i]) + u16::from(b[i]) + carry;
        sum[i] = (digit & 0xff) as u8;
        carry = digit >> 8;
    }
    if sum.iter().rev().ge(ORDER.iter().rev()) {
        let mut borrow = 0;
        for (digit, order) in sum.iter_mut().zip(ORDER) {
            let difference = i16::from(*digit) - i16::from(order) - borrow;
            *digit = (difference & 0xff) as u8;
            borrow = i16::from(difference < 0);
        }
    }
    sum
}

/// HMAC-SHA-256 (RFC 2104): what a verifier computes that lets the entry choose the algorithm.
pub(crate) fn hmac(secret: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(secret).for_each(|(b, s)| *b ^= s);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// The same bytes in another spelling: unused bits of the last character set. `None` if there are none.
pub(crate) fn stray_bits(part: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if part.len() % 4 < 2 {
        return None;
    }
    let last = part.bytes().last()?;
    let value = ALPHABET.iter().position(|c| *c == last)?;
    Some(format!("{}{}", &part[..part.len() - 1], char::from(ALPHABET[value | 1])))
}
