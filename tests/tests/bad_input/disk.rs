// SPDX-License-Identifier: EUPL-1.2
//! A full disk: nothing is taken that cannot be kept, reading goes on, and space is all it takes to go on writing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, address, referral, until};
use super::program::arg;

const WITHIN: Duration = Duration::from_secs(60);

/// A shell line that mounts a small file system over the data folder `$0`, seen by this process alone, puts the folder's
/// files there, and becomes the program. It ends with the process.
const SMALL: &str = "cp -a \"$0\" \"$0.seed\" && mount -t tmpfs -o size=24m,mode=700 tmpfs \"$0\" && cp -a \"$0.seed/.\" \"$0\" && exec \"$@\"";

fn can_mount(dir: &Path) -> bool {
    let mounted = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs \"$0\"", arg(dir)])
        .output();
    mounted.is_ok_and(|output| output.status.success())
}

/// Fills the file system until nothing more goes in.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("created");
    for block in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![7; block]).is_ok() {}
    }
}

#[test]
fn a_full_disk_refuses_and_forgets_nothing() {
    let mut federation = Cluster::new(&["EU", "FR"]);
    let scratch = federation.path("scratch");
    fs::create_dir(&scratch).expect("created");
    if !can_mount(&scratch) {
        eprintln!(
            "SKIPPED: no file system can be mounted here, so no disk was filled (needs root and unshare)"
        );
        return;
    }
    let folder = federation.node("FR").data.root().to_owned();
    let wrapper = ["unshare", "--mount", "sh", "-c", SMALL, arg(&folder)].map(str::to_owned);
    federation.node_mut("FR").wrapper = wrapper.into();
    federation.start();
    federation.register_platforms("EU");
    let unit = federation.node("FR");
    // Its files are on a file system that only it sees.
    let inside = PathBuf::from(format!("/proc/{}/root", unit.process()))
        .join(folder.strip_prefix("/").expect("absolute"));
    let admin = fs::read_to_string(inside.join("keys/admin.token")).expect("a token");
    let admin = super::api::Api::new(&unit.url(), Some(&admin));
    let issued = admin.post("/api/v1/tokens", None, &json!({"name": "t", "role": "analyst"})).good();
    let analyst = super::api::Api::new(&unit.url(), issued["secret"].as_str());
    let count = |caller: &super::api::Api| {
        caller.get("/api/v1/status").good()["node"]["counts"]["referrals"].as_u64().expect("a count")
    };
    for n in 0..3 {
        analyst.post("/api/v1/referrals", None, &referral(&format!("r{n}"), &address(n))).good();
    }
    let filler = inside.join("filler");
    fill(&filler);
    // A little may still fit into what is held back; then it is refused, and only ever for that reason.
    let mut written = 3;
    let refused = until("the disk is full", WITHIN, || {
        fill(&filler);
        let reply =
            analyst.post("/api/v1/referrals", None, &referral(&format!("r{written}"), &address(written)));
        if reply.status == 201 {
            written += 1;
            return None;
        }
        Some(reply)
    });
    refused.problem(507, "storage-full");
    let alarms = admin.list("/api/v1/alarms");
    assert!(alarms.iter().any(|alarm| alarm["code"] == "storage_full"), "{alarms:?}");
    // Reading goes on, here and for peers.
    assert_eq!(count(&analyst), written as u64);
    assert_eq!(unit.stranger().get("/livez").status, 200);
    let hub = federation.node("EU").admin();
    until("the hub has what was acknowledged", WITHIN, || (count(&hub) == written as u64).then_some(()));
    // The hub goes on writing; the unit cannot store it and stays alive.
    let officer = federation.node("EU").caller("officer");
    for n in 100..110 {
        officer.post("/api/v1/referrals", None, &referral(&format!("hub{n}"), &address(n))).good();
    }
    for _ in 0..5 {
        let reply = analyst.post("/api/v1/referrals", None, &referral("later", &address(90)));
        reply.problem(507, "storage-full");
    }
    // Space is freed: everything goes on without a restart.
    fs::remove_file(&filler).expect("removed");
    until("it writes again", WITHIN, || {
        let reply = analyst.post("/api/v1/referrals", None, &referral("later", &address(90)));
        (reply.status == 201 || reply.status == 200).then_some(())
    });
    until("both have everything", WITHIN, || {
        (count(&analyst) == written as u64 + 11 && count(&hub) == written as u64 + 11).then_some(())
    });
    let digest = |caller: &super::api::Api| {
        caller.get("/api/v1/status?digest=true").good()["node"]["state_digest"].clone()
    };
    until("both come to the same", WITHIN, || (digest(&admin) == digest(&hub)).then_some(()));
    let alarms = hub.list("/api/v1/alarms");
    assert!(!alarms.iter().any(|alarm| alarm["code"] == "equivocation"), "{alarms:?}");
    // Whether the index met the full disk too depends on what the file system had left when it grew.
    eprintln!(
        "the index failed too: {}",
        federation.node("FR").log_text().contains("the index is opened again")
    );
    federation.node_mut("FR").stop();
}
