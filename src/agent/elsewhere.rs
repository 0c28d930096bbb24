//! What somebody who brings an agent from one store to another has to know of its metadata.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diff::{json, path};
use crate::history;
use crate::object::{Object, ObjectId};
use crate::profile::{DraftPolicy, Profile};
use crate::refs::Handle;
use crate::repo::RepoError;

use super::draft::only_draft;
use super::{AgentError, Agents, Meta, Number};

/// What a version that waits for its number takes back of what another store published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The newest version that waits.
    pub ours: Number,
    /// The newest version that has its number.
    pub theirs: Number,
    /// The draft that the agent always has, where its profile allows no other.
    pub only_draft: Option<Handle>,
    /// The fields that changed there since both came from one version, and are not so in the one that waits.
    pub paths: Vec<String>,
}

impl Agents {
    /// The handle that a block of metadata says.
    pub fn handle_in(&self, meta: &[u8]) -> Option<Handle> {
        Meta::from_payload(meta).map(|meta| meta.handle)
    }

    /// What a block of metadata says; `None` when it is none.
    pub fn meta_of_block(&self, meta: &[u8]) -> Option<Meta> {
        Meta::from_payload(meta)
    }

    /// The profile that a block of metadata names.
    pub fn profile_in(&self, meta: &[u8]) -> Option<ObjectId> {
        Meta::from_payload(meta).map(|meta| meta.profile)
    }

    /// The draft that every agent of a profile has; `None` when its profile has many.
    ///
    /// # Errors
    /// When it is no profile.
    pub fn only_draft_of(&self, profile: &[u8]) -> Result<Option<Handle>, AgentError> {
        let profile = Arc::new(Profile::from_stored(profile)?);
        Ok((profile.draft_policy() == DraftPolicy::One).then(only_draft))
    }

    /// Whether an agent's profile has one draft only.
    ///
    /// # Errors
    /// When the agent cannot be read.
    pub fn has_one_draft(&self, agent: &Handle) -> Result<bool, AgentError> {
        let meta = self.meta(agent)?;
        Ok(self.profile(&meta.profile)?.draft_policy() == DraftPolicy::One)
    }

    /// What the newest version that waits for its number would take back of those that have theirs; `None`
    /// when none waits, or nothing.
    ///
    /// # Errors
    /// When a version cannot be read.
    pub fn taken_back(&self, agent: &Handle) -> Result<Option<TakenBack>, AgentError> {
        let waiting = self.provisional(agent)?;
        let numbered = self.numbered_count(agent)?;
        let Some(newest) = waiting.last() else { return Ok(None) };
        // What was withdrawn is not to come back.
        let mut stands = (1..=numbered).rev().map(|position| self.version_at(agent, position));
        let theirs = stands.find(|version| version.as_ref().map_or(true, |version| !version.withdrawn));
        let Some(theirs) = theirs.transpose()? else { return Ok(None) };
        let base = history::merge_base(self.repo().backend(), &newest.id, &theirs.id);
        let base = base.map_err(RepoError::from)?;
        if base == Some(theirs.id) {
            return Ok(None);
        }
        let (ours, there) = (self.config(&newest.id)?, self.config(&theirs.id)?);
        let base = base.map(|base| self.config(&base)).transpose()?;
        let base = base.map_or_else(|| Value::Object(Map::new()), |base| base.value);
        let keys = there.profile.list_keys();
        let at = |value: &Value, path: &path::Path| path::get(value, path, keys).cloned();
        let changed = json::compare(&base, &there.value, keys).into_iter().map(|change| change.path);
        let lost = changed.filter(|path| at(&there.value, path) != at(&ours.value, path));
        let paths: Vec<String> = lost.map(|path| there.profile.short_path(&path).to_string()).collect();
        let position = numbered + waiting.len() as u64;
        let ours = Number { position, provisional: true };
        let only_draft = self.has_one_draft(agent)?.then(only_draft);
        let lost = TakenBack { ours, theirs: theirs.number, only_draft, paths };
        Ok((!lost.paths.is_empty()).then_some(lost))
    }

    /// The metadata of an agent as it is in a store where it has another handle.
    ///
    /// # Errors
    /// When the agent cannot be read.
    pub fn meta_under(&self, agent: &Handle, handle: &Handle) -> Result<Object, AgentError> {
        let meta = Meta { handle: handle.clone(), ..self.meta(agent)? };
        Ok(meta.to_object()?)
    }

    /// Metadata that came from another store, with another handle; none where it is no metadata.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn meta_renamed(&self, payload: &[u8], handle: &Handle) -> Result<Option<Object>, AgentError> {
        let Some(meta) = self.meta_of_block(payload) else { return Ok(None) };
        Ok(Some(Meta { handle: handle.clone(), ..meta }.to_object()?))
    }
}
