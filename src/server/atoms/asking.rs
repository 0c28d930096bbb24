//! What a request is about: an agent, one of its versions, one of its drafts, each by its id.

use std::sync::Arc;

use crate::access::Role;
use crate::agent::{AgentError, Agents, DraftInfo, VersionInfo};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;
use crate::server::ask::Ask;
use crate::server::problem::Problem;

use super::directory::{Entry, Of};
use super::ids;
use super::input::bad;

/// How many entries of the list of versions are read at once, newest first.
const PAGE: u64 = 4096;
/// How often a draft is looked for again that others renamed meanwhile.
const TRIES: usize = 32;
/// Under which names the version of an imported document was told.
const VENDOR_VERSION: [&str; 2] = ["activeVersionId", "versionId"];

/// An agent that is asked about.
#[derive(Debug)]
pub(super) struct Found {
    /// What is known of it.
    pub(super) entry: Arc<Entry>,
    /// Its handle.
    pub(super) handle: Handle,
    /// Its id here.
    pub(super) id: String,
}

/// An agent by the id of something; none when there is none, or who asks may not know of it.
fn find(ask: &Ask<'_>, of: Of, id: &str) -> Result<Option<Found>, Problem> {
    if !ids::is_id(id) {
        return Ok(None);
    }
    let sees = |handle: &Handle| ask.caller.sees(handle.as_str());
    let entry = ask.shared.atoms.find(&ask.agents, (of, id), &sees)?;
    Ok(entry.map(|entry| Found { handle: entry.handle.clone(), id: ids::agent(entry.agent), entry }))
}

/// The agent of that id, for who may do so much with it.
///
/// # Errors
/// 400 when there is none, or it is not for who asks; 403 when the role does not suffice.
pub(super) fn agent(ask: &Ask<'_>, id: &str, role: Role) -> Result<Found, Problem> {
    let found = find(ask, Of::Agent, id)?.ok_or_else(|| bad("No agent found"))?;
    ask.may(role)?;
    Ok(found)
}

/// The same where the API says 404.
///
/// # Errors
/// 404; 403.
pub(super) fn agent_or_404(ask: &Ask<'_>, id: &str, role: Role) -> Result<Found, Problem> {
    let found = find(ask, Of::Agent, id)?.ok_or_else(|| Problem::not_found("Agent not found"))?;
    ask.may(role)?;
    Ok(found)
}

/// The agent of a workflow.
///
/// # Errors
/// 404; 403.
pub(super) fn by_workflow(ask: &Ask<'_>, id: &str, role: Role) -> Result<Found, Problem> {
    let found = find(ask, Of::Workflow, id)?.ok_or_else(|| Problem::not_found("Workflow not found"))?;
    ask.may(role)?;
    Ok(found)
}

/// A version of an agent.
///
/// # Errors
/// 400 when it has none of that id.
pub(super) fn version(ask: &Ask<'_>, agent: &Found, id: &str) -> Result<VersionInfo, Problem> {
    if !ids::is_id(id) {
        return Err(bad(format!("Invalid Input: '{}' is not a version id", shown(id))));
    }
    if let Some(commit) = commit(ask, &agent.handle, id)? {
        return Ok(ask.agents.version(&agent.handle, &commit)?);
    }
    // A document that was imported said which version of the vendor's it held: it is the first one here.
    let told = VENDOR_VERSION.iter().find_map(|key| agent.entry.vendor_ids.get(*key)?.as_str());
    if told == Some(id) && ask.agents.version_count(&agent.handle)? > 0 {
        return Ok(ask.agents.version_at(&agent.handle, 1)?);
    }
    Err(bad("Version not found"))
}

/// The commit of a version by its id; none also when two are alike.
fn commit(ask: &Ask<'_>, agent: &Handle, id: &str) -> Result<Option<ObjectId>, Problem> {
    let backend = ask.shared.repo.backend();
    let mut found: Vec<ObjectId> = ask
        .agents
        .provisional(agent)?
        .iter()
        .map(|entry| entry.id)
        .filter(|it| ids::object(it) == id)
        .collect();
    let mut end = ask.agents.numbered_count(agent)?;
    while end > 0 {
        let start = end.saturating_sub(PAGE);
        let limit = usize::try_from(end - start).unwrap_or(usize::MAX);
        let page = backend.list(agent, &RefName::versions(), start, limit)?;
        found.extend(page.iter().map(|entry| entry.id).filter(|it| ids::object(it) == id));
        end = start;
    }
    found.dedup();
    Ok(if let [one] = found.as_slice() { Some(*one) } else { None })
}

/// A draft of an agent; none when it has none of that id, or two.
///
/// # Errors
/// When they cannot be read.
pub(super) fn draft_if(ask: &Ask<'_>, agent: &Handle, id: &str) -> Result<Option<DraftInfo>, Problem> {
    let mut found = ask.agents.drafts(agent)?;
    found.retain(|draft| ids::draft(draft) == id);
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// A draft of an agent.
///
/// # Errors
/// 400 when it has none of that id.
pub(super) fn draft(ask: &Ask<'_>, agent: &Handle, id: &str) -> Result<DraftInfo, Problem> {
    draft_if(ask, agent, id)?.ok_or_else(no_draft)
}

/// There is no draft of that id.
pub(super) fn no_draft() -> Problem {
    bad("Draft not found")
}

/// Does something to a draft of an agent, whatever it is called when that happens; never to another draft that was
/// made under its name meanwhile. None when it has no draft of that id.
///
/// # Errors
/// What `work` is refused with.
pub(super) fn at_draft<T>(
    ask: &Ask<'_>,
    agent: &Handle,
    id: &str,
    mut work: impl FnMut(&Agents, &DraftInfo) -> Result<T, AgentError>,
) -> Result<Option<T>, Problem> {
    for _ in 0..TRIES {
        let Some(draft) = draft_if(ask, agent, id)? else { return Ok(None) };
        match work(&ask.agents.expecting(draft.is_still()), &draft) {
            // It was renamed since, or it is gone: which of them is seen by looking again.
            Err(AgentError::Repo(RepoError::NotAsExpected { .. })) => {}
            done => return Ok(Some(done?)),
        }
    }
    Err(Problem::busy("others rename the draft all the time"))
}

/// The version that serves.
///
/// # Errors
/// 400 when none does.
pub(super) fn active(ask: &Ask<'_>, agent: &Handle) -> Result<ObjectId, Problem> {
    ask.agents.active(agent)?.ok_or_else(|| bad("Agent has no active version"))
}

/// The beginning of a text, for saying what is wrong with it.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(40).collect()
}
