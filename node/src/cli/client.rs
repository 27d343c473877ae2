// SPDX-License-Identifier: EUPL-1.2
//! The commands' way to a node: its public HTTP API and nothing else.
//!
//! Every answer is bounded in size and time, every refusal becomes a [`Failure`] with the exit status that belongs to it.
//! This build speaks plain HTTP; redirects and proxies are not followed, because a token goes with each request.

mod problem;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::failures;
use crate::keys::{ADMIN_TOKEN_FILE, KeyError, read_token};
use crate::output::{Exit, Failure};

use problem::Problem;

/// Longest answer that is read, in bytes.
pub const REPLY_LEN_MAX: usize = 64 << 20;
/// Items asked for at once.
pub const PAGE_LEN: usize = 500;
/// Most items that one list gathers.
pub const LIST_LEN_MAX: usize = 1_000_000;
/// Where the API begins.
const API: [&str; 2] = ["api", "v1"];

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A client of one node.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
    timeout: Duration,
}

/// One page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one; means nothing to anybody but the node.
    #[serde(default)]
    pub next: Option<String>,
}

impl Client {
    /// For the node and with the token that flags and settings name. Without `--token-file`, a missing token is no error:
    /// some of the API is open to everybody.
    ///
    /// # Errors
    ///
    /// When settings, address or token file cannot be used.
    pub fn new(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        let base = match &global.url {
            Some(url) => base(url)?,
            None => base(&format!("http://{}", reachable(context.settings()?.settings.http.listen)))?,
        };
        let token = match &global.token_file {
            Some(path) => Some(read_token(path).map_err(failures::key)?),
            None => match read_token(&context.data()?.keys().join(ADMIN_TOKEN_FILE)) {
                Ok(token) => Some(token),
                Err(KeyError::Missing { .. }) => None,
                Err(error) => return Err(failures::key(error)),
            },
        };
        Self::at(base, token.as_ref().map(|token| token.as_str()), global.timeout)
    }

    /// For the node at `base`, with a token.
    fn at(base: Url, token: Option<&str>, timeout: Duration) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("concert/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(timeout)
            .build()
            .map_err(|error| Failure::new(Exit::Failed, "no HTTP client can be made").because(error))?;
        let token = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()).map(
            |mut value| {
                value.set_sensitive(true);
                value
            },
        );
        Ok(Self { http, base, token, timeout })
    }

    /// The node's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Gets `path`, given as its parts below `/api/v1`, which are escaped here.
    ///
    /// # Errors
    ///
    /// A [`Failure`] with the exit status for what went wrong.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.json(self.request(Method::GET, path, query)).await
    }

    /// Posts `body`. With `idempotency_key` (any unique text), sending the same again does nothing twice.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
        idempotency_key: Option<&str>,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, path, &[]).json(body);
        self.json(match idempotency_key {
            Some(key) => request.header(IDEMPOTENCY_KEY, key),
            None => request,
        })
        .await
    }

    /// Deletes `path`.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        let response = self.send(self.request(Method::DELETE, path, &[]).timeout(self.timeout)).await?;
        self.accepted(response).await.map(drop)
    }

    /// Gets a list page by page, at most `len_max` items of it.
    ///
    /// # Errors
    ///
    /// As [`Client::get`]; also when the node answers with a cursor that leads nowhere.
    pub async fn list_all<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        len_max: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let limit = (len_max - items.len()).min(PAGE_LEN).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.get(path, &query).await?;
            // A page may be empty and still have a next one: the node looked at a bounded number of records.
            let stuck = page.next == cursor;
            items.extend(page.items);
            items.truncate(len_max);
            match page.next {
                None => return Ok(items),
                Some(_) if items.len() == len_max => return Ok(items),
                Some(_) if stuck => {
                    return Err(Failure::new(
                        Exit::Failed,
                        "the node's list does not end: its cursor leads nowhere",
                    ));
                }
                next => cursor = next,
            }
        }
    }

    /// Gets a document as it is, such as a signed one, up to [`REPLY_LEN_MAX`].
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn bytes(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
        let request = self.request(Method::GET, path, query).header(ACCEPT, "*/*").timeout(self.timeout);
        let response = self.accepted(self.send(request).await?).await?;
        self.body(response).await
    }

    /// Gets the exact bytes of a signed entry at `path`, where the API would otherwise show it as JSON.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn signed(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        let request =
            self.request(Method::GET, path, &[]).header(ACCEPT, "application/jose").timeout(self.timeout);
        let response = self.accepted(self.send(request).await?).await?;
        self.body(response).await
    }

    /// Gets what the node publishes outside the API, such as its key set. No token goes with it.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn public(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        let mut url = self.base.clone();
        // An http address can always hold a path, so there is nothing to handle otherwise.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let response = self.accepted(self.send(self.http.get(url).timeout(self.timeout)).await?).await?;
        self.body(response).await
    }

    /// Opens a stream of events, from behind the event `last` if given. The answer's body comes without an end, so
    /// only its beginning is bound by `--timeout`.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        last: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request = self.request(Method::GET, path, query).header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header(LAST_EVENT_ID, last);
        }
        match tokio::time::timeout(self.timeout, self.send(request)).await {
            Ok(response) => self.accepted(response?).await,
            Err(_) => Err(self.too_slow()),
        }
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        // An http address can always hold a path, so there is nothing to handle otherwise.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(API).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let request = request.header(ACCEPT, "application/json").timeout(self.timeout);
        let response = self.accepted(self.send(request).await?).await?;
        let body = self.body(response).await?;
        // An answer without content reads as null.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|error| {
            Failure::new(Exit::Failed, "the node's answer is not what this version expects")
                .because(error)
                .hint("compare concert version with the node's")
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| self.unreachable(error))
    }

    /// The response if the node did what was asked, the node's own words if not.
    async fn accepted(&self, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await.unwrap_or_default();
        Err(Problem::read(&body).into_failure(status.as_u16(), self.token.is_some()))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + chunk.len() > REPLY_LEN_MAX {
                return Err(Failure::new(Exit::Failed, "the node's answer is longer than 64 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return self.too_slow();
        }
        // The address is said already, and an address of the API may hold what was looked up.
        Failure::new(Exit::Unreachable, format!("the node at {} cannot be reached", self.base))
            .because(error.without_url())
            .hint("is it running? --url names another node")
    }

    fn too_slow(&self) -> Failure {
        let error = format!("the node at {} did not answer within {:?}", self.base, self.timeout);
        Failure::new(Exit::Unreachable, error).hint("give it more time with --timeout")
    }
}

/// Reads `--url`.
fn base(text: &str) -> Result<Url, Failure> {
    let wrong = |what: &str| Failure::new(Exit::Usage, format!("--url {text:?}: {what}"));
    let url = Url::parse(text).map_err(|_| wrong("expected an address, as in http://127.0.0.1:8440"))?;
    match url.scheme() {
        "http" => {}
        "https" => {
            return Err(wrong("this build speaks plain HTTP, not TLS").hint(
                "run the command on the node's own machine, or through a tunnel, with an http:// address",
            ));
        }
        _ => return Err(wrong("expected an http:// address")),
    }
    let good = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if good {
        Ok(url)
    } else {
        Err(wrong("expected an address without user, query and fragment")
            .hint("tokens come from --token-file"))
    }
}

/// Where a node that listens on `listen` is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests;
