//! A request on its way through the server: what it brings, its turn, and the threads that work on it.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tracing::Span;

use crate::access::{Book, Limiter};
use crate::agent::Agents;
use crate::error::{Kind, causes};
use crate::object::Author;
use crate::repo::Repo;
use crate::sync::wire::{self, WireError};
use crate::sync::{Token, Transport};

use super::api::Events;
use super::atoms;
use super::body::{BodyReader, Counted, Kept, Memory, Refused};
use super::caller::Caller;
use super::hot::Hot;
use super::limits::Limits;
use super::metrics::Metrics;
use super::problem::Problem;
use super::stream::{Sink, stream};

/// JSON of more bytes than this is compressed for who takes it so.
const COMPRESSED_FROM_BYTES: usize = 1024;

/// The one way in which questions between stores may be compressed.
const COMPRESSED: &str = "zstd";
/// As it is.
const PLAIN: &str = "identity";

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The store.
    pub(super) repo: Arc<Repo>,
    /// The same, as other stores see it.
    pub(super) transport: Arc<dyn Transport + Send + Sync>,
    /// What a client has to show, if anything.
    pub(super) token: Option<Token>,
    /// Whether only this machine reaches it.
    pub(super) is_local: bool,
    /// The agents, with what was read of them.
    pub(super) agents: Agents,
    /// Who acts where no token says who.
    pub(super) actor: Author,
    /// The tokens of the store.
    pub(super) book: Arc<Book>,
    /// How much each of them asks.
    pub(super) limiter: Limiter,
    /// What serves, ready to be sent.
    pub(super) hot: Hot,
    /// Who listens to what happens.
    pub(super) events: Events,
    /// The agents by the ids of the Atoms API.
    pub(super) atoms: atoms::Directory,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// What is taken, and how long is waited.
    pub(super) limits: Limits,
    /// Turns.
    pub(super) turns: Arc<Semaphore>,
    /// Turns of those that bring objects, which they need besides.
    pub(super) uploads: Arc<Semaphore>,
    /// The turn to look whether the store can be read.
    pub(super) looks: Arc<Semaphore>,
    /// What bodies take in memory.
    pub(super) memory: Arc<Memory>,
    /// Whether what the store lies on was found to keep its promises.
    pub(super) proven: watch::Sender<bool>,
    /// Whether operations that were put together afar are committed as they are; only in tests.
    pub(super) trusts: bool,
}

impl Shared {
    /// Waits until the store was found good, for as long as a request waits for its turn; whether it was.
    pub(super) async fn proof(&self) -> bool {
        let mut proven = self.proven.subscribe();
        let found = tokio::time::timeout(self.limits.turn, proven.wait_for(|proven| *proven)).await;
        matches!(found, Ok(Ok(_)))
    }
}

/// The turn of a request, given back when nobody works on it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn(Vec<Arc<OwnedSemaphorePermit>>);

impl Turn {
    /// Holds a permit.
    pub(super) fn hold(&mut self, permit: OwnedSemaphorePermit) {
        self.0.push(Arc::new(permit));
    }
}

/// A request.
pub(super) struct Call {
    shared: Arc<Shared>,
    turn: Option<Turn>,
    /// Who asks.
    pub(super) caller: Option<Caller>,
    /// Its headers.
    pub(super) headers: HeaderMap,
    body: Body,
}

impl FromRequest<Arc<Shared>> for Call {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let turn = parts.extensions.remove::<Turn>();
        let caller = parts.extensions.remove::<Caller>();
        Ok(Self { shared: Arc::clone(shared), turn, caller, headers: parts.headers, body })
    }
}

