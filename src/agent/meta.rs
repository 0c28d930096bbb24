//! What is known of an agent besides its config: not versioned, but every change is in the log.
//! Stored as a block that the ref `meta` points to.

use serde_json::{Map, Value};

use crate::encoding::json;
use crate::object::{Object, ObjectError, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::{AgentError, Agents, config};

/// Longest title, in characters.
const TITLE_MAX_CHARS: usize = 200;
/// Longest text of a metadata field, in characters.
const FIELD_MAX_CHARS: usize = 10_000;

/// What is known of an agent besides its config.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// Its handle.
    pub handle: Handle,
    /// Its title: free text, not unique.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The profile that new drafts are made under.
    pub profile: ObjectId,
    /// Whether it is put away.
    pub archived: bool,
    /// Fields of the vendor that are not part of the config.
    pub fields: Map<String, Value>,
    /// Ids that the vendor gave.
    pub vendor_ids: Map<String, Value>,
    /// Fields that this build does not know.
    pub ext: Map<String, Value>,
}

/// Changes of an agent's metadata; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetaEdit {
    /// Another title.
    pub title: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Vendor fields to set, or with null to remove.
    pub fields: Map<String, Value>,
}

impl Meta {
    pub(super) fn to_object(&self) -> Result<Object, ObjectError> {
        let mut map = self.ext.clone();
        map.insert("handle".to_owned(), Value::from(self.handle.as_str()));
        map.insert("title".to_owned(), Value::from(self.title.as_str()));
        map.insert("profile".to_owned(), Value::from(self.profile.to_string()));
        if !self.description.is_empty() {
            map.insert("description".to_owned(), Value::from(self.description.as_str()));
        }
        if self.archived {
            map.insert("archived".to_owned(), Value::Bool(true));
        }
        if !self.fields.is_empty() {
            map.insert("fields".to_owned(), Value::Object(self.fields.clone()));
        }
        if !self.vendor_ids.is_empty() {
            map.insert("vendor_ids".to_owned(), Value::Object(self.vendor_ids.clone()));
        }
        config::json_object(&Value::Object(map))
    }

    pub(super) fn from_payload(payload: &[u8]) -> Option<Self> {
        let Ok(Value::Object(mut map)) = json::parse(payload) else { return None };
        let text = |value: Option<Value>| match value {
            None => Some(String::new()),
            Some(Value::String(text)) => Some(text),
            Some(_) => None,
        };
        let object = |value: Option<Value>| match value {
            None => Some(Map::new()),
            Some(Value::Object(map)) => Some(map),
            Some(_) => None,
        };
        Some(Self {
            handle: map.remove("handle")?.as_str()?.parse().ok()?,
            title: text(map.remove("title"))?,
            description: text(map.remove("description"))?,
            profile: map.remove("profile")?.as_str()?.parse().ok()?,
            archived: map.remove("archived") == Some(Value::Bool(true)),
            fields: object(map.remove("fields"))?,
            vendor_ids: object(map.remove("vendor_ids"))?,
            ext: map,
        })
    }
}

/// Refuses a text that is too long.
pub(super) fn checked_text(what: &'static str, text: &str, max_chars: usize) -> Result<(), AgentError> {
    let chars = text.chars().count();
    if chars > max_chars {
        let reason = format!("has {chars} characters, more than the {max_chars} allowed");
        return Err(AgentError::BadText { what, reason });
    }
    Ok(())
}

/// Refuses control characters in a text of one line.
///
/// # Errors
/// Which character it is, and the how manieth.
pub fn one_line(text: &str) -> Result<(), String> {
    without_controls(text, &[])
}

/// Refuses control characters in a text of several lines, but for tabs and the ends of lines.
///
/// # Errors
/// Which character it is, and the how manieth.
pub fn some_lines(text: &str) -> Result<(), String> {
    without_controls(text, &['\n', '\r', '\t'])
}

fn without_controls(text: &str, allowed: &[char]) -> Result<(), String> {
    let mut letters = text.chars().enumerate();
    match letters.find(|(_, letter)| letter.is_control() && !allowed.contains(letter)) {
        None => Ok(()),
        Some((at, letter)) => {
            Err(format!("character {} is the control character U+{:04X}", at + 1, u32::from(letter)))
        }
    }
}

/// Refuses an empty or too long title.
pub(super) fn checked_title(title: &str) -> Result<(), AgentError> {
    if title.trim().is_empty() {
        return Err(AgentError::BadText { what: "title", reason: "is empty".to_owned() });
    }
    checked_text("title", title, TITLE_MAX_CHARS)
}

/// Moves the ref `meta` to a block that says this.
pub(super) fn write_meta(operation: &mut Operation<'_>, meta: &Meta) -> Result<(), AgentError> {
    let id = operation.put(meta.to_object()?);
    operation.write(RefName::meta(), Some(Target::Id(id)), Vec::new())?;
    Ok(())
}

