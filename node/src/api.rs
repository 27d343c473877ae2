// SPDX-License-Identifier: EUPL-1.2
//! The node's HTTP door: everything that people and platforms do with a node, they do here (UX d).
//!
//! The door holds no rule that two members must agree on. It checks who calls ([`crate::access`]), reads strictly, asks the
//! engine, and answers; errors are RFC 9457 problems. Its description, `openapi.json`, is generated from the handlers,
//! committed, and compared in a test. Start-up code calls [`router`] and serves what it returns.

mod access_log;
mod answers;
mod authoring;
mod caller;
mod context;
mod door;
mod drafts;
mod feed;
mod holds;
mod input;
mod logs;
mod lookups;
mod node;
mod notices;
mod openapi;
mod page;
mod problem;
mod public;
mod recipients;
mod referrals;
mod schema;
mod status;
mod tokens;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use context::{ApiContext, ApiSettings};
pub use openapi::description;
pub use page::{PAGE_MAX, Page};
pub use problem::{Code, FieldError, PROBLEM_JSON, Problem, ProblemDocument};

/// The door of a running node.
pub fn router(context: ApiContext) -> Router {
    let (router, _) = routes().with_state(context.clone()).split_for_parts();
    router
        .fallback(public::nothing_here)
        // Every route, the fallback included, goes through the one door.
        .layer(from_fn_with_state(context, door::door))
}

/// Every route with its description.
fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new()
        .merge(public::routes())
        .routes(routes!(status::me))
        .routes(routes!(status::status))
        .routes(routes!(lookups::look_up))
        .merge(referrals::routes())
        .merge(drafts::routes())
        .merge(holds::routes())
        .merge(recipients::routes())
        .merge(notices::routes())
        .merge(answers::routes())
        .merge(feed::routes())
        .merge(logs::routes())
        .merge(node::routes())
        .merge(tokens::routes())
        .routes(routes!(access_log::read_access_log))
}
