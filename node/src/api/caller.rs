// SPDX-License-Identifier: EUPL-1.2
//! Who calls, as the door established it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use concert_protocol::entry::text::{RecipientId, Text};

use super::context::ApiContext;
use super::problem::{Code, Problem};
use crate::access::{Reading, Role, TokenId, TokenInfo};
use crate::engine::now;

/// The holder of a live token.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) TokenInfo);

impl Caller {
    pub(super) fn id(&self) -> TokenId {
        self.0.id
    }

    pub(super) fn name(&self) -> &Text<1, 120> {
        &self.0.name
    }

    pub(super) fn role(&self) -> &Role {
        &self.0.role
    }

    /// The recipient that calls; `None` for a person of the member.
    pub(super) fn recipient(&self) -> Option<&RecipientId> {
        self.0.role.recipient()
    }

    /// Puts a line into the access log. Only people's readings are logged: a recipient reads what is its own, and
    /// deliveries are entries.
    pub(super) fn note(&self, context: &ApiContext, action: &str, subject: impl ToString) {
        self.note_with(context, action, subject, None);
    }

    pub(super) fn note_with(
        &self,
        context: &ApiContext,
        action: &str,
        subject: impl ToString,
        note: Option<Text<1, 1000>>,
    ) {
        if self.recipient().is_some() {
            return;
        }
        context.access().note(Reading {
            number: 0,
            at: now(),
            token: self.id(),
            name: self.name().clone(),
            role: self.role().clone(),
            action: action.into(),
            subject: subject.to_string().into(),
            note,
        });
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only on routes that need no token, whose handlers do not ask.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "no token was sent"))
    }
}