impl Agents {
    /// What is known of an agent besides its config.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when it cannot be read.
    pub fn meta(&self, agent: &Handle) -> Result<Meta, AgentError> {
        let state = self.repo.backend().read_ref(agent, &RefName::meta()).map_err(RepoError::from)?;
        let id = state.and_then(|state| state.target).and_then(|target| target.id());
        self.read_meta(agent, id)
    }

    /// What was known of an agent at one of the places of its ref `meta`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn meta_of(&self, agent: &Handle, id: &ObjectId) -> Result<Meta, AgentError> {
        self.read_meta(agent, Some(*id))
    }

    pub(super) fn read_meta(&self, agent: &Handle, id: Option<ObjectId>) -> Result<Meta, AgentError> {
        let id = id.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let payload = self.repo.block(&id)?;
        let source = ObjectError::Malformed { kind: "metadata", reason: "it lacks a field".to_owned() };
        Meta::from_payload(&payload).ok_or(RepoError::Object { id, source }.into())
    }

    /// The metadata in an operation.
    pub(super) fn meta_in(&self, operation: &mut Operation<'_>) -> Result<Meta, AgentError> {
        let target = operation.current(&RefName::meta())?;
        let agent = operation.agent().clone();
        match operation.agent_id() {
            Some(_) => self.read_meta(&agent, target.and_then(|target| target.id())),
            None => Err(AgentError::NoSuchAgent(agent)),
        }
    }

    /// Changes an agent's metadata; a change to what it is already is not recorded.
    ///
    /// # Errors
    /// `NoSuchAgent`, `BadText`.
    pub fn edit_meta(&self, agent: &Handle, edit: &MetaEdit) -> Result<Receipt, AgentError> {
        self.change_meta(agent, "agent-edit", |meta| {
            if let Some(title) = &edit.title {
                checked_title(title)?;
                meta.title.clone_from(title);
            }
            if let Some(description) = &edit.description {
                checked_text("description", description, FIELD_MAX_CHARS)?;
                meta.description.clone_from(description);
            }
            for (name, value) in &edit.fields {
                if value.is_null() {
                    meta.fields.remove(name);
                } else {
                    meta.fields.insert(name.clone(), value.clone());
                }
            }
            Ok(())
        })
    }

    /// Puts an agent away, or takes it out again. Its history stays; what serves goes on serving.
    ///
    /// # Errors
    /// `NoSuchAgent`.
    pub fn archive(&self, agent: &Handle, archived: bool) -> Result<Receipt, AgentError> {
        let kind = if archived { "archive" } else { "unarchive" };
        self.change_meta(agent, kind, |meta| {
            meta.archived = archived;
            Ok(())
        })
    }

    /// Gives an agent another handle; the old one leads on to it.
    ///
    /// # Errors
    /// `NoSuchAgent`, `AgentExists`.
    pub fn rename(&self, agent: &Handle, to: &Handle) -> Result<Receipt, AgentError> {
        let intent = self.intent("rename", "");
        let result = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let mut meta = self.meta_in(operation)?;
                if agent == to {
                    return Ok(());
                }
                self.refuse_taken(to, Some(agent))?;
                meta.handle = to.clone();
                write_meta(operation, &meta)?;
                operation.rename_agent(to.clone());
                Ok(())
            },
            |operation, id| self.derive(operation, id),
        );
        match result {
            Err(AgentError::Repo(RepoError::Contended { .. })) => Err(AgentError::AgentExists(to.clone())),
            other => other.map(|((), receipt)| receipt),
        }
    }

    /// Refuses a handle that an agent has, or that leads on to one other than `own`.
    pub(super) fn refuse_taken(&self, handle: &Handle, own: Option<&Handle>) -> Result<(), AgentError> {
        match self.repo.backend().locate(handle).map_err(RepoError::from)? {
            None => Ok(()),
            Some(at) if at == *handle => Err(AgentError::AgentExists(at)),
            Some(at) if Some(&at) == own => Ok(()),
            Some(at) => Err(AgentError::HandleForwards(handle.clone(), at)),
        }
    }

    fn change_meta(
        &self,
        agent: &Handle,
        kind: &str,
        change: impl Fn(&mut Meta) -> Result<(), AgentError>,
    ) -> Result<Receipt, AgentError> {
        let intent = self.intent(kind, "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let before = self.meta_in(operation)?;
                let mut meta = before.clone();
                change(&mut meta)?;
                if meta == before { Ok(()) } else { write_meta(operation, &meta) }
            },
            |operation, id| self.derive(operation, id),
        )?;
        Ok(receipt)
    }
}
