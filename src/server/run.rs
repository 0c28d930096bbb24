//! The process: it listens, takes connections, and ends when it is told to, with what is under way done.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, middleware};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::{AccessError, Book, Limiter};
use crate::agent::Agents;
use crate::backend::BackendError;
use crate::error::{Classify, Kind};
use crate::object::Author;
use crate::repo::Repo;
use crate::sync::{StoreTransport, Token, Transport};
use crate::webhook::Deliverer;

use super::body::Memory;
use super::call::Shared;
use super::hot::{self, Hot};
use super::limits::Limits;
use super::metrics::{self, Metrics};
use super::observe::observe;
use super::problem::Problem;
use super::socket::Socket;
use super::tls::Identity;
use super::{api, atoms, health, store, sync, thinnest};

/// Largest head of a request, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Threads for connections, at least and at most: what waits for a disk is done on others, what answers calls from
/// memory on these.
const CONNECTION_THREADS: RangeInclusive<usize> = 2..=16;
/// Threads for work besides those of the requests: looks at the store's health.
const SPARE_THREADS: usize = 8;
/// Pause after what the store lies on could not be asked.
const PROBE_PAUSE: Duration = Duration::from_secs(2);
/// Pause after a connection could not be taken, for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on '{listen}'")]
    Listen {
        /// The address.
        listen: String,
        /// The cause.
        source: io::Error,
    },
    /// Whoever reaches the address could change the store.
    #[error("to listen on '{0}', beyond this machine, a server wants tokens")]
    Open(SocketAddr),
    /// The tokens cannot be read.
    #[error("the tokens of the store cannot be used")]
    Tokens(#[source] AccessError),
    /// What the store lies on does not keep its promises.
    #[error("this store cannot be served")]
    Store(#[source] BackendError),
    /// The process may not have what a server needs: threads, signals.
    #[error("cannot run a server")]
    Run(#[source] io::Error),
}

impl Classify for ServerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::InvalidInput => Kind::Usage,
            Self::Store(error) => error.kind(),
            Self::Tokens(error) => error.kind(),
            Self::Open(_) => Kind::Refused,
            _ => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("'--listen 127.0.0.1:0' takes a port that is free".to_owned())
            }
            Self::Listen { .. } => Some("'--listen HOST:PORT', as in 127.0.0.1:8717".to_owned()),
            Self::Store(error) => error.hint(),
            Self::Tokens(error) => error.hint(),
            Self::Open(_) => Some("'recto token create NAME --role admin' makes one".to_owned()),
            Self::Run(_) => None,
        }
    }
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// What clients may show instead of a token of the store; it is good for everything.
    pub token: Option<Token>,
    /// Who acts where no token says who.
    pub actor: Author,
    /// The certificate and its key; without one, what is sent is not encrypted.
    pub identity: Option<Identity>,
    /// What is taken, and how long is waited.
    pub limits: Limits,
}

/// One for each core.
fn connection_threads() -> usize {
    let (least, most) = (*CONNECTION_THREADS.start(), *CONNECTION_THREADS.end());
    available_parallelism().map_or(least, |cores| cores.get().clamp(least, most))
}

impl Default for Options {
    fn default() -> Self {
        let actor = Author { name: "recto serve".to_owned(), email: None };
        Self { token: None, actor, identity: None, limits: Limits::default() }
    }
}

/// What tells a server to end.
#[derive(Debug)]
pub enum Stop {
    /// SIGINT and SIGTERM; a second one ends what is under way as well.
    Signals,
    /// A [`Stopper`].
    Told(watch::Receiver<bool>),
}

