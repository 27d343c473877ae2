// SPDX-License-Identifier: EUPL-1.2
//! Files that a disk, a crash or a hand damaged: cut where nobody was promised anything, else put right from peers.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use concert_node::journal::{LogJournal, Record};

use super::cluster::{Cluster, address, referral, until};
use super::node::Node;

const WITHIN: Duration = Duration::from_secs(60);
const COUNT: usize = 12;

/// Hub and unit with [`COUNT`] referrals and notices, and the digest of that state.
fn federation() -> (Cluster, String) {
    let mut federation = Cluster::new(&["EU", "FR"]);
    federation.start();
    federation.register_platforms("EU");
    let analyst = federation.node("FR").caller("analyst");
    for n in 0..COUNT {
        analyst.post("/api/v1/referrals", None, &referral(&format!("r{n}"), &address(n))).good();
    }
    until("every notice is issued", WITHIN, || {
        (federation.node("EU").status()["node"]["counts"]["notices_open"] == COUNT).then_some(())
    });
    let digest = federation.until_equal(WITHIN);
    (federation, digest)
}

/// The newest file of a log.
fn segment(node: &Node, log: &str) -> PathBuf {
    let dir = node.data.logs().join(log.replace('/', "-"));
    let files = fs::read_dir(dir).expect("a log").map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().expect("a segment")
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).expect("there").len()
}

/// Turns one bit in the middle of a file.
fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("read");
    bytes[at as usize] ^= 0x40;
    fs::write(path, bytes).expect("written");
}

/// The federation is as it was, goes on, and nobody is convicted of anything.
fn goes_on(federation: &Cluster, digest: &str) {
    assert_eq!(federation.until_equal(WITHIN), digest);
    let analyst = federation.node("FR").caller("analyst");
    let again = analyst.post("/api/v1/referrals", None, &referral("r0", &address(0))).good();
    assert_eq!(again["outcome"], "existing", "what was referred is known");
    analyst.post("/api/v1/referrals", None, &referral("new", &address(500))).good();
    until("what is new has its notice", WITHIN, || {
        (federation.node("FR").status()["node"]["counts"]["notices_open"] == COUNT + 1).then_some(())
    });
    federation.until_equal(WITHIN);
    for node in federation.nodes.values() {
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{} convicts somebody", node.code);
    }
}

#[test]
fn a_damaged_index_is_set_aside_and_made_anew() {
    let (mut federation, digest) = federation();
    let node = federation.node_mut("FR");
    node.kill();
    let store = node.data.store();
    for file in ["db", "conf"] {
        fs::write(store.join(file), vec![0x5a; 70_000]).expect("written");
    }
    node.start_ready();
    assert!(node.log_text().contains("set aside"), "the operator is told");
    let aside =
        fs::read_dir(node.data.root()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let aside = aside.filter(|name| name.to_string_lossy().starts_with("store")).count();
    assert!(aside >= 2, "the damaged folder is kept for a look");
    assert_eq!(node.digest(), digest);
    goes_on(&federation, &digest);
}

#[test]
fn a_torn_end_that_was_never_signed_is_cut() {
    let (mut federation, digest) = federation();
    let node = federation.node_mut("FR");
    node.kill();
    // Half a record, as a power cut leaves it.
    let path = segment(node, "FR/1");
    let whole = len(&path);
    let mut file = File::options().write(true).open(&path).expect("opened");
    file.seek(SeekFrom::End(0)).expect("sought");
    file.write_all(&[0x01, 0xff, 0x00, 0x00, 0x13, 0x37, 0x42]).expect("written");
    drop(file);
    node.start_ready();
    assert!(node.log_text().contains("a torn tail"), "the operator is told");
    assert_eq!(len(&segment(node, "FR/1")), whole);
    // A whole record that was written, but never signed, hence never acknowledged.
    node.kill();
    let log = node.own_log();
    let (mut journal, report) = LogJournal::open(&node.data.log(&log), COUNT as u64).expect("opened");
    assert!(report.damaged.is_empty() && report.size == COUNT as u64, "{report:?}");
    journal.append(&[Record::Entry(b"nobody ever saw this".to_vec())]).expect("appended");
    drop(journal);
    node.start_ready();
    assert_eq!(node.log_state("FR/1").expect("a log")["stored"], COUNT);
    goes_on(&federation, &digest);
}

#[test]
fn a_peers_log_that_lost_its_end_is_fetched_again() {
    let (mut federation, digest) = federation();
    let hub = federation.node_mut("EU");
    hub.stop();
    let path = segment(hub, "FR/1");
    File::options().write(true).open(&path).expect("opened").set_len(len(&path) / 2).expect("cut");
    let checked = hub.offline(&["db", "check"]);
    checked.refused(7, &["FR/1", "cannot be read", "hint: start the node beside its peers"]);
    hub.start();
    goes_on(&federation, &digest);
    let hub = federation.node_mut("EU");
    assert!(hub.alarms().iter().any(|code| code == "damaged"), "{:?}", hub.alarms());
    hub.stop();
    hub.offline(&["-q", "db", "check"]).good();
}

#[test]
fn a_damaged_record_of_a_peers_log_is_asked_for_by_itself() {
    let (mut federation, digest) = federation();
    let hub = federation.node_mut("EU");
    hub.stop();
    let path = segment(hub, "FR/1");
    flip(&path, len(&path) / 2);
    hub.start();
    goes_on(&federation, &digest);
    let hub = federation.node_mut("EU");
    assert!(hub.alarms().iter().any(|code| code == "repaired"), "{:?}", hub.alarms());
    hub.stop();
    hub.offline(&["-q", "db", "check"]).good();
}

#[test]
fn a_node_whose_own_log_is_damaged_signs_nothing_until_peers_have_mended_it() {
    let (mut federation, digest) = federation();
    federation.node_mut("EU").stop();
    let unit = federation.node_mut("FR");
    unit.stop();
    let path = segment(unit, "FR/1");
    flip(&path, len(&path) / 2);
    unit.start();
    until("the door is open", WITHIN, || unit.stranger().try_get("/livez"));
    assert_eq!(unit.stranger().get("/readyz").status, 503);
    assert!(unit.alarms().iter().any(|code| code == "damaged"), "{:?}", unit.alarms());
    let analyst = unit.caller("analyst");
    let refused = analyst.post("/api/v1/referrals", None, &referral("new", &address(500)));
    refused.problem(503, "not-ready");
    let status = unit.run(&["status"]);
    status.refused(1, &[]);
    assert!(status.out.contains("not ready to sign"), "{}", status.out);
    assert!(status.out.contains("FR/1 is damaged"), "{}", status.out);
    // The hub has it.
    federation.start();
    goes_on(&federation, &digest);
    let unit = federation.node_mut("FR");
    assert!(unit.alarms().iter().any(|code| code == "repaired"), "{:?}", unit.alarms());
    unit.stop();
    unit.offline(&["-q", "db", "check"]).good();
}

#[test]
fn a_node_that_lost_its_own_entries_gets_them_back_before_it_signs() {
    let (mut federation, digest) = federation();
    let unit = federation.node_mut("FR");
    unit.stop();
    // What it signed is remembered; what it signed over is gone.
    fs::remove_dir_all(unit.data.logs()).expect("removed");
    unit.start();
    goes_on(&federation, &digest);
    let unit = federation.node_mut("FR");
    assert!(unit.alarms().iter().any(|code| code == "damaged"), "{:?}", unit.alarms());
    unit.stop();
    unit.offline(&["-q", "db", "check"]).good();
}
