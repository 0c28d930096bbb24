//! Why an opened store could not do what was asked.

use std::path::{Path, PathBuf};

use crate::backend::BackendError;
use crate::clock::Time;
use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::history::HistoryError;
use crate::object::{ObjectError, ObjectId};
use crate::refs::Handle;

/// Why an opened store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The backend refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// History cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A file beside the store cannot be read or written.
    #[error("cannot use '{}'", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: DiskError,
    },
    /// An object that something points to is not there.
    #[error("{kind} '{id}' is missing")]
    Missing {
        /// What it should be.
        kind: &'static str,
        /// Its id.
        id: ObjectId,
    },
    /// An object cannot be read or made.
    #[error("object '{id}' is damaged")]
    Object {
        /// The object.
        id: ObjectId,
        /// What is wrong.
        source: ObjectError,
    },
    /// An object cannot be stored.
    #[error("the config cannot be stored")]
    TooLarge {
        /// What is wrong.
        source: ObjectError,
    },
    /// The clock stands before the last operation.
    #[error("the clock says {now}, but the last operation on agent '{agent}' was at {last}")]
    ClockBehind {
        /// The agent.
        agent: Handle,
        /// What the clock says.
        now: Time,
        /// The time of the last operation.
        last: Time,
    },
    /// Others kept writing the same agent.
    #[error("agent '{agent}' kept being changed by others")]
    Contended {
        /// The agent.
        agent: Handle,
    },
    /// The agent that was to be made is here already, under another handle.
    #[error("agent '{agent}' is here already, as '{by}'")]
    IdTaken {
        /// The handle that it was to get.
        agent: Handle,
        /// The handle that it has.
        by: Handle,
    },
    /// Something is not as who acts saw it.
    #[error("{what} of agent '{agent}' is {actual}, not {expected}")]
    NotAsExpected {
        /// The agent.
        agent: Handle,
        /// A ref, or the last operation.
        what: String,
        /// The ids that were expected.
        expected: String,
        /// The id that is there.
        actual: String,
    },
    /// Whether the operation happened could not be found out.
    #[error("it is unknown whether the operation on agent '{agent}' happened")]
    Unknown {
        /// The agent.
        agent: Handle,
    },
    /// The system has no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(String),
    /// The settings file is not one.
    #[error("'{}' is not a settings file: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl RepoError {
    pub(crate) fn disk(path: &Path, source: DiskError) -> Self {
        Self::Disk { path: path.to_path_buf(), source }
    }
}

impl Classify for RepoError {
    fn kind(&self) -> Kind {
        match self {
            Self::Backend(error) => error.kind(),
            Self::History(error) => error.kind(),
            Self::Disk { source, .. } => source.kind(),
            Self::Missing { .. } | Self::Object { .. } => Kind::Corrupt,
            Self::TooLarge { .. } | Self::Settings { .. } => Kind::Invalid,
            Self::ClockBehind { .. } | Self::IdTaken { .. } => Kind::Refused,
            Self::Contended { .. } | Self::NotAsExpected { .. } => Kind::Conflict,
            Self::Unknown { .. } | Self::Random(_) => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Backend(error) => error.hint(),
            Self::History(error) => error.hint(),
            Self::Disk { source, .. } => source.hint(),
            Self::Missing { .. } | Self::Object { .. } => Some("run 'recto fsck' for all that is damaged".to_owned()),
            Self::ClockBehind { .. } => Some(
                "set the clock, or accept it with 'recto config clock.backwards allow': times in the log then stand still until the clock catches up"
                    .to_owned(),
            ),
            Self::Contended { .. } => Some("run the command again".to_owned()),
            Self::Unknown { agent } => Some(format!("'recto log {agent} -n 1' shows what happened last")),
            _ => None,
        }
    }
}
