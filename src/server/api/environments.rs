//! Environments: which version each has, since when; versions put there, promoted and taken out; and a version
//! published anew.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::agent::{AgentError, RepublishOptions};
use crate::refs::{Handle, RefName};
use crate::release::{Environments, Moved, Placement, Promotion, ReleaseError, Source};
use crate::server::advice;
use crate::server::ask::{Ask, At, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::ROOT;
use super::agents::reason;
use super::answer::{Answer, expect, make, read, write};
use super::revision::version_of;
use super::route::Route;
use super::shapes::{Check, Done, Stretch, Version};

/// What one environment of an agent has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Environment {
    name: String,
    /// Whether the settings list it; else it can only be cleared.
    listed: bool,
    /// Whether it is ACTIVE under another name.
    bound: bool,
    version: Option<Version>,
    since: Option<String>,
}

/// The environments, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllEnvironments {
    environments: Vec<Environment>,
}

/// Which version an environment had when, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnvironmentHistory {
    stretches: Vec<Stretch>,
}

/// The version that an environment is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToPlace {
    version: String,
    /// Why; the log keeps it.
    note: Option<String>,
    /// Lets it through although its check has not passed, for this reason.
    override_reason: Option<String>,
}

/// What is to be promoted: a version, or what an environment has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToPromote {
    version: Option<String>,
    from: Option<String>,
    /// The destination; the next environment when it is not given.
    to: Option<String>,
    note: Option<String>,
    /// Leaves out the steps between, for this reason.
    skip_reason: Option<String>,
    override_reason: Option<String>,
}

/// An environment that was moved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnvironmentMoved {
    environment: String,
    from: Option<String>,
    version: Option<Version>,
    done: Done,
}

/// A version to be published anew, and to serve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToRepublish {
    /// What served before when it is not given.
    version: Option<String>,
    label: Option<String>,
    /// The draft that gets the old config.
    draft: Option<String>,
    override_reason: Option<String>,
}

/// A version that was published anew.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RepublishedNow {
    from: Option<String>,
    version: Version,
    check: Check,
    /// What the draft held before.
    backup: Option<String>,
    done: Done,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    const ONE: &str = "/agents/{agent}/environments/{environment}";
    let role = Role::Publisher;
    vec![
        Route::get("/agents/{agent}/environments", "Lists environments", list).gives::<AllEnvironments>(),
        Route::put(ONE, role, "Puts a version into an environment", place)
            .takes::<ToPlace>()
            .gives::<EnvironmentMoved>(),
        Route::delete(ONE, role, "Leaves an environment without a version", clear)
            .gives::<EnvironmentMoved>(),
        Route::get(
            "/agents/{agent}/environments/{environment}/history",
            "Tells which version an environment had when",
            history,
        )
        .gives::<EnvironmentHistory>(),
        Route::post("/agents/{agent}/promote", role, "Promotes a version", promote)
            .takes::<ToPromote>()
            .gives::<EnvironmentMoved>(),
        Route::make(
            "/agents/{agent}/republish",
            role,
            "Publishes an old version anew, and lets it serve",
            republish,
        )
        .takes::<ToRepublish>()
        .gives::<RepublishedNow>(),
    ]
}

/// What an environment was not moved for.
fn told(error: ReleaseError) -> Problem {
    match error {
        ReleaseError::Agent(error) => error.into(),
        ReleaseError::Repo(error) => error.into(),
        ReleaseError::Moved { ref expected, ref actual, .. } => {
            let sides = Some(Box::new((expected.clone(), actual.clone())));
            Problem { sides, ..Problem::about(&error) }
        }
        error => Problem { advice: advice::of_release(&error), ..Problem::about(&error) },
    }
}

fn name(text: &str) -> Result<Handle, Problem> {
    parsed("environment", text)
}

/// The ref that an environment is.
fn at(ask: &Ask<'_>, environment: &Handle) -> Result<RefName, Problem> {
    Ok(ask.agents.environment_ref(environment)?)
}

async fn list(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let states = Environments::of(&ask.agents).and_then(|all| all.state(&agent)).map_err(told)?;
        let shown = |state: &crate::release::EnvironmentState| Environment {
            name: state.name.to_string(),
            listed: state.listed,
            bound: state.bound,
            version: state.version.as_ref().map(Version::of),
            since: state.since.as_ref().map(|since| since.from.to_string()),
        };
        tagged.with(&AllEnvironments { environments: states.iter().map(shown).collect() })
    })
    .await
}

