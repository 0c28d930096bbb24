//! Drafts that take over changes: merged with another version or draft, rebased onto the newest
//! version, with the change of one version picked or taken back. One operation each. What conflicts
//! waits with the draft's commit until it is decided.

mod combine;
mod decide;
mod profiles;
mod waiting;

#[cfg(test)]
mod tests;

use crate::encoding::Digest;
use crate::history::{self, Revision};
use crate::merge::{Record, Sides};
use crate::object::{BlockName, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::config::{self, NewCommit, mint};
use super::draft::{Revised, no_draft, refuse_second_draft};
use super::{AgentError, Agents, Config, DraftInfo, Resolved, VersionInfo, meta};

pub use decide::{Decision, Pick, Resolution, conflict_is_at};
pub(super) use waiting::NAMESPACE;
pub use waiting::conflict_name;

use combine::Roles;

/// What goes with every merge.
#[derive(Debug, Clone, Copy, Default)]
pub struct MergeOptions<'a> {
    /// The draft's revision that the person saw.
    pub expected_revision: Option<u64>,
    /// Why; the log keeps it.
    pub message: &'a str,
}

/// What became of a draft that was merged into.
#[derive(Debug)]
pub struct MergeOutcome {
    /// The draft before; none when it was made for this.
    pub before: Option<DraftInfo>,
    /// The draft now; none when it would only be made in a rehearsal.
    pub draft: Option<DraftInfo>,
    /// What both sides came from; none when they have nothing in common, and nothing was compared.
    pub base: Option<ObjectId>,
    /// The config before, and the merged one.
    pub old: Config,
    /// What it became.
    pub new: Config,
    /// What has to be decided, and how the sides are called.
    pub conflicts: Option<Record>,
    /// The operation; none when the draft had everything already.
    pub receipt: Receipt,
}

/// The draft that is merged into, before.
struct Ours {
    commit: ObjectId,
    parents: Vec<ObjectId>,
    draft: Option<DraftInfo>,
}

/// What is to be merged, and the parents that the draft has afterwards.
struct Plan {
    roles: Roles,
    parents: Vec<ObjectId>,
}

/// Which draft is merged into, and by which kind of operation.
#[derive(Clone, Copy)]
struct Work<'a> {
    agent: &'a Handle,
    draft: &'a Handle,
    kind: &'a str,
    options: &'a MergeOptions<'a>,
    /// The version that the draft is forked from where it does not exist.
    fork: Option<ObjectId>,
}

/// What was done within the operation.
struct Done {
    before: Option<DraftInfo>,
    base: Option<ObjectId>,
    old: Config,
    new: Config,
    conflicts: Option<Record>,
}

impl Agents {
    /// Brings into a draft what a version, a draft or a checkpoint changed since their common base. A
    /// version is then among the draft's parents, and so is what a draft is based on. Nothing is
    /// recorded when the draft has it all.
    ///
    /// # Errors
    /// `Conflicted` when conflicts of either side wait; `InvalidMerge` when nothing conflicts and the
    /// result is invalid all the same; `ProfilesDiffer`, `DraftMoved`, `Archived`.
    pub fn merge(
        &self,
        agent: &Handle,
        draft: &Handle,
        theirs: &Resolved,
        options: &MergeOptions<'_>,
    ) -> Result<MergeOutcome, AgentError> {
        let id = theirs.commit();
        let merged = match theirs {
            Resolved::Version(version) => vec![version.id],
            _ => self.repo.commit(&id)?.parents,
        };
        let work = Work { agent, draft, kind: "merge", options, fork: None };
        self.merge_into(work, |ours| {
            let base = self.merge_base(&ours.commit, &id)?;
            if base == Some(id) {
                return Ok(None);
            }
            let mut parents = ours.parents.clone();
            for version in &merged {
                if !self.is_behind(version, &parents)? {
                    parents.push(*version);
                }
            }
            let parents = self.without_passed(&parents)?;
            let roles = self.roles(agent, draft, base, id, None)?;
            Ok(Some(Plan { roles, parents }))
        })
    }

