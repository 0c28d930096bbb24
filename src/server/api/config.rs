//! Configs: read, compared, checked; and those of drafts edited.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{Comparison, Config, Edit, Resolved, Side};
use crate::check::masked;
use crate::diff::path::{self, Path};
use crate::encoding::json as strict;
use crate::object::ObjectId;
use crate::profile::Input;
use crate::refs::Handle;
use crate::server::ask::{Ask, At, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::answer::{Answer, expect_draft, read, write};
use super::carry;
use super::drafts::{DraftDone, answer};
use super::revision::{draft_name, revision_of, version_of};
use super::route::Route;
use super::shapes::Check;

/// In which form a config is wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct InForm {
    /// As runtimes get it.
    #[serde(default)]
    resolved: bool,
    /// With secrets as they are; they are masked without it.
    #[serde(default)]
    reveal: bool,
    /// One field alone, as in `synthesizer.voiceConfig.voiceId`.
    path: Option<String>,
}

/// A config, or one field of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigRead {
    /// The commit.
    id: String,
    profile: String,
    /// Whether secrets are masked in it.
    masked: bool,
    #[schema(value_type = Object)]
    config: Value,
}

/// Why something is done.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// The log keeps it.
    message: Option<String>,
}

/// One change: `set` with a `value` (JSON, taken as it is) or a `text` (as a person types it), or `unset`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneEdit {
    /// The path of a field that is set.
    set: Option<String>,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    text: Option<String>,
    /// The path of a field that is removed.
    unset: Option<String>,
}

/// Edits of a draft, all of them one revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edits {
    edits: Vec<OneEdit>,
    /// Why; the log keeps it.
    message: Option<String>,
}

/// What is compared.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Against {
    /// A revision; what serves without it, else what the draft is based on.
    against: Option<String>,
    /// With secrets as they are.
    #[serde(default)]
    reveal: bool,
}

/// Which two revisions are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct FromTo {
    from: String,
    to: String,
    /// With secrets as they are.
    #[serde(default)]
    reveal: bool,
}

/// What differs between two configs.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code)] // the shape alone is what is described
pub(super) struct Diff(Value);

/// A value that is there, be it null.
fn given<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(source).map(Some)
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    const OF_DRAFT: &str = "/agents/{agent}/drafts/{draft}/config";
    vec![
        Route::get("/agents/{agent}/versions/{version}/config", "Reads a version's config", of_version)
            .query::<InForm>()
            .gives::<ConfigRead>(),
        Route::get(OF_DRAFT, "Reads a draft's config", of_draft).query::<InForm>().gives::<ConfigRead>(),
        Route::patch(OF_DRAFT, Role::Editor, "Applies a partial config, by the vendor's rule", patch)
            .query::<Why>()
            .takes::<carry::Config>()
            .gives::<DraftDone>(),
        Route::put(OF_DRAFT, Role::Editor, "Replaces the whole config", put)
            .query::<Why>()
            .takes::<carry::Config>()
            .gives::<DraftDone>(),
        Route::post("/agents/{agent}/drafts/{draft}/edits", Role::Editor, "Sets and removes fields", edits)
            .takes::<Edits>()
            .gives::<DraftDone>(),
        Route::get("/agents/{agent}/drafts/{draft}/diff", "Compares a draft", draft_diff)
            .query::<Against>()
            .gives::<Diff>(),
        Route::get("/agents/{agent}/drafts/{draft}/check", "Checks a draft", draft_check).gives::<Check>(),
        Route::get("/agents/{agent}/diff", "Compares two revisions", diff).query::<FromTo>().gives::<Diff>(),
    ]
}

async fn of_version(
    At((agent, version)): At<(String, String)>,
    Params(form): Params<InForm>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let id = version_of(ask, &agent, &version)?.id;
        config(ask, &id, &form)
    })
    .await
}

async fn of_draft(
    At((agent, draft)): At<(String, String)>,
    Params(form): Params<InForm>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let id = ask.agents.draft(&agent, &draft_name(&draft)?)?.commit;
        config(ask, &id, &form)
    })
    .await
}

/// A config in the form that is wanted. It is masked as a whole: what stands around a value may be what tells a
/// secret.
fn config(ask: &Ask<'_>, id: &ObjectId, form: &InForm) -> Result<Answer, Problem> {
    let Config { profile, value, .. } = ask.agents.config(id)?;
    let value = if form.resolved {
        let resolved = ask.agents.resolved(id)?;
        strict::parse(&resolved).map_err(|error| Problem::malformed(error.to_string()))?
    } else {
        value
    };
    let hidden = (!form.reveal).then(|| masked(&value)).flatten();
    let is_masked = hidden.is_some();
    let mut config = hidden.unwrap_or(value);
    if let Some(text) = &form.path {
        let wanted: Path = parsed("path", text)?;
        let keys = profile.list_keys();
        let full = if form.resolved { wanted } else { profile.resolve_path(&wanted) };
        let found = path::resolve(&config, &full, keys).cloned();
        config = found.map_err(|error| Problem::not_found(error.to_string()))?;
    }
    let read =
        ConfigRead { id: id.to_string(), profile: profile.name().to_owned(), masked: is_masked, config };
    Ok(Answer::of(&read)?.tagged(id))
}

async fn patch(
    At(at): At<(String, String)>,
    Params(why): Params<Why>,
    call: Call,
) -> Result<Response, Problem> {
    edit(call, at, |ask| Ok((vec![Edit::Patch(Value::Object(object(ask)?))], why.message))).await
}

