// SPDX-License-Identifier: EUPL-1.2
//! What operators do with a data folder: check, rebuild, back up, restore, carry. Nothing of it changes what is true.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::cluster::{Cluster, address, referral, until};
use super::node::Node;
use super::program::arg;

const WITHIN: Duration = Duration::from_secs(60);

/// Two nodes that know the platforms and `count` referrals of FR.
fn federation(count: usize) -> Cluster {
    let mut federation = Cluster::new(&["EU", "FR"]);
    federation.start();
    federation.register_platforms("EU");
    refer(federation.node("FR"), 0..count);
    until("every notice is issued", WITHIN, || {
        (federation.node("EU").status()["node"]["counts"]["notices_open"] == count).then_some(())
    });
    federation.until_equal(WITHIN);
    federation
}

fn refer(node: &Node, numbers: std::ops::Range<usize>) {
    let analyst = node.caller("analyst");
    for n in numbers {
        analyst.post("/api/v1/referrals", None, &referral(&format!("r{n}"), &address(n))).good();
    }
}

/// `db check` of a stopped node finds nothing.
fn check(node: &Node) {
    let checked = node.offline(&["--json", "db", "check"]);
    assert_eq!(checked.status, 0, "{}{}", checked.out, checked.err);
    assert_eq!(checked.json()["ok"], true, "{}", checked.out);
}

fn no_two_faces(federation: &Cluster) {
    for node in federation.nodes.values() {
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{} convicts somebody", node.code);
        let logs = node.admin().list("/api/v1/log");
        assert!(logs.iter().all(|log| log["frozen"] == false), "{logs:?}");
    }
}

#[test]
fn a_rebuilt_index_says_the_same() {
    let mut federation = federation(30);
    let digest = federation.until_equal(WITHIN);
    for code in ["EU", "FR"] {
        let node = federation.node_mut(code);
        // A running node keeps its folder.
        for command in [&["db", "check"][..], &["db", "rebuild"]] {
            node.offline(command).refused(5, &["in use", "stop"]);
        }
        node.stop();
        check(node);
        let rebuilt = node.offline(&["--json", "db", "rebuild"]);
        assert!(rebuilt.json()["bytes_freed"].as_u64() > Some(0), "{}", rebuilt.out);
        check(node);
        assert!(!node.data.store().join("db").exists());
        node.start_ready();
        node.stop();
        check(node);
        node.start_ready();
        assert_eq!(node.digest(), digest, "{code}");
    }
    assert_eq!(federation.until_equal(WITHIN), digest);
    no_two_faces(&federation);
}

#[test]
fn a_node_restored_from_an_old_backup_gets_its_own_entries_back_before_it_signs() {
    let mut federation = federation(5);
    let (running, stopped) = (federation.path("running"), federation.path("stopped"));
    // While it runs, the node itself copies; the keys are kept elsewhere.
    federation
        .node("FR")
        .run(&["-q", "--data", arg(federation.node("FR").data.root()), "db", "backup", arg(&running)])
        .good();
    assert!(!running.join("keys").exists(), "no secret leaves with a backup");
    refer(federation.node("FR"), 5..25);
    federation.until_equal(WITHIN);
    let head = |node: &Node| node.log_state("FR/1").and_then(|log| log["head"].as_u64()).expect("a head");
    let before = head(federation.node("EU"));
    let kept = federation.path("keys");
    fs::create_dir(&kept).expect("created");

    let node = federation.node_mut("FR");
    node.stop();
    node.offline(&["-q", "db", "backup", "--keys", arg(&stopped)]).good();
    node.offline(&["db", "restore", arg(&running)]).refused(5, &["not empty"]);
    for name in ["keys", "config.toml"] {
        fs::rename(node.data.root().join(name), kept.join(name)).expect("moved");
    }
    fs::remove_dir_all(node.data.root()).expect("the disk is gone");
    let restored = node.offline(&["--json", "db", "restore", arg(&running)]);
    assert_eq!(restored.json()["keys"], false, "{}", restored.out);
    assert!(restored.err.contains("asks its peers"), "{}", restored.err);
    for name in ["keys", "config.toml"] {
        fs::remove_dir_all(node.data.root().join(name)).unwrap_or_default();
        fs::rename(kept.join(name), node.data.root().join(name)).expect("moved back");
    }
    node.start_ready();
    assert!(head(node) >= before, "ready before it had its own entries back");
    assert!(node.alarms().iter().any(|code| code == "amnesia"), "the operator is told");
    // It knows again what it referred, so that nothing is sent twice, and goes on.
    let analyst = node.caller("analyst");
    let again = analyst.post("/api/v1/referrals", None, &referral("r24", &address(24))).good();
    assert_eq!(again["outcome"], "existing", "{again}");
    refer(node, 25..30);
    until("what is new has notices", WITHIN, || {
        (federation.node("EU").status()["node"]["counts"]["notices_open"] == 30).then_some(())
    });
    federation.until_equal(WITHIN);
    no_two_faces(&federation);

    // A backup that was made with the keys is a whole node.
    let manifest = fs::read_to_string(stopped.join("manifest")).expect("a manifest");
    assert!(manifest.contains("keys/signing.key"), "{manifest}");
    fs::write(stopped.join("signed-state"), b"something else").expect("written");
    let other = federation.path("other");
    let refused = super::program::run(&["--data", arg(&other), "db", "restore", arg(&stopped)]);
    refused.refused(7, &["differs from the backup's manifest"]);
    assert!(!other.exists(), "nothing was written");
}

