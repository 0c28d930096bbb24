//! Drafts as they are, and how they came to be so.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::agent::DraftRevision;
use crate::server::ask::At;
use crate::server::atoms::input::{Query, whole};
use crate::server::atoms::{answer, asking, ids, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

/// Entries of an edit history at most.
const HISTORY_MAX: usize = 100;
/// The kind of operation that gives a draft another name.
const RENAME: &str = "draft-rename";

/// Lists the drafts of an agent.
pub(in crate::server::atoms) async fn list(At(id): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let mut drafts: Vec<Value> = Vec::new();
        for draft in ask.agents.drafts(&agent.handle)? {
            let mut shape = shapes::draft(ask, &agent, &draft)?;
            shape["lastEditorName"] = Value::from(draft.author.name.as_str());
            drafts.push(shape);
        }
        Ok(Value::Array(drafts))
    })
    .await
}

/// Shows a draft with its edits, the newest first.
pub(in crate::server::atoms) async fn show(
    At((id, draft)): At<(String, String)>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let limit = whole(&query, "limit", 1..=HISTORY_MAX, HISTORY_MAX)?;
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let draft = asking::draft(ask, &agent.handle, &draft)?;
        let mut edits = ask.agents.draft_log(&agent.handle, &draft.name)?;
        // The last one is how it began.
        edits.pop();
        edits.retain(|edit| edit.kind != RENAME);
        let history: Vec<Value> = edits.iter().take(limit).map(entry).collect();
        Ok(json!({
            "latest": shapes::draft(ask, &agent, &draft)?,
            "editHistory": history,
            "editCount": edits.len(),
        }))
    })
    .await
}

fn entry(edit: &DraftRevision) -> Value {
    json!({
        "revision": edit.revision,
        "changedSections": edit.blocks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "editorName": edit.actor.name,
        "editorId": ids::user(&edit.actor),
        "timestamp": edit.time.to_string(),
    })
}
