//! Damaged agents that a verb about all agents meets: the others are served all the same, and at the end
//! the damaged ones are named.

use crate::error::{Classify, Kind};
use crate::refs::Handle;

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};

/// The damaged agents that were met.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    agents: Vec<(Handle, CliError)>,
}

impl Damage {
    /// Takes note of damage to an agent: `None` then.
    ///
    /// # Errors
    /// For every other failure.
    pub(crate) fn pass<T, E: Classify + Into<CliError>>(
        &mut self,
        agent: &Handle,
        result: Result<T, E>,
    ) -> Result<Option<T>, E> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == Kind::Corrupt => {
                self.agents.push((agent.clone(), error.into()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The same for a failure that was made ready to be shown.
    ///
    /// # Errors
    /// For every other failure.
    pub(crate) fn pass_told<T>(
        &mut self,
        agent: &Handle,
        result: Result<T, CliError>,
    ) -> Result<Option<T>, CliError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(CliError::Failed(failure)) if failure.kind == Kind::Corrupt => {
                self.agents.push((agent.clone(), CliError::Failed(failure)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Adds others that were met.
    pub(crate) fn extend(&mut self, others: Self) {
        self.agents.extend(others.agents);
    }

    /// Whether none was met.
    pub(crate) fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// The damaged agents, and what is wrong with each.
    pub(crate) fn into_agents(self) -> Vec<(Handle, CliError)> {
        self.agents
    }

    /// Names the damaged agents on stderr; how the verb ends.
    pub(crate) fn finish(self, ctx: &Context) -> Exit {
        if self.agents.is_empty() {
            return Exit::Done;
        }
        let message =
            format!("{} left out", are(&count(self.agents.len(), "damaged agent"), self.agents.len()));
        let details = self.agents.into_iter().filter_map(|(agent, error)| match error {
            CliError::Failed(failure) => Some(format!("{agent}: {}", failure.message)),
            CliError::Closed => None,
        });
        let error = CliError::new(Kind::Corrupt, message).details(details);
        let error = error
            .hint("'recto fsck' says all that is wrong; 'recto recover AGENT' makes a lost journal and files of refs anew");
        if let CliError::Failed(failure) = error {
            failure.show(&ctx.out);
        }
        Exit::Found(Kind::Corrupt)
    }
}

fn are(what: &str, count: usize) -> String {
    format!("{what} {}", if count == 1 { "is" } else { "are" })
}
