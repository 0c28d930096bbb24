//! Agents, versions and drafts in the shapes of this API.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::agent::{CheckState, DraftInfo, VersionInfo};
use crate::object::{Content, ObjectId};
use crate::profile::Profile;
use crate::server::ask::Ask;
use crate::server::problem::Problem;

use super::asking::Found;
use super::ids;
use super::past::Past;

/// The workflow type of a config that does not say it.
pub(super) const SINGLE_PROMPT: &str = "single_prompt";
/// The block that says it, and the field.
const GRAPH_BLOCK: &str = "workflow_graph";
pub(super) const WORKFLOW_TYPE: &str = "workflowType";
/// Fields of the config that stand beside `_resolvedConfig`, too.
const BESIDE: [&str; 8] = [
    "backgroundSound",
    WORKFLOW_TYPE,
    "globalKnowledgeBaseId",
    "language",
    "synthesizer",
    "slmModel",
    "defaultVariables",
    "preCallAPI",
];

/// The profile of the agents of this API, as this build has it.
pub(super) fn profile() -> &'static Profile {
    Profile::builtin("atoms").expect("it is part of the build")
}

/// The names of the blocks, in order.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    profile().blocks().iter().map(|spec| spec.name.as_str())
}

/// What a block that is not there counts as.
static EMPTY: LazyLock<String> = LazyLock::new(|| {
    let object = Content::Json(Value::Object(Map::new())).to_object();
    ids::object(&object.expect("an empty object is small").id())
});

/// A text, or null when it is empty.
fn or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

fn optional(id: Option<&ObjectId>) -> Value {
    id.map_or(Value::Null, |id| Value::from(ids::object(id)))
}

/// The ids of a commit's blocks, and its workflow type.
fn blocks(ask: &Ask<'_>, commit: &ObjectId) -> Result<(Value, Value), Problem> {
    let repo = &ask.shared.repo;
    let tree = repo.tree(&repo.commit(commit)?.tree)?;
    let id = |name: &str| tree.get(name).map_or_else(|| EMPTY.clone(), |entry| ids::object(&entry.id));
    let all: Map<String, Value> = sections().map(|name| (name.to_owned(), Value::from(id(name)))).collect();
    let mut workflow = Value::from(SINGLE_PROMPT);
    if let Some(entry) = tree.get(GRAPH_BLOCK)
        && let Content::Json(block) = repo.content(entry)?
        && let Some(stated) = block.get(WORKFLOW_TYPE)
    {
        workflow = stated.clone();
    }
    Ok((Value::Object(all), workflow))
}

/// What the check of a version says. A version that came without a check is looked at now; nothing is recorded.
pub(super) fn security(
    ask: &Ask<'_>,
    agent: &Found,
    version: &VersionInfo,
    past: &Past,
) -> Result<Value, Problem> {
    let report = || -> Result<_, Problem> {
        Ok(ask.agents.check(Some(&agent.handle), &ask.agents.config(&version.id)?)?)
    };
    let (state, errors) = match version.check {
        CheckState::Unchecked => {
            let report = report()?;
            (report.state(), report.errors())
        }
        CheckState::Failed => (CheckState::Failed, report()?.errors()),
        state => (state, Vec::new()),
    };
    let reason = match state {
        CheckState::Failed if errors.is_empty() => Value::from("a program outside the store refused it"),
        CheckState::Failed => Value::from(errors.join("; ")),
        _ => Value::Null,
    };
    let completed = match state {
        CheckState::Pending | CheckState::Unchecked => Value::Null,
        _ => Value::from(past.checked(&version.id).unwrap_or(version.time).to_string()),
    };
    Ok(json!({
        "status": state.name(),
        "reason": reason,
        "triggeredAt": version.time.to_string(),
        "completedAt": completed,
    }))
}

