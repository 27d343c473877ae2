// SPDX-License-Identifier: EUPL-1.2
//! Addresses in a form that nobody visits by accident, and the way back (spec 05-content, "Defanged forms").
//!
//! Everything shown to a person goes through [`defang`]; everything pasted by one comes in through [`refang`]. Neither
//! judges whether the text is an address: that is [`Locator`](super::Locator)'s work.

use std::fmt::Write as _;

/// Marks that are read as `.`, `@` or `:` in the host part of a defanged text.
const HOST_MARKS: [(&str, char); 12] = [
    ("[.]", '.'),
    ("(.)", '.'),
    ("{.}", '.'),
    ("[dot]", '.'),
    ("(dot)", '.'),
    ("{dot}", '.'),
    ("[@]", '@'),
    ("(@)", '@'),
    ("[at]", '@'),
    ("(at)", '@'),
    ("[:]", ':'),
    ("(:)", ':'),
];

/// Marks that are read behind the host too. Words are left alone there: `[dot]` is a possible file name.
const PATH_MARKS: [(&str, char); 6] =
    [("[.]", '.'), ("(.)", '.'), ("{.}", '.'), ("[@]", '@'), ("(@)", '@'), ("[:]", ':')];

/// Writes an address so that no program turns it into a link: `hxxps[:]//host[.]test/page[.]html`.
///
/// `http` becomes `hxxp`, every `.` becomes `[.]`, every `@` becomes `[@]` and every `://` becomes `[:]//`. A text that is
/// already defanged is not defanged twice. [`refang`] restores every `http` or `https` address exactly.
pub fn defang(url: &str) -> String {
    let url = refang(url);
    let (scheme, separator, rest) = split(&url);
    let mut out = String::with_capacity(url.len() + 32);
    out.push_str(&defanged_scheme(scheme));
    let mut before = None;
    let tail = [separator, rest].concat();
    for (at, c) in tail.char_indices() {
        let after = &tail[at + c.len_utf8()..];
        match c {
            '.' => out.push_str("[.]"),
            '@' => out.push_str("[@]"),
            // A ':' in brackets of its own would be taken for a mark on the way back.
            ':' if after.starts_with("//") || (before == Some('[') && after.starts_with(']')) => {
                out.push_str("[:]")
            }
            other => out.push(other),
        }
        before = Some(c);
    }
    out
}

/// Restores an address that was defanged by hand or by a tool; a live address comes back unchanged.
///
/// Understood: `hxxp`, `hXXps`, `h**p`; `[.]`, `(.)`, `{.}`, `[dot]`, `(dot)`, `{dot}`; `[@]`, `(@)`, `[at]`, `(at)`; `[:]//`, `(:)//`,
/// `[://]`. Marks behind the host are read only when scheme or host show that the text is defanged at all, so that brackets
/// in a live address keep their meaning.
pub fn refang(text: &str) -> String {
    let (scheme, separator, rest) = split(text);
    let live_scheme = refanged_scheme(scheme);
    let live_scheme = live_scheme.as_deref().unwrap_or(scheme);
    let live_separator = if separator.is_empty() { "" } else { "://" };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let live_host = replace_marks(host, &HOST_MARKS);
    if live_scheme == scheme && live_separator == separator && live_host == host {
        return text.to_owned();
    }
    [live_scheme, live_separator, &live_host, &replace_marks(path, &PATH_MARKS)].concat()
}

/// Scheme, separator as written and the rest; the first two are empty if there is no separator.
fn split(text: &str) -> (&str, &str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-*".contains(c))).unwrap_or(0);
    let (scheme, rest) = text.split_at(end);
    let separator = ["://", "[:]//", "(:)//", "[://]"].into_iter().find(|s| rest.starts_with(s));
    separator.map_or(("", "", text), |separator| (scheme, separator, &rest[separator.len()..]))
}

/// `http` as `hxxp`, letter case kept. Mixed cases that could not be restored stay; their `[:]//` disarms them already.
fn defanged_scheme(scheme: &str) -> String {
    let disarmed = match scheme.get(..4) {
        Some("http" | "Http") => scheme.replacen("tt", "xx", 1),
        Some("HTTP") => scheme.replacen("TT", "XX", 1),
        _ => return scheme.into(),
    };
    if matches!(&scheme.as_bytes()[4..], [] | [b's' | b'S']) { disarmed } else { scheme.into() }
}

/// What a scheme stands for; `None` if it is neither `http` nor `https` in any spelling.
fn refanged_scheme(scheme: &str) -> Option<String> {
    let (h, tail) = (scheme.get(..1)?, scheme.get(3..)?);
    let middle = scheme.get(1..3)?;
    if !h.eq_ignore_ascii_case("h") || !["p", "ps"].iter().any(|t| tail.eq_ignore_ascii_case(t)) {
        return None;
    }
    let middle = match middle {
        "xx" | "xX" | "Xx" | "**" => "tt",
        "XX" if h == "H" => "TT",
        "XX" => "tt",
        live if live.eq_ignore_ascii_case("tt") => live,
        _ => return None,
    };
    Some(format!("{h}{middle}{tail}"))
}

