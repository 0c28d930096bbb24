//! What can be wrong with webhooks.

use std::path::PathBuf;

use crate::backend::BackendError;
use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::refs::Handle;

use super::book::STATE_FILE;

/// What can be wrong with webhooks.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A webhook with that name is there.
    #[error("there is a webhook '{0}' already")]
    Taken(Handle),
    /// No webhook has that name.
    #[error("there is no webhook '{0}'")]
    NoSuch(Handle),
    /// There are as many as there may be.
    #[error("a store has at most {0} webhooks")]
    TooMany(usize),
    /// So many secrets count at once already.
    #[error("webhook '{name}' has {max} secrets that count, as many as it may")]
    TooManySecrets {
        /// The webhook.
        name: Handle,
        /// How many.
        max: usize,
    },
    /// An address that cannot be told anything.
    #[error("'{url}' is no address for a webhook: {reason}")]
    BadUrl {
        /// The address, without what may be a password.
        url: String,
        /// Why not.
        reason: String,
    },
    /// An address on another machine that is not encrypted.
    #[error("'{0}' is no address for a webhook: what is sent there is not encrypted")]
    Unencrypted(String),
    /// A word that is no event.
    #[error("'{0}' is no event")]
    BadEvent(String),
    /// The file is not what was written.
    #[error("the file of webhooks '{}' is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use the file of webhooks '{}'", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: DiskError,
    },
    /// The system has no random bytes.
    #[error("the system has no random bytes: {0}")]
    Random(String),
    /// The logs cannot be looked at.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// There was no answer.
    #[error("webhook '{name}' cannot be told anything: {reason}")]
    Unanswered {
        /// The webhook.
        name: Handle,
        /// Why there was none.
        reason: String,
    },
}

impl Classify for WebhookError {
    fn kind(&self) -> Kind {
        match self {
            Self::Taken(_) | Self::TooMany(_) | Self::TooManySecrets { .. } => Kind::Refused,
            Self::NoSuch(_) => Kind::NotFound,
            Self::BadUrl { .. } | Self::Unencrypted(_) | Self::BadEvent(_) => Kind::Usage,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Disk { .. } | Self::Random(_) | Self::Unanswered { .. } => Kind::Io,
            Self::Backend(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Taken(name) => Some(format!(
                "take another name; 'recto webhook rotate {name}' gives that one another secret"
            )),
            Self::NoSuch(_) | Self::TooMany(_) => Some("recto webhook list".to_owned()),
            Self::TooManySecrets { name, .. } => Some(format!(
                "wait until one of them counts no more, or 'recto webhook rotate {name} --overlap 0s' for a new one at once"
            )),
            Self::Unencrypted(_) => Some("use https, or '--insecure'".to_owned()),
            Self::BadEvent(_) => {
                let words: Vec<&str> =
                    super::EventKind::ALL.into_iter().map(super::EventKind::name).collect();
                Some(format!("the events are {}", words.join(", ")))
            }
            Self::Damaged { path, .. } if path.ends_with(STATE_FILE) => Some(
                "restore it from a backup, or remove it: webhooks are then told of what happens from now on"
                    .to_owned(),
            ),
            Self::Damaged { .. } => {
                Some("restore it from a backup, or remove it and add the webhooks anew".to_owned())
            }
            Self::Backend(error) => error.hint(),
            Self::BadUrl { .. } | Self::Disk { .. } | Self::Random(_) | Self::Unanswered { .. } => None,
        }
    }
}
