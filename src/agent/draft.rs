//! Drafts: forked, edited, renamed, discarded, restored into.

use crate::clock::Time;
use crate::encoding::Digest;
use crate::history::Revision;
use crate::log::RefState;
use crate::merge::Record;
use crate::object::{BlockName, Blocks, ObjectId, Tree};
use crate::profile::{DraftPolicy, Profile};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::config::{self, NewCommit, mint};
use super::{AgentError, Agents, DraftInfo, Resolved, version};

/// What a new draft begins as.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftSource {
    /// What serves, or the newest version when nothing does.
    Default,
    /// A revision of the agent.
    Revision(Revision),
}

/// What a draft is to become.
pub(super) struct Revised<'a> {
    pub(super) profile: &'a Profile,
    pub(super) blocks: &'a Blocks,
    /// The versions it is made from; none when these stay.
    pub(super) parents: Option<Vec<ObjectId>>,
    pub(super) message: String,
    /// What then waits to be decided.
    pub(super) conflicts: Option<Record>,
}

/// The name of the draft where there is only one.
pub(super) fn only_draft() -> Handle {
    "main".parse().expect("a handle")
}

impl Agents {
    /// A draft.
    ///
    /// # Errors
    /// `NoSuchRevision`.
    pub fn draft(&self, agent: &Handle, name: &Handle) -> Result<DraftInfo, AgentError> {
        let state = self.repo.backend().read_ref(agent, &RefName::draft(name)).map_err(RepoError::from)?;
        let state = state.ok_or_else(|| no_draft(agent, name))?;
        self.draft_info(agent, name, &state)
    }

    pub(super) fn draft_info(
        &self,
        agent: &Handle,
        name: &Handle,
        state: &RefState,
    ) -> Result<DraftInfo, AgentError> {
        let id = state.target.as_ref().and_then(Target::id).ok_or_else(|| no_draft(agent, name))?;
        let commit = self.repo.commit(&id)?;
        let base = commit.parents.first().copied();
        let base_number = match base {
            Some(base) => self.number_of(agent, &base)?,
            None => None,
        };
        Ok(DraftInfo {
            name: name.clone(),
            id: state.created,
            commit: id,
            revision: state.revision,
            base,
            base_number,
            conflicts: self.conflicts(agent, &id)?.map_or(0, |record| record.conflicts.len()),
            author: commit.author,
            time: commit.time,
        })
    }

