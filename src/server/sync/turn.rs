//! Turns: so many requests are worked on at once, and fewer of those that bring objects.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::server::call::{Shared, Turn};
use crate::server::problem::Problem;

/// Has a request that was let in wait for its turn.
pub(super) async fn in_turn(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let brings = path.ends_with("/stage") || path.ends_with("/push");
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