/// One pass from left to right, so that a mark made by [`defang`] inside brackets is undone once and not twice.
fn replace_marks(text: &str, marks: &[(&str, char)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mark = marks
            .iter()
            .find(|(mark, _)| rest.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark)));
        match mark {
            Some((mark, c)) => {
                out.push(*c);
                rest = &rest[mark.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// Makes characters visible that would change how the rest is read: `a\u{202e}b` becomes `a[U+202E]b`.
///
/// Marked are control characters, direction controls, zero-width and invisible characters, line separators, tags and
/// spaces other than the plain one. For display only; nothing reads this form back.
pub fn reveal_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_deceptive(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "[U+{:04X}]", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that are not seen, or that move what is seen (Unicode 16: Cc, Cf, Zl, Zp, Zs and blank fillers).
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || (c != ' ' && c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_shown_so_that_nothing_links_to_them() {
        assert_eq!(
            defang("https://user:pw@www.video-a.test:8443/a.html?u=http://b.test/"),
            "hxxps[:]//user:pw[@]www[.]video-a[.]test:8443/a[.]html?u=http[:]//b[.]test/"
        );
        assert_eq!(defang("Http://a.test"), "Hxxp[:]//a[.]test");
        assert_eq!(defang("hTTp://a.test"), "hTTp[:]//a[.]test");
        assert_eq!(defang("http://[2001:db8::1]/"), "hxxp[:]//[2001:db8::1]/");
    }

    #[test]
    fn spellings_of_other_tools_are_understood() {
        for text in [
            "hxxps://social-b[.]test/x.html",
            "hXXps://social-b(.)test/x(.)html",
            "HXXPS[:]//social-b{.}test/x[.]html",
            "https://social-b[dot]test/x.html",
            "https[:]//social-b.test/x.html",
            "h**ps://social-b.test/x.html",
            "hxxps[://]social-b[DOT]test/x.html",
        ] {
            assert_eq!(refang(text).to_ascii_lowercase(), "https://social-b.test/x.html", "{text}");
        }
        assert_eq!(refang("hxxp://user[@]a[.]test/"), "http://user@a.test/");
        assert_eq!(refang("social-b[.]test/x"), "social-b.test/x");
    }

    #[test]
    fn brackets_of_a_live_address_keep_their_meaning() {
        for live in ["https://a.test/b[.]c", "https://a.test/[dot]?x=(.)", "http://[2001:db8::1]:80/[:]//"] {
            assert_eq!(refang(live), live);
            assert_eq!(refang(&defang(live)), live);
        }
        assert_eq!(refang("hxxps://a.test/[dot]"), "https://a.test/[dot]");
    }

    #[test]
    fn fifty_deceptive_characters_are_marked_and_scripts_are_left_alone() {
        let deceptive = "\u{0}\u{1}\u{7}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{7f}\u{80}\u{85}\u{9f}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\
             \u{1680}\u{17b4}\u{17b5}\u{180e}\u{2000}\u{2003}\u{200a}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\
             \u{202b}\u{202c}\u{202d}\u{202e}\u{202f}\u{205f}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{3000}\u{3164}\u{feff}\u{e0041}";
        assert_eq!(deceptive.chars().count(), 50);
        for c in deceptive.chars() {
            assert_eq!(reveal_controls(&format!("a{c}b")), format!("a[U+{:04X}]b", u32::from(c)));
        }
        let honest = "https://bücher.test/Ünï–العربية-日本語 x?y#z";
        assert_eq!(reveal_controls(honest), honest);
    }

    proptest! {
        #[test]
        fn defanged_addresses_come_back_exactly(
            scheme in prop_oneof!["https?", "HTTPS?", "Https?"],
            host in r"([a-z0-9-]{1,8}\.){1,3}[a-z]{2,5}|\[2001:db8::[0-9a-f]{1,4}\]|([0-9]{1,3}\.){3}[0-9]{1,3}",
            user in "([a-z.]{1,5}(:[a-z]{1,3})?@)?",
            rest in r"(/[a-zA-Z0-9.:@/(){}\[\]%dothxp-]{0,24})?(\?[a-z.:/@=&()\[\]]{0,16})?(#[a-z.:/@\[\]]{0,8})?",
        ) {
            let url = format!("{scheme}://{user}{host}{rest}");
            let shown = defang(&url);
            prop_assert_eq!(refang(&shown), url.clone());
            prop_assert!(!shown.contains("://"));
            prop_assert_eq!(defang(&shown), shown.clone());
            prop_assert_eq!(refang(&url), url);
        }

        #[test]
        fn nothing_panics_and_nothing_hides(text in any::<String>()) {
            let _ = refang(&text);
            let shown = defang(&text);
            prop_assert!(!shown.contains("://"));
            prop_assert!(!reveal_controls(&text).chars().any(is_deceptive));
        }
    }
}
