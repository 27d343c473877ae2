// SPDX-License-Identifier: EUPL-1.2
//! A node's HTTP API as a client uses it: nothing but what is public.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

/// Longer than the slowest answer of an unoptimised build on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
});
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build().expect("a client"));

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body as JSON, or as a text where it is none.
    pub(crate) body: Value,
}

impl Reply {
    /// The body of a success.
    pub(crate) fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// Requires a problem of that code (the last part of its type) and status.
    pub(crate) fn problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["type"], format!("/problems/{code}"), "{}", self.body);
        assert!(self.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{}", self.body);
    }
}

/// One caller at one node.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    base: String,
    token: Option<String>,
}

impl Api {
    /// A caller with a token, or a stranger.
    pub(crate) fn new(base: &str, token: Option<&str>) -> Self {
        Self { base: base.to_owned(), token: token.map(|token| token.trim().to_owned()) }
    }

    /// Asks; `None` while the node cannot be reached.
    pub(crate) fn try_get(&self, path: &str) -> Option<Reply> {
        self.send(CLIENT.get(format!("{}{path}", self.base)))
    }

    /// Asks.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap_or_else(|| panic!("{} cannot be reached for {path}", self.base))
    }

    /// Sends a body; `None` while the node cannot be reached.
    pub(crate) fn try_post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Reply> {
        let request = CLIENT.post(format!("{}{path}", self.base)).json(body);
        self.send(match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
    }

    /// Sends a body.
    pub(crate) fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Reply {
        self.try_post(path, key, body).unwrap_or_else(|| panic!("{} cannot be reached for {path}", self.base))
    }

    /// Everything of a list, page by page.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit=500{cursor}")).good();
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Option<Reply> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        RUNTIME.block_on(async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            let text = response.text().await.ok()?;
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Some(Reply { status, body })
        })
    }
}
