// SPDX-License-Identifier: EUPL-1.2
//! Rejected records go out as they came in, and come back when they are mended.

use super::*;
use crate::import::{Limits, RejectCounts, RejectWriter, Rejects, read_with};

/// Reads an export and gives the reject file and the reasons.
fn rejects(
    profile: &Profile,
    source: &[u8],
    limits: Limits,
) -> (Vec<u8>, Vec<serde_json::Value>, RejectCounts) {
    let mut import = read_with(profile, source, "export", limits).expect("a good export");
    let mut writer = RejectWriter::new(Vec::new(), Vec::new(), import.header()).expect("memory");
    for record in import.by_ref() {
        writer.write(&record.expect("memory")).expect("memory");
    }
    let (records, reasons, counts) = writer.finish().expect("memory");
    let lines = reasons.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    (records, lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect(), counts)
}

#[test]
fn mended_rejects_of_every_format_are_imported() {
    let fr_source = swap(&swap(&fr(5), b";vid\xe9o;", b";film;"), b"03/03/2026 08:02", b"30/02/2026 08:02");
    let be_source = format!("\u{feff}{BE_HEAD}{BE_LINE}{}", BE_LINE.replace(",3,", ",7,").trim_end());
    let de_source = format!("{DE_LINE}\n{}", DE_LINE.replace("Bild", "Foto"));
    type Mending<'m> = &'m [(&'m [u8], &'m [u8])];
    let cases: [(&str, &[u8], usize, Mending<'_>); 3] = [
        ("fr", &fr_source, 2, &[(b";film;", b";vid\xe9o;"), (b"30/02/2026", b"03/03/2026")]),
        ("be", be_source.as_bytes(), 1, &[(b",7,", b",3,")]),
        ("de", de_source.as_bytes(), 1, &[(b"Foto", b"Bild")]),
    ];
    for (unit, source, count, mending) in cases {
        let profile = profile(unit);
        let (rejected, reasons, counts) = rejects(&profile, source, Limits::default());
        assert_eq!((counts.copied, counts.not_copied, reasons.len()), (count as u64, 0, count), "{unit}");
        let again = records(&profile, &rejected).expect("the reject file is an export");
        assert_eq!((taken(&again), again.len()), (0, count), "{unit}: unchanged rejects are rejected again");
        let mended = mending.iter().fold(rejected, |file, (from, to)| swap(&file, from, to));
        let again = records(&profile, &mended).expect("still an export");
        assert_eq!(problems(&again), [], "{unit}");
        assert_eq!(taken(&again), count, "{unit}");
    }
}

#[test]
fn a_reject_file_is_like_its_export_and_the_reasons_name_both_lines() {
    let source = swap(&fr(3), b"03/03/2026 08:02", b"31/02/2026 08:02");
    let (rejected, reasons, _) = rejects(&profile("fr"), &source, Limits::default());
    let lines: Vec<_> = source.split_inclusive(|b| *b == b'\n').collect();
    assert_eq!(rejected, [lines[0], lines[2]].concat());
    let reason = &reasons[0];
    assert_eq!((&reason["line"], &reason["reject_line"]), (&3.into(), &2.into()));
    assert_eq!(reason["reference"], "PH-2026-002771");
    let problem = &reason["problems"][0];
    assert_eq!((&problem["field"], &problem["code"]), (&"Constaté le".into(), &"date".into()));
    assert_eq!(problem["value"], "31/02/2026 08:02");
    assert!(problem["reason"].as_str().is_some_and(|text| text.contains("%d/%m/%Y")));
    assert!(problem["advice"].as_str().is_some_and(|text| text.contains("date")));
}

#[test]
fn what_is_too_long_to_be_copied_is_named_by_its_place() {
    let limits = Limits { record_len_max: 1_000, ..Limits::default() };
    let long = DE_LINE.replace("Vorgang", &"x".repeat(200_000));
    let source = format!("{DE_LINE}\n{long}\n{}\n", DE_LINE.replace("Bild", "Foto"));
    let (rejected, reasons, counts) = rejects(&profile("de"), source.as_bytes(), limits);
    assert_eq!(counts, RejectCounts { copied: 1, not_copied: 1 });
    assert_eq!(rejected, format!("{}\n", DE_LINE.replace("Bild", "Foto")).as_bytes());
    assert_eq!(reasons[0]["reject_line"], serde_json::Value::Null);
    let at = |name: &str| reasons[0][name].as_u64().and_then(|n| usize::try_from(n).ok()).expect("a number");
    assert_eq!(source[at("offset")..at("offset") + at("len")], format!("{long}\n"));
}

#[test]
fn reject_files_stand_beside_the_export_and_overwrite_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("march.csv");
    let source = format!("{BE_HEAD}{}", BE_LINE.replace(",3,", ",7,"));
    let profile = profile("be");
    for expected in ["march.rejects.csv", "march.rejects-2.csv"] {
        let mut import = read(&profile, source.as_bytes(), "march.csv").expect("a good export");
        let mut rejects = Rejects::beside(&export, import.header());
        for record in import.by_ref() {
            rejects.write(&record.expect("memory")).expect("a disk");
        }
        let (paths, counts) = rejects.finish().expect("a disk").expect("a reject");
        assert_eq!(paths.records, folder.path().join(expected));
        assert_eq!(paths.reasons, folder.path().join(format!("{expected}.reasons.ndjson")));
        assert_eq!(
            (counts.copied, std::fs::read(&paths.records).expect("there")),
            (1, source.clone().into_bytes())
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&paths.reasons).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    let unused = Rejects::beside(&export, b"");
    assert_eq!(unused.finish().expect("a disk"), None);
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 4);
}