/// Tells a server to end, when it is told to or dropped.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Tells it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Something that tells a server to end, and its other side.
pub fn stopper() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop::Told(receiver))
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    identity: Option<Identity>,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on `HOST:PORT`; port 0 is one that is free.
    ///
    /// # Errors
    /// When the address is none, or taken.
    pub fn bind(listen: &str, repo: &Arc<Repo>, options: Options) -> Result<Self, ServerError> {
        Self::over(listen, repo, Arc::new(StoreTransport::on(Arc::clone(repo))), options)
    }

    /// The same, with a transport that has the store.
    pub(super) fn over(
        listen: &str,
        repo: &Arc<Repo>,
        transport: Arc<dyn Transport + Send + Sync>,
        options: Options,
    ) -> Result<Self, ServerError> {
        let refused = |source| ServerError::Listen { listen: listen.to_owned(), source };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let Options { token, actor, identity, limits } = options;
        let book = Book::new(Arc::clone(repo.disk()), repo.shared_clock(), repo.root());
        // Asked on every address: a server that begins with tokens never does without.
        let is_used = book.is_used();
        if token.is_none() && !address.ip().is_loopback() && !is_used.map_err(ServerError::Tokens)? {
            return Err(ServerError::Open(address));
        }
        let shared = Arc::new(Shared {
            repo: Arc::clone(repo),
            transport,
            token,
            is_local: address.ip().is_loopback(),
            agents: Agents::new(Arc::clone(repo), actor.clone(), "http"),
            actor,
            book: Arc::new(book),
            limiter: Limiter::default(),
            hot: Hot::default(),
            events: api::Events::default(),
            atoms: atoms::Directory::default(),
            metrics: Metrics::default(),
            limits,
            turns: Arc::new(Semaphore::new(limits.requests)),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            looks: Arc::new(Semaphore::new(1)),
            memory: Memory::new(limits.memory_bytes),
            proven: watch::Sender::new(false),
            trusts: false,
        });
        Ok(Self { listener, address, identity, shared })
    }

    /// The same, which commits what it is sent as it is: for tests of what lies below.
    #[cfg(test)]
    pub(super) fn trusting(mut self) -> Self {
        Arc::get_mut(&mut self.shared).expect("nobody else has it yet").trusts = true;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is told to end; requests that are under way by then are finished, if they do not
    /// take too long.
    ///
    /// # Errors
    /// `Run` when it cannot begin.
    pub fn run(self, stop: Stop) -> Result<(), ServerError> {
        let drain = self.shared.limits.drain;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(connection_threads())
            .max_blocking_threads(self.shared.limits.requests + SPARE_THREADS)
            .thread_name("recto-serve")
            .enable_all()
            .build()
            .map_err(ServerError::Run)?;
        let (repo, actor) = (&self.shared.repo, self.shared.actor.clone());
        let agents = Agents::new(Arc::clone(repo), actor, "webhook");
        let deliverer = Deliverer::start(agents, repo).map_err(ServerError::Run)?;
        let served = runtime.block_on(self.serve(stop, &deliverer));
        let until = served.as_ref().map_or_else(|_| Instant::now() + drain, |until| *until);
        deliverer.finish(until.saturating_duration_since(Instant::now()));
        // Work whose client has gone is let finish, too.
        runtime.shutdown_timeout(until.saturating_duration_since(Instant::now()));
        served.map(drop)
    }

    /// Serves until it is told to end, and the requests under way have been finished; until when all the rest has
    /// time.
    async fn serve(self, stop: Stop, deliverer: &Deliverer) -> Result<Instant, ServerError> {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(ServerError::Run)?;
        let mut stopping = Stopping::new(stop).map_err(ServerError::Run)?;
        let (mut proof, mut proving) = (tokio::spawn(prove(Arc::clone(&self.shared))), true);
        let limits = self.shared.limits;
        let app = routes(&self.shared);
        let connections = Arc::new(Semaphore::new(limits.connections));
        let graceful = GracefulShutdown::new();
        loop {
            let taken = async {
                let place = Arc::clone(&connections).acquire_owned().await.map_err(io::Error::other)?;
                let (stream, _) = listener.accept().await?;
                io::Result::Ok((place, stream))
            };
            let taken = tokio::select! {
                () = stopping.told() => break,
                proof = &mut proof, if proving => {
                    proving = false;
                    if let Ok(Err(broken)) = proof {
                        return Err(ServerError::Store(broken));
                    }
                    continue;
                }
                taken = taken => taken,
            };
            let (place, stream) = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // An answer is written at once; without this a small one may wait for the one before it.
            let _ = stream.set_nodelay(true);
            let (shared, app, watcher) = (Arc::clone(&self.shared), app.clone(), graceful.watcher());
            let acceptor = self.identity.as_ref().map(Identity::acceptor);
            tokio::spawn(async move {
                shared.metrics.connections.inc();
                match acceptor {
                    None => {
                        converse(Socket::new(stream, limits.stall), Arc::clone(&shared), app, watcher).await;
                    }
                    Some(acceptor) => match timeout(limits.headers, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            converse(Socket::new(stream, limits.stall), Arc::clone(&shared), app, watcher)
                                .await;
                        }
                        Ok(Err(error)) => tracing::debug!(error = %error, "a connection was not agreed on"),
                        Err(_) => tracing::debug!("a connection took too long to be agreed on"),
                    },
                }
                shared.metrics.connections.dec();
                drop(place);
            });
        }
        drop(listener);
        self.shared.events.close();
        deliverer.stop();
        tracing::info!("ending: no new connections, and what is under way is finished");
        let until = Instant::now() + limits.drain;
        tokio::select! {
            () = graceful.shutdown() => {}
            () = tokio::time::sleep_until(until.into()) => tracing::warn!("requests under way were cut off"),
            () = stopping.told() => {
                tracing::warn!("told again: requests under way were cut off");
                return Ok(Instant::now());
            }
        }
        Ok(until)
    }
}

