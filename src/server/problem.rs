//! A refusal as an answer; the one place where a kind of failure becomes a status.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::{Classify as _, Kind};
use crate::sync::SyncError;
use crate::sync::wire::{Failure, JSON_TYPE, ToldFailure};

use super::body::Refused;

/// Why a request is not answered with what was asked for.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    failure: Box<Failure>,
}

/// The status for a kind of failure.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Refused | Kind::Conflict => StatusCode::CONFLICT,
        Kind::Usage => StatusCode::BAD_REQUEST,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Corrupt | Kind::Io | Kind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Problem {
    /// A refusal of the server itself.
    pub(super) fn new(status: StatusCode, kind: Kind, message: impl Into<String>) -> Self {
        Self { status, failure: Box::new(Failure::new(kind, message)) }
    }

    /// The request is not one that can be read.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Kind::Usage, message)
    }

    /// The server has too much to do; the same request can be sent again.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Kind::Io, message).hint("run the command again")
    }

    /// The same, with what helps.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { failure: Box::new(self.failure.with_hint(hint)), ..self }
    }

    /// What the store failed with.
    pub(super) fn of(error: &SyncError) -> Self {
        Self { status: status(error.kind()), failure: Box::new(Failure::of(error)) }
    }

    /// What the store failed with when it took in what the client sent: what is wrong with that is not
    /// wrong with the store.
    pub(super) fn of_sent(error: &SyncError) -> Self {
        let problem = Self::of(error);
        match error.kind() {
            Kind::Corrupt => Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..problem },
            _ => problem,
        }
    }

    /// What is said in the server's own log.
    pub(super) fn message(&self) -> &str {
        self.failure.message()
    }

    /// Whether it is the server's fault.
    pub(super) fn is_own(&self) -> bool {
        self.status == StatusCode::INTERNAL_SERVER_ERROR
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::Invalid, message),
            Refused::Slow => Self::new(StatusCode::REQUEST_TIMEOUT, Kind::Io, message),
            Refused::CutOff => Self::malformed(message),
            Refused::Full => Self::busy(message),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.is_own() {
            tracing::error!(error = %self.message(), "failed");
        }
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        // Plain strings only: there is nothing in it that JSON cannot say.
        let text = serde_json::to_vec(&ToldFailure { error: *self.failure }).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON_TYPE));
        if busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