    /// Replays a draft's changes since its base onto a version, which becomes its base.
    ///
    /// # Errors
    /// As [`Agents::merge`].
    pub fn rebase(
        &self,
        agent: &Handle,
        draft: &Handle,
        onto: &VersionInfo,
        options: &MergeOptions<'_>,
    ) -> Result<MergeOutcome, AgentError> {
        let work = Work { agent, draft, kind: "draft-rebase", options, fork: None };
        self.merge_into(work, |ours| {
            let base = match ours.parents.first() {
                Some(base) if *base == onto.id => return Ok(None),
                // What the draft took over since is no change of its own.
                Some(base) if self.is_behind(base, &[onto.id])? => self.merge_base(&ours.commit, &onto.id)?,
                base => base.copied(),
            };
            let mut parents = vec![onto.id];
            for merged in ours.parents.iter().skip(1) {
                if !self.is_behind(merged, &parents)? {
                    parents.push(*merged);
                }
            }
            let roles = self.roles(agent, draft, base, onto.id, None)?;
            Ok(Some(Plan { roles, parents }))
        })
    }

    /// Brings what one version changed, or what it changed in one block, into a draft.
    ///
    /// # Errors
    /// `NoChange` for a version before which there is none; `NotInChange` for a block that the version
    /// did not change; as [`Agents::merge`].
    pub fn cherry_pick(
        &self,
        agent: &Handle,
        draft: &Handle,
        (version, block): (&VersionInfo, Option<&BlockName>),
        options: &MergeOptions<'_>,
    ) -> Result<MergeOutcome, AgentError> {
        let before = before(agent, version)?;
        if let Some(block) = block {
            let tree =
                |id: &ObjectId| -> Result<_, AgentError> { Ok(self.repo.tree(&self.repo.commit(id)?.tree)?) };
            let changed = tree(&before)?.changed_names(&tree(&version.id)?);
            if !changed.contains(block) {
                let (agent, number, block) = (agent.clone(), version.number, block.clone());
                return Err(AgentError::NotInChange { agent, number, block, changed });
            }
        }
        let work = Work { agent, draft, kind: "cherry-pick", options, fork: None };
        self.merge_into(work, |ours| {
            let roles = self.roles(agent, draft, Some(before), version.id, block.cloned())?;
            Ok(Some(Plan { roles, parents: ours.parents.clone() }))
        })
    }

    /// Takes back what one version changed, in a draft, which is forked from the newest version when
    /// it does not exist.
    ///
    /// # Errors
    /// `NoChange` for a version before which there is none; `OneDraft`; as [`Agents::merge`].
    pub fn revert(
        &self,
        agent: &Handle,
        draft: &Handle,
        version: &VersionInfo,
        options: &MergeOptions<'_>,
    ) -> Result<MergeOutcome, AgentError> {
        let before = before(agent, version)?;
        let latest = self.resolve_revision(agent, &Revision::Latest)?.commit();
        let work = Work { agent, draft, kind: "revert", options, fork: Some(latest) };
        self.merge_into(work, |ours| {
            let roles = self.roles(agent, draft, Some(version.id), before, None)?;
            Ok(Some(Plan { roles, parents: ours.parents.clone() }))
        })
    }

