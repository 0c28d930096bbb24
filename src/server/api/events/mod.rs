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
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::access::{Book, Pattern, Role, Tokens};
use crate::backend::BackendError;
use crate::clock::Time;
use crate::error::Kind;
use crate::history::{End, ends, records};
use crate::log::{AgentId, RecordId};
use crate::refs::Handle;
use crate::repo::Repo;
use crate::server::ask::parsed;
use crate::server::call::{Call, Shared};
use crate::server::caller::Caller;
use crate::server::problem::Problem;
use crate::server::query::Params;
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
/// Listeners at once with one token.
const OF_TOKEN_MAX: usize = 32;
/// When a token with too many may ask again, in seconds.
const RETRY_SECONDS: u32 = 5;
/// Operations of one agent that are read before they are told.
const READ_MAX: usize = 512;
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
        let mut inner = self.watched(repo, book)?;
        inner.refuse(&caller)?;
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
}

impl Events {
    /// Has the logs looked at, if nobody does; who listens, until this is dropped.
    fn watched(&self, repo: &Arc<Repo>, book: &Arc<Book>) -> Result<MutexGuard<'_, Inner>, Problem> {
        loop {
            let inner = self.lock();
            if inner.running || inner.closed {
                return Ok(inner);
            }
            drop(inner);
            // Nobody waits for what is read here. What happens until it is looked at again is told then.
            let ends = look(repo)?;
            let mut inner = self.lock();
            if inner.running {
                continue;
            }
            inner.ends = ends.into_iter().map(|end| (end.head.agent, end)).collect();
            let (events, repo, book) = (self.clone(), Arc::clone(repo), Arc::clone(book));
            // Made there: a thread that cannot be started leaves nothing that wants the lock which is held here.
            let watch = move || Watch { events, done: false }.run(&repo, &book);
            let started = thread::Builder::new().name("recto-events".to_owned()).spawn(watch);
            started.map_err(|error| Problem::busy(format!("nobody can listen: {error}")))?;
            inner.running = true;
            return Ok(inner);
        }
    }
}

impl Inner {
    /// Refuses one more listener where there are too many, of all or with one token.
    fn refuse(&self, caller: &Caller) -> Result<(), Problem> {
        if self.closed || self.listeners.len() >= LISTENERS_MAX {
            return Err(Problem::busy("the server has too many who listen"));
        }
        let Some(id) = caller.id() else { return Ok(()) };
        let own = self.listeners.iter().filter(|listener| !listener.sender.is_closed());
        if own.filter(|listener| listener.caller.id() == Some(id)).count() < OF_TOKEN_MAX {
            return Ok(());
        }
        let message = format!("the token has {OF_TOKEN_MAX} streams of events open, as many as it may");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, Kind::Refused, message).retry(RETRY_SECONDS))
    }

    /// Lets go who has gone, who listened for long enough, and whose token is none any more.
    fn sweep(&mut self, tokens: Option<&Tokens>, time: Time) {
        let now = Instant::now();
        self.listeners.retain(|listener| now < listener.until && !listener.sender.is_closed());
        self.listeners.retain(|listener| listener.caller.stands(tokens, time));
    }

    /// Tells the listeners operations of an agent, the last of which is at `end`.
    fn tell(&mut self, end: End, operations: &[Told]) {
        for told in operations {
            self.listeners.retain_mut(|listener| {
                if !listener.hears(&end.handle) {
                    return true;
                }
                listener.position.advance(end.head.agent, told.time, told.log_bytes);
                listener.tell(event(&told.operation, &listener.position))
            });
        }
        self.ends.insert(end.head.agent, end);
    }
}

/// An operation that is to be told.
struct Told {
    operation: Operation,
    time: Time,
    id: RecordId,
    /// Where it ends in its agent's log, in bytes.
    log_bytes: u64,
}

/// Where all logs end.
fn look(repo: &Repo) -> Result<Vec<End>, BackendError> {
    let mut all = Vec::new();
    ends(repo.backend(), &mut |end| all.push(end))?;
    Ok(all)
}

/// The thread that looks. However it ends, nobody is left waiting for it, and the next who listens starts another.
struct Watch {
    events: Events,
    /// Whether it said already that it has ended.
    done: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.done {
            let mut inner = self.events.lock();
            inner.running = false;
            inner.listeners.clear();
        }
    }
}

impl Watch {
    /// Looks until nobody listens any more.
    fn run(mut self, repo: &Repo, book: &Book) {
        let mut told = Instant::now();
        let mut pause = LOOK_EVERY;
        loop {
            thread::sleep(pause);
            let began = Instant::now();
            // Tokens that cannot be read are none.
            let tokens = book.current().ok();
            {
                let mut inner = self.events.lock();
                inner.sweep(tokens.as_deref(), book.now());
                if told.elapsed() >= KEEP_ALIVE {
                    told = began;
                    inner.listeners.retain(|listener| listener.tell(Bytes::from_static(b": here\n\n")));
                }
                if inner.listeners.is_empty() {
                    // While nobody else can begin to listen, who would count on this thread.
                    inner.running = false;
                    self.done = true;
                    return;
                }
            }
            if let Err(error) = self.look(repo) {
                tracing::warn!(error = %error, "the logs cannot be looked at");
            }
            pause = LOOK_EVERY.max(began.elapsed() * LOOK_SHARE);
        }
    }

    /// Tells the listeners what is new. What is read is read while others may come and go.
    fn look(&self, repo: &Repo) -> Result<(), BackendError> {
        let ends = look(repo)?;
        let moved: Vec<(u64, End)> = {
            let inner = self.events.lock();
            let before = |end: &End| inner.ends.get(&end.head.agent).map_or(0, |end| end.head.log_bytes);
            let moved = ends.into_iter().map(|end| (before(&end), end));
            moved.filter(|(before, end)| end.head.log_bytes != *before).collect()
        };
        for (mut before, end) in moved {
            // Many at once are told in pieces.
            loop {
                let mut read = Vec::new();
                records(
                    repo.backend(),
                    &end.handle,
                    (before, end.head.log_bytes),
                    &mut |id, record, log_bytes| {
                        let operation = Operation::told(&end.handle, id, record);
                        read.push(Told { operation, time: record.time, id, log_bytes });
                        read.len() < READ_MAX
                    },
                )?;
                let mut reached = end.clone();
                if let Some(last) = read.last().filter(|_| read.len() == READ_MAX) {
                    (reached.head.record, reached.head.time) = (last.id, last.time);
                    reached.head.log_bytes = last.log_bytes;
                }
                before = reached.head.log_bytes;
                self.events.lock().tell(reached, &read);
                if read.len() < READ_MAX {
                    break;
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_and_fails_leaves_nobody_waiting() {
        let events = Events::default();
        let (sender, mut receiver) = channel(1);
        let caller = Caller::anyone();
        let (pattern, position) = (Pattern::all(), Position::default());
        let until = Instant::now() + LIFE;
        {
            let mut inner = events.lock();
            inner.running = true;
            inner.listeners.push(Listener { caller, pattern, position, sender, until });
        }
        let watch = Watch { events: events.clone(), done: false };
        let ended = thread::spawn(move || {
            let _watch = watch;
            panic!("a bug");
        });
        assert!(ended.join().is_err());
        assert!(!events.lock().running, "the next who listens starts another thread");
        assert_eq!(receiver.blocking_recv(), None, "its stream ends, and it asks again");
    }
}
