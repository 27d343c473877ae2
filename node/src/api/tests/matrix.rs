// SPDX-License-Identifier: EUPL-1.2
//! The generated matrix (RELIABILITY C1): each route, each role, own, foreign and missing objects.

use serde_json::{Value, json};

use super::node::{POST, Reply, TestNode, VIDEO};
use crate::access::RoleName;
use crate::access::policy::{RULES, Rule, Who};

/// Whose object a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Own,
    Foreign,
    Missing,
}

/// Names of objects for the paths.
struct Objects {
    referral: String,
    own_notice: String,
    foreign_notice: String,
}

impl Objects {
    async fn of(node: &TestNode) -> Self {
        node.register_platforms().await;
        let analyst = node.token("analyst").await;
        let (a, b) = (node.token("recipient:video-a").await, node.token("recipient:social-b").await);
        let referral = node.refer(&analyst, "A-1", &[VIDEO, POST]).await;
        let id = |notice: Value| notice["id"].as_str().expect("an id").to_owned();
        Self {
            referral,
            own_notice: id(node.notice_to(&a).await),
            foreign_notice: id(node.notice_to(&b).await),
        }
    }

    /// The path with names in it; `None` when the route has no such object.
    fn path(&self, rule: &Rule, whose: Whose) -> Option<String> {
        let zeros = "00000000-0000-7000-8000-000000000000";
        let id = self.referral.split_once('/').map(|(_, id)| id).unwrap_or_default();
        let path = rule.path;
        let filled = match whose {
            _ if !path.contains('{') => (whose == Whose::Own).then(|| path.to_owned())?,
            Whose::Own if path.contains("/notices/") => path.replace("{id}", &self.own_notice),
            Whose::Foreign if path.contains("/notices/") => path.replace("{id}", &self.foreign_notice),
            Whose::Own if path.contains("/referrals/") => path.replace("{member}", "EU").replace("{id}", id),
            Whose::Own if path.contains("/log/") => {
                path.replace("{member}", "EU").replace("{generation}", "1").replace("{index}", "0")
            }
            Whose::Own if path.contains("/problems/") => path.replace("{code}", "not-found"),
            Whose::Missing => path
                .replace("/notices/{id}", &format!("/notices/N-{}", "0".repeat(32)))
                .replace("/recipients/{id}", "/recipients/nobody")
                .replace("/drafts/{id}", &format!("/drafts/d-{}", "0".repeat(20)))
                .replace("/tokens/{id}", "/tokens/t-0000000000000000")
                .replace("{member}", "FR")
                .replace("{generation}", "7")
                .replace("{index}", "0")
                .replace("{code}", "none")
                .replace("{id}", zeros),
            _ => return None,
        };
        assert!(!filled.contains('{'), "{filled}");
        Some(filled)
    }
}

/// A body that is well-formed for the route, so that what is refused is refused for the caller's sake.
fn body(rule: &Rule) -> Option<Value> {
    let reason = json!({ "reason": "A test." });
    Some(match rule.path.rsplit('/').next().unwrap_or_default() {
        _ if rule.method != "POST" => return None,
        "withdrawal" | "suspension" | "rejection" => reason,
        "approval" => json!({}),
        "endorsement" => json!({ "unit": "Unit B", "reference": "B-1" }),
        "answers" => {
            json!({ "items": [{ "item": "00".repeat(16), "outcome": "removed", "at": "2026-11-22T08:02:41.000000Z" }] })
        }
        "amendment" => json!({ "replacement": super::node::referral("A-1", &[VIDEO]), "reason": "A test." }),
        // Empty lists and objects are refused by every route that reads them.
        _ => json!({}),
    })
}

async fn call(node: &TestNode, rule: &Rule, path: &str, token: Option<&str>) -> Reply {
    let mut call = node.call(rule.method, path, token).key("matrix");
    if let Some(body) = body(rule) {
        call = call.body(body);
    }
    if path.ends_with("/stream") {
        // A stream has no end to wait for; that it began is the answer.
        let response = call.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        return Reply { status, headers, body: Vec::new(), json: Value::Null };
    }
    call.send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_each_role_each_object() {
    let node = TestNode::start().await;
    let objects = Objects::of(&node).await;
    let mut tokens = Vec::new();
    for name in RoleName::ALL {
        let role = if name == RoleName::Recipient { "recipient:video-a" } else { name.as_str() };
        tokens.push((name, node.token(role).await));
    }
    for rule in RULES {
        for whose in [Whose::Missing, Whose::Foreign, Whose::Own] {
            let Some(path) = objects.path(rule, whose) else { continue };
            let what = format!("{} {path}", rule.method);
            let nobody = call(&node, rule, &path, None).await;
            assert_eq!(nobody.status == 401, rule.who != Who::Public, "{what} without a token: {nobody:?}");
            for (role, token) in &tokens {
                let what = format!("{what} as {}, {whose:?}", role.as_str());
                let reply = call(&node, rule, &path, Some(token)).await;
                assert!(reply.status < 500, "{what}: {reply:?}");
                match rule.admits(*role) {
                    false => assert_eq!(reply.status, 403, "{what}: {reply:?}"),
                    true => admitted(&what, *role, whose, &reply),
                }
            }
        }
    }
}

fn admitted(what: &str, role: RoleName, whose: Whose, reply: &Reply) {
    assert!(!matches!(reply.status, 401 | 403 | 405), "{what}: {reply:?}");
    match whose {
        Whose::Missing => assert_eq!(reply.status, 404, "{what}: {reply:?}"),
        // Only recipients have foreign objects; for a member's people every notice is theirs to see.
        Whose::Foreign if role == RoleName::Recipient => assert_eq!(reply.status, 404, "{what}: {reply:?}"),
        Whose::Foreign | Whose::Own => assert_ne!(reply.status, 404, "{what}: {reply:?}"),
    }
}
