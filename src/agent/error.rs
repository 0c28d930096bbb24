//! Why an operation on an agent was refused.

use crate::error::{Classify, Kind};
use crate::history::RevisionError;
use crate::object::{ObjectError, ObjectId};
use crate::profile::{Problem, ProfileError};
use crate::refs::{Handle, HandleError};
use crate::repo::RepoError;

use super::CheckState;

/// A change that a publish would undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The version that made it.
    pub version: u64,
    /// Who published that version.
    pub author: String,
    /// The field.
    pub path: String,
}

/// Why an operation on an agent was refused.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The store refused.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The revision is malformed.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The name is malformed.
    #[error(transparent)]
    Name(#[from] HandleError),
    /// There is no such agent.
    #[error("no agent '{0}'")]
    NoSuchAgent(Handle),
    /// The handle is taken.
    #[error("there is an agent '{0}' already")]
    AgentExists(Handle),
    /// The handle forwards to an agent that was renamed.
    #[error("'{0}' leads to an agent that was renamed to '{1}'")]
    HandleForwards(Handle, Handle),
    /// The agent is archived.
    #[error("agent '{0}' is archived")]
    Archived(Handle),
    /// The revision names nothing.
    #[error("agent '{agent}' has no '{revision}'")]
    NoSuchRevision {
        /// The agent.
        agent: Handle,
        /// The revision.
        revision: String,
    },
    /// The revision names several things.
    #[error("'{revision}' of agent '{agent}' is ambiguous: {}", candidates.join(", "))]
    Ambiguous {
        /// The agent.
        agent: Handle,
        /// The revision.
        revision: String,
        /// What it could be.
        candidates: Vec<String>,
    },
    /// Nothing serves.
    #[error("nothing serves for agent '{0}'")]
    NotServing(Handle),
    /// There is a draft of that name.
    #[error("agent '{agent}' has a draft '{draft}' already")]
    DraftExists {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
    },
    /// The profile allows one draft, `main`.
    #[error("agents of profile '{profile}' have one draft, 'main'")]
    OneDraft {
        /// The profile.
        profile: String,
    },
    /// The draft moved since it was read.
    #[error("draft '{draft}' of agent '{agent}' is at revision {actual}, not {expected}: {by} edited it")]
    DraftMoved {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The revision that the edit was based on.
        expected: u64,
        /// The revision it is at.
        actual: u64,
        /// Who edited it last.
        by: String,
    },
    /// What was expected to serve, or to be newest, is not.
    #[error("{what} of agent '{agent}' is {actual}, not {expected}")]
    Moved {
        /// The agent.
        agent: Handle,
        /// `ACTIVE`, `the latest version`.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// The config breaks rules of its profile.
    #[error("the config has {} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Invalid {
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no such profile.
    #[error("no profile '{name}'; there are {}", known.join(", "))]
    NoSuchProfile {
        /// The name.
        name: String,
        /// The profiles there are.
        known: Vec<String>,
    },
    /// A label, a description or another text is too long or empty.
    #[error("the {what} {reason}")]
    BadText {
        /// Which text.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A config is too large.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The draft has nothing to publish.
    #[error("draft '{draft}' of agent '{agent}' {reason}")]
    NothingToPublish {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// Why.
        reason: &'static str,
    },
    /// Publishing would undo what others published since the draft was forked.
    #[error("publishing draft '{draft}' of agent '{agent}' would undo {} change{} published since it was forked", changes.len(), if changes.len() == 1 { "" } else { "s" })]
    WouldUndo {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The changes.
        changes: Vec<Undone>,
    },
    /// The version's check keeps it from serving.
    #[error("V{number} of agent '{agent}' cannot be activated: its check is {state}")]
    CheckStands {
        /// The agent.
        agent: Handle,
        /// The version.
        number: u64,
        /// What the check says.
        state: CheckState,
    },
    /// A mask would take the place of a value.
    #[error("'{path}' holds a mask ('****') in place of a value")]
    Masked {
        /// The field.
        path: String,
    },
    /// The version was withdrawn.
    #[error("V{number} of agent '{agent}' was withdrawn")]
    Withdrawn {
        /// The agent.
        agent: Handle,
        /// The version.
        number: u64,
    },
    /// The commit is no version.
    #[error("'{id}' of agent '{agent}' is no published version")]
    NotAVersion {
        /// The agent.
        agent: Handle,
        /// The commit.
        id: ObjectId,
    },
    /// There is nothing to go back to.
    #[error("there is nothing to roll agent '{0}' back to: nothing served before")]
    NothingBefore(Handle),
    /// The last operation cannot be undone.
    #[error("the last operation on agent '{agent}', '{kind}', cannot be undone: {reason}")]
    CannotUndo {
        /// The agent.
        agent: Handle,
        /// Its kind.
        kind: String,
        /// Why.
        reason: &'static str,
    },
    /// A line or document to be imported is wrong.
    #[error("{place}: {reason}")]
    Import {
        /// Where: a line, a file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no finding to accept.
    #[error("the check of agent '{agent}' finds nothing at '{path}'")]
    NoSuchFinding {
        /// The agent.
        agent: Handle,
        /// The field.
        path: String,
    },
    /// The caller was interrupted.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

impl Classify for AgentError {
    fn kind(&self) -> Kind {
        match self {
            Self::Repo(error) => error.kind(),
            Self::Revision(error) => error.kind(),
            Self::Object(error) => error.kind(),
            Self::Name(_) | Self::BadText { .. } | Self::OneDraft { .. } | Self::Ambiguous { .. } => {
                Kind::Usage
            }
            Self::NoSuchAgent(_)
            | Self::NoSuchRevision { .. }
            | Self::NotServing(_)
            | Self::NoSuchProfile { .. }
            | Self::NoSuchFinding { .. } => Kind::NotFound,
            Self::AgentExists(_)
            | Self::HandleForwards(..)
            | Self::Archived(_)
            | Self::DraftExists { .. }
            | Self::NothingToPublish { .. }
            | Self::Withdrawn { .. }
            | Self::NotAVersion { .. }
            | Self::NothingBefore(_)
            | Self::CannotUndo { .. } => Kind::Refused,
            Self::DraftMoved { .. } | Self::Moved { .. } | Self::WouldUndo { .. } => Kind::Conflict,
            Self::Invalid { .. }
            | Self::Profile(_)
            | Self::CheckStands { .. }
            | Self::Masked { .. }
            | Self::Import { .. } => Kind::Invalid,
            Self::Interrupted(_) => Kind::Interrupted,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems } => problems.iter().map(ToString::to_string).collect(),
            Self::WouldUndo { changes, .. } => {
                let line = |undone: &Undone| {
                    format!("{}: changed in V{} by {}", undone.path, undone.version, undone.author)
                };
                changes.iter().map(line).collect()
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Repo(error) => error.hint(),
            Self::Revision(error) => error.hint(),
            Self::Name(error) => error.hint(),
            Self::NoSuchAgent(_) => Some("'recto agent list' shows the agents of this store".to_owned()),
            Self::HandleForwards(_, to) => Some(format!("use '{to}', or another name for the new agent")),
            Self::Archived(agent) => Some(format!("recto agent unarchive {agent}")),
            Self::NoSuchRevision { agent, .. } => {
                Some(format!("'recto agent show {agent}' lists its versions and drafts"))
            }
            Self::Ambiguous { .. } => Some("say draft:NAME, env:NAME, or more digits of the id".to_owned()),
            Self::NotServing(agent) => Some(format!("recto activate {agent}@latest")),
            Self::DraftExists { agent, draft } => Some(format!("'recto set {agent}@{draft} ...' edits it")),
            Self::DraftMoved { agent, draft, .. } => {
                Some(format!("'recto draft log {agent}@{draft}' shows what was changed"))
            }
            Self::NothingToPublish { agent, draft, .. } => Some(format!(
                "edit it first ('recto set {agent}@{draft} PATH=VALUE'), or publish with --allow-unchanged"
            )),
            Self::WouldUndo { agent, draft, .. } => Some(format!(
                "take the changes over into a new draft of {agent}@latest, or 'recto publish {agent}@{draft} --overwrite' to undo them"
            )),
            Self::CheckStands { agent, number, state } => Some(match state {
                CheckState::Pending => {
                    format!("wait for the check, or run 'recto check {agent}@V{number} --run'")
                }
                _ => format!(
                    "'recto check {agent}@V{number}' shows why; --override-check REASON activates it all the same"
                ),
            }),
            Self::Masked { .. } => Some("put the value itself, or a reference to it, there".to_owned()),
            Self::Withdrawn { agent, number } => {
                Some(format!("'recto restore {agent}@V{number}' makes a draft of it"))
            }
            Self::NotAVersion { agent, .. } => {
                Some(format!("'recto publish {agent}@DRAFT' makes a version of a draft"))
            }
            _ => None,
        }
    }
}
