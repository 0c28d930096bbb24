//! Calls. None is placed: an answer says which version would serve it, under an id that leads nowhere.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::server::ask::{Ask, At};
use crate::server::problem::Problem;

use super::input::{bad, needed, text};
use super::{answer, asking, ids};
use crate::server::call::Call;

/// What a test call may be.
const MODES: [&str; 3] = ["webcall", "chat", "telephony"];
/// Counts the calls of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A test call with the config of a draft.
pub(super) async fn of_draft(At((id, draft)): At<(String, String)>, call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let draft = asking::draft(ask, &agent.handle, &draft)?;
        let mode = mode(&ask.object()?)?;
        Ok(json!({"callId": call_id(ask), "mode": mode, "draftId": ids::draft(&draft)}))
    })
    .await
}

/// A test call with the config of a version.
pub(super) async fn of_version(
    At((id, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let version = asking::version(ask, &agent, &version)?;
        let mode = mode(&ask.object()?)?;
        Ok(json!({"callId": call_id(ask), "mode": mode, "versionId": ids::object(&version.id)}))
    })
    .await
}

/// A call to somebody: says which version would serve it.
pub(super) async fn outbound(call: Call) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, |ask| {
        let body = ask.object()?;
        let (id, number) = (needed(&body, "agentId")?, needed(&body, "phoneNumber")?);
        if !number.starts_with('+') {
            return Err(bad("Invalid Input: phoneNumber must begin with '+' and the code of its country"));
        }
        text(&body, "fromProductId")?;
        if body.get("variables").is_some_and(|variables| !variables.is_object()) {
            return Err(bad("Invalid Input: Expected object (variables)"));
        }
        let agent = asking::agent(ask, id, Role::Reader)?;
        if ask.agents.meta(&agent.handle)?.archived {
            return Err(bad("Agent is archived"));
        }
        let version = asking::active(ask, &agent.handle)?;
        Ok(json!({
            "conversationId": call_id(ask),
            "agentId": agent.id,
            "versionId": ids::object(&version),
        }))
    })
    .await
}

/// The mode of a test call, with what it needs.
fn mode(body: &Map<String, Value>) -> Result<&'static str, Problem> {
    let asked = text(body, "mode")?.unwrap_or(MODES[0]);
    let mode = MODES.into_iter().find(|mode| *mode == asked);
    let mode = mode.ok_or_else(|| bad(format!("Invalid Input: mode must be one of {}", MODES.join(", "))))?;
    if mode == "telephony" {
        needed(body, "toPhone")?;
    }
    Ok(mode)
}

/// An id that no other call has.
fn call_id(ask: &Ask<'_>) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = ask.shared.repo.clock().now().as_ms();
    format!("CALL-{now}-{count:04}")
}
