//! From `AGENT@REV` to what it names.

use crate::history::{Revision, Spec};
use crate::object::{Kind, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::{AgentError, Agents, Resolved};

/// How many candidates of an ambiguous revision are named.
const CANDIDATES_MAX: usize = 8;

impl Agents {
    /// What a revision names, and the handle that its agent has now.
    ///
    /// # Errors
    /// `NoSuchAgent`, `NoSuchRevision`, `Ambiguous`, `NotServing`, `NothingThen`.
    pub fn resolve(&self, spec: &Spec) -> Result<(Handle, Resolved), AgentError> {
        let agent = self.locate(&spec.agent)?;
        let resolved = self.resolve_revision(&agent, &spec.revision)?;
        Ok((agent, resolved))
    }

    /// What a revision of an agent names.
    ///
    /// # Errors
    /// As [`Agents::resolve`].
    pub fn resolve_revision(&self, agent: &Handle, revision: &Revision) -> Result<Resolved, AgentError> {
        let no_such = || AgentError::NoSuchRevision { agent: agent.clone(), revision: revision.to_string() };
        match revision {
            Revision::Active => {
                let id = self.active(agent)?.ok_or_else(|| AgentError::NotServing(agent.clone()))?;
                self.describe(agent, id)
            }
            Revision::Latest => {
                let mut number = self.version_count(agent)?;
                while number > 0 {
                    let version = self.version_at(agent, number)?;
                    if !version.withdrawn {
                        return Ok(Resolved::Version(version));
                    }
                    number -= 1;
                }
                Err(no_such())
            }
            Revision::Version(number) if *number > self.numbered_count(agent)? => Err(no_such()),
            Revision::Version(number) => self.version_at(agent, *number).map(Resolved::Version),
            Revision::Remote { remote, revision } => self.resolve_remote(agent, remote, revision),
            Revision::At(time) => {
                let id = self.served_at(agent, *time)?;
                self.describe(agent, id)
            }
            Revision::Draft(name) => self.draft(agent, name).map(Resolved::Draft),
            Revision::Environment(name) => self.resolve_environment(agent, name)?.ok_or_else(no_such),
            Revision::EnvironmentAt { name, time } => self.resolve_environment_at(agent, name, *time),
            Revision::Word(word) => self.resolve_word(agent, word),
        }
    }

    /// The commit that a revision names, without what else is known of it: the short way for
    /// reading a config.
    ///
    /// # Errors
    /// As [`Agents::resolve`].
    pub fn commit_of(&self, agent: &Handle, revision: &Revision) -> Result<ObjectId, AgentError> {
        if let Revision::Active = revision {
            let id = self.active(agent)?;
            return id.ok_or_else(|| AgentError::NotServing(agent.clone()));
        }
        if let Revision::Version(number) = revision
            && let Some(at) = number.checked_sub(1)
        {
            let entries =
                self.repo.backend().list(agent, &RefName::versions(), at, 1).map_err(RepoError::from)?;
            if let Some(entry) = entries.first() {
                return Ok(entry.id);
            }
        }
        Ok(self.resolve_revision(agent, revision)?.commit())
    }

    /// The commit that somebody expects somewhere; `None` when the revision names nothing, which then
    /// cannot be there.
    ///
    /// # Errors
    /// `Ambiguous`, or when the store cannot be read.
    pub fn expected(&self, agent: &Handle, revision: &Revision) -> Result<Option<ObjectId>, AgentError> {
        match self.commit_of(agent, revision) {
            Ok(id) => Ok(Some(id)),
            Err(
                AgentError::NoSuchRevision { .. }
                | AgentError::NotServing(_)
                | AgentError::NothingThen { .. }
                | AgentError::NothingInThen { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A word is a draft, an environment or the beginning of an id; if it is more than one of
    /// these, it is refused.
    fn resolve_word(&self, agent: &Handle, word: &str) -> Result<Resolved, AgentError> {
        let mut found: Vec<(String, Resolved)> = Vec::new();
        if let Ok(name) = word.parse::<Handle>() {
            match self.draft(agent, &name) {
                Ok(draft) => found.push((format!("draft:{name}"), Resolved::Draft(draft))),
                Err(AgentError::NoSuchRevision { .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(resolved) = self.resolve_environment(agent, &name)? {
                found.push((format!("env:{name}"), resolved));
            }
        }
        if crate::history::is_prefix(word) {
            for id in self.commits_with_prefix(agent, word)? {
                found.push((id.short(), self.describe(agent, id)?));
            }
        }
        match found.len() {
            0 => Err(AgentError::NoSuchRevision { agent: agent.clone(), revision: word.to_owned() }),
            1 => Ok(found.remove(0).1),
            _ => {
                let candidates = found.into_iter().take(CANDIDATES_MAX).map(|(name, _)| name).collect();
                Err(AgentError::Ambiguous { agent: agent.clone(), revision: word.to_owned(), candidates })
            }
        }
    }

    /// Commits of this agent whose id begins so. Other agents' commits are no revisions of it: its
    /// log must name them.
    fn commits_with_prefix(&self, agent: &Handle, prefix: &str) -> Result<Vec<ObjectId>, AgentError> {
        let ids = self.repo.backend().find(prefix, 1000).map_err(RepoError::from)?;
        let mut mine = Vec::new();
        for id in ids {
            let is_commit = self.repo.object(&id)?.is_some_and(|object| object.kind == Kind::Commit);
            if is_commit && self.log_names(agent, &id)? {
                mine.push(id);
            }
        }
        Ok(mine)
    }

    fn log_names(&self, agent: &Handle, id: &ObjectId) -> Result<bool, AgentError> {
        if self.number_of(agent, id)?.is_some() {
            return Ok(true);
        }
        let lines =
            crate::history::LogLines::new(self.repo.backend(), agent, crate::history::Order::NewestFirst)
                .map_err(RepoError::from)?;
        let Some(lines) = lines else { return Ok(false) };
        let text = id.to_string();
        let named = lines.containing(&text).next().transpose().map_err(RepoError::from)?;
        Ok(named.is_some())
    }

    /// What a commit of an agent is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn describe(&self, agent: &Handle, id: ObjectId) -> Result<Resolved, AgentError> {
        if self.number_of(agent, &id)?.is_some() {
            return self.version(agent, &id).map(Resolved::Version);
        }
        let backend = self.repo.backend();
        let name = RefName::about("checkpoints", &id);
        if backend.read_ref(agent, &name).map_err(RepoError::from)?.is_some() {
            return self.checkpoint_info(id).map(Resolved::Checkpoint);
        }
        for (name, state) in backend.refs(agent, "drafts").map_err(RepoError::from)? {
            if let (Some(name), Some(Target::Id(target))) = (name.as_draft(), &state.target)
                && *target == id
            {
                return self.draft_info(agent, &name, &state).map(Resolved::Draft);
            }
        }
        Ok(Resolved::Commit(id))
    }
}
