// SPDX-License-Identifier: EUPL-1.2
//! The feed: notices arrive with what proves them, cursors lose nothing, coming back is delivery.

use concert_protocol::entry::{Entry, Envelope};
use concert_protocol::log::{Receipt, leaf_hash};
use serde_json::{Value, json};

use super::node::{POST, TestNode, VIDEO, referral};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_arrives_with_everything_that_proves_it() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    let kept = {
        let mut body = referral("A-2", &[VIDEO]);
        body["handling"] = json!("members");
        body
    };
    assert_eq!(node.post("/api/v1/referrals", &analyst, referral("A-1", &[VIDEO])).await.status, 201);
    assert_eq!(node.post("/api/v1/referrals", &analyst, kept).await.status, 201);
    let feed = async || node.get("/api/v1/feed?wait=5", &platform).await;
    node.until("both stand behind it", async || {
        feed().await.json["events"].as_array().is_some_and(|events| {
            events.last().is_some_and(|event| {
                event["notice"]["originators"].as_array().is_some_and(|all| all.len() == 2)
            })
        })
    })
    .await;
    let reply = feed().await;
    let event = &reply.json["events"][0];
    assert_eq!((event["type"].as_str(), event["attention"].as_bool()), (Some("notice.issued"), Some(true)));
    let notice = &event["notice"];
    assert_eq!(notice["items"][0]["url"], VIDEO);
    assert_eq!(notice["items"][0]["display"], "hxxps[:]//video-a[.]test/watch?v=abcdefghijk");
    assert_eq!(notice["originators"][0]["unit"], "Unit A");

    let key_set = node.call("GET", "/.well-known/jwks.json", None).send().await;
    let roster = node.running.engine.shared().roster();
    let key = roster.members()[0].logs[0].keys[0].key.clone();
    assert_eq!(key_set.json["keys"][0]["x"], key.to_base64url());
    for signed in notice["signed"].as_array().expect("entries") {
        let envelope = Envelope::open(signed.as_str().expect("a JWS").as_bytes()).expect("opens");
        assert_eq!(key_set.json["keys"][0]["kid"], envelope.key.to_string());
        envelope.verify(&key).expect("verifies");
        Entry::decode(&envelope).expect("reads");
    }
    let referrals = notice["referrals"].as_array().expect("referrals");
    assert_eq!(
        referrals.iter().filter(|referral| referral["jws"].is_string()).count(),
        1,
        "one is kept among members"
    );
    for referral in referrals {
        let receipt =
            Receipt::parse(referral["proof"].as_str().expect("a proof").as_bytes()).expect("a receipt");
        let leaf = match referral["jws"].as_str() {
            Some(jws) => leaf_hash(jws.as_bytes()),
            None => referral["leaf"].as_str().expect("a hash").parse().expect("a hash"),
        };
        assert_eq!(leaf.to_string(), referral["leaf"].as_str().expect("a hash"));
        receipt.verify(&leaf, "concert.example/log/eu/1", &key).expect("proved");
    }
}

