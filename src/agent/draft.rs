//! Drafts: forked, edited, renamed, discarded, restored into.

use crate::history::Revision;
use crate::log::RefState;
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
            author: commit.author,
            time: commit.time,
        })
    }

    /// Forks a draft.
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
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let meta = self.meta_in(operation)?;
                if meta.archived {
                    return Err(AgentError::Archived(agent.clone()));
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
                refuse_second_draft(&profile, name)?;
                let draft = RefName::draft(name);
                if operation.read(&draft)?.is_some() {
                    return Err(AgentError::DraftExists { agent: agent.clone(), draft: name.clone() });
                }
                let commit = self.draft_commit(operation, &profile, tree, parents)?;
                operation.write(draft, Some(Target::Id(commit)), Vec::new())?;
                Ok(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok((self.draft(agent, name)?, receipt))
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

    /// Makes `blocks` the draft's next revision; the same config is no new revision.
    pub(super) fn revise(
        &self,
        operation: &mut Operation<'_>,
        draft: &DraftInfo,
        profile: &Profile,
        old: &Tree,
        blocks: &Blocks,
        message: String,
    ) -> Result<bool, AgentError> {
        let stored = config::store(blocks, Some(old))?;
        let before = self.repo.commit(&draft.commit)?;
        if stored.tree == *old && before.profile == profile.id() {
            return Ok(false);
        }
        let changed: Vec<BlockName> = old.changed_names(&stored.tree);
        operation.put_all(stored.objects);
        self.bring_profile(operation, profile)?;
        let time = operation.time();
        let (tree, parents) = (stored.tree_id, before.parents);
        let commit =
            mint(operation, NewCommit { profile, tree, parents, author: &self.actor, time, message })?;
        operation.write(RefName::draft(&draft.name), Some(Target::Id(commit)), changed)?;
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
                refuse_second_draft(&profile, to)?;
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
                    return Err(AgentError::OneDraft { profile: profile.name().to_owned() });
                }
                operation.write(RefName::draft(name), None, Vec::new())?;
                Ok(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok(receipt)
    }

    /// Overwrites a draft with a revision's config, or makes the draft; what was overwritten stays
    /// as an earlier revision of the draft.
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
        let latest = self.default_source(agent)?.map(|resolved| resolved.commit());
        let intent = self.intent("restore", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                operation.cite(crate::encoding::Digest::from_bytes(*source.as_bytes()));
                refuse_second_draft(&config.profile, name)?;
                if operation.read(&RefName::draft(name))?.is_none() {
                    if expected.is_some() {
                        return Err(no_draft(agent, name));
                    }
                    let base = latest.unwrap_or(*source);
                    let commit = self.draft_commit(operation, &config.profile, config.tree_id, vec![base])?;
                    operation.write(RefName::draft(name), Some(Target::Id(commit)), Vec::new())?;
                    return Ok(());
                }
                let draft = self.draft_in(operation, name, expected)?;
                let old = self.repo.tree(&self.repo.commit(&draft.commit)?.tree)?;
                let message = String::new();
                self.revise(operation, &draft, &config.profile, &old, &config.blocks, message)?;
                Ok::<_, AgentError>(())
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok((self.draft(agent, name)?, receipt))
    }

    /// Keeps a labelled snapshot of a draft (or of any revision) that is no version and never serves.
    ///
    /// # Errors
    /// `BadText`; as [`Agents::config`].
    pub fn checkpoint(
        &self,
        agent: &Handle,
        source: &ObjectId,
        label: &str,
        description: &str,
    ) -> Result<(ObjectId, Receipt), AgentError> {
        let message = version::message(label, description)?;
        let intent = self.intent("checkpoint", "");
        self.repo.operate(
            agent,
            &intent,
            |operation| {
                let commit = self.repo.commit(source)?;
                let profile = self.profile(&commit.profile)?;
                operation.cite(crate::encoding::Digest::from_bytes(*source.as_bytes()));
                let (time, message) = (operation.time(), message.clone());
                let (tree, parents) = (commit.tree, commit.parents);
                let new = NewCommit { profile: &profile, tree, parents, author: &self.actor, time, message };
                let id = mint(operation, new)?;
                operation.write(RefName::about("checkpoints", &id), Some(Target::Id(id)), Vec::new())?;
                Ok(id)
            },
            |_, _| Ok(Vec::new()),
        )
    }
}

fn refuse_second_draft(profile: &Profile, name: &Handle) -> Result<(), AgentError> {
    if profile.draft_policy() == DraftPolicy::One && *name != only_draft() {
        return Err(AgentError::OneDraft { profile: profile.name().to_owned() });
    }
    Ok(())
}

pub(super) fn no_draft(agent: &Handle, name: &Handle) -> AgentError {
    AgentError::NoSuchRevision { agent: agent.clone(), revision: format!("draft:{name}") }
}
