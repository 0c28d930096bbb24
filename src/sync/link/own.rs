//! What a store has that a remote has not: the work that would be lost if the remote's refs became its own.

use crate::agent::Agents;
use crate::backend::pages;
use crate::refs::{Handle, RefName, Shape, Target};

use super::super::SyncError;
use super::view::{Relation, View};

/// How many agents are listed at once.
const PAGE: usize = 256;

/// What was done in a store and is not at a remote, as that was seen last: a line for each agent, version and
/// draft.
///
/// # Errors
/// When an agent cannot be read.
pub fn own_work(agents: &Agents, remote: &Handle) -> Result<Vec<String>, SyncError> {
    let mut found = Vec::new();
    for page in pages(agents.repo().backend(), PAGE) {
        for agent in page? {
            found.extend(of_agent(agents, &agent, remote)?);
        }
    }
    Ok(found)
}

fn of_agent(agents: &Agents, agent: &Handle, remote: &Handle) -> Result<Vec<String>, SyncError> {
    let view = View::of(agents, Some(agent), remote, Some(None))?;
    let list = RefName::versions().at_remote(remote).map(Target::Ref);
    if view.own(&RefName::upstream()) != list.as_ref() {
        return Ok(vec![format!("agent '{agent}', whose numbers are not given by '{remote}'")]);
    }
    let mut found = Vec::new();
    let waiting = view.provisional().len();
    if waiting > 0 {
        let versions = if waiting == 1 { "1 version".to_owned() } else { format!("{waiting} versions") };
        found.push(format!("{versions} of agent '{agent}' that '{remote}' does not have"));
    }
    let moved = |name: &RefName| matches!(view.relation(name), Relation::Ours | Relation::Both);
    let names = view.names().into_iter().filter(|name| name.shape() == Shape::Single && moved(name));
    found.extend(names.map(|name| match name.as_draft() {
        Some(draft) => format!("draft '{draft}' of agent '{agent}'"),
        None => format!("'{name}' of agent '{agent}'"),
    }));
    if found.is_empty() && view.names().iter().any(moved) {
        found.push(format!("notes about versions of agent '{agent}'"));
    }
    Ok(found)
}
