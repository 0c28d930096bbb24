//! Versions: listed, shown, described, bookmarked, checked, published without a draft.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{AcceptedFinding, Direct, PublishOptions};
use crate::error::Kind;
use crate::refs::{Handle, RefName};
use crate::server::ask::{Ask, At, line, lines};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::agents::{Nothing, reason};
use super::answer::{Answer, expect, make, read, write};
use super::drafts::Published;
use super::revision::{revision_of, version_of};
use super::route::Route;
use super::shapes::{Check, Done, Version};
use super::{ROOT, config, page};

/// A page of versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionPage {
    versions: Vec<Version>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichVersions {
    /// Where the page begins, as the page before said.
    cursor: Option<String>,
    /// How many, 1 to 500; 50 without it.
    limit: Option<usize>,
    /// Only those that are bookmarked.
    #[serde(default)]
    pinned: bool,
}

/// A config to be published without a draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionToMake {
    /// The whole config.
    #[schema(value_type = Object)]
    config: Value,
    label: Option<String>,
    description: Option<String>,
    /// Lets the version serve, in the same operation.
    activate: Option<bool>,
    /// Publishes although the newest version is the same.
    allow_unchanged: Option<bool>,
    /// Activates although the check failed, for this reason.
    override_reason: Option<String>,
}

/// What may change about a version; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionChanges {
    label: Option<String>,
    description: Option<String>,
    /// Whether it is bookmarked: an operation of its own.
    pinned: Option<bool>,
}

/// A finding to be accepted for good.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToAccept {
    /// The revision that has it; the newest version when it is not given.
    revision: Option<String>,
    /// The field, as the finding names it.
    path: String,
    /// Why it may stay; the log keeps it.
    reason: String,
}

/// A finding that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    rule: String,
    path: String,
    reason: String,
}

/// The findings accepted for an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllAccepted {
    accepted: Vec<Accepted>,
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcceptedNow {
    /// How many findings.
    count: usize,
    done: Done,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    const VERSIONS: &str = "/agents/{agent}/versions";
    const VERSION: &str = "/agents/{agent}/versions/{version}";
    vec![
        Route::get(VERSIONS, "Lists versions, newest first", list)
            .query::<WhichVersions>()
            .gives::<VersionPage>(),
        Route::make(VERSIONS, Role::Publisher, "Publishes a config without a draft", create)
            .takes::<VersionToMake>()
            .gives::<Published>(),
        Route::get(VERSION, "Shows a version", show).gives::<Version>(),
        Route::patch(VERSION, Role::Publisher, "Describes or bookmarks a version", edit)
            .takes::<VersionChanges>()
            .gives::<Version>(),
        Route::get("/agents/{agent}/versions/{version}/check", "Tells what a version's check finds", check)
            .gives::<Check>(),
        Route::post(
            "/agents/{agent}/versions/{version}/check",
            Role::Editor,
            "Checks a version anew, and records what is found",
            check_anew,
        )
        .takes::<Nothing>()
        .gives::<Check>(),
        Route::get("/agents/{agent}/accepted", "Lists the findings accepted for good", accepted)
            .gives::<AllAccepted>(),
        Route::post("/agents/{agent}/accepted", Role::Admin, "Accepts a finding for good", accept)
            .takes::<ToAccept>()
            .gives::<AcceptedNow>(),
    ]
}

async fn list(
    At(agent): At<String>,
    Params(which): Params<WhichVersions>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let limit = page::limit(which.limit)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let count = ask.agents.version_count(&agent)?;
        // The position of the oldest version that was listed.
        let mut end = match &which.cursor {
            Some(cursor) => page::said::<u64>(cursor)?.min(count),
            None => count,
        };
        let mut versions = Vec::new();
        while end > 0 && versions.len() < limit {
            let wanted = (limit - versions.len()) as u64;
            let start = end.saturating_sub(if which.pinned { page::PAGE_MAX as u64 } else { wanted });
            let len = usize::try_from(end - start).unwrap_or(usize::MAX);
            let found = ask.agents.versions(&agent, start, len)?;
            end = start;
            for info in found.iter().rev().filter(|info| info.pinned || !which.pinned) {
                if versions.len() == limit {
                    break;
                }
                versions.push(Version::of(info));
                if versions.len() == limit {
                    end = info.number.position - 1;
                }
            }
        }
        let next = (end > 0).then(|| page::cursor(&end.to_string()));
        tagged.with(&VersionPage { versions, next })
    })
    .await
}

