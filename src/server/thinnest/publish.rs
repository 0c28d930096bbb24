//! Publishing the draft, taking an agent offline, and where it stands.

use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::agent::PublishOptions;
use crate::refs::Handle;
use crate::server::ask::{Ask, At, line, lines};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::shapes::{Made, Publishing, Status, instant};
use super::{agent, answer, compare, draft, snapshots};

/// Publishes the draft, which serves from then on.
pub(super) async fn publish(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        let body: Publishing = ask.known_body()?;
        line("version_label", body.version_label.as_deref())?;
        lines("change_summary", body.change_summary.as_deref())?;
        ask.refuse_outside("publish it on the command line, without activating it", (&handle, "latest"))?;
        let options = PublishOptions {
            label: body.version_label.unwrap_or_default(),
            description: body.change_summary.unwrap_or_default(),
            activate: true,
            // An agent that was taken offline goes online again with what it had.
            allow_unchanged: true,
            ..PublishOptions::default()
        };
        let published = ask.agents.publish(&handle, &draft(), &options)?;
        let made = snapshots::just_made(ask, &handle, &published.version)?;
        let number = published.number.position;
        Ok(Made {
            success: true,
            status: Some("published"),
            version_id: made.id,
            version_number: Some(number),
            version_label: label(options.label, Some(number), made.id),
        })
    })
    .await
}

/// How a snapshot is called: as who made it said, else by its number.
pub(super) fn label(said: String, number: Option<u64>, id: u64) -> String {
    match number {
        _ if !said.is_empty() => said,
        Some(number) => format!("v{number}"),
        None => format!("checkpoint-{id}"),
    }
}

/// Takes an agent offline.
pub(super) async fn unpublish(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        ask.no_body()?;
        ask.agents.unpublish(&handle, "")?;
        Ok(json!({"success": true, "status": "draft"}))
    })
    .await
}

/// Where an agent stands, and in which fields its draft differs from what serves.
pub(super) async fn status(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Reader)?;
        let active = ask.agents.active(&handle)?;
        let all = snapshots::all(ask, &handle)?;
        let changes = changes(ask, &handle)?;
        let last = all.iter().rfind(|snapshot| snapshot.number.is_some() && !snapshot.withdrawn);
        let last = last.map(|last| ask.agents.version(&handle, &last.commit)).transpose()?;
        Ok(Status {
            status: if active.is_some() { "published" } else { "draft" },
            published_version_id: active.and_then(|active| snapshots::of_commit(&all, &active)),
            last_published_at: last.map(|last| instant(last.time)),
            has_unpublished_changes: !changes.is_empty(),
            changed_fields: changes.keys().cloned().collect(),
        })
    })
    .await
}

/// What differs between what serves, or nothing, and the draft: by top-level field, with whole values.
pub(super) fn changes(ask: &Ask<'_>, handle: &Handle) -> Result<Map<String, Value>, Problem> {
    let served = match ask.agents.active(handle)? {
        Some(id) => ask.agents.config(&id)?.value,
        None => Value::Object(Map::new()),
    };
    let draft = ask.agents.config(&ask.agents.draft(handle, &draft())?.commit)?;
    Ok(compare::fields(&served, &draft.value))
}
