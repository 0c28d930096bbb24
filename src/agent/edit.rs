//! Edits of a draft: each is the next revision, under the rules of the draft's profile.

use std::sync::Arc;

use serde_json::Value;

use crate::diff::path::Path;
use crate::object::{BlockName, Content};
use crate::profile::{Input, Problem, Profile};
use crate::refs::Handle;
use crate::repo::Receipt;

use super::draft::Revised;
use super::{AgentError, Agents, Config, DraftInfo, checks};

/// A change to a draft's config.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Sets one field.
    Set(Path, Input),
    /// Removes one field.
    Unset(Path),
    /// Applies a partial config, by the vendor's rule.
    Patch(Value),
    /// Replaces the whole config.
    Replace(Value),
    /// Replaces one block, or removes it.
    Block(BlockName, Option<Content>),
}

impl Edit {
    /// The config after this edit.
    fn apply(&self, profile: &Profile, config: &Config, value: &Value) -> Result<Value, AgentError> {
        let invalid = |problems: Vec<Problem>| AgentError::Invalid { problems };
        match self {
            Self::Set(path, input) => profile.set(value, path, input.clone()).map_err(invalid),
            Self::Unset(path) => profile.unset(value, path).map_err(invalid),
            Self::Patch(patch) => profile.patch(value, patch).map_err(invalid),
            Self::Replace(config) => Ok(config.clone()),
            Self::Block(name, content) => {
                let mut blocks = profile.split(value).map_err(invalid)?;
                debug_assert!(config.profile.id() == profile.id(), "an edit keeps the profile");
                match content {
                    Some(content) => blocks.insert(name.clone(), content.clone()),
                    None => blocks.remove(name),
                };
                Ok(profile.join(&blocks)?)
            }
        }
    }
}

impl Agents {
    /// What a config becomes by edits; nothing is stored.
    ///
    /// # Errors
    /// `Invalid` with every problem that the result has and the config has not; `Masked`.
    pub fn edited(&self, config: &Config, edits: &[Edit]) -> Result<Config, AgentError> {
        let profile = &config.profile;
        let mut value = config.value.clone();
        for edit in edits {
            value = edit.apply(profile, config, &value)?;
        }
        let before = profile.validate(&config.value);
        let problems = profile.validate(&value);
        let brought: Vec<Problem> =
            problems.into_iter().filter(|problem| !before.contains(problem)).collect();
        if !brought.is_empty() {
            return Err(AgentError::Invalid { problems: brought });
        }
        checks::refuse_masks(&value)?;
        self.loose_config(Arc::clone(profile), &value)
    }

    /// Edits a draft, all edits as one revision. An edit that changes nothing is no revision. Conflicts
    /// go on waiting where the edits leave what is in question as it is.
    ///
    /// # Errors
    /// `DraftMoved` when the draft is not at the revision that the edit is based on; `Invalid` with
    /// every problem that the result would have and the draft had not; `Masked`.
    pub fn edit(
        &self,
        agent: &Handle,
        name: &Handle,
        expected: Option<u64>,
        edits: &[Edit],
        message: &str,
    ) -> Result<(DraftInfo, Receipt), AgentError> {
        self.edit_deciding(agent, name, expected, (edits, &[]), message)
    }

    /// Edits a draft as [`Agents::edit`] does, and takes all conflicts of some blocks for decided by what
    /// these blocks then are.
    ///
    /// # Errors
    /// As [`Agents::edit`].
    pub fn edit_deciding(
        &self,
        agent: &Handle,
        name: &Handle,
        expected: Option<u64>,
        edits: (&[Edit], &[BlockName]),
        message: &str,
    ) -> Result<(DraftInfo, Receipt), AgentError> {
        self.edit_as("draft-edit", agent, name, expected, edits, message)
    }

    /// Edits a draft as [`Agents::edit_deciding`] does, as a kind of operation.
    pub(super) fn edit_as(
        &self,
        kind: &str,
        agent: &Handle,
        name: &Handle,
        expected: Option<u64>,
        (edits, decided): (&[Edit], &[BlockName]),
        message: &str,
    ) -> Result<(DraftInfo, Receipt), AgentError> {
        super::meta::checked_text("message", message, 2000)?;
        let intent = self.intent(kind, message);
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                if self.meta_in(operation)?.archived {
                    return Err(AgentError::Archived(agent.clone()));
                }
                let draft = self.draft_in(operation, name, expected)?;
                let config = self.config(&draft.commit)?;
                let edited = self.edited(&config, edits)?;
                let revised = Revised {
                    profile: &config.profile,
                    blocks: &edited.blocks,
                    parents: None,
                    message: message.to_owned(),
                    conflicts: self.carried(agent, &config, &edited.blocks, decided)?,
                };
                self.revise(operation, &draft, &config.tree, revised)?;
                Ok(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok((self.draft(agent, name)?, receipt))
    }
}