impl Call {
    /// What is taken, and how long is waited.
    pub(super) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Demands a type of body.
    pub(super) fn of_type(self, expected: &'static str) -> Result<Self, Problem> {
        let found = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if found.split(';').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(expected)) {
            return Ok(self);
        }
        let message = format!("the request has content-type '{found}', and '{expected}' belongs here");
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::Usage, message))
    }

    /// Works on the request where blocking is allowed. The body is at most `max_bytes`.
    pub(super) async fn work<T: Send + 'static>(
        self,
        max_bytes: u64,
        work: impl FnOnce(&Shared, &mut BodyReader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let mut body = BodyReader::new(self.body, &self.shared.limits, max_bytes);
        let (shared, turn) = (self.shared, self.turn);
        let job = move || {
            let done = work(&shared, &mut body);
            for error in shared.repo.take_unapplied() {
                tracing::error!(error = %error, cause = ?causes(&error), "its files are not up to date yet");
            }
            let done = match body.failure() {
                // What came of a body that did not come whole follows from that.
                Some(refused) => Err(refused.into()),
                None => done,
            };
            if done.is_err() {
                body.read_over();
            }
            drop(turn);
            done
        };
        blocking(job).await
    }

    /// Answers a question in JSON with JSON.
    pub(super) async fn answer<Q: DeserializeOwned, A: Serialize>(
        self,
        answer: impl FnOnce(&Shared, Q) -> Result<A, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let headers = self.headers.clone();
        self.respond(move |shared, question| json(&headers, &answer(shared, question)?)).await
    }

    /// Works on items that `read` reads, all of them before anything of it happens: what is not whole is refused.
    pub(super) async fn items<I: 'static>(
        self,
        read: impl FnOnce(&mut dyn BufRead, u64) -> Result<I, WireError> + Send + 'static,
        answer: impl FnOnce(&Shared, &HeaderMap, I) -> Result<Response, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let call = self.of_type(wire::ITEMS_TYPE)?;
        let (headers, max_bytes) = (call.headers.clone(), call.shared.limits.push_bytes);
        call.work(max_bytes, move |shared, body| {
            let source = wire::expanded(body).map_err(|error| sent(&error))?;
            let mut source = BufReader::new(Kept::new(source, &shared.memory, max_bytes));
            let items = read(&mut source, max_bytes).map_err(|error| sent(&error))?;
            let rest =
                io::copy(&mut source, &mut io::sink()).map_err(|error| sent(&WireError::reading(error)))?;
            if rest > 0 {
                return Err(Problem::malformed("the request goes on after its end"));
            }
            answer(shared, &headers, items)
        })
        .await
    }

    /// Answers a question in JSON with whatever `answer` makes of it.
    pub(super) async fn respond<Q: DeserializeOwned>(
        self,
        answer: impl FnOnce(&Shared, Q) -> Result<Response, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let call = self.of_type(wire::JSON_TYPE)?;
        let (headers, max_bytes) = (call.headers.clone(), call.shared.limits.json_bytes);
        call.work(max_bytes, move |shared, body| {
            let (question, _kept) = question(shared, &headers, body)?;
            answer(shared, question)
        })
        .await
    }

    /// Answers a question in JSON with a stream that is written while it is sent.
    pub(super) async fn stream<Q: DeserializeOwned + Send + 'static>(
        self,
        content_type: &'static str,
        write: impl FnOnce(&Shared, Q, Sink) -> std::io::Result<()> + Send + 'static,
    ) -> Result<Response, Problem> {
        let call = self.of_type(wire::JSON_TYPE)?;
        let (headers, shared, turn) = (call.headers.clone(), Arc::clone(&call.shared), call.turn.clone());
        let max_bytes = call.shared.limits.json_bytes;
        let (question, kept) =
            call.work(max_bytes, move |shared, body| question::<Q>(shared, &headers, body)).await?;
        let response = streamed(&shared.limits.clone(), move |sink| {
            let written = write(&shared, question, sink);
            drop((kept, turn));
            written
        });
        Ok(with_type(response, content_type))
    }

    /// Answers with a stream; `begin` gives the answer without its body, and what writes that.
    pub(super) async fn send<W>(
        self,
        begin: impl FnOnce(&Shared) -> Result<(Response, W), Problem> + Send + 'static,
    ) -> Result<Response, Problem>
    where
        W: FnOnce(&Shared, Sink) -> std::io::Result<()> + Send + 'static,
    {
        let (shared, turn) = (Arc::clone(&self.shared), self.turn.clone());
        let (head, write) = self.work(0, move |shared, _| begin(shared)).await?;
        let response = streamed(&shared.limits.clone(), move |sink| {
            let written = write(&shared, sink);
            drop(turn);
            written
        });
        let (_, body) = response.into_parts();
        Ok(head.map(|_| body))
    }
}

/// Runs something on a thread of its own; a panic goes on in the caller.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let span = Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::busy("the server is about to end")),
        },
    }
}

