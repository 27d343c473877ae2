// SPDX-License-Identifier: EUPL-1.2
//! Tokens: 256 random bits that say who calls. Shown once; only their SHA-256 is kept.
//!
//! A digest is enough here, unlike for passwords: nobody can try 2^256 values. Looking a token up by its digest takes a
//! time that depends on the digest alone, about which a caller who does not have the token knows nothing.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

use concert_protocol::encoding::{base64url_encode, hex_decode, hex_encode};
use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::role::{Role, RoleName};

/// `ct_`, three letters, `_`, 43 characters of base64url.
const TEXT_LEN: usize = 50;

/// A token's text. Wiped from memory when dropped; its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    /// A fresh token; `None` if the system gives no random bytes.
    pub(super) fn random(role: RoleName) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).ok()?;
        Some(Self(Zeroizing::new(format!("ct_{}_{}", role.short(), base64url_encode(bytes.as_ref())))))
    }

    /// The text, to be shown once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The digest of a text that has a token's form.
    pub(super) fn digest_of(text: &str) -> Option<[u8; 32]> {
        (text.len() == TEXT_LEN && text.starts_with("ct_")).then(|| Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret")
    }
}

/// A token's name in lists, `t-` and 16 hexadecimal digits; says nothing about its secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; 8]);

/// A text that is not a token's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token id: expected t- and 16 lower-case hexadecimal digits")]
pub struct NotATokenId;

impl TokenId {
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        text.strip_prefix("t-").and_then(hex_decode).map(Self).ok_or(NotATokenId)
    }
}

impl TryFrom<String> for TokenId {
    type Error = NotATokenId;

    fn try_from(text: String) -> Result<Self, NotATokenId> {
        text.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t-{}", hex_encode(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInfo {
    /// Its id.
    pub id: TokenId,
    /// For people: whose it is.
    pub name: Text<1, 120>,
    /// What it allows.
    pub role: Role,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl TokenInfo {
    /// Whether it still opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires.is_none_or(|end| now < end)
    }
}

/// Writes the text to a file that only its owner can read; a file left from before is replaced.
pub(super) fn write_secret_file(path: &Path, secret: &TokenSecret) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("token.new");
    // Created anew, so that the mode below holds from the first byte on.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", secret.text())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_length_that_is_looked_for_and_hides_itself() {
        let secret = TokenSecret::random(RoleName::Analyst).expect("random bytes");
        assert_eq!(secret.text().len(), TEXT_LEN);
        assert!(secret.text().starts_with("ct_ana_"));
        assert_eq!(TokenSecret::digest_of(secret.text()), Some(secret.digest()));
        assert!(!format!("{secret:?}").contains(&secret.text()[7..12]));
        for bad in ["", "ct_ana_short", &format!("xx{}", &secret.text()[2..]), &format!("{} ", secret.text())]
        {
            assert_eq!(TokenSecret::digest_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_ends_when_revoked_and_when_its_time_has_come() {
        let at = Timestamp::from_seconds;
        let id = TokenId::random().expect("random bytes");
        assert_eq!(id.to_string().parse(), Ok(id));
        let name = "A".parse().expect("a name");
        let mut token = TokenInfo {
            id,
            name,
            role: Role::Auditor,
            issued_at: at(0),
            expires: Some(at(9)),
            revoked_at: None,
        };
        assert!(token.is_live(at(8)) && !token.is_live(at(9)));
        token.revoked_at = Some(at(1));
        assert!(!token.is_live(at(1)));
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("keys/admin.token");
        let secret = TokenSecret::random(RoleName::Administrator).expect("random bytes");
        for _ in 0..2 {
            write_secret_file(&path, &secret).expect("written");
        }
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).expect("read").trim_end(), secret.text());
    }
}
