//! A disk that tells somebody of each call before it is made, who may do something meanwhile, or refuse.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, FileKind, LockGuard, SharedDisk, Stat, Walk};

/// Who is told: the call's name, and its path.
type Before = dyn Fn(&'static str, &Path) -> Result<(), DiskError> + Send + Sync;

/// The disk, and who is told.
pub(super) struct Between {
    below: SharedDisk,
    before: Box<Before>,
}

impl Between {
    pub(super) fn new(
        below: SharedDisk,
        before: impl Fn(&'static str, &Path) -> Result<(), DiskError> + Send + Sync + 'static,
    ) -> Self {
        Self { below, before: Box::new(before) }
    }
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Between").field(&self.below).finish()
    }
}

impl Disk for Between {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        (self.before)("read", path)?;
        self.below.read(path, max_bytes)
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        (self.before)("read_at", path)?;
        self.below.read_at(path, offset, len)
    }
    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        (self.before)("stat", path)?;
        self.below.stat(path)
    }
    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        (self.before)("list", dir)?;
        self.below.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        (self.before)("create_dir_all", dir)?;
        self.below.create_dir_all(dir)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        (self.before)("write_atomic", path)?;
        self.below.write_atomic(path, bytes)
    }
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (self.before)("write_at", path)?;
        self.below.write_at(path, offset, bytes)
    }
    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        (self.before)("truncate", path)?;
        self.below.truncate(path, len_bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        (self.before)("rename", from)?;
        self.below.rename(from, to)
    }
    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        (self.before)("exchange", one)?;
        self.below.exchange(one, other)
    }
    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        (self.before)("remove_file", path)?;
        self.below.remove_file(path)
    }
    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        (self.before)("remove_dir", dir)?;
        self.below.remove_dir(dir)
    }
    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        (self.before)("symlink", link)?;
        self.below.symlink(target, link)
    }
    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        (self.before)("read_link", link)?;
        self.below.read_link(link)
    }
    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        (self.before)("sync_file", path)?;
        self.below.sync_file(path)
    }
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        (self.before)("sync_dir", dir)?;
        self.below.sync_dir(dir)
    }
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        (self.before)("sync_all", root)?;
        self.below.sync_all(root)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        (self.before)("lock", path)?;
        self.below.lock(path)
    }
    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        (self.before)("lock_shared", path)?;
        self.below.lock_shared(path)
    }
    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        (self.before)("try_lock", path)?;
        self.below.try_lock(path)
    }
    fn boot_id(&self) -> [u8; 16] {
        self.below.boot_id()
    }
    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        (self.before)("is_network", path)?;
        self.below.is_network(path)
    }
    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        self.below.walk(root)
    }
}
