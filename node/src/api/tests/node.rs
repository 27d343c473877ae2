// SPDX-License-Identifier: EUPL-1.2
//! A node for tests: the member `EU`, alone in its federation and so its coordinator, with a door on a free port.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use concert_protocol::content::LocatorRules;
use concert_protocol::key::SecretKey;
use concert_protocol::member::MemberId;
use concert_protocol::roster::{RootKeys, RosterMember, RosterVersion, SignedRoster};
use concert_protocol::sync::ReplicaConfig;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::{ApiContext, ApiSettings, router};
use crate::access::{Access, NewToken, Pace, Role};
use crate::engine::{RosterFiles, Running, StartOptions, now, start};
use crate::journal::DataDir;
use crate::keys::NodeKeys;

/// Two requests that must not meet never wait this long; a request that should be answered is, long before.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct TestNode {
    pub(super) url: String,
    pub(super) access: Access,
    pub(super) root: SecretKey,
    pub(super) running: Running,
    http: reqwest::Client,
    closing: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    dir: TempDir,
}

/// A pace that no test but one reaches.
fn settings() -> ApiSettings {
    ApiSettings { pace: Pace { burst: 100_000, per_second: 100_000 }, ..ApiSettings::default() }
}

impl TestNode {
    pub(super) async fn start() -> Self {
        Self::start_with(settings()).await
    }

    pub(super) async fn start_with(settings: ApiSettings) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let root = SecretKey::from_seed(&[9; 32]);
        found_federation(dir.path(), &root);
        Self::open(dir, root, settings).await
    }

    async fn open(dir: TempDir, root: SecretKey, settings: ApiSettings) -> Self {
        let options = StartOptions {
            data: dir.path().to_owned(),
            member: eu(),
            listen: Vec::new(),
            rules: Arc::new(LocatorRules::builtin()),
            cache_bytes: 8 << 20,
            reserve_bytes: 0,
            replica: ReplicaConfig::default(),
            step_in_after: Duration::from_secs(180),
            answer_window: Duration::from_secs(3600),
        };
        let running = start(options).expect("started");
        let (access, report) = Access::load(running.engine.clone(), &running.private);
        assert_eq!(report.unreadable, 0);
        let closing = CancellationToken::new();
        let context = ApiContext::new(running.engine.clone(), access.clone(), settings, closing.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = axum::serve(listener, router(context)).with_graceful_shutdown({
            let closing = closing.clone();
            async move { closing.cancelled().await }
        });
        let serving = tokio::spawn(serving.into_future());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let node = Self { url, access, root, running, http, closing, serving, dir };
        node.until("ready", async || node.call("GET", "/readyz", None).send().await.status == 200).await;
        node
    }

    /// Stops it and starts it anew on the same folder.
    pub(super) async fn restart(self) -> Self {
        let Self { url: _, access, root, running, http, closing, serving, dir } = self;
        closing.cancel();
        drop(http);
        serving.await.expect("joined").expect("served");
        access.flush().await.expect("written");
        // Whoever holds the engine holds its store.
        drop(access);
        running.stop().await.expect("stopped");
        Self::open(dir, root, settings()).await
    }

    pub(super) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A fresh token of a role.
    pub(super) async fn token(&self, role: &str) -> String {
        let role: Role = role.parse().expect("a role");
        let new = NewToken { name: format!("a {role}").parse().expect("a name"), role, expires: None };
        self.access.issue(new, now()).await.expect("issued").0.text().to_owned()
    }

    /// A request with a token, or without.
    pub(super) fn call<'n>(&'n self, method: &'n str, path: &str, token: Option<&str>) -> Call<'n> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Call { request, node: self }
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call("GET", path, Some(token)).send().await
    }

    /// A POST with a fresh key, for what needs one.
    pub(super) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        let mut fresh = [0; 8];
        getrandom::fill(&mut fresh).expect("random bytes");
        self.call("POST", path, Some(token)).key(&hex::encode(fresh)).body(body).send().await
    }

    /// Waits until a state is there; applying happens behind the answers.
    pub(super) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let mut tick = self.running.engine.shared().watch();
        let waiting = async {
            while !holds().await {
                // Some states follow from time alone, which no tick announces.
                let _ = tokio::time::timeout(Duration::from_millis(20), tick.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| unreachable!("never came: {what}"));
    }

    /// Registers the sample platforms `video-a` and `social-b`.
    pub(super) async fn register_platforms(&self) {
        let officer = self.token("officer").await;
        for (id, domain) in [("video-a", "video-a.test"), ("social-b", "social-b.test")] {
            let reply = self.post("/api/v1/recipients", &officer, recipient(id, domain)).await;
            assert_eq!(reply.status, 201, "{reply:?}");
        }
    }

    /// Refers one content at one address, as `analyst`; returns the entry's name.
    pub(super) async fn refer(&self, analyst: &str, reference: &str, urls: &[&str]) -> String {
        let reply = self.post("/api/v1/referrals", analyst, referral(reference, urls)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.text("/entry")
    }

    /// The only notice to a recipient, once there is one.
    pub(super) async fn notice_to(&self, token: &str) -> Value {
        let reply = self.get("/api/v1/feed?wait=15&limit=1", token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json["events"][0]["notice"].clone()
    }
}

/// A request that is put together.
pub(super) struct Call<'n> {
    request: reqwest::RequestBuilder,
    node: &'n TestNode,
}

impl Call<'_> {
    pub(super) fn key(mut self, key: &str) -> Self {
        self.request = self.request.header("Idempotency-Key", key);
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.request = self.request.json(&body);
        self
    }

    pub(super) fn raw(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", "application/json").body(body);
        self
    }

    pub(super) async fn open(self) -> Response {
        self.request.send().await.unwrap_or_else(|error| unreachable!("{} answers: {error}", self.node.url))
    }

    pub(super) async fn send(self) -> Reply {
        Reply::of(self.open().await).await
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) json: Value,
}

