// SPDX-License-Identifier: EUPL-1.2
//! A roster version and its signatures as one file: JWS in general JSON serialisation (spec 03-roster, "File").
//!
//! Reading checks the form and the rules inside the version. It says nothing about trust: whose signatures count
//! is decided by [`Roster`](super::Roster), which alone can be asked about members and keys.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::encoding::{JsonError, base64url_decode, base64url_encode, hex_decode, hex_encode, json_strict};
use crate::key::{PublicKey, SecretKey};

use super::error::RosterError;
use super::rules;
use super::version::RosterVersion;

/// Longest roster file in bytes.
pub const ROSTER_LEN_MAX: usize = 256 * 1024;
/// Most signatures on one version.
pub const ROSTER_SIGNATURES_MAX: usize = 64;
/// The `typ` of every roster signature; no other signed document carries it.
pub const ROSTER_TYP: &str = "concert.roster.v1+jws";

/// SHA-256 of a version's payload, written as 64 lower-case hexadecimal digits. Does not depend on who signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RosterDigest([u8; 32]);

/// A text that is not a roster's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a roster digest: expected 64 lower-case hexadecimal digits")]
pub struct NotADigest;

/// A well-formed roster version with the bytes that carry it; not yet trusted.
#[derive(Clone)]
pub struct SignedRoster {
    bytes: Vec<u8>,
    jws: Jws,
    signatures: Vec<Signature>,
    content: RosterVersion,
    digest: RosterDigest,
}

/// RFC 7515, 7.2.1, without the unprotected `header`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jws {
    payload: String,
    signatures: Vec<JwsSignature>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwsSignature {
    protected: String,
    signature: String,
}

/// The protected header; serialised in this order, which is the only accepted one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: &'a str,
    #[serde(borrow)]
    kid: &'a str,
    #[serde(borrow)]
    typ: &'a str,
}

/// One signature, taken apart.
#[derive(Clone)]
struct Signature {
    kid: String,
    signing_input: Vec<u8>,
    signature: [u8; 64],
}

impl SignedRoster {
    /// Reads a file, in this order: length, JSON, number of signatures, headers, payload, rules of the version.
    /// No signature is checked here, because only a trusted version says which keys matter.
    ///
    /// # Errors
    ///
    /// [`RosterError::TooLong`], [`Envelope`](RosterError::Envelope), [`Form`](RosterError::Form),
    /// [`Header`](RosterError::Header), [`DuplicateSignature`](RosterError::DuplicateSignature),
    /// [`Payload`](RosterError::Payload) or [`Rule`](RosterError::Rule).
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        if bytes.len() > ROSTER_LEN_MAX {
            return Err(RosterError::TooLong(bytes.len()));
        }
        let jws: Jws = one_spelling(bytes)
            .map_err(RosterError::Envelope)?
            .ok_or(RosterError::Form("the JWS is not an object with the members payload and signatures"))?;
        let signatures = open_signatures(&jws)?;
        let payload = base64url_decode(jws.payload.as_bytes())
            .ok_or(RosterError::Form("the payload is not base64url without padding"))?;
        let content: RosterVersion = one_spelling(&payload)
            .map_err(RosterError::Payload)?
            .ok_or(RosterError::Form("the payload writes a value in another way than spec 03-roster"))?;
        rules::check(&content)?;
        Ok(Self { bytes: bytes.to_vec(), jws, signatures, content, digest: RosterDigest::of(&payload) })
    }

    /// Checks a version and signs it with each key: root keys of the version and, after the first, of the one
    /// before.
    ///
    /// # Errors
    ///
    /// [`RosterError::Rule`], [`RosterError::DuplicateSignature`], [`RosterError::TooLong`], and
    /// [`RosterError::Form`] without any key or with more than [`ROSTER_SIGNATURES_MAX`].
    pub fn sign(version: &RosterVersion, keys: &[&SecretKey]) -> Result<Self, RosterError> {
        rules::check(version)?;
        let payload =
            serde_json::to_vec(version).map_err(|_| RosterError::Form("the version cannot be written"))?;
        let mut jws = Jws { payload: base64url_encode(&payload), signatures: vec![] };
        for key in keys {
            jws.add(key)?;
        }
        jws.close()
    }

    /// The same version with one more signature.
    ///
    /// # Errors
    ///
    /// [`RosterError::DuplicateSignature`] when the key has signed already, [`RosterError::TooLong`] and
    /// [`RosterError::Form`] when there is no room left.
    pub fn add_signature(&self, key: &SecretKey) -> Result<Self, RosterError> {
        let mut jws = self.jws.clone();
        jws.add(key)?;
        jws.close()
    }

    /// The same version with the signatures of both files, for root keys that signed apart from each other.
    ///
    /// # Errors
    ///
    /// [`RosterError::OtherPayload`] when the files hold different versions; [`RosterError::DuplicateSignature`]
    /// when one key signed in two different ways.
    pub fn merge(&self, other: &Self) -> Result<Self, RosterError> {
        if self.digest != other.digest {
            return Err(RosterError::OtherPayload(self.digest, other.digest));
        }
        let mut jws = self.jws.clone();
        for signature in &other.jws.signatures {
            let known =
                |s: &JwsSignature| s.protected == signature.protected && s.signature == signature.signature;
            if !jws.signatures.iter().any(known) {
                jws.signatures.push(signature.clone());
            }
        }
        jws.close()
    }

    /// The file, byte for byte as it was received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the version says.
    pub fn content(&self) -> &RosterVersion {
        &self.content
    }

    /// The version's digest, for people to compare over another channel.
    pub fn digest(&self) -> RosterDigest {
        self.digest
    }

    /// The key fingerprints named by the signatures, in file order; nothing about them is checked.
    pub fn signature_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|s| s.kid.as_str())
    }

    /// How many of `keys` signed, each counted once by its bytes. Signatures of other keys are passed over.
    ///
    /// # Errors
    ///
    /// [`RosterError::BadSignature`] when a signature that names one of `keys` does not hold, even beside enough
    /// good ones: an honest tool does not write it, and two readers must not differ on what to do with it.
    pub fn count(&self, keys: &[PublicKey]) -> Result<usize, RosterError> {
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| key.fingerprint() == signature.kid) {
                key.verify(&signature.signing_input, &signature.signature)
                    .map_err(|_| RosterError::BadSignature(signature.kid.clone()))?;
                signers.insert(key.to_bytes());
            }
        }
        Ok(signers.len())
    }
}

