//! What a request says: an event in JSON, in which there are ids, numbers and labels, and never a value of a
//! config.

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents};
use crate::clock::Time;
use crate::log::{AgentId, Record, RecordId};
use crate::object::ObjectId;
use crate::refs::Handle;
use crate::repo::random_bytes;

use super::WebhookError;
use super::event::Event;

/// What one request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same each time that the same is told.
    pub id: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// What shows that a webhook works.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn test(name: &Handle, now: Time) -> Result<Self, WebhookError> {
        let bytes = random_bytes().map_err(|error| WebhookError::Random(error.to_string()))?;
        let id = format!("test_{:032x}", u128::from_be_bytes(bytes));
        let body = json!({"type": "test", "timestamp": now.to_string(), "data": {"webhook": name.as_str()}});
        Ok(Self { id, body: body.to_string().into_bytes() })
    }

    /// What an event says.
    ///
    /// # Errors
    /// When its version cannot be read.
    pub(super) fn of(
        agents: &Agents,
        agent: (&Handle, AgentId),
        (operation, record): (RecordId, &Record),
        event: &Event,
    ) -> Result<Self, AgentError> {
        let (handle, agent_id) = agent;
        let version = event.to.map(|id| version(agents, handle, id)).transpose()?;
        let text = |id: Option<ObjectId>| id.map(|id| id.to_string());
        let actor = json!({"name": record.actor.name, "email": record.actor.email});
        let body = json!({
            "type": event.kind.name(),
            "timestamp": record.time.to_string(),
            "data": {
                "agent": handle.as_str(),
                "agent_id": agent_id.to_string(),
                "operation": operation.to_string(),
                "kind": record.kind,
                "version": version,
                "from": text(event.from),
                "to": text(event.to),
                "environment": event.environment,
                "actor": actor,
                "via": record.via,
            },
        });
        Ok(Self { id: format!("{operation}_{}", event.place), body: body.to_string().into_bytes() })
    }
}

/// A version, by its names; its number is null while it may still become another.
fn version(agents: &Agents, handle: &Handle, id: ObjectId) -> Result<Value, AgentError> {
    let number = agents.number_of(handle, &id)?.map_or(Value::Null, Value::from);
    Ok(json!({"id": id.to_string(), "number": number, "label": agents.label_of(handle, &id)?}))
}
