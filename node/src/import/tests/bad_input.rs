// SPDX-License-Identifier: EUPL-1.2
//! Exports that are damaged, cut off, of the wrong kind or hostile: a clear word for each, and no record lost.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::import::{Limits, Reason, Remark, read_with};

fn refused(unit: &str, source: &[u8]) -> ImportError {
    read(&profile(unit), source, "export").map(|_| ()).expect_err("the file as a whole is wrong")
}

/// The one problem of a Belgian export whose one record has `from` replaced by `to`.
fn be_problem(from: &str, to: &str) -> (String, Option<String>, Reason) {
    assert!(BE_LINE.contains(from));
    let records = records(&profile("be"), format!("{BE_HEAD}{}", BE_LINE.replacen(from, to, 1)).as_bytes())
        .expect("read");
    let problems = records[0].result.clone().expect_err(to);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.into_iter().next().expect("one");
    (problem.field, problem.value_hint, problem.reason)
}

#[test]
fn a_whole_file_in_the_wrong_encoding_is_refused_at_once() {
    let as_utf8: String = fr(20).iter().map(|byte| char::from(*byte)).collect();
    let error = refused("fr", as_utf8.as_bytes());
    assert!(matches!(&error, ImportError::OtherEncoding { expected: "windows-1252", .. }), "{error}");
    let with_mark = [b"\xef\xbb\xbf", as_utf8.as_bytes()].concat();
    assert!(matches!(refused("fr", &with_mark), ImportError::OtherEncoding { .. }));
    let lines: Vec<u8> = (0..5).flat_map(|_| swap(BE_LINE.as_bytes(), b"Reason", b"R\xe9\xe0son")).collect();
    let western = [BE_HEAD.as_bytes(), &lines].concat();
    let error = refused("be", &western);
    assert!(error.to_string().contains("windows-1252") && error.hint().contains("encoding"), "{error}");
    let wide: Vec<u8> = format!("{BE_HEAD}{BE_LINE}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refused("be", &wide).to_string().contains("UTF-16"));
}

#[test]
fn one_wrong_byte_costs_one_record_and_is_named_with_its_place() {
    let bad = swap(BE_LINE.as_bytes(), b"Reason", b"R\xe9ason");
    let source = [BE_HEAD.as_bytes(), BE_LINE.as_bytes(), &bad, BE_LINE.as_bytes()].concat();
    let records = records(&profile("be"), &source).expect("read");
    assert_eq!(problems(&records), [(3, "reason".into(), "wrong_byte")]);
    let at = source.iter().position(|b| *b == 0xe9).expect("there") as u64;
    let problem = &records[1].result.as_ref().expect_err("refused")[0];
    assert_eq!(problem.reason, Reason::WrongByte { byte: 0xe9, at, encoding: "UTF-8" });
    assert_eq!(taken(&records), 2);
    let undefined = swap(&fr(3), b"Contenu", b"Conten\x81");
    assert_eq!(
        problems(&super::records(&profile("fr"), &undefined).expect("read")),
        [(2, "Motifs".into(), "wrong_byte")]
    );
    let json = [DE_LINE.as_bytes(), b"\n{\"aktenzeichen\": \"\xff\"}\n"].concat();
    assert_eq!(
        problems(&super::records(&profile("de"), &json).expect("read")),
        [(2, "(record)".into(), "wrong_byte")]
    );
}

#[test]
fn missing_columns_are_named_all_at_once_with_what_is_there() {
    let source = swap(&swap(&fr(2), b"Adresse", b"Addresse"), b"Motifs", b"Remarques");
    let error = refused("fr", &source);
    let ImportError::MissingColumns { missing, separator: None, .. } = &error else {
        unreachable!("{error}")
    };
    let shown: Vec<_> =
        missing.iter().map(|column| (column.name.as_str(), column.nearest.as_deref())).collect();
    assert_eq!(shown, [("Adresse", Some("Addresse")), ("Motifs", None)]);
    let commas: Vec<u8> = fr(2).iter().map(|byte| if *byte == b';' { b',' } else { *byte }).collect();
    let error = refused("fr", &commas);
    assert!(error.hint().contains("','"), "{}", error.hint());
    let json = DE_LINE.replace("\"fundstelle\"", "\"Fundstelle\"");
    let error = refused("de", format!("{json}\n{json}\n").as_bytes());
    assert!(error.to_string().contains("\"fundstelle\" (the file has \"Fundstelle\")"), "{error}");
}

#[test]
fn a_key_that_only_some_records_lack_is_their_problem_alone() {
    let source = format!("{}\n{DE_LINE}\n", DE_LINE.replace("\"stufe\": 4, ", ""));
    let records = records(&profile("de"), source.as_bytes()).expect("read");
    assert_eq!(problems(&records), [(1, "stufe".into(), "empty")]);
}

#[test]
fn columns_that_nobody_uses_are_mentioned_once() {
    let head = BE_HEAD.replace("reason\n", "reason,officer\n");
    let source = format!("{head}{0}{0}", BE_LINE.replace("Reason\n", "Reason,x\n"));
    let profile_be = profile("be");
    let mut import = read(&profile_be, source.as_bytes(), "export").expect("a good export");
    assert_eq!(import.by_ref().filter(|record| record.as_ref().is_ok_and(|r| r.result.is_ok())).count(), 2);
    assert_eq!(remarks(&import), [Remark::Unused("officer".into())]);
    let profile_de = profile("de");
    let line = DE_LINE.replace("\"hashwerte\": {}", "\"hashwerte\": {\"md5\": \"x\"}, \"neu\": 1");
    let source = format!("{line}\n{line}");
    let mut import = read(&profile_de, source.as_bytes(), "export").expect("a good export");
    assert_eq!(import.by_ref().count(), 2);
    let expected =
        [Remark::Unused("hashwerte.md5".into()), Remark::Unused("neu".into()), Remark::NoLastLineEnd];
    assert_eq!(remarks(&import), expected);
}

#[test]
fn a_cell_of_ten_megabytes_is_one_reject_in_every_format() {
    let big = "x".repeat(10_000_000);
    let source = format!("{BE_HEAD}{BE_LINE}{}{BE_LINE}", BE_LINE.replace("Reason", &big));
    let csv = records(&profile("be"), source.as_bytes()).expect("read");
    assert_eq!(problems(&csv), [(3, "reason".into(), "cell_too_long")]);
    assert_eq!((taken(&csv), csv[1].raw.len()), (2, BE_LINE.len() - 6 + 10_000_000));
    let source = format!("{DE_LINE}\n{}\n{DE_LINE}\n", DE_LINE.replace("Vorgang", &big));
    let ndjson = records(&profile("de"), source.as_bytes()).expect("read");
    assert_eq!(problems(&ndjson), [(2, "begruendung".into(), "cell_too_long")]);
    assert_eq!(taken(&ndjson), 2);
    let limits = Limits { record_len_max: 1_000_000, ..Limits::default() };
    let profile = profile("de");
    let mut import = read_with(&profile, source.as_bytes(), "export", limits).expect("a good export");
    let second = import.nth(1).expect("there").expect("memory");
    assert!(second.raw.is_empty() && !second.raw_is_complete() && second.len > 10_000_000);
    assert!(import.next().expect("there").expect("memory").result.is_ok());
}

#[test]
fn values_that_mean_nothing_are_rejected_by_name() {
    for (from, to, field, hint, code) in [
        ("2026-03-03T", "2026-02-30T", "observed_utc", Some("2026-02-30T23:58:44Z"), "date"),
        ("https://www.video-a.test/", "https:///", "urls", None, "address"),
        ("https://www.video-a.test/watch?v=IyFJ2ZJmwH1", "", "urls", None, "empty"),
        ("https://", "ftp://", "urls", None, "address"),
        ("www.video-a.test", "10.0.0.1", "urls", None, "address"),
        (",video,", ",movie,", "kind", Some("movie"), "unknown_word"),
        (",d,", ",dx,", "tco_types", Some("x"), "unknown_word"),
        (",3,", ",5,", "severity", Some("5"), "unknown_word"),
        (",,", ",sha256:12ab,", "hashes", Some("sha256:12ab"), "fingerprint"),
        (",,", ",12ab,", "hashes", Some("12ab"), "fingerprint"),
        (",nl,", ",nederlands (BE),", "language", Some("nederlands (BE)"), "text"),
        ("i2-1,", ",", "id", None, "empty"),
        ("i2-1,", "\"i2-1\nx\",", "id", Some("i2-1[U+000A]x"), "text"),
        (",d,", ",d\0,", "tco_types", None, "nul"),
        ("Reason", "Rea\u{1}son", "reason", None, "text"),
    ] {
        let (found, shown, reason) = be_problem(from, to);
        assert_eq!((found.as_str(), reason.code()), (field, code), "{to}");
        assert!(!reason.advice().is_empty() && !reason.to_string().contains("://www"), "{reason}");
        if hint.is_some() {
            assert_eq!(shown.as_deref(), hint);
        }
    }
}

#[test]
fn problems_name_what_is_allowed_and_never_show_a_live_address() {
    let (_, _, reason) = be_problem(",video,", ",movie,");
    assert!(reason.to_string().contains("video, image, text"), "{reason}");
    let (_, hint, _) = be_problem("https://www.video-a.test/", "https://www.video-a..test/");
    assert_eq!(hint.as_deref(), Some("hxxps[:]//www[.]video-a[.][.]test/watch…"));
}

#[test]
fn no_problem_repeats_what_stood_in_the_wrong_column() {
    // Columns that slipped put an address where a date, a word or a hash belongs.
    let address = "https://secret-host.test/secret-path";
    for unit in ["fr", "be"] {
        let (head, separator) = if unit == "fr" { (fr(0), ";") } else { (BE_HEAD.into(), ",") };
        let cells = [address; 11];
        let line = cells[..if unit == "fr" { 11 } else { 9 }].join(separator);
        let records = records(&profile(unit), &[&head, line.as_bytes(), b"\n"].concat()).expect("read");
        for problem in records[0].result.as_ref().expect_err("refused") {
            let shown = format!("{} {problem} {}", problem.reason, problem.advice());
            assert!(!shown.contains(address) && !problem.reason.to_string().contains("secret"), "{shown}");
        }
    }
}

#[test]
fn every_problem_of_a_record_is_named_at_once() {
    let line = "i2-1,yesterday,nowhere,md5:1,film,x,9,,\n";
    let records = records(&profile("be"), format!("{BE_HEAD}{line}").as_bytes()).expect("read");
    let fields: Vec<_> = problems(&records).into_iter().map(|(_, field, _)| field).collect();
    assert_eq!(fields, ["observed_utc", "urls", "kind", "reason", "tco_types", "severity", "hashes"]);
    assert_eq!(records[0].reference.as_deref(), Some("i2-1"));
}

#[test]
fn a_file_that_was_cut_off_loses_the_last_record_to_the_rejects_only() {
    let (whole, third) = (fr(3), fr(3).len() - fr(2).len());
    // The very last byte is the second half of a line end, so that without it the record is still whole.
    for cut in 2..third {
        let records = records(&profile("fr"), &whole[..whole.len() - cut]).expect("read");
        assert_eq!((taken(&records), records.len()), (2, 3), "{cut}");
        assert!(problems(&records).iter().all(|(line, _, _)| *line == 4), "{cut}");
    }
    let de = format!("{DE_LINE}\n{DE_LINE}\n");
    let records = records(&profile("de"), &de.as_bytes()[..de.len() - 40]).expect("read");
    assert_eq!(problems(&records), [(2, "(record)".into(), "json")]);
}

#[test]
fn nul_bytes_are_a_fault_of_their_record() {
    let json = DE_LINE.replace("Vorgang", "Vor\\u0000gang");
    let source = format!("{json}\n{}\n{DE_LINE}\n", DE_LINE.replace("Vorgang", "Vor\0gang"));
    let records = records(&profile("de"), source.as_bytes()).expect("read");
    assert_eq!(problems(&records), [(1, "begruendung".into(), "text"), (2, "(record)".into(), "json")]);
}

#[test]
fn wrong_quoting_costs_the_lines_that_have_it() {
    let open = BE_LINE.replace("Reason", "\"never closed");
    let stray = BE_LINE.replace("Reason", "a \"quoted\" word");
    let good = BE_LINE.replace("Reason", "\"a \"\"quoted\"\" word\nover two lines\"");
    let source = format!("{BE_HEAD}{open}{good}{stray}{good}");
    let records = records(&profile("be"), source.as_bytes()).expect("read");
    assert_eq!(problems(&records), [(2, "(record)".into(), "quoting"), (5, "(record)".into(), "quoting")]);
    assert_eq!(taken(&records), 2);
}

#[test]
fn headings_that_are_there_twice_are_refused_only_if_they_matter() {
    let error = refused("be", format!("{}{BE_LINE}", BE_HEAD.replace("severity", "kind")).as_bytes());
    assert!(matches!(error, ImportError::DuplicateHeading { first: 5, second: 7, .. }), "{error}");
    let head = BE_HEAD.replace("reason\n", "reason,x,x\n");
    let line = BE_LINE.replace("Reason\n", "Reason,,\n");
    assert_eq!(taken(&records(&profile("be"), format!("{head}{line}").as_bytes()).expect("read")), 1);
}

#[test]
fn files_without_records_say_so() {
    for source in ["", "\n\n", " \r\n", "\u{feff}"] {
        assert!(matches!(refused("be", source.as_bytes()), ImportError::Empty { .. }), "{source:?}");
    }
    assert!(matches!(refused("de", b"\n"), ImportError::Empty { .. }));
    for source in [BE_HEAD.to_owned(), format!("{BE_HEAD},,,,,,,,\r\n\n")] {
        let error = records(&profile("be"), source.as_bytes()).expect_err("no records");
        assert!(matches!(error, ImportError::NoRecords { .. }));
    }
}

#[test]
fn files_of_another_kind_say_so() {
    assert!(refused("be", b"PK\x03\x04\x14\0\x06\0").to_string().contains("workbook"));
    assert!(refused("de", format!("[\n{DE_LINE}\n]").as_bytes()).hint().contains("jq"));
}

#[test]
fn all_three_line_ends_are_read() {
    let source = format!("{BE_HEAD}{BE_LINE}{BE_LINE}");
    for end in ["\r", "\r\n"] {
        let records = records(&profile("be"), source.replace('\n', end).as_bytes()).expect("read");
        assert_eq!((taken(&records), records[1].line), (2, 3));
    }
    let records = records(&profile("de"), format!("{DE_LINE}\r{DE_LINE}\r").as_bytes()).expect("read");
    assert_eq!(taken(&records), 2);
}

#[test]
fn json_nested_a_hundred_thousand_deep_is_one_reject() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let in_field = DE_LINE.replace("{}", &deep);
    let source = format!("{DE_LINE}\n{in_field}\n{objects}\n{DE_LINE}\n");
    let records = records(&profile("de"), source.as_bytes()).expect("read");
    let codes: Vec<_> = problems(&records).into_iter().map(|(line, _, code)| (line, code)).collect();
    assert_eq!(codes, [(2, "json_depth"), (3, "json_depth")]);
    assert_eq!(taken(&records), 2);
}

