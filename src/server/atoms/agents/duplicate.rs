//! A copy of an agent, without what belongs to its organization.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::agent::NewAgent;
use crate::server::ask::At;
use crate::server::atoms::input::{bad, needed};
use crate::server::atoms::{answer, asking, ids, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::create::{id_of, make};

/// Fields of an agent that a copy does not get: a number is one agent's, and so is its picture.
const NOT_COPIED: [&str; 2] = ["telephonyProductId", "avatarUrl"];
/// The kind of tool that looks into an organization's knowledge bases.
const KNOWLEDGE_TOOL: &str = "knowledge_base_search";

/// Copies the config that serves to a new agent, whose V1 serves.
pub(in crate::server::atoms) async fn duplicate(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::CREATED, move |ask| {
        let agent = asking::agent_or_404(ask, &id, Role::Publisher)?;
        let body = ask.object()?;
        let organization = needed(&body, "targetOrganizationId")?;
        let told = agent.entry.vendor_ids.get("organization").and_then(Value::as_str);
        if organization != ids::organization(&ask.shared.repo) && Some(organization) != told {
            return Err(Problem::not_found("Organization not found"));
        }
        let config = ask.agents.config(&asking::active(ask, &agent.handle)?)?;
        let mut value = config.value;
        if value.get(shapes::WORKFLOW_TYPE).is_some_and(|is| is != shapes::SINGLE_PROMPT) {
            return Err(bad("Only single_prompt agents can be duplicated"));
        }
        without_what_is_the_organizations(&mut value);
        let meta = ask.agents.meta(&agent.handle)?;
        let mut fields = meta.fields;
        fields.retain(|key, _| !NOT_COPIED.contains(&key.as_str()));
        let new = NewAgent {
            title: Some(format!("{} (copy)", meta.title)),
            description: meta.description,
            config: Some(value),
            label: format!("copied from {}", agent.handle),
            activate: true,
            check_pending: ask.is_checked_outside()?,
            fields,
            kind: "duplicate",
            ..NewAgent::of(config.profile)
        };
        let created = make(ask, new)?;
        Ok(json!({"_id": id_of(ask, &created)?}))
    })
    .await
}

/// Removes the tools that search knowledge bases, and blanks the variables.
fn without_what_is_the_organizations(config: &mut Value) {
    if let Some(Value::Array(tools)) = config.pointer_mut("/singlePromptConfig/tools") {
        tools.retain(|tool| tool.get("type").is_none_or(|kind| kind != KNOWLEDGE_TOOL));
    }
    if let Some(Value::Object(variables)) = config.get_mut("defaultVariables") {
        variables.values_mut().for_each(|value| *value = Value::from(""));
    }
}
