// SPDX-License-Identifier: EUPL-1.2
//! A node's refusal (RFC 9457) as a failure of the command.

use serde::Deserialize;

use crate::output::{Exit, Failure};

/// Most field errors that are repeated.
const ERRORS_MAX: usize = 20;
/// Most of a text that is repeated, in characters.
const TEXT_MAX: usize = 500;

/// A problem document. Read leniently: whatever is there helps, and nothing is relied on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    hint: Option<String>,
    errors: Vec<FieldError>,
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FieldError {
    pointer: Option<String>,
    detail: Option<String>,
}

impl Problem {
    /// Reads a body; one that is no problem document says nothing.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The failure, for an answer with `status` to a request with or without a token.
    pub(super) fn into_failure(self, status: u16, signed_in: bool) -> Failure {
        let title = self.title.unwrap_or_else(|| format!("the node answered {status}"));
        let mut failure = Failure::new(Exit::of_http_status(status), clip(&title));
        if let Some(detail) = self.detail {
            failure = failure.cause(clip(&detail));
        }
        for error in self.errors.iter().take(ERRORS_MAX) {
            let (pointer, detail) = (error.pointer.as_deref(), error.detail.as_deref());
            failure =
                failure.cause(clip(&format!("{}: {}", pointer.unwrap_or("/"), detail.unwrap_or("wrong"))));
        }
        if let Some(kind) = self.kind.filter(|kind| kind != "about:blank") {
            failure = failure.cause(clip(&format!("problem {kind}, status {status}")));
        }
        if let Some(id) = self.request_id {
            failure = failure.cause(clip(&format!("request {id}, for the node's log")));
        }
        failure.maybe_hint(self.hint.as_deref().map(clip).or_else(|| hint(status, signed_in)))
    }
}

fn hint(status: u16, signed_in: bool) -> Option<String> {
    let hint = match status {
        401 if signed_in => "the token is not valid at this node; --token-file names another",
        401 => {
            "--token-file names a file with a token; the node's first one is keys/admin.token in its data folder"
        }
        403 => "the token's role does not allow this; ask an administrator of the node",
        429 => "wait a little and try again",
        _ => return None,
    };
    Some(hint.into())
}

fn clip(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
