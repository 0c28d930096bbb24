//! Drafts: listed, made, renamed, discarded, restored into, published; and snapshots that are no version.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::agent::{DraftSource, PublishOptions};
use crate::refs::{Handle, RefName};
use crate::server::ask::{Ask, At};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::agents::{NewName, reason};
use super::answer::{Answer, expect, expect_draft, make, read, write};
use super::revision::{draft_name, new_draft_name, revision, revision_of};
use super::route::Route;
use super::shapes::{Check, Checkpoint, Done, Draft, Revision, Version};
use super::{ROOT, versions};

/// The drafts of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Drafts {
    drafts: Vec<Draft>,
}

/// A draft to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftToMake {
    name: String,
    /// Which revision it begins as; what serves, or the newest version, when it is not given.
    from: Option<String>,
}

/// A draft, after something was done to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DraftDone {
    pub(super) draft: Draft,
    pub(super) done: Done,
}

/// The revisions of a draft, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revisions {
    revisions: Vec<Revision>,
}

/// What a draft is to be overwritten with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToRestore {
    /// Any revision of the agent.
    from: String,
}

/// A snapshot to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointToMake {
    /// Any revision of the agent.
    of: String,
    label: String,
    description: Option<String>,
}

/// A snapshot that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckpointMade {
    id: String,
    done: Done,
}

/// The snapshots of an agent, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checkpoints {
    checkpoints: Vec<Checkpoint>,
}

/// How a draft is published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToPublish {
    /// The version's label.
    label: Option<String>,
    description: Option<String>,
    /// Lets the version serve, in the same operation.
    activate: Option<bool>,
    /// Keeps the draft, based on the new version.
    keep_draft: Option<bool>,
    /// Publishes although it undoes what was published since the draft was forked.
    overwrite: Option<bool>,
    /// Publishes although nothing changed.
    allow_unchanged: Option<bool>,
    /// The draft's revision that was seen.
    revision: Option<u64>,
    /// Activates although the check failed, for this reason.
    override_reason: Option<String>,
}

/// A version that was published.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Published {
    pub(super) version: Version,
    pub(super) check: Check,
    pub(super) done: Done,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    const DRAFTS: &str = "/agents/{agent}/drafts";
    const DRAFT: &str = "/agents/{agent}/drafts/{draft}";
    vec![
        Route::get(DRAFTS, "Lists drafts", list).gives::<Drafts>(),
        Route::make(DRAFTS, Role::Editor, "Makes a draft", create)
            .takes::<DraftToMake>()
            .gives::<DraftDone>(),
        Route::get(DRAFT, "Shows a draft", show).gives::<Draft>(),
        Route::delete(DRAFT, Role::Editor, "Discards a draft; that of somebody else takes an admin", discard)
            .gives::<Done>(),
        Route::post("/agents/{agent}/drafts/{draft}/rename", Role::Editor, "Renames a draft", rename)
            .takes::<NewName>()
            .gives::<DraftDone>(),
        Route::get("/agents/{agent}/drafts/{draft}/revisions", "Lists a draft's revisions", revisions)
            .gives::<Revisions>(),
        Route::post("/agents/{agent}/drafts/{draft}/restore", Role::Editor, "Overwrites a draft", restore)
            .takes::<ToRestore>()
            .gives::<DraftDone>(),
        Route::make("/agents/{agent}/drafts/{draft}/publish", Role::Publisher, "Publishes a draft", publish)
            .takes::<ToPublish>()
            .gives::<Published>(),
        Route::get("/agents/{agent}/checkpoints", "Lists snapshots that are no version", checkpoints)
            .gives::<Checkpoints>(),
        Route::make("/agents/{agent}/checkpoints", Role::Editor, "Keeps a snapshot", checkpoint)
            .takes::<CheckpointToMake>()
            .gives::<CheckpointMade>(),
    ]
}

async fn list(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        tagged.with(&Drafts { drafts: ask.agents.drafts(&agent)?.iter().map(Draft::of).collect() })
    })
    .await
}

async fn create(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    make(call, format!("POST /agents/{agent}/drafts"), move |ask, body: DraftToMake| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = new_draft_name(&body.name)?;
        let source = match &body.from {
            Some(text) => DraftSource::Revision(revision("from", text)?),
            None => DraftSource::Default,
        };
        let agents = expect(ask, &agent, None)?;
        let (draft, receipt) = agents.new_draft(&agent, &name, &source)?;
        let place = format!("{ROOT}/agents/{agent}/drafts/{name}");
        answer(&draft, &receipt).map(|answer| answer.made(place))
    })
    .await
}

/// A draft, after something was done to it.
pub(super) fn answer(
    draft: &crate::agent::DraftInfo,
    receipt: &crate::repo::Receipt,
) -> Result<Answer, Problem> {
    let done = DraftDone { draft: Draft::of(draft), done: Done::of(receipt) };
    Ok(Answer::of(&done)?.tagged(draft.commit))
}

