//! What happens to every request: it gets an id and a line in the log.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::call::Shared;
use super::caller::WHO;
use super::problem::Problem;
use super::render::render;
use crate::sync::wire::store::STORE_ROOT;
use crate::sync::wire::{PROTOCOL, PROTOCOL_HEADER, REQUEST_HEADER};

/// Longest id that a client may give its request, in bytes.
const ID_MAX_BYTES: usize = 64;

/// Takes a request in, and its answer out.
pub(super) async fn observe(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = id_of(&request);
    let span = tracing::info_span!("request", id = %id, { WHO } = Empty);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).instrument(span.clone()).await;
    let response = span.in_scope(|| founded(&shared, response));
    let mut response = render(&path, response);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_HEADER, value);
    }
    if path.starts_with("/sync/") || path.starts_with(STORE_ROOT) {
        // On refusals, too, wherever they come from: else they would seem to be of another server.
        response.headers_mut().insert(PROTOCOL_HEADER, PROTOCOL.into());
    }
    let took = began.elapsed();
    shared.metrics.answered(&path, response.status(), took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(method = %method, path = %path, status = response.status().as_u16(), ms, "answered"));
    response
}

/// The answer, unless it is a refusal and the store is not there: what is missing, or wrong, may be so for that
/// reason only, whatever an API makes of it.
fn founded(shared: &Shared, response: Response) -> Response {
    if response.extensions().get::<Problem>().is_none() || shared.repo.backend().is_there() {
        return response;
    }
    tracing::error!(store = %shared.repo.root().display(), "the store is not there");
    Problem::no_store().into_response()
}

/// The id that the client gave, when it is one that may stand in a log; else a random one.
fn id_of(request: &Request) -> String {
    let given = request.headers().get(REQUEST_HEADER).and_then(|value| value.to_str().ok());
    let fits = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=ID_MAX_BYTES).contains(&id.len()) && id.bytes().all(plain)
    };
    match given.filter(fits) {
        Some(id) => id.to_owned(),
        None => crate::repo::random_bytes().map_or_else(
            |_| "unknown".to_owned(),
            |bytes| format!("{:016x}", u128::from_be_bytes(bytes) >> 64),
        ),
    }
}
