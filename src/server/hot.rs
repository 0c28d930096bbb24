//! What answers calls, ready to be sent: the resolved config of what serves, kept in memory, and looked at
//! again in one step (no read, no lock) whenever it is asked for, so that a change by any process shows at once.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;

use crate::access::Role;
use crate::backend::Glance;
use crate::cache::{Cache, Usage};
use crate::clock::{Clock as _, SystemClock};
use crate::refs::{Handle, RefName, Target};
use crate::sync::wire::JSON_TYPE;

use super::api::ROOT;
use super::ask::{Ask, At};
use super::call::{Call, Shared};
use super::caller::identify;
use super::problem::Problem;

/// Names the version that is served.
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("recto-version");
/// Memory at most for what serves, in bytes.
const KEPT_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The surface that is named where something is recorded; nothing is.
const VIA: &str = "http";

/// What a ref served when it was looked at.
#[derive(Debug, Clone)]
struct Served {
    /// What the ref looked like before it was read.
    seen: Option<Glance>,
    /// The agent as it was asked for, and the ref.
    asked: Handle,
    name: RefName,
    /// What the settings looked like that say which ref it is; of an environment only.
    settings: Option<Option<Glance>>,
    /// The agent's handle, which may be another than the one asked for.
    handle: Handle,
    body: Bytes,
    etag: HeaderValue,
    version: HeaderValue,
}

/// What serves, ready to be sent: by the path that asks for it.
#[derive(Debug)]
pub(super) struct Hot(Cache<String, Arc<Served>>);

impl Default for Hot {
    fn default() -> Self {
        Self(Cache::new(KEPT_MAX_BYTES))
    }
}

impl Hot {
    fn known(&self, path: &str) -> Option<Arc<Served>> {
        self.0.get(path)
    }

    fn keep(&self, path: &str, served: &Arc<Served>) {
        let texts = path.len() + served.etag.len() + served.version.len();
        self.0.put(path.to_owned(), Arc::clone(served), served.body.len() + size_of::<Served>() + texts);
    }

    /// What is kept.
    pub(super) fn usage(&self) -> Usage {
        self.0.usage("active")
    }
}

/// Answers at once what is in memory and still looks as it did, for who may read it: before any route is looked
/// for, and on the thread of the connection. Whatever else there is to a request is left to its route.
pub(super) fn quick<B>(shared: &Shared, request: &Request<B>) -> Option<Response> {
    let path = request.uri().path();
    if request.method() != Method::GET || !path.ends_with("/active") || request.uri().query().is_some() {
        return None;
    }
    let served = shared.hot.known(path)?;
    if served.seen.is_none() || served.seen != shared.repo.backend().glance(&served.asked, &served.name) {
        return None;
    }
    if served.settings.is_some_and(|seen| seen != shared.repo.glance_at_settings()) {
        return None;
    }
    let tokens = shared.book.fresh()?;
    let caller = identify(shared, &tokens, request.headers()).ok()?;
    // What was renamed looks as it did, and may be for others now.
    let is_here = || served.asked == served.handle && shared.repo.backend().is_here(&served.handle);
    if !caller.sees_all() && !is_here() {
        return None;
    }
    if !caller.sees(served.handle.as_str()) {
        return None;
    }
    // Last: what is left to a route counts there.
    caller.count(shared).ok()?;
    shared.metrics.hot_hits.inc();
    Some(answer(&served, request.headers()))
}

/// What `ACTIVE` of an agent serves.
pub(super) async fn active(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    let path = format!("{ROOT}/agents/{agent}/active");
    serve(agent, None, path, call).await
}

/// What an environment of an agent serves.
pub(super) async fn environment(
    At((agent, environment)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    let Ok(name) = environment.parse::<Handle>() else {
        return Err(Problem::not_found(format!("there is no environment '{environment}'")));
    };
    let path = format!("{ROOT}/agents/{agent}/environments/{environment}/active");
    serve(agent, Some(name), path, call).await
}

async fn serve(
    agent: String,
    environment: Option<Handle>,
    path: String,
    call: Call,
) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    let served = call
        .ask(VIA, move |ask| {
            ask.shared.metrics.hot_misses.inc();
            read(ask, &agent, environment.as_ref(), &path)
        })
        .await?;
    Ok(answer(&served, &headers))
}

/// Reads what ACTIVE or an environment serves, and keeps it.
fn read(
    ask: &mut Ask<'_>,
    agent: &str,
    environment: Option<&Handle>,
    path: &str,
) -> Result<Arc<Served>, Problem> {
    let handle = ask.agent(agent, Role::Reader)?;
    let backend = ask.shared.repo.backend();
    let asked: Handle = agent.parse().unwrap_or_else(|_| handle.clone());
    // Before they are read: what moves meanwhile looks different then.
    let settings = environment.map(|_| ask.shared.repo.glance_at_settings());
    let name = environment.map_or_else(|| Ok(RefName::active()), |name| ask.agents.environment_ref(name))?;
    let seen = backend.glance(&asked, &name);
    let state = backend.read_ref(&handle, &name)?;
    let Some(commit) = state.and_then(|state| state.target).as_ref().and_then(Target::id) else {
        return Err(match environment {
            None => Problem::not_found(format!("'{handle}' serves no version"))
                .hint(format!("POST {ROOT}/agents/{handle}/versions/V1/activate lets one serve")),
            Some(name) => Problem::not_found(format!("'{handle}' has no version in '{name}'"))
                .hint(format!("PUT {ROOT}/agents/{handle}/environments/{name} gives it one")),
        });
    };
    let config = ask.agents.resolved(&commit)?;
    let (version, etag) = (commit.to_string(), format!("\"{commit}\""));
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| Problem::malformed("an id that no header can have"))
    };
    let served = Arc::new(Served {
        seen,
        asked,
        name,
        settings,
        handle,
        body: Bytes::from_owner(config),
        etag: value(&etag)?,
        version: value(&version)?,
    });
    let now = SystemClock.now();
    let is_settled = |seen: Option<Glance>| seen.is_none_or(|seen| seen.is_settled(now));
    if served.seen.is_some() && is_settled(served.seen) && is_settled(served.settings.flatten()) {
        ask.shared.hot.keep(path, &served);
    }
    Ok(served)
}

fn answer(served: &Served, headers: &HeaderMap) -> Response {
    let same = headers.get_all(IF_NONE_MATCH).iter().any(|tags| matches(tags, &served.etag));
    let mut response = Response::new(if same { Body::empty() } else { Body::from(served.body.clone()) });
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let answers = response.headers_mut();
    if !same {
        answers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_TYPE));
    }
    answers.insert(ETAG, served.etag.clone());
    answers.insert(VERSION_HEADER, served.version.clone());
    // It may be kept, and has to be asked for again: another version may serve by then.
    answers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// Whether a list of tags, as `If-None-Match` has it, has this one.
pub(super) fn matches(tags: &HeaderValue, etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    let mut tags = tags.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag)
}
