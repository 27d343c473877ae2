// SPDX-License-Identifier: EUPL-1.2
//! What keeps a node from starting, or a command from its work, and what people are told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::node::{Site, concert, project, said};

#[test]
fn a_folder_in_use_is_refused() {
    let site = Site::new();
    let _node = site.start();
    site.refused(&[]).failed(5, &["in use by process", "hint:"]);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let site = Site::new();
    let key = site.path("data/keys/signing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    site.refused(&[]).failed(4, &["open to others", "chmod 600"]);
}

#[test]
fn what_is_missing_or_wrong_is_named_with_a_way_out() {
    let site = Site::without_roster();
    site.refused(&[]).failed(3, &["no roster", "concert roster apply"]);
    let site = Site::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("http.listen={}", listener.local_addr().expect("an address"));
    site.refused(&["--set", &taken]).failed(1, &["the HTTP port", "hint:"]);
    drop(listener);
    let rules = site.text("rules.toml");
    fs::write(&rules, "version = \"x\"\n").expect("written");
    site.refused(&["--set", &format!("consolidation.rules={rules}")])
        .failed(1, &["locator rules", &rules, "hint:"]);
    site.refused(&["--set", "node.member=XX"]).failed(5, &["XX is not in the roster", "hint:"]);
    // None of it kept the node from starting afterwards.
    assert_eq!(site.start().stop("-TERM"), 0);
}

#[test]
fn an_expired_roster_lets_the_node_start_and_read() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let site = Site::ending(&soon.to_string());
    let node = site.start();
    crate::node::until("the roster to end", || {
        let status = node.said(&site.text("data/keys/admin.token"), &["--json", "status"]);
        let status: Value = serde_json::from_str(&status.out).unwrap_or_default();
        status["roster"]["expired"] == true
    });
    let status = node.said(&site.text("data/keys/admin.token"), &["status"]);
    assert_eq!(status.code, 1, "{status:?}");
    assert!(status.out.contains("FAIL") && status.err.contains("hint:"), "{status:?}");
    assert_eq!(node.stop("-TERM"), 0);
    let node = site.start();
    assert!(node.logged().contains("reading goes on"), "{}", node.logged());
}

#[test]
fn a_corrupt_store_is_set_aside_and_made_anew() {
    let site = Site::new();
    let node = site.start();
    let platforms = project("tests/data/units/platforms.json");
    site.as_role(&node, "officer", &["platform", "add", "--from", &platforms]).ok();
    let recipients = site.as_role(&node, "officer", &["--json", "platform", "list"]).json();
    assert_eq!(recipients.as_array().map(Vec::len), Some(8));
    assert_eq!(node.stop("-TERM"), 0);
    let store = site.path("data/store");
    for entry in fs::read_dir(&store).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::write(&path, vec![0x5a; 4096]).expect("written");
        }
    }
    let node = site.start();
    assert!(node.logged().contains("set aside"), "{}", node.logged());
    assert!(site.path("data/store.damaged-1").is_dir());
    assert_eq!(site.as_role(&node, "officer", &["--json", "platform", "list"]).json(), recipients);
}

#[test]
fn commands_end_with_the_status_that_belongs_to_it() {
    let site = Site::new();
    let node = site.start();
    let analyst = site.token(&node, "analyst");
    node.said(&analyst, &["token", "list"]).failed(4, &["Not allowed", "hint:"]);
    node.said(&analyst, &["referral", "show", "FR/0198c0de-0000-7000-8000-000000000000"])
        .failed(3, &["Not found"]);
    node.said(&analyst, &["referral", "show", "nonsense"]).failed(2, &["nonsense"]);
    node.said(&analyst, &["check", "neither"]).failed(2, &["mean nothing"]);
    node.said(&site.text("nobody.token"), &["status"]).failed(3, &["there is no file"]);
    assert_eq!(
        node.said(&analyst, &["--json", "referral", "list"]).json(),
        json!([]),
        "nothing found is no failure"
    );
    let id = node.said(&site.text("data/keys/admin.token"), &["--json", "token", "list"]).json();
    let id =
        id.as_array().expect("a list").iter().find(|token| token["role"] == "analyst").expect("there")["id"]
            .clone();
    let id = id.as_str().expect("an id");
    node.said(&site.text("data/keys/admin.token"), &["--yes", "token", "revoke", id]).ok();
    node.said(&analyst, &["status"]).failed(4, &["hint:"]);
    let url = node.url.clone();
    assert_eq!(node.stop("-TERM"), 0);
    said(concert().args(["--url", &url, "--token-file", &analyst, "status"]).output().expect("runs"))
        .failed(6, &["cannot be reached", "is it running?"]);
}
