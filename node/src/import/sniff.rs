// SPDX-License-Identifier: EUPL-1.2
//! A look at the head of an export, so that a file of the wrong kind is refused at once and not line by line.
//!
//! It only ever refuses; it never changes how the file is read. The profile alone decides that.

use super::charset::Charset;

/// Bytes looked at.
pub(super) const HEAD_LEN: usize = 64 * 1024;

/// Characters that must agree before a whole file is called wrong; fewer are faults of their records.
const EVIDENCE_MIN: usize = 3;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with the whole file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Fine as far as can be seen; this many bytes of byte-order mark come first.
    Text { bom_len: usize },
    /// Another format.
    Format(&'static str),
    /// Another encoding.
    Encoding(String),
}

/// Judges the first bytes of a file that should be text in `charset`, and NDJSON if `json`.
pub(super) fn examine(head: &[u8], charset: Charset, json: bool) -> Verdict {
    if let Some(found) = other_format(head) {
        return Verdict::Format(found);
    }
    if let Some(found) = wide(head) {
        return Verdict::Encoding(found.into());
    }
    let bom_len = if head.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
    if bom_len > 0 && !charset.is_utf8() {
        return Verdict::Encoding("it begins with the byte-order mark of UTF-8".into());
    }
    let (good, bad) = utf8_evidence(&head[bom_len..]);
    if charset.is_utf8() && good == 0 && bad >= EVIDENCE_MIN {
        return Verdict::Encoding(format!(
            "none of its first {bad} characters beyond ASCII is UTF-8; it may be windows-1252 or another one-byte encoding"
        ));
    }
    if !charset.is_utf8() && bad == 0 && good >= EVIDENCE_MIN {
        return Verdict::Encoding(format!("each of its first {good} characters beyond ASCII is valid UTF-8"));
    }
    if json && is_document(&head[bom_len..]) {
        return Verdict::Format("a JSON array or a JSON document over several lines");
    }
    Verdict::Text { bom_len }
}

fn other_format(head: &[u8]) -> Option<&'static str> {
    let signatures: [(&[u8], &str); 7] = [
        (b"PK\x03\x04", "a zip archive or a workbook"),
        (b"\xd0\xcf\x11\xe0", "an old office document"),
        (b"\x1f\x8b", "compressed by gzip"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"BZh", "compressed by bzip2"),
        (b"%PDF-", "a PDF document"),
    ];
    signatures.iter().find(|(signature, _)| head.starts_with(signature)).map(|(_, found)| *found)
}

/// UTF-16 or UTF-32, by mark or by the NUL in every other byte of plain text.
fn wide(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.starts_with(b"\0\0\xfe\xff") {
        return Some("it begins with the byte-order mark of UTF-16 or UTF-32");
    }
    let sample = &head[..head.len().min(256)];
    let nuls = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let most = sample.len() / 2 * 8 / 10;
    (sample.len() >= 16 && (nuls(0) > most || nuls(1) > most)).then_some("it looks like UTF-16")
}

/// Characters of several bytes that are valid UTF-8, and bytes that are not; a character cut by the end counts as neither.
fn utf8_evidence(head: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let mut chunks = head.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        let at_the_end = chunks.peek().is_none() && head.len() >= HEAD_LEN - UTF8_BOM.len();
        if !chunk.invalid().is_empty() && !at_the_end {
            bad += 1;
        }
    }
    (good, bad)
}

/// A list, or an object whose first line is its brace alone.
fn is_document(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let first = head.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    head.starts_with(b"[") || first.trim_ascii() == b"{"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charset(label: &str) -> Charset {
        Charset::from_label(label).expect("known")
    }

    #[test]
    fn files_of_another_encoding_are_named() {
        let (utf8, western) = (charset("utf-8"), charset("windows-1252"));
        let encoding = |head: &[u8], charset| matches!(examine(head, charset, false), Verdict::Encoding(_));
        assert!(encoding(b"N\xb0;Constat\xe9;Qualit\xe9\n", utf8));
        assert!(encoding("N°;Constaté;Qualité\n".as_bytes(), western));
        assert!(encoding(b"\xef\xbb\xbfid\n", western));
        assert!(encoding(b"\xff\xfei\0d\0\n\0", utf8) && encoding(b"i\0d\0,\0u\0r\0l\0,\0x\0y\0\n\0", utf8));
        assert!(!encoding(b"N\xb0;Constat\xe9;Qualit\xe9\n", western));
        assert!(!encoding("N°;é;\u{e9}\n".as_bytes(), utf8));
        assert!(!encoding(b"id,x\n1,caf\xe9\n", utf8), "one wrong byte is a fault of its record");
    }

    #[test]
    fn files_of_another_format_are_named() {
        let utf8 = charset("utf-8");
        let format = |head: &[u8], json| matches!(examine(head, utf8, json), Verdict::Format(_));
        assert!(format(b"PK\x03\x04...", false) && format(b"\x1f\x8b\x08", true));
        assert!(format(b" [\n{\"a\":1}]", true) && format(b"{\n \"a\": 1\n}", true));
        assert!(!format(b"[a],b\n", false) && !format(b"{\"a\":1}\n", true) && !format(b"", true));
    }
}
