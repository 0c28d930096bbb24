//! The only place that touches files: a small interface with stated durability, and three disks
//! that keep it (the real one, one in memory over a read-only one, and one that crashes on demand).
//! Knows nothing of what is stored.
//!
//! Durability, for every disk: what an operation returned `Ok` for is seen by every later read, in
//! every process, also after the death of the process. It survives a loss of power only once
//! [`Disk::sync_file`] (a file's bytes and length), [`Disk::sync_dir`] (a directory's entries) or
//! [`Disk::sync_all`] returned `Ok`. After a sync that failed, the bytes it covered may never become
//! durable, even if a later sync succeeds: treat the file as lost, never sync it again.

mod error;
mod locks;
mod mapped;
mod network;
mod overlay;
mod pipe;
mod real;
pub mod sim;
mod walk;

#[cfg(test)]
mod conformance;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::DiskError;
pub use mapped::Mapped;
pub use overlay::OverlayDisk;
pub use pipe::open_pipe;
pub use real::RealDisk;
pub use sim::SimDisk;

/// Replaces a file, durably: its new content, and that it is there.
///
/// # Errors
/// As [`Disk::write_atomic`], [`Disk::sync_file`] and [`Disk::sync_dir`].
pub fn replace_durably(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    disk.write_atomic(path, bytes)?;
    sync_both(disk, path)
}

/// The same for a file that nobody but its owner may read, at any moment.
///
/// # Errors
/// As [`replace_durably`].
pub fn replace_privately(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    disk.write_private(path, bytes)?;
    sync_both(disk, path)
}

fn sync_both(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    disk.sync_file(path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("")))
}

/// A disk that several threads and owners share.
pub type SharedDisk = Arc<dyn Disk>;

/// How the name of a temporary file of [`Disk::write_atomic`] begins. A process that dies in the middle
/// leaves such a file behind; it is never read, and may be removed once its directory's writers are gone.
pub const TEMPORARY_PREFIX: &str = ".recto-tmp-";

/// What stands at a path, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A device, a socket, a pipe.
    Other,
}

/// What the file system says about a path, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What stands there.
    pub kind: FileKind,
    /// Length in bytes; of no meaning for other kinds than files.
    pub len_bytes: u64,
    /// Last change of the content, in nanoseconds since the Unix epoch.
    pub modified_ns: i128,
    /// Last change of content or metadata, in nanoseconds since the Unix epoch; programs cannot set it back.
    pub changed_ns: i128,
    /// The file's number on its volume: another number means another file.
    pub inode: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// One entry met by [`Disk::walk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// The path below the root of the walk.
    pub path: PathBuf,
    /// What stands there.
    pub kind: FileKind,
}

/// What [`Disk::walk`] returns: entries as they are read from the disk.
pub type Walk<'a> = Box<dyn Iterator<Item = Result<WalkEntry, DiskError>> + Send + 'a>;

/// A held lock: released when dropped, or by the system when the process dies.
pub trait LockGuard: Send + Sync + fmt::Debug {}

/// A file system. Operations on files refuse a symbolic link as the last component of the path;
/// links on the way there are followed. The durability of every operation is stated in [`crate::disk`].
pub trait Disk: Send + Sync + fmt::Debug {
    /// The whole content of a file of at most `max_bytes`.
    ///
    /// # Errors
    /// `NotFound`, `TooLarge`, `NotAFile`, or what the system refuses.
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError>;

    /// `len` bytes of a file from `offset`; fewer, or none, where the file ends earlier.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, or what the system refuses.
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError>;

    /// The whole content of a file that is named by its content: written under another name before it got
    /// its own, and never again. Where the disk can, nothing is read before it is looked at.
    ///
    /// # Errors
    /// As [`Self::read`] without a limit.
    fn map(&self, path: &Path) -> Result<Mapped, DiskError> {
        self.read(path, u64::MAX).map(Mapped::read)
    }

    /// What stands at a path; `None` when nothing does.
    ///
    /// # Errors
    /// What the system refuses; an absent directory on the way is `None`, not an error, and so are links on
    /// the way that lead in a circle.
    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError>;

    /// The entries of a directory, sorted by name, temporary files included.
    ///
    /// # Errors
    /// `NotFound`; `BadName` for a name that is not UTF-8; what the system refuses.
    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError>;

