// SPDX-License-Identifier: EUPL-1.2
//! What anybody may read: whether the node is there, how its API is described, and the keys that its members sign with.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::KeyId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::ApiContext;
use super::input::Named;
use super::problem::{Code, Problem};

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .routes(routes!(root))
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(openapi_json))
        .routes(routes!(jwks))
        .routes(routes!(explain_problem))
}

/// What this is
///
/// A few lines for people who open the node's address in a browser.
#[utoipa::path(get, path = "/", tag = "public", responses((status = 200, body = String, content_type = "text/plain")))]
async fn root(State(context): State<ApiContext>) -> String {
    format!(
        "Concert node of {}, version {}\n\nAPI description: /openapi.json\nSigning keys:    /.well-known/jwks.json\n\
         Health:          /livez /readyz\n",
        context.shared().me,
        env!("CARGO_PKG_VERSION")
    )
}

/// Whether the node runs
///
/// 200 as long as the process answers. Restart the node when it does not.
#[utoipa::path(get, path = "/livez", tag = "public", responses((status = 200, body = String, content_type = "text/plain")))]
async fn livez() -> &'static str {
    "alive\n"
}

/// Whether the node can be used
///
/// 200 once everything stored has been checked and the node may sign; else 503 with the reason. A mirror need not sign.
#[utoipa::path(
    get, path = "/readyz", tag = "public",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
async fn readyz(State(context): State<ApiContext>) -> Response {
    let shared = context.shared();
    let signs = shared.roster().own_log(&shared.me).is_some();
    if !shared.caught_up() {
        return Problem::new(Code::Unavailable, "entries wait to be checked").into_response();
    }
    if signs && !shared.own_ready() {
        return Problem::new(Code::NotReady, "waiting for peers to return this node's own newest checkpoint")
            .into_response();
    }
    "ready\n".into_response()
}

/// The description of this API
///
/// OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "public", responses((status = 200, body = Object)))]
async fn openapi_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], super::openapi::description()).into_response()
}

/// Keys for JOSE libraries (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
struct KeySet {
    /// Every signing key of every member, also those that have ended: what they signed stays valid.
    keys: Vec<Key>,
}

/// One Ed25519 key (RFC 8037).
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct Key {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// The key in base64url.
    x: String,
    /// As in the header of what it signed: member and first 16 hexadecimal digits of the key's SHA-256.
    #[schema(example = "FR/0123456789abcdef")]
    kid: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    purpose: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
}

/// The members' signing keys
///
/// Every signing key that the roster names, as a JSON Web Key Set. Referrals, notices and all other entries are JWS
/// compact serialisations whose `kid` is found here. Which positions of its log a key may sign stands in the roster.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "public", responses((status = 200, body = KeySet)))]
async fn jwks(State(context): State<ApiContext>) -> Response {
    let roster = context.shared().roster();
    let mut keys = Vec::new();
    for member in roster.members() {
        for key in member.logs.iter().flat_map(|log| &log.keys) {
            let kid = KeyId::of(&member.member, &key.key).to_string();
            let x = key.key.to_base64url();
            keys.push(Key { kty: "OKP", crv: "Ed25519", x, kid, purpose: "sig", alg: "EdDSA" });
        }
    }
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    keys.dedup_by(|a, b| a.kid == b.kid);
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(KeySet { keys })).into_response()
}

/// A sort of problem.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemType)]
struct ProblemType {
    /// What problems have as their `type`.
    #[serde(rename = "type")]
    kind: String,
    /// What they have as their `title`.
    title: &'static str,
    /// Their HTTP status.
    status: u16,
    /// What it means and what to do about it.
    explanation: &'static str,
}

/// What a problem means
///
/// Explains the `type` of a problem.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "public",
    params(("code" = String, Path, description = "Last part of a problem's type.")),
    responses((status = 200, body = ProblemType))
)]
async fn explain_problem(Named(code): Named<String>) -> Result<Json<ProblemType>, Problem> {
    let code = Code::find(&code).ok_or_else(Problem::not_found)?;
    let status = code.status().as_u16();
    Ok(Json(ProblemType {
        kind: code.type_path(),
        title: code.title(),
        status,
        explanation: code.explanation(),
    }))
}

/// The answer for paths that are none.
pub(super) async fn nothing_here() -> Response {
    let response: Response = Problem::not_found().into_response();
    debug_assert_eq!(response.status(), StatusCode::NOT_FOUND);
    response
}
