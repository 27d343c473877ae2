// SPDX-License-Identifier: EUPL-1.2
//! The main job: referrals in, one notice out, an answer back.

use serde_json::{Value, json};

use crate::node::{Running, Site, project, until};

const VIDEO: &str = "hxxps://www.video-a[.]test/watch?v=qMjOiC5mAVQ&feature=share";

fn with_platforms() -> (Site, Running) {
    let site = Site::new();
    let node = site.start();
    let platforms = project("tests/data/units/platforms.json");
    site.as_role(&node, "officer", &["platform", "add", "--from", &platforms]).ok();
    (site, node)
}

fn refer(site: &Site, node: &Running, reference: &str, url: &str) -> String {
    let args = [
        "--json",
        "referral",
        "create",
        "--unit",
        "Unit A",
        "--reference",
        reference,
        "--item",
        url,
        "--content-type",
        "video",
        "--languages",
        "fr",
        "--reasons",
        "Glorifies an attack.",
        "--types",
        "a,d",
        "--exception",
        "none",
        "--tier",
        "3",
    ];
    let written = site.as_role(node, "analyst", &args).json();
    assert_eq!(written["outcome"], "created");
    written["entry"].as_str().expect("a name").to_owned()
}

/// The one event that a platform has now.
fn only_event(site: &Site, node: &Running, platform: &str) -> Value {
    let role = format!("recipient:{platform}");
    let seen = site.as_role(node, &role, &["-o", "jsonl", "notice", "watch", "--once", "--wait", "20"]).ok();
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines.len(), 1, "{seen}");
    serde_json::from_str(lines[0]).expect("JSON")
}

#[test]
fn a_referral_becomes_a_notice_whose_answer_comes_back() {
    let (site, node) = with_platforms();
    let referral = refer(&site, &node, "A-1", VIDEO);
    let event = only_event(&site, &node, "video-a");
    assert_eq!((&event["type"], &event["attention"]), (&json!("notice.issued"), &json!(true)));
    let notice = event["notice"]["id"].as_str().expect("an id").to_owned();

    let answer = ["--json", "notice", "answer", &notice, "--outcome", "removed", "--ref", "VA-7"];
    let results = site.as_role(&node, "recipient:video-a", &answer).json();
    assert_eq!(results[0]["outcome"], "created");
    until("the answer to show", || {
        let shown = site.as_role(&node, "analyst", &["--json", "referral", "show", &referral]).json();
        shown["answers"][0]["answer"]["outcome"] == "removed"
    });
    let shown = site.as_role(&node, "analyst", &["referral", "show", &referral]).ok();
    assert!(shown.contains("video-a removed") && !shown.contains("https://"), "{shown}");

    // Another spelling of the same address is the same item, and the exit status says so.
    let check = ["check", "--exit-status", "https://video-a.test/embed/qMjOiC5mAVQ"];
    let checked = site.as_role(&node, "analyst", &check);
    assert_eq!(checked.code, 10, "{checked:?}");
    assert!(checked.out.contains("removed") && !checked.out.contains("https://"), "{}", checked.out);
    assert_eq!(
        site.as_role(&node, "analyst", &["check", "--exit-status", "https://video-a.test/embed/none0000000"])
            .code,
        0
    );

    // Another platform sees nothing of it, not even that it exists.
    let other = site.as_role(&node, "recipient:paste-e", &["notice", "show", &notice]);
    let missing =
        site.as_role(&node, "recipient:paste-e", &["notice", "show", "N-00000000000000000000000000000000"]);
    other.failed(3, &["Not found"]);
    let but_for_the_request =
        |text: &str| text.lines().filter(|line| !line.contains("request ")).collect::<Vec<_>>().join("\n");
    assert_eq!(but_for_the_request(&other.err), but_for_the_request(&missing.err));

    assert_eq!(node.stop("-INT"), 0, "Ctrl-C is an orderly end");
}

