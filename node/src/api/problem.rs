// SPDX-License-Identifier: EUPL-1.2
//! What goes wrong, as RFC 9457 problems: a stable type for programs, a sentence for people.
//!
//! The `type` is a path on this node, `/problems/<code>`, which explains itself. A `detail` says what, where and what to
//! do; it never says whether something exists that the caller may not see.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::entry::EntryError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{AccessError, DraftError};
use crate::engine::AuthorError;
use crate::journal::JournalError;
use crate::store::StoreError;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! codes {
    ($($code:ident = $name:literal, $status:ident, $title:literal, $explanation:literal;)*) => {
        /// What sort of problem. Codes are stable: programs may act on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $explanation] $code,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The last part of the problem's type.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name),* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status),* }
            }

            /// A few words, always the same for one code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title),* }
            }

            /// What it means and what to do about it.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$code => $explanation),* }
            }
        }
    };
}

codes! {
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "No valid token",
        "The request has no token, or one that is unknown, expired or revoked. Send `Authorization: Bearer <token>`; an administrator of the node issues tokens.";
    Forbidden = "forbidden", FORBIDDEN, "Not allowed",
        "The token's role does not allow this. The description of the route says which roles do.";
    NotFound = "not-found", NOT_FOUND, "Not found",
        "There is nothing here, or nothing that this token may see; which of the two is not told.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The path exists but not with this method; the Allow header lists those that do.";
    Malformed = "malformed", BAD_REQUEST, "Malformed request",
        "The request cannot be read: not JSON, a duplicate member, an unknown parameter, or a cursor that this API did not make.";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "Invalid content",
        "The request can be read but breaks a rule of its type; `errors` names each field and the rule.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "Bodies are sent as `Content-Type: application/json`.";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "Body too large",
        "The body is larger than this route takes. Send fewer records in one request.";
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, "Idempotency-Key missing",
        "This request signs something. Send an `Idempotency-Key` header with a fresh value of 1 to 128 characters for each thing to do, and the same value when trying again.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "Idempotency-Key used before",
        "The same key was sent before with another content. Take a fresh key for another thing to do.";
    Conflict = "conflict", CONFLICT, "Conflict",
        "What stands here does not allow it: another text under the same reference, or something already decided or withdrawn. `detail` says what to do instead.";
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests",
        "This token sends more than its share. Wait for the time in the Retry-After header.";
    Timeout = "timeout", REQUEST_TIMEOUT, "Took too long",
        "The request was not finished within the node's bound. What was begun may be done all the same; repeat it with the same Idempotency-Key or reference to see.";
    NoOwnLog = "no-own-log", CONFLICT, "This node writes nothing",
        "The roster gives this node no log of its own (a mirror). Send the request to the member's node.";
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "Not ready to sign",
        "After a start the node first asks its peers for its own newest checkpoint. Try again in a few seconds; if it lasts, see the status.";
    RosterExpired = "roster-expired", SERVICE_UNAVAILABLE, "Roster expired",
        "The roster has run out. Reading goes on; the holders of the root keys sign the next version.";
    StorageFull = "storage-full", INSUFFICIENT_STORAGE, "Disk full",
        "The node's disk is full. Reading goes on; nothing can be written until space is freed.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Unavailable",
        "The node is starting or stopping. Try again in a few seconds.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Fault of the node",
        "The node met a fault of its own. Its log has the details under the request id.";
}

impl Code {
    /// The code with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The problem's type.
    pub fn type_path(self) -> String {
        format!("/problems/{}", self.as_str())
    }
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the request's body; empty for the whole of it.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// A problem before it knows the request that it answers.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What sort.
    pub code: Code,
    /// What, where, what to do.
    pub detail: String,
    /// Fields at fault.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// A problem as it is sent (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// What sort of problem: a path on this node that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    pub kind: String,
    /// A few words, always the same for one type.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What, where, what to do.
    pub detail: String,
    /// The path of the request; empty for one record of a batch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// Fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request in the node's log; also in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
}

impl Problem {
    /// A problem with a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// The one answer for what is missing and for what is another's.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing here that this token may see")
    }

    /// One field breaks a rule.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), detail: detail.into() };
        let detail = if error.pointer.is_empty() {
            error.detail.clone()
        } else {
            format!("{}: {}", error.pointer, error.detail)
        };
        Self { errors: vec![error], ..Self::new(Code::Invalid, detail) }
    }

    /// What stands does not allow it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// Worth trying again after `wait`.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The document for `instance` and `request_id`.
    pub fn document(&self, instance: &str, request_id: &str) -> ProblemDocument {
        ProblemDocument {
            kind: self.code.type_path(),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            errors: self.errors.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The document for one record of a batch.
    pub fn in_batch(&self) -> ProblemDocument {
        self.document("", "")
    }

    /// The response for a request.
    pub fn respond(&self, instance: &str, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.document(instance, request_id)).unwrap_or_default();
        let mut response = (self.code.status(), [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            );
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"concert\""));
        }
        response
    }
}

/// Handlers return problems without knowing the request; the door puts the request in.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AuthorError> for Problem {
    fn from(error: AuthorError) -> Self {
        let seconds = Duration::from_secs;
        match error {
            AuthorError::Entry(error) => error.into(),
            AuthorError::NoLog(_) => Self::new(Code::NoOwnLog, error.to_string()),
            AuthorError::NotReady => Self::new(Code::NotReady, error.to_string()).after(seconds(2)),
            AuthorError::RosterExpired(_) => {
                Self::new(Code::RosterExpired, error.to_string()).after(seconds(600))
            }
            AuthorError::StorageFull => Self::new(Code::StorageFull, error.to_string()).after(seconds(60)),
            AuthorError::Stopping => Self::new(Code::Unavailable, error.to_string()).after(seconds(5)),
        }
    }
}

impl From<EntryError> for Problem {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Rule { field, rule } => Self::field(format!("/{}", field.replace('.', "/")), rule),
            EntryError::TooLong(_) => Self::new(Code::TooLarge, error.to_string()),
            other => Self::new(Code::Invalid, other.to_string()),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Write(error) => error.into(),
            AccessError::Draft(DraftError::Unknown) => Self::not_found(),
            AccessError::Draft(DraftError::OwnDraft) => Self::new(Code::Forbidden, error.to_string()),
            AccessError::Draft(_) | AccessError::TooManyTokens => Self::conflict(error.to_string()),
            AccessError::Record(_) => Self::new(Code::TooLarge, error.to_string()),
            AccessError::Random | AccessError::File { .. } => internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        internal(&error)
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        internal(&error)
    }
}

/// Details stay in the log: they may name files and positions that are nobody's business outside.
pub(super) fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a request met a fault of the node");
    Problem::new(Code::Internal, "the node met a fault of its own; its log has the details")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_found_by_name() {
        for code in Code::ALL {
            assert_eq!(Code::find(code.as_str()), Some(*code));
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
    }

    #[test]
    fn a_rule_of_an_entry_names_its_field_by_pointer() {
        let problem: Problem = EntryError::Rule { field: "exception_check.note", rule: "required" }.into();
        assert_eq!(
            problem.errors,
            [FieldError { pointer: "/exception_check/note".into(), detail: "required".into() }]
        );
        assert_eq!(problem.code.status().as_u16(), 422);
    }

    #[test]
    fn waiting_times_are_rounded_up() {
        let response =
            Problem::new(Code::RateLimited, "wait").after(Duration::from_millis(1)).respond("/", "");
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