/// A version.
pub(super) fn version(
    ask: &Ask<'_>,
    agent: &Found,
    version: &VersionInfo,
    past: &Past,
) -> Result<Value, Problem> {
    let (blocks, workflow) = blocks(ask, &version.id)?;
    let (parent, publisher) = (optional(version.parents.first()), ids::user(&version.author));
    let activated = past.activated(&version.id);
    let time = version.time.to_string();
    Ok(json!({
        "_id": ids::object(&version.id),
        "agent": agent.id,
        "status": if version.withdrawn { "archived" } else { "published" },
        "versionNumber": Value::from(version.number),
        "label": or_null(&version.label),
        "description": or_null(&version.description),
        "isPinned": version.pinned,
        "publishedBy": publisher,
        "publishedAt": time,
        "activatedBy": activated.map(|(_, actor)| ids::user(actor)),
        "activatedAt": activated.map(|(time, _)| time.to_string()),
        "draftId": null,
        "draftName": null,
        "draftRevision": null,
        "sourceVersionId": parent,
        "blocks": blocks,
        "workflowType": workflow,
        "parentVersion": parent,
        "isActive": version.active,
        "createdBy": publisher,
        "createdAt": time,
        "updatedAt": past.updated(&version.id, version.time).to_string(),
        "securityCheck": security(ask, agent, version, past)?,
    }))
}

/// A version as it is now.
pub(super) fn version_now(ask: &Ask<'_>, agent: &Found, id: &ObjectId) -> Result<Value, Problem> {
    let past = Past::read(&ask.agents, &agent.handle)?;
    version(ask, agent, &ask.agents.version(&agent.handle, id)?, &past)
}

/// A draft.
pub(super) fn draft(ask: &Ask<'_>, agent: &Found, draft: &DraftInfo) -> Result<Value, Problem> {
    let (blocks, workflow) = blocks(ask, &draft.commit)?;
    let revisions = ask.agents.draft_log(&agent.handle, &draft.name)?;
    let (maker, made) =
        revisions.last().map_or((&draft.author, draft.time), |revision| (&revision.actor, revision.time));
    let base = optional(draft.base.as_ref());
    Ok(json!({
        "_id": ids::object(&draft.commit),
        "agent": agent.id,
        "status": "draft",
        "versionNumber": null,
        "label": null,
        "description": null,
        "isPinned": false,
        "publishedBy": null,
        "publishedAt": null,
        "activatedBy": null,
        "activatedAt": null,
        "draftId": ids::draft(draft),
        "draftName": ask.agents.draft_title(&agent.handle, draft)?,
        "draftRevision": draft.revision,
        "sourceVersionId": base,
        "blocks": blocks,
        "workflowType": workflow,
        "parentVersion": base,
        "isActive": false,
        "createdBy": ids::user(maker),
        "createdAt": made.to_string(),
        "updatedAt": draft.time.to_string(),
    }))
}

/// An agent with the config of a commit: of what serves, unless another one was asked for.
pub(super) fn agent(ask: &Ask<'_>, agent: &Found, shown: Option<&ObjectId>) -> Result<Value, Problem> {
    let info = ask.agents.info(&agent.handle)?;
    let active = info.active.map(|(id, _)| id);
    let mut map = info.meta.fields;
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    put(WORKFLOW_TYPE, Value::from(SINGLE_PROMPT));
    if let Some(commit) = shown.or(active.as_ref()) {
        let resolved: Value = serde_json::from_slice(&ask.agents.resolved(commit)?).unwrap_or_default();
        for key in BESIDE {
            if let Some(value) = resolved.get(key) {
                put(key, value.clone());
            }
        }
        put("_resolvedConfig", resolved);
    }
    put("_id", Value::from(agent.id.as_str()));
    put("name", Value::from(info.meta.title));
    put("description", Value::from(info.meta.description));
    put("organization", Value::from(ids::organization(&ask.shared.repo)));
    put("workflowId", Value::from(ids::workflow(agent.entry.agent)));
    put("createdBy", Value::from(ids::user(&agent.entry.maker)));
    put("createdAt", Value::from(agent.entry.made.to_string()));
    put("updatedAt", Value::from(info.changed.to_string()));
    put("archived", Value::from(info.meta.archived));
    put("activeVersionId", optional(active.as_ref()));
    put("versionId", optional(active.as_ref()));
    Ok(Value::Object(map))
}
