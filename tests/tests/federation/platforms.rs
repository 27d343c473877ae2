// SPDX-License-Identifier: EUPL-1.2
//! What platforms and the units behind a notice see, at whatever node, while nodes come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::cluster::{Cluster, address, referral, until};

const WITHIN: Duration = Duration::from_secs(60);
const PLATFORM: &str = "recipient:paste-e";

/// Hands one referral in; its name.
fn refer(api: &Api, reference: &str, url: &str) -> String {
    let written = api.post("/api/v1/referrals", None, &referral(reference, url)).good();
    written["entry"].as_str().expect("the entry's name").to_owned()
}

/// An answer about one item.
fn removed(item: &Value) -> Value {
    json!({"items": [{"item": item, "outcome": "removed", "at": "2026-03-03T10:00:00.000000Z"}]})
}

/// Waits for an open notice to `paste-e` with so many originators and items; its document.
fn notice_with(api: &Api, originators: usize) -> Value {
    until("the notice is there", WITHIN, || {
        let notices = api.list("/api/v1/notices?recipient=paste-e&state=open");
        let found = notices.iter().find(|notice| notice["originators"] == originators)?;
        Some(api.get(&format!("/api/v1/notices/{}", found["id"].as_str()?)).good())
    })
}

#[test]
fn an_answer_reaches_every_originator() {
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    federation.start();
    federation.register_platforms("EU");
    let mut names = Vec::new();
    for code in ["FR", "DE"] {
        let analyst = federation.node(code).caller("analyst");
        names.push((code, refer(&analyst, &format!("{code}-1"), &address(1))));
    }
    let platform = federation.node("EU").caller(PLATFORM);
    let notice = notice_with(&platform, 2);
    let (id, item) = (notice["id"].as_str().expect("an id"), &notice["items"][0]["item"]);
    let answer = removed(item);
    let path = format!("/api/v1/notices/{id}/answers");
    let written = platform.post(&path, Some("one"), &answer).good();
    let again = platform.post(&path, Some("one"), &answer).good();
    assert_eq!(again["outcome"], "existing");
    assert_eq!(again["entry"], written["entry"], "the same key answers once");
    for (code, name) in &names {
        let node = federation.node(code);
        let shown = until("the originator sees the answer", WITHIN, || {
            let shown = node.run(&["--json", "referral", "show", name]).json();
            (shown["answers"][0].is_object()).then_some(shown)
        });
        assert_eq!(shown["answers"].as_array().map(Vec::len), Some(1), "{shown}");
        assert_eq!(shown["answers"][0]["notice"], id, "{code}");
        assert!(shown["answers"][0].to_string().contains("removed"), "{code}: {shown}");
        assert_eq!(shown["answers"][0]["answer"]["entry"], written["entry"], "{code}");
    }
}

#[test]
fn units_go_on_without_the_hub_and_it_catches_up() {
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    federation.start();
    federation.register_platforms("EU");
    federation.until_equal(WITHIN);
    let analysts: Vec<Api> = ["FR", "DE"].map(|code| federation.node(code).caller("analyst")).into();
    federation.node_mut("EU").stop();
    for n in 0..20 {
        for (unit, analyst) in analysts.iter().enumerate() {
            // Every other address is referred by both.
            let number = if n % 2 == 0 { n } else { 100 * (unit + 1) + n };
            refer(analyst, &format!("r{n}"), &address(number));
        }
    }
    // The units hear of each other without the hub.
    for code in ["FR", "DE"] {
        let node = federation.node(code);
        until("units replicate without the hub", WITHIN, || {
            (node.status()["node"]["counts"]["referrals"] == 40).then_some(())
        });
        assert_eq!(node.status()["node"]["counts"]["notices_open"], 0, "nobody stands in for tier 4");
    }
    federation.start();
    let hub = federation.node("EU").admin();
    until("the hub caught up and issued", WITHIN, || {
        let notices = hub.list("/api/v1/notices?state=open");
        let behind: u64 = notices.iter().filter_map(|notice| notice["originators"].as_u64()).sum();
        (notices.len() == 30 && behind == 40).then_some(())
    });
    federation.until_equal(WITHIN);
    for node in federation.nodes.values() {
        assert_eq!(node.status()["node"]["counts"]["notices_open"], 30, "{}", node.code);
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{}", node.code);
    }
}

