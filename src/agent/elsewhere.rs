//! What somebody who brings an agent from one store to another has to know of its metadata.

use std::sync::Arc;

use crate::object::{Object, ObjectId};
use crate::profile::{DraftPolicy, Profile};
use crate::refs::Handle;

use super::draft::only_draft;
use super::{AgentError, Agents, Meta};

impl Agents {
    /// The handle that a block of metadata says.
    pub fn handle_in(&self, meta: &[u8]) -> Option<Handle> {
        Meta::from_payload(meta).map(|meta| meta.handle)
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

    /// The metadata of an agent as it is in a store where it has another handle.
    ///
    /// # Errors
    /// When the agent cannot be read.
    pub fn meta_under(&self, agent: &Handle, handle: &Handle) -> Result<Object, AgentError> {
        let meta = Meta { handle: handle.clone(), ..self.meta(agent)? };
        Ok(meta.to_object()?)
    }
}
