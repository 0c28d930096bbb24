//! A draft becomes a version, which does not serve until it is activated.

use axum::http::StatusCode;
use axum::response::Response;

use crate::access::Role;
use crate::agent::{Agents, DraftInfo, PublishOptions};
use crate::object::ObjectId;
use crate::object::limits::{DESCRIPTION_MAX_CHARS, LABEL_MAX_CHARS};
use crate::server::ask::{Ask, At};
use crate::server::atoms::asking::{self, Found};
use crate::server::atoms::input::{at_most, flag, lines_at_most, nullable};
use crate::server::atoms::{answer, ids, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;

/// Publishes a draft. A draft that was published already is not published again: clients repeat requests whose
/// answers they did not get.
pub(in crate::server::atoms) async fn publish(
    At((id, draft)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::CREATED, move |ask| {
        let agent = asking::agent(ask, &id, Role::Publisher)?;
        let body = ask.object()?;
        let (label, description) = (nullable(&body, "label")?, nullable(&body, "description")?);
        // It may be there, and says nothing: publishing never activates.
        flag(&body, "activate")?;
        at_most("label", label.unwrap_or_default(), LABEL_MAX_CHARS)?;
        lines_at_most("description", description.unwrap_or_default(), DESCRIPTION_MAX_CHARS)?;
        let options = PublishOptions {
            label: label.unwrap_or_default().to_owned(),
            description: description.unwrap_or_default().to_owned(),
            overwrite: true,
            allow_unchanged: true,
            check_pending: ask.is_checked_outside()?,
            ..PublishOptions::default()
        };
        let version = once(ask, &agent, &draft, &options)?;
        shapes::version_now(ask, &agent, &version)
    })
    .await
}

fn once(ask: &Ask<'_>, agent: &Found, id: &str, options: &PublishOptions) -> Result<ObjectId, Problem> {
    let publish = |agents: &Agents, draft: &DraftInfo| agents.publish(&agent.handle, &draft.name, options);
    if let Some(published) = asking::at_draft(ask, &agent.handle, id, publish)? {
        return Ok(published.version);
    }
    // It is gone: published before, or by somebody else in this moment.
    let version = ask.agents.published_from(&agent.handle, |record| ids::is_record(&record, id))?;
    version.ok_or_else(asking::no_draft)
}
