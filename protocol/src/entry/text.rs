// SPDX-License-Identifier: EUPL-1.2
//! Bounded texts and lists: a value of these types cannot be too long, too short or hold control characters.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `MIN` to `MAX` Unicode characters without control characters other than line feed and tab.
///
/// Where something is required (`MIN` above 0), blanks, tabs and line feeds alone are nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MIN: usize, const MAX: usize>(Box<str>);

/// Why a text was refused; never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Outside the length bounds.
    #[error("{found} characters; expected {min} to {max}")]
    Length {
        /// Characters found.
        found: usize,
        /// Fewest allowed.
        min: usize,
        /// Most allowed.
        max: usize,
    },
    /// Holds a control character.
    #[error("a control character (U+{0:04X}) at character {1}")]
    Control(u32, usize),
    /// Required, and nothing but white space.
    #[error("only white space; expected {0} or more characters that say something")]
    Blank(usize),
    /// Does not have the form that the field wants.
    #[error("expected {0}")]
    Form(&'static str),
}

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> TryFrom<String> for Text<MIN, MAX> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        let found = text.chars().count();
        if !(MIN..=MAX).contains(&found) {
            return Err(TextError::Length { found, min: MIN, max: MAX });
        }
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| control(*c)) {
            return Err(TextError::Control(c.into(), at + 1));
        }
        if MIN > 0 && text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n')) {
            return Err(TextError::Blank(MIN));
        }
        Ok(Self(text.into()))
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Text<MIN, MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        text.to_owned().try_into()
    }
}

impl<const MIN: usize, const MAX: usize> From<Text<MIN, MAX>> for String {
    fn from(text: Text<MIN, MAX>) -> Self {
        text.0.into()
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// `MIN` to `MAX` values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<T>", bound(deserialize = "T: Deserialize<'de>"))]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for List<T, MIN, MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A list outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} values; expected {min} to {max}")]
pub struct ListLength {
    /// Values found.
    pub found: usize,
    /// Fewest allowed.
    pub min: usize,
    /// Most allowed.
    pub max: usize,
}

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// The values, given back.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, 0, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> TryFrom<Vec<T>> for List<T, MIN, MAX> {
    type Error = ListLength;

    fn try_from(values: Vec<T>) -> Result<Self, ListLength> {
        let found = values.len();
        if (MIN..=MAX).contains(&found) {
            Ok(Self(values))
        } else {
            Err(ListLength { found, min: MIN, max: MAX })
        }
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MIN: usize, const MAX: usize> IntoIterator for &'a List<T, MIN, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Declares a text type with a form of its own: `name`, documentation, what is expected, and the test.
macro_rules! formed_text {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::entry::text::TextError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let test: fn(&str) -> bool = $test;
                if test(&text) { Ok(Self(text.into())) } else { Err($crate::entry::text::TextError::Form($expected)) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::entry::text::TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}
pub(crate) use formed_text;

formed_text!(
    /// A language tag (BCP 47): 2 to 35 letters, digits and `-`, as in `fr` or `sr-Latn`.
    LanguageTag,
    "a BCP 47 language tag such as fr or sr-Latn",
    |t| (2..=35).contains(&t.len())
        && t.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        && t.starts_with(|c: char| c.is_ascii_alphabetic())
);

formed_text!(
    /// A country (ISO 3166-1 alpha-2), as in `FR`.
    CountryCode,
    "an ISO 3166-1 alpha-2 country code such as FR",
    |t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_uppercase())
);

formed_text!(
    /// A recipient's identifier: 2 to 64 of `a-z`, `0-9` and `-`, beginning with a letter or digit.
    RecipientId,
    "a recipient id of 2 to 64 of a-z, 0-9 and '-'",
    |t| (2..=64).contains(&t.len())
        && !t.starts_with('-')
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

formed_text!(
    /// An address as its author wrote it: `http` or `https`, at most 8,192 bytes, no white space or control characters.
    ///
    /// Only its form is checked here, so that two versions of a URL parser can never disagree on whether an entry
    /// is valid; what the address *is* (spec 05-content) is worked out later.
    Address,
    "an address beginning http:// or https://, of at most 8192 bytes, without white space",
    |t| t.len() <= 8_192
        && (t.starts_with("http://") || t.starts_with("https://"))
        && !t.chars().any(|c| c.is_whitespace() || c.is_control())
);

formed_text!(
    /// A DNS name in lower case, A-labels, without a final dot, as in `video-a.test`.
    DomainName,
    "a DNS name in lower case such as video-a.test",
    |t| (1..=253).contains(&t.len())
        && t.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_bounds() {
        assert!("".parse::<Text<0, 3>>().is_ok());
        assert_eq!("".parse::<Text<1, 3>>(), Err(TextError::Length { found: 0, min: 1, max: 3 }));
        assert!("äöü".parse::<Text<1, 3>>().is_ok());
        assert!("a\u{202e}b\n".parse::<Text<1, 9>>().is_ok(), "bidi controls are shown marked, not refused");
        assert_eq!("a\u{0}".parse::<Text<1, 3>>(), Err(TextError::Control(0, 2)));
        assert_eq!("a\r\nb".parse::<Text<1, 9>>(), Err(TextError::Control(0x0d, 2)));
        assert_eq!("\u{85}".parse::<Text<1, 9>>(), Err(TextError::Control(0x85, 1)));
    }

    #[test]
    fn a_required_text_says_something() {
        assert_eq!(" \t\n".parse::<Text<1, 9>>(), Err(TextError::Blank(1)));
        assert!(" ".parse::<Text<0, 9>>().is_ok());
        assert!(" x ".parse::<Text<1, 9>>().is_ok());
    }

    /// The specification lists these; a Unicode version that adds one must not change what is valid.
    #[test]
    fn white_space_in_addresses_is_the_listed_one() {
        let listed = |c: char| {
            matches!(c, '\u{09}'..='\u{0d}' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
                | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        };
        let control = |c: char| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
        for c in '\0'..=char::MAX {
            assert_eq!(c.is_whitespace(), listed(c), "U+{:04X}", u32::from(c));
            assert_eq!(c.is_control(), control(c), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn lists_keep_their_bounds_when_read() {
        assert!(serde_json::from_str::<List<u8, 1, 2>>("[1,2]").is_ok());
        assert!(serde_json::from_str::<List<u8, 1, 2>>("[]").is_err());
        assert!(serde_json::from_str::<List<u8, 1, 2>>("[1,2,3]").is_err());
        assert_eq!(serde_json::to_string(&List::<u8, 0, 2>::default()).ok().as_deref(), Some("[]"));
    }

    #[test]
    fn forms_are_checked() {
        for (good, bad) in [("fr", "f"), ("sr-Latn", "sr_Latn"), ("zh-Hant-TW", "-fr")] {
            assert!(good.parse::<LanguageTag>().is_ok() && bad.parse::<LanguageTag>().is_err());
        }
        assert!("video-a.test".parse::<DomainName>().is_ok());
        for bad in ["Video.test", "a..b", ".test", "a.", "-a.test", "a b.test"] {
            assert!(bad.parse::<DomainName>().is_err(), "{bad}");
        }
        for bad in ["ftp://a.test/", "https://a .test/", "javascript:alert(1)", "HTTPS://a.test/"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
