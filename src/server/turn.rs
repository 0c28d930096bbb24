//! Turns: so many requests are worked on at once, and fewer of those that bring much. What is small is waited
//! for before, so that who sends slowly holds no turn.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::sync::wire::store::STORE_ROOT;

use super::body::Refused;
use super::call::{Shared, Turn};
use super::problem::Problem;

/// Largest body that is waited for before a turn is, in bytes.
const AHEAD_MAX_BYTES: u64 = 64 * 1024;

/// The same routes, each request in its turn.
pub(super) fn in_turns(routes: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    routes.layer(middleware::from_fn_with_state(Arc::clone(shared), in_turn))
}

/// Has a request that was let in wait for its turn.
async fn in_turn(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    request = match ahead(&shared, request).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    let brings = brings(&request);
    let turn = async {
        let mut turn = Turn::default();
        // First, and without a turn: those that come slowly leave turns to who only asks.
        if brings {
            turn.hold(Arc::clone(&shared.uploads).acquire_owned().await.ok()?);
        }
        turn.hold(Arc::clone(&shared.turns).acquire_owned().await.ok()?);
        Some(turn)
    };
    match timeout(shared.limits.turn, turn).await {
        Ok(Some(turn)) => drop(request.extensions_mut().insert(turn)),
        _ => return Problem::busy("the server has too much to do").into_response(),
    }
    next.run(request).await
}

/// Whether a request may take as long as its sender likes: those that bring objects, and elsewhere than between
/// stores, where questions may be long, all whose bodies are not small.
fn brings(request: &Request) -> bool {
    let path = request.uri().path();
    if path.starts_with("/sync/") || path.starts_with(STORE_ROOT) {
        return ["/stage", "/push", "/commit", "/commits"].iter().any(|route| path.ends_with(route));
    }
    !is_small(request.body())
}

fn is_small(body: &Body) -> bool {
    body.size_hint().upper().is_some_and(|bytes| bytes <= AHEAD_MAX_BYTES)
}

/// A request whose body, if it is small, is there.
///
/// # Errors
/// 408 when it came too slowly, 400 when it did not come whole.
async fn ahead(shared: &Shared, request: Request) -> Result<Request, Problem> {
    if !is_small(request.body()) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let max_bytes = usize::try_from(AHEAD_MAX_BYTES).unwrap_or(usize::MAX);
    match timeout(shared.limits.body, to_bytes(body, max_bytes)).await {
        Err(_) => Err(Refused::Slow.into()),
        Ok(Err(_)) => Err(Refused::CutOff.into()),
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
    }
}