/// An answer whose body a thread writes while it is sent.
fn streamed(limits: &Limits, write: impl FnOnce(Sink) -> std::io::Result<()> + Send + 'static) -> Response {
    let (sink, body) = stream(limits.stall);
    let span = Span::current();
    tokio::task::spawn_blocking(move || {
        span.in_scope(|| {
            if let Err(error) = write(sink) {
                tracing::warn!(error = %error, "an answer broke off");
            }
        });
    });
    Response::new(Body::new(body))
}

/// The same with the type of its body.
pub(super) fn with_type(mut response: Response, content_type: &'static str) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Whether a body is compressed, in the one way that is known.
fn is_compressed(headers: &HeaderMap) -> Result<bool, Problem> {
    is_in(headers, COMPRESSED)
}

/// Refuses a body that is compressed.
///
/// # Errors
/// 415.
pub(super) fn uncompressed(headers: &HeaderMap) -> Result<(), Problem> {
    is_in(headers, PLAIN).map(drop)
}

/// Whether a body is in that coding; it may always be as it is.
fn is_in(headers: &HeaderMap, coding: &'static str) -> Result<bool, Problem> {
    let mut found = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
    let (first, second) = (found.next().unwrap_or(PLAIN), found.next());
    let is = |known: &str| second.is_none() && first.eq_ignore_ascii_case(known);
    if is(PLAIN) || is(coding) {
        return Ok(is(coding));
    }
    let message = format!("the request has content-encoding '{first}', and only '{coding}' is known");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::Usage, message).accepting(coding))
}

/// Reads a question in JSON; what it takes counts as long as what comes with it is held.
fn question<Q: DeserializeOwned>(
    shared: &Shared,
    headers: &HeaderMap,
    body: &mut BodyReader,
) -> Result<(Q, Counted), Problem> {
    let max_bytes = shared.limits.json_bytes;
    let mut text = Vec::new();
    let (read, counted) = if is_compressed(headers)? {
        let mut source =
            Kept::new(wire::expanded(body).map_err(|error| sent(&error))?, &shared.memory, max_bytes);
        (source.read_to_end(&mut text), source.counted())
    } else {
        let mut source = Kept::new(body, &shared.memory, max_bytes);
        (source.read_to_end(&mut text), source.counted())
    };
    read.map_err(|error| sent(&WireError::reading(error)))?;
    let question = serde_json::from_slice(&text);
    let question =
        question.map_err(|error| Problem::malformed(format!("the request cannot be read: {error}")))?;
    Ok((question, counted))
}

/// What is wrong with what was sent.
pub(super) fn sent(error: &WireError) -> Problem {
    if let WireError::Io(cause) = error
        && let Some(refused) = cause.get_ref().and_then(|cause| cause.downcast_ref::<Refused>())
    {
        return Problem::from(*refused);
    }
    match error {
        WireError::TooLong { max_bytes } => Refused::TooLarge { max_bytes: *max_bytes }.into(),
        other => Problem::malformed(format!("the request cannot be read: {other}")),
    }
}

/// Compresses what is answered for who takes gzip and not the better way, in which [`json`] does it.
pub(super) fn gzip() -> CompressionLayer {
    CompressionLayer::new().no_deflate().no_br().no_zstd()
}

/// A document, compressed for who takes it so.
pub(super) fn json(headers: &HeaderMap, document: &impl Serialize) -> Result<Response, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Bug,
            format!("the answer cannot be written: {error}"),
        )
    };
    let text = serde_json::to_vec(document).map_err(|error| failed(&error))?;
    let takes = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let takes = takes.flat_map(|value| value.split(',')).any(|value| value.trim() == "zstd");
    let compressed = takes && text.len() > COMPRESSED_FROM_BYTES;
    let text =
        if compressed { zstd::bulk::compress(&text, 3).map_err(|error| failed(&error))? } else { text };
    let mut response = with_type(Response::new(Body::from(text)), wire::JSON_TYPE);
    let set = |response: &mut Response, name: HeaderName, value| {
        response.headers_mut().insert(name, HeaderValue::from_static(value))
    };
    set(&mut response, VARY, "accept-encoding");
    if compressed {
        set(&mut response, CONTENT_ENCODING, "zstd");
    }
    Ok(response)
}
