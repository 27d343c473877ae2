// SPDX-License-Identifier: EUPL-1.2
//! Answers: per item, once, by the recipient itself or by an officer who says why.

use concert_protocol::encoding::base64url_encode;
use concert_protocol::key::SecretKey;
use serde_json::{Value, json};

use super::node::{POST, TestNode, VIDEO, recipient};

const AT: &str = "2026-11-22T08:02:41.000000Z";

fn removed(item: &Value) -> Value {
    json!({ "items": [{ "item": item, "outcome": "removed", "at": AT }] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_given_once_and_reaches_the_originator() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    let entry = node.refer(&analyst, "A-1", &[VIDEO]).await;
    let notice = node.notice_to(&platform).await;
    let item = &notice["items"][0]["item"];
    let path = format!("/api/v1/notices/{}/answers", notice["id"].as_str().expect("an id"));
    let answer = |body: Value| node.call("POST", &path, Some(&platform)).body(body);

    assert_eq!(answer(removed(item)).send().await.code(), "idempotency-key-missing");
    let first = answer(removed(item)).key("a-1").send().await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = answer(removed(item)).key("a-1").send().await;
    assert_eq!((again.status, again.text("/entry")), (200, first.text("/entry")));
    let other = json!({ "items": [{ "item": item, "outcome": "kept", "at": AT, "reason": "News." }] });
    assert_eq!(answer(other).key("a-1").send().await.code(), "idempotency-key-reused");

    let foreign = json!({ "items": [{ "item": "00".repeat(16), "outcome": "removed", "at": AT }] });
    assert_eq!(answer(foreign).key("a-2").send().await.text("/errors/0/pointer"), "/items/0/item");
    let unexplained = json!({ "items": [{ "item": item, "outcome": "kept", "at": AT }] });
    assert_eq!(answer(unexplained).key("a-3").send().await.status, 422);
    let noted = json!({ "items": [{ "item": item, "outcome": "removed", "at": AT }], "note": "By phone." });
    assert_eq!(answer(noted.clone()).key("a-4").send().await.text("/errors/0/pointer"), "/note");

    let read = node.get(&format!("/api/v1/referrals/{entry}"), &analyst).await;
    assert_eq!(read.text("/answers/0/answer/outcome"), "removed");
    let lookup = node.post("/api/v1/lookups", &analyst, json!({ "queries": [VIDEO] })).await;
    assert_eq!(lookup.text("/results/0/hits/0/answer"), "removed");

    let (officer, auditor) = (node.token("officer").await, node.token("auditor").await);
    let bare = node.post(&path, &officer, removed(item)).await;
    assert_eq!((bare.status, bare.text("/errors/0/pointer").as_str()), (422, "/note"));
    let on_behalf = node.post(&path, &officer, noted).await;
    assert_eq!(on_behalf.status, 201, "{on_behalf:?}");
    let log = node.get("/api/v1/access-log", &auditor).await;
    let lines = log.json["items"].as_array().expect("lines");
    assert!(lines.iter().any(|line| line["action"] == "answer_on_behalf" && line["note"] == "By phone."));

    let node = node.restart().await;
    let again = node.call("POST", &path, Some(&platform)).key("a-1").body(removed(item)).send().await;
    assert_eq!((again.status, again.text("/entry")), (200, first.text("/entry")), "after a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_answers_tells_own_from_foreign_by_nothing() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let analyst = node.token("analyst").await;
    let (a, b) = (node.token("recipient:video-a").await, node.token("recipient:social-b").await);
    node.refer(&analyst, "A-1", &[VIDEO, POST]).await;
    let (own, foreign) = (node.notice_to(&a).await, node.notice_to(&b).await);
    let answer = |notice: &Value, item: &Value| json!({ "notice": notice, "items": [{ "item": item, "outcome": "acknowledged", "at": AT }] });
    let item = &own["items"][0]["item"];
    let missing = json!(format!("N-{}", "0".repeat(32)));
    let batch = json!({ "answers": [answer(&own["id"], item), answer(&foreign["id"], item), answer(&missing, item), {}] });
    let reply =
        node.call("POST", "/api/v1/answers:batch", Some(&a)).key("b-1").body(batch.clone()).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!((reply.json["created"].as_u64(), reply.json["refused"].as_u64()), (Some(1), Some(3)));
    assert_eq!(reply.json["results"][1], reply.json["results"][2], "another's looks like none");
    let again = node.call("POST", "/api/v1/answers:batch", Some(&a)).key("b-1").body(batch).send().await;
    assert_eq!((again.json["created"].as_u64(), again.json["existing"].as_u64()), (Some(0), Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_answer_must_say_the_same_under_the_registered_key() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let key = SecretKey::from_seed(&[5; 32]);
    let mut record = recipient("video-a", "video-a.test");
    record["key"] = json!(key.public().to_string());
    let officer = node.token("officer").await;
    assert_eq!(node.post("/api/v1/recipients", &officer, record.clone()).await.status, 201, "updated");
    assert_eq!(node.post("/api/v1/recipients", &officer, record).await.text("/outcome"), "existing");
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    node.refer(&analyst, "A-1", &[VIDEO]).await;
    let notice = node.notice_to(&platform).await;
    let mut answer = removed(&notice["items"][0]["item"]);
    let sign = |payload: &Value, key: &SecretKey| {
        let input = format!(
            "{}.{}",
            base64url_encode(br#"{"alg":"EdDSA"}"#),
            base64url_encode(payload.to_string().as_bytes())
        );
        format!("{input}.{}", base64url_encode(&key.sign(input.as_bytes())))
    };
    let payload = json!({ "notice": notice["id"], "items": answer["items"] });
    let mut elsewhere = payload.clone();
    elsewhere["items"][0]["outcome"] = json!("disabled");
    let path = format!("/api/v1/notices/{}/answers", notice["id"].as_str().expect("an id"));
    for wrong in [sign(&payload, &SecretKey::from_seed(&[6; 32])), sign(&elsewhere, &key), "x".into()] {
        answer["signed"] = json!(wrong);
        let reply = node.post(&path, &platform, answer.clone()).await;
        assert_eq!((reply.status, reply.text("/errors/0/pointer").as_str()), (422, "/signed"));
    }
    answer["signed"] = json!(sign(&payload, &key));
    assert_eq!(node.post(&path, &platform, answer).await.status, 201);
    let read =
        node.get(&format!("/api/v1/notices/{}", notice["id"].as_str().expect("an id")), &platform).await;
    assert_eq!(read.json["answers"][0]["signed"], true);
}
