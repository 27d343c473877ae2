// SPDX-License-Identifier: EUPL-1.2
//! The address of something on the public web, as its author wrote it (spec 05-content, "Addresses").
//!
//! Parsing refuses what cannot be a public place. The raw form is what members exchange; keys are derived from it by
//! rules and never stored in an entry. Nothing is resolved, and nothing is ever requested.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::canonical::{CLEAN_UP, Canonical};
use super::defang::{defang, refang};
use super::keys::{ExactKey, Keys, LooseKey, Step};
use super::rules::LocatorRules;

/// Longest address in bytes, as written and as parsed.
pub const LOCATOR_LEN_MAX: usize = 8_192;

/// Defanging lengthens an address, so the text may be longer than the address in it.
const TEXT_LEN_MAX: usize = 4 * LOCATOR_LEN_MAX;

/// An `http` or `https` address of a public host, at most [`LOCATOR_LEN_MAX`] bytes.
///
/// Equal, ordered and serialised as written; two spellings of one address differ here and agree in their [`Keys`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locator {
    raw: Box<str>,
    url: Url,
}

/// Why a text is not the address of a public place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocatorError {
    /// Nothing but blanks.
    #[error("no address given")]
    Empty,
    /// More than [`LOCATOR_LEN_MAX`] bytes.
    #[error(
        "the address is longer than {LOCATOR_LEN_MAX} bytes; give the shortest form that leads to the content"
    )]
    TooLong,
    /// A line break, tab or other control character inside.
    #[error(
        "character {at} is a control character (U+{code:04X}); give one address, without line breaks or tabs"
    )]
    ControlCharacter {
        /// Which character, from 1.
        at: usize,
        /// Its code point.
        code: u32,
    },
    /// Not `http` or `https`, or no scheme at all.
    #[error("not a web address; it must begin with http:// or https://")]
    NotWeb,
    /// No host, or a host that is none.
    #[error("the address has no usable host: {0}")]
    BadHost(#[source] url::ParseError),
    /// A host name with an empty part, as in `a..example`.
    #[error("the host has an empty part between two dots")]
    EmptyLabel,
    /// The parser refused it for another reason.
    #[error("not a valid address: {0}")]
    Malformed(#[source] url::ParseError),
    /// A host that no recipient can reach.
    #[error("the host is {0}; only public addresses can be referred")]
    NotPublic(NotPublic),
}

/// Why a host is not a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublic {
    /// This machine itself.
    #[error("a loopback address or localhost")]
    Loopback,
    /// A name of a local network: no dot in it, or below `local`, `internal` or `home.arpa`.
    #[error("a name that only a local network knows")]
    LocalName,
    /// RFC 1918, RFC 6598 or RFC 4193.
    #[error("an address of a private network")]
    Private,
    /// RFC 3927 or RFC 4291, section 2.5.6.
    #[error("a link-local address")]
    LinkLocal,
    /// Unspecified, multicast, broadcast or reserved.
    #[error("an address that belongs to no single host")]
    NoHost,
}

impl Locator {
    /// Reads an address as a person or a system wrote it: blanks around it are cut off, defanged forms are restored.
    ///
    /// A user name or password in it is kept in the raw form and in no key.
    ///
    /// # Errors
    ///
    /// [`LocatorError`] says what is wrong and never repeats the address.
    pub fn parse(text: &str) -> Result<Self, LocatorError> {
        let text = text.trim_matches(|c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}')
        });
        if text.is_empty() {
            return Err(LocatorError::Empty);
        }
        if text.len() > TEXT_LEN_MAX {
            return Err(LocatorError::TooLong);
        }
        // The parser would drop tabs and line breaks silently, and so join two addresses into one.
        if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
            return Err(LocatorError::ControlCharacter { at: at + 1, code: c.into() });
        }
        let raw = refang(text);
        if raw.len() > LOCATOR_LEN_MAX {
            return Err(LocatorError::TooLong);
        }
        let url = parse_web(&raw)?;
        // A `^` takes three bytes in the exact key, which must itself be an address.
        if url.as_str().len() + 2 * url.as_str().matches('^').count() > LOCATOR_LEN_MAX {
            return Err(LocatorError::TooLong);
        }
        check_host(url.host())?;
        Ok(Self { raw: raw.into(), url })
    }

    /// The address as written, refanged; live, so never shown to a person as it is.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The address as it is shown to people.
    pub fn defanged(&self) -> String {
        defang(&self.raw)
    }

    /// The host in lower case, A-labels, without a trailing dot.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_suffix('.').unwrap_or(host)
    }

    /// The host in Unicode, if that differs; shown beside the A-labels, so that look-alikes are noticed.
    pub fn host_unicode(&self) -> Option<String> {
        let unicode = url::quirks::domain_to_unicode(self.host());
        (!unicode.is_empty() && unicode != self.host()).then_some(unicode)
    }

    /// Whether the raw form carries a user name or a password.
    pub fn has_credentials(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// The three keys under these rules.
    pub fn keys(&self, rules: &LocatorRules) -> Keys {
        let address = Canonical::exact(&self.url, rules);
        Keys {
            platform: rules.platform_key(&address).map(|(key, _)| key),
            exact: ExactKey(address.text().into()),
            loose: LooseKey(address.loose(rules).into()),
        }
    }

    /// The platform whose host this is, by its recipient id, whether or not a rule knows the object.
    pub fn recipient_hint<'r>(&self, rules: &'r LocatorRules) -> Option<&'r str> {
        rules.platform_of_host(self.host())
    }

    /// Every step that changed something, then the keys; for people who ask why.
    pub fn explain(&self, rules: &LocatorRules) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut note = |what: &str, before: &str, after: &str| {
            steps.push(Step { what: what.into(), before: before.into(), after: after.into() });
        };
        let mut address = Canonical::of(&self.url);
        note("read as a web address (WHATWG)", &self.raw, &address.text());
        for (what, step) in CLEAN_UP {
            let before = address.text();
            step(&mut address, rules);
            if address.text() != before {
                note(what, &before, &address.text());
            }
        }
        let exact = address.text();
        note("exact key", &exact, &ExactKey(exact.as_str().into()).to_string());
        note("recipient, by host", self.host(), self.recipient_hint(rules).unwrap_or("unknown"));
        match rules.platform_key(&address) {
            Some((key, rule)) => note(&format!("platform key, by rule {rule}"), &exact, &key.to_string()),
            None => note("platform key: no rule knows this address", &exact, ""),
        }
        note("loose key, which only suggests", &exact, &LooseKey(address.loose(rules).into()).to_string());
        steps
    }
}

