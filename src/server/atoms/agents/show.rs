//! One agent, and lists of them.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::agent::AgentError;
use crate::server::ask::At;
use crate::server::atoms::asking::{self, Found};
use crate::server::atoms::input::{Query, whole};
use crate::server::atoms::{answer, ids, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

/// Agents of a page unless asked for another number, and at most.
const PAGE: usize = 10;
const PAGE_MAX: usize = 100;

/// Shows an agent with the config that serves, or that of a version or a draft.
pub(in crate::server::atoms) async fn show(
    At(id): At<String>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let commit = match (query.get("versionId"), query.get("draftId")) {
            (_, Some(draft)) => Some(asking::draft(ask, &agent.handle, draft)?.commit),
            (Some(version), None) => Some(asking::version(ask, &agent, version)?.id),
            (None, None) => None,
        };
        shapes::agent(ask, &agent, commit.as_ref())
    })
    .await
}

/// Lists the agents that are not archived; `offset` is the size of a page.
pub(in crate::server::atoms) async fn list(
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let page = whole(&query, "page", 1..=usize::MAX, 1)?;
        let size = whole(&query, "offset", 1..=PAGE_MAX, PAGE)?;
        let wanted = query.get("search").map(|text| text.trim().to_lowercase()).unwrap_or_default();
        let mut all = ask.shared.atoms.all(&ask.agents)?;
        all.retain(|entry| {
            !entry.archived
                && ask.caller.sees(entry.handle.as_str())
                && entry.title.to_lowercase().contains(&wanted)
        });
        let (total, start) = (all.len(), (page - 1).saturating_mul(size));
        let mut agents: Vec<Value> = Vec::new();
        for entry in all.into_iter().skip(start).take(size) {
            let found = Found { handle: entry.handle.clone(), id: ids::agent(entry.agent), entry };
            match shapes::agent(ask, &found, None) {
                Ok(agent) => agents.push(agent),
                // It was renamed since.
                Err(_) if is_gone(&ask.agents.locate(&found.handle)) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(json!({
            "agents": agents,
            "total": total,
            "totalCount": total,
            "totalPages": total.div_ceil(size),
            "hasMore": start.saturating_add(size) < total,
        }))
    })
    .await
}

fn is_gone<T>(located: &Result<T, AgentError>) -> bool {
    matches!(located, Err(AgentError::NoSuchAgent(_)))
}
