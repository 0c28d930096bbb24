//! The versioning API of thinnestAI, under `/thinnest`, on this store: code written against the vendor runs when
//! its base URL is changed. docs/thinnest.md says how its words map to recto's.

mod compare;
mod publish;
mod shapes;
mod snapshots;
mod versions;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

use crate::access::Role;
use crate::error::{Classify as _, Kind};
use crate::profile::DraftPolicy;
use crate::refs::Handle;
use crate::release::ReleaseError;

use super::ask::Ask;
use super::call::{Call, Shared, gzip};
use super::caller::admitted;
use super::ignored;
use super::problem::Problem;
use super::query::plain;
use super::render::OWN;
use super::turn::in_turns;

/// Where it is.
pub(super) const ROOT: &str = "/thinnest";
/// The surface that the log names.
const VIA: &str = "thinnest";

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let routes = [
        ("/publish", post(publish::publish)),
        ("/unpublish", post(publish::unpublish)),
        ("/status", get(publish::status)),
        ("/versions", get(versions::list).post(versions::checkpoint)),
        ("/versions/{version}", get(versions::show)),
        ("/versions/{version}/rollback", post(versions::rollback)),
        ("/versions/{version}/promote", post(versions::promote)),
        ("/versions/{version}/diff/{other}", get(compare::versions)),
        ("/diff-draft", get(compare::draft)),
    ];
    // None of them has parameters besides its path.
    let add = |router: Router<Arc<Shared>>, (path, handler)| router.route(path, plain(handler));
    let agent = routes.into_iter().fold(Router::new(), add);
    let all = Router::new().nest(&format!("{ROOT}/agents/{{agent}}"), agent).layer(gzip());
    admitted(in_turns(all, shared), shared)
}

/// Works on a request, and answers with the document that comes of it.
async fn answer<T: Serialize>(
    call: Call,
    work: impl FnOnce(&mut Ask<'_>) -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    call.ask(VIA, move |ask| {
        let document = work(ask)?;
        let mut response = super::call::json(ask.headers, &document)?;
        ignored::note(response.headers_mut(), &ask.ignored);
        Ok(response)
    })
    .await
}

/// A refusal as this API tells it: one text. What is more to be said follows the problem itself.
pub(super) fn form(problem: &Problem) -> (StatusCode, Value) {
    if problem.is_own() {
        return (problem.status, json!({"detail": OWN}));
    }
    let mut text = problem.message().to_owned();
    for detail in problem.failure.details() {
        text = format!("{text}; {detail}");
    }
    (problem.status, json!({"detail": text}))
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        Self::about(&error)
    }
}

/// The agent, for who may do so much with it. This API knows agents with one draft only.
fn agent(ask: &Ask<'_>, named: &str, role: Role) -> Result<Handle, Problem> {
    let handle = ask.agent(named, role)?;
    let profile = ask.agents.profile(&ask.agents.meta(&handle)?.profile)?;
    if profile.draft_policy() == DraftPolicy::One {
        return Ok(handle);
    }
    let message = format!(
        "agent '{handle}' has profile '{}', and this API is for agents with one draft",
        profile.name()
    );
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Kind::Refused, message))
}

/// The name of the draft that always exists.
fn draft() -> Handle {
    "main".parse().expect("a handle")
}
