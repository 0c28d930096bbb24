//! Conflicts that wait: a block in which they stand, named by an attribute of the draft's commit
//! (`conflicts/<commit>`). Each revision of the draft has its own, until all are decided.

use crate::merge::{Conflict, Record};
use crate::object::{BlockName, Blocks, Kind, Object, ObjectId};
use crate::profile::Profile;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, RepoError};

use super::super::{AgentError, Agents, Config};

/// The namespace of the refs that hold conflicts.
pub(in crate::agent) const NAMESPACE: &str = "conflicts";

/// The place of a conflict as people name it: the field, or the block where it is in several.
pub fn conflict_name(profile: &Profile, conflict: &Conflict) -> String {
    match profile.config_path(&conflict.block, &conflict.path()) {
        Some(path) => profile.short_path(&path).to_string(),
        None => conflict.block.to_string(),
    }
}

impl Agents {
    /// The conflicts that wait in a commit; none for nearly every commit.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn conflicts(&self, agent: &Handle, commit: &ObjectId) -> Result<Option<Record>, AgentError> {
        let name = RefName::about(NAMESPACE, commit);
        let state = self.repo.backend().read_ref(agent, &name).map_err(RepoError::from)?;
        let Some(id) = state.and_then(|state| state.target).and_then(|target| target.id()) else {
            return Ok(None);
        };
        Ok(Some(Record::from_bytes(&self.repo.block(&id)?)?))
    }

    /// Refuses a commit in which conflicts wait; `revision` is its name.
    ///
    /// # Errors
    /// `Conflicted` with the name of each.
    pub fn refuse_conflicts(
        &self,
        agent: &Handle,
        commit: &ObjectId,
        revision: &str,
    ) -> Result<(), AgentError> {
        let Some(record) = self.conflicts(agent, commit)? else { return Ok(()) };
        let profile = self.profile(&self.repo.commit(commit)?.profile)?;
        let name = |conflict: &Conflict| {
            format!("{}: {}", conflict_name(&profile, conflict), conflict.kind().word())
        };
        Err(AgentError::Conflicted {
            agent: agent.clone(),
            revision: revision.to_owned(),
            conflicts: record.conflicts.iter().map(name).collect(),
        })
    }

    /// Says in an operation which conflicts wait in a commit.
    pub(in crate::agent) fn write_conflicts(
        operation: &mut Operation<'_>,
        commit: &ObjectId,
        record: Option<&Record>,
    ) -> Result<(), AgentError> {
        let name = RefName::about(NAMESPACE, commit);
        let block = match record {
            Some(record) => Some(Object { kind: Kind::Block, payload: record.to_bytes()? }),
            None => None,
        };
        let target = block.as_ref().map(|block| Target::Id(block.id()));
        if operation.current(&name)? != target {
            operation.put_all(block.into_iter().collect());
            operation.write(name, target, Vec::new())?;
        }
        Ok(())
    }

    /// The conflicts of a draft that still wait when its blocks become these; those of the blocks in
    /// `decided` do not.
    pub(in crate::agent) fn carried(
        &self,
        agent: &Handle,
        before: &Config,
        after: &Blocks,
        decided: &[BlockName],
    ) -> Result<Option<Record>, AgentError> {
        let Some(mut record) = self.conflicts(agent, &before.commit)? else { return Ok(None) };
        let policies = before.profile.merge_policies();
        let waits = |conflict: &Conflict| !decided.contains(&conflict.block);
        let waiting = record.conflicts.iter().filter(|conflict| waits(conflict));
        record.conflicts =
            waiting.filter_map(|conflict| conflict.carried(&before.blocks, after, &policies)).collect();
        Ok((!record.conflicts.is_empty()).then_some(record))
    }
}
