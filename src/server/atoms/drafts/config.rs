//! Edits of a draft's config, by the vendor's rules: see the profile.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::access::Role;
use crate::agent::Edit;
use crate::profile::Profile;
use crate::server::ask::At;
use crate::server::atoms::input::bad;
use crate::server::atoms::{answer, asking, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

/// A field of the config that is not edited here.
const GRAPH: &str = "workflowGraph";

/// The fields of a body that are config, and the keys of the others.
pub(in crate::server::atoms) fn recognised(
    profile: &Profile,
    body: &Map<String, Value>,
) -> (Map<String, Value>, Vec<String>) {
    let (mut config, mut ignored) = (Map::new(), Vec::new());
    for (key, value) in body {
        if profile.recognises(key) && key != GRAPH {
            config.insert(key.clone(), value.clone());
        } else {
            ignored.push(key.clone());
        }
    }
    (config, ignored)
}

/// Edits a draft. What is no config is passed over, as long as something is.
pub(in crate::server::atoms) async fn configure(
    At((id, draft)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        // For this one of the drafts' routes the vendor documents 404, for the agent as well.
        let agent = asking::agent_or_404(ask, &id, Role::Editor)?;
        let missing = || Problem::not_found("Draft not found");
        let found = asking::draft_if(ask, &agent.handle, &draft)?.ok_or_else(missing)?;
        let body = ask.object()?;
        let profile = ask.agents.profile(&ask.shared.repo.commit(&found.commit)?.profile)?;
        let (config, ignored) = recognised(&profile, &body);
        if config.is_empty() && !body.is_empty() {
            return Err(bad("No recognized config fields in request body"));
        }
        let draft = if config.is_empty() {
            found
        } else {
            let edits = [Edit::Patch(Value::Object(config))];
            asking::at_draft(ask, &agent.handle, &draft, |agents, draft| {
                agents.edit(&agent.handle, &draft.name, None, &edits, "")
            })?
            .ok_or_else(missing)?
            .0
        };
        ask.ignored.extend(ignored);
        shapes::draft(ask, &agent, &draft)
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_config_and_names_of_blocks_and_metadata_are_not() {
        let body = json!({
            "firstMessage": "Hello", "language": {}, "voice": {}, "name": "x", "prompt": "x", "workflowGraph": {},
        });
        let (config, ignored) = recognised(shapes::profile(), body.as_object().expect("an object"));
        assert_eq!(Value::Object(config), json!({"firstMessage": "Hello", "language": {}}));
        assert_eq!(ignored, ["name", "prompt", "voice", "workflowGraph"]);
    }
}
