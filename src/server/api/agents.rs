//! Agents: listed, made, described, renamed, put away, copied, imported and exported.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{AgentError, Created, MetaEdit, NewAgent};
use crate::history::Spec;
use crate::profile::Profile;
use crate::refs::{Handle, RefName};
use crate::server::ask::{Ask, At, line, lines, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::answer::{Answer, expect, expect_nothing, make, read, write};
use super::page;
use super::revision::revision;
use super::route::Route;
use super::shapes::{Agent, Check, Done};

/// The profile of an agent of which nothing tells another.
const PROFILE_DEFAULT: &str = "generic";

/// Names of agents that are read at once.
const NAMES: usize = 1024;

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentPage {
    agents: Vec<Agent>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichAgents {
    /// Where the page begins, as the page before said.
    cursor: Option<String>,
    /// How many, 1 to 500; 50 without it.
    limit: Option<usize>,
}

/// An agent to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentToMake {
    /// Derived from the title when it is not given.
    handle: Option<String>,
    title: Option<String>,
    description: Option<String>,
    /// The profile's name; guessed from the config when it is not given.
    profile: Option<String>,
    /// The config of V1, or a vendor's document that holds it; the profile's defaults when it is not given.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Vendor fields that are not part of the config.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
    /// The label of V1.
    label: Option<String>,
    /// Lets V1 serve at once.
    activate: Option<bool>,
    /// Lets it serve although its check failed, for this reason.
    override_reason: Option<String>,
}

/// An agent that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentMade {
    agent: Agent,
    /// The id of V1.
    version: String,
    active: bool,
    check: Check,
    /// What the document held and the config did not take.
    dropped: Vec<String>,
    done: Done,
}

/// Changes of what is known of an agent besides its config; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentChanges {
    title: Option<String>,
    description: Option<String>,
    /// Vendor fields to set, or with null to remove.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
}

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    pub(super) to: String,
}

/// A copy to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyToMake {
    /// Which revision; what serves when it is not given.
    revision: Option<String>,
    /// Derived from the title when it is not given.
    handle: Option<String>,
    title: Option<String>,
    activate: Option<bool>,
}

/// No words at all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/agents", "Lists agents", list).query::<WhichAgents>().gives::<AgentPage>(),
        Route::make("/agents", Role::Publisher, "Makes an agent", create)
            .takes::<AgentToMake>()
            .gives::<AgentMade>(),
        Route::get("/agents/{agent}", "Shows an agent", show).gives::<Agent>(),
        Route::patch("/agents/{agent}", Role::Publisher, "Describes an agent anew", edit)
            .takes::<AgentChanges>()
            .gives::<Done>(),
        Route::post("/agents/{agent}/rename", Role::Admin, "Gives an agent another handle", rename)
            .takes::<NewName>()
            .gives::<Done>(),
        Route::post("/agents/{agent}/archive", Role::Admin, "Puts an agent away", archive)
            .takes::<Nothing>()
            .gives::<Done>(),
        Route::post("/agents/{agent}/unarchive", Role::Admin, "Takes an agent out again", unarchive)
            .takes::<Nothing>()
            .gives::<Done>(),
        Route::make("/agents/{agent}/duplicate", Role::Publisher, "Copies an agent", duplicate)
            .takes::<CopyToMake>()
            .gives::<AgentMade>(),
    ]
}

async fn list(Params(which): Params<WhichAgents>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let limit = page::limit(which.limit)?;
        let mut after: Option<Handle> = which.cursor.map(|text| page::said(&text)).transpose()?;
        let mut agents: Vec<Agent> = Vec::new();
        let mut next = None;
        // Of agents that are on another page, or for others, nothing but the name is read.
        'pages: loop {
            let names = ask.shared.repo.backend().agents(after.as_ref(), NAMES)?;
            let Some(last) = names.last() else { break };
            after = Some(last.clone());
            for handle in names.iter().filter(|handle| ask.caller.sees(handle.as_str())) {
                if agents.len() == limit {
                    next = agents.last().map(|agent| page::cursor(&agent.handle));
                    break 'pages;
                }
                match ask.agents.info(handle) {
                    Ok(info) => agents.push(Agent::of(&info)),
                    // It was renamed since the names were read.
                    Err(AgentError::NoSuchAgent(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Answer::of(&AgentPage { agents, next })
    })
    .await
}

async fn show(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        // The tag first: what moves meanwhile is then seen as newer.
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        tagged.with(&Agent::of(&ask.agents.info(&agent)?))
    })
    .await
}

