//! What can be wrong with tokens.

use std::path::PathBuf;

use crate::disk::DiskError;
use crate::error::{Classify, Kind};

/// What can be wrong with tokens.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A token with that name is there, and is not revoked.
    #[error("there is a token '{0}' already")]
    Taken(String),
    /// No token has that name or id.
    #[error("there is no token '{0}'")]
    NoSuch(String),
    /// A name that cannot be one.
    #[error("'{name}' is no name for a token: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A pattern that cannot be one.
    #[error("'{0}' is no pattern for handles")]
    BadPattern(String),
    /// A word that is no role.
    #[error("'{0}' is no role")]
    BadRole(String),
    /// The file is not what was written.
    #[error("the file of tokens '{}' is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use the file of tokens '{}'", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: DiskError,
    },
    /// The system has no random bytes.
    #[error("the system has no random bytes: {0}")]
    Random(String),
}

impl Classify for AccessError {
    fn kind(&self) -> Kind {
        match self {
            Self::Taken(_) => Kind::Refused,
            Self::NoSuch(_) => Kind::NotFound,
            Self::BadName { .. } | Self::BadPattern(_) | Self::BadRole(_) => Kind::Usage,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Disk { .. } | Self::Random(_) => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Taken(name) => Some(format!(
                "take another name; where nobody uses that token any more, 'recto token revoke {name}' frees its name"
            )),
            Self::NoSuch(_) => Some("recto token list".to_owned()),
            Self::BadRole(_) => Some("the roles are reader, editor, publisher and admin".to_owned()),
            Self::BadPattern(_) => {
                Some("a handle, in which '*' stands for any characters: 'support-*'".to_owned())
            }
            Self::Damaged { .. } => {
                Some("restore it from a backup, or remove it and make new tokens".to_owned())
            }
            Self::BadName { .. } | Self::Disk { .. } | Self::Random(_) => None,
        }
    }
}