    /// Creates a directory and those above it; content if it is there already.
    ///
    /// # Errors
    /// What the system refuses.
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError>;

    /// Puts `bytes` at `path` by a temporary file in the same directory and a rename: a reader in any
    /// process sees the old content or the new. Not durable, and after a loss of power neither need be there.
    ///
    /// # Errors
    /// `NotFound` when the directory is absent; `Full`; what the system refuses. The old content then stays.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError>;

    /// Writes `bytes` at `offset`, creates the file if it is absent, and fills a gap before `offset` with zeros.
    ///
    /// # Errors
    /// `NotFound` when the directory is absent; `NotAFile`; `Full`. Part of the bytes may have been written.
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// As [`Disk::write_atomic`], and nobody but the owner of the file may read or write it, where there are such
    /// permissions.
    ///
    /// # Errors
    /// As [`Disk::write_atomic`].
    fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.write_atomic(path, bytes)
    }

    /// Cuts a file to `len_bytes`, or extends it with zeros.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, `Full`, or what the system refuses.
    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError>;

    /// Moves a file or directory, in place of a file that may be at `to`, in one step for every reader.
    ///
    /// # Errors
    /// `NotFound` for `from`, or for the directory of `to`; what the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Lets two things in directories change places, in one step for every reader: neither path is ever absent.
    ///
    /// # Errors
    /// `NotFound` when either is absent; an `Io` of kind `Unsupported` where the volume cannot do that.
    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError>;

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    /// `NotFound` when it is absent; what the system refuses.
    fn remove_file(&self, path: &Path) -> Result<(), DiskError>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound` when it is absent; an `Io` of kind `DirectoryNotEmpty`; what the system refuses.
    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError>;

    /// Makes `link` a symbolic link with the text `target`.
    ///
    /// # Errors
    /// An `Io` of kind `AlreadyExists`; `NotFound` when the directory is absent; what the system refuses.
    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError>;

    /// The text of a symbolic link.
    ///
    /// # Errors
    /// `NotFound`; what the system refuses, and it does so when `link` is no link.
    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError>;

    /// Makes a file's bytes and length durable, not its name: that takes [`Self::sync_dir`]. This is the flush.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, `Io`. After an error the file must be taken as lost, and not synced again.
    fn sync_file(&self, path: &Path) -> Result<(), DiskError>;

    /// Makes the entries of one directory durable (created, renamed, removed), not the bytes of its files.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError>;

    /// Makes everything below `root` durable: bytes, lengths, names. The name of `root` itself is not covered.
    ///
    /// # Errors
    /// `NotFound`, `Io`; after an `Io` any file that was not durable before must be taken as lost.
    fn sync_all(&self, root: &Path) -> Result<(), DiskError>;

    /// Takes the exclusive lock that a file stands for, and waits for it without limit. The file is created
    /// if absent, and must never be moved or removed. A second lock in the same process waits too.
    ///
    /// # Errors
    /// `NotFound` when the directory is absent; `Denied` where it cannot be created; what the system refuses.
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError>;

    /// Takes a lock that any number may hold together, and nobody beside one who has it by [`Self::lock`];
    /// waits for that one without limit.
    ///
    /// # Errors
    /// As [`Self::lock`].
    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError>;

    /// Takes a lock as [`Self::lock`] does if nobody holds it; `None` if somebody does.
    ///
    /// # Errors
    /// As [`Self::lock`].
    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError>;

    /// How many locks one owner may hold at once, so that others of the process find room for theirs.
    fn locks_max(&self) -> usize {
        128
    }

    /// Names the running system: as long as it is the same, nothing written was lost to a crash or to power.
    /// Where the system has no such number it is random per process, which errs on the safe side.
    fn boot_id(&self) -> [u8; 16];

    /// Whether an existing path lies on a file system that other machines can write to.
    ///
    /// # Errors
    /// `NotFound`; what the system refuses.
    fn is_network(&self, path: &Path) -> Result<bool, DiskError>;

    /// Everything below `root`, a directory before its content, sorted by name within each directory,
    /// links not followed, but for `root` itself. What is removed meanwhile may be met or not. After an error the walk goes on
    /// with what can still be read.
    ///
    /// An absent `root` is one `NotFound` error.
    fn walk<'a>(&'a self, root: &Path) -> Walk<'a>;
}
