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
        /// Whose owner and mode to look at: of reading, the path itself; of anything else, the directory in
        /// which a name is to be made or removed. Where the disk can tell, the nearest that is there.
        place: PathBuf,
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
            E::PermissionDenied | E::ReadOnlyFilesystem => {
                let place = asked_of(operation, &path).to_owned();
                Self::Denied { operation, path, place, source }
            }
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

    /// The same error, with the nearest place of a refusal for which `is_there` holds.
    pub(super) fn located(mut self, is_there: impl Fn(&Path) -> bool) -> Self {
        if let Self::Denied { place, .. } = &mut self
            && let Some(there) = place.ancestors().find(|above| is_there(above))
        {
            *place = there.to_owned();
        }
        self
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
            Self::NotFound { operation: "write", path } => {
                path.parent().map(|dir| format!("make the directory first: mkdir -p '{}'", dir.display()))
            }
            Self::NotFound { .. } | Self::TooLarge { .. } | Self::Io { .. } => None,
            Self::NotAFile { .. } => Some(format!("move '{path}' away, or put the file itself in its place")),
            Self::BadName { .. } => Some(format!("rename '{path}' to a name in UTF-8")),
            Self::Denied { place, .. } => {
                Some(format!("check the owner and mode with: ls -ld '{}'", place.display()))
            }
            Self::Full { .. } => Some(format!("free some space on the volume of '{path}'")),
        }
    }
}

/// What an operation asks permission of.
fn asked_of<'a>(operation: &str, path: &'a Path) -> &'a Path {
    let is_reading =
        ["read", "list", "stat", "look at", "flush"].iter().any(|verb| operation.starts_with(verb));
    if is_reading { path } else { path.parent().unwrap_or(path) }
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

    #[test]
    fn a_refusal_names_what_is_there_to_look_at() {
        let check = |operation, path: &str, expected: &str| {
            let there = |path: &Path| [Path::new("/s"), Path::new("/s/file")].contains(&path);
            let denied = io::ErrorKind::PermissionDenied.into();
            let error = DiskError::new(operation, Path::new(path), denied).located(there);
            let hint = format!("check the owner and mode with: ls -ld '{expected}'");
            assert_eq!(error.hint(), Some(hint), "{operation} {path}");
        };
        check("read", "/s/file", "/s/file");
        check("write", "/s/new", "/s");
        check("create the directory", "/s/a/b/c", "/s");
        check("lock", "/s/a/b", "/s");
    }

    #[test]
    fn a_hint_does_not_look_at_the_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b");
        let error = DiskError::new("write", &path, io::ErrorKind::PermissionDenied.into());
        let hint = format!("check the owner and mode with: ls -ld '{}'", dir.path().join("a").display());
        assert_eq!(error.hint(), Some(hint), "what a simulated disk lacks, the real one may have");
    }
}
