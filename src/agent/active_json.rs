//! `ACTIVE.json`: what serves, resolved, as one document for runtimes without this library. It
//! follows from refs and objects, is replaced in the same operation, and is checked by `fsck`.

use serde_json::{Map, Value};

use crate::backend::Derived;
use crate::clock::Time;
use crate::encoding::canonical;
use crate::log::{AgentId, RecordId};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::Operation;

use super::{AgentError, Agents, Number};

/// The document's file name.
pub const ACTIVE_JSON: &str = "ACTIVE.json";
/// Version of the document's form.
const FORMAT: u32 = 1;
/// The setting that switches the document off.
pub const SETTING: &str = "active_json";

/// What the document says, besides the config.
pub(super) struct Serving {
    pub(super) agent: AgentId,
    pub(super) handle: Handle,
    /// The version that serves, its number (null while that may still become another) and label.
    pub(super) version: Option<(ObjectId, Option<Number>, String)>,
    /// When ACTIVE was moved to where it is, and by which operation; none while it never was.
    pub(super) activated: Option<(Time, RecordId)>,
}

impl Agents {
    /// The documents that follow from an operation: `ACTIVE.json`, when the operation moves ACTIVE,
    /// renames the agent or relabels or numbers what serves.
    ///
    /// # Errors
    /// When what serves cannot be read.
    pub fn derive(&self, operation: &mut Operation<'_>, id: RecordId) -> Result<Vec<Derived>, AgentError> {
        let active = RefName::active();
        let moves = operation.changes().iter().any(|change| change.name == active);
        let target = operation.current(&active)?.and_then(|target| target.id());
        let relabels = target.is_some_and(|commit| {
            let notes = RefName::about("notes", &commit);
            operation.changes().iter().any(|change| change.name == notes)
        });
        let renumbers = target.is_some_and(|commit| {
            let mut changes = operation.changes().iter().filter(|change| change.name == RefName::versions());
            changes.any(|change| change.to == Some(Target::Id(commit)))
        });
        let old_handle = operation.agent().clone();
        let meta_target = operation.current(&RefName::meta())?.and_then(|target| target.id());
        let meta_moves = operation.changes().iter().any(|change| change.name == RefName::meta());
        let handle = if meta_moves { self.handle_after(operation, meta_target)? } else { old_handle.clone() };
        if !(moves || relabels || renumbers || handle != old_handle) {
            return Ok(Vec::new());
        }
        let settings = self.repo.settings()?;
        if settings.get(SETTING) == Some("off") {
            return Ok(vec![Derived { name: ACTIVE_JSON.to_owned(), content: None }]);
        }
        let activated = if moves {
            Some((operation.time(), id))
        } else {
            match operation.read(&active)? {
                Some(state) => self.operation_time(&old_handle, state.moved)?.map(|time| (time, state.moved)),
                None => None,
            }
        };
        let version = match target {
            None => None,
            Some(commit) => {
                let number = self.number_in(operation, &commit)?;
                let (label, _) = self.words_in(operation, &commit)?;
                Some((commit, number, label))
            }
        };
        let agent = operation.identity(id);
        let serving = Serving { agent, handle, version, activated };
        let resolved = match (&serving.version, target) {
            (Some(_), Some(commit)) => Some(self.resolved_in(operation, &commit)?),
            _ => None,
        };
        let content = encode(&serving, resolved.as_deref());
        Ok(vec![Derived { name: ACTIVE_JSON.to_owned(), content: Some(content) }])
    }

    fn handle_after(&self, operation: &Operation<'_>, meta: Option<ObjectId>) -> Result<Handle, AgentError> {
        let brought = meta.and_then(|id| operation.brought(&id));
        match brought.and_then(|object| super::Meta::from_payload(&object.payload)) {
            Some(meta) => Ok(meta.handle),
            None => Ok(self.read_meta(operation.agent(), meta)?.handle),
        }
    }

    /// The document as it must be, from what is stored; `None` when it is switched off.
    pub(super) fn expected_active_json(&self, agent: &Handle) -> Result<Option<Vec<u8>>, AgentError> {
        if self.repo.settings()?.get(SETTING) == Some("off") {
            return Ok(None);
        }
        let backend = self.repo.backend();
        let state = backend.read_ref(agent, &RefName::active()).map_err(crate::repo::RepoError::from)?;
        let head = backend.head(agent).map_err(crate::repo::RepoError::from)?;
        let (Some(state), Some(head)) = (state, head) else { return Ok(None) };
        let activated = self.operation_time(agent, state.moved)?.map(|time| (time, state.moved));
        let commit = state.target.as_ref().and_then(Target::id);
        let version = match commit {
            None => None,
            Some(commit) => {
                let version = self.version_words(agent, &commit)?;
                Some((commit, version.0, version.1))
            }
        };
        let serving = Serving { agent: head.agent, handle: agent.clone(), version, activated };
        let resolved = match commit {
            Some(commit) => Some(self.resolved(&commit)?),
            None => None,
        };
        Ok(Some(encode(&serving, resolved.as_deref())))
    }
}

/// The document's bytes: canonical JSON, so that the same state has the same bytes everywhere.
/// `resolved` is canonical already.
pub(super) fn encode(serving: &Serving, resolved: Option<&[u8]>) -> Vec<u8> {
    let mut agent = Map::new();
    agent.insert("id".to_owned(), Value::from(serving.agent.to_string()));
    agent.insert("handle".to_owned(), Value::from(serving.handle.as_str()));
    let version = serving.version.as_ref().map_or(Value::Null, |(id, number, label)| {
        let mut version = Map::new();
        version.insert("id".to_owned(), Value::from(id.to_string()));
        version.insert("number".to_owned(), number.map_or(Value::from(0), Value::from));
        version.insert("label".to_owned(), Value::from(label.as_str()));
        Value::Object(version)
    });
    let time = |(time, _): &(Time, RecordId)| Value::from(time.to_string());
    let record = |(_, record): &(Time, RecordId)| Value::from(record.to_string());
    let activated = serving.activated.as_ref();
    let mut document = Map::new();
    document.insert("format".to_owned(), Value::from(FORMAT));
    document.insert("agent".to_owned(), Value::Object(agent));
    document.insert("version".to_owned(), version);
    document.insert("activated_at".to_owned(), activated.map_or(Value::Null, time));
    document.insert("operation".to_owned(), activated.map_or(Value::Null, record));
    document.insert("config".to_owned(), Value::Null);
    let around = canonical::to_vec(&Value::Object(document));
    let resolved = resolved.unwrap_or(b"null");
    // What stands before the config is a time, an id and a handle: none can look like it.
    let start = memchr::memmem::find(&around, b"\"config\":null").expect("it was inserted") + 9;
    let mut bytes = Vec::with_capacity(around.len() + resolved.len());
    bytes.extend_from_slice(&around[..start]);
    bytes.extend_from_slice(resolved);
    bytes.extend_from_slice(&around[start + 4..]);
    bytes.push(b'\n');
    bytes
}