async fn put(
    At(at): At<(String, String)>,
    Params(why): Params<Why>,
    call: Call,
) -> Result<Response, Problem> {
    edit(call, at, |ask| {
        let config = object(ask)?;
        // What GET answers is a document about the config: under a profile that takes any field it would
        // become one.
        if ["config", "id", "masked", "profile"].iter().all(|name| config.contains_key(*name)) {
            let problem = Problem::malformed("the body is what GET answers, and not the config itself");
            return Err(problem.hint("send what stands in it under 'config'"));
        }
        Ok((vec![Edit::Replace(Value::Object(config))], why.message))
    })
    .await
}

/// The object that was sent; nothing is none.
fn object(ask: &mut Ask<'_>) -> Result<Map<String, Value>, Problem> {
    match ask.document()? {
        Some(Value::Object(map)) => Ok(map),
        _ => Err(Problem::malformed("the body is not a JSON object")),
    }
}

async fn edits(At(at): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    edit(call, at, |ask| {
        let body: Edits = ask.body()?;
        let edits = body.edits.into_iter().map(one).collect::<Result<_, _>>()?;
        Ok((edits, body.message))
    })
    .await
}

fn one(edit: OneEdit) -> Result<Edit, Problem> {
    let path = |text: String| parsed::<Path>("path", &text);
    match edit {
        OneEdit { set: Some(set), value: Some(value), text: None, unset: None } => {
            Ok(Edit::Set(path(set)?, Input::Json(value)))
        }
        OneEdit { set: Some(set), value: None, text: Some(text), unset: None } => {
            Ok(Edit::Set(path(set)?, Input::Text(text)))
        }
        OneEdit { set: None, value: None, text: None, unset: Some(unset) } => Ok(Edit::Unset(path(unset)?)),
        _ => Err(Problem::malformed("an edit is 'set' with either 'value' or 'text', or 'unset'")),
    }
}

async fn edit(
    call: Call,
    (agent, draft): (String, String),
    asked: impl FnOnce(&mut Ask<'_>) -> Result<(Vec<Edit>, Option<String>), Problem> + Send + 'static,
) -> Result<Response, Problem> {
    write(call, move |ask| {
        let agent = ask.agent(&agent, Role::Editor)?;
        let name = draft_name(&draft)?;
        let (edits, message) = asked(ask)?;
        let agents = expect_draft(ask, &agent, &name)?;
        let message = message.unwrap_or_default();
        let (draft, receipt) = agents.edit(&agent, &name, None, &edits, &message)?;
        answer(&draft, &receipt)
    })
    .await
}

async fn draft_check(At((agent, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let commit = ask.agents.draft(&agent, &draft_name(&draft)?)?.commit;
        check(ask, &agent, &commit, None)
    })
    .await
}

/// What the check of a config finds now; `recorded` is what was found when it was published.
pub(super) fn check(
    ask: &Ask<'_>,
    agent: &Handle,
    commit: &ObjectId,
    recorded: Option<crate::agent::CheckState>,
) -> Result<Answer, Problem> {
    let config = ask.agents.config(commit)?;
    let problems = config.profile.validate(&config.value).iter().map(ToString::to_string).collect();
    let report = ask.agents.check(Some(agent), &config)?;
    let state = recorded.unwrap_or(report.state());
    // What is accepted changes what is found.
    let outside = match recorded {
        Some(_) => ask.agents.refused_outside(agent, commit)?,
        None => None,
    };
    Answer::of(&Check::of(&report, state, problems).refused(outside))?.at_head(ask, agent)
}

async fn draft_diff(
    At((agent, draft)): At<(String, String)>,
    Params(against): Params<Against>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let draft = ask.agents.draft(&agent, &draft_name(&draft)?)?;
        let base = draft.base;
        let new = Resolved::Draft(draft);
        let old = match &against.against {
            Some(text) => Some(revision_of(ask, &agent, ("against", Some(text)))?),
            None => match ask.agents.active(&agent)?.or(base) {
                Some(id) => Some(ask.agents.describe(&agent, id)?),
                None => None,
            },
        };
        compare(ask, &agent, (old.as_ref(), &new), against.reveal)
    })
    .await
}

async fn diff(At(agent): At<String>, Params(of): Params<FromTo>, call: Call) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let old = revision_of(ask, &agent, ("from", Some(&of.from)))?;
        let new = revision_of(ask, &agent, ("to", Some(&of.to)))?;
        compare(ask, &agent, (Some(&old), &new), of.reveal)
    })
    .await
}

/// Two revisions, or one and nothing at all.
fn compare(
    ask: &Ask<'_>,
    agent: &Handle,
    (old, new): (Option<&Resolved>, &Resolved),
    reveal: bool,
) -> Result<Answer, Problem> {
    let side = |name: String, id, config| Side { agent: agent.clone(), name, id, config };
    let (old, new) = if let Some(old) = old {
        let (before, after) = ask.agents.differing(&old.commit(), &new.commit())?;
        (side(old.name(), Some(old.commit()), before), side(new.name(), Some(new.commit()), after))
    } else {
        let config = ask.agents.config(&new.commit())?;
        let nothing = Value::Object(Map::new());
        let before = ask.agents.loose_config(config.profile.clone(), &nothing)?;
        (side("nothing".to_owned(), None, before), side(new.name(), Some(new.commit()), config))
    };
    let tag = format!(
        "{}..{}",
        old.id.map_or_else(|| "nothing".to_owned(), |id| id.to_string()),
        new.id.map_or_else(String::new, |id| id.to_string())
    );
    Ok(Answer::of(&Comparison::new(&ask.agents, old, new, reveal).to_value())?.tagged(tag))
}
