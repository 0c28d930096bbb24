//! Versions: listing and describing them, and the few things about them that may change.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::encoding::json;
use crate::log::RefState;
use crate::object::limits::{DESCRIPTION_MAX_CHARS, LABEL_MAX_CHARS};
use crate::object::{Commit, Object, ObjectId};
use crate::profile::Profile;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::meta::{checked_text, one_line, some_lines};
use super::{AgentError, Agents, CheckState, CheckpointInfo, Number, VersionInfo, config};

/// Refuses what is no label: terminals and other programs are shown it as a line.
pub(super) fn checked_label(label: &str) -> Result<(), AgentError> {
    checked_text("label", label, LABEL_MAX_CHARS)?;
    if label.contains('\n') {
        return Err(AgentError::BadText { what: "label", reason: "has more than one line".to_owned() });
    }
    controlled("label", one_line(label))
}

/// Refuses what is no description.
pub(super) fn checked_description(description: &str) -> Result<(), AgentError> {
    checked_text("description", description, DESCRIPTION_MAX_CHARS)?;
    controlled("description", some_lines(description))
}

fn controlled(what: &'static str, checked: Result<(), String>) -> Result<(), AgentError> {
    checked.map_err(|reason| AgentError::BadText { what, reason: format!("is wrong: {reason}") })
}

/// A commit's message from a label and a description.
pub(super) fn message(label: &str, description: &str) -> Result<String, AgentError> {
    checked_label(label)?;
    checked_description(description)?;
    Ok(if description.is_empty() { label.to_owned() } else { format!("{label}\n\n{description}") })
}

/// The note that says a label and a description.
pub(super) fn note_object(label: &str, description: &str) -> Result<Object, AgentError> {
    let mut map = Map::new();
    map.insert("label".to_owned(), Value::from(label));
    map.insert("description".to_owned(), Value::from(description));
    Ok(config::json_object(&Value::Object(map))?)
}

/// The label and the description that a note says.
fn words(payload: &[u8]) -> Option<(String, String)> {
    let value = json::parse(payload).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("label")?, text("description")?))
}

impl Agents {
    /// Label and description of a commit in an operation that may be changing them.
    pub(super) fn words_in(
        &self,
        operation: &mut Operation<'_>,
        commit: &ObjectId,
    ) -> Result<(String, String), AgentError> {
        let note = operation.current(&RefName::about("notes", commit))?.and_then(|target| target.id());
        if let Some(id) = note {
            let brought = operation.brought(&id).map(|object| object.payload.clone());
            let payload = match brought {
                Some(payload) => payload,
                None => self.repo.block(&id)?,
            };
            if let Some(words) = words(&payload) {
                return Ok(words);
            }
        }
        let read = self.commit_in(operation, commit)?;
        Ok((read.label().to_owned(), read.description().to_owned()))
    }

    pub(super) fn commit_in(&self, operation: &Operation<'_>, id: &ObjectId) -> Result<Commit, AgentError> {
        match operation.brought(id) {
            Some(object) => Ok(Commit::from_payload(&object.payload)?),
            None => Ok(self.repo.commit(id)?),
        }
    }

    /// The resolved config of a commit that an operation may just be bringing, as canonical JSON.
    pub(super) fn resolved_in(
        &self,
        operation: &Operation<'_>,
        id: &ObjectId,
    ) -> Result<Arc<[u8]>, AgentError> {
        if operation.brought(id).is_none() {
            return self.resolved(id);
        }
        if let Some(bytes) = self.known_resolved(id) {
            return Ok(bytes);
        }
        let commit = self.commit_in(operation, id)?;
        let payload = |id: &ObjectId| -> Result<Vec<u8>, AgentError> {
            match operation.brought(id) {
                Some(object) => Ok(object.payload.clone()),
                None => Ok(self.repo.block(id)?),
            }
        };
        let tree = match operation.brought(&commit.tree) {
            Some(object) => crate::object::Tree::from_payload(&object.payload)?,
            None => self.repo.tree(&commit.tree)?,
        };
        let mut blocks = crate::object::Blocks::new();
        for entry in tree.entries().iter().filter(|entry| entry.kind.is_known()) {
            let content = crate::object::Content::from_payload(&entry.kind, payload(&entry.id)?)?;
            blocks.insert(entry.name.clone(), content);
        }
        let profile = match operation.brought(&commit.profile) {
            Some(object) => Arc::new(Profile::from_stored(&object.payload)?),
            None => self.profile(&commit.profile)?,
        };
        self.resolve_blocks(id, &profile, &blocks)
    }

