//! What a draft changes, section by section.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::object::{Blocks, Content};
use crate::server::ask::At;
use crate::server::atoms::input::{Query, either};
use crate::server::atoms::{answer, asking, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

/// Compares a draft with the version that it was forked from, or with another one.
pub(in crate::server::atoms) async fn diff(
    At((id, draft)): At<(String, String)>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let draft = asking::draft(ask, &agent.handle, &draft)?;
        let base = match either(&query, &["compareTo", "versionId"]) {
            Some(version) => Some(asking::version(ask, &agent, version)?.id),
            None => draft.base,
        };
        let before = match base {
            Some(base) => ask.agents.config(&base)?.blocks,
            None => Blocks::new(),
        };
        let after = ask.agents.config(&draft.commit)?.blocks;
        let mut sections = Map::new();
        let mut has_changes = false;
        for name in shapes::sections() {
            let (was, is) = (content(&before, name), content(&after, name));
            let changed = was != is;
            has_changes |= changed;
            sections.insert(name.to_owned(), json!({"before": was, "after": is, "changed": changed}));
        }
        Ok(json!({"sections": sections, "hasChanges": has_changes}))
    })
    .await
}

/// What a block holds; null when there is none.
fn content(blocks: &Blocks, name: &str) -> Value {
    let found = blocks.iter().find(|(block, _)| block.as_str() == name);
    match found.map(|(_, content)| content) {
        None => Value::Null,
        Some(Content::Text(text)) => Value::from(text.as_str()),
        Some(Content::Json(value)) => value.clone(),
    }
}
