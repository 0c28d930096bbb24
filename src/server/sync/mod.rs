//! The API through which other stores fetch and push: a route for each method of a transport, all under
//! `/sync/v1`. docs/sync-protocol.md describes it; the shapes are those of `crate::sync::wire`.

mod ask;
mod bring;
pub(super) mod guard;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Router, middleware};

use crate::error::Kind;
use crate::sync::wire::{PROTOCOL, ROOT};

use super::call::Shared;
use super::problem::Problem;
use super::turn::in_turns;

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let version = Router::new()
        .route("/agents", get(ask::agents))
        .route("/tips", post(ask::tips))
        .route("/chains", post(ask::chains))
        .route("/lines", post(bring::lines))
        .route("/packs", get(ask::packs))
        .route("/packs/{id}", get(bring::pack))
        .route("/objects", post(bring::objects))
        .route("/lacks", post(ask::lacks))
        .route("/stage", post(ask::stage))
        .route("/push", post(ask::push));
    let all = Router::new()
        .nest(ROOT, version)
        .route("/sync/{*rest}", any(elsewhere))
        // Bodies are bounded where they are read, each by what it is.
        .layer(DefaultBodyLimit::disable());
    // Who is not let in takes no turn.
    in_turns(all, shared).layer(middleware::from_fn_with_state(Arc::clone(shared), guard::guard))
}

async fn elsewhere(request: Request) -> Problem {
    let path = request.uri().path();
    let message =
        format!("there is nothing at '{path}': this server speaks sync protocol {PROTOCOL}, under '{ROOT}'");
    Problem::new(StatusCode::NOT_FOUND, Kind::NotFound, message)
}
