//! Why a disk refused. Knows paths and operations, not what the files mean.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::error::{Classify, Kind};

/// A disk operation failed; nothing is promised about how far it came.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The path, or a directory on the way to it, is absent.
    #[error("cannot {operation} '{}', which does not exist", .path.display())]
    NotFound {
        /// What was attempted, a verb.
        operation: &'static str,
        /// The path asked for.
        path: PathBuf,
    },
    /// The file has more bytes than the caller accepts.
    #[error("'{}' has {size_bytes} bytes or more, and at most {max_bytes} are read", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size seen, in bytes; the file may have grown since.
        size_bytes: u64,
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// A symbolic link, a directory or a device stands where a file is expected.
    #[error("cannot {operation} '{}', which is not a regular file", .path.display())]
    NotAFile {
        /// What was attempted, a verb.
        operation: &'static str,
        /// The path asked for.
        path: PathBuf,
    },
    /// A directory holds a name that is not UTF-8.
    #[error("'{}' is a name that is not UTF-8", .path.display())]
    BadName {
        /// The path, with its bad bytes replaced when shown.
        path: PathBuf,
    },
    /// The volume is read-only, or this user may not do that.
    #[error("no permission to {operation} '{}'", .path.display())]
    Denied {
        /// What was attempted, a verb.
        operation: &'static str,
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The volume or the user's quota is full.
    #[error("no space left to {operation} '{}'", .path.display())]
    Full {
        /// What was attempted, a verb.
        operation: &'static str,
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other refusal by the system.
    #[error("failed to {operation} '{}'", .path.display())]
    Io {
        /// What was attempted, a verb.
        operation: &'static str,
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DiskError {
    /// Sorts an error of the system into its variant.
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as E;
        let path = path.to_owned();
        match source.kind() {
            E::NotFound => Self::NotFound { operation, path },
            E::PermissionDenied | E::ReadOnlyFilesystem => Self::Denied { operation, path, source },
            E::StorageFull | E::QuotaExceeded => Self::Full { operation, path, source },
            _ => Self::Io { operation, path, source },
        }
    }

    /// Sorts an error met on a path where a regular file is expected: the system has several ways to say
    /// that something else stands there.
    pub(super) fn of_file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let no_file = [Errno::LOOP, Errno::MLINK, Errno::ISDIR, Errno::NXIO, Errno::SPIPE];
        match Errno::from_io_error(&source) {
            Some(errno) if no_file.contains(&errno) => Self::NotAFile { operation, path: path.to_owned() },
            _ => Self::new(operation, path, source),
        }
    }

    /// The path that the operation was about.
    pub fn path(&self) -> &Path {
        match self {
            Self::NotFound { path, .. }
            | Self::TooLarge { path, .. }
            | Self::NotAFile { path, .. }
            | Self::BadName { path }
            | Self::Denied { path, .. }
            | Self::Full { path, .. }
            | Self::Io { path, .. } => path,
        }
    }

    /// Whether the path was absent.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// The system's own classification, to tell `DirectoryNotEmpty`, `AlreadyExists` and the like apart.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::NotFound { .. } => io::ErrorKind::NotFound,
            Self::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            Self::NotAFile { .. } => io::ErrorKind::InvalidInput,
            Self::BadName { .. } => io::ErrorKind::InvalidFilename,
            Self::Denied { source, .. } | Self::Full { source, .. } | Self::Io { source, .. } => {
                source.kind()
            }
        }
    }
}

impl Classify for DiskError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::TooLarge { .. } | Self::BadName { .. } => Kind::Invalid,
            Self::NotAFile { .. } => Kind::Refused,
            Self::Denied { .. } | Self::Full { .. } | Self::Io { .. } => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        let path = self.path().display();
        match self {
            Self::NotFound { .. } | Self::TooLarge { .. } | Self::Io { .. } => None,
            Self::NotAFile { .. } => Some(format!("move '{path}' away, or put the file itself in its place")),
            Self::BadName { .. } => Some(format!("rename '{path}' to a name in UTF-8")),
            Self::Denied { .. } => Some(format!("check the owner and mode with: ls -ld '{path}'")),
            Self::Full { .. } => Some(format!("free some space on the volume of '{path}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(kind: io::ErrorKind) -> DiskError {
        DiskError::new("write", Path::new("/s/a"), kind.into())
    }

    #[test]
    fn sorts_system_errors() {
        assert!(sorted(io::ErrorKind::NotFound).is_not_found());
        assert!(matches!(sorted(io::ErrorKind::ReadOnlyFilesystem), DiskError::Denied { .. }));
        assert!(matches!(sorted(io::ErrorKind::QuotaExceeded), DiskError::Full { .. }));
        let other = sorted(io::ErrorKind::DirectoryNotEmpty);
        assert!(matches!(other, DiskError::Io { .. }));
        assert_eq!(other.io_kind(), io::ErrorKind::DirectoryNotEmpty);
    }

    #[test]
    fn names_the_path_once_and_hints() {
        let full = sorted(io::ErrorKind::StorageFull);
        assert_eq!(full.to_string(), "no space left to write '/s/a'");
        assert_eq!(full.hint().as_deref(), Some("free some space on the volume of '/s/a'"));
        assert_eq!(full.kind(), Kind::Io);
    }
}