    /// Forks a draft. In a rehearsal the draft that is returned has no id and no commit of its own yet: its
    /// id is all zeros, its commit is one with the same config.
    ///
    /// # Errors
    /// `DraftExists`; `OneDraft` where the profile allows none but `main`; as [`Agents::resolve`].
    pub fn new_draft(
        &self,
        agent: &Handle,
        name: &Handle,
        source: &DraftSource,
    ) -> Result<(DraftInfo, Receipt), AgentError> {
        let source = match source {
            DraftSource::Default => self.default_source(agent)?,
            DraftSource::Revision(revision) => Some(self.resolve_revision(agent, revision)?),
        };
        let intent = self.intent("draft-new", "");
        let (base, receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let meta = self.meta_in(operation)?;
                if meta.archived {
                    return Err(AgentError::Archived(agent.clone()));
                }
                // So that of another store's draft it is known that it was taken over.
                if let Some(source) = source.as_ref().filter(|one| !matches!(one, Resolved::Version(_))) {
                    operation.cite(Digest::from_bytes(*source.commit().as_bytes()));
                }
                let (profile, tree, parents) = if let Some(source) = &source {
                    let commit = self.repo.commit(&source.commit())?;
                    let profile = self.profile(&commit.profile)?;
                    let parents = match source {
                        Resolved::Version(version) => vec![version.id],
                        _ => commit.parents,
                    };
                    (profile, commit.tree, parents)
                } else {
                    let profile = self.profile(&meta.profile)?;
                    let blocks = self.loose_config(profile.clone(), profile.defaults())?.blocks;
                    let stored = config::store(&blocks, None)?;
                    operation.put_all(stored.objects);
                    (profile, stored.tree_id, Vec::new())
                };
                refuse_second_draft(agent, &profile, name)?;
                let draft = RefName::draft(name);
                if operation.read(&draft)?.is_some() {
                    return Err(AgentError::DraftExists { agent: agent.clone(), draft: name.clone() });
                }
                let conflicts = match &source {
                    Some(source) => self.conflicts(agent, &source.commit())?,
                    None => None,
                };
                let base = parents.first().copied();
                let commit = self.draft_commit(operation, &profile, tree, parents)?;
                operation.write(draft, Some(Target::Id(commit)), Vec::new())?;
                Self::write_conflicts(operation, &commit, conflicts.as_ref())?;
                Ok(base)
            },
            |_, _| Ok(Vec::new()),
        )?;
        if let (true, Some(source)) = (self.rehearsal, &source) {
            return Ok((self.unmade(agent, name, source.commit(), base, receipt.time)?, receipt));
        }
        Ok((self.draft(agent, name)?, receipt))
    }

    /// A draft that a rehearsal did not make, of which nothing but a commit with the same config is there.
    fn unmade(
        &self,
        agent: &Handle,
        name: &Handle,
        commit: ObjectId,
        base: Option<ObjectId>,
        time: Time,
    ) -> Result<DraftInfo, AgentError> {
        let base_number = base.map(|base| self.number_of(agent, &base)).transpose()?.flatten();
        let conflicts = self.conflicts(agent, &commit)?.map_or(0, |record| record.conflicts.len());
        let (name, author, id) = (name.clone(), self.actor.clone(), DraftInfo::unmade_id());
        Ok(DraftInfo { name, id, commit, revision: 1, base, base_number, conflicts, author, time })
    }

    /// What serves, or the newest version when nothing does; `None` without versions.
    fn default_source(&self, agent: &Handle) -> Result<Option<Resolved>, AgentError> {
        if let Some(id) = self.active(agent)? {
            return self.describe(agent, id).map(Some);
        }
        match self.resolve_revision(agent, &Revision::Latest) {
            Ok(resolved) => Ok(Some(resolved)),
            Err(AgentError::NoSuchRevision { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn draft_commit(
        &self,
        operation: &mut Operation<'_>,
        profile: &Profile,
        tree: ObjectId,
        parents: Vec<ObjectId>,
    ) -> Result<ObjectId, AgentError> {
        self.bring_profile(operation, profile)?;
        let (time, message) = (operation.time(), String::new());
        mint(operation, NewCommit { profile, tree, parents, author: &self.actor, time, message })
    }

    /// Makes the draft's next revision; the same config with the same conflicts, made from the same
    /// versions, is no new revision.
    pub(super) fn revise(
        &self,
        operation: &mut Operation<'_>,
        draft: &DraftInfo,
        old: &Tree,
        new: Revised<'_>,
    ) -> Result<bool, AgentError> {
        let Revised { profile, blocks, parents, message, conflicts } = new;
        let stored = config::store(blocks, Some(old))?;
        let before = self.repo.commit(&draft.commit)?;
        let parents = parents.unwrap_or_else(|| before.parents.clone());
        let same = stored.tree == *old && before.profile == profile.id() && before.parents == parents;
        if same && self.conflicts(operation.agent(), &draft.commit)? == conflicts {
            return Ok(false);
        }
        let changed: Vec<BlockName> = old.changed_names(&stored.tree);
        operation.put_all(stored.objects);
        self.bring_profile(operation, profile)?;
        let time = operation.time();
        let tree = stored.tree_id;
        let commit =
            mint(operation, NewCommit { profile, tree, parents, author: &self.actor, time, message })?;
        operation.write(RefName::draft(&draft.name), Some(Target::Id(commit)), changed)?;
        Self::write_conflicts(operation, &commit, conflicts.as_ref())?;
        Ok(true)
    }

    /// The draft in an operation, refused when it is not at the revision expected.
    pub(super) fn draft_in(
        &self,
        operation: &mut Operation<'_>,
        name: &Handle,
        expected: Option<u64>,
    ) -> Result<DraftInfo, AgentError> {
        let agent = operation.agent().clone();
        let state = operation.read(&RefName::draft(name))?.ok_or_else(|| no_draft(&agent, name))?;
        let draft = self.draft_info(&agent, name, &state)?;
        match expected {
            Some(expected) if expected != draft.revision => Err(AgentError::DraftMoved {
                agent,
                draft: name.clone(),
                expected,
                actual: draft.revision,
                by: draft.author.name,
            }),
            _ => Ok(draft),
        }
    }

    /// Gives a draft another name; it stays the same draft.
    ///
    /// # Errors
    /// `NoSuchRevision`, `DraftExists`, `OneDraft`.
    pub fn rename_draft(&self, agent: &Handle, from: &Handle, to: &Handle) -> Result<Receipt, AgentError> {
        let intent = self.intent("draft-rename", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let draft = self.draft_in(operation, from, None)?;
                if from == to {
                    return Ok(());
                }
                let profile = self.profile(&self.repo.commit(&draft.commit)?.profile)?;
                refuse_second_draft(agent, &profile, to)?;
                if operation.read(&RefName::draft(to))?.is_some() {
                    return Err(AgentError::DraftExists { agent: agent.clone(), draft: to.clone() });
                }
                operation.rename_ref(&RefName::draft(from), RefName::draft(to))?;
                Ok(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok(receipt)
    }

    /// Throws a draft away; `undo` brings it back.
    ///
    /// # Errors
    /// `NoSuchRevision`; `DraftMoved` when it is not at the revision expected; `OneDraft` where the
    /// draft must always exist.
    pub fn discard_draft(
        &self,
        agent: &Handle,
        name: &Handle,
        expected: Option<u64>,
    ) -> Result<Receipt, AgentError> {
        let intent = self.intent("draft-discard", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let draft = self.draft_in(operation, name, expected)?;
                let profile = self.profile(&self.repo.commit(&draft.commit)?.profile)?;
                if profile.draft_policy() == DraftPolicy::One {
                    return Err(one_draft(agent, &profile));
                }
                operation.write(RefName::draft(name), None, Vec::new())?;
                Ok(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok(receipt)
    }

    /// Overwrites a draft with a revision's config, or makes the draft; what was overwritten stays
    /// as an earlier revision of the draft. A draft that a rehearsal would make is as in [`Agents::new_draft`].
    ///
    /// # Errors
    /// As [`Agents::resolve`]; `DraftMoved`; `OneDraft`.
    pub fn restore(
        &self,
        agent: &Handle,
        source: &ObjectId,
        name: &Handle,
        expected: Option<u64>,
    ) -> Result<(DraftInfo, Receipt), AgentError> {
        let config = self.config(source)?;
        let conflicts = self.conflicts(agent, source)?;
        let latest = self.default_source(agent)?.map(|resolved| resolved.commit());
        let intent = self.intent("restore", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                operation.cite(Digest::from_bytes(*source.as_bytes()));
                refuse_second_draft(agent, &config.profile, name)?;
                if operation.read(&RefName::draft(name))?.is_none() {
                    if expected.is_some() {
                        return Err(no_draft(agent, name));
                    }
                    let base = latest.unwrap_or(*source);
                    let commit = self.draft_commit(operation, &config.profile, config.tree_id, vec![base])?;
                    operation.write(RefName::draft(name), Some(Target::Id(commit)), Vec::new())?;
                    return Self::write_conflicts(operation, &commit, conflicts.as_ref());
                }
                let draft = self.draft_in(operation, name, expected)?;
                let old = self.repo.tree(&self.repo.commit(&draft.commit)?.tree)?;
                let revised = Revised {
                    profile: &config.profile,
                    blocks: &config.blocks,
                    parents: None,
                    message: String::new(),
                    conflicts: conflicts.clone(),
                };
                self.revise(operation, &draft, &old, revised)?;
                Ok::<_, AgentError>(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        if self.rehearsal
            && self.repo.backend().read_ref(agent, &RefName::draft(name)).map_err(RepoError::from)?.is_none()
        {
            let draft = self.unmade(agent, name, *source, Some(latest.unwrap_or(*source)), receipt.time)?;
            return Ok((draft, receipt));
        }
        Ok((self.draft(agent, name)?, receipt))
    }

    /// Keeps a labelled snapshot of a draft (or of any revision) that is no version and never serves; the log
    /// has the note.
    ///
    /// # Errors
    /// `BadText`; as [`Agents::config`].
    pub fn checkpoint(
        &self,
        agent: &Handle,
        source: &ObjectId,
        label: &str,
        description: &str,
        note: &str,
    ) -> Result<(ObjectId, Receipt), AgentError> {
        let message = version::message(label, description)?;
        let intent = self.intent("checkpoint", note);
        self.repo.operate(
            agent,
            &intent,
            |operation| self.checkpoint_in(operation, source, message.clone()),
            |_, _| Ok(Vec::new()),
        )
    }

    /// Keeps a snapshot of a revision in an operation.
    pub(super) fn checkpoint_in(
        &self,
        operation: &mut Operation<'_>,
        source: &ObjectId,
        message: String,
    ) -> Result<ObjectId, AgentError> {
        let commit = self.repo.commit(source)?;
        let profile = self.profile(&commit.profile)?;
        operation.cite(Digest::from_bytes(*source.as_bytes()));
        let (tree, parents, time) = (commit.tree, commit.parents, operation.time());
        let new = NewCommit { profile: &profile, tree, parents, author: &self.actor, time, message };
        let id = mint(operation, new)?;
        operation.write(RefName::about("checkpoints", &id), Some(Target::Id(id)), Vec::new())?;
        let conflicts = self.conflicts(operation.agent(), source)?;
        Self::write_conflicts(operation, &id, conflicts.as_ref())?;
        Ok(id)
    }
}

pub(super) fn refuse_second_draft(
    agent: &Handle,
    profile: &Profile,
    name: &Handle,
) -> Result<(), AgentError> {
    if profile.draft_policy() == DraftPolicy::One && *name != only_draft() {
        return Err(one_draft(agent, profile));
    }
    Ok(())
}

fn one_draft(agent: &Handle, profile: &Profile) -> AgentError {
    AgentError::OneDraft { agent: agent.clone(), profile: profile.name().to_owned() }
}

pub(super) fn no_draft(agent: &Handle, name: &Handle) -> AgentError {
    AgentError::NoSuchRevision { agent: agent.clone(), revision: format!("draft:{name}") }
}