/// Type and notice of every event.
fn told(reply: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = reply["events"].as_array().expect("events");
    events.iter().map(|event| (text(&event["type"]), text(&event["notice"]["id"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_with_a_cursor_goes_on_and_counts_as_delivery() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    let empty = node.get("/api/v1/feed", &platform).await;
    assert_eq!((told(&empty.json).len(), empty.json["more"].as_bool()), (0, Some(false)));
    for n in 0..3 {
        node.refer(&analyst, &format!("A-{n}"), &[&format!("https://video-a.test/watch?v=abcdefghij{n}")])
            .await;
    }
    let all = async || node.get("/api/v1/feed?wait=5", &platform).await;
    node.until("three notices", async || told(&all().await.json).len() == 3).await;
    let all = told(&all().await.json);

    let mut cursor = empty.text("/cursor");
    let mut found = Vec::new();
    loop {
        let page = node.get(&format!("/api/v1/feed?limit=1&cursor={cursor}"), &platform).await;
        found.extend(told(&page.json));
        cursor = page.text("/cursor");
        if page.json["more"] == false {
            break;
        }
    }
    assert_eq!(found, all);

    let deliveries = async |id: &str| {
        let notice = node.get("/api/v1/notices?recipient=video-a&limit=500", &analyst).await;
        let items = notice.json["items"].as_array().expect("items").clone();
        items.iter().filter(|item| item["id"] == id && item["delivered_at"].is_string()).count()
    };
    assert_eq!(deliveries(&all[2].1).await, 0, "read, but nobody came back to say so");
    let head = async || node.get("/api/v1/log/EU/1/checkpoint", &analyst).await.body;
    assert_eq!(told(&node.get(&format!("/api/v1/feed?cursor={cursor}"), &platform).await.json), []);
    for (_, notice) in &all {
        node.until("delivered", async || deliveries(notice).await == 1).await;
    }
    let before = head().await;
    assert_eq!(node.get(&format!("/api/v1/feed?cursor={cursor}"), &platform).await.status, 200);
    let node = node.restart().await;
    let again = node.get(&format!("/api/v1/feed?cursor={cursor}"), &platform).await;
    assert_eq!((again.status, told(&again.json).len()), (200, 0), "the cursor outlives a restart");
    let size = |note: &[u8]| String::from_utf8_lossy(note).lines().nth(1).map(str::to_owned);
    let after = node.get("/api/v1/log/EU/1/checkpoint", &analyst).await.body;
    assert_eq!(size(&before), size(&after), "each notice is told to be delivered once");
    assert_eq!(node.get("/api/v1/feed?cursor=AAAA", &platform).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_poll_and_a_stream_hear_of_a_notice_at_once() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    let stream = node.call("GET", "/api/v1/feed/stream", Some(&platform)).open().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    assert_eq!(stream.headers()["cache-control"], "no-store");
    let poll = node.get("/api/v1/feed?wait=15", &platform);
    let refer = node.refer(&analyst, "A-1", &[VIDEO]);
    let (poll, _) = tokio::join!(poll, refer);
    assert_eq!(told(&poll.json).len(), 1);
    let first = read_event(stream).await;
    assert_eq!(first["event"], "notice.issued");
    assert_eq!(first["id"], poll.text("/cursor"));
    let data: Value = serde_json::from_str(first["data"].as_str().expect("data")).expect("JSON");
    assert_eq!(data["notice"]["id"], told(&poll.json)[0].1);

    node.refer(&analyst, "A-2", &["https://video-a.test/watch?v=second00000"]).await;
    let resumed = node
        .call("GET", "/api/v1/feed/stream", Some(&platform))
        .header("last-event-id", first["id"].as_str().expect("an id"))
        .open()
        .await;
    let second = read_event(resumed).await;
    let data: Value = serde_json::from_str(second["data"].as_str().expect("data")).expect("JSON");
    assert_eq!(data["notice"]["items"][0]["url"], "https://video-a.test/watch?v=second00000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_token() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    let mut stream = node.call("GET", "/api/v1/feed/stream", Some(&platform)).open().await;
    stream.chunk().await.expect("a beginning");
    let id = node.get("/api/v1/me", &platform).await.text("/token");
    let administrator = node.token("administrator").await;
    let revoked = node.call("DELETE", &format!("/api/v1/tokens/{id}"), Some(&administrator)).send().await;
    assert_eq!(revoked.status, 204);
    node.refer(&analyst, "A-1", &[VIDEO]).await;
    while let Some(chunk) = stream.chunk().await.expect("a stream") {
        assert!(!String::from_utf8_lossy(&chunk).contains("notice"), "nothing more is told");
    }
}

/// The first event with data, as its fields.
async fn read_event(mut stream: reqwest::Response) -> Value {
    let mut text = String::new();
    loop {
        let chunk = stream.chunk().await.expect("a stream").expect("more");
        text.push_str(&String::from_utf8_lossy(&chunk));
        let whole = text.rsplit_once("\n\n").map(|(whole, _)| whole.to_owned()).unwrap_or_default();
        let Some(event) = whole.split("\n\n").find(|event| event.contains("data:")) else { continue };
        let mut fields = json!({});
        for line in event.lines() {
            if let Some((name, value)) = line.split_once(':') {
                fields[name] = json!(value.trim_start());
            }
        }
        return fields;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_platforms_notice_looks_like_none() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let analyst = node.token("analyst").await;
    let (a, b) = (node.token("recipient:video-a").await, node.token("recipient:social-b").await);
    node.refer(&analyst, "A-1", &[VIDEO, POST]).await;
    let (own, foreign) = (node.notice_to(&a).await, node.notice_to(&b).await);
    let id = |notice: &Value| notice["id"].as_str().expect("an id").to_owned();
    assert_eq!(node.get(&format!("/api/v1/notices/{}", id(&own)), &a).await.status, 200);
    assert_eq!(own["items"].as_array().map(Vec::len), Some(1), "only what is at this platform");
    let missing = format!("N-{}", "0".repeat(32));
    let bodies = [id(&foreign), missing, "nonsense".into()].map(|id| {
        let node = &node;
        let a = &a;
        async move {
            let mut reply = node.get(&format!("/api/v1/notices/{id}"), a).await;
            assert_eq!(reply.status, 404);
            for member in ["instance", "request_id"] {
                reply.json.as_object_mut().expect("an object").remove(member);
            }
            reply.json
        }
    });
    let [foreign_body, missing_body, nonsense_body] = bodies;
    let (foreign_body, missing_body, nonsense_body) = tokio::join!(foreign_body, missing_body, nonsense_body);
    assert_eq!(foreign_body, missing_body);
    assert_eq!(missing_body, nonsense_body);
    let list = node.get("/api/v1/notices?recipient=social-b", &a).await;
    assert_eq!(list.json["items"], json!([]));
    let list = node.get("/api/v1/notices", &a).await;
    assert_eq!((list.json["items"].as_array().map(Vec::len), list.text("/items/0/id")), (Some(1), id(&own)));
    let all = node.get("/api/v1/notices?limit=1", &analyst).await;
    let rest = node.get(&format!("/api/v1/notices?limit=1&cursor={}", all.text("/next")), &analyst).await;
    assert_ne!(all.text("/items/0/id"), rest.text("/items/0/id"));
    assert!(rest.json["next"].is_null());
}
