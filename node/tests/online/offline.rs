// SPDX-License-Identifier: EUPL-1.2
//! What is done with the data folder and with signed files, away from a running node.

use std::fs;

use serde_json::{Value, json};

use crate::node::{Running, Site, project};

const ITEM: &str = "https://paste-e.test/abcdefgh";

/// A node with one referral, and the referral's name.
fn with_one_referral() -> (Site, Running, String) {
    let site = Site::new();
    let node = site.start();
    let platforms = project("tests/data/units/platforms.json");
    site.as_role(&node, "officer", &["platform", "add", "--from", &platforms]).ok();
    let file = site.text("referral.json");
    let referral = json!({
        "unit": "Unit A", "reference": "A-1", "detected_at": "2026-11-20T08:00:00.000000Z", "items": [{"url": ITEM}],
        "content_type": "text", "reasons": "Instructs.", "types": ["d"], "exception_check": {"finding": "none"}, "tier": 3,
        "handling": "recipient", "retention": {"class": "standard"}, "source": "own_monitoring",
    });
    fs::write(&file, referral.to_string()).expect("written");
    let written = site.as_role(&node, "analyst", &["--json", "referral", "create", &file]).json();
    let name = written["entry"].as_str().expect("a name").to_owned();
    (site, node, name)
}

#[test]
fn a_referral_is_verified_without_a_node_and_a_changed_one_is_not() {
    let (site, node, referral) = with_one_referral();
    let folder = site.text("out");
    let written =
        site.as_role(&node, "analyst", &["--json", "referral", "export", &referral, &folder]).json();
    assert_eq!(node.stop("-TERM"), 0);
    let jws = written[0]["jws"].as_str().expect("a file");
    let keys = site.text("out/jwks.json");
    for trust in [&["--jwks", keys.as_str()][..], &[]] {
        let verified = site.offline(&[&["--json", "referral", "verify", jws], trust].concat()).json();
        assert_eq!((&verified["valid"], &verified["entry"]), (&json!(true), &json!(referral)));
        assert_eq!(verified["receipt"]["log"], "EU/1", "{verified}");
    }
    let mut bytes = fs::read(jws).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    let tampered = site.text("tampered.jws");
    fs::write(&tampered, bytes).expect("written");
    site.offline(&["referral", "verify", &tampered])
        .failed(7, &["the signature does not match", "cause: payload digest", "hint:"]);
    let proof = written[0]["proof"].as_str().expect("a file");
    site.offline(&["log", "check-proof", proof, "--entry", jws]).ok();
    site.offline(&["log", "check-proof", proof, "--entry", &tampered]).failed(7, &["hint:"]);
    site.offline(&["log", "convict", jws]).failed(7, &["no evidence"]);
}

#[test]
fn logs_are_checked_over_the_api_and_on_the_disk() {
    let (site, node, _) = with_one_referral();
    let remote: Value = site.as_role(&node, "analyst", &["--json", "log", "check"]).json();
    assert_eq!((&remote[0]["log"], &remote[0]["ok"]), (&json!("EU/1"), &json!(true)));
    site.offline(&["db", "check"]).failed(5, &["in use by process", "stop the node"]);
    assert_eq!(node.stop("-TERM"), 0);
    let local = site.offline(&["--json", "db", "check"]).json();
    assert_eq!((&local["ok"], &local["logs"][0]["ok"]), (&json!(true), &json!(true)));
    assert!(
        local["logs"][0]["stored"].as_u64() >= remote[0]["stored"].as_u64(),
        "a notice may have come meanwhile"
    );

    // One flipped bit in a record, and nothing else says that all is well.
    let segment = site.path("data/logs/EU-1/0000000000000000.seg");
    let mut bytes = fs::read(&segment).expect("read");
    bytes[200] ^= 1;
    fs::write(&segment, bytes).expect("written");
    site.offline(&["db", "check"]).failed(7, &["cannot be read", "hint:"]);
    site.offline(&["log", "check", "--offline"]).failed(7, &["EU/1"]);
}

#[test]
fn a_backup_of_a_running_node_is_restored_and_a_log_is_carried_over() {
    let (site, node, _) = with_one_referral();
    let backup = site.text("backup");
    node.said(&site.text("data/keys/admin.token"), &["db", "backup", &backup]).ok();
    assert_eq!(node.stop("-TERM"), 0);
    site.offline_on("data", &["db", "restore", &backup]).failed(5, &["not empty"]);
    site.offline_on("copy", &["db", "restore", &backup]).ok();
    site.offline_on("copy", &["--json", "db", "check"]).ok();

    let exported = site.text("exported");
    site.offline(&["db", "export", &exported]).ok();
    let file = site.text("exported/EU-1.ndjson");
    let empty = Site::without_roster();
    empty.offline(&["roster", "apply", &site.text("roster.json"), "--yes"]).ok();
    let imported = empty.offline(&["--json", "db", "import", &file]).json();
    assert_eq!(imported[0]["new"], imported[0]["records"]);
    assert_eq!(empty.offline(&["--json", "db", "import", &file]).json()[0]["new"], 0);
    let checked = empty.offline(&["--json", "db", "check"]).json();
    assert_eq!(checked["logs"][0]["stored"], imported[0]["records"]);

    let text = fs::read_to_string(&file).expect("read");
    let other = text.replacen("\"entry\":\"eyJ", "\"entry\":\"eyK", 1);
    fs::write(&file, other).expect("written");
    empty.offline(&["db", "import", &file]).failed(7, &["not what its author signed"]);
}
