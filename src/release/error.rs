//! Why an environment was not moved.

use crate::agent::{AgentError, CheckState, Number};
use crate::error::{Classify, Kind};
use crate::object::ObjectId;
use crate::refs::Handle;
use crate::repo::RepoError;

/// A step that a version would leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedStep {
    /// The agent.
    pub agent: Handle,
    /// How people name the version.
    pub version: String,
    /// How a command names it.
    pub address: String,
    /// Where it was to go.
    pub environment: Handle,
    /// The step that it has not taken.
    pub step: Handle,
    /// What is there instead: `V2`, or `none`.
    pub has: String,
    /// The first step that it can take.
    pub next: Handle,
}

/// Why an environment was not moved, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The agent or the version does not allow it.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The store refused.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The store's settings cannot be used.
    #[error("the setting '{name}' cannot be used: {reason}")]
    Settings {
        /// The setting.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The store has no environment of that name.
    #[error("no environment '{name}'; there are {}", listed(known))]
    NoSuchEnvironment {
        /// The name.
        name: Handle,
        /// Those there are, in their order.
        known: Vec<Handle>,
    },
    /// The environment does not have what the caller expects.
    #[error("environment '{environment}' of agent '{agent}' has {actual}, not {expected}")]
    Moved {
        /// The agent.
        agent: Handle,
        /// The environment.
        environment: Handle,
        /// What was expected.
        expected: String,
        /// What it has.
        actual: String,
    },
    /// The version is not in the environment right before.
    #[error("{} of agent '{}' cannot be promoted to '{}': it is not in '{}', the step before, which has {}", .0.version, .0.agent, .0.environment, .0.step, .0.has)]
    SkippedStep(Box<SkippedStep>),
    /// The version's check keeps it out.
    #[error("V{number} of agent '{agent}' cannot be put into '{environment}': its check is {state}")]
    CheckStands {
        /// The agent.
        agent: Handle,
        /// The version.
        number: Number,
        /// Its commit.
        id: ObjectId,
        /// The environment.
        environment: Handle,
        /// What the check says.
        state: CheckState,
    },
    /// There is nothing in the environment to be promoted.
    #[error("environment '{environment}' of agent '{agent}' has no version")]
    Empty {
        /// The agent.
        agent: Handle,
        /// The environment.
        environment: Handle,
    },
    /// No environment follows.
    #[error("no environment follows '{environment}', which has {version} of agent '{agent}' already")]
    LastStep {
        /// The agent.
        agent: Handle,
        /// How people name the version.
        version: String,
        /// The last environment.
        environment: Handle,
    },
}

impl Classify for ReleaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Agent(error) => error.kind(),
            Self::Repo(error) => error.kind(),
            Self::Settings { .. } | Self::CheckStands { .. } => Kind::Invalid,
            Self::NoSuchEnvironment { .. } | Self::Empty { .. } => Kind::NotFound,
            Self::Moved { .. } => Kind::Conflict,
            Self::SkippedStep(_) | Self::LastStep { .. } => Kind::Refused,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Agent(error) => error.details(),
            Self::Repo(error) => error.details(),
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Agent(error) => return error.hint(),
            Self::Repo(error) => return error.hint(),
            Self::Settings { .. } => {
                "'recto config' shows the settings, 'recto config environments dev,qa,prod' changes the order"
                    .to_owned()
            }
            Self::NoSuchEnvironment { .. } => {
                "'recto config environments' changes which there are".to_owned()
            }
            Self::Moved { agent, environment, .. } => format!("recto env history {agent} {environment}"),
            Self::SkippedStep(step) => format!(
                "'recto promote {}@{} --to {}' takes the next step, --skip-step REASON skips what is between",
                step.agent, step.address, step.next
            ),
            Self::CheckStands { agent, number, id, state, .. } => {
                let version = format!("{agent}@{}", number.address(id));
                match state {
                    CheckState::Pending => {
                        format!(
                            "'recto check {version} --run' decides it; --override-check REASON lets it through all the same"
                        )
                    }
                    _ => format!(
                        "'recto check {version}' shows why, and with --run checks it anew; --override-check REASON lets it through all the same"
                    ),
                }
            }
            Self::Empty { agent, .. } => format!("'recto env list {agent}' shows what each environment has"),
            Self::LastStep { agent, .. } => {
                format!(
                    "'recto promote {agent}@REV --to ENV' names another step, 'recto env list {agent}' shows them"
                )
            }
        })
    }
}

fn listed(names: &[Handle]) -> String {
    names.iter().map(Handle::as_str).collect::<Vec<_>>().join(", ")
}
