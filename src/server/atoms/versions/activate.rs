//! Which version serves.

use axum::http::StatusCode;
use axum::response::Response;

use crate::access::Role;
use crate::agent::{AgentError, CheckState};
use crate::server::ask::At;
use crate::server::atoms::input::bad;
use crate::server::atoms::{answer, asking, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

/// Makes a version serve.
pub(in crate::server::atoms) async fn activate(
    At((id, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Publisher)?;
        let version = asking::version(ask, &agent, &version)?;
        match ask.agents.activate(&agent.handle, &version.id, None, None) {
            Err(AgentError::CheckStands { state, .. }) => return Err(stands(state)),
            done => drop(done?),
        }
        shapes::version_now(ask, &agent, &version.id)
    })
    .await
}

/// A check that keeps a version from serving.
pub(in crate::server::atoms) fn stands(state: CheckState) -> Problem {
    bad(match state {
        CheckState::Pending => "security check pending",
        _ => "security check failed",
    })
}