impl fmt::Debug for SignedRoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedRoster({} {}, {})", self.content.federation, self.content.version, self.digest)
    }
}

impl Jws {
    fn add(&mut self, key: &SecretKey) -> Result<(), RosterError> {
        let protected = base64url_encode(&encode_header(&key.public().fingerprint()));
        let input = signing_input(&protected, &self.payload);
        let signature = key.sign(&input);
        // A fault while signing (RFC 8032 is deterministic) could give the key away.
        key.public()
            .verify(&input, &signature)
            .map_err(|_| RosterError::BadSignature(key.public().fingerprint()))?;
        self.signatures.push(JwsSignature { protected, signature: base64url_encode(&signature) });
        Ok(())
    }

    /// Writes the file and reads it back, so that whatever was signed can also be read.
    fn close(&self) -> Result<SignedRoster, RosterError> {
        let bytes =
            serde_json::to_vec(self).map_err(|_| RosterError::Form("the version cannot be written"))?;
        SignedRoster::parse(&bytes)
    }
}

/// Parses strictly and refuses, with `None`, what the type would not write in the same shape: arrays in place of
/// objects, explicit nulls and empty lists where the member is left out. White space, member order and escapes
/// are free.
fn one_spelling<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, JsonError> {
    let typed: T = json_strict(bytes)?;
    let loose: serde_json::Value = json_strict(bytes)?;
    Ok((serde_json::to_value(&typed).ok() == Some(loose)).then_some(typed))
}

fn open_signatures(jws: &Jws) -> Result<Vec<Signature>, RosterError> {
    if !(1..=ROSTER_SIGNATURES_MAX).contains(&jws.signatures.len()) {
        return Err(RosterError::Form("expected 1 to 64 signatures"));
    }
    let mut seen = BTreeSet::new();
    let mut signatures = Vec::with_capacity(jws.signatures.len());
    for (index, part) in jws.signatures.iter().enumerate() {
        let kid =
            open_header(&part.protected).map_err(|what| RosterError::Header { number: index + 1, what })?;
        let signature = base64url_decode(part.signature.as_bytes())
            .and_then(|s| s.try_into().ok())
            .ok_or(RosterError::Form("a signature is not 64 bytes of base64url without padding"))?;
        if !seen.insert(kid.clone()) {
            return Err(RosterError::DuplicateSignature(kid));
        }
        signatures.push(Signature {
            kid,
            signing_input: signing_input(&part.protected, &jws.payload),
            signature,
        });
    }
    Ok(signatures)
}

/// Reads a protected header; anything that would not be written in exactly these bytes is refused.
fn open_header(part: &str) -> Result<String, &'static str> {
    let json = base64url_decode(part.as_bytes()).ok_or("not base64url")?;
    let header: Header<'_> = serde_json::from_slice(&json).map_err(|_| "not the three members")?;
    if header.alg != "EdDSA" {
        return Err("alg is not EdDSA");
    }
    if header.typ != ROSTER_TYP {
        return Err("typ is not concert.roster.v1+jws");
    }
    if hex_decode::<8>(header.kid).is_none() {
        return Err("kid is not 16 lower-case hexadecimal digits");
    }
    if encode_header(header.kid) != json {
        return Err("other order, white space or escapes");
    }
    Ok(header.kid.to_owned())
}

fn encode_header(kid: &str) -> Vec<u8> {
    format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\",\"typ\":\"{ROSTER_TYP}\"}}").into_bytes()
}

fn signing_input(protected: &str, payload: &str) -> Vec<u8> {
    [protected.as_bytes(), b".", payload.as_bytes()].concat()
}

impl RosterDigest {
    /// The digest of a decoded payload.
    pub(super) fn of(payload: &[u8]) -> Self {
        Self(Sha256::digest(payload).into())
    }
}

impl FromStr for RosterDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        hex_decode(text).map(Self).ok_or(NotADigest)
    }
}

impl TryFrom<String> for RosterDigest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<RosterDigest> for String {
    fn from(digest: RosterDigest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for RosterDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for RosterDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
