//! The store itself, for who uses it from afar: a route for each promise of a backend, under `/api/v1/store`.
//! docs/sync-protocol.md describes it; the shapes are those of `crate::sync::wire`.

mod commit;
mod objects;
mod read;
mod state;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::access::Role;
use crate::sync::wire::store::STORE_ROOT;

use super::call::Shared;
use super::caller::{Caller, caller};
use super::problem::Problem;
use super::sync::guard;
use super::turn::in_turns;

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let below = Router::new()
        .route("/agents", post(read::agents))
        .route("/heads", post(read::heads))
        .route("/states", post(state::states))
        .route("/refs", post(read::refs))
        .route("/list", post(read::list))
        .route("/log", post(read::log))
        .route("/derived", post(read::derived))
        .route("/objects", post(objects::objects))
        .route("/find", post(read::find))
        .route("/lacks", post(read::lacks))
        .route("/stage", post(objects::stage))
        .route("/commit", post(commit::commit))
        .route("/commits", post(commit::commits));
    let all = Router::new()
        .nest(STORE_ROOT, below)
        .route(STORE_ROOT, get(read::store))
        // Bodies are bounded where they are read, each by what it is.
        .layer(DefaultBodyLimit::disable());
    // Who is not let in takes no turn.
    in_turns(all, shared).layer(middleware::from_fn_with_state(Arc::clone(shared), let_in))
}

async fn let_in(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let brings = ["/stage", "/commit", "/commits"].iter().any(|route| path.ends_with(route));
    let admitted = match guard::protocol(request.headers()) {
        Ok(()) => caller(&shared, request.headers()).await.and_then(|caller| admitted(caller, brings)),
        Err(problem) => Err(problem),
    };
    guard::pass(&shared, request, next, admitted).await
}

/// Objects are every agent's, so that who may not read all agents may not read objects by their ids.
fn admitted(caller: Caller, brings: bool) -> Result<Caller, Problem> {
    if !caller.sees_all() {
        let problem = Problem::forbidden("a token for some agents is no token to use a whole store with");
        return Err(
            problem.hint("'recto token create NAME --role ROLE', without --agents, makes one for all")
        );
    }
    caller.require(if brings { Role::Editor } else { Role::Reader })?;
    Ok(caller)
}
