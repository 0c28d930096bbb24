//! Two versions beside each other: what differs in their configs, and how their calls went.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::clock::Time;
use crate::diff::FieldChange;
use crate::diff::json::ChangeKind;
use crate::object::ObjectId;
use crate::server::ask::{Ask, At};
use crate::server::atoms::asking::{self, Found};
use crate::server::atoms::input::{Query, bad, either, required};
use crate::server::atoms::{answer, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

/// Compares two versions, section by section.
pub(in crate::server::atoms) async fn diff(
    At(id): At<String>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let [old, new] = both(ask, &agent, &query)?;
        between(ask, &old, &new)
    })
    .await
}

/// The same, with what is known of their calls: nothing, as no calls are placed from here.
pub(in crate::server::atoms) async fn metrics(
    At(id): At<String>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let [old, new] = both(ask, &agent, &query)?;
        for key in ["dateFrom", "dateTo"] {
            let time = query.get(key).map(|text| Time::parse(text, None)).transpose();
            time.map_err(|error| bad(format!("Invalid Input: {key}: {error}")))?;
        }
        let none = json!({"totalCalls": 0, "completedCalls": 0, "failedCalls": 0, "averageDuration": 0});
        Ok(json!({
            "configDiff": between(ask, &old, &new)?,
            "metrics": {"versionA": none, "versionB": none, "deltas": none},
        }))
    })
    .await
}

/// The versions that are named, under either pair of names.
fn both(ask: &Ask<'_>, agent: &Found, query: &Query) -> Result<[ObjectId; 2], Problem> {
    let named = |keys: [&str; 2]| -> Result<ObjectId, Problem> {
        let id = either(query, &keys).ok_or_else(required)?;
        Ok(asking::version(ask, agent, id)?.id)
    };
    Ok([named(["versionA", "baseId"])?, named(["versionB", "compareId"])?])
}

fn between(ask: &Ask<'_>, old: &ObjectId, new: &ObjectId) -> Result<Value, Problem> {
    let (before, after) = ask.agents.differing(old, new)?;
    let changed = |name: &&str| before.tree.get(name) != after.tree.get(name);
    let unchanged: Vec<&str> = shapes::sections().filter(|name| !changed(name)).collect();
    let profile = &after.profile;
    let groups = ask.agents.diff(&before, &after).by_block(|path| profile.block_of(path));
    let diffs: Vec<Value> = groups
        .into_iter()
        .map(|(block, changes)| {
            let changes: Vec<Value> = changes.iter().map(change).collect();
            json!({"section": block.map(|block| block.to_string()), "changes": changes})
        })
        .collect();
    Ok(json!({"unchangedSections": unchanged, "diffs": diffs}))
}

fn change(field: &FieldChange) -> Value {
    let (old, new) = match &field.change.kind {
        ChangeKind::Added(value) => (Value::Null, value.clone()),
        ChangeKind::Removed(value) => (value.clone(), Value::Null),
        ChangeKind::Changed { old, new } => (old.clone(), new.clone()),
        // An entry that stands elsewhere: its position in either list.
        ChangeKind::Moved { from, to } => (json!({"position": from}), json!({"position": to})),
    };
    json!({"path": field.change.path.to_string(), "oldValue": old, "newValue": new})
}
