//! The machine's disk, counting flushes on the way.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use recto::disk::{Disk, DiskError, FileKind, LockGuard, RealDisk, Stat, Walk};

/// Passes everything on to the machine's disk and counts what waits for the device.
#[derive(Debug, Default)]
pub(crate) struct CountingDisk {
    real: RealDisk,
    flushes: AtomicU64,
}

impl CountingDisk {
    /// How many flushes there were so far.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Disk for CountingDisk {
    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        self.count();
        self.real.sync_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.count();
        self.real.sync_dir(dir)
    }

    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        self.count();
        self.real.sync_all(root)
    }

    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        self.real.read(path, max_bytes)
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        self.real.read_at(path, offset, len)
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        self.real.stat(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        self.real.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        self.real.create_dir_all(dir)
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.real.write_atomic(path, bytes)
    }

    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.real.write_at(path, offset, bytes)
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        self.real.truncate(path, len_bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.real.rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        self.real.exchange(one, other)
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.real.remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.real.remove_dir(dir)
    }

    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        self.real.symlink(target, link)
    }

    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        self.real.read_link(link)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.real.lock(path)
    }

    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.real.lock_shared(path)
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        self.real.try_lock(path)
    }

    fn boot_id(&self) -> [u8; 16] {
        self.real.boot_id()
    }

    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        self.real.is_network(path)
    }

    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        self.real.walk(root)
    }
}
