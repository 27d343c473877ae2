// SPDX-License-Identifier: EUPL-1.2
//! Well-formed input reads as the `csv` crate reads it; broken quoting costs one line; no byte is lost.

use proptest::prelude::*;

use super::*;

type Seen = (u64, String, Result<Vec<String>, Reason>);

fn all(source: &[u8], limits: &Limits, columns: Option<usize>) -> Vec<Seen> {
    let dialect = Dialect { separator: b';', quote: Some(b'"') };
    let mut window = Window::new(source);
    let mut seen = Vec::new();
    while let Some(record) = next_record(&mut window, dialect, limits, columns).expect("memory") {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let content =
            record.content.map(|cells| cells.iter().map(text).collect()).map_err(|fault| fault.reason);
        seen.push((record.line, text(&record.bytes), content));
    }
    seen
}

fn row(line: u64, raw: &str, cells: &[&str]) -> Seen {
    (line, raw.into(), Ok(cells.iter().map(|cell| (*cell).to_owned()).collect()))
}

#[test]
fn quoted_cells_hold_separators_quotes_and_lines() {
    let source = b"a;\"b;\"\"c\"\"\r\nd\"\r\n\n;;\n\"\";x\r\"y\";z";
    assert_eq!(
        all(source, &Limits::default(), None),
        [
            row(1, "a;\"b;\"\"c\"\"\r\nd\"\r\n", &["a", "b;\"c\"\r\nd"]),
            row(5, "\"\";x\r", &["", "x"]),
            row(6, "\"y\";z", &["y", "z"]),
        ]
    );
}

#[test]
fn broken_quoting_costs_one_line_and_no_more() {
    let source = b"a;\"never closed\nb;\"good\"\nc;mid\"dle\nd;\"early\"x\ne;f\ng;\"cut off";
    let seen = all(source, &Limits::default(), Some(2));
    assert_eq!(
        seen,
        [
            (1, "a;\"never closed\n".into(), Err(Reason::QuoteClosedEarly { cell: 2 })),
            row(2, "b;\"good\"\n", &["b", "good"]),
            (3, "c;mid\"dle\n".into(), Err(Reason::StrayQuote { cell: 2 })),
            (4, "d;\"early\"x\n".into(), Err(Reason::QuoteClosedEarly { cell: 2 })),
            row(5, "e;f\n", &["e", "f"]),
            (6, "g;\"cut off".into(), Err(Reason::QuoteNotClosed { cell: 2 })),
        ]
    );
}

#[test]
fn a_quote_that_swallows_lines_is_found_by_their_cells() {
    let source = b"a;\"b\nc;d\ne;f\"\ng;h\n";
    let seen = all(source, &Limits::default(), Some(3));
    assert!(
        matches!(&seen[0], (1, raw, Err(Reason::CellCount { found: 2, expected: 3 })) if raw == "a;\"b\n")
    );
    assert_eq!(seen.len(), 4);
}

#[test]
fn bounds_hold_for_cells_records_and_their_number() {
    let limits = Limits { cell_len_max: 10, record_len_max: 200_000, ..Limits::default() };
    let long = "x".repeat(100_000);
    let endless = "y".repeat(900_000);
    let many = ";".repeat(CELLS_MAX);
    let source = format!("{long};\"a\"\n\"{long}\n{endless}\nb;c\n{endless}\n{many}\nd;e\n");
    let seen = all(source.as_bytes(), &limits, Some(2));
    let codes: Vec<_> =
        seen.iter().map(|(line, raw, c)| (*line, raw.len(), c.as_ref().err().map(Reason::code))).collect();
    assert_eq!(
        codes,
        [
            (1, 100_005, Some("cell_too_long")),
            (2, 100_002, Some("quoting")),
            (3, 0, Some("record_too_long")),
            (4, 4, None),
            (5, 0, Some("record_too_long")),
            (6, CELLS_MAX + 1, Some("cell_count")),
            (7, 4, None),
        ]
    );
}

proptest! {
    #[test]
    fn agrees_with_the_csv_crate_on_what_it_writes(
        rows in prop::collection::vec(prop::collection::vec("[a;\"\r\n é]{0,6}", 3), 0..8),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).expect("memory");
        }
        let source = writer.into_inner().expect("memory");
        let read: Vec<_> = all(&source, &Limits::default(), Some(3)).into_iter().map(|seen| seen.2).collect();
        let blank = |row: &Vec<String>| row.iter().all(|cell| cell.trim_ascii().is_empty());
        let written: Vec<_> = rows.into_iter().filter(|row| !blank(row)).map(Ok).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn any_bytes_come_out_complete_and_in_order(source in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b';'), Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..200)) {
        let seen = all(&source, &Limits::default(), Some(2));
        let squeeze = |text: &str| text.replace([';', '\n', '\r', '"', ' ', '\t', '\u{c}'], "");
        let given: String = seen.iter().map(|(_, raw, _)| squeeze(raw)).collect();
        prop_assert_eq!(given, squeeze(&String::from_utf8_lossy(&source)));
        prop_assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
