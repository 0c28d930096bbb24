//! The older way to an agent's prompt, tools and graph. Reading shows what serves; writing goes around drafts, and
//! so becomes a version at once.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::agent::{AgentError, CheckState, Direct, PublishOptions, Published};
use crate::server::ask::{Ask, At};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::asking::Found;
use super::input::{Query, bad, needed};
use super::{answer, asking, shapes, versions};

/// What a version that was made so is labelled.
const LABEL: &str = "PATCH /workflow";
/// The field of a config for each type of workflow.
const FIELDS: [(&str, &str); 2] =
    [(shapes::SINGLE_PROMPT, "singlePromptConfig"), ("workflow_graph", "workflowGraph")];
/// How often the change is made anew because somebody published meanwhile.
const TRIES: usize = 5;

/// Shows the workflow that serves, or that of a version.
pub(super) async fn show(
    At(id): At<String>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent_or_404(ask, &id, Role::Reader)?;
        let commit = match query.get("versionId") {
            Some(version) => asking::version(ask, &agent, version)?.id,
            None => asking::active(ask, &agent.handle)?,
        };
        let config = ask.agents.config(&commit)?.value;
        let (kind, field) = field_of(&config);
        let held = config.get(field).cloned().unwrap_or_default();
        let part = |key: &str, none: Value| held.get(key).cloned().unwrap_or(none);
        Ok(if kind == shapes::SINGLE_PROMPT {
            json!({"prompt": part("prompt", json!("")), "tools": part("tools", json!([]))})
        } else {
            let (nodes, edges) = (part("nodes", json!([])), part("edges", json!([])));
            json!({"type": kind, "data": {"nodes": nodes, "edges": edges}})
        })
    })
    .await
}

fn field_of(config: &Value) -> (&'static str, &'static str) {
    let kind = config.get(shapes::WORKFLOW_TYPE).and_then(Value::as_str);
    FIELDS.into_iter().find(|(name, _)| Some(*name) == kind).unwrap_or(FIELDS[0])
}

/// Changes the workflow that serves: a version, which serves at once if its check lets it.
pub(super) async fn replace(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::by_workflow(ask, &id, Role::Publisher)?;
        let body = ask.object()?;
        let (kind, field, given) = wanted(&body)?;
        let published = change(ask, &agent, kind, field, given)?;
        let Some(published) = published else {
            return shapes::version_now(ask, &agent, &asking::active(ask, &agent.handle)?);
        };
        if published.state != CheckState::Passed {
            let stands = versions::stands(published.state);
            let name = format!("V{}", published.number);
            return Err(bad(format!("{}: the change is {name}, which does not serve", stands.message())));
        }
        ask.agents.activate(&agent.handle, &published.version, None, None)?;
        shapes::version_now(ask, &agent, &published.version)
    })
    .await
}

/// The type of workflow that a body names, its field, and what is to be there.
fn wanted(body: &Map<String, Value>) -> Result<(&'static str, &'static str, &Map<String, Value>), Problem> {
    let asked = needed(body, "type")?;
    let known = FIELDS.into_iter().find(|(name, _)| *name == asked);
    let (kind, field) =
        known.ok_or_else(|| bad("Invalid Input: type must be one of single_prompt, workflow_graph"))?;
    let given = FIELDS.iter().filter(|(_, field)| body.contains_key(*field)).count();
    if given != 1 {
        return Err(bad("Exactly one of workflowGraph or singlePromptConfig must be provided"));
    }
    match body.get(field) {
        Some(Value::Object(given)) => Ok((kind, field, given)),
        Some(_) => Err(bad(format!("Invalid Input: Expected object ({field})"))),
        None => Err(bad(format!("Invalid Input: {field} is required when type is {kind}"))),
    }
}

/// Publishes what serves with a change of its workflow. What the change does not name stays. None when it
/// changes nothing.
fn change(
    ask: &Ask<'_>,
    agent: &Found,
    kind: &str,
    field: &str,
    given: &Map<String, Value>,
) -> Result<Option<Published>, Problem> {
    let mut tries = 0;
    loop {
        let count = ask.agents.version_count(&agent.handle)?;
        let latest = if count == 0 { None } else { Some(ask.agents.version_at(&agent.handle, count)?.id) };
        let active = ask.agents.config(&asking::active(ask, &agent.handle)?)?;
        let mut value = active.value.clone();
        let Some(config) = value.as_object_mut() else { return Err(bad("Agent has no config")) };
        config.insert(shapes::WORKFLOW_TYPE.to_owned(), Value::from(kind));
        let held = config.entry(field).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(held) = held {
            held.extend(given.clone());
        }
        if value == active.value {
            return Ok(None);
        }
        let options = PublishOptions {
            label: LABEL.to_owned(),
            allow_unchanged: true,
            check_pending: ask.is_checked_outside()?,
            ..PublishOptions::default()
        };
        let direct = Direct { profile: active.profile, config: &value, expected_latest: latest, options };
        tries += 1;
        match ask.agents.publish_config(&agent.handle, &direct) {
            Err(AgentError::Moved { .. }) if tries < TRIES => {}
            published => return Ok(published?),
        }
    }
}