#[test]
fn the_same_content_again_joins_the_notice_and_a_hold_stops_a_new_one() {
    let (site, node) = with_platforms();
    refer(&site, &node, "A-1", VIDEO);
    let first = only_event(&site, &node, "video-a");
    refer(&site, &node, "A-2", "https://vid-a.test/qMjOiC5mAVQ?t=3");
    let watch = [
        "-o",
        "jsonl",
        "notice",
        "watch",
        "--once",
        "--wait",
        "20",
        "--cursor",
        first["cursor"].as_str().expect("one"),
    ];
    let revised = site.as_role(&node, "recipient:video-a", &watch).ok();
    let revised: Value = serde_json::from_str(revised.trim()).expect("one event");
    assert_eq!(
        (&revised["type"], &revised["notice"]["id"]),
        (&json!("notice.revised"), &first["notice"]["id"])
    );
    assert_eq!(revised["notice"]["originators"].as_array().map(Vec::len), Some(2));
    let status = site.as_role(&node, "analyst", &["--json", "status"]).json();
    assert_eq!(status["node"]["counts"]["notices_open"], 1);

    let held =
        site.as_role(&node, "analyst", &["--json", "hold", "place", "https://paste-e.test/abcdefgh"]).json();
    refer(&site, &node, "A-3", "https://paste-e.test/abcdefgh");
    assert_eq!(
        site.as_role(&node, "analyst", &["check", "--exit-status", "-q", "https://paste-e.test/abcdefgh"])
            .code,
        13
    );
    let hold = held["entry"].as_str().expect("a name");
    site.as_role(&node, "analyst", &["hold", "release", hold]).ok();
    // Released, the notice comes; while held, there was none.
    let event = only_event(&site, &node, "paste-e");
    assert_eq!(event["type"], "notice.issued");
    assert_eq!(site.as_role(&node, "analyst", &["--json", "hold", "list"]).json(), json!([]));
}

#[test]
fn a_withdrawn_referral_takes_its_notice_back() {
    let (site, node) = with_platforms();
    let referral = refer(&site, &node, "A-1", VIDEO);
    only_event(&site, &node, "video-a");
    site.as_role(&node, "analyst", &["referral", "withdraw", &referral, "--reason", "wrong address"])
        .failed(5, &["not confirmed", "--yes"]);
    site.as_role(
        &node,
        "analyst",
        &["--yes", "referral", "withdraw", &referral, "--reason", "wrong address"],
    )
    .ok();
    until("the notice to be withdrawn", || {
        let notices =
            site.as_role(&node, "analyst", &["--json", "notice", "list", "--state", "withdrawn"]).json();
        notices.as_array().map(Vec::len) == Some(1)
    });
}

#[test]
fn a_site_waits_for_a_second_person() {
    let (site, node) = with_platforms();
    let args = [
        "--json",
        "referral",
        "create",
        "--unit",
        "Unit A",
        "--reference",
        "S-1",
        "--item",
        "https://example-site.test/",
        "--content-type",
        "site",
        "--reasons",
        "Recruits.",
        "--types",
        "c",
        "--exception",
        "none",
        "--tier",
        "3",
    ];
    let drafted = site.as_role(&node, "analyst", &args).json();
    assert_eq!(drafted["outcome"], "draft");
    let draft = drafted["draft"].as_str().expect("an id");
    assert!(site.as_role(&node, "approver", &["referral", "drafts"]).ok().contains(draft));
    site.as_role(&node, "analyst", &["referral", "approve", draft]).failed(4, &["Not allowed"]);
    let sent = site.as_role(&node, "approver", &["--json", "referral", "approve", draft]).json();
    assert_eq!(sent["outcome"], "created");
}

#[test]
fn many_notices_are_answered_line_by_line_and_the_cursor_is_kept() {
    let (site, node) = with_platforms();
    for (reference, url) in
        [("A-1", "https://paste-e.test/aaaaaaa1"), ("A-2", "https://paste-e.test/aaaaaaa2")]
    {
        refer(&site, &node, reference, url);
    }
    let cursor = site.text("cursor");
    let watch = [
        "notice",
        "watch",
        "--once",
        "--wait",
        "20",
        "--cursor-file",
        &cursor,
        "--fields",
        "notice,cursor,unanswered",
    ];
    let mut seen = String::new();
    until("both notices", || {
        seen.push_str(&site.as_role(&node, "recipient:paste-e", &watch).ok());
        seen.lines().count() == 2
    });
    let notices: Vec<&str> = seen.lines().filter_map(|line| line.split('\t').next()).collect();
    let last = seen.lines().last().and_then(|line| line.split('\t').nth(1)).expect("a cursor");
    assert_eq!(std::fs::read_to_string(&cursor).expect("kept").trim(), last);

    let lines = format!(
        "{{\"notice\":\"{}\",\"outcome\":\"removed\"}}\n{{\"notice\":\"{}\",\"outcome\":\"kept\",\"reason\":\"satire\"}}\n",
        notices[0], notices[1]
    );
    let token = site.token(&node, "recipient:paste-e");
    let answer = ["--json", "notice", "answer", "--unanswered", "--from", "-"];
    let results: Value = node.said_to(&token, &answer, &lines).json();
    assert_eq!(results.as_array().map(Vec::len), Some(2));
    until("the answers to show", || node.said_to(&token, &answer, &lines).json() == json!([]));
    node.said_to(&token, &answer, "{\"notice\":1}\n").failed(2, &["line 1 is not an answer", "hint:"]);
}