    fn merge_into(
        &self,
        work: Work<'_>,
        plan: impl Fn(&Ours) -> Result<Option<Plan>, AgentError>,
    ) -> Result<MergeOutcome, AgentError> {
        let Work { agent, draft, kind, options, .. } = work;
        meta::checked_text("message", options.message, 2000)?;
        let intent = self.intent(kind, options.message);
        let (done, receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                if self.meta_in(operation)?.archived {
                    return Err(AgentError::Archived(agent.clone()));
                }
                let ours = self.ours(operation, work)?;
                if let Some(plan) = plan(&ours)? {
                    return self.merge_in(operation, work, ours, plan);
                }
                let old = self.config(&ours.commit)?;
                let (before, new) = (ours.draft, old.clone());
                Ok(Done { before, base: None, old, new, conflicts: None })
            },
            |_, _| Ok(Vec::new()),
        )?;
        let now = match self.draft(agent, draft) {
            Ok(draft) => Some(draft),
            Err(AgentError::NoSuchRevision { .. }) => None,
            Err(error) => return Err(error),
        };
        let Done { before, base, old, new, conflicts } = done;
        Ok(MergeOutcome { before, draft: now, base, old, new, conflicts, receipt })
    }

    fn ours(&self, operation: &mut Operation<'_>, work: Work<'_>) -> Result<Ours, AgentError> {
        if operation.read(&RefName::draft(work.draft))?.is_none()
            && let Some(fork) = work.fork
        {
            if work.options.expected_revision.is_some() {
                return Err(no_draft(work.agent, work.draft));
            }
            return Ok(Ours { commit: fork, parents: vec![fork], draft: None });
        }
        let draft = self.draft_in(operation, work.draft, work.options.expected_revision)?;
        let parents = self.repo.commit(&draft.commit)?.parents;
        Ok(Ours { commit: draft.commit, parents, draft: Some(draft) })
    }

    fn merge_in(
        &self,
        operation: &mut Operation<'_>,
        work: Work<'_>,
        ours: Ours,
        plan: Plan,
    ) -> Result<Done, AgentError> {
        let Plan { roles, parents } = plan;
        self.refuse_conflicts(work.agent, &ours.commit, work.draft.as_str())?;
        let theirs = self.describe(work.agent, roles.theirs)?.name();
        self.refuse_conflicts(work.agent, &roles.theirs, &theirs)?;
        let (old, new, conflicts) = self.combine(work.agent, work.draft, &ours.commit, &roles)?;
        operation.cite(Digest::from_bytes(*roles.theirs.as_bytes()));
        let profile = &new.profile;
        if let Some(draft) = &ours.draft {
            let revised = Revised {
                profile,
                blocks: &new.blocks,
                parents: Some(parents),
                message: work.options.message.to_owned(),
                conflicts: conflicts.clone(),
            };
            self.revise(operation, draft, &old.tree, revised)?;
        } else if new.tree_id != old.tree_id || conflicts.is_some() {
            refuse_second_draft(work.agent, profile, work.draft)?;
            operation.put_all(config::missing(&new, Some(&old.tree))?);
            self.bring_profile(operation, profile)?;
            let (time, message) = (operation.time(), work.options.message.to_owned());
            let (tree, author) = (new.tree_id, &self.actor);
            let commit = mint(operation, NewCommit { profile, tree, parents, author, time, message })?;
            let changed = old.tree.changed_names(&new.tree);
            operation.write(RefName::draft(work.draft), Some(Target::Id(commit)), changed)?;
            Self::write_conflicts(operation, &commit, conflicts.as_ref())?;
        }
        Ok(Done { before: ours.draft, base: roles.base, old, new, conflicts })
    }

    fn roles(
        &self,
        agent: &Handle,
        draft: &Handle,
        base: Option<ObjectId>,
        theirs: ObjectId,
        only: Option<BlockName>,
    ) -> Result<Roles, AgentError> {
        let name = |id: ObjectId| -> Result<String, AgentError> {
            Ok(format!("{agent}@{}", self.describe(agent, id)?.name()))
        };
        let labels = Sides {
            base: base.map_or_else(|| Ok("nothing".to_owned()), name)?,
            ours: format!("{agent}@{draft}"),
            theirs: name(theirs)?,
        };
        Ok(Roles { base, theirs, labels, only })
    }

    fn merge_base(&self, one: &ObjectId, other: &ObjectId) -> Result<Option<ObjectId>, AgentError> {
        Ok(history::merge_base(self.repo.backend(), one, other).map_err(RepoError::from)?)
    }

    /// Whether a commit is one of these, or lies behind one.
    fn is_behind(&self, id: &ObjectId, of: &[ObjectId]) -> Result<bool, AgentError> {
        for commit in of {
            if history::is_ancestor(self.repo.backend(), id, commit).map_err(RepoError::from)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Parents without those merged ones that lie behind another; the base, which is the first, stays.
    fn without_passed(&self, parents: &[ObjectId]) -> Result<Vec<ObjectId>, AgentError> {
        let mut kept = Vec::with_capacity(parents.len());
        for (at, parent) in parents.iter().enumerate() {
            let others: Vec<ObjectId> = parents.iter().copied().filter(|other| other != parent).collect();
            if at == 0 || !self.is_behind(parent, &others)? {
                kept.push(*parent);
            }
        }
        Ok(kept)
    }
}

/// The version before another: what its change begins from.
fn before(agent: &Handle, version: &VersionInfo) -> Result<ObjectId, AgentError> {
    let none = || AgentError::NoChange { agent: agent.clone(), number: version.number };
    version.parents.first().copied().ok_or_else(none)
}
