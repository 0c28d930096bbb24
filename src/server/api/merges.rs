//! Changes brought into a draft, and the conflicts that then wait.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::access::Role;
use crate::agent::{Agents, Decision, MergeOptions, MergeOutcome, Pick, conflict_name};
use crate::check::{mask_text, mask_value};
use crate::merge::{Choice, Conflict, Dispute, Record, Sides, Stretch};
use crate::object::{BlockName, Content};
use crate::profile::{Input, Profile};
use crate::refs::{Handle, RefName};
use crate::server::ask::{Ask, At, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::answer::{Answer, expect, expect_draft, read, write};
use super::revision::{draft_name, new_draft_name, revision_of, version_of};
use super::route::Route;
use super::shapes::{Done, Draft};

/// What a draft is to be based on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToRebase {
    /// A version; the newest one when it is not given.
    onto: Option<String>,
    message: Option<String>,
}

/// What is to be merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToMerge {
    /// Any revision of the agent.
    from: String,
    message: Option<String>,
}

/// Which version's change is to be brought, or taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToPick {
    version: String,
    /// Only what changed in this block; not for a revert.
    block: Option<String>,
    message: Option<String>,
}

/// A conflict; secrets are masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Waiting {
    /// The field or block, as a decision names it.
    path: String,
    block: String,
    /// Why the sides conflict.
    kind: String,
    /// What each side has; a side that has nothing has no member.
    #[schema(value_type = Object)]
    sides: Value,
}

/// The conflicts that wait.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conflicts {
    conflicts: Vec<Waiting>,
}

/// A draft that was merged into.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Merged {
    draft: Option<Draft>,
    /// What both sides came from.
    base: Option<String>,
    /// What has to be decided before the draft can be published.
    conflicts: Vec<Waiting>,
    done: Done,
}

/// How conflicts are decided: `pick` a side, or give a `value` or a `text`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneDecision {
    /// The field or block; all that are left without it.
    path: Option<String>,
    /// `ours`, `theirs` or `base`.
    pick: Option<String>,
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
    text: Option<String>,
}

/// Decisions, all of them one revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decisions {
    decisions: Vec<OneDecision>,
    message: Option<String>,
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decided {
    draft: Draft,
    /// The places that were decided.
    #[serde(rename = "decided")]
    places: Vec<String>,
    /// What is left.
    conflicts: Vec<Waiting>,
    done: Done,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    let role = Role::Editor;
    vec![
        Route::post("/agents/{agent}/drafts/{draft}/rebase", role, "Bases a draft on a version", rebase)
            .takes::<ToRebase>()
            .gives::<Merged>(),
        Route::post("/agents/{agent}/drafts/{draft}/merge", role, "Merges a revision into a draft", merge)
            .takes::<ToMerge>()
            .gives::<Merged>(),
        Route::post("/agents/{agent}/drafts/{draft}/cherry-pick", role, "Brings a version's change", pick)
            .takes::<ToPick>()
            .gives::<Merged>(),
        Route::post("/agents/{agent}/drafts/{draft}/revert", role, "Takes a version's change back", revert)
            .takes::<ToPick>()
            .gives::<Merged>(),
        Route::get("/agents/{agent}/drafts/{draft}/conflicts", "Lists the conflicts that wait", conflicts)
            .gives::<Conflicts>(),
        Route::post("/agents/{agent}/drafts/{draft}/resolve", role, "Decides conflicts", resolve)
            .takes::<Decisions>()
            .gives::<Decided>(),
    ]
}

async fn rebase(At(at): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    merging(call, at, expect_draft, |(ask, agents), (agent, draft), body: ToRebase| {
        let onto = version_of(ask, agent, body.onto.as_deref().unwrap_or("latest"))?;
        Ok(agents.rebase(agent, draft, &onto, &why(body.message.as_deref()))?)
    })
    .await
}

async fn merge(At(at): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    merging(call, at, expect_draft, |(ask, agents), (agent, draft), body: ToMerge| {
        let theirs = revision_of(ask, agent, ("from", Some(&body.from)))?;
        Ok(agents.merge(agent, draft, &theirs, &why(body.message.as_deref()))?)
    })
    .await
}

async fn pick(At(at): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    merging(call, at, expect_draft, |(ask, agents), (agent, draft), body: ToPick| {
        let version = version_of(ask, agent, &body.version)?;
        let block: Option<BlockName> = body.block.map(|text| parsed("block", &text)).transpose()?;
        let picked = (&version, block.as_ref());
        Ok(agents.cherry_pick(agent, draft, picked, &why(body.message.as_deref()))?)
    })
    .await
}

async fn revert(At(at): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    // It makes the draft where there is none.
    let expects: Expects = |ask, agent, draft| expect(ask, agent, Some(RefName::draft(draft)));
    merging(call, at, expects, |(ask, agents), (agent, draft), body: ToPick| {
        if body.block.is_some() {
            return Err(Problem::malformed("a revert takes back all that a version changed: no 'block'"));
        }
        let version = version_of(ask, agent, &body.version)?;
        let draft = new_draft_name(draft.as_str())?;
        Ok(agents.revert(agent, &draft, &version, &why(body.message.as_deref()))?)
    })
    .await
}

