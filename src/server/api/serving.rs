//! What serves: activated, rolled back, taken out of service, undone; and what served when.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{Resolved, VersionInfo};
use crate::log::RecordId;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::Receipt;
use crate::server::ask::{Ask, At};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::VIA;
use super::agents::{Nothing, reason};
use super::answer::{Answer, expect, read, write};
use super::page;
use super::revision::{revision_of, version_of};
use super::route::Route;
use super::shapes::{Checkpoint, Done, Draft, Stretch, Version};

/// How a version is to serve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToActivate {
    /// Activates although the check failed, for this reason; the log keeps it.
    override_reason: Option<String>,
}

/// Where to go back to: what served before, a version, or what served at a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToRollBack {
    /// A version.
    to: Option<String>,
    /// The version that served at this time.
    time: Option<String>,
    override_reason: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// The log keeps it.
    note: Option<String>,
}

/// What serves now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Serving {
    /// What served before; null when nothing did.
    from: Option<String>,
    version: Version,
    done: Done,
}

/// What was undone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoneNow {
    /// The kind of the operation that was taken back.
    kind: String,
    done: Done,
}

/// What a revision names: one of these.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Found {
    /// The commit.
    id: String,
    /// `V3`, a draft's name, or a short id.
    name: String,
    version: Option<Version>,
    draft: Option<Draft>,
    checkpoint: Option<Checkpoint>,
}

/// A revision.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// `V3`, `latest`, a draft's name, an id, `{2026-03-07T14:03:00Z}`.
    rev: String,
}

/// A moment.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    /// RFC 3339, with an offset.
    time: String,
}

/// What served at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServedThen {
    time: String,
    /// The stretch in which it lies; null before anything served.
    stretch: Option<Stretch>,
}

/// Which stretches.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichStretches {
    /// Only what served at this time or later.
    since: Option<String>,
    /// Only what served at this time or earlier.
    until: Option<String>,
    cursor: Option<String>,
    /// How many, 1 to 500; 50 without it.
    limit: Option<usize>,
}

/// What served when, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timeline {
    stretches: Vec<Stretch>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    let role = Role::Publisher;
    vec![
        Route::post("/agents/{agent}/versions/{version}/activate", role, "Lets a version serve", activate)
            .takes::<ToActivate>()
            .gives::<Serving>(),
        Route::post("/agents/{agent}/rollback", role, "Goes back to what served before", rollback)
            .takes::<ToRollBack>()
            .gives::<Serving>(),
        Route::post("/agents/{agent}/unpublish", role, "Lets nothing serve", unpublish)
            .takes::<Reason>()
            .gives::<Done>(),
        Route::post("/agents/{agent}/undo", role, "Takes back the last operation", undo)
            .takes::<Nothing>()
            .gives::<UndoneNow>(),
        Route::get("/agents/{agent}/resolve", "Tells what a revision names", resolve)
            .query::<Named>()
            .gives::<Found>(),
        Route::get("/agents/{agent}/at", "Tells what served at a moment", at)
            .query::<Moment>()
            .gives::<ServedThen>(),
        Route::get("/agents/{agent}/timeline", "Tells what served when", timeline)
            .query::<WhichStretches>()
            .gives::<Timeline>(),
    ]
}

fn serving(from: Option<ObjectId>, version: &VersionInfo, receipt: &Receipt) -> Result<Answer, Problem> {
    let from = from.map(|id| id.to_string());
    let serving = Serving { from, version: Version::of(version), done: Done::of(receipt) };
    Ok(Answer::of(&serving)?.tagged(version.id))
}

async fn activate(At((agent, version)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let id = version_of(ask, &agent, &version)?.id;
        let reason = reason(ask.body::<ToActivate>()?.override_reason)?;
        let agents = expect(ask, &agent, Some(RefName::active()))?;
        let before = ask.agents.active(&agent)?;
        let (version, receipt) = agents.activate(&agent, &id, reason.as_deref(), None)?;
        serving(before, &version, &receipt)
    })
    .await
}

async fn rollback(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let body: ToRollBack = ask.body()?;
        let reason = reason(body.override_reason)?;
        let to = match (&body.to, &body.time) {
            (None, None) => None,
            (Some(to), None) => Some(version_of(ask, &agent, to)?.id),
            (None, Some(time)) => Some(ask.agents.served_at(&agent, page::time("time", time)?)?),
            (Some(_), Some(_)) => return Err(Problem::malformed("'to' and 'time' name two versions")),
        };
        let agents = expect(ask, &agent, Some(RefName::active()))?;
        let done = agents.roll_back(&agent, to.as_ref(), reason.as_deref())?;
        serving(done.from, &done.to, &done.receipt)
    })
    .await
}