/// Reads the feed from `cursor` on, a few events at a time, at most `pages` times.
fn read(api: &Api, mut cursor: Option<String>, pages: usize) -> (Vec<String>, Option<String>) {
    let mut notices = Vec::new();
    for _ in 0..pages {
        let at = cursor.as_ref().map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = api.get(&format!("/api/v1/feed?limit=4{at}")).good();
        let events = page["events"].as_array().expect("events");
        notices.extend(events.iter().map(|event| event["notice"]["id"].as_str().expect("an id").to_owned()));
        cursor = page["cursor"].as_str().map(str::to_owned);
        if page["more"] == false {
            break;
        }
    }
    (notices, cursor)
}

#[test]
fn a_cursor_of_one_node_goes_on_at_another() {
    let mut federation = Cluster::new(&["EU", "FR"]);
    federation.start();
    federation.register_platforms("EU");
    let analyst = federation.node("FR").caller("analyst");
    for n in 0..10 {
        refer(&analyst, &format!("r{n}"), &address(n));
    }
    until("every notice is issued", WITHIN, || {
        (federation.node("EU").status()["node"]["counts"]["notices_open"] == 10).then_some(())
    });
    federation.until_equal(WITHIN);
    let hub = federation.node("EU").caller(PLATFORM);
    let unit = federation.node("FR").caller(PLATFORM);
    let (first, cursor) = read(&hub, None, 1);
    assert_eq!(first.len(), 4);
    // The hub is gone; the platform turns to another member.
    federation.node_mut("EU").stop();
    let (rest, cursor) = read(&unit, cursor, 10);
    let all: BTreeSet<&String> = first.iter().chain(&rest).collect();
    assert_eq!((rest.len(), all.len()), (6, 10), "each notice once: {first:?} {rest:?}");
    assert_eq!(read(&unit, cursor.clone(), 1).0.len(), 0, "there is no more");
    // And back, with what happened meanwhile.
    federation.start();
    refer(&analyst, "r10", &address(10));
    let (news, _) = until("the new notice is in the feed", WITHIN, || {
        let (news, end) = read(&hub, cursor.clone(), 1);
        (!news.is_empty()).then_some((news, end))
    });
    assert_eq!(news.len(), 1);
    assert!(!all.contains(&news[0]));
}

#[test]
fn a_foreign_notice_looks_like_a_missing_one() {
    let mut federation = Cluster::new(&["EU"]);
    federation.start();
    federation.register_platforms("EU");
    let hub = federation.node("EU");
    refer(&hub.caller("officer"), "r1", &address(1));
    let own = hub.caller(PLATFORM);
    let notice = notice_with(&own, 1);
    let foreign = notice["id"].as_str().expect("an id").to_owned();
    let missing = "N-0123456789abcdef0123456789abcdef";
    let other = hub.caller("recipient:video-a");
    let item = &notice["items"][0]["item"];
    let answer = removed(item);
    let seen = |id: &str| {
        let replies = [
            other.get(&format!("/api/v1/notices/{id}")),
            other.post(&format!("/api/v1/notices/{id}/answers"), Some(id), &answer),
        ];
        replies.map(|reply| {
            reply.problem(404, "not-found");
            let mut body = reply.body;
            // What differs by the request, not by the notice.
            body.as_object_mut().expect("a problem").remove("request_id");
            let text = body.to_string();
            text.replace(id, "ID")
        })
    };
    assert_eq!(seen(&foreign), seen(missing));
    assert!(other.list("/api/v1/notices").is_empty());
    let (events, _) = read(&other, None, 10);
    assert!(events.is_empty());
    own.get(&format!("/api/v1/notices/{foreign}")).good();
}
