//! Whether the process lives, and whether it can read its store and the tokens of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::time::timeout;

use crate::backend::BackendError;
use crate::disk::DiskError;
use crate::error::{Classify as _, Kind, causes};

use super::call::Shared;
use super::problem::NO_STORE;

/// How long the store may take to be read.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Its routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Cow<'static, str>) {
    match readiness(shared).await {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n").into()),
    }
}

/// Whether requests can be answered; else why not, for anybody: no paths, and no names of agents.
async fn readiness(shared: Arc<Shared>) -> Result<(), Cow<'static, str>> {
    if !*shared.proven.borrow() {
        return Err("what the store lies on was not found to be good yet".into());
    }
    // One at a time, however many ask: the next begins when this one has ended, waited for or not.
    let look = async {
        let turn = Arc::clone(&shared.looks).acquire_owned().await.ok()?;
        let look = move || {
            let found = look(&shared);
            drop(turn);
            found
        };
        tokio::task::spawn_blocking(look).await.ok()
    };
    timeout(READY_TIMEOUT, look).await.ok().flatten().unwrap_or(Err("the store does not answer".into()))
}

/// Looks at all that every request needs.
fn look(shared: &Shared) -> Result<(), Cow<'static, str>> {
    if !shared.repo.backend().is_there() {
        return Err(NO_STORE.into());
    }
    let tokens = shared.book.current().map_err(|error| {
        tracing::error!(error = %error, "the tokens cannot be used");
        "the tokens of the store cannot be read"
    })?;
    if shared.book.was_used() && !tokens.are_used() {
        return Err("the store has no tokens any more".into());
    }
    shared.repo.backend().agents(None, 1).map(drop).map_err(|error| {
        tracing::error!(error = %error, cause = ?causes(&error), "the store cannot be read");
        format!("the store cannot be read: {}", reason(&error)).into()
    })
}

/// Why a store cannot be read.
fn reason(error: &BackendError) -> Cow<'static, str> {
    match error {
        BackendError::Disk { source: DiskError::NotFound { .. }, .. } => "a part of it is missing".into(),
        BackendError::Disk { source: DiskError::Denied { .. }, .. } => "the server may not read it".into(),
        BackendError::Disk { source: DiskError::Io { source, .. }, .. } => source.kind().to_string().into(),
        BackendError::Bucket(_) => "its bucket does not answer as it should".into(),
        other if other.kind() == Kind::Corrupt => "it is damaged".into(),
        _ => "the log of the server says why".into(),
    }
}