fn parse_web(raw: &str) -> Result<Url, LocatorError> {
    use url::ParseError as E;
    let url = Url::parse(raw).map_err(|error| match error {
        E::RelativeUrlWithoutBase => LocatorError::NotWeb,
        E::EmptyHost
        | E::IdnaError
        | E::InvalidPort
        | E::InvalidIpv4Address
        | E::InvalidIpv6Address
        | E::InvalidDomainCharacter => LocatorError::BadHost(error),
        other => LocatorError::Malformed(other),
    })?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(LocatorError::NotWeb) }
}

fn check_host(host: Option<Host<&str>>) -> Result<(), LocatorError> {
    let not_public = match host {
        None => return Err(LocatorError::BadHost(url::ParseError::EmptyHost)),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.split('.').any(str::is_empty) {
                return Err(LocatorError::EmptyLabel);
            }
            local_name(name)
        }
        Some(Host::Ipv4(ip)) => not_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => not_public(IpAddr::V6(ip)),
    };
    not_public.map_or(Ok(()), |why| Err(LocatorError::NotPublic(why)))
}

fn local_name(name: &str) -> Option<NotPublic> {
    let below =
        |zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if below("localhost") {
        return Some(NotPublic::Loopback);
    }
    let local = !name.contains('.') || ["local", "internal", "home.arpa"].into_iter().any(below);
    local.then_some(NotPublic::LocalName)
}

fn not_public(ip: IpAddr) -> Option<NotPublic> {
    match ip {
        IpAddr::V4(ip) => not_public_v4(ip),
        IpAddr::V6(ip) => match embedded_v4(ip) {
            Some(ip) => not_public_v4(ip),
            None => not_public_v6(ip),
        },
    }
}

/// Addresses for documentation pass: examples are made of them, and they lead nowhere.
fn not_public_v4(ip: Ipv4Addr) -> Option<NotPublic> {
    let [a, b, ..] = ip.octets();
    match (a, b) {
        (127, _) => Some(NotPublic::Loopback),
        (10, _) | (172, 16..=31) | (192, 168) | (100, 64..=127) => Some(NotPublic::Private),
        (169, 254) => Some(NotPublic::LinkLocal),
        (0, _) | (224..=255, _) => Some(NotPublic::NoHost),
        _ => None,
    }
}

fn not_public_v6(ip: Ipv6Addr) -> Option<NotPublic> {
    if ip == Ipv6Addr::LOCALHOST {
        return Some(NotPublic::Loopback);
    }
    match ip.segments()[0] {
        0xfc00..=0xfdff => Some(NotPublic::Private),
        0xfe80..=0xfebf => Some(NotPublic::LinkLocal),
        0xff00..=0xffff => Some(NotPublic::NoHost),
        _ => (ip == Ipv6Addr::UNSPECIFIED).then_some(NotPublic::NoHost),
    }
}

/// The IPv4 address inside a mapped (RFC 4291), translated (RFC 6052) or tunnelled (RFC 3056) one.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Locator {
    type Error = LocatorError;

    fn try_from(text: String) -> Result<Self, LocatorError> {
        Self::parse(&text)
    }
}

impl From<Locator> for String {
    fn from(locator: Locator) -> Self {
        locator.raw.into()
    }
}

impl PartialEq for Locator {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Locator {}

impl PartialOrd for Locator {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Locator {
    fn cmp(&self, other: &Self) -> Ordering {
        self.raw.cmp(&other.raw)
    }
}

impl Hash for Locator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

/// Shows the defanged form, so that no trace of a value is a live link.
impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locator({})", self.defanged())
    }
}

#[cfg(test)]
mod tests;