async fn unpublish(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let note = ask.body::<Reason>()?.note.unwrap_or_default();
        let agents = expect(ask, &agent, Some(RefName::active()))?;
        let receipt = agents.unpublish(&agent, &note)?;
        Answer::of(&Done::of(&receipt))?.at_head(ask, &agent)
    })
    .await
}

async fn undo(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let Nothing {} = ask.body()?;
        let head = ask.shared.repo.backend().head(&agent)?.map(|head| head.record);
        permit_undo(ask, &agent, head)?;
        let agents = expect(ask, &agent, None)?;
        let (undone, receipt) = agents.undo(&agent, head)?;
        let now = &receipt.agent;
        Answer::of(&UndoneNow { kind: undone.kind, done: Done::of(&receipt) })?.at_head(ask, now)
    })
    .await
}

/// Refuses to take back what who asks could not have done: an undo renames, puts away and takes out of there, and
/// has accepted findings count again.
///
/// # Errors
/// 403; and as the undo itself.
fn permit_undo(ask: &Ask<'_>, agent: &Handle, head: Option<RecordId>) -> Result<(), Problem> {
    let rehearsal = ask.shared.agents.acting(ask.caller.actor.clone(), VIA).rehearsing();
    let (_, receipt) = rehearsal.undo(agent, head)?;
    let now = ask.agents.meta(agent)?;
    for change in &receipt.changes {
        if change.name == RefName::accepted() {
            ask.may(Role::Admin)?;
        }
        if change.name != RefName::meta() {
            continue;
        }
        let Some(id) = change.to.as_ref().and_then(Target::id) else { continue };
        let then = ask.agents.meta_of(agent, &id)?;
        if (then.archived, &then.handle) != (now.archived, &now.handle) {
            ask.may(Role::Admin)?;
            ask.new_agent(&then.handle)?;
        }
    }
    Ok(())
}

async fn resolve(
    At(agent): At<String>,
    Params(named): Params<Named>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let resolved = revision_of(ask, &agent, ("rev", Some(&named.rev)))?;
        let (id, name) = (resolved.commit().to_string(), resolved.name());
        let mut found = Found { id, name, version: None, draft: None, checkpoint: None };
        match &resolved {
            Resolved::Version(version) => found.version = Some(Version::of(version)),
            Resolved::Draft(draft) => found.draft = Some(Draft::of(draft)),
            Resolved::Checkpoint(checkpoint) => found.checkpoint = Some(Checkpoint::of(checkpoint)),
            Resolved::Commit(_) => {}
        }
        Answer::of(&found)?.at_head(ask, &agent)
    })
    .await
}

async fn at(At(agent): At<String>, Params(at): Params<Moment>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let time = page::time("time", &at.time)?;
        let stretch = match ask.agents.active_at(&agent, time)? {
            Some(served) => Some(stretch(ask, &agent, &served)?),
            None => None,
        };
        Answer::of(&ServedThen { time: time.to_string(), stretch })?.at_head(ask, &agent)
    })
    .await
}

/// A stretch, with the number of its version.
pub(super) fn stretch(
    ask: &Ask<'_>,
    agent: &Handle,
    served: &crate::agent::Served,
) -> Result<Stretch, Problem> {
    let number = match &served.version {
        Some(id) => ask.agents.number_of(agent, id)?,
        None => None,
    };
    Ok(Stretch::of(served, number))
}

async fn timeline(
    At(agent): At<String>,
    Params(which): Params<WhichStretches>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let limit = page::limit(which.limit)?;
        let since = which.since.map(|text| page::time("since", &text)).transpose()?;
        let until = which.until.map(|text| page::time("until", &text)).transpose()?;
        let start: usize = which.cursor.map_or(Ok(0), |cursor| page::said(&cursor))?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let all = ask.agents.timeline(&agent)?;
        let wanted = all.iter().filter(|served| {
            since.is_none_or(|since| served.to.is_none_or(|to| to > since))
                && until.is_none_or(|until| served.from <= until)
        });
        let mut wanted = wanted.skip(start);
        let page: Vec<_> = wanted.by_ref().take(limit).collect();
        let stretches = page.iter().map(|served| stretch(ask, &agent, served)).collect::<Result<_, _>>()?;
        let next = wanted.next().map(|_| page::cursor(&(start + limit).to_string()));
        tagged.with(&Timeline { stretches, next })
    })
    .await
}
