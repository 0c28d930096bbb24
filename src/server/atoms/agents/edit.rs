//! What is known of an agent besides its config, and putting it away.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::access::Role;
use crate::agent::MetaEdit;
use crate::server::ask::{At, line, lines};
use crate::server::atoms::answer;
use crate::server::atoms::asking;
use crate::server::atoms::input::{bad, needed, nullable};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::{FIELDS, Is};

/// Changes an agent's metadata.
pub(in crate::server::atoms) async fn edit(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Publisher)?;
        let body = ask.object()?;
        let profile = ask.agents.profile(&ask.agents.meta(&agent.handle)?.profile)?;
        let is_config = |key: &String| {
            profile.recognises(key) || profile.blocks().iter().any(|block| block.name.as_str() == key)
        };
        if body.keys().any(is_config) {
            return Err(bad("Agent has versioning enabled. Config changes must be made through drafts."));
        }
        ask.ignored.extend(body.keys().filter(|key| !profile.metadata_fields().contains(key)).cloned());
        let edit = MetaEdit {
            title: if body.contains_key("name") { Some(needed(&body, "name")?.to_owned()) } else { None },
            description: nullable(&body, "description")?.map(str::to_owned),
            fields: fields(&body)?,
        };
        line("name", edit.title.as_deref())?;
        lines("description", edit.description.as_deref())?;
        ask.agents.edit_meta(&agent.handle, &edit)?;
        Ok(Value::from(agent.id))
    })
    .await
}

/// The vendor's fields in a body; null takes one away.
pub(super) fn fields(body: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    for (key, is) in FIELDS {
        let Some(value) = body.get(key) else { continue };
        let fits = match (is, value) {
            (_, Value::Null) | (Is::Text | Is::Product, Value::String(_)) | (Is::Flag, Value::Bool(_)) => {
                true
            }
            (Is::Product, Value::Array(items)) => items.iter().all(Value::is_string),
            _ => false,
        };
        if !fits {
            let kind = if matches!(is, Is::Flag) { "boolean" } else { "string" };
            return Err(bad(format!("Invalid Input: Expected {kind} ({key})")));
        }
        fields.insert(key.to_owned(), value.clone());
    }
    Ok(fields)
}

/// Puts an agent away: it is no longer listed.
pub(in crate::server::atoms) async fn archive(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Admin)?;
        ask.agents.archive(&agent.handle, true)?;
        Ok(Value::Null)
    })
    .await
}
