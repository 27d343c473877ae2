// SPDX-License-Identifier: EUPL-1.2
//! From a parsed address to its exact and its loose form (spec 05-content, "Exact key" and "Loose key").
//!
//! Each step is small, has a name, and may be repeated without changing anything further. [`Locator`](super::Locator)
//! drives them; rules bring the few lists that they need.

use url::Url;

use super::rules::LocatorRules;

/// An address in parts; path, query and fragment are ASCII, as the WHATWG parser leaves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    pub(super) scheme: String,
    credentials: String,
    pub(super) host: String,
    /// Only if it is not the scheme's default port.
    pub(super) port: Option<u16>,
    pub(super) path: String,
    /// Without the `?`.
    pub(super) query: Option<String>,
    /// Without the `#`.
    pub(super) fragment: Option<String>,
}

/// One named step of the clean-up.
pub(super) type CleanUp = fn(&mut Canonical, &LocatorRules);

/// The steps from a parsed address to its exact form, in order.
pub(super) const CLEAN_UP: [(&str, CleanUp); 5] = [
    ("user name and password are kept out of keys", |address, _| address.credentials.clear()),
    ("one trailing dot of the host is dropped", |address, _| address.drop_trailing_dot()),
    (
        "percent-encoding: unreserved characters are decoded, hexadecimal digits upper-case, ^ encoded",
        |address, _| address.normalise_escapes(),
    ),
    ("the fragment is dropped, unless the host selects content by it", Canonical::drop_fragment),
    ("tracking parameters are removed", Canonical::drop_tracking),
];

impl Canonical {
    /// Takes a parsed `http` or `https` address apart.
    pub(super) fn of(url: &Url) -> Self {
        let credentials = match (url.username(), url.password()) {
            ("", None) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(password)) => format!("{user}:{password}@"),
        };
        Self {
            scheme: url.scheme().into(),
            credentials,
            host: url.host_str().unwrap_or_default().into(),
            port: url.port(),
            path: url.path().into(),
            query: url.query().map(Into::into),
            fragment: url.fragment().map(Into::into),
        }
    }

    /// The address after all steps.
    pub(super) fn exact(url: &Url, rules: &LocatorRules) -> Self {
        let mut address = Self::of(url);
        for (_, step) in CLEAN_UP {
            step(&mut address, rules);
        }
        address
    }

    /// The whole address as text.
    pub(super) fn text(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let Self { scheme, credentials, host, path, .. } = self;
        format!("{scheme}://{credentials}{host}{port}{path}{}{}", self.query_text(), self.fragment_text())
    }

    /// Without scheme, `www.`, trailing slash and visit ids, the query sorted.
    pub(super) fn loose(&self, rules: &LocatorRules) -> String {
        let host = self.host.strip_prefix("www.").unwrap_or(&self.host);
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = without_visit_ids(&self.path, rules);
        let path = path.strip_suffix('/').unwrap_or(&path);
        let mut query: Vec<&str> =
            self.parameters().filter(|(name, _)| !rules.is_visit_id(name)).map(|p| p.1).collect();
        query.sort_unstable();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{host}{port}{path}{mark}{}{}", query.join("&"), self.fragment_text())
    }

    /// The non-empty query parameters in order: name, and the whole as written.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pieces = self.query.as_deref().unwrap_or_default().split('&');
        pieces.filter(|piece| !piece.is_empty()).map(|piece| (parameter_name(piece), piece))
    }

    fn query_text(&self) -> String {
        self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default()
    }

    fn fragment_text(&self) -> String {
        self.fragment.as_ref().map(|fragment| format!("#{fragment}")).unwrap_or_default()
    }

    fn drop_trailing_dot(&mut self) {
        if self.host.ends_with('.') {
            self.host.pop();
        }
    }

    fn normalise_escapes(&mut self) {
        for part in [Some(&mut self.path), self.query.as_mut(), self.fragment.as_mut()].into_iter().flatten()
        {
            *part = normalised_escapes(part);
        }
    }

    fn drop_fragment(&mut self, rules: &LocatorRules) {
        if !rules.is_fragment_routed(&self.host) {
            self.fragment = None;
        }
    }

    fn drop_tracking(&mut self, rules: &LocatorRules) {
        let Some(query) = &self.query else { return };
        let kept: Vec<&str> =
            query.split('&').filter(|piece| !rules.is_tracking(parameter_name(piece))).collect();
        if kept.len() < query.split('&').count() {
            self.query = kept.iter().any(|piece| !piece.is_empty()).then(|| kept.join("&"));
        }
    }
}

fn parameter_name(piece: &str) -> &str {
    piece.split_once('=').map_or(piece, |(name, _)| name)
}

/// Session ids that servers put behind a `;` in the path.
fn without_visit_ids(path: &str, rules: &LocatorRules) -> String {
    let segments = path.split('/').map(|segment| {
        let mut parts = segment.split(';');
        let name = parts.next().unwrap_or_default();
        let kept = parts.filter(|part| !rules.is_visit_id(parameter_name(part)));
        std::iter::once(name).chain(kept).collect::<Vec<_>>().join(";")
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Decodes the escapes of unreserved characters (RFC 3986, section 2.3), writes the digits of all others in upper case,
/// and encodes `^`, which older and newer WHATWG parsers treat differently.
pub(super) fn normalised_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.strip_prefix('%').and_then(|digits| digits.get(..2)).and_then(escaped_byte);
        match escaped {
            Some(byte) if is_unreserved(byte) && !completes_escape(&out, byte) => out.push(byte.into()),
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None if c == '^' => out.push_str("%5E"),
            None => out.push(c),
        }
        rest = &rest[if escaped.is_some() { 3 } else { c.len_utf8() }..];
    }
    out
}

fn escaped_byte(digits: &str) -> Option<u8> {
    // from_str_radix alone would take a sign.
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether this digit would make a new escape of a stray `%` before it, so that a second pass would decode again.
fn completes_escape(out: &str, byte: u8) -> bool {
    let stray = match out.as_bytes() {
        [.., b'%'] => true,
        [.., b'%', digit] => digit.is_ascii_hexdigit(),
        _ => false,
    };
    stray && byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_have_one_spelling_and_are_decoded_once() {
        for (written, normal) in [
            ("/%7euser/%41%2d%5f%2E", "/~user/A-_."),
            ("/a%2fb%3f%c3%a9", "/a%2Fb%3F%C3%A9"),
            ("/a^b%5ec", "/a%5Eb%5Ec"),
            ("/%2541", "/%2541"),
            ("/%%34%31", "/%%341"),
            ("/%4%31", "/%4%31"),
            ("/100%", "/100%"),
            ("/%zz%+1%é", "/%zz%+1%é"),
        ] {
            assert_eq!(normalised_escapes(written), normal);
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(text in "[%0-9a-fA-Fxz^é/]{0,32}") {
            let once = normalised_escapes(&text);
            prop_assert_eq!(normalised_escapes(&once), once);
        }
    }
}
