//! Agents carried in and out as documents, and where they stand.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{ImportOptions, ImportOutcome, Liveness};
use crate::diff::Path;
use crate::error::Kind;
use crate::refs::Handle;
use crate::server::ask::{Ask, At, line, no_handle, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::ROOT;
use super::agents::reason;
use super::answer::{Answer, make, read, require};
use super::revision::revision_of;
use super::route::Route;
use super::shapes::{Draft, Version};

/// A document to be imported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToImport {
    /// A plain config, or a vendor's answer about an agent or a version.
    #[schema(value_type = Object)]
    document: Value,
    /// The agent; found by the vendor's id, or derived from the title, when it is not given.
    handle: Option<String>,
    /// The profile's name; recognised from the document when it is not given.
    profile: Option<String>,
    /// The title of a new agent, in place of the document's.
    title: Option<String>,
    /// The label of the version that is published.
    label: Option<String>,
    /// Publishes and activates what was imported.
    activate: Option<bool>,
    /// Activates although the check failed, for this reason.
    override_reason: Option<String>,
    /// Takes the place of work in the draft that is not published; refused without it.
    force: Option<bool>,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    agent: String,
    profile: String,
    /// `created`, `unchanged`, `draft` or `published`.
    outcome: String,
    /// The draft that holds it now, where one does.
    draft: Option<String>,
    commit: Option<String>,
    active: bool,
    /// What the document held and the config did not take.
    dropped: Vec<String>,
}

/// Which revision.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRevision {
    /// `V3`, `latest`, a draft's name, an id, `{2026-03-07T14:03:00Z}`; what serves without it.
    rev: Option<String>,
}

/// A config, under the API's names.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code)] // the shape alone is what is described
pub(super) struct Config(Value);

/// A draft, and what it would change.
#[derive(Debug, Serialize, ToSchema)]
struct DraftChanges {
    draft: Draft,
    /// The fields in which it differs from what serves.
    changes: Vec<String>,
}

/// Where an agent stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    agent: String,
    archived: bool,
    /// `never_published`, `unpublished`, `live` or `live_with_changes`.
    liveness: String,
    active: Option<Version>,
    /// Since when it serves.
    since: Option<String>,
    latest: Option<Version>,
    drafts: Vec<DraftChanges>,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::make("/imports", Role::Publisher, "Imports a document", import)
            .takes::<ToImport>()
            .gives::<Imported>(),
        Route::get("/agents/{agent}/export", "Exports a config, secrets and all", export)
            .query::<OfRevision>()
            .gives::<Config>(),
        Route::get("/agents/{agent}/status", "Tells where an agent stands", status).gives::<Status>(),
    ]
}

async fn import(call: Call) -> Result<Response, Problem> {
    make(call, "POST /imports".to_owned(), |ask, body: ToImport| {
        ask.caller.require(Role::Publisher)?;
        line("title", body.title.as_deref())?;
        line("label", body.label.as_deref())?;
        let mut options = ImportOptions {
            profile: body.profile.map(|name| ask.agents.profile_named(&name)).transpose()?,
            handle: body.handle.map(|text| parsed("handle", &text)).transpose()?,
            title: body.title,
            label: body.label.unwrap_or_default(),
            activate: body.activate.unwrap_or_default(),
            override_check: reason(body.override_reason)?,
            check_pending: ask.is_checked_outside()?,
            overwrite: body.force.unwrap_or_default(),
        };
        // Which agent it would be is found out before anything is done to it, and among those only that are for
        // who asks.
        let agent = if let Some(handle) = options.handle.take() {
            permit(ask, &handle)?;
            ask.shared.repo.backend().locate(&handle)?.unwrap_or(handle)
        } else {
            let sees = |handle: &Handle| ask.caller.sees(handle.as_str());
            let known = |id: &str| ask.shared.atoms.claimed(&ask.agents, id, &sees);
            let found = ask.agents.handle_for_document(&body.document, &options, &known, &sees)?;
            found.ok_or_else(no_handle)?
        };
        permit(ask, &agent)?;
        if options.activate {
            ask.refuse_outside("publish it without activating it", (&agent, "latest"))?;
        }
        if ask.shared.repo.backend().head(&agent)?.is_some() {
            require(ask, &agent, None)?;
        }
        options.handle = Some(agent);
        let report = ask.agents.import_document(&body.document, &options)?;
        let (outcome, draft) = match &report.outcome {
            ImportOutcome::Created => ("created", None),
            ImportOutcome::Unchanged => ("unchanged", None),
            ImportOutcome::Draft(draft) => ("draft", Some(draft.to_string())),
            ImportOutcome::Published(_) => ("published", None),
        };
        let place = match &draft {
            Some(draft) => format!("{ROOT}/agents/{}/drafts/{draft}", report.agent),
            None => format!("{ROOT}/agents/{}", report.agent),
        };
        let imported = Imported {
            agent: report.agent.to_string(),
            profile: report.profile,
            outcome: outcome.to_owned(),
            draft,
            commit: report.commit.map(|id| id.to_string()),
            active: report.active,
            dropped: report.dropped,
        };
        Answer::of(&imported)?.made(place).at_head(ask, &report.agent)
    })
    .await
}

/// Refuses a handle that is not for who asks, or leads to an agent that is not.
fn permit(ask: &Ask<'_>, handle: &Handle) -> Result<(), Problem> {
    ask.new_agent(handle)?;
    match ask.shared.repo.backend().locate(handle)? {
        Some(at) => ask.new_agent(&at).map_err(|_| {
            Problem::new(axum::http::StatusCode::CONFLICT, Kind::Refused, format!("'{handle}' is taken"))
        }),
        None => Ok(()),
    }
}

async fn export(
    At(agent): At<String>,
    Params(of): Params<OfRevision>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let id = revision_of(ask, &agent, ("rev", of.rev.as_deref()))?.commit();
        Ok(Answer::of(&ask.agents.config(&id)?.value)?.tagged(id))
    })
    .await
}

async fn status(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let status = ask.agents.status(&agent)?;
        let liveness = match status.liveness {
            Liveness::NeverPublished => "never_published",
            Liveness::Unpublished => "unpublished",
            Liveness::Live => "live",
            Liveness::LiveWithChanges => "live_with_changes",
        };
        let drafts = status.drafts.iter().map(|(draft, changes)| DraftChanges {
            draft: Draft::of(draft),
            changes: changes.iter().map(Path::to_string).collect(),
        });
        tagged.with(&Status {
            agent: status.agent.to_string(),
            archived: status.archived,
            liveness: liveness.to_owned(),
            since: status.active.as_ref().and(status.since.as_ref()).map(|since| since.from.to_string()),
            active: status.active.as_ref().map(Version::of),
            latest: status.latest.as_ref().map(Version::of),
            drafts: drafts.collect(),
        })
    })
    .await
}
