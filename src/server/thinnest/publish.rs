//! Publishing the draft, taking an agent offline, and where it stands.

use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::agent::{Liveness, PublishOptions};
use crate::refs::Handle;
use crate::server::ask::{Ask, At};
use crate::server::call::{Call, json as answer};
use crate::server::problem::Problem;

use super::shapes::{Made, Publishing, Status, instant};
use super::{VIA, agent, compare, draft, snapshots};

/// Publishes the draft, which serves from then on.
pub(super) async fn publish(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    call.ask(VIA, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        let body: Publishing = ask.body()?;
        ask.refuse_outside("'recto publish' it without activating it")?;
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
        answer(
            &headers,
            &Made {
                success: true,
                status: Some("published"),
                version_id: made.id,
                version_number: Some(number),
                version_label: label(options.label, Some(number), made.id),
            },
        )
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
    let headers = call.headers.clone();
    call.ask(VIA, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        ask.agents.unpublish(&handle, "")?;
        answer(&headers, &json!({"success": true, "status": "draft"}))
    })
    .await
}

/// Where an agent stands, and in which fields its draft differs from what serves.
pub(super) async fn status(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    call.ask(VIA, move |ask| {
        let handle = agent(ask, &named, Role::Reader)?;
        let status = ask.agents.status(&handle)?;
        let all = snapshots::all(ask, &handle)?;
        let published = matches!(status.liveness, Liveness::Live | Liveness::LiveWithChanges);
        let changes = changes(ask, &handle)?;
        let last = all.iter().rfind(|snapshot| snapshot.number.is_some() && !snapshot.withdrawn);
        let last = last.map(|last| ask.agents.version(&handle, &last.commit)).transpose()?;
        answer(
            &headers,
            &Status {
                status: if published { "published" } else { "draft" },
                published_version_id: status
                    .active
                    .as_ref()
                    .and_then(|active| snapshots::of_commit(&all, &active.id)),
                last_published_at: last.map(|last| instant(last.time)),
                has_unpublished_changes: !changes.is_empty(),
                changed_fields: changes.keys().cloned().collect(),
            },
        )
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
