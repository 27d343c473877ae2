// SPDX-License-Identifier: EUPL-1.2
//! What stands in one cell: texts from outside, made harmless for terminals, spreadsheets and eyes.

use concert_protocol::content::{defang, reveal_controls};

/// Characters that a spreadsheet may take for the beginning of a formula (RELIABILITY D4).
const FORMULA: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Makes control characters, and those that reorder or hide text, visible: `\n` for a line feed, `[U+202E]` and the like.
///
/// A title or an address is written by strangers: on a terminal it must not move the cursor, and must not read as
/// something else than it is.
pub fn printable(text: &str) -> String {
    reveal_controls(&text.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r"))
}

/// An address as people see it: never one that can be clicked.
pub fn defanged(url: &str) -> String {
    printable(&defang(url))
}

/// A cell that no spreadsheet takes for a formula: a quote before anything that begins like one, also behind spaces.
/// Quoting for CSV itself (RFC 4180) is the writer's work.
pub fn csv_cell(text: &str) -> String {
    let first = text.trim_start_matches([' ', '\u{a0}', '\u{3000}']).chars().next();
    let starts_so = text.starts_with(FORMULA) || first.is_some_and(|c| FORMULA.contains(&c));
    if starts_so { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_that_begin_like_a_formula_are_quoted() {
        for bad in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\0=1",
            "＝1",
            "＋1",
            "－1",
            "＠A",
            "  =1",
            " \u{a0}@x",
            "=cmd|' /C calc'!A0",
            "-2+3+cmd",
            "\u{3000}+1",
        ] {
            assert_eq!(csv_cell(bad), format!("'{bad}"));
        }
        for good in ["", "FR", "1-2", "a=b", "'quoted", "hxxps[:]//host[.]test"] {
            assert_eq!(csv_cell(good), good);
        }
    }

    #[test]
    fn terminals_and_eyes_are_not_deceived() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a[U+001B][2Jb");
        assert_eq!(printable("exe.\u{202e}gpj"), "exe.[U+202E]gpj");
        assert_eq!(printable("a\tb\nc"), "a\\tb\\nc");
        assert_eq!(printable("Ελλάδα, Österreich, España"), "Ελλάδα, Österreich, España");
    }

    #[test]
    fn addresses_cannot_be_clicked() {
        let shown = defanged("https://video-a.test/watch/8f31");
        assert!(!shown.contains("https://") && !shown.contains(".test"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_shown_has_no_control_characters(text in "\\PC*|[\\x00-\\x1f\\x7f-\\x9f]*") {
            prop_assert!(!printable(&text).chars().any(char::is_control));
        }

        #[test]
        fn no_cell_begins_like_a_formula(text in "[ =+@\\-\t\r\na-z]{0,8}") {
            let cell = csv_cell(&text);
            prop_assert!(!cell.trim_start_matches(' ').starts_with(FORMULA));
        }
    }
}
