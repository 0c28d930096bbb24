//! Whether the process lives, and whether it can read its store.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::time::timeout;

use super::call::Shared;

/// How long the store may take to be read.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Its routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if !*shared.proven.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "what the store lies on was not found to be good yet\n");
    }
    // One at a time, however many ask: the next begins when this one has ended, waited for or not.
    let look = async {
        let turn = Arc::clone(&shared.looks).acquire_owned().await.ok()?;
        let look = move || {
            let read = shared.repo.backend().agents(None, 1).map(drop);
            drop(turn);
            read
        };
        tokio::task::spawn_blocking(look).await.ok()
    };
    match timeout(READY_TIMEOUT, look).await {
        Ok(Some(Ok(()))) => (StatusCode::OK, "ready\n"),
        Ok(Some(Err(error))) => {
            tracing::error!(error = %error, "the store cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n")
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}
