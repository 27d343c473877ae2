// SPDX-License-Identifier: EUPL-1.2
//! What goes wrong goes wrong in one form; tokens, pace and bounds hold.

use serde_json::json;

use super::super::ApiSettings;
use super::super::problem::Code;
use super::node::{TestNode, referral};
use crate::access::Pace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_is_a_problem() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;

    let reply = node.call("GET", "/nowhere", None).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"));
    assert_eq!(reply.json["instance"], "/nowhere");

    let reply = node.call("PUT", "/api/v1/referrals", Some(&analyst)).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (405, "method-not-allowed"));
    assert_eq!(reply.headers["allow"], "GET, POST");

    for token in [None, Some("ct_ana_0123456789012345678901234567890123456789012"), Some("x")] {
        let reply = node.call("GET", "/api/v1/status", token).send().await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"));
        assert!(reply.headers.contains_key("www-authenticate"));
    }

    let post = || node.call("POST", "/api/v1/referrals", Some(&analyst));
    let reply = post().raw("{\"unit\":").send().await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "malformed"));
    let reply = post().raw("[".repeat(5_000)).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "malformed"));
    let reply = post().header("content-type", "text/plain").send().await;
    assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported-media-type"));
    let reply = post().raw(vec![b' '; 300 << 10]).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too-large"));

    let mut body = referral("A-1", &["https://host.example/"]);
    body["surprise"] = json!(1);
    let reply = post().body(body).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (422, "invalid"));
    assert_eq!(reply.text("/errors/0/pointer"), "/surprise");
    let reply =
        post().body(referral("A-1", &["https://host.example/", "hxxps://host.example/"])).send().await;
    assert_eq!(reply.text("/errors/0/pointer"), "/items/1/url");
    let mut body = referral("A-1", &["https://host.example/"]);
    body["exception_check"] = json!({ "finding": "journalistic" });
    let reply = post().body(body).send().await;
    assert_eq!((reply.status, reply.text("/errors/0/pointer").as_str()), (422, "/exception_check/note"));

    let reply = node.get("/api/v1/referrals?unknown=1", &analyst).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "malformed"));
    let reply = node.get("/api/v1/referrals?limit=501", &analyst).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "malformed"));

    for code in Code::ALL {
        let reply = node.call("GET", &code.type_path(), None).send().await;
        assert_eq!((reply.status, reply.json["type"].as_str()), (200, Some(code.type_path().as_str())));
    }
    assert_eq!(node.call("GET", "/problems/none", None).send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_goes_too_fast_waits_and_others_do_not() {
    let settings = ApiSettings { pace: Pace { burst: 3, per_second: 1 }, ..ApiSettings::default() };
    let node = TestNode::start_with(settings).await;
    let (fast, other) = (node.token("analyst").await, node.token("analyst").await);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(node.get("/api/v1/me", &fast).await);
    }
    let limited = statuses.iter().find(|reply| reply.status == 429).expect("too fast");
    assert_eq!(limited.code(), "rate-limited");
    assert_eq!(limited.headers["retry-after"], "1");
    assert!(
        statuses[0].headers["ratelimit"].to_str().is_ok_and(|text| text.starts_with("\"default\";r=2;t="))
    );
    assert_eq!(node.get("/api/v1/me", &other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_shown_once_end_when_revoked_and_survive_a_restart() {
    let node = TestNode::start().await;
    let now = crate::engine::now();
    let keys = node.folder().join("keys");
    let path = node.access.first_administrator(&keys, now).await.expect("written").expect("a first start");
    let administrator = std::fs::read_to_string(&path).expect("read").trim_end().to_owned();
    assert_eq!(node.access.first_administrator(&keys, now).await.expect("looked"), None, "once");

    let new = json!({ "name": "Analyst 1", "role": "analyst", "expires_in_days": 30 });
    let issued = node.post("/api/v1/tokens", &administrator, new.clone()).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let (secret, id) = (issued.text("/secret"), issued.text("/token/id"));
    let kept = node.post("/api/v1/tokens", &administrator, new).await.text("/secret");
    assert_eq!(node.get("/api/v1/me", &secret).await.text("/role"), "analyst");
    let list = node.get("/api/v1/tokens?limit=2", &administrator).await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret));
    let next = list.text("/next");
    let rest = node.get(&format!("/api/v1/tokens?limit=2&cursor={next}"), &administrator).await;
    assert_eq!(
        (list.json["items"].as_array().map(Vec::len), rest.json["items"].as_array().map(Vec::len)),
        (Some(2), Some(1))
    );

    for bad in [
        json!({ "name": "", "role": "analyst" }),
        json!({ "name": "A", "role": "king" }),
        json!({ "name": "A", "role": "analyst", "expires_in_days": 0 }),
    ] {
        assert_eq!(node.post("/api/v1/tokens", &administrator, bad).await.status, 422);
    }
    for (id, status) in [(id.as_str(), 204), (id.as_str(), 204), ("t-0000000000000000", 404), ("none", 404)] {
        let reply = node.call("DELETE", &format!("/api/v1/tokens/{id}"), Some(&administrator)).send().await;
        assert_eq!(reply.status, status, "{id}");
    }
    assert_eq!(node.get("/api/v1/me", &secret).await.status, 401);

    let node = node.restart().await;
    assert_eq!(node.get("/api/v1/me", &secret).await.status, 401);
    assert_eq!(node.get("/api/v1/me", &kept).await.status, 200);
    assert_eq!(node.get("/api/v1/me", &administrator).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_read_what_is_written_down_without_addresses() {
    let node = TestNode::start().await;
    let (analyst, auditor) = (node.token("analyst").await, node.token("auditor").await);
    let entry = node.refer(&analyst, "A-1", &["https://host.example/secret-path"]).await;
    assert_eq!(node.get(&format!("/api/v1/referrals/{entry}"), &analyst).await.status, 200);
    let queries = json!({ "queries": ["https://host.example/secret-path"] });
    assert_eq!(node.post("/api/v1/lookups", &analyst, queries).await.status, 200);
    let log = node.get("/api/v1/access-log", &auditor).await;
    let lines = log.json["items"].as_array().expect("lines");
    let read = lines.iter().find(|line| line["action"] == "read_referral").expect("a line");
    assert_eq!((read["subject"].as_str(), read["name"].as_str()), (Some(entry.as_str()), Some("a analyst")));
    assert!(!String::from_utf8_lossy(&log.body).contains("secret-path"));
    let node = node.restart().await;
    let again = node.get("/api/v1/access-log?limit=500", &auditor).await;
    assert!(again.json["items"].as_array().is_some_and(|lines| lines.contains(read)), "durable");
}