/// What answers requests: at once where that can be done, else by its route.
struct Front {
    shared: Arc<Shared>,
    app: TowerToHyperService<Router>,
}

impl hyper::service::Service<hyper::Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        match hot::quick(&self.shared, &request) {
            Some(response) => Box::pin(std::future::ready(Ok(response))),
            None => Box::pin(self.app.call(request)),
        }
    }
}

/// Answers what comes over a connection, until it ends.
async fn converse<S>(socket: Socket<S>, shared: Arc<Shared>, app: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(limits.headers_count)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(socket), Front { shared, app: TowerToHyperService::new(app) });
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "a connection broke");
    }
}

/// Asks whether what the store lies on keeps its promises, again and again while it cannot be asked.
///
/// # Errors
/// The promise that it breaks.
async fn prove(shared: Arc<Shared>) -> Result<(), BackendError> {
    loop {
        let asked = Arc::clone(&shared);
        let asked = tokio::task::spawn_blocking(move || asked.repo.backend().probe()).await;
        match asked {
            Ok(Ok(())) => {
                shared.proven.send_replace(true);
                return Ok(());
            }
            Ok(Err(error)) if error.kind() == Kind::Refused => return Err(error),
            Ok(Err(error)) => tracing::warn!(error = %error, "what the store lies on cannot be asked"),
            Err(error) => tracing::warn!(error = %error, "what the store lies on cannot be asked"),
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}

/// Waits to be told.
enum Stopping {
    Signals([tokio::signal::unix::Signal; 2]),
    Told(Option<watch::Receiver<bool>>),
}

impl Stopping {
    fn new(stop: Stop) -> io::Result<Self> {
        Ok(match stop {
            Stop::Signals => {
                Self::Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
            }
            Stop::Told(receiver) => Self::Told(Some(receiver)),
        })
    }

    /// Returns each time that it is told.
    async fn told(&mut self) {
        match self {
            Self::Signals([interrupt, terminate]) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            Self::Told(receiver) => match receiver {
                Some(told) => {
                    // Whoever could tell has gone, or told: either means to end.
                    let _ = told.wait_for(|told| *told).await;
                    *receiver = None;
                }
                None => std::future::pending().await,
            },
        }
    }
}

/// Every route of the server.
fn routes(shared: &Arc<Shared>) -> Router {
    Router::new()
        .merge(health::routes())
        .merge(metrics::routes(shared))
        .merge(sync::routes(shared))
        .merge(store::routes(shared))
        .merge(api::routes(shared))
        .merge(thinnest::routes(shared))
        .merge(atoms::routes(shared))
        .fallback(async |request: Request| {
            let message = format!("there is nothing at '{}'", request.uri().path());
            Problem::new(StatusCode::NOT_FOUND, Kind::NotFound, message)
        })
        .method_not_allowed_fallback(async |request: Request| {
            let message = format!("'{}' does not take '{}'", request.uri().path(), request.method());
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, Kind::Usage, message)
        })
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send + 'static>| caught(panic.as_ref())))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), observe))
        .with_state(Arc::clone(shared))
}

fn caught(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic");
    tracing::error!(panic = %text, "recto has a bug");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Bug, "the server has a bug; its log says more")
        .into_response()
}
