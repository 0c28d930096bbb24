//! Environments: which version each of an agent's stages has, moved one by one or along their order. Knows
//! agents and versions; never HTTP or a terminal.

mod error;
mod order;
mod promote;
mod set;
mod state;

#[cfg(test)]
mod tests;

use crate::agent::{AgentError, Agents, VersionInfo};
use crate::object::ObjectId;
use crate::refs::{Expected, Handle, Target};
use crate::repo::{Operation, Receipt, RepoError};

pub use error::{ReleaseError, SkippedStep};
pub use order::{ORDER_SETTING, Order, check_order};
pub use promote::{Promotion, Source};
pub use set::Placement;
pub use state::EnvironmentState;

/// The environments of the agents of one store.
#[derive(Debug)]
pub struct Environments<'a> {
    agents: &'a Agents,
    order: Order,
}

/// An environment that was moved.
#[derive(Debug)]
pub struct Moved {
    /// The environment.
    pub environment: Handle,
    /// The version that it had.
    pub from: Option<ObjectId>,
    /// The version that it has; none when it was cleared.
    pub to: Option<VersionInfo>,
    /// The operation; nothing was recorded when it had that version already.
    pub receipt: Receipt,
}

impl<'a> Environments<'a> {
    /// The environments as the store's settings have them.
    ///
    /// # Errors
    /// `Settings` when these cannot be used.
    pub fn of(agents: &'a Agents) -> Result<Self, ReleaseError> {
        Ok(Self { agents, order: Order::of(&agents.repo().settings()?)? })
    }

    /// Their order.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The version that an environment has.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when it cannot be read.
    pub fn serving(&self, agent: &Handle, environment: &Handle) -> Result<Option<ObjectId>, ReleaseError> {
        self.refuse_unknown(agent)?;
        Ok(self.agents.environment(agent, environment)?)
    }

    fn refuse_unknown(&self, agent: &Handle) -> Result<(), ReleaseError> {
        let head = self.agents.repo().backend().head(agent).map_err(RepoError::from)?;
        head.map(drop).ok_or_else(|| AgentError::NoSuchAgent(agent.clone()).into())
    }

    /// The version that an environment has in an operation, which from then on relies on it.
    fn target(
        &self,
        operation: &mut Operation<'_>,
        environment: &Handle,
    ) -> Result<Option<ObjectId>, ReleaseError> {
        let name = self.agents.environment_ref(environment)?;
        Ok(operation.target(&name)?.and_then(|target| target.id()))
    }

    fn refuse_moved(
        &self,
        agent: &Handle,
        environment: &Handle,
        expected: &Expected,
        actual: Option<ObjectId>,
    ) -> Result<(), ReleaseError> {
        if expected.allows(actual.map(Target::Id).as_ref()) {
            return Ok(());
        }
        let expected = match expected {
            Expected::Is(target) => target.id(),
            Expected::Absent | Expected::Any => None,
        };
        Err(ReleaseError::Moved {
            agent: agent.clone(),
            environment: environment.clone(),
            expected: self.agents.version_word(agent, expected)?,
            actual: self.agents.version_word(agent, actual)?,
        })
    }

    /// Refuses a version that must not serve; says for the log why one whose check stands is let through.
    fn admit(
        &self,
        operation: &mut Operation<'_>,
        version: &VersionInfo,
        environment: &Handle,
        reason: Option<&str>,
    ) -> Result<Option<String>, ReleaseError> {
        match (self.agents.admit(operation, version, false), reason) {
            (Err(AgentError::CheckStands { state, .. }), Some(reason)) => {
                self.agents.admit(operation, version, true)?;
                Ok(Some(format!("check {state}: {reason}")))
            }
            (Err(AgentError::CheckStands { agent, number, state }), None) => {
                let (id, environment) = (version.id, environment.clone());
                Err(ReleaseError::CheckStands { agent, number, id, environment, state })
            }
            (admitted, _) => {
                admitted?;
                Ok(None)
            }
        }
    }
}

/// What the log is told: the actor's words, then each reason that was needed.
fn note(words: &str, reasons: impl IntoIterator<Item = String>) -> String {
    let words = Some(words.to_owned()).filter(|words| !words.is_empty());
    words.into_iter().chain(reasons).collect::<Vec<_>>().join("; ")
}
