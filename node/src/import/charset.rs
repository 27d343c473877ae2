// SPDX-License-Identifier: EUPL-1.2
//! How an export writes its characters: UTF-8 or a one-byte encoding.
//!
//! Refuses encodings in which a separator or a line end can be part of another character (UTF-16, Shift_JIS, GBK), so that
//! records can be told apart before anything is decoded. Never replaces a wrong byte by a question mark.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// The encodings that a complaint about an unknown one suggests.
pub(super) const COMMON: [&str; 14] = [
    "utf-8",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1257",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-7",
    "iso-8859-15",
    "macintosh",
    "koi8-r",
    "ibm866",
];

/// UTF-8 or a one-byte encoding of the WHATWG Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// A byte that means nothing in the encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongByte {
    /// Where, from 0.
    pub(super) at: usize,
    /// Which.
    pub(super) byte: u8,
}

impl Charset {
    /// The encoding with this label (`utf-8`, `windows-1252`, `latin1`, ...); `None` if it is unknown or of several bytes.
    pub fn from_label(label: &str) -> Option<Self> {
        let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
        let usable = encoding == encoding_rs::UTF_8
            || (encoding.is_single_byte() && encoding != encoding_rs::X_USER_DEFINED);
        usable.then_some(Self(encoding))
    }

    /// Its name in the WHATWG Encoding Standard.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether it is UTF-8.
    pub fn is_utf8(self) -> bool {
        self.0 == encoding_rs::UTF_8
    }

    /// The text that the bytes spell.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, WrongByte> {
        if self.is_utf8() || bytes.is_ascii() {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
                let at = error.valid_up_to();
                WrongByte { at, byte: bytes.get(at).copied().unwrap_or_default() }
            });
        }
        match self.0.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) if !text.chars().any(is_c1) => Ok(text),
            _ => Err(self.first_wrong(bytes)),
        }
    }

    fn first_wrong(self, bytes: &[u8]) -> WrongByte {
        let wrong = |byte: u8| {
            self.0
                .decode_without_bom_handling_and_without_replacement(&[byte])
                .is_none_or(|text| text.chars().any(is_c1))
        };
        let at = bytes.iter().position(|byte| wrong(*byte)).unwrap_or_default();
        WrongByte { at, byte: bytes.get(at).copied().unwrap_or_default() }
    }
}

/// The Encoding Standard gives bytes that an encoding leaves undefined to the C1 controls, which no export means.
fn is_c1(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_bytes_are_found_where_they_stand() {
        let utf8 = Charset::from_label("UTF8").expect("known");
        assert_eq!(utf8.decode(b"caf\xe9"), Err(WrongByte { at: 3, byte: 0xe9 }));
        let western = Charset::from_label("windows-1252").expect("known");
        assert_eq!(western.decode(b"caf\xe9 \x80").as_deref(), Ok("café €"));
        assert_eq!(western.decode(b"caf\xe9\x81"), Err(WrongByte { at: 4, byte: 0x81 }));
        let baltic = Charset::from_label("windows-1257").expect("known");
        assert_eq!(baltic.decode(b"\xe0\xa1"), Err(WrongByte { at: 1, byte: 0xa1 }));
    }

    #[test]
    fn encodings_that_hide_separators_are_refused() {
        for label in ["utf-16le", "shift_jis", "gbk", "replacement", "x-user-defined", "utf9", ""] {
            assert_eq!(Charset::from_label(label), None, "{label}");
        }
        assert!(COMMON.iter().all(|label| Charset::from_label(label).is_some()));
    }
}
