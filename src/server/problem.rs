//! A refusal as an answer. What went wrong is one value, whatever API was asked; each API has its own form
//! for it, which it gets on its way out (`render`).

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access::AccessError;
use crate::agent::AgentError;
use crate::backend::BackendError;
use crate::error::{Classify, Kind};
use crate::repo::RepoError;
use crate::sync::SyncError;
use crate::sync::wire::Failure;

use super::advice;
use super::body::Refused;

/// Seconds after which a client may ask again when nothing better is known.
const RETRY_SECONDS: u32 = 1;
/// The same when the store is not there.
const STORE_RETRY_SECONDS: u32 = 5;
/// What is said when the store is not there.
pub(super) const NO_STORE: &str = "the store is not there";

/// Why a request is not answered with what was asked for.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What is told a recto that asks, too: its hint is a command.
    pub(super) failure: Box<Failure>,
    /// What helps any other client.
    pub(super) advice: Option<String>,
    /// When to ask again, in seconds.
    pub(super) retry_seconds: Option<u32>,
    /// What was expected to be there, and what is.
    pub(super) sides: Option<Box<(String, String)>>,
    /// The coding that bodies may have, where another one is what is wrong.
    pub(super) coding: Option<&'static str>,
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
        Self::with(status, Failure::new(kind, message))
    }

    fn with(status: StatusCode, failure: Failure) -> Self {
        let failure = Box::new(failure);
        Self { status, failure, advice: None, retry_seconds: None, sides: None, coding: None }
    }

    /// The request is not one that can be read.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Kind::Usage, message)
    }

    /// There is no such thing, or it is not for who asks.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Kind::NotFound, message)
    }

    /// It is there, and who asks may not do that.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Kind::Refused, message)
    }

    /// The server has too much to do; the same request can be sent again.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Kind::Io, message)
            .command("run the command again")
            .retry(RETRY_SECONDS)
    }

    /// The store is not where it was: a volume that is not mounted, say. It may come back.
    pub(super) fn no_store() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Kind::Io, NO_STORE).retry(STORE_RETRY_SECONDS)
    }

    /// The same, with what helps whoever asked.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        Self { failure: Box::new(self.failure.with_hint(&hint)), advice: Some(hint), ..self }
    }

    /// The same, with what helps who asked by a command of recto, and nobody else.
    #[must_use]
    pub(super) fn command(self, hint: impl Into<String>) -> Self {
        Self { failure: Box::new(self.failure.with_hint(hint)), ..self }
    }

    /// The same, with when to ask again.
    #[must_use]
    pub(super) fn retry(self, seconds: u32) -> Self {
        Self { retry_seconds: Some(seconds), ..self }
    }

    /// The same, with how bodies may be compressed instead.
    #[must_use]
    pub(super) fn accepting(self, coding: &'static str) -> Self {
        Self { coding: Some(coding), ..self }
    }

    /// The same under another status.
    #[must_use]
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// What any part of recto failed with.
    pub(super) fn about(error: &dyn Classify) -> Self {
        Self::with(status(error.kind()), Failure::about(error))
    }

    /// What a transport failed with.
    pub(super) fn of(error: &SyncError) -> Self {
        Self { failure: Box::new(Failure::of(error)), ..Self::about(error) }
    }

    /// What the store failed with when it took in what the client sent: what is wrong with that is not
    /// wrong with the store.
    pub(super) fn of_sent(error: &SyncError) -> Self {
        let problem = Self::of(error);
        match error.kind() {
            Kind::Corrupt => problem.with_status(StatusCode::UNPROCESSABLE_ENTITY),
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
            Refused::TooLarge { .. } | Refused::TooMuch => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::Invalid, message)
            }
            Refused::Slow => Self::new(StatusCode::REQUEST_TIMEOUT, Kind::Io, message),
            Refused::CutOff => Self::malformed(message),
            Refused::Full => Self::busy(message),
        }
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        let (advice, sides) = (advice::of_agent(&error), sides(&error).map(Box::new));
        Self { advice, sides, ..Self::about(&error) }
    }
}

/// What was expected, and what is there, of an error that has both.
fn sides(error: &AgentError) -> Option<(String, String)> {
    match error {
        AgentError::Moved { expected, actual, .. }
        | AgentError::Repo(RepoError::NotAsExpected { expected, actual, .. }) => {
            Some((expected.clone(), actual.clone()))
        }
        AgentError::DraftMoved { expected, actual, .. } => {
            Some((format!("revision {expected}"), format!("revision {actual}")))
        }
        _ => None,
    }
}

impl From<RepoError> for Problem {
    fn from(error: RepoError) -> Self {
        AgentError::from(error).into()
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        Self::about(&error)
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        // What is wrong with the tokens is nothing for who shows one.
        tracing::error!(error = %error, "the tokens cannot be used");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Io, "the server cannot read its tokens")
    }
}

impl IntoResponse for Problem {
    /// The status, and the problem itself for whoever gives it its form.
    fn into_response(self) -> Response {
        if self.is_own() {
            let causes = self.failure.causes().join(": ");
            tracing::error!(error = %self.message(), causes = %causes, "failed");
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(coding) = self.coding {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(coding));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let way = HeaderValue::from_static("Bearer realm=\"recto\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, way);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a problem that is in an answer its form: `form` makes the status and the document of it.
pub(super) fn render(
    response: Response,
    content_type: &'static str,
    form: impl FnOnce(&Problem) -> (StatusCode, serde_json::Value),
) -> Response {
    let (mut parts, body) = response.into_parts();
    let Some(problem) = parts.extensions.remove::<Problem>() else {
        return Response::from_parts(parts, body);
    };
    let (status, document) = form(&problem);
    parts.status = status;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Response::from_parts(parts, Body::from(document.to_string()))
}
