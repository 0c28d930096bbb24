//! Drafts renamed and discarded.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::agent::AgentError;
use crate::server::ask::At;
use crate::server::atoms::input::{at_most, needed};
use crate::server::atoms::{answer, asking};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::{NAME_MAX_CHARS, free_name};

/// Gives a draft another name; it stays the same draft.
pub(in crate::server::atoms) async fn rename(
    At((id, draft)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Editor)?;
        let draft = asking::draft(ask, &agent.handle, &draft)?;
        let body = ask.object()?;
        let title = needed(&body, "draftName")?;
        at_most("draftName", title, NAME_MAX_CHARS)?;
        let name = free_name(ask, &agent.handle, title, Some(&draft.name))?;
        match ask.agents.entitle_draft(&agent.handle, &draft.name, &name, title) {
            // Where there is only one draft it keeps its name, and somebody else may have been quicker.
            Err(AgentError::DraftExists { .. } | AgentError::OneDraft { .. }) => {
                ask.agents.entitle_draft(&agent.handle, &draft.name, &draft.name, title)?;
            }
            done => drop(done?),
        }
        Ok(json!({"draftName": title}))
    })
    .await
}

/// Throws a draft away.
pub(in crate::server::atoms) async fn discard(
    At((id, draft)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Editor)?;
        let draft = asking::draft(ask, &agent.handle, &draft)?;
        let log = ask.agents.draft_log(&agent.handle, &draft.name)?;
        let is_own = log.last().is_some_and(|made| made.actor == ask.caller.actor);
        if !is_own && ask.caller.role() < Role::Admin {
            return Err(Problem::forbidden("Only the draft creator or an admin can discard this draft"));
        }
        ask.agents.discard_draft(&agent.handle, &draft.name, None)?;
        Ok(Value::Null)
    })
    .await
}
