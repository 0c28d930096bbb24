//! Three configs of an agent to one: read, brought under one profile, merged and validated.

use std::sync::Arc;

use crate::merge::{self, Record, Sides};
use crate::object::{BlockName, Blocks, ObjectId};
use crate::profile::{Problem, Profile};
use crate::refs::Handle;

use super::super::{AgentError, Agents, Config, checks};

/// Which commits stand against the draft.
#[derive(Debug)]
pub(super) struct Roles {
    /// What both sides came from; none when they have nothing in common.
    pub(super) base: Option<ObjectId>,
    /// What is merged into the draft.
    pub(super) theirs: ObjectId,
    /// What people know the sides by.
    pub(super) labels: Sides<String>,
    /// The only block that is merged.
    pub(super) only: Option<BlockName>,
}

impl Agents {
    /// The draft's config, the merged one, and what has to be decided in it.
    pub(super) fn combine(
        &self,
        agent: &Handle,
        draft: &Handle,
        ours: &ObjectId,
        roles: &Roles,
    ) -> Result<(Config, Config, Option<Record>), AgentError> {
        let configs = Sides {
            base: roles.base.map(|base| self.config(&base)).transpose()?,
            ours: Some(self.config(ours)?),
            theirs: Some(self.config(&roles.theirs)?),
        };
        let (profile, mut blocks) = self.under_one_profile(agent, &configs, &roles.labels)?;
        if let Some(only) = &roles.only {
            blocks.theirs = with_one(&blocks.base, &blocks.theirs, only);
        }
        let merged = merge::config(&blocks.base, &blocks.ours, &blocks.theirs, &profile.merge_policies());
        let value = profile.join(&merged.blocks)?;
        let before = profile.join(&blocks.ours)?;
        let clean = merged.conflicts.is_empty();
        let problems = brought(&profile, &before, &value);
        // Where something is still to be decided, what is decided may be what makes it valid.
        if clean && !problems.is_empty() {
            let (agent, draft) = (agent.clone(), draft.clone());
            return Err(AgentError::InvalidMerge { agent, draft, problems });
        }
        checks::refuse_masks(&value)?;
        let old = configs.ours.expect("it was put there above");
        let new = self.loose_config(profile, &value)?;
        let record = Record { labels: roles.labels.clone(), conflicts: merged.conflicts };
        Ok((old, new, (!clean).then_some(record)))
    }
}

/// The problems of a config that another has not.
pub(super) fn brought(
    profile: &Arc<Profile>,
    before: &serde_json::Value,
    after: &serde_json::Value,
) -> Vec<Problem> {
    let had = profile.validate(before);
    profile.validate(after).into_iter().filter(|problem| !had.contains(problem)).collect()
}

/// The base with one block as theirs has it.
fn with_one(base: &Blocks, theirs: &Blocks, name: &BlockName) -> Blocks {
    let mut blocks = base.clone();
    blocks.remove(name);
    blocks.extend(theirs.get(name).map(|content| (name.clone(), content.clone())));
    blocks
}