    fn attribute(&self, agent: &Handle, name: &RefName) -> Result<Option<ObjectId>, AgentError> {
        let state = self.repo.backend().read_ref(agent, name).map_err(RepoError::from)?;
        Ok(state.and_then(|state| state.target).and_then(|target| target.id()))
    }

    /// The number and the label of a commit.
    pub(super) fn version_words(
        &self,
        agent: &Handle,
        id: &ObjectId,
    ) -> Result<(Option<Number>, String), AgentError> {
        let number = self.number_of(agent, id)?;
        let note = self.attribute(agent, &RefName::about("notes", id))?;
        let commit = self.repo.commit(id)?;
        Ok((number, self.words_of(note, &commit)?.0))
    }

    /// The label that a commit of an agent has now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn label_of(&self, agent: &Handle, id: &ObjectId) -> Result<String, AgentError> {
        let note = self.attribute(agent, &RefName::about("notes", id))?;
        Ok(self.words_of(note, &self.repo.commit(id)?)?.0)
    }

    pub(super) fn words_of(
        &self,
        note: Option<ObjectId>,
        commit: &Commit,
    ) -> Result<(String, String), AgentError> {
        let noted = match note {
            Some(id) => words(&self.repo.block(&id)?),
            None => None,
        };
        Ok(noted.unwrap_or_else(|| (commit.label().to_owned(), commit.description().to_owned())))
    }

    /// A version by its commit.
    ///
    /// # Errors
    /// `NotAVersion` when it was not published.
    pub fn version(&self, agent: &Handle, id: &ObjectId) -> Result<VersionInfo, AgentError> {
        let number = self.number_of(agent, id)?;
        let number = number.ok_or_else(|| AgentError::NotAVersion { agent: agent.clone(), id: *id })?;
        self.version_at(agent, number.position)
    }

    /// A version by its number, whether or not that stands.
    ///
    /// # Errors
    /// `NoSuchRevision` when there are not so many.
    pub fn version_at(&self, agent: &Handle, number: u64) -> Result<VersionInfo, AgentError> {
        let entries = match number.checked_sub(1) {
            Some(at) => self.entries(agent, at, 1)?,
            None => Vec::new(),
        };
        let no_such = || AgentError::NoSuchRevision { agent: agent.clone(), revision: format!("V{number}") };
        let (number, entry) = *entries.first().ok_or_else(no_such)?;
        let commit = self.repo.commit(&entry.id)?;
        let note = self.attribute(agent, &RefName::about("notes", &entry.id))?;
        let (label, description) = self.words_of(note, &commit)?;
        let check = self.attribute(agent, &RefName::about("checks", &entry.id))?;
        Ok(VersionInfo {
            number,
            id: entry.id,
            label,
            description,
            active: self.active(agent)?.is_some_and(|active| active == entry.id),
            pinned: self.attribute(agent, &RefName::about("pins", &entry.id))?.is_some(),
            withdrawn: self.attribute(agent, &RefName::about("withdrawn", &entry.id))?.is_some(),
            check: self.check_state(check)?,
            author: commit.author,
            time: commit.time,
            parents: commit.parents,
            record: entry.record,
        })
    }

    /// All versions, V1 first, from position `start` (0 is V1), at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn versions(&self, agent: &Handle, start: u64, limit: usize) -> Result<Vec<VersionInfo>, AgentError> {
        let backend = self.repo.backend();
        let entries = self.entries(agent, start, limit)?;
        let active = self.active(agent)?;
        let about = |namespace: &str| -> Result<HashMap<RefName, RefState>, AgentError> {
            Ok(backend.refs(agent, namespace).map_err(RepoError::from)?.into_iter().collect())
        };
        let (notes, pins) = (about("notes")?, about("pins")?);
        let (withdrawn, checks) = (about("withdrawn")?, about("checks")?);
        let id_in = |refs: &HashMap<RefName, RefState>, namespace: &'static str, id: &ObjectId| {
            let state = refs.get(&RefName::about(namespace, id))?;
            state.target.as_ref().and_then(Target::id)
        };
        let mut versions = Vec::with_capacity(entries.len());
        for (number, entry) in entries {
            let commit = self.repo.commit(&entry.id)?;
            let (label, description) = self.words_of(id_in(&notes, "notes", &entry.id), &commit)?;
            versions.push(VersionInfo {
                number,
                id: entry.id,
                label,
                description,
                active: active == Some(entry.id),
                pinned: id_in(&pins, "pins", &entry.id).is_some(),
                withdrawn: id_in(&withdrawn, "withdrawn", &entry.id).is_some(),
                check: self.check_state(id_in(&checks, "checks", &entry.id))?,
                author: commit.author,
                time: commit.time,
                parents: commit.parents,
                record: entry.record,
            });
        }
        Ok(versions)
    }

    /// How many versions an agent has, with those whose numbers do not stand yet.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn version_count(&self, agent: &Handle) -> Result<u64, AgentError> {
        Ok(self.numbered_count(agent)? + self.provisional(agent)?.len() as u64)
    }

    /// The commit that serves.
    ///
    /// # Errors
    /// When ACTIVE cannot be read.
    pub fn active(&self, agent: &Handle) -> Result<Option<ObjectId>, AgentError> {
        self.attribute(agent, &RefName::active())
    }

    /// Changes label and description of a version, the only things about it that may change; the
    /// log keeps the old ones.
    ///
    /// # Errors
    /// `NotAVersion`, `BadText`.
    pub fn edit_version(
        &self,
        agent: &Handle,
        id: &ObjectId,
        label: Option<&str>,
        description: Option<&str>,
    ) -> Result<Receipt, AgentError> {
        // What stays as it is may be from a time when less was refused.
        label.map_or(Ok(()), checked_label)?;
        description.map_or(Ok(()), checked_description)?;
        self.version(agent, id)?;
        let intent = self.intent("version-edit", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let before = self.words_in(operation, id)?;
                let after =
                    (label.unwrap_or(&before.0).to_owned(), description.unwrap_or(&before.1).to_owned());
                if after == before {
                    return Ok(());
                }
                let note = operation.put(note_object(&after.0, &after.1)?);
                operation.write(RefName::about("notes", id), Some(Target::Id(note)), Vec::new())?;
                Ok(())
            },
            |operation, id| self.derive(operation, id),
        )?;
        Ok(receipt)
    }

    /// Bookmarks a version, or takes the bookmark away.
    ///
    /// # Errors
    /// `NotAVersion`.
    pub fn pin(&self, agent: &Handle, id: &ObjectId, pinned: bool) -> Result<Receipt, AgentError> {
        self.version(agent, id)?;
        let intent = self.intent(if pinned { "pin" } else { "unpin" }, "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let name = RefName::about("pins", id);
                if operation.target(&name)?.is_some() != pinned {
                    operation.write(name, pinned.then_some(Target::Id(*id)), Vec::new())?;
                }
                Ok::<_, AgentError>(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok(receipt)
    }

    /// The checkpoints of an agent, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checkpoints(&self, agent: &Handle) -> Result<Vec<CheckpointInfo>, AgentError> {
        let refs = self.repo.backend().refs(agent, "checkpoints").map_err(RepoError::from)?;
        let mut found = Vec::new();
        for id in refs.iter().filter_map(|(_, state)| state.target.as_ref().and_then(Target::id)) {
            found.push(self.checkpoint_info(id)?);
        }
        found.sort_by_key(|checkpoint| (checkpoint.time, checkpoint.id));
        Ok(found)
    }

    pub(super) fn checkpoint_info(&self, id: ObjectId) -> Result<CheckpointInfo, AgentError> {
        let commit = self.repo.commit(&id)?;
        let (label, description) = (commit.label().to_owned(), commit.description().to_owned());
        Ok(CheckpointInfo { id, label, description, author: commit.author, time: commit.time })
    }

    pub(super) fn check_state(&self, check: Option<ObjectId>) -> Result<CheckState, AgentError> {
        match check {
            None => Ok(CheckState::Unchecked),
            Some(id) => Ok(CheckState::from_payload(&self.repo.block(&id)?)),
        }
    }
}
