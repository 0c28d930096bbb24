//! What may change about a version: its label, its description, whether it is pinned.

use axum::http::StatusCode;
use axum::response::Response;

use crate::access::Role;
use crate::object::limits::{DESCRIPTION_MAX_CHARS, LABEL_MAX_CHARS};
use crate::server::ask::At;
use crate::server::atoms::input::{at_most, bad, flag, lines_at_most, nullable};
use crate::server::atoms::{answer, asking, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

/// What is looked at.
const KEYS: [&str; 3] = ["label", "description", "isPinned"];

/// Changes what is said of a version. Its config never changes.
pub(in crate::server::atoms) async fn edit(
    At((id, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Publisher)?;
        let version = asking::version(ask, &agent, &version)?;
        let body = ask.object()?;
        let (label, description) = (nullable(&body, "label")?, nullable(&body, "description")?);
        let pinned = flag(&body, "isPinned")?;
        if label.is_none() && description.is_none() && pinned.is_none() {
            return Err(bad("At least one of label, description, or isPinned must be provided"));
        }
        at_most("label", label.unwrap_or_default(), LABEL_MAX_CHARS)?;
        lines_at_most("description", description.unwrap_or_default(), DESCRIPTION_MAX_CHARS)?;
        if label.is_some() || description.is_some() {
            ask.agents.edit_version(&agent.handle, &version.id, label, description)?;
        }
        if let Some(pinned) = pinned {
            ask.agents.pin(&agent.handle, &version.id, pinned)?;
        }
        ask.ignored.extend(body.keys().filter(|key| !KEYS.contains(&key.as_str())).cloned());
        shapes::version_now(ask, &agent, &version.id)
    })
    .await
}