async fn show(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let draft = ask.agents.draft(&agent, &draft_name(&draft)?)?;
        Ok(Answer::of(&Draft::of(&draft))?.tagged(draft.commit))
    })
    .await
}

async fn discard(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = draft_name(&draft)?;
        let draft = ask.agents.draft(&agent, &name)?;
        if draft.author != ask.caller.actor {
            ask.caller.require(Role::Admin)?;
        }
        let agents = expect(ask, &agent, Some(RefName::draft(&name)))?;
        // Whose it is was read before: what somebody else edits meanwhile is theirs.
        let agents = agents.expecting(draft.is_still());
        let receipt = agents.discard_draft(&agent, &name, Some(draft.revision))?;
        Answer::of(&Done::of(&receipt))?.at_head(ask, &agent)
    })
    .await
}

async fn rename(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let (from, to) = (draft_name(&draft)?, new_draft_name(&ask.body::<NewName>()?.to)?);
        let agents = expect_draft(ask, &agent, &from)?;
        let receipt = agents.rename_draft(&agent, &from, &to)?;
        answer(&ask.agents.draft(&agent, &to)?, &receipt)
    })
    .await
}

async fn revisions(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let name = draft_name(&draft)?;
        let commit = ask.agents.draft(&agent, &name)?.commit;
        let found = ask.agents.draft_log(&agent, &name)?;
        Ok(Answer::of(&Revisions { revisions: found.iter().map(Revision::of).collect() })?.tagged(commit))
    })
    .await
}

async fn restore(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = new_draft_name(&draft)?;
        let body: ToRestore = ask.body()?;
        let source = revision_of(ask, &agent, ("from", Some(&body.from)))?.commit();
        let agents = expect(ask, &agent, Some(RefName::draft(&name)))?;
        let (draft, receipt) = agents.restore(&agent, &source, &name, None)?;
        answer(&draft, &receipt)
    })
    .await
}

/// A refusal of that status, or that the draft was published meanwhile, where it was.
fn if_published(
    ask: &Ask<'_>,
    problem: Problem,
    status: StatusCode,
    agent: &Handle,
    name: &Handle,
) -> Problem {
    if problem.status != status {
        return problem;
    }
    match ask.agents.published_meanwhile(agent, name) {
        Ok(Some(published)) => published.into(),
        Ok(None) | Err(_) => problem,
    }
}

async fn publish(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    let place = format!("POST /agents/{agent}/drafts/{draft}/publish");
    make(call, place, move |ask, body: ToPublish| {
        let agent = ask.agent(&agent, Role::Publisher)?;
        let name = draft_name(&draft)?;
        versions::labelled(body.label.as_deref(), body.description.as_deref())?;
        let outside = ask.is_checked_outside()?;
        let activate = body.activate.unwrap_or_default();
        if activate {
            ask.refuse_outside("publish it without activating it", (&agent, "latest"))?;
        }
        let options = PublishOptions {
            label: body.label.unwrap_or_default(),
            description: body.description.unwrap_or_default(),
            expected_revision: body.revision,
            overwrite: body.overwrite.unwrap_or_default(),
            allow_unchanged: body.allow_unchanged.unwrap_or_default(),
            activate,
            keep_draft: body.keep_draft.unwrap_or_default(),
            override_check: reason(body.override_reason)?,
            check_pending: outside,
        };
        // Where the request names what it saw, and that is gone: that somebody published it says more.
        let agents = expect_draft(ask, &agent, &name)
            .map_err(|problem| if_published(ask, problem, StatusCode::NOT_FOUND, &agent, &name))?;
        let published = agents.publish(&agent, &name, &options).map_err(|error| {
            if_published(ask, error.into(), StatusCode::PRECONDITION_FAILED, &agent, &name)
        })?;
        versions::published(ask, &agent, &published)
    })
    .await
}

async fn checkpoints(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let checkpoints = ask.agents.checkpoints(&agent)?.iter().map(Checkpoint::of).collect();
        tagged.with(&Checkpoints { checkpoints })
    })
    .await
}

async fn checkpoint(At(agent): At<String>, call: Call) -> Result<Response, Problem> {
    make(call, format!("POST /agents/{agent}/checkpoints"), move |ask, body: CheckpointToMake| {
        let agent = ask.agent(&agent, Role::Editor)?;
        if body.label.trim().is_empty() {
            return Err(Problem::malformed("the label of a checkpoint is empty"));
        }
        versions::labelled(Some(&body.label), body.description.as_deref())?;
        let of = revision_of(ask, &agent, ("of", Some(&body.of)))?;
        let at = match &of {
            crate::agent::Resolved::Draft(draft) => Some(RefName::draft(&draft.name)),
            _ => None,
        };
        let agents = expect(ask, &agent, at)?;
        let description = body.description.unwrap_or_default();
        let (id, receipt) = agents.checkpoint(&agent, &of.commit(), &body.label, &description, "")?;
        let made = CheckpointMade { id: id.to_string(), done: Done::of(&receipt) };
        Ok(Answer::of(&made)?.tagged(id).made(format!("{ROOT}/agents/{agent}/checkpoints")))
    })
    .await
}
