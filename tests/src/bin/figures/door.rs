// SPDX-License-Identifier: EUPL-1.2
//! A node's HTTP door on loopback, tokens for it, and a client that keeps its connection.

use concert_node::access::{Access, NewToken, Pace, Role};
use concert_node::api::{ApiContext, ApiSettings, router};
use concert_node::engine::{Running, now};
use serde_json::Value;
use tokio::net::TcpListener;

/// Nothing here measures how callers are slowed down.
const PACE: Pace = Pace { burst: 1_000_000, per_second: 1_000_000 };

/// The door of a running node; closed when the node stops.
pub(crate) struct Door {
    url: String,
    access: Access,
}

impl Door {
    /// Opens the door on a free port; to be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// A port that cannot be opened.
    pub(crate) async fn open(running: &Running) -> anyhow::Result<Self> {
        let (access, _) = Access::load(running.engine.clone(), &running.private);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let closing = running.stopping.child_token();
        let settings = ApiSettings { pace: PACE, ..ApiSettings::default() };
        let door = router(ApiContext::new(running.engine.clone(), access.clone(), settings, closing.clone()));
        let server =
            axum::serve(listener, door).with_graceful_shutdown(async move { closing.cancelled().await });
        tokio::spawn(server.into_future());
        Ok(Self { url, access })
    }

    /// A client with a new token of a role.
    ///
    /// # Errors
    ///
    /// A token that cannot be issued.
    pub(crate) async fn client(&self, role: &str) -> anyhow::Result<Client> {
        let new = NewToken { name: role.parse()?, role: role.parse::<Role>()?, expires: None };
        let (secret, _) = self.access.issue(new, now()).await?;
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        Ok(Client { http, url: self.url.clone(), token: secret.text().to_owned() })
    }
}

/// One caller.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// Sends a document and reads the answer.
    ///
    /// # Errors
    ///
    /// An answer that is an error.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body);
        Self::answer(request.send().await?).await
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// An answer that is an error.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Self::answer(request.send().await?).await
    }

    async fn answer(response: reqwest::Response) -> anyhow::Result<Value> {
        let status = response.status();
        let body = response.bytes().await?;
        anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}