async fn history(At((agent, environment)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let environments = Environments::of(&ask.agents).map_err(told)?;
        let served = environments.history(&agent, &name(&environment)?).map_err(told)?;
        let mut stretches = Vec::with_capacity(served.len());
        for served in &served {
            stretches.push(super::serving::stretch(ask, &agent, served)?);
        }
        tagged.with(&EnvironmentHistory { stretches })
    })
    .await
}

fn moved(moved: &Moved) -> Result<Answer, Problem> {
    let answer = Answer::of(&EnvironmentMoved {
        environment: moved.environment.to_string(),
        from: moved.from.map(|id| id.to_string()),
        version: moved.to.as_ref().map(Version::of),
        done: Done::of(&moved.receipt),
    })?;
    Ok(match &moved.to {
        Some(version) => answer.tagged(version.id),
        None => answer,
    })
}

async fn place(At((agent, environment)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let body: ToPlace = ask.body()?;
        let environment = name(&environment)?;
        let id = version_of(ask, &agent, &body.version)?.id;
        let (note, reason) = (body.note.unwrap_or_default(), reason(body.override_reason)?);
        let placement = Placement { note: &note, override_check: reason.as_deref(), ..Placement::default() };
        let agents = expect(ask, &agent, Some(at(ask, &environment)?))?;
        let environments = Environments::of(&agents).map_err(told)?;
        moved(&environments.set(&agent, &environment, &id, &placement).map_err(told)?)
    })
    .await
}

async fn clear(At((agent, environment)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let environment = name(&environment)?;
        let agents = expect(ask, &agent, Some(at(ask, &environment)?))?;
        let environments = Environments::of(&agents).map_err(told)?;
        moved(&environments.clear(&agent, &environment, &Placement::default()).map_err(told)?)
    })
    .await
}

async fn promote(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let body: ToPromote = ask.body()?;
        let source = match (&body.version, &body.from) {
            (Some(version), None) => Source::Version(version_of(ask, &agent, version)?.id),
            (None, Some(from)) => Source::Environment(name(from)?),
            _ => return Err(Problem::malformed("either 'version' or 'from' says what is promoted")),
        };
        let note = body.note.unwrap_or_default();
        let (skip, over) = (reason(body.skip_reason)?, reason(body.override_reason)?);
        let promotion = Promotion {
            to: body.to.as_deref().map(name).transpose()?,
            note: &note,
            skip_step: skip.as_deref(),
            override_check: over.as_deref(),
            ..Promotion::of(source)
        };
        let at = promotion.to.as_ref().map(|to| at(ask, to)).transpose()?;
        let agents = expect(ask, &agent, at)?;
        let environments = Environments::of(&agents).map_err(told)?;
        moved(&environments.promote(&agent, &promotion).map_err(told)?)
    })
    .await
}

async fn republish(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    make(call, format!("POST /agents/{agent}/republish"), move |ask, body: ToRepublish| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        super::versions::labelled(body.label.as_deref(), None)?;
        let id = if let Some(version) = &body.version {
            version_of(ask, &agent, version)?.id
        } else {
            let before = ask.agents.previous(&agent)?;
            before.ok_or_else(|| AgentError::NothingBefore(agent.clone()))?
        };
        let options = RepublishOptions {
            label: body.label,
            draft: body.draft.as_deref().map(super::revision::draft_name).transpose()?,
            override_check: reason(body.override_reason)?,
            check_carried: ask.is_checked_outside()?,
            ..RepublishOptions::default()
        };
        let agents = expect(ask, &agent, Some(RefName::active()))?;
        let done = agents.republish(&agent, &id, &options)?;
        let now = RepublishedNow {
            from: done.from.map(|id| id.to_string()),
            version: Version::of(&ask.agents.version(&agent, &done.version)?),
            check: Check::of(&done.check, done.state, Vec::new()),
            backup: done.backup.map(|id| id.to_string()),
            done: Done::of(&done.receipt),
        };
        let place = format!("{ROOT}/agents/{agent}/versions/{}", done.version);
        Ok(Answer::of(&now)?.tagged(done.version).made(place))
    })
    .await
}
