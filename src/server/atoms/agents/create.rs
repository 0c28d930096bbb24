//! A new agent, with a V1 that serves.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::agent::{AgentError, Created, NewAgent};
use crate::profile::Profile;
use crate::server::ask::{Ask, line, lines};
use crate::server::atoms::drafts::recognised;
use crate::server::atoms::input::{bad, needed, required, text};
use crate::server::atoms::{answer, ids, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

use super::edit::fields;

/// How often a handle or an id that somebody else got meanwhile is replaced by another one.
const TRIES: usize = 5;
/// The field that the handle is derived from.
const NAME: &str = "name";

/// Makes an agent.
pub(in crate::server::atoms) async fn create(call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::CREATED, |ask| {
        let body = ask.object()?;
        let name = needed(&body, NAME)?.to_owned();
        line("name", Some(&name))?;
        let profile = ask.agents.profile(&shapes::profile().id())?;
        let (given, mut ignored) = recognised(&profile, &body);
        let (fields, description) = (fields(&body)?, text(&body, "description")?.unwrap_or_default());
        lines("description", Some(description))?;
        ignored.retain(|key| key != NAME && !profile.metadata_fields().contains(key));
        let new = NewAgent {
            title: Some(name),
            description: description.to_owned(),
            config: Some(config(&profile, given)?),
            activate: true,
            check_pending: ask.is_checked_outside()?,
            fields,
            ..NewAgent::of(profile)
        };
        let created = make(ask, new)?;
        ask.ignored.extend(ignored);
        Ok(Value::from(id_of(ask, &created)?))
    })
    .await
}

/// The config of a new agent: what is given, over the defaults.
fn config(profile: &Profile, given: Map<String, Value>) -> Result<Value, Problem> {
    if let Some(Value::Object(language)) = given.get("language")
        && !language.contains_key("switching")
    {
        return Err(required());
    }
    let patched = profile.patch(profile.defaults(), &Value::Object(given));
    patched.map_err(|problems| AgentError::Invalid { problems }.into())
}

/// Makes an agent under a handle that is free, with an id that no other one has here.
pub(super) fn make(ask: &Ask<'_>, mut new: NewAgent) -> Result<Created, Problem> {
    let title = new.title.clone().unwrap_or_default();
    let mut tries = 0;
    loop {
        new.handle = Some(ask.free_handle(&title)?);
        // The list as it is now, so that no agent is missed.
        ask.shared.atoms.all(&ask.agents)?;
        tries += 1;
        match ask.agents.create_unless(&new, &|agent| ask.shared.atoms.has(agent)) {
            Err(AgentError::AgentExists(_) | AgentError::HandleForwards(..) | AgentError::IdTaken(_))
                if tries < TRIES => {}
            Err(AgentError::CannotServe { findings, .. }) => {
                let findings = findings.join("; ");
                return Err(bad(format!("security check failed, nothing was made: {findings}")));
            }
            made => return Ok(made?),
        }
    }
}

/// The id of an agent that was just made.
pub(super) fn id_of(ask: &Ask<'_>, created: &Created) -> Result<String, Problem> {
    Ok(ids::agent(ask.agents.info(&created.handle)?.id))
}
