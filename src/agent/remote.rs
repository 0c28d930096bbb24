//! What another store had when it was last looked at: `support@origin/V7`, `support@origin/tone`.

use crate::history::Revision;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::environment::unbound_ref;
use super::{AgentError, Agents, Resolved};

impl Agents {
    /// What a revision of a remote names.
    pub(super) fn resolve_remote(
        &self,
        agent: &Handle,
        remote: &Handle,
        revision: &Revision,
    ) -> Result<Resolved, AgentError> {
        let id = match revision {
            Revision::Active => self.remote_ref(agent, remote, &RefName::active())?,
            Revision::Latest => self.remote_latest(agent, remote)?,
            Revision::Version(number) => self.remote_version(agent, remote, *number)?,
            Revision::Draft(name) => self.remote_ref(agent, remote, &RefName::draft(name))?,
            Revision::Environment(name) => self.remote_environment(agent, remote, name)?,
            Revision::Word(word) => match word.parse::<Handle>() {
                Ok(name) => match self.remote_ref(agent, remote, &RefName::draft(&name))? {
                    Some(id) => Some(id),
                    None => self.remote_environment(agent, remote, &name)?,
                },
                Err(_) => None,
            },
            Revision::At(_) | Revision::EnvironmentAt { .. } | Revision::Remote { .. } => None,
        };
        let named = || format!("{remote}/{revision}");
        let id = id.ok_or_else(|| AgentError::NoSuchRevision { agent: agent.clone(), revision: named() })?;
        self.describe(agent, id)
    }

    fn remote_environment(
        &self,
        agent: &Handle,
        remote: &Handle,
        name: &Handle,
    ) -> Result<Option<ObjectId>, AgentError> {
        self.remote_ref(agent, remote, &unbound_ref(name))
    }

    fn remote_ref(
        &self,
        agent: &Handle,
        remote: &Handle,
        name: &RefName,
    ) -> Result<Option<ObjectId>, AgentError> {
        let Some(name) = name.at_remote(remote) else { return Ok(None) };
        let state = self.repo.backend().read_ref(agent, &name).map_err(RepoError::from)?;
        Ok(state.and_then(|state| state.target).and_then(|target| target.id()))
    }

    fn remote_version(
        &self,
        agent: &Handle,
        remote: &Handle,
        number: u64,
    ) -> Result<Option<ObjectId>, AgentError> {
        let Some(list) = RefName::versions().at_remote(remote) else { return Ok(None) };
        let Some(at) = number.checked_sub(1) else { return Ok(None) };
        let entries = self.repo.backend().list(agent, &list, at, 1).map_err(RepoError::from)?;
        Ok(entries.first().map(|entry| entry.id))
    }

    fn remote_latest(&self, agent: &Handle, remote: &Handle) -> Result<Option<ObjectId>, AgentError> {
        let Some(list) = RefName::versions().at_remote(remote) else { return Ok(None) };
        let mut number = self.repo.backend().list_len(agent, &list).map_err(RepoError::from)?;
        while let Some(id) = self.remote_version(agent, remote, number)? {
            if self.remote_ref(agent, remote, &RefName::about("withdrawn", &id))?.is_none() {
                return Ok(Some(id));
            }
            number -= 1;
        }
        Ok(None)
    }
}
