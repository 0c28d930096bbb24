//! What a server counts, in the text form of Prometheus at `/metrics`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::access::Role;
use crate::cache::Usage;

use super::call::Shared;
use super::caller::{Caller, admitted};
use super::problem::Problem;

/// The bounds of the buckets for how long answers take, in seconds.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The API that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Api {
    Sync,
    Native,
    Atoms,
    Thinnest,
    Other,
}

impl Api {
    /// The API that a path belongs to.
    pub(super) fn of(path: &str) -> Self {
        let roots = [
            ("/sync/", Self::Sync),
            (super::api::ROOT, Self::Native),
            (super::atoms::ROOT, Self::Atoms),
            (super::thinnest::ROOT, Self::Thinnest),
        ];
        roots.iter().find(|(root, _)| path.starts_with(root)).map_or(Self::Other, |(_, api)| *api)
    }
}

impl EncodeLabelValue for Api {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let word = match self {
            Self::Sync => "sync",
            Self::Native => "native",
            Self::Atoms => "atoms",
            Self::Thinnest => "thinnest",
            Self::Other => "other",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    api: Api,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    api: Api,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kept {
    cache: &'static str,
}

/// What a server counts.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
    /// Configs that were sent from memory, and those that were read first.
    pub(super) hot_hits: Counter,
    pub(super) hot_misses: Counter,
    /// Connections that are open.
    pub(super) connections: Gauge,
    /// What is kept in memory of what was read, and how much it may be.
    cache_bytes: Family<Kept, Gauge>,
    cache_max_bytes: Family<Kept, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("recto");
        let requests = Family::default();
        let seconds: Family<Asked, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BOUNDS));
        let (hot_hits, hot_misses) = (Counter::default(), Counter::default());
        let connections = Gauge::default();
        let (cache_bytes, cache_max_bytes) = <(Family<Kept, Gauge>, Family<Kept, Gauge>)>::default();
        registry.register(
            "http_requests",
            "Requests that were answered, by API and status",
            requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long answers took; what is sent from memory is not in it",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("active_hits", "Configs in use that were sent from memory", hot_hits.clone());
        registry.register("active_misses", "Configs in use that were read first", hot_misses.clone());
        registry.register("http_connections", "Connections that are open", connections.clone());
        registry.register_with_unit(
            "cache",
            "Memory for what was read, which what is used least leaves first",
            Unit::Bytes,
            cache_bytes.clone(),
        );
        registry.register_with_unit(
            "cache_max",
            "The most that such memory takes",
            Unit::Bytes,
            cache_max_bytes.clone(),
        );
        Self { registry, requests, seconds, hot_hits, hot_misses, connections, cache_bytes, cache_max_bytes }
    }
}

impl Metrics {
    /// Counts an answer.
    pub(super) fn answered(&self, path: &str, status: StatusCode, took: Duration) {
        let api = Api::of(path);
        self.requests.get_or_create(&Answered { api, status: status.as_u16() }).inc();
        self.seconds.get_or_create(&Asked { api }).observe(took.as_secs_f64());
    }

    /// Takes in what is kept in memory.
    fn kept(&self, all: impl IntoIterator<Item = Usage>) {
        let figure = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        for Usage { of, bytes, max_bytes } in all {
            self.cache_bytes.get_or_create(&Kept { cache: of }).set(figure(bytes));
            self.cache_max_bytes.get_or_create(&Kept { cache: of }).set(figure(max_bytes));
        }
    }
}

/// Its route: for who may read every agent.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    admitted(Router::new().route("/metrics", get(show)), shared)
}

async fn show(
    State(shared): State<Arc<Shared>>,
    caller: axum::Extension<Caller>,
) -> Result<Response, Problem> {
    caller.require(Role::Reader)?;
    if !caller.sees_all() {
        return Err(Problem::forbidden("the numbers of all agents are for who may read all of them"));
    }
    shared.metrics.kept(shared.agents.usage().into_iter().chain([shared.hot.usage()]));
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &shared.metrics.registry).is_err() {
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    let mut response = Response::new(Body::from(text));
    let form = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, form);
    Ok(response)
}
