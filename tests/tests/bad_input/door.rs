// SPDX-License-Identifier: EUPL-1.2
//! Bad requests and bad files at a node's own door, and a folder or keys that a node must not use.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, address, referral, until};
use super::program::{arg, project};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn what_is_no_referral_is_refused_with_field_and_reason() {
    let mut federation = Cluster::new(&["EU"]);
    federation.start();
    federation.register_platforms("EU");
    let node = federation.node("EU");
    let analyst = node.caller("analyst");
    let size = || node.log_state("EU/1").expect("a log")["stored"].clone();
    let before = size();
    let post = |body| analyst.post("/api/v1/referrals", None, &body);
    let mut long = referral("r1", &address(1));
    long["reasons"] = "a".repeat(70_000).into();
    let refused = post(long);
    assert!(refused.status == 422 || refused.status == 413, "{}", refused.body);
    let mut huge = referral("r1", &address(1));
    huge["reasons"] = "a".repeat(300 << 10).into();
    // A client that is still writing may lose the answer with the connection.
    let refused =
        until("the refusal is heard", WITHIN, || analyst.try_post("/api/v1/referrals", None, &huge));
    refused.problem(413, "too-large");
    for (field, value) in
        [("tier", json!(9)), ("types", json!([])), ("detected_at", json!("2026-02-30T00:00:00.000000Z"))]
    {
        let mut bad = referral("r1", &address(1));
        bad[field] = value;
        let refused = post(bad);
        refused.problem(422, "invalid");
        let pointer = refused.body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        assert!(pointer.starts_with(&format!("/{field}")), "{}", refused.body);
    }
    let mut bad = referral("r1", &address(1));
    bad["surprise"] = 1.into();
    post(bad).problem(422, "invalid");
    // A whole batch is judged record by record.
    let batch =
        json!({"referrals": [referral("r1", &address(1)), {"unit": "x"}, referral("r2", &address(2))]});
    let answer = analyst.post("/api/v1/referrals:batch", None, &batch).good();
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(size().as_u64(), before.as_u64().map(|size| size + 2), "nothing bad was written");
}

#[test]
fn a_bad_export_is_named_and_costs_no_good_record() {
    let mut federation = Cluster::new(&["EU"]);
    federation.start();
    federation.register_platforms("EU");
    let node = federation.node("EU");
    let token = federation.path("analyst.token");
    node.run(&["-q", "token", "issue", "--role", "analyst", "--out", arg(&token)]).good();
    let profile = project("config/import/be.toml");
    let export = fs::read_to_string(project("tests/data/units/be.csv")).expect("the sample");
    let lines: Vec<&str> = export.lines().collect();
    let import = |name: &str, content: &[u8]| {
        let path = federation.path(name);
        fs::write(&path, content).expect("written");
        let url = node.url();
        let head = ["--url", &url, "--token-file", arg(&token), "--json", "referral", "import", "--profile"];
        super::program::run(&[&head[..], &[arg(&profile), arg(&path)]].concat())
    };
    // The whole file is of another kind.
    import("latin.csv", b"id,observed_utc\nx,\xe9t\xe9\n").refused(1, &["hint:"]);
    let headless = lines[0].replace("observed_utc", "when");
    import("columns.csv", [&headless, lines[1]].join("\n").as_bytes()).refused(1, &["observed_utc"]);
    // One record is bad, the others go on.
    let huge = lines[2].replace("Assessed", &"a".repeat(10 << 20));
    let date = lines[3].replacen("2026-03-04", "2026-02-30", 1);
    let host = "i2-99999,2026-03-04T00:00:00Z,https:///watch,,video,d,3,nl,\"No host\"";
    let mixed = [lines[0], lines[1], &huge, &date, host, lines[4], ""].join("\n");
    let ended = import("mixed.csv", mixed.as_bytes());
    ended.refused(1, &["line 3", "line 4", "line 5", "mixed.rejects.csv"]);
    let summary = ended.json();
    assert_eq!((&summary["sent"], &summary["rejected"]), (&json!(2), &json!(3)), "{summary}");
    // Mended, the reject file goes in with the same profile.
    let rejects = fs::read_to_string(federation.path("mixed.rejects.csv")).expect("a reject file");
    let mended = rejects
        .replace(&"a".repeat(10 << 20), "Assessed")
        .replace("2026-02-30", "2026-03-04")
        .replace("https:///watch", "https://www.video-a.test/watch?v=qMjOiC5mAVQ");
    let ended = import("mended.csv", mended.as_bytes());
    assert_eq!(ended.json()["sent"], 3, "{}", ended.err);
}

#[test]
fn a_data_folder_in_use_is_left_alone() {
    let mut federation = Cluster::new(&["EU"]);
    federation.start();
    let node = federation.node("EU");
    let process = format!("process {}", node.process());
    node.offline(&["run"]).refused(5, &["is in use", &process, "hint: one node at a time"]);
    node.offline(&["roster", "apply", arg(&federation.path("roster.json"))]).refused(5, &["is in use"]);
    assert_eq!(node.stranger().get("/readyz").status, 200, "the first goes on");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let mut federation = Cluster::new(&["EU"]);
    let node = federation.node("EU");
    for name in ["signing.key", "cosigner.key", "transport.key"] {
        let key = node.data.keys().join(name);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("changed");
        node.offline(&["run"]).refused(4, &[name, "open to others (mode 0640)", "hint: chmod 600"]);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("changed");
    }
    federation.start();
    let token = federation.node("EU").admin_token();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o604)).expect("changed");
    federation.node("EU").run(&["status"]).refused(4, &["admin.token", "open to others"]);
}