async fn create(call: Call) -> Result<Response, Problem> {
    make(call, "POST /agents".to_owned(), |ask, body: AgentToMake| {
        expect_nothing(ask)?;
        ask.caller.require(Role::Publisher)?;
        let guessed = body.config.as_ref().map_or(PROFILE_DEFAULT, |config| Profile::guess(config).name());
        let profile = ask.agents.profile_named(body.profile.as_deref().unwrap_or(guessed))?;
        let mut new = NewAgent {
            handle: body.handle.map(|text| parsed("handle", &text)).transpose()?,
            title: body.title,
            description: body.description.unwrap_or_default(),
            label: body.label.unwrap_or_default(),
            activate: body.activate.unwrap_or_default(),
            override_check: reason(body.override_reason)?,
            check_pending: ask.is_checked_outside()?,
            ..NewAgent::of(profile)
        };
        let mut dropped = Vec::new();
        if let Some(config) = body.config {
            let read = new.profile.unwrap_document(&config);
            let imported = read.map_err(|problems| AgentError::Invalid { problems })?;
            new.title = new.title.or(imported.title);
            new.config = Some(imported.config);
            (new.fields, new.vendor_ids, dropped) =
                (imported.metadata, imported.vendor_ids, imported.dropped);
        }
        new.fields.extend(body.fields.unwrap_or_default());
        described(new.title.as_deref(), Some(&new.description))?;
        line("label", Some(&new.label))?;
        let handle = handle(ask, new.handle.take(), new.title.as_deref())?;
        if new.activate {
            ask.refuse_outside("make it without activating it", (&handle, "V1"))?;
        }
        new.handle = Some(handle);
        let created = ask.agents.create(&new).map_err(|error| taken(ask, error))?;
        answer(ask, &created, dropped)
    })
    .await
}

/// The handle of an agent that is to be made, for who may make one of that handle.
fn handle(ask: &Ask<'_>, given: Option<Handle>, title: Option<&str>) -> Result<Handle, Problem> {
    let handle = match (given, title) {
        (Some(handle), _) => handle,
        (None, Some(title)) => ask.free_handle(title)?,
        (None, None) => return Err(Problem::malformed("neither a handle nor a title is given")),
    };
    ask.new_agent(&handle)?;
    Ok(handle)
}

/// A handle that leads on to an agent that who asks may not know of says nothing of that one.
fn taken(ask: &Ask<'_>, error: AgentError) -> Problem {
    match error {
        AgentError::HandleForwards(handle, to) if !ask.caller.sees(to.as_str()) => {
            AgentError::AgentExists(handle).into()
        }
        error => error.into(),
    }
}

fn answer(ask: &Ask<'_>, created: &Created, dropped: Vec<String>) -> Result<Answer, Problem> {
    let made = AgentMade {
        agent: Agent::of(&ask.agents.info(&created.handle)?),
        version: created.version.to_string(),
        active: created.active,
        check: Check::of(&created.check, created.state, Vec::new()),
        dropped,
        done: Done::of(&created.receipt),
    };
    let answer = Answer::of(&made)?.made(format!("{}/agents/{}", super::ROOT, created.handle));
    match created.receipt.operation {
        Some(id) => Ok(answer.tagged(id)),
        None => Ok(answer),
    }
}

/// Refuses what a title or a description of an agent must not have.
fn described(title: Option<&str>, description: Option<&str>) -> Result<(), Problem> {
    line("title", title)?;
    lines("description", description)
}

/// Why a check does not count, which is not empty.
///
/// # Errors
/// 400 when it is.
pub(super) fn reason(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.trim().is_empty() => Err(Problem::malformed("the reason is empty")),
        other => Ok(other),
    }
}

async fn edit(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let body: AgentChanges = ask.body()?;
        described(body.title.as_deref(), body.description.as_deref())?;
        let agents = expect(ask, &agent, Some(RefName::meta()))?;
        let fields = body.fields.unwrap_or_default();
        let edit = MetaEdit { title: body.title, description: body.description, fields };
        let receipt = agents.edit_meta(&agent, &edit)?;
        Answer::of(&Done::of(&receipt))?.at_head(ask, &agent)
    })
    .await
}

async fn rename(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Admin)?;
        let to: Handle = parsed("to", &ask.body::<NewName>()?.to)?;
        ask.new_agent(&to)?;
        let agents = expect(ask, &agent, Some(RefName::meta()))?;
        let receipt = agents.rename(&agent, &to).map_err(|error| taken(ask, error))?;
        Answer::of(&Done::of(&receipt))?.at_head(ask, &to)
    })
    .await
}

async fn archive(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    put_away(agent, call, true).await
}

async fn unarchive(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    put_away(agent, call, false).await
}

async fn put_away(agent: String, call: Call, archived: bool) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Admin)?;
        let Nothing {} = ask.body()?;
        let agents = expect(ask, &agent, Some(RefName::meta()))?;
        let receipt = agents.archive(&agent, archived)?;
        Answer::of(&Done::of(&receipt))?.at_head(ask, &agent)
    })
    .await
}

async fn duplicate(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    make(call, format!("POST /agents/{agent}/duplicate"), move |ask, body: CopyToMake| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let from = match &body.revision {
            Some(text) => Spec { agent: agent.clone(), revision: revision("from", text)?, explicit: true },
            None => Spec::active(agent.clone()),
        };
        described(body.title.as_deref(), None)?;
        let title = match body.title {
            Some(title) => title,
            None => format!("{} (copy)", ask.agents.meta(&agent)?.title),
        };
        let given = body.handle.map(|text| parsed("handle", &text)).transpose()?;
        let handle = handle(ask, given, Some(&title))?;
        // What is copied is as it was seen; the copy is another agent's first operation.
        super::answer::require(ask, &agent, Some(RefName::active()))?;
        let mut new = ask.agents.copy_of(&from)?;
        new.activate = body.activate.unwrap_or_default();
        if new.activate {
            ask.refuse_outside("copy it without activating it", (&handle, "V1"))?;
        }
        (new.handle, new.title) = (Some(handle), Some(title));
        new.check_pending = ask.is_checked_outside()?;
        let created = ask.agents.create(&new).map_err(|error| taken(ask, error))?;
        answer(ask, &created, Vec::new())
    })
    .await
}
