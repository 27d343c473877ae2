// SPDX-License-Identifier: EUPL-1.2
//! Referring, correcting, withdrawing, drafting, holding, looking up and paging.

use serde_json::{Value, json};

use super::node::{POST, TestNode, VIDEO, referral};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_makes_a_referral_once_and_for_all() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    let created = node.post("/api/v1/referrals", &analyst, referral("A-1", &[VIDEO])).await;
    assert_eq!((created.status, created.text("/outcome").as_str()), (201, "created"));
    let entry = created.text("/entry");
    assert_eq!(created.headers["location"], format!("/api/v1/referrals/{entry}"));
    let again = node.post("/api/v1/referrals", &analyst, referral("A-1", &[VIDEO])).await;
    assert_eq!((again.status, again.text("/outcome").as_str()), (200, "existing"));
    assert_eq!((again.text("/entry"), again.text("/at")), (entry.clone(), created.text("/at")));
    let other = node.post("/api/v1/referrals", &analyst, referral("A-1", &[POST])).await;
    assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
    assert!(other.text("/detail").contains(&format!("/api/v1/referrals/{entry}/amendment")));

    let path = format!("/api/v1/referrals/{entry}");
    let read = node.get(&path, &analyst).await;
    assert_eq!(read.json["document"]["items"][0]["url"], VIDEO);
    assert_eq!(read.json["items"][0]["display"], "hxxps[:]//video-a[.]test/watch?v=abcdefghijk");
    assert_eq!(read.text("/summary/state"), "standing");
    let jws = node.call("GET", &path, Some(&analyst)).header("accept", "application/jose").send().await;
    assert_eq!(jws.headers["content-type"], "application/jose");
    assert_eq!(jws.body.split(|b| *b == b'.').count(), 3);

    let amendment = json!({ "replacement": referral("A-1", &[VIDEO, POST]), "reason": "One more address." });
    let amended = node.post(&format!("{path}/amendment"), &analyst, amendment).await;
    assert_eq!(amended.status, 201, "{amended:?}");
    let again = node.post("/api/v1/referrals", &analyst, referral("A-1", &[VIDEO, POST])).await;
    assert_eq!((again.status, again.text("/outcome").as_str()), (200, "existing"), "as it now reads");
    assert_eq!(node.get(&path, &analyst).await.json["items"].as_array().map(Vec::len), Some(2));

    let node = node.restart().await;
    let again = node.post("/api/v1/referrals", &analyst, referral("A-1", &[VIDEO])).await;
    assert_eq!((again.status, again.text("/entry")), (200, entry), "after a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_is_needed_kept_and_held_to_its_content() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    let entry = node.refer(&analyst, "A-1", &[VIDEO]).await;
    let path = format!("/api/v1/referrals/{entry}/withdrawal");
    let withdraw = |reason: &str| node.call("POST", &path, Some(&analyst)).body(json!({ "reason": reason }));
    let missing = withdraw("Mistake.").send().await;
    assert_eq!((missing.status, missing.code().as_str()), (400, "idempotency-key-missing"));
    let first = withdraw("Mistake.").key("k-1").send().await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = withdraw("Mistake.").key("\"k-1\"").send().await;
    assert_eq!((again.status, again.text("/entry")), (200, first.text("/entry")), "quoted or not");
    let reused = withdraw("Another reason.").key("k-1").send().await;
    assert_eq!((reused.status, reused.code().as_str()), (422, "idempotency-key-reused"));
    let twice = withdraw("Mistake.").key("k-2").send().await;
    assert_eq!((twice.status, twice.code().as_str()), (409, "conflict"), "withdrawn already");
    assert_eq!(
        node.get(&format!("/api/v1/referrals/{entry}"), &analyst).await.text("/summary/state"),
        "withdrawn"
    );
    let endorse = json!({ "unit": "Unit B", "reference": "B-1" });
    let own = node.post(&format!("/api/v1/referrals/{entry}/endorsement"), &analyst, endorse).await;
    assert_eq!(own.status, 409, "withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regression_a_withdrawn_referral_is_not_said_to_stand() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    let entry = node.refer(&analyst, "A-1", &[VIDEO]).await;
    let stands = node.post("/api/v1/referrals", &analyst, referral("A-1", &[POST])).await.text("/detail");
    assert!(stands.contains("/amendment"), "{stands}");
    let reason = json!({ "reason": "A mistake" });
    let path = format!("/api/v1/referrals/{entry}/withdrawal");
    assert_eq!(node.post(&path, &analyst, reason).await.status, 201);
    let again = node.post("/api/v1/referrals", &analyst, referral("A-1", &[POST])).await;
    let detail = again.text("/detail");
    assert_eq!(again.status, 409, "{detail}");
    assert!(detail.contains("withdrawn") && !detail.contains("/amendment"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_judges_each_record_by_itself() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    node.refer(&analyst, "A-1", &[VIDEO]).await;
    let mut wrong = referral("A-3", &[VIDEO]);
    wrong["tier"] = json!(9);
    let mut site = referral("A-4", &["https://host.example/"]);
    site["content_type"] = json!("site");
    let batch = json!({ "referrals": [
        referral("A-1", &[VIDEO]), referral("A-1", &[POST]), referral("A-2", &[POST]), wrong, site, referral("A-2", &[POST])
    ]});
    let reply = node.post("/api/v1/referrals:batch", &analyst, batch.clone()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let outcomes = |json: &Value| -> Vec<String> {
        let results = json["results"].as_array().expect("results");
        results.iter().map(|result| result["outcome"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(outcomes(&reply.json), ["existing", "changed", "created", "refused", "draft", "existing"]);
    assert_eq!(reply.json["results"][3]["problem"]["errors"][0]["pointer"], "/tier");
    assert_eq!(reply.json["results"][2]["entry"], reply.json["results"][5]["entry"]);
    assert_eq!((reply.json["created"].as_u64(), reply.json["refused"].as_u64()), (Some(1), Some(1)));
    let again = node.post("/api/v1/referrals:batch", &analyst, batch).await;
    assert_eq!(outcomes(&again.json), ["existing", "changed", "existing", "refused", "draft", "existing"]);
    let endorsements = json!({ "endorsements": [
        { "referral": reply.json["results"][2]["entry"], "unit": "Unit B", "reference": "B-1" },
        { "referral": "FR/018bcfe5-6800-7fff-bfff-ffffffffffff", "unit": "Unit B", "reference": "B-2" },
        { "referral": 7 }
    ]});
    let reply = node.post("/api/v1/endorsements:batch", &analyst, endorsements).await;
    assert_eq!(outcomes(&reply.json), ["refused", "refused", "refused"], "own, unknown, malformed");
    let too_many = json!({ "referrals": vec![json!({}); 501] });
    assert_eq!(node.post("/api/v1/referrals:batch", &analyst, too_many).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_needs_a_second_person() {
    let node = TestNode::start().await;
    let (author, other, analyst) =
        (node.token("approver").await, node.token("approver").await, node.token("analyst").await);
    let mut site = referral("S-1", &["https://host.example/"]);
    site["content_type"] = json!("site");
    let put = node.post("/api/v1/referrals", &author, site.clone()).await;
    assert_eq!((put.status, put.text("/outcome").as_str()), (202, "draft"));
    let draft = put.text("/draft");
    assert_eq!(
        node.post("/api/v1/referrals", &analyst, site.clone()).await.text("/draft"),
        draft,
        "the same draft"
    );
    let list = node.get("/api/v1/drafts?state=waiting", &analyst).await;
    assert_eq!(list.json["items"][0]["display"][0], "hxxps[:]//host[.]example/");

    let approval = format!("/api/v1/drafts/{draft}/approval");
    let own = node.post(&approval, &author, json!({})).await;
    assert_eq!((own.status, own.code().as_str()), (403, "forbidden"), "its own author");
    assert_eq!(node.post(&approval, &analyst, json!({})).await.status, 403, "no approver");
    assert_eq!(
        node.get("/api/v1/referrals", &analyst).await.json["items"],
        json!([]),
        "nothing left the node"
    );
    let node = node.restart().await;
    let approved = node.post(&approval, &other, json!({ "reason": "Checked." })).await;
    assert_eq!(approved.status, 201, "{approved:?}");
    assert_eq!(node.post(&approval, &other, json!({ "reason": "Checked." })).await.status, 200, "again");
    let again = node.post("/api/v1/referrals", &author, site.clone()).await;
    assert_eq!((again.status, again.text("/entry")), (200, approved.text("/entry")));
    let reject =
        node.post(&format!("/api/v1/drafts/{draft}/rejection"), &other, json!({ "reason": "No." })).await;
    assert_eq!(reject.status, 409);

    site["reference"] = json!("S-2");
    let second = node.post("/api/v1/referrals", &author, site.clone()).await.text("/draft");
    let reject = node
        .post(&format!("/api/v1/drafts/{second}/rejection"), &other, json!({ "reason": "Not a site." }))
        .await;
    assert_eq!((reject.status, reject.text("/state").as_str()), (200, "rejected"));
    site["reasons"] = json!("Mended.");
    assert_eq!(node.post("/api/v1/referrals", &author, site).await.status, 202, "a mended one waits anew");

    let entry = node.refer(&author, "A-1", &[VIDEO]).await;
    let mut replacement = referral("A-1", &[VIDEO]);
    replacement["content_type"] = json!("collection");
    let amendment = json!({ "replacement": replacement, "reason": "It is a collection." });
    let around = node.post(&format!("/api/v1/referrals/{entry}/amendment"), &author, amendment).await;
    assert_eq!(
        (around.status, around.text("/errors/0/pointer").as_str()),
        (422, "/replacement/content_type")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_page_without_loss_and_filter() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    let mut entries = Vec::new();
    for n in 0..5 {
        entries.push(node.refer(&analyst, &format!("A-{n}"), &[&format!("https://host.example/{n}")]).await);
    }
    let withdrawn = format!("/api/v1/referrals/{}/withdrawal", entries[1]);
    assert_eq!(node.post(&withdrawn, &analyst, json!({ "reason": "Mistake." })).await.status, 201);
    for (order, expected) in
        [("oldest", entries.clone()), ("newest", entries.iter().rev().cloned().collect())]
    {
        let mut path = format!("/api/v1/referrals?order={order}&limit=2");
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = node.get(&path, &analyst).await;
            assert_eq!(page.status, 200, "{page:?}");
            let items = page.json["items"].as_array().expect("items");
            found.extend(items.iter().map(|item| item["referral"].as_str().unwrap_or_default().to_owned()));
            let Some(link) = page.headers.get("link").and_then(|value| value.to_str().ok()) else { break };
            assert!(link.contains(&page.text("/next")) && link.ends_with("; rel=\"next\""));
            path = link[1..link.find('>').expect("a link")].to_owned();
        }
        assert_eq!(found, expected, "{order}");
    }
    let count = async |query: &str| {
        node.get(&format!("/api/v1/referrals?{query}"), &analyst).await.json["items"].as_array().map(Vec::len)
    };
    assert_eq!(count("state=withdrawn").await, Some(1));
    assert_eq!(count("state=standing").await, Some(4));
    assert_eq!(count("member=FR").await, Some(0));
    assert_eq!(count("since=2020-01-01T00:00:00.000000Z&order=oldest").await, Some(5));
    assert_eq!(count("since=2099-01-01T00:00:00.000000Z").await, Some(0));
    for cursor in ["%25", "AAAA"] {
        assert_eq!(node.get(&format!("/api/v1/referrals?cursor={cursor}"), &analyst).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups_tell_who_has_it_and_what_became_of_it() {
    let node = TestNode::start().await;
    let analyst = node.token("analyst").await;
    let sha = format!("sha256:{}", "ab".repeat(32));
    let mut body = referral("A-1", &[VIDEO]);
    body["fingerprints"] = json!([{ "value": sha }]);
    let entry = node.post("/api/v1/referrals", &analyst, body).await.text("/entry");
    let queries = json!({ "queries": [
        "hxxps://www.video-a[.]test/watch?v=abcdefghijk&utm_source=x", "ab".repeat(32), POST, "nonsense"
    ]});
    let reply = node.post("/api/v1/lookups", &analyst, queries).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let outcome = |n: usize| reply.text(&format!("/results/{n}/outcome"));
    assert_eq!([outcome(0), outcome(1), outcome(2), outcome(3)], ["exact", "exact", "unknown", "invalid"]);
    assert_eq!(reply.text("/results/0/hits/0/referral"), entry);
    assert_eq!(reply.text("/results/1/hits/0/member"), "EU");
    assert_eq!(reply.json["results"][0]["hits"][0]["on_hold"], false);
    assert!(!String::from_utf8_lossy(&reply.body).contains("a.test/"), "defanged throughout");

    let hold = json!({ "addresses": ["hxxps[:]//video-a[.]test/watch?v=abcdefghijk"] });
    let placed = node.post("/api/v1/holds", &analyst, hold).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let on_hold = async || {
        let reply = node.post("/api/v1/lookups", &analyst, json!({ "queries": [VIDEO] })).await;
        reply.json["results"][0]["hits"][0]["on_hold"].as_bool()
    };
    assert_eq!(on_hold().await, Some(true));
    let list = node.get("/api/v1/holds", &analyst).await;
    assert_eq!(list.text("/items/0/display/0"), "hxxps[:]//video-a[.]test/watch?v=abcdefghijk");
    let release = format!("/api/v1/holds/{}/release", placed.text("/entry"));
    let released = node.call("POST", &release, Some(&analyst)).send().await;
    assert_eq!(released.status, 201, "{released:?}");
    assert_eq!(node.call("POST", &release, Some(&analyst)).send().await.status, 200, "again");
    assert_eq!(on_hold().await, Some(false));
    assert_eq!(node.post("/api/v1/holds", &analyst, json!({})).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_says_where_everything_stands() {
    let node = TestNode::start().await;
    node.register_platforms().await;
    let (analyst, platform) = (node.token("analyst").await, node.token("recipient:video-a").await);
    node.refer(&analyst, "A-1", &[VIDEO]).await;
    node.notice_to(&platform).await;
    let status = node.get("/api/v1/status?digest=true", &analyst).await;
    assert_eq!((status.text("/member"), status.text("/node/role")), ("EU".into(), "coordinator".into()));
    assert_eq!(status.json["node"]["counts"]["notices_open"], 1);
    assert_eq!(status.text("/node/logs/0/log"), "EU/1");
    assert_eq!(status.text("/node/state_digest").len(), 64);
    let little = node.get("/api/v1/status", &platform).await;
    assert!(little.json["node"].is_null() && little.json["caught_up"].is_boolean());

    let peers = node.get("/api/v1/peers", &analyst).await;
    assert_eq!(
        (peers.text("/items/0/member"), peers.json["items"][0]["own"].as_bool()),
        ("EU".into(), Some(true))
    );
    let checkpoint = node.get("/api/v1/log/EU/1/checkpoint", &platform).await;
    assert!(checkpoint.body.starts_with(b"concert.example/log/eu/1\n"));
    let entry = node.get("/api/v1/log/EU/1/entries/0", &analyst).await;
    assert_eq!(entry.headers["content-type"], "application/jose");
    for missing in ["/api/v1/log/EU/1/entries/999", "/api/v1/log/EU/2/checkpoint", "/api/v1/log/FR/1/proof/0"]
    {
        assert_eq!(node.get(missing, &analyst).await.status, 404, "{missing}");
    }
    let administrator = node.token("administrator").await;
    let to = node.folder().with_extension("backup");
    let backup = node.post("/api/v1/backup", &administrator, json!({ "folder": to })).await;
    assert_eq!(backup.status, 201, "{backup:?}");
    assert!(to.join("logs").is_dir());
    std::fs::remove_dir_all(&to).expect("removed");
}
