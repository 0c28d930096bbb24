//! Who may ask: clients that speak this version of the protocol and show the token, and no browser.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::access::Role;
use crate::error::Kind;
use crate::server::call::Shared;
use crate::server::caller::{Caller, caller};
use crate::server::problem::Problem;
use crate::sync::wire::{PROTOCOL, PROTOCOL_HEADER, STORE_HEADER};

/// Lets a request through or refuses it, and has every answer say whose store it is.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let brings = path.ends_with("/stage") || path.ends_with("/push");
    let admitted = admitted(&shared, request.headers(), brings).await;
    pass(&shared, request, next, admitted).await
}

/// Answers who is let in, once the store was found good, and has the answer say whose store it is.
pub(in crate::server) async fn pass(
    shared: &Shared,
    mut request: Request,
    next: Next,
    admitted: Result<Caller, Problem>,
) -> Response {
    let mut response = match admitted {
        // What is asked here may answer that something is missing without a failure.
        Ok(_) if !shared.repo.backend().is_there() => Problem::no_store().into_response(),
        Ok(caller) if shared.proof().await => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(_) => Problem::busy("what the store lies on was not found to be good yet").into_response(),
        Err(problem) => problem.into_response(),
    };
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        let store = shared.repo.backend().store_id().to_string();
        if let Ok(store) = HeaderValue::from_str(&store) {
            response.headers_mut().insert(STORE_HEADER, store);
        }
    }
    response
}

/// Refuses who speaks another version of the protocol.
pub(in crate::server) fn protocol(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let known = PROTOCOL.to_string();
    if let Some(asked) = headers.get(PROTOCOL_HEADER).map(text).filter(|asked| *asked != known) {
        let message = format!("the client speaks sync protocol '{asked}', and this server speaks '{known}'");
        let problem = Problem::new(StatusCode::BAD_REQUEST, Kind::Refused, message);
        return Err(problem.hint("use a recto of the same release on both sides"));
    }
    Ok(())
}

async fn admitted(shared: &Shared, headers: &HeaderMap, brings: bool) -> Result<Caller, Problem> {
    protocol(headers)?;
    let caller = caller(shared, headers).await?;
    if !caller.sees_all() {
        return Err(Problem::forbidden("a token for some agents is no token to fetch or push a store with"));
    }
    // What is pushed may move every ref.
    caller.require(if brings { Role::Publisher } else { Role::Reader })?;
    Ok(caller)
}
