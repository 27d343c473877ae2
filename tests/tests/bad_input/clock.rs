// SPDX-License-Identifier: EUPL-1.2
//! A clock that is a day off: noticed by those who hear it, and harmless.

use std::process::Command;
use std::time::Duration;

use super::cluster::{Cluster, address, referral, until};

const WITHIN: Duration = Duration::from_secs(60);

/// What a process needs in its environment to have a wrong clock; `None` where `faketime` is not installed.
fn wrong_clock(offset: &str) -> Option<Vec<(String, String)>> {
    // The program itself would stand between the test and the node.
    let output = Command::new("faketime").args(["-f", offset, "env"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = |name: &str| {
        text.lines()
            .find_map(|line| Some((name.to_owned(), line.strip_prefix(name)?.strip_prefix('=')?.to_owned())))
    };
    // Waiting is done by the other clock, which nobody set wrong.
    let monotonic = ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned());
    Some(vec![line("LD_PRELOAD")?, line("FAKETIME")?, monotonic])
}

fn a_day_off(offset: &str) {
    let Some(environment) = wrong_clock(offset) else {
        eprintln!("SKIPPED: faketime is not installed, so no clock was set wrong (apt-get install faketime)");
        return;
    };
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    federation.node_mut("FR").environment = environment;
    federation.start();
    federation.register_platforms("EU");
    for code in ["FR", "DE"] {
        let analyst = federation.node(code).caller("analyst");
        for n in 0..5 {
            analyst.post("/api/v1/referrals", None, &referral(&format!("r{n}"), &address(n))).good();
        }
    }
    for code in ["EU", "DE"] {
        let node = federation.node(code);
        let alarm = until("the wrong clock is noticed", WITHIN, || {
            let alarms = node.admin().list("/api/v1/alarms");
            alarms.into_iter().find(|alarm| alarm["code"] == "clock_skew")
        });
        let message = alarm["message"].as_str().expect("a message");
        assert!(message.contains("FR") && message.contains("86"), "{code}: {message}");
    }
    until("everything has its notice", WITHIN, || {
        let notices = federation.node("EU").admin().list("/api/v1/notices?state=open");
        (notices.len() == 5 && notices.iter().all(|notice| notice["originators"] == 2)).then_some(())
    });
    federation.until_equal(WITHIN);
    // Put right, it goes on.
    let node = federation.node_mut("FR");
    node.stop();
    node.environment.clear();
    node.start_ready();
    let analyst = node.caller("analyst");
    assert_eq!(
        analyst.post("/api/v1/referrals", None, &referral("r0", &address(0))).good()["outcome"],
        "existing"
    );
    analyst.post("/api/v1/referrals", None, &referral("new", &address(50))).good();
    until("what is new has its notice", WITHIN, || {
        (federation.node("FR").status()["node"]["counts"]["notices_open"] == 6).then_some(())
    });
    federation.until_equal(WITHIN);
    for node in federation.nodes.values() {
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{}", node.code);
    }
}

#[test]
fn a_clock_a_day_behind_is_noticed_and_harmless() {
    a_day_off("-1d");
}

#[test]
fn a_clock_a_day_ahead_is_noticed_and_harmless() {
    a_day_off("+1d");
}