/// Repeats a line for ever, without holding it more than once.
struct Endless<'a> {
    line: &'a [u8],
    at: usize,
    left: u64,
}

impl Read for Endless<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = (self.line.len() - self.at).min(out.len());
        let len = usize::try_from(self.left).map_or(len, |left| len.min(left));
        out[..len].copy_from_slice(&self.line[self.at..self.at + len]);
        self.at = (self.at + len) % self.line.len();
        self.left -= len as u64;
        Ok(len)
    }
}

#[test]
fn an_unclosed_quote_before_much_text_is_found_in_linear_time() {
    // Were every line tried again to the end of the file, these 2 MB would take hours.
    let open = BE_LINE.replace("Reason", "\"never closed");
    let head = format!("{BE_HEAD}{open}");
    let line = BE_LINE.as_bytes();
    let lines = 2_000_000 / line.len() as u64;
    let source = head.as_bytes().chain(Endless { line, at: 0, left: lines * line.len() as u64 });
    let profile = profile("be");
    let (mut taken, mut bad) = (0, Vec::new());
    for record in
        read(&profile, source, "export").expect("a good export").map(|record| record.expect("memory"))
    {
        assert!(record.raw.len() <= 200);
        match record.result {
            Ok(_) => taken += 1,
            Err(problems) => bad.push((record.line, problems[0].reason.code())),
        }
    }
    assert_eq!((taken, bad), (lines, vec![(2, "quoting")]));
}

