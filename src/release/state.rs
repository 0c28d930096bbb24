//! What the environments of an agent have, since when, by whom.

use crate::agent::{ENVIRONMENTS, Served, VersionInfo};
use crate::refs::Handle;
use crate::repo::RepoError;

use super::{Environments, ReleaseError};

/// What one environment of an agent has.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentState {
    /// The environment.
    pub name: Handle,
    /// Whether the settings list it; else it was left by others, and can only be cleared.
    pub listed: bool,
    /// Whether it is ACTIVE under another name.
    pub bound: bool,
    /// The version that it has.
    pub version: Option<VersionInfo>,
    /// Since when, by whom and why; none when it never had one.
    pub since: Option<Served>,
}

impl Environments<'_> {
    /// What each environment of an agent has: in their order, then those that the settings do not list and
    /// that have a version all the same.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when something cannot be read.
    pub fn state(&self, agent: &Handle) -> Result<Vec<EnvironmentState>, ReleaseError> {
        self.refuse_unknown(agent)?;
        let mut states = Vec::new();
        for name in self.order.names() {
            states.push(self.state_of(agent, name, true)?);
        }
        let backend = self.agents.repo().backend();
        let kept = backend.refs(agent, ENVIRONMENTS).map_err(RepoError::from)?;
        for (name, _) in kept.iter().filter(|(_, state)| state.target.is_some()) {
            let Ok(name) = name.split().1.parse::<Handle>() else { continue };
            if !self.order.names().contains(&name) {
                states.push(self.state_of(agent, &name, false)?);
            }
        }
        Ok(states)
    }

    fn state_of(
        &self,
        agent: &Handle,
        name: &Handle,
        listed: bool,
    ) -> Result<EnvironmentState, ReleaseError> {
        let version = match self.agents.environment(agent, name)? {
            Some(id) => Some(self.agents.version(agent, &id)?),
            None => None,
        };
        let since = self.agents.environment_at(agent, name, None)?;
        let bound = self.order.bound() == Some(name);
        Ok(EnvironmentState { name: name.clone(), listed, bound, version, since })
    }

    /// Which version an environment of an agent had when, oldest first.
    ///
    /// # Errors
    /// `NoSuchEnvironment` for one that is not listed and never had a version; `NoSuchAgent`.
    pub fn history(&self, agent: &Handle, environment: &Handle) -> Result<Vec<Served>, ReleaseError> {
        let history = self.agents.environment_history(agent, environment)?;
        if history.is_empty() {
            self.order.position(environment)?;
        }
        Ok(history)
    }
}
