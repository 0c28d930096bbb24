//! The snapshots of an agent: listed, shown, made by hand, restored and promoted.

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Role;
use crate::agent::{AgentError, RepublishOptions, Resolved, VersionInfo};
use crate::error::Kind;
use crate::object::{Blocks, ObjectId};
use crate::refs::Handle;
use crate::release::{Environments, Promotion, Source};
use crate::server::ask::{Ask, At, line, lines};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::publish::label;
use super::shapes::{Checkpointing, Made, Promoting, Version, instant, person};
use super::snapshots::{self, Snapshot};
use super::{agent, answer, draft};

/// How the note of a checkpoint begins that is for an environment.
const FOR: &str = "environment: ";
/// The field of a config that says what its agent is called.
const NAME: &str = "name";
/// What a version is in that was published and never promoted: users talk to it.
const PUBLISHED_IN: &str = "production";
/// What a checkpoint is in that does not say.
const KEPT_IN: &str = "development";

/// The furthest environment that has each version now.
fn environments(ask: &Ask<'_>, handle: &Handle) -> Result<HashMap<ObjectId, String>, Problem> {
    let environments = Environments::of(&ask.agents)?;
    let states = environments.state(handle)?.into_iter().filter(|state| state.listed);
    // A later one in their order takes the place of an earlier one.
    Ok(states.filter_map(|state| Some((state.version?.id, state.name.to_string()))).collect())
}

/// What an agent was called in a commit; only the block that says it is read.
fn name_in(ask: &Ask<'_>, commit: &ObjectId) -> Result<Value, Problem> {
    let repo = &ask.shared.repo;
    let commit = repo.commit(commit)?;
    let profile = ask.agents.profile(&commit.profile)?;
    let Some(block) = profile.block_of(&NAME.parse().expect("a path")) else { return Ok(Value::Null) };
    let Some(entry) = repo.tree(&commit.tree)?.get(block.as_str()).cloned() else { return Ok(Value::Null) };
    let part = profile.join(&Blocks::from([(block, repo.content(&entry)?)])).map_err(AgentError::from)?;
    Ok(part.get(NAME).cloned().unwrap_or_default())
}

/// A snapshot that was described.
fn shape(
    ask: &Ask<'_>,
    snapshot: &Snapshot,
    described: Resolved,
    environments: &HashMap<ObjectId, String>,
) -> Result<Version, Problem> {
    let (said, summary, author, time, is_active) = match described {
        Resolved::Version(version) => {
            (version.label, version.description, version.author, version.time, version.active)
        }
        Resolved::Checkpoint(kept) => (kept.label, kept.description, kept.author, kept.time, false),
        _ => return Err(Problem::not_found(format!("there is no version {}", snapshot.id))),
    };
    let kept_in = || snapshot.note.strip_prefix(FOR).unwrap_or(KEPT_IN);
    let otherwise = || if snapshot.number.is_some() { PUBLISHED_IN } else { kept_in() }.to_owned();
    Ok(Version {
        id: snapshot.id,
        version_number: snapshot.number,
        version_label: label(said, snapshot.number, snapshot.id),
        name: name_in(ask, &snapshot.commit)?,
        environment: environments.get(&snapshot.commit).cloned().unwrap_or_else(otherwise),
        is_active,
        created_by: person(&author),
        created_at: instant(time),
        change_summary: summary,
        snapshot: None,
    })
}

/// Lists the snapshots, newest first. Those whose publishing was undone are left out.
pub(super) async fn list(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Reader)?;
        let environments = environments(ask, &handle)?;
        // All at once: to look for each of them in the list takes as long as the list is.
        let known = ask.agents.versions(&handle, 0, usize::MAX)?;
        let mut known: HashMap<ObjectId, VersionInfo> =
            known.into_iter().map(|version| (version.id, version)).collect();
        let mut versions = Vec::new();
        for snapshot in snapshots::all(ask, &handle)?.iter().rev().filter(|snapshot| !snapshot.withdrawn) {
            let described = match known.remove(&snapshot.commit) {
                Some(version) => Resolved::Version(version),
                None => ask.agents.describe(&handle, snapshot.commit)?,
            };
            versions.push(shape(ask, snapshot, described, &environments)?);
        }
        Ok(json!({"versions": versions}))
    })
    .await
}

