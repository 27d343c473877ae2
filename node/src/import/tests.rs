// SPDX-License-Identifier: EUPL-1.2
//! The three profiles of the product, on the sample exports and on what exports look like when something went wrong.

mod bad_input;
mod profiles;
mod round_trip;

use std::path::PathBuf;

use super::{Import, ImportError, Profile, Record, read};

/// A file of the project.
fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn profile(unit: &str) -> Profile {
    Profile::load(project(&format!("config/import/{unit}.toml"))).expect("a profile of the product")
}

/// A sample export by its name.
fn sample(name: &str) -> Vec<u8> {
    std::fs::read(project(&format!("tests/data/units/{name}"))).expect("a sample of the project")
}

fn records(profile: &Profile, source: &[u8]) -> Result<Vec<Record>, ImportError> {
    read(profile, source, "export").and_then(Iterator::collect)
}

/// Line, field and code of each problem of each record that was not taken.
fn problems(records: &[Record]) -> Vec<(u64, String, &'static str)> {
    let of = |record: &Record| {
        let line = record.line;
        let problems = record.result.as_ref().err().cloned().unwrap_or_default();
        problems.into_iter().map(move |problem| (line, problem.field, problem.reason.code()))
    };
    records.iter().flat_map(of).collect()
}

fn taken(records: &[Record]) -> usize {
    records.iter().filter(|record| record.result.is_ok()).count()
}

fn remarks<R: std::io::Read>(import: &Import<'_, R>) -> Vec<super::Remark> {
    import.remarks().cloned().collect()
}

/// Some lines of `fr.csv`, headings included, as the file has them.
fn fr(lines: usize) -> Vec<u8> {
    let source = sample("fr.csv");
    let len: usize = source.split_inclusive(|b| *b == b'\n').take(lines + 1).map(<[u8]>::len).sum();
    source[..len].to_vec()
}

/// Replaces the first occurrence.
fn swap(source: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = source.windows(from.len()).position(|window| window == from).expect("the sample has it");
    [&source[..at], to, &source[at + from.len()..]].concat()
}

const DE_LINE: &str = r#"{"aktenzeichen": "IRU/1/26", "festgestellt": "2026-03-02T15:40:02+01:00", "fundstelle": ["https://video-a.test/watch?v=qMjOiC5mAVQ"], "hashwerte": {}, "inhaltsart": "Bild", "tatbestand": ["2(7)b"], "stufe": 4, "sprache": "es", "begruendung": "Vorgang"}"#;

const BE_HEAD: &str = "id,observed_utc,urls,hashes,kind,tco_types,severity,language,reason\n";
const BE_LINE: &str =
    "i2-1,2026-03-03T23:58:44Z,https://www.video-a.test/watch?v=IyFJ2ZJmwH1,,video,d,3,nl,Reason\n";
