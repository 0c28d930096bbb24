//! Operations as they happen, made by any process: one thread looks at the ends of the logs while somebody
//! listens, and hands what is new to each listener, who is let go when it does not keep up.

mod position;
mod replay;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State as With;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::access::{Book, Pattern, Role};
use crate::backend::BackendError;
use crate::history::{End, ends, records};
use crate::log::AgentId;
use crate::refs::Handle;
use crate::repo::Repo;
use crate::server::ask::{Params, parsed};
use crate::server::call::{Call, Shared};
use crate::server::caller::Caller;
use crate::server::problem::Problem;
use crate::server::stream::Streamed;

use super::route::Route;
use super::shapes::Operation;
use position::Position;

/// How often the logs are looked at, while somebody listens.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much of the time may be spent on looking: one part in so many.
const LOOK_SHARE: u32 = 4;
/// How often a listener hears that the server is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long one is listened to: it asks again then, and shows its token again.
const LIFE: Duration = Duration::from_mins(10);
/// Events that wait for a listener; one that is further behind is let go.
const AHEAD: usize = 256;
/// Listeners at once.
const LISTENERS_MAX: usize = 256;
/// Listeners that are told at once what they missed; more wait.
const REPLAYS_MAX: usize = 4;
/// How long one is told what it missed: it asks again then, and goes on from there.
const REPLAY_LIFE: Duration = Duration::from_mins(1);
/// The type of the stream.
const EVENTS_TYPE: &str = "text/event-stream";

/// Which operations are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichEvents {
    /// Handles of agents, with `*` for any number of any characters; all without it.
    agent: Option<String>,
}

/// Who listens.
struct Listener {
    caller: Caller,
    pattern: Pattern,
    position: Position,
    sender: Sender<Bytes>,
    until: Instant,
}

impl Listener {
    fn hears(&self, handle: &Handle) -> bool {
        self.caller.sees(handle.as_str()) && self.pattern.matches(handle.as_str())
    }

    /// Whether it could be told.
    fn tell(&self, bytes: Bytes) -> bool {
        self.sender.try_send(bytes).is_ok()
    }
}

#[derive(Default)]
struct Inner {
    listeners: Vec<Listener>,
    ends: HashMap<AgentId, End>,
    running: bool,
    closed: bool,
}

/// What listens to the logs, and who listens to it.
#[derive(Clone)]
pub(in crate::server) struct Events {
    inner: Arc<Mutex<Inner>>,
    /// Turns to be told what was missed: each takes a thread for as long as its client does.
    replays: Arc<Semaphore>,
}

impl Default for Events {
    fn default() -> Self {
        Self { inner: Arc::default(), replays: Arc::new(Semaphore::new(REPLAYS_MAX)) }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all streams, and takes no more listeners.
    pub(in crate::server) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.listeners.clear();
    }

    /// Lets somebody listen from now on; gives what they will hear, where they begin, and the ends of the logs
    /// as they are then.
    fn listen(
        &self,
        (repo, book): (&Arc<Repo>, &Arc<Book>),
        caller: Caller,
        pattern: Pattern,
    ) -> Result<(Receiver<Bytes>, Position, Vec<End>), Problem> {
        let mut inner = self.lock();
        if inner.closed || inner.listeners.len() >= LISTENERS_MAX {
            return Err(Problem::busy("the server has too many who listen"));
        }
        if !inner.running {
            inner.ends.clear();
            ends(repo.backend(), &mut |end| drop(inner.ends.insert(end.head.agent, end)))?;
            let (events, repo, book) = (self.clone(), Arc::clone(repo), Arc::clone(book));
            let watch = move || events.watch(&repo, &book);
            let started = thread::Builder::new().name("recto-events".to_owned()).spawn(watch);
            started.map_err(|error| Problem::busy(format!("nobody can listen: {error}")))?;
            inner.running = true;
        }
        let (sender, receiver) = channel(AHEAD);
        let position = Position::default();
        let mut listener = Listener { caller, pattern, position, sender, until: Instant::now() + LIFE };
        let mut known: Vec<End> =
            inner.ends.values().filter(|end| listener.hears(&end.handle)).cloned().collect();
        known.sort_by(|one, other| one.handle.cmp(&other.handle));
        for end in &known {
            listener.position.advance(end.head.agent, end.head.time, end.head.log_bytes);
        }
        let position = listener.position.clone();
        inner.listeners.push(listener);
        Ok((receiver, position, known))
    }

