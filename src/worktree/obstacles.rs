//! What keeps the files of an agent from being applied: what others published since, and conflicts that wait.

use std::collections::BTreeMap;

use crate::agent::{AgentError, Agents, LogQuery};
use crate::merge::markers;
use crate::object::Content;
use crate::refs::Handle;

use super::apply::APPLY_SURFACE;
use super::marked::still_marked;
use super::{AGENTS_DIR, AgentFile, Fault, LooseAgent, WorktreeError, file_name};

/// The newest version that somebody else published since the files were last in step with the store:
/// since the version that they are based on, and since the newest one that `apply` published itself,
/// which settled what came before it.
pub(super) fn in_the_way(
    agents: &Agents,
    agent: &Handle,
    file: &AgentFile,
    count: u64,
) -> Result<Option<WorktreeError>, WorktreeError> {
    let base = match &file.base {
        Some(base) => agents.number_of(agent, base)?.map_or(0, |number| number.position),
        None => 0,
    };
    if base == count {
        return Ok(None);
    }
    let mut surfaces = BTreeMap::new();
    for entry in agents.log(agent, LogQuery::default())? {
        let entry = entry?;
        surfaces.insert(entry.id, entry.record.via);
    }
    let (mut newest, mut settled) = (None, (base, "which the files are based on"));
    for number in (base + 1..=count).rev() {
        let version = agents.version_at(agent, number)?;
        if version.withdrawn {
            continue;
        }
        if surfaces.get(&version.record).is_some_and(|via| via == APPLY_SURFACE) {
            settled = (number, "which 'apply' published last");
            break;
        }
        newest.get_or_insert(version);
    }
    Ok(newest.map(|newest| WorktreeError::InTheWay {
        agent: agent.clone(),
        newest: format!("{} by {}", newest.name(), newest.author.name),
        expected: match settled {
            (0, _) => "one that these files are based on".to_owned(),
            (number, why) => format!("V{number}, {why}"),
        },
    }))
}

/// Conflicts that are written out in the texts of an agent. A JSON file with markers is no JSON.
pub(super) fn left_in(agent: &LooseAgent) -> Vec<Fault> {
    let dir = format!("{AGENTS_DIR}/{}", agent.file.agent);
    let blocks = agent.config.blocks.iter();
    let found = blocks.filter_map(|(name, content)| match content {
        Content::Text(text) => Some((file_name(name, &content.kind()), markers::find(text)?)),
        Content::Json(_) => None,
    });
    found.map(|(file, line)| still_marked(&format!("{dir}/{file}"), line)).collect()
}

/// Files of a draft in which conflicts wait, so that in each place they hold one side only.
pub(super) fn conflicted(
    agents: &Agents,
    agent: &Handle,
    file: &AgentFile,
) -> Result<Option<WorktreeError>, WorktreeError> {
    let (Some(name), Some(revision)) = (&file.draft, file.draft_revision) else { return Ok(None) };
    let draft = match agents.draft(agent, name) {
        Ok(draft) if draft.revision == revision => draft,
        Ok(_) | Err(AgentError::NoSuchRevision { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(agents.refuse_conflicts(agent, &draft.commit, name.as_str()).err().map(WorktreeError::from))
}
