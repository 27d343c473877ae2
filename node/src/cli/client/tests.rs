// SPDX-License-Identifier: EUPL-1.2
//! The client against a server that answers as nodes do, and as they should not.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts `router` on a free port and gives its address.
async fn serve(router: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}")).expect("an address")
}

async fn client(router: Router) -> Client {
    Client::at(serve(router).await, Some("t0k-en"), TIMEOUT).expect("a client")
}

fn lines(failure: &Failure) -> String {
    failure.lines().iter().map(|(label, text)| format!("{label}: {text}\n")).collect()
}

#[tokio::test]
async fn the_token_and_the_escaped_path_arrive() {
    let echo = |Path(id): Path<String>, Query(query): Query<BTreeMap<String, String>>, headers: HeaderMap| async move {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        axum::Json(json!({"id": id, "query": query, "token": header("authorization")}))
    };
    let client = client(Router::new().route("/api/v1/referrals/{id}", get(echo))).await;
    let got: Value =
        client.get(&["referrals", "a/b?c"], &[("state", "open & shut")]).await.expect("an answer");
    assert_eq!(got, json!({"id": "a/b?c", "query": {"state": "open & shut"}, "token": "Bearer t0k-en"}));
    assert!(!format!("{client:?}").contains("t0k-en"), "a token never shows in a Debug");
}

#[tokio::test]
async fn problems_become_failures_with_their_status() {
    let problem = |Path(status): Path<u16>| async move {
        let body = json!({
            "type": "https://concert.example/problems/held", "title": "the content is on hold", "status": status,
            "detail": "a hold of DE is in force", "request_id": "req-7",
            "errors": [{"pointer": "/items/0", "detail": "held"}],
        });
        (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
    };
    let client = client(Router::new().route("/api/v1/x/{status}", get(problem))).await;
    for (status, code) in [("401", 4), ("403", 4), ("404", 3), ("409", 5), ("422", 5), ("504", 6), ("500", 1)]
    {
        let failure = client.get::<Value>(&["x", status], &[]).await.expect_err("refused");
        assert_eq!(failure.code(), code, "{status}");
        let text = lines(&failure);
        for part in ["error: the content is on hold", "cause: a hold of DE", "cause: /items/0: held", "req-7"]
        {
            assert!(text.contains(part), "{status} {part}: {text}");
        }
    }
}

#[tokio::test]
async fn answers_that_are_no_problem_documents_are_survived() {
    let router = Router::new()
        .route("/api/v1/text", get(|| async { (StatusCode::BAD_GATEWAY, "<html>oops") }))
        .route("/api/v1/wrong", get(|| async { "not json" }))
        .route("/api/v1/moved", get(|| async { axum::response::Redirect::temporary("/api/v1/wrong") }))
        .route("/api/v1/empty", post(|| async { StatusCode::NO_CONTENT }));
    let client = client(router).await;
    let text = client.get::<Value>(&["text"], &[]).await.expect_err("refused");
    assert_eq!((text.code(), lines(&text).as_str()), (6, "error: the node answered 502\n"));
    assert_eq!(client.get::<Value>(&["wrong"], &[]).await.expect_err("not JSON").code(), 1);
    assert!(lines(&client.get::<Value>(&["moved"], &[]).await.expect_err("not followed")).contains("307"));
    client.post::<()>(&["empty"], &json!({}), Some("k-1")).await.expect("done");
}

#[tokio::test]
async fn lists_are_gathered_page_by_page_up_to_a_bound() {
    let numbers = |Query(query): Query<BTreeMap<String, String>>| async move {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (from, limit) = (number("cursor").unwrap_or(0), number("limit").unwrap_or(0).min(400));
        let to = (from + limit).min(1000);
        let next = (to < 1000).then(|| to.to_string());
        axum::Json(json!({"items": (from..to).collect::<Vec<_>>(), "next": next}))
    };
    let stuck = || async { axum::Json(json!({"items": [], "next": "again"})) };
    let sparse = |Query(query): Query<BTreeMap<String, String>>| async move {
        let page = if query.contains_key("cursor") {
            json!({"items": [7]})
        } else {
            json!({"items": [], "next": "on"})
        };
        axum::Json(page)
    };
    let router = Router::new().route("/api/v1/numbers", get(numbers)).route("/api/v1/stuck", get(stuck));
    let router = router.route("/api/v1/sparse", get(sparse));
    let client = client(router).await;
    let all: Vec<usize> = client.list_all(&["numbers"], &[], LIST_LEN_MAX).await.expect("a list");
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    let some: Vec<usize> = client.list_all(&["numbers"], &[], 450).await.expect("a list");
    assert_eq!(some.len(), 450);
    assert!(client.list_all::<usize>(&["stuck"], &[], 10).await.is_err());
    assert_eq!(client.list_all::<usize>(&["sparse"], &[], 10).await.expect("a list"), [7]);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base =
        Url::parse(&format!("http://{}", listener.local_addr().expect("an address"))).expect("an address");
    drop(listener);
    let client = Client::at(base, None, TIMEOUT).expect("a client");
    let failure = client.get::<Value>(&["status"], &[]).await.expect_err("nobody there");
    assert_eq!(failure.code(), 6);
    assert!(lines(&failure).contains("hint: is it running?"), "{failure:?}");
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_too_slow() {
    let router = Router::new().route("/api/v1/never", get(std::future::pending::<String>));
    let client = Client::at(serve(router).await, None, Duration::from_millis(50)).expect("a client");
    for failure in [
        client.get::<Value>(&["never"], &[]).await.expect_err("too slow"),
        client.stream(&["never"], &[], None).await.map(drop).expect_err("too slow"),
    ] {
        assert_eq!(failure.code(), 6);
        assert!(lines(&failure).contains("did not answer within 50ms"), "{failure:?}");
    }
}

#[test]
fn addresses_that_cannot_be_spoken_to_are_refused() {
    for (text, part) in [
        ("https://concert.example", "plain HTTP, not TLS"),
        ("ftp://concert.example", "expected an http:// address"),
        ("concert.example", "expected an address"),
        ("http://user:secret@concert.example", "without user"),
    ] {
        let failure = base(text).expect_err("refused");
        assert_eq!(failure.code(), 2);
        assert!(lines(&failure).contains(part), "{failure:?}");
    }
    assert_eq!(base("http://127.0.0.1:8440").expect("good").as_str(), "http://127.0.0.1:8440/");
}

#[test]
fn a_node_that_listens_everywhere_is_reached_on_this_machine() {
    for (listen, reached) in
        [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
    {
        assert_eq!(reachable(listen.parse().expect("an address")).to_string(), reached);
    }
}
