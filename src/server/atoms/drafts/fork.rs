//! A new draft, from a version or from another draft.

use axum::http::StatusCode;
use axum::response::Response;

use crate::access::Role;
use crate::agent::{AgentError, DraftInfo, DraftSource, VersionInfo};
use crate::history::Revision;
use crate::server::ask::{Ask, At};
use crate::server::atoms::asking::{self, Found};
use crate::server::atoms::input::{at_most, bad, needed, text};
use crate::server::atoms::{answer, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::{NAME_MAX_CHARS, free_name};

/// What a draft is called that nobody named.
const NAME: &str = "draft";
/// How often a name that somebody else took meanwhile is replaced by another one.
const TRIES: usize = 5;

/// Forks a draft.
pub(in crate::server::atoms) async fn fork(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::CREATED, move |ask| {
        let agent = asking::agent(ask, &id, Role::Editor)?;
        let body = ask.object()?;
        let (version, draft) = (text(&body, "sourceVersionId")?, text(&body, "sourceDraftId")?);
        let source = match (version, draft) {
            (None, None) => return Err(bad("Either sourceVersionId or sourceDraftId is required")),
            (Some(_), Some(_)) => {
                return Err(bad("Exactly one of sourceVersionId or sourceDraftId is required"));
            }
            (Some(version), None) => revision(&asking::version(ask, &agent, version)?),
            (None, Some(draft)) => {
                Revision::Word(asking::draft(ask, &agent.handle, draft)?.commit.to_string())
            }
        };
        let title = match body.get("draftName") {
            None => None,
            Some(_) => Some(needed(&body, "draftName")?),
        };
        at_most("draftName", title.unwrap_or_default(), NAME_MAX_CHARS)?;
        let draft = make(ask, &agent, title, &DraftSource::Revision(source))?;
        shapes::draft(ask, &agent, &draft)
    })
    .await
}

/// How a version is named for good.
fn revision(version: &VersionInfo) -> Revision {
    if version.number.provisional {
        Revision::Word(version.id.to_string())
    } else {
        Revision::Version(version.number.position)
    }
}

fn make(
    ask: &Ask<'_>,
    agent: &Found,
    title: Option<&str>,
    source: &DraftSource,
) -> Result<DraftInfo, Problem> {
    let mut tries = 0;
    let draft = loop {
        let name = free_name(ask, &agent.handle, title.unwrap_or(NAME), None)?;
        tries += 1;
        match ask.agents.new_draft(&agent.handle, &name, source) {
            Err(AgentError::DraftExists { .. }) if tries < TRIES => {}
            made => break made?.0,
        }
    };
    if let Some(title) = title.filter(|title| *title != draft.name.as_str()) {
        let agents = ask.agents.expecting(draft.is_still());
        agents.entitle_draft(&agent.handle, &draft.name, &draft.name, title)?;
    }
    Ok(draft)
}
