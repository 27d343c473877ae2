// SPDX-License-Identifier: EUPL-1.2
//! The API's description: generated from the handlers, completed from the table of rules.
//!
//! What every route has in common (problems, tokens, roles, idempotency keys) is added here once, from the same table
//! that the door obeys, so that the description cannot say otherwise.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::access::policy::{Repeat, Rule, Who};

const INTRODUCTION: &str = "\
One member's node of a federation that refers terrorist content to platforms together.

**Conventions.** JSON in UTF-8, `snake_case`. Unknown members and parameters in requests are refused; unknown members in \
responses are to be ignored, new ones may appear at any time. Times are RFC 3339 in UTC with six decimals, as in \
`2026-11-22T08:02:41.000000Z`. Ids are opaque.

**Tokens.** `Authorization: Bearer <token>`. Each route names the roles that may use it. A recipient sees its own notices \
alone; what is another's looks the same as what does not exist.

**Problems.** Errors are RFC 9457 documents (`application/problem+json`) with a stable `type`, a path on this node that \
explains it. `errors` names fields by JSON Pointer.

**Trying again.** Routes that sign something either know it again by its content (a unit's file reference) or need an \
`Idempotency-Key`. The memory of both is the signed log itself: it has no end and survives restarts. Same key, same \
content: the answer of the first time, with `existing`. Same key, other content: 422.

**Lists.** `limit` (1 to 500) and an opaque `cursor`; `next` in the body and a `Link` header lead on.

**Addresses.** Members named `display` are defanged, for people. Members named `url` are live, for machines: never turn \
them into links.

**Signed bytes.** Every entry is a JWS compact serialisation (`EdDSA`) that any JOSE library verifies with \
`/.well-known/jwks.json`. Proofs that an entry stands in its author's log are C2SP `tlog-proof` texts.";

/// The description as JSON text, indented, with a line feed at the end: the content of `openapi.json`.
pub fn description() -> String {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let generated = serde_json::to_value(super::routes().into_openapi()).unwrap_or_default();
        let mut text = serde_json::to_string_pretty(&complete(generated)).unwrap_or_default();
        text.push('\n');
        text
    })
    .clone()
}

fn complete(mut document: Value) -> Value {
    document["info"] = json!({
        "title": "Concert node API",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "EUPL-1.2", "identifier": "EUPL-1.2" },
        "description": INTRODUCTION,
    });
    document["security"] = json!([{ "token": [] }]);
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "A token that an administrator of the node issued." }
    });
    document["components"]["responses"] = json!({
        "Problem": {
            "description": "A problem (RFC 9457).",
            "content": { super::PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } }
        }
    });
    document["tags"] = tags();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete_operation(&method.to_ascii_uppercase(), path, operation);
            }
        }
    }
    document
}

fn tags() -> Value {
    let described = [
        ("public", "Without a token."),
        ("status", "Who calls, and how the node stands."),
        ("referrals", "Looking up, referring, endorsing, withdrawing."),
        ("drafts", "Referrals of sites and collections wait for a second person."),
        ("holds", "Deconfliction, among members only."),
        ("recipients", "Whom notices go to."),
        ("notices", "The one coordinated notice per case and recipient, and its answers."),
        ("feed", "How a platform's own code receives its notices."),
        ("log", "Signed logs, checkpoints and proofs."),
        ("node", "Running the node."),
    ];
    described.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

fn complete_operation(method: &str, path: &str, operation: &mut Value) {
    operation["responses"]["default"] = json!({ "$ref": "#/components/responses/Problem" });
    let Some(rule) = Rule::find(method, path) else { return };
    match rule.who {
        Who::Public => operation["security"] = json!([]),
        Who::Roles(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            append(operation, &format!("**Roles:** {}.", names.join(", ")));
        }
    }
    match rule.repeat {
        Repeat::Key => {
            append(operation, "Needs an `Idempotency-Key`.");
            push_parameter(
                operation,
                json!({
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": true,
                    "description": "A fresh value for each thing to do; the same value when trying again.",
                    "schema": { "type": "string", "minLength": 1, "maxLength": 128 }
                }),
            );
        }
        Repeat::Natural => append(operation, "The same request again changes nothing."),
        Repeat::Plain => {}
    }
}

fn append(operation: &mut Value, sentence: &str) {
    let before = operation["description"].as_str().unwrap_or_default();
    let joined = if before.is_empty() { sentence.to_owned() } else { format!("{before}\n\n{sentence}") };
    operation["description"] = joined.into();
}

fn push_parameter(operation: &mut Value, parameter: Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    let parameters = operation.entry("parameters").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(list) = parameters.as_array_mut() {
        list.push(parameter);
    }
}