    /// Looks until nobody listens any more.
    fn watch(&self, repo: &Repo, book: &Book) {
        let mut told = Instant::now();
        let mut pause = LOOK_EVERY;
        loop {
            thread::sleep(pause);
            let began = Instant::now();
            let mut inner = self.lock();
            inner.listeners.retain(|listener| began < listener.until && !listener.sender.is_closed());
            // A token that was revoked since is none from here on.
            inner.listeners.retain(|listener| listener.caller.stands(book));
            if told.elapsed() >= KEEP_ALIVE {
                told = began;
                inner.listeners.retain(|listener| listener.tell(Bytes::from_static(b": here\n\n")));
            }
            if inner.listeners.is_empty() {
                inner.running = false;
                return;
            }
            if let Err(error) = inner.look(repo) {
                tracing::warn!(error = %error, "the logs cannot be looked at");
            }
            pause = LOOK_EVERY.max(began.elapsed() * LOOK_SHARE);
        }
    }
}

impl Inner {
    /// Tells the listeners what is new.
    fn look(&mut self, repo: &Repo) -> Result<(), BackendError> {
        let mut moved: Vec<(u64, End)> = Vec::new();
        ends(repo.backend(), &mut |end| {
            let before = self.ends.get(&end.head.agent).map_or(0, |end| end.head.log_bytes);
            if end.head.log_bytes != before {
                moved.push((before, end));
            }
        })?;
        for (before, end) in moved {
            let listeners = &mut self.listeners;
            records(repo.backend(), &end.handle, (before, end.head.log_bytes), &mut |id, record, offset| {
                let operation = Operation::told(&end.handle, id, record);
                listeners.retain_mut(|listener| {
                    if !listener.hears(&end.handle) {
                        return true;
                    }
                    listener.position.advance(end.head.agent, record.time, offset);
                    listener.tell(event(&operation, &listener.position))
                });
                true
            })?;
            self.ends.insert(end.head.agent, end);
        }
        Ok(())
    }
}

/// An operation, as it is told.
fn event(operation: &Operation, position: &Position) -> Bytes {
    let data = serde_json::to_string(operation).unwrap_or_default();
    format!("id: {position}\nevent: operation\ndata: {data}\n\n").into()
}

/// The route.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/events", "Tells operations as they happen (server-sent events)", events)
            .query::<WhichEvents>()
            .gives::<Operation>()
            .at_once(EVENTS_TYPE),
    ]
}

async fn events(
    With(shared): With<Arc<Shared>>,
    Params(which): Params<WhichEvents>,
    call: Call,
) -> Result<Response, Problem> {
    let pattern = match &which.agent {
        Some(text) => parsed("agent", text)?,
        None => Pattern::all(),
    };
    let from = last_event(&call.headers)?;
    let listened = call
        .ask(super::VIA, move |ask| {
            ask.caller.require(Role::Reader)?;
            ask.shared.events.listen((&ask.shared.repo, &ask.shared.book), ask.caller.clone(), pattern)
        })
        .await?;
    let (live, now, ends) = listened;
    let (sender, pieces) = channel::<Bytes>(AHEAD);
    let begins = from.as_ref().unwrap_or(&now);
    let hello = Bytes::from(format!("retry: 1000\nid: {begins}\n\n"));
    tokio::spawn(pass_on(shared, sender, hello, (from, ends), live));
    let mut response = Response::new(Body::new(Streamed::of(pieces)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn last_event(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let none = || Problem::malformed("Last-Event-ID: this is none that was given out here");
    value.to_str().map_err(|_| none())?.parse().map(Some).map_err(|()| none())
}

/// Hands a client what it missed, then what happens.
async fn pass_on(
    shared: Arc<Shared>,
    sender: Sender<Bytes>,
    hello: Bytes,
    (from, ends): (Option<Position>, Vec<End>),
    mut live: Receiver<Bytes>,
) {
    let stall = shared.limits.stall;
    if sender.send(hello).await.is_err() {
        return;
    }
    if let Some(from) = from {
        let turn = tokio::select! {
            turn = Arc::clone(&shared.events.replays).acquire_owned() => turn,
            () = sender.closed() => return,
        };
        let (handle, missed) = (tokio::runtime::Handle::current(), sender.clone());
        let replay = tokio::task::spawn_blocking(move || {
            let until = Instant::now() + REPLAY_LIFE;
            let mut send = |bytes| {
                let sent = handle.block_on(timeout(stall, missed.send(bytes)));
                sent.is_ok_and(|sent| sent.is_ok()) && Instant::now() < until
            };
            let told = replay::replay(&shared.repo, &from, &ends, &mut send);
            drop(turn);
            told
        });
        match replay.await {
            Ok(Ok(true)) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "what a listener missed cannot be read");
                return;
            }
            _ => return,
        }
    }
    while let Some(bytes) = live.recv().await {
        if !matches!(timeout(stall, sender.send(bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}
