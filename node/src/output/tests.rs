// SPDX-License-Identifier: EUPL-1.2
//! The four forms, written into memory.

use serde_json::json;

use super::*;

fn output(format: Format, terminal: bool, bold: bool) -> Output {
    Output { format, quiet: false, terminal, bold_stdout: bold, bold_stderr: bold }
}

fn items() -> Vec<Value> {
    vec![
        json!({"id": "R-1", "unit": "FR", "url": "https://video-a.test/1", "note": "=1+1"}),
        json!({"id": "R-22", "unit": "DE", "url": null, "note": "says \"no\", twice"}),
    ]
}

fn columns() -> Vec<Column> {
    vec![col("id"), col("unit"), col("url").url(), col("note")]
}

fn list(output: &Output, items: &[Value]) -> String {
    let mut out = Vec::new();
    output.write_list(&mut out, items, &columns()).expect("written");
    String::from_utf8(out).expect("text")
}

fn one(output: &Output) -> String {
    let mut out = Vec::new();
    output.write_one(&mut out, &items()[0], &columns()).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn json_has_the_values_as_they_are() {
    let text = list(&output(Format::Json, false, false), &items());
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), json!(items()));
    assert_eq!(list(&output(Format::Json, true, true), &[]), "[]\n");
    assert_eq!(
        serde_json::from_str::<Value>(&one(&output(Format::Json, false, false))).expect("JSON"),
        items()[0]
    );
}

#[test]
fn jsonl_has_one_value_a_line() {
    let text = list(&output(Format::Jsonl, true, true), &items());
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines, items());
    assert_eq!(list(&output(Format::Jsonl, true, true), &[]), "");
}

#[test]
fn csv_is_safe_for_spreadsheets() {
    let text = list(&output(Format::Csv, true, true), &items());
    let url = defanged("https://video-a.test/1");
    let expected =
        format!("id,unit,url,note\r\nR-1,FR,{url},'=1+1\r\nR-22,DE,,\"says \"\"no\"\", twice\"\r\n");
    assert_eq!(text, expected);
    assert_eq!(list(&output(Format::Csv, false, false), &[]), "id,unit,url,note\r\n");
}

#[test]
fn a_table_is_tab_separated_unless_somebody_looks() {
    let text = list(&output(Format::Table, false, false), &items());
    let url = defanged("https://video-a.test/1");
    assert_eq!(text, format!("ID\tUNIT\tURL\tNOTE\nR-1\tFR\t{url}\t=1+1\nR-22\tDE\t-\tsays \"no\", twice\n"));
    assert_eq!(
        one(&output(Format::Table, false, false)),
        format!("id\tR-1\nunit\tFR\nurl\t{url}\nnote\t=1+1\n")
    );
}

#[test]
fn on_a_terminal_columns_are_aligned_without_frames() {
    let text = list(&output(Format::Table, true, false), &items());
    let starts: Vec<Option<usize>> =
        text.lines().map(|line| line.find("FR").or(line.find("DE")).or(line.find("UNIT"))).collect();
    assert_eq!(starts, [Some(6), Some(6), Some(6)], "{text}");
    assert!(!text.contains(['|', '+', '─', '│']) || text.contains("=1+1"), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    let record = one(&output(Format::Table, true, false));
    assert_eq!(record.lines().next(), Some("id    R-1"));
}

#[test]
fn only_the_heading_is_bold_and_only_when_allowed() {
    let text = list(&output(Format::Table, true, true), &items());
    assert!(text.starts_with("\u{1b}[1mID"), "{text:?}");
    assert_eq!(text.matches('\u{1b}').count(), 2);
    assert!(!list(&output(Format::Table, true, false), &items()).contains('\u{1b}'));
    assert!(!one(&output(Format::Table, true, true)).contains('\u{1b}'));
}

#[test]
fn a_failure_lists_what_caused_it_once() {
    let source = io::Error::other("disk on fire");
    let failure =
        Failure::new(Exit::Failed, "cannot write").because(source).cause("disk on fire!").hint("pour water");
    assert_eq!(
        failure.lines(),
        [
            ("error", "cannot write".to_owned()),
            ("cause", "disk on fire".to_owned()),
            ("cause", "disk on fire!".to_owned()),
            ("hint", "pour water".to_owned()),
        ]
    );
    assert_eq!(Failure::silent(10).lines(), []);
}

#[test]
fn http_statuses_have_their_exit_status() {
    let cases = [(401, 4), (403, 4), (404, 3), (409, 5), (412, 5), (422, 5), (504, 6), (500, 1), (400, 1)];
    for (status, code) in cases {
        assert_eq!(Exit::of_http_status(status).code(), code, "{status}");
    }
}
