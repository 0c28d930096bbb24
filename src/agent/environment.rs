//! Environments as refs of an agent: where one is kept, what it names, what it named when. The one that
//! is bound to ACTIVE is ACTIVE under another name. The order of environments is `release`'s.

use crate::clock::Time;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::{AgentError, Agents, Resolved, Served};

/// The setting that names the environment which is ACTIVE.
pub const BOUND_SETTING: &str = "environments.active";
/// The namespace of the refs of environments.
pub const ENVIRONMENTS: &str = "environments";

/// The ref of an environment that is not bound to ACTIVE.
pub(super) fn unbound_ref(name: &Handle) -> RefName {
    format!("{ENVIRONMENTS}/{name}").parse().expect("a handle makes a ref name")
}

impl Agents {
    /// The ref that says which version an environment has: `environments/<name>`, or ACTIVE when the
    /// store's settings bind the environment to it.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn environment_ref(&self, name: &Handle) -> Result<RefName, AgentError> {
        let settings = self.repo.settings()?;
        let bound = settings.get(BOUND_SETTING) == Some(name.as_str());
        Ok(if bound { RefName::active() } else { unbound_ref(name) })
    }

    /// The version that an environment has.
    ///
    /// # Errors
    /// When the ref or the settings cannot be read.
    pub fn environment(&self, agent: &Handle, name: &Handle) -> Result<Option<ObjectId>, AgentError> {
        let state = self.repo.backend().read_ref(agent, &self.environment_ref(name)?);
        Ok(state.map_err(RepoError::from)?.and_then(|state| state.target).and_then(|target| target.id()))
    }

    /// Which version an environment had when, oldest first.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when the log cannot be read.
    pub fn environment_history(&self, agent: &Handle, name: &Handle) -> Result<Vec<Served>, AgentError> {
        self.stretches(agent, &self.environment_ref(name)?)
    }

    /// The newest stretch of an environment that began not after `until`; `None` when it never had a
    /// version.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when the log cannot be read.
    pub fn environment_at(
        &self,
        agent: &Handle,
        name: &Handle,
        until: Option<Time>,
    ) -> Result<Option<Served>, AgentError> {
        self.last_stretch(agent, &self.environment_ref(name)?, until)
    }

    pub(super) fn resolve_environment(
        &self,
        agent: &Handle,
        name: &Handle,
    ) -> Result<Option<Resolved>, AgentError> {
        self.environment(agent, name)?.map(|id| self.describe(agent, id)).transpose()
    }

    pub(super) fn resolve_environment_at(
        &self,
        agent: &Handle,
        name: &Handle,
        time: Time,
    ) -> Result<Resolved, AgentError> {
        let had = self.environment_at(agent, name, Some(time))?.and_then(|stretch| stretch.version);
        let nothing = || AgentError::NothingInThen { agent: agent.clone(), environment: name.clone(), time };
        self.describe(agent, had.ok_or_else(nothing)?)
    }
}
