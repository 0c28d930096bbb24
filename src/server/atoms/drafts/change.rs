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
        let found = asking::draft(ask, &agent.handle, &draft)?;
        let body = ask.object()?;
        let title = needed(&body, "draftName")?;
        at_most("draftName", title, NAME_MAX_CHARS)?;
        let free = free_name(ask, &agent.handle, title, Some(&found.name))?;
        let renamed = asking::at_draft(ask, &agent.handle, &draft, |agents, draft| {
            match agents.entitle_draft(&agent.handle, &draft.name, &free, title) {
                // Where there is only one draft it keeps its name, and somebody else may have been quicker.
                Err(AgentError::DraftExists { .. } | AgentError::OneDraft { .. }) => {
                    agents.entitle_draft(&agent.handle, &draft.name, &draft.name, title)
                }
                done => done,
            }
        })?;
        renamed.ok_or_else(asking::no_draft)?;
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
        let found = asking::draft(ask, &agent.handle, &draft)?;
        // Who made it stays so: it is the same draft that is thrown away, or none.
        let log = ask.agents.draft_log(&agent.handle, &found.name)?;
        let is_own = log.last().is_some_and(|made| made.actor == ask.caller.actor);
        if !is_own && ask.caller.role() < Role::Admin {
            return Err(Problem::forbidden("Only the draft creator or an admin can discard this draft"));
        }
        let discarded = asking::at_draft(ask, &agent.handle, &draft, |agents, found| {
            agents.discard_draft(&agent.handle, &found.name, None)
        })?;
        discarded.ok_or_else(asking::no_draft)?;
        Ok(Value::Null)
    })
    .await
}