impl Reply {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("a body").to_vec();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let reply = Self { status: status.as_u16(), headers, body, json };
        reply.check_form(status);
        reply
    }

    /// What holds for every answer.
    fn check_form(&self, status: StatusCode) {
        let header =
            |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-request-id").len(), 16);
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(header("content-type"), "application/problem+json", "{self:?}");
            for member in ["type", "title", "detail", "instance"] {
                assert!(self.json[member].is_string(), "{member}: {self:?}");
            }
            assert_eq!(self.json["status"], status.as_u16());
            assert_eq!(self.json["request_id"], header("x-request-id"));
        }
    }

    pub(super) fn text(&self, pointer: &str) -> String {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The problem's code.
    pub(super) fn code(&self) -> String {
        self.text("/type").rsplit('/').next().unwrap_or_default().to_owned()
    }
}

pub(super) fn eu() -> MemberId {
    "EU".parse().expect("a member")
}

fn found_federation(dir: &Path, root: &SecretKey) {
    let data = DataDir::new(dir);
    let keys = NodeKeys::generate(&data.keys()).expect("keys");
    let name = "EU referral unit".parse().expect("a name");
    let (transport, cosigner) = (keys.transport.public(), keys.cosigner.public());
    let member = RosterMember::new(eu(), name, transport, cosigner, keys.signing.public());
    let root_keys = RootKeys { keys: vec![root.public()], threshold: 1 };
    let (from, to) = (now(), now().plus(Duration::from_secs(86_400)));
    let federation = "concert.example".parse().expect("a name");
    let mut version = RosterVersion::new(federation, from, to, root_keys);
    version.members.push(member);
    version.set_coordinators(vec![eu()]);
    let signed = SignedRoster::sign(&version, &[root]).expect("signed");
    RosterFiles::new(&data.roster()).apply(signed).expect("applied");
}

pub(super) fn recipient(id: &str, domain: &str) -> Value {
    json!({ "recipient": id, "name": id, "role": "hosting", "domains": [domain], "established": "IE", "languages": ["en"] })
}

pub(super) fn referral(reference: &str, urls: &[&str]) -> Value {
    let items: Vec<Value> = urls.iter().map(|url| json!({ "url": url })).collect();
    json!({
        "unit": "Unit A", "reference": reference, "detected_at": "2026-11-20T08:00:00.000000Z", "items": items,
        "content_type": "video", "languages": ["fr"], "reasons": "Glorifies an attack.", "types": ["a"],
        "exception_check": { "finding": "none" }, "tier": 3, "handling": "recipient",
        "retention": { "class": "standard" }, "source": "own_monitoring"
    })
}

/// An address of a video at `video-a`.
pub(super) const VIDEO: &str = "https://video-a.test/watch?v=abcdefghijk";
/// A page at `social-b`.
pub(super) const POST: &str = "https://social-b.test/some/page";