/// Shows one, with its whole config.
pub(super) async fn show(
    At((named, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Reader)?;
        let all = snapshots::all(ask, &handle)?;
        let snapshot = snapshots::named(&all, &version)?;
        let described = ask.agents.describe(&handle, snapshot.commit)?;
        let shape = shape(ask, snapshot, described, &environments(ask, &handle)?)?;
        Ok(Version { snapshot: Some(ask.agents.config(&snapshot.commit)?.value), ..shape })
    })
    .await
}

/// Keeps the draft as it is, without publishing it.
pub(super) async fn checkpoint(At(named): At<String>, call: Call) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Editor)?;
        let body: Checkpointing = ask.known_body()?;
        line("version_label", body.version_label.as_deref())?;
        lines("change_summary", body.change_summary.as_deref())?;
        let note = match body.environment.as_deref() {
            None => String::new(),
            Some(environment) => format!("{FOR}{}", known(ask, environment)?),
        };
        let said = body.version_label.unwrap_or_default();
        let draft = ask.agents.draft(&handle, &draft())?;
        let summary = body.change_summary.unwrap_or_default();
        let (commit, _) = ask.agents.checkpoint(&handle, &draft.commit, &said, &summary, &note)?;
        let made = snapshots::just_made(ask, &handle, &commit)?;
        let version_label = label(said, None, made.id);
        let (version_id, version_number) = (made.id, None);
        Ok(Made { success: true, status: None, version_id, version_number, version_label })
    })
    .await
}

/// An environment that the store has.
fn known(ask: &Ask<'_>, text: &str) -> Result<Handle, Problem> {
    let environments = Environments::of(&ask.agents)?;
    let names = environments.order().names();
    let found = text.parse::<Handle>().ok().filter(|name| names.contains(name));
    found.ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(Handle::as_str).collect();
        let message = format!("there is no environment '{text}'; there are {}", known.join(", "));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Kind::Invalid, message)
    })
}

/// Restores a snapshot and publishes it, after keeping what the draft held.
pub(super) async fn rollback(
    At((named, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        ask.no_body()?;
        let all = snapshots::all(ask, &handle)?;
        let snapshot = snapshots::named(&all, &version)?;
        if snapshot.number.is_none() {
            // Nobody ever checked it.
            ask.refuse_outside(
                "restore it into the draft, publish that without activating it",
                (&handle, "latest"),
            )?;
        }
        let to = match snapshot.number {
            Some(number) => format!("version {number}"),
            None => format!("checkpoint {}", snapshot.id),
        };
        let options = RepublishOptions {
            label: Some(String::new()),
            description: format!("Rolled back to {to}"),
            check_carried: ask.is_checked_outside()?,
            ..RepublishOptions::default()
        };
        let done = ask.agents.republish(&handle, &snapshot.commit, &options)?;
        let all = snapshots::all(ask, &handle)?;
        Ok(json!({
            "success": true,
            "message": options.description,
            "agent_id": named,
            "version_id": snapshots::of_commit(&all, &done.version),
            "version_number": done.number.position,
            "backup_version_id": done.backup.and_then(|backup| snapshots::of_commit(&all, &backup)),
        }))
    })
    .await
}

/// Puts a version into an environment.
pub(super) async fn promote(
    At((named, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, move |ask| {
        let handle = agent(ask, &named, Role::Publisher)?;
        let body: Promoting = ask.known_body()?;
        let all = snapshots::all(ask, &handle)?;
        let snapshot = snapshots::named(&all, &version)?;
        if body.version_id.is_some_and(|id| id != snapshot.id) {
            let message = format!("the path names version {}, and the body another one", snapshot.id);
            return Err(Problem::malformed(message));
        }
        let to = known(ask, &body.target_environment)?;
        let environments = Environments::of(&ask.agents)?;
        let serves = ask.agents.active(&handle)? == Some(snapshot.commit);
        // What serves has left out every step already: a publish of this API is live at once.
        let skip = body.reason.clone().or_else(|| serves.then(|| "it serves already".to_owned()));
        let mut promotion = Promotion::of(Source::Version(snapshot.commit));
        promotion.to = Some(to.clone());
        promotion.skip_step = skip.as_deref();
        promotion.override_check = body.reason.as_deref();
        environments.promote(&handle, &promotion)?;
        let is_last = environments.order().names().last() == Some(&to);
        if is_last && environments.order().bound().is_none() {
            // Its users talk to what is in the last environment.
            ask.agents.activate(&handle, &snapshot.commit, body.reason.as_deref(), None)?;
        }
        let value: Value = json!({
            "success": true, "version_id": snapshot.id, "version_number": snapshot.number,
            "environment": to.as_str(),
        });
        Ok(value)
    })
    .await
}