fn why(message: Option<&str>) -> MergeOptions<'_> {
    MergeOptions { expected_revision: None, message: message.unwrap_or_default() }
}

/// What a request expects of a draft.
type Expects = fn(&Ask<'_>, &Handle, &Handle) -> Result<Agents, Problem>;

async fn merging<T: serde::de::DeserializeOwned>(
    call: Call,
    (agent, draft): (String, String),
    expects: Expects,
    merge: impl FnOnce((&Ask<'_>, &Agents), (&Handle, &Handle), T) -> Result<MergeOutcome, Problem>
    + Send
    + 'static,
) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = draft_name(&draft)?;
        let body: T = ask.body()?;
        let agents = expects(ask, &agent, &name)?;
        let outcome = merge((ask, &agents), (&agent, &name), body)?;
        let commit = outcome.draft.as_ref().map(|draft| draft.commit);
        let merged = Merged {
            draft: outcome.draft.as_ref().map(Draft::of),
            base: outcome.base.map(|id| id.to_string()),
            conflicts: waiting(outcome.conflicts.as_ref(), &outcome.new.profile),
            done: Done::of(&outcome.receipt),
        };
        let answer = Answer::of(&merged)?;
        Ok(match commit {
            Some(commit) => answer.tagged(commit),
            None => answer,
        })
    })
    .await
}

async fn conflicts(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let commit = ask.agents.draft(&agent, &draft_name(&draft)?)?.commit;
        let record = ask.agents.conflicts(&agent, &commit)?;
        let profile = ask.agents.profile(&ask.shared.repo.commit(&commit)?.profile)?;
        Ok(Answer::of(&Conflicts { conflicts: waiting(record.as_ref(), &profile) })?.tagged(commit))
    })
    .await
}

async fn resolve(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = draft_name(&draft)?;
        let body: Decisions = ask.body()?;
        let decisions = body.decisions.into_iter().map(decision).collect::<Result<Vec<_>, _>>()?;
        let agents = expect_draft(ask, &agent, &name)?;
        let resolution = agents.decide(&agent, &name, &decisions, &why(body.message.as_deref()))?;
        let decided = Decided {
            draft: Draft::of(&resolution.draft),
            places: resolution.decided.clone(),
            conflicts: waiting(resolution.left.as_ref(), &resolution.new.profile),
            done: Done::of(&resolution.receipt),
        };
        Ok(Answer::of(&decided)?.tagged(resolution.draft.commit))
    })
    .await
}

fn decision(one: OneDecision) -> Result<Decision, Problem> {
    let path = one.path.map(|text| parsed("path", &text)).transpose()?;
    let pick = match (one.pick.as_deref(), one.value, one.text) {
        (Some("ours"), None, None) => Pick::Side(Choice::Ours),
        (Some("theirs"), None, None) => Pick::Side(Choice::Theirs),
        (Some("base"), None, None) => Pick::Side(Choice::Base),
        (None, Some(value), None) => Pick::Value(Input::Json(value)),
        (None, None, Some(text)) => Pick::Value(Input::Text(text)),
        _ => {
            let message = "a decision is 'pick' (ours, theirs or base), 'value' or 'text', one of them";
            return Err(Problem::malformed(message));
        }
    };
    Ok(Decision { path, pick })
}

fn waiting(record: Option<&Record>, profile: &Profile) -> Vec<Waiting> {
    let conflicts = record.map_or(&[][..], |record| &record.conflicts);
    conflicts.iter().map(|conflict| one_waiting(conflict, profile)).collect()
}

fn one_waiting(conflict: &Conflict, profile: &Profile) -> Waiting {
    let names = ["base", "ours", "theirs"];
    let sides = match &conflict.dispute {
        Dispute::Lines(stretches) => {
            let text = |lines: &crate::merge::Lines| mask_text(&lines.text).into_owned();
            let stretch = |stretch: &Stretch| {
                let Sides { base, ours, theirs } = stretch.sides.as_ref().map(text);
                json!({"line": stretch.at, "base": base, "ours": ours, "theirs": theirs})
            };
            json!({"stretches": stretches.iter().map(stretch).collect::<Vec<_>>()})
        }
        Dispute::Value { sides, .. } => {
            // The names on the way to a value tell whether it is a secret.
            let at = profile.config_path(&conflict.block, &conflict.path());
            let shown = |side: Option<Value>| {
                side.map(|side| {
                    at.as_ref().map_or_else(|| mask_value(&side), |at| crate::check::mask_at(at, &side))
                })
            };
            by_name(names, sides.clone().map(shown))
        }
        Dispute::Block(sides) => by_name(names, sides.as_ref().map(|side| side.as_ref().map(value))),
    };
    Waiting {
        path: conflict_name(profile, conflict),
        block: conflict.block.to_string(),
        kind: conflict.kind().word().to_owned(),
        sides,
    }
}

fn by_name(names: [&str; 3], sides: Sides<Option<Value>>) -> Value {
    let sides = names.into_iter().zip(sides.into_array());
    Value::Object(sides.filter_map(|(name, side)| Some((name.to_owned(), side?))).collect())
}

fn value(content: &Content) -> Value {
    match content {
        Content::Text(text) => Value::String(mask_text(text).into_owned()),
        Content::Json(value) => mask_value(value),
    }
}