#[test]
fn the_three_sample_exports_are_imported_and_again_add_nothing() {
    let (site, node) = with_platforms();
    let exports = [("fr", "fr.csv", 2904), ("de", "de.ndjson", 1997), ("be", "be.csv", 1099)];
    for (profile, file, records) in exports {
        let profile = project(&format!("config/import/{profile}.toml"));
        let file = project(&format!("tests/data/units/{file}"));
        let import = ["--json", "referral", "import", "--profile", &profile, &file];
        let first = site.as_role(&node, "analyst", &import).json();
        assert_eq!((&first["records"], &first["rejected"]), (&json!(records), &json!(0)), "{first}");
        assert_eq!((&first["sent"], &first["existing"]), (&json!(records), &json!(0)), "{first}");
        let again = site.as_role(&node, "analyst", &import).json();
        assert_eq!((&again["sent"], &again["existing"]), (&json!(0), &json!(records)), "{again}");
    }
    let mut status = Value::Null;
    until("everything to be applied", || {
        status = site.as_role(&node, "analyst", &["--json", "status"]).json();
        status["caught_up"] == true && status["node"]["counts"]["referrals"] == 6000
    });

    // A restart forgets nothing and makes the same of it.
    let mut before = Value::Null;
    until("no more notices to come", || {
        let now = site.as_role(&node, "analyst", &["--json", "status", "--digest"]).json()["node"].clone();
        let settled = before["state_digest"] == now["state_digest"];
        before = now;
        settled
    });
    assert_eq!(node.stop("-TERM"), 0);
    let node = site.start();
    let after = site.as_role(&node, "analyst", &["--json", "status", "--digest"]).json();
    for name in ["state_digest", "counts"] {
        assert_eq!(after["node"][name], before[name], "{name}");
    }
    assert!(!node.logged().contains(".test/"), "no address is ever logged");
}

#[test]
fn rejected_records_can_be_mended_and_imported() {
    let (site, node) = with_platforms();
    let good = std::fs::read_to_string(project("tests/data/units/be.csv")).expect("read");
    let mut lines: Vec<String> = good.lines().take(4).map(str::to_owned).collect();
    let mended = lines[2].clone();
    // The thirtieth of February.
    let day = lines[2].find(",2026-").expect("a date") + 6;
    lines[2].replace_range(day..day + 5, "02-30");
    let export = site.text("be.csv");
    std::fs::write(&export, lines.join("\n") + "\n").expect("written");
    let profile = project("config/import/be.toml");
    let import = ["referral", "import", "--profile", &profile, &export];

    site.as_role(&node, "analyst", &[import.as_slice(), &["--dry-run"]].concat())
        .failed(1, &["line 3", "dry run"]);
    assert!(!site.path("be.rejects.csv").exists(), "a dry run writes nothing");
    let said = site.as_role(&node, "analyst", &import);
    said.failed(1, &["line 3", "be.rejects.csv"]);
    let rejects = std::fs::read_to_string(site.path("be.rejects.csv")).expect("written");
    std::fs::write(site.path("be.rejects.csv"), rejects.replace(&lines[2], &mended)).expect("mended");
    let rejects = site.text("be.rejects.csv");
    let again = site
        .as_role(&node, "analyst", &["--json", "referral", "import", "--profile", &profile, &rejects])
        .json();
    assert_eq!((&again["sent"], &again["rejected"]), (&json!(1), &json!(0)));

    // The same file reference with another text is told from a new one, and not sent.
    std::fs::write(
        &export,
        good.lines().take(2).collect::<Vec<_>>().join("\n").replace("Assessed", "Judged") + "\n",
    )
    .expect("written");
    site.as_role(&node, "analyst", &import)
        .failed(1, &["was sent before with another text", "referral amend"]);
}
