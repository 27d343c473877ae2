// SPDX-License-Identifier: EUPL-1.2
//! A roster that ran out: nobody gets new privileges, everything else goes on.

use std::time::Duration;

use concert_node::engine::now;
use concert_protocol::time::Timestamp;
use serde_json::json;

use super::cluster::{Cluster, DAY, address, referral, until};
use super::program::arg;

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn an_expired_roster_stops_new_notices_and_nothing_else() {
    let ago = |days: u32| Timestamp::from_micros(now().as_micros() - i64::from(days) * 86_400_000_000);
    let mut federation = Cluster::with(&["EU", "FR"], &[], ago(30), ago(1));
    federation.start();
    let hub = federation.node("EU");
    assert!(hub.log_text().contains("expired"), "the log of the start says so");
    let status = hub.run(&["status"]);
    status.refused(1, &["concert roster apply FILE"]);
    assert!(status.out.contains("has ended") && status.out.contains("FAIL"), "{}", status.out);
    let platform = json!({"recipient": "paste-e", "name": "Paste E", "role": "hosting", "domains": ["paste-e.test"], "established": "PL"});
    let refused = hub.caller("officer").post("/api/v1/recipients", None, &platform);
    refused.problem(503, "roster-expired");
    assert!(
        refused.body["detail"].as_str().is_some_and(|text| text.contains("new version")),
        "{}",
        refused.body
    );
    // Units refer and replicate as before.
    let analyst = federation.node("FR").caller("analyst");
    analyst.post("/api/v1/referrals", None, &referral("r1", &address(1))).good();
    until("the referral is at the hub", WITHIN, || {
        (hub.status()["node"]["counts"]["referrals"] == 1).then_some(())
    });
    federation.until_equal(WITHIN);

    // The next version puts everything right, without a restart.
    let next = federation.next_roster(now().plus(DAY * 365), |_| {});
    for code in ["EU", "FR"] {
        let body = serde_json::from_slice(next.bytes()).expect("a roster is JSON");
        let applied = federation.node(code).admin().post("/api/v1/roster", None, &body);
        // Signatures are over the payload, which is a text in the file; the file itself may be written anew.
        assert_eq!(applied.status, 200, "{}", applied.body);
    }
    federation.register_platforms("EU");
    until("the notice is issued", WITHIN, || {
        (federation.node("FR").status()["node"]["counts"]["notices_open"] == 1).then_some(())
    });
    federation.node("EU").run(&["status"]).good();
    let file = federation.path("old.json");
    std::fs::write(&file, federation.roster.bytes()).expect("written");
    federation.node_mut("FR").stop();
    // A version from before is no way back.
    federation.node("FR").offline(&["--yes", "roster", "apply", arg(&file)]).refused(5, &[]);
}
