// SPDX-License-Identifier: EUPL-1.2
//! What every request passes: a rule or nothing, a live token, the caller's pace, the body's bound, a time limit.
//!
//! Whatever comes back as an error leaves as a problem with the request's id. Logs have the route's pattern and the token's id,
//! never a path with names in it, a query or a body.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use concert_protocol::encoding::hex_encode;
use futures::FutureExt as _;

use super::caller::Caller;
use super::context::ApiContext;
use super::problem::{Code, PROBLEM_JSON, Problem};
use crate::access::Allowance;
use crate::access::policy::{Patience, RULES, Rule, Who};
use crate::engine::now;

/// Backups copy everything; they end by themselves or with the node.
const STREAMING_MAX: Duration = Duration::from_secs(24 * 3600);

/// The door.
pub(super) async fn door(State(context): State<ApiContext>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let method = request.method().clone();
    let answered = match admit(&context, route.as_deref(), &mut request) {
        Ok(Admitted { rule, allowance, .. }) => {
            let response = answer(&context, rule, request, next).await;
            with_allowance(response, allowance, &context)
        }
        Err(problem) => problem.into_response(),
    };
    let mut response = finish(answered, &path, &id);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        allow(route.as_deref(), response.headers_mut());
    }
    secure(response.headers_mut(), &id);
    noted(&id, &method, route.as_deref(), response.status(), began);
    response
}

/// One line for each request, by its route and never by its address. What was refused is told by default: the caller was
/// given the id to ask about it.
fn noted(id: &str, method: &Method, route: Option<&str>, status: StatusCode, began: Instant) {
    let (route, status) = (route.unwrap_or("none"), status.as_u16());
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    match status {
        // Asked every moment; what is not ready yet is no failure.
        _ if route == "/readyz" => tracing::debug!(request = id, %method, route, status, micros, "request"),
        500.. => tracing::warn!(request = id, %method, route, status, micros, "request failed"),
        400.. => tracing::info!(request = id, %method, route, status, micros, "request refused"),
        _ => tracing::debug!(request = id, %method, route, status, micros, "request"),
    }
}

struct Admitted {
    rule: Option<&'static Rule>,
    allowance: Option<Allowance>,
}

/// Finds the rule, the caller and what is left of the caller's pace.
fn admit(context: &ApiContext, route: Option<&str>, request: &mut Request) -> Result<Admitted, Problem> {
    // No route: the fallback answers that there is nothing here.
    let Some(route) = route else { return Ok(Admitted { rule: None, allowance: None }) };
    let Some(rule) = Rule::find(request.method().as_str(), route) else {
        let detail = "the path exists, but not with this method";
        return Err(Problem::new(Code::MethodNotAllowed, detail));
    };
    DefaultBodyLimit::max(rule.body_max.min(context.settings().body_len_max)).apply(request);
    if rule.who == Who::Public {
        return Ok(Admitted { rule: Some(rule), allowance: None });
    }
    let token = bearer(request.headers()).and_then(|text| context.access().authenticate(text, now()));
    let Some(token) = token else {
        let detail = "send a live token: Authorization: Bearer <token>";
        return Err(Problem::new(Code::Unauthenticated, detail));
    };
    // Before the role is looked at: what is refused costs the caller too.
    let allowance = context.limiter().take(token.id, Instant::now()).map_err(|wait| {
        Problem::new(Code::RateLimited, "this token sends more than its share; wait, then go on").after(wait)
    })?;
    if !rule.admits(token.role.name()) {
        let detail = format!("the role {} may not do this", token.role.name().as_str());
        return Err(Problem::new(Code::Forbidden, detail));
    }
    request.extensions_mut().insert(Caller(token));
    Ok(Admitted { rule: Some(rule), allowance: Some(allowance) })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Runs the handler within its time; a panic is a fault of the node and ends this request alone.
async fn answer(context: &ApiContext, rule: Option<&Rule>, request: Request, next: Next) -> Response {
    let within = match rule.map(|rule| rule.patience) {
        Some(Patience::Streaming) => STREAMING_MAX,
        _ => context.settings().request_timeout,
    };
    let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(within, handler).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a handler panicked");
            Problem::new(Code::Internal, "the node met a fault of its own; its log has the details")
                .into_response()
        }
        Err(_) => {
            let detail =
                "not finished in time; repeat it with the same key or reference to see whether it was done";
            Problem::new(Code::Timeout, detail).into_response()
        }
    }
}

/// Gives every error the form of a problem.
fn finish(mut response: Response, path: &str, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.respond(path, id);
    }
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == PROBLEM_JSON);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let code = Code::ALL.iter().copied().find(|code| code.status() == status).unwrap_or(Code::Internal);
    Problem::new(code, code.explanation()).respond(path, id)
}

fn allow(route: Option<&str>, headers: &mut HeaderMap) {
    let methods: Vec<&str> =
        RULES.iter().filter(|rule| Some(rule.path) == route).map(|rule| rule.method).collect();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(header::ALLOW, value);
    }
}

fn with_allowance(mut response: Response, allowance: Option<Allowance>, context: &ApiContext) -> Response {
    if let Some(allowance) = allowance {
        let pace = context.limiter().pace();
        let window = pace.burst.div_ceil(pace.per_second);
        let headers = [
            ("ratelimit-policy", format!("\"default\";q={};w={window}", pace.burst)),
            ("ratelimit", format!("\"default\";r={};t={}", allowance.left, allowance.full_in.as_secs())),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
    response
}

/// Nothing that leaves is to be kept, sniffed, framed or run.
fn secure(headers: &mut HeaderMap, id: &str) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// Always of the node's own making: what a client sends would end up in the log.
fn request_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the id is not unique, which only makes a log line harder to find.
    let _ = getrandom::fill(&mut bytes);
    hex_encode(&bytes)
}