async fn create(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    make(call, format!("POST /agents/{agent}/versions"), move |ask, body: VersionToMake| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        labelled(body.label.as_deref(), body.description.as_deref())?;
        let activate = body.activate.unwrap_or_default();
        if activate {
            ask.refuse_outside("publish it without activating it", (&agent, "latest"))?;
        }
        let options = PublishOptions {
            label: body.label.unwrap_or_default(),
            description: body.description.unwrap_or_default(),
            allow_unchanged: body.allow_unchanged.unwrap_or_default(),
            activate,
            override_check: reason(body.override_reason)?,
            check_pending: ask.is_checked_outside()?,
            ..PublishOptions::default()
        };
        let profile = ask.agents.profile(&ask.agents.meta(&agent)?.profile)?;
        let direct = Direct { profile, config: &body.config, expected_latest: None, options };
        // The newest version is what this one follows.
        let agents = expect(ask, &agent, Some(RefName::versions()))?;
        let done = agents.publish_config(&agent, &direct)?.ok_or_else(|| {
            let message = format!("the newest version of agent '{agent}' is the same");
            Problem::new(StatusCode::CONFLICT, Kind::Refused, message)
                .hint("'allow_unchanged' publishes it all the same")
        })?;
        published(ask, &agent, &done)
    })
    .await
}

/// Refuses what a label or a description of a version must not have.
pub(super) fn labelled(label: Option<&str>, description: Option<&str>) -> Result<(), Problem> {
    line("label", label)?;
    lines("description", description)
}

/// A version that was published.
pub(super) fn published(
    ask: &Ask<'_>,
    agent: &Handle,
    done: &crate::agent::Published,
) -> Result<Answer, Problem> {
    let version = Version::of(&ask.agents.version(agent, &done.version)?);
    let check = Check::of(&done.check, done.state, Vec::new());
    let published = Published { version, check, done: Done::of(&done.receipt) };
    let place = format!("{ROOT}/agents/{agent}/versions/{}", done.version);
    Ok(Answer::of(&published)?.tagged(done.version).made(place))
}

async fn show(At((agent, version)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        // What may change about it is in the log, and not in its id.
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        tagged.with(&Version::of(&version_of(ask, &agent, &version)?))
    })
    .await
}

async fn edit(At((agent, version)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let id = version_of(ask, &agent, &version)?.id;
        let body: VersionChanges = ask.body()?;
        labelled(body.label.as_deref(), body.description.as_deref())?;
        let mut agents = expect(ask, &agent, Some(RefName::about("notes", &id)))?;
        if body.label.is_some() || body.description.is_some() {
            agents.edit_version(&agent, &id, body.label.as_deref(), body.description.as_deref())?;
            // What was seen is not there any more after that.
            agents = ask.agents.clone();
        }
        if let Some(pinned) = body.pinned {
            agents.pin(&agent, &id, pinned)?;
        }
        Answer::of(&Version::of(&ask.agents.version(&agent, &id)?))?.at_head(ask, &agent)
    })
    .await
}

async fn check(At((agent, version)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let version = version_of(ask, &agent, &version)?;
        config::check(ask, &agent, &version.id, Some(version.check))
    })
    .await
}

async fn check_anew(At((agent, version)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let version = version_of(ask, &agent, &version)?;
        let id = version.id;
        let Nothing {} = ask.body()?;
        ask.refuse_outside("leave it as it is", (&agent, &version.number.address(&id)))?;
        let agents = expect(ask, &agent, Some(RefName::about("checks", &id)))?;
        let (report, state, _) = agents.check_version(&agent, &id, None)?;
        Answer::of(&Check::of(&report, state, Vec::new()))?.at_head(ask, &agent)
    })
    .await
}

async fn accepted(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let shown = |AcceptedFinding { rule, path, reason, .. }| Accepted { rule, path, reason };
        tagged.with(&AllAccepted { accepted: ask.agents.accepted(&agent)?.into_iter().map(shown).collect() })
    })
    .await
}

async fn accept(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Admin)?;
        let body: ToAccept = ask.body()?;
        let named = body.revision.as_deref().unwrap_or("latest");
        let commit = revision_of(ask, &agent, ("revision", Some(named)))?.commit();
        let config = ask.agents.config(&commit)?;
        let agents = expect(ask, &agent, None)?;
        let (count, receipt) = agents.accept_finding(&agent, &config, &body.path, &body.reason)?;
        Answer::of(&AcceptedNow { count, done: Done::of(&receipt) })?.at_head(ask, &agent)
    })
    .await
}
