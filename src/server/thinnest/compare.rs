//! What differs between two snapshots, and between what serves and the draft.

use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::server::ask::At;
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::snapshots::Snapshot;
use super::{agent, answer, publish, snapshots};

/// The top-level fields that differ, each with its whole old and new value; null where it is not there.
pub(super) fn fields(old: &Value, new: &Value) -> Map<String, Value> {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let differing = names.filter(|name| old.get(*name) != new.get(*name));
    differing.map(|name| (name.clone(), json!({"old": old.get(name), "new": new.get(name)}))).collect()
}

fn named(snapshot: &Snapshot) -> Value {
    json!({"id": snapshot.id, "version_number": snapshot.number})
}

/// What differs between two snapshots.
pub(super) async fn versions(
    At((handle, one, other)): At<(String, String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &handle, Role::Reader)?;
        let all = snapshots::all(ask, &handle)?;
        let (one, other) = (snapshots::named(&all, &one)?, snapshots::named(&all, &other)?);
        let (old, new) = (ask.agents.config(&one.commit)?, ask.agents.config(&other.commit)?);
        let changes = fields(&old.value, &new.value);
        Ok(json!({
            "version_a": named(one), "version_b": named(other),
            "has_changes": !changes.is_empty(), "changes": changes,
        }))
    })
    .await
}

/// What the next publish would change.
pub(super) async fn draft(At(handle): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &handle, Role::Reader)?;
        let all = snapshots::all(ask, &handle)?;
        let served = ask.agents.active(&handle)?;
        let served = served.and_then(|served| all.iter().find(|snapshot| snapshot.commit == served));
        let changes = publish::changes(ask, &handle)?;
        Ok(json!({
            "published_version": served.map(named),
            "has_changes": !changes.is_empty(), "changes": changes,
        }))
    })
    .await
}
