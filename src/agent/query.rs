//! Looking at agents: which there are, and what is known of one.

use crate::clock::Time;
use crate::history::{LogLines, Order};
use crate::log::RecordId;
use crate::refs::Handle;
use crate::repo::RepoError;

use super::{AgentError, AgentInfo, Agents, DraftInfo, Number};

impl Agents {
    /// The handle that an agent has now.
    ///
    /// # Errors
    /// `NoSuchAgent`.
    pub fn locate(&self, handle: &Handle) -> Result<Handle, AgentError> {
        let found = self.repo.backend().locate(handle).map_err(RepoError::from)?;
        found.ok_or_else(|| AgentError::NoSuchAgent(handle.clone()))
    }

    /// Agents after `after`, in order of their handles, at most `limit`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn list(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<AgentInfo>, AgentError> {
        let mut last_try = false;
        loop {
            let handles = self.repo.backend().agents(after, limit).map_err(RepoError::from)?;
            let found: Result<Vec<AgentInfo>, AgentError> =
                handles.iter().map(|handle| self.info(handle)).collect();
            match found {
                // It was renamed since the names were read: under its new name it may belong here.
                Err(AgentError::NoSuchAgent(_)) if !last_try => last_try = true,
                other => return other,
            }
        }
    }

    /// What is known of an agent.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when it cannot be read.
    pub fn info(&self, agent: &Handle) -> Result<AgentInfo, AgentError> {
        let head = self.repo.backend().head(agent).map_err(RepoError::from)?;
        let head = head.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let active = match self.active(agent)? {
            Some(id) => Some((id, self.number_of(agent, &id)?.unwrap_or(Number::of(0)))),
            None => None,
        };
        let drafts = self.repo.backend().refs(agent, "drafts").map_err(RepoError::from)?;
        Ok(AgentInfo {
            handle: agent.clone(),
            id: head.agent,
            meta: self.meta(agent)?,
            active,
            versions: self.version_count(agent)?,
            drafts: drafts.iter().filter_map(|(name, _)| name.as_draft()).collect(),
            changed: head.time,
        })
    }

    /// The drafts of an agent, in order of their names.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn drafts(&self, agent: &Handle) -> Result<Vec<DraftInfo>, AgentError> {
        let refs = self.repo.backend().refs(agent, "drafts").map_err(RepoError::from)?;
        let mut drafts = Vec::new();
        for (name, state) in &refs {
            if let Some(name) = name.as_draft() {
                drafts.push(self.draft_info(agent, &name, state)?);
            }
        }
        Ok(drafts)
    }

    /// When an operation of an agent happened.
    pub(super) fn operation_time(&self, agent: &Handle, id: RecordId) -> Result<Option<Time>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let Some(lines) = lines else { return Ok(None) };
        for line in lines.containing(&id.to_string()) {
            let (found, record) = line.map_err(RepoError::from)?;
            if found == id {
                return Ok(Some(record.time));
            }
        }
        Ok(None)
    }
}