#[test]
fn a_disk_that_fails_ends_the_import_with_its_place() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let profile = profile("be");
    let many = BE_LINE.repeat(2_000);
    let head = format!("{BE_HEAD}{many}");
    let source = head.as_bytes().chain(Failing);
    let mut import = read(&profile, source, "export").expect("the head is fine");
    let last = import.by_ref().last().expect("there");
    assert!(matches!(last, Err(ImportError::Io { .. })));
    assert!(import.next().is_none());
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(source in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for unit in ["fr", "de", "be"] {
            let _ = records(&profile(unit), &source);
        }
    }

    #[test]
    fn nothing_panics_and_nothing_is_lost_behind_good_headings(
        body in prop::collection::vec(prop_oneof![
            3 => Just(b','), 3 => Just(b'"'), 2 => Just(b'\n'), 1 => Just(b'\r'), 4 => any::<u8>()], 0..600),
    ) {
        let source = [BE_HEAD.as_bytes(), &body].concat();
        let profile = profile("be");
        let Ok(import) = read(&profile, &source[..], "export") else { return Ok(()) };
        let mut end = BE_HEAD.len() as u64;
        for record in import {
            let Ok(record) = record else { break };
            let gap = &source[end as usize..record.offset as usize];
            prop_assert!(gap.iter().all(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'"')));
            prop_assert_eq!(&source[record.offset as usize..(record.offset + record.len) as usize], &record.raw[..]);
            end = record.offset + record.len;
        }
    }

    #[test]
    fn one_damaged_byte_of_a_sample_never_costs_more_than_its_record(at in 0_usize..5_000, byte: u8) {
        let mut source = fr(30);
        let headings = source.iter().position(|b| *b == b'\n').expect("a line") + 1;
        let len = source.len();
        let at = headings + at % (len - headings);
        source[at] = byte;
        let records = records(&profile("fr"), &source).expect("the headings are fine");
        prop_assert!(taken(&records) >= 28, "{:?}", problems(&records));
    }

    #[test]
    fn one_damaged_byte_of_json_never_costs_more_than_its_lines(at in 0_usize..5_000, byte: u8) {
        let source = sample("de.ndjson");
        let len: usize = source.split_inclusive(|b| *b == b'\n').take(20).map(<[u8]>::len).sum();
        let mut source = source[..len].to_vec();
        source[at % len] = byte;
        let Ok(records) = records(&profile("de"), &source) else {
            // The very first byte can make it another kind of file.
            prop_assert_eq!(at % len, 0);
            return Ok(());
        };
        prop_assert!(taken(&records) >= 18, "{:?}", problems(&records));
    }
}
