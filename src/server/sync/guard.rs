//! Who may ask: clients that speak this version of the protocol and show the token, and no browser.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::Kind;
use crate::server::call::Shared;
use crate::server::problem::Problem;
use crate::sync::wire::{PROTOCOL, PROTOCOL_HEADER, STORE_HEADER};

/// Lets a request through or refuses it, and has every answer say whose store it is.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match admitted(&shared, request.headers()) {
        Ok(()) if shared.proof().await => next.run(request).await,
        Ok(()) => Problem::busy("what the store lies on was not found to be good yet").into_response(),
        Err(problem) => problem.into_response(),
    };
    let status = response.status();
    let headers = response.headers_mut();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        let store = shared.repo.backend().store_id().to_string();
        if let Ok(store) = HeaderValue::from_str(&store) {
            headers.insert(STORE_HEADER, store);
        }
    } else if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"recto\""));
    }
    response
}

fn admitted(shared: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let known = PROTOCOL.to_string();
    if let Some(asked) = headers.get(PROTOCOL_HEADER).map(text).filter(|asked| *asked != known) {
        let message = format!("the client speaks sync protocol '{asked}', and this server speaks '{known}'");
        let problem = Problem::new(StatusCode::BAD_REQUEST, Kind::Refused, message);
        return Err(problem.hint("use a recto of the same release on both sides"));
    }
    // A page that somebody has open must not reach a server that only this machine can.
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err(Problem::new(StatusCode::FORBIDDEN, Kind::Refused, "a browser has no business here"));
    }
    let Some(token) = &shared.token else { return Ok(()) };
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.split_once(' '));
    let message = match shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        Some((_, shown)) if token.is(shown.trim()) => return Ok(()),
        Some(_) => "the server does not take this token",
        None => "the server wants a token",
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, Kind::Refused, message);
    Err(problem
        .hint("put it into RECTO_TOKEN, or into a file: 'recto remote set-url NAME URL --token-file FILE'"))
}
