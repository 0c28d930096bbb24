//! The API of Smallest AI Atoms, v1, on this store: code written against the vendor runs when its base URL is
//! changed.

mod agents;
mod asking;
mod calls;
mod directory;
mod drafts;
mod ids;
mod input;
mod past;
mod shapes;
mod versions;
mod workflow;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, patch, post};
use serde_json::{Value, json};

use super::ask::Ask;
use super::call::{self, Call, Shared, gzip};
use super::caller::admitted;
use super::ignored;
use super::problem::Problem;
use super::query::{noting, plain};
use super::turn::in_turns;
use crate::error::Classify as _;

pub(super) use directory::Directory;

/// Where it is.
pub(super) const ROOT: &str = "/atoms/v1";
/// The surface that the log names.
const VIA: &str = "atoms";

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let all = Router::new()
        .route(
            "/agent",
            noting(["page", "offset", "search"], get(agents::list)).merge(plain(post(agents::create))),
        )
        .route(
            "/agent/{id}",
            noting(["versionId", "draftId"], get(agents::show))
                .merge(plain(patch(agents::edit).delete(nothing_here))),
        )
        .route("/agent/{id}/archive", plain(delete(agents::archive)))
        .route("/agent/{id}/duplicate", plain(post(agents::duplicate)))
        .route("/agent/{id}/workflow", noting(["versionId"], get(workflow::show)))
        .route("/workflow/{id}", plain(patch(workflow::replace)))
        .route("/conversation/outbound", plain(post(calls::outbound)))
        .merge(of_drafts())
        .merge(of_versions())
        .layer(gzip());
    Router::new().nest(ROOT, admitted(in_turns(all, shared), shared))
}

fn of_drafts() -> Router<Arc<Shared>> {
    const DRAFT: &str = "/agent/{id}/drafts/{draft}";
    let at = |rest: &str| format!("{DRAFT}{rest}");
    Router::new()
        .route("/agent/{id}/drafts", plain(get(drafts::list).post(drafts::fork)))
        .route(
            DRAFT,
            noting(["limit"], get(drafts::show)).merge(plain(patch(drafts::rename).delete(drafts::discard))),
        )
        .route(&at("/config"), plain(patch(drafts::configure)))
        .route(&at("/diff"), noting(["compareTo", "versionId"], get(drafts::diff)))
        .route(&at("/publish"), plain(post(drafts::publish)))
        .route(&at("/test-call"), plain(post(calls::of_draft)))
}

fn of_versions() -> Router<Arc<Shared>> {
    /// The two under the names of the vendor's description and of its guide.
    const TWO: [&str; 4] = ["versionA", "versionB", "baseId", "compareId"];
    const VERSION: &str = "/agent/{id}/versions/{version}";
    let at = |rest: &str| format!("{VERSION}{rest}");
    Router::new()
        .route("/agent/{id}/versions", noting(["limit", "skip", "isPinned"], get(versions::list)))
        .route("/agent/{id}/versions/diff", noting(TWO, get(versions::diff)))
        .route(
            "/agent/{id}/versions/compare-metrics",
            noting(TWO.into_iter().chain(["dateFrom", "dateTo"]), get(versions::metrics)),
        )
        .route(VERSION, plain(get(versions::show).patch(versions::edit)))
        .route(&at("/activate"), plain(patch(versions::activate)))
        .route(&at("/test-call"), plain(post(calls::of_version)))
}

/// Agents are archived, not deleted.
async fn nothing_here() -> Problem {
    Problem::not_found("Not Found")
}

/// Works on a request and answers with what comes of it.
async fn answer(
    call: Call,
    status: StatusCode,
    work: impl FnOnce(&mut Ask<'_>) -> Result<Value, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    call.ask(VIA, move |ask| {
        let data = work(ask)?;
        let mut response = call::json(ask.headers, &json!({"status": true, "data": data}))?;
        *response.status_mut() = status;
        ignored::note(response.headers_mut(), &ask.ignored);
        Ok(response)
    })
    .await
}

/// A refusal as Atoms tells it.
pub(super) fn form(problem: &Problem) -> (StatusCode, Value) {
    let status = match problem.status {
        // Clients of this API repeat what is answered with 409.
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        StatusCode::METHOD_NOT_ALLOWED => StatusCode::NOT_FOUND,
        status => status,
    };
    let message = problem.message();
    let mut errors = match status {
        StatusCode::INTERNAL_SERVER_ERROR => vec!["Internal server error".to_owned()],
        StatusCode::UNAUTHORIZED => vec![format!("Unauthorized: {message}")],
        _ => vec![message.to_owned()],
    };
    if status == StatusCode::BAD_REQUEST {
        errors.extend(problem.failure.details());
    }
    (status, json!({"status": false, "errors": errors}))
}