#[test]
fn a_hub_restored_from_an_old_backup_takes_no_notice_back() {
    let mut federation = federation(5);
    let backup = federation.path("backup");
    let root = federation.node("EU").data.root().to_owned();
    federation.node("EU").run(&["-q", "--data", arg(&root), "db", "backup", arg(&backup)]).good();
    refer(federation.node("FR"), 5..40);
    until("every notice is issued", WITHIN, || {
        (federation.node("FR").status()["node"]["counts"]["notices_open"] == 40).then_some(())
    });
    let digest = federation.until_equal(WITHIN);
    let kept = federation.path("kept");
    let hub = federation.node_mut("EU");
    hub.kill();
    fs::rename(&root, &kept).expect("moved");
    hub.offline(&["-q", "db", "restore", arg(&backup)]).good();
    for name in ["keys", "config.toml"] {
        fs::rename(kept.join(name), root.join(name)).expect("moved");
    }
    // Its own notices come back beside the referrals that they rest on, in whatever order.
    hub.start_ready();
    assert_eq!(federation.until_equal(WITHIN), digest, "nothing was written but what was lost");
    refer(federation.node("FR"), 40..42);
    until("it goes on", WITHIN, || {
        let counts = federation.node("FR").status()["node"]["counts"].clone();
        assert_eq!(counts["notices_withdrawn"], 0, "{counts}");
        (counts["notices_open"] == 42).then_some(())
    });
    no_two_faces(&federation);
}

#[test]
fn logs_travel_as_plain_files() {
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    for code in ["EU", "FR"] {
        federation.node_mut(code).start();
    }
    federation.node_mut("EU").ready();
    federation.register_platforms("EU");
    federation.node_mut("FR").ready();
    refer(federation.node("FR"), 0..30);
    until("every notice is issued", WITHIN, || {
        (federation.node("EU").status()["node"]["counts"]["notices_open"] == 30).then_some(())
    });
    let digest = federation.until_equal(WITHIN);
    let files = federation.path("files");
    federation.node("EU").offline(&["db", "export", arg(&files)]).refused(5, &["in use"]);
    federation.node_mut("EU").stop();
    federation.node("EU").offline(&["-q", "db", "export", arg(&files)]).good();

    // A new node takes them before it ever saw a peer, and believes signatures alone.
    let new = federation.node("DE");
    let names = ["EU-1.ndjson", "FR-1.ndjson"].map(|name| files.join(name));
    let text = fs::read_to_string(&names[0]).expect("an export");
    let (forged, lines) = (files.join("forged.ndjson"), text.lines().collect::<Vec<_>>());
    let swapped = [lines[0], &lines[2].replace("\"index\":1", "\"index\":0")].join("\n");
    fs::write(&forged, swapped).expect("written");
    new.offline(&["db", "import", arg(&forged)]).refused(7, &["is not what its author signed"]);
    let imported = new.offline(&["--json", "db", "import", arg(&names[0]), arg(&names[1])]);
    assert_eq!(imported.status, 0, "{}", imported.err);
    let rows = imported.json();
    assert_eq!(rows[1]["new"], 30, "{rows}");
    assert!(
        rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["new"] == row["records"])),
        "{rows}"
    );
    let again = new.offline(&["--json", "db", "import", arg(&names[1])]).json();
    assert_eq!(again[0]["new"], 0, "{again}");
    check(new);
    federation.node_mut("FR").stop();
    let new = federation.node_mut("DE");
    new.start_ready();
    assert_eq!(new.digest(), digest, "it knows everything without having met anybody");
    federation.start();
    assert_eq!(federation.until_equal(WITHIN), digest);
    let audit: Value = federation.node("FR").run(&["--json", "log", "check"]).json();
    assert!(audit.as_array().is_some_and(|logs| logs.iter().all(|log| log["ok"] == true)), "{audit}");
    no_two_faces(&federation);
}
