//! Changes in memory over a disk that is only read: a journal is replayed here when the store may not be
//! written. The disk below sees reads only; everything else is gone when the overlay is dropped.

mod view;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use super::locks::LockTable;
use super::{Disk, DiskError, FileKind, LockGuard, Mapped, SharedDisk, Stat, Walk, walk};
use view::{Changes, Content, View, grow, refused};

/// A disk whose changes stay in memory. Syncs succeed and keep nothing: an overlay is for as long as it lives.
/// Locks exclude the other users of this overlay, nobody else.
#[derive(Debug)]
pub struct OverlayDisk {
    below: SharedDisk,
    changes: Mutex<Changes>,
    locks: Arc<LockTable<PathBuf>>,
}

impl OverlayDisk {
    /// An overlay without changes.
    pub fn new(below: SharedDisk) -> Self {
        Self { below, changes: Mutex::default(), locks: LockTable::new() }
    }

    fn view(&self) -> View<'_> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        View { below: &*self.below, changes }
    }
}

/// Whether links on the way of a path lead in a circle.
fn is_circle(error: &DiskError) -> bool {
    matches!(error, DiskError::NotAFile { operation: "find", .. })
}

impl Disk for OverlayDisk {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        let view = self.view();
        let resolved = view.file("read", path)?;
        view.bytes(&resolved, max_bytes)
    }

    fn map(&self, path: &Path) -> Result<Mapped, DiskError> {
        let view = self.view();
        let resolved = view.file("map", path)?;
        match view.changes.entries.get(&resolved).map(|entry| &entry.content) {
            Some(Content::File(bytes)) => Ok(Mapped::read(bytes.clone())),
            _ => view.below.map(&resolved),
        }
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        let view = self.view();
        let resolved = view.file("read", path)?;
        let Some(Content::File(bytes)) = view.changes.entries.get(&resolved).map(|entry| &entry.content)
        else {
            return view.below.read_at(&resolved, offset, len);
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes[start..bytes.len().min(start.saturating_add(len))].to_vec())
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        let view = self.view();
        match view.resolve(path, false) {
            Err(e) if is_circle(&e) => Ok(None),
            resolved => view.stat(&resolved?),
        }
    }

    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        self.view().list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        let mut view = self.view();
        let resolved = view.resolve(dir, true)?;
        let mut missing = Vec::new();
        for dir in resolved.ancestors() {
            match view.stat(dir)?.map(|stat| stat.kind) {
                Some(FileKind::Dir) => break,
                Some(_) => {
                    return Err(DiskError::new(
                        "create the directory",
                        dir,
                        io::ErrorKind::NotADirectory.into(),
                    ));
                }
                None => missing.push(dir.to_owned()),
            }
        }
        for dir in missing {
            view.put(dir, Content::Dir, None);
        }
        Ok(())
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let mut view = self.view();
        let (resolved, stat) = view.place("write", path)?;
        if stat.is_some_and(|stat| stat.kind == FileKind::Dir) {
            return Err(DiskError::new("write", path, io::ErrorKind::IsADirectory.into()));
        }
        view.put(resolved, Content::File(bytes.to_vec()), None);
        Ok(())
    }

    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut view = self.view();
        let (resolved, stat) = view.place("write", path)?;
        if stat.is_none() {
            view.put(resolved, Content::File(Vec::new()), None);
        }
        view.edit("write", path, |content| {
            if bytes.is_empty() {
                return Ok(());
            }
            let start = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
            grow(content, offset.saturating_add(bytes.len() as u64))?;
            content[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        self.view().edit("truncate", path, |content| {
            grow(content, len_bytes)?;
            content.truncate(usize::try_from(len_bytes).unwrap_or(usize::MAX));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.view().rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        self.view().exchange(one, other)
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        const VERB: &str = "remove";
        let mut view = self.view();
        let resolved = view.resolve(path, false)?;
        match view.stat(&resolved)?.map(|stat| stat.kind) {
            None => return Err(DiskError::NotFound { operation: VERB, path: path.to_owned() }),
            Some(FileKind::Dir) => return Err(refused(VERB, path, Errno::ISDIR)),
            Some(_) => view.put(resolved, Content::Gone, None),
        }
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        const VERB: &str = "remove the directory";
        let fail = |kind: io::ErrorKind| DiskError::new(VERB, dir, kind.into());
        let mut view = self.view();
        let resolved = view.resolve(dir, false)?;
        match view.stat(&resolved)?.map(|stat| stat.kind) {
            None => return Err(fail(io::ErrorKind::NotFound)),
            Some(FileKind::Dir) if view.list(&resolved)?.is_empty() => {
                view.put(resolved, Content::Gone, None);
            }
            Some(FileKind::Dir) => return Err(fail(io::ErrorKind::DirectoryNotEmpty)),
            Some(_) => return Err(fail(io::ErrorKind::NotADirectory)),
        }
        Ok(())
    }

    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        const VERB: &str = "make the link";
        let mut view = self.view();
        let (resolved, stat) = view.place(VERB, link)?;
        if stat.is_some() {
            return Err(DiskError::new(VERB, link, io::ErrorKind::AlreadyExists.into()));
        }
        view.put(resolved, Content::Link(target.to_owned()), None);
        Ok(())
    }

    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        let view = self.view();
        let resolved = view.resolve(link, false)?;
        match view.stat(&resolved)? {
            Some(_) => view.link(&resolved),
            None => Err(DiskError::NotFound { operation: "read the link", path: link.to_owned() }),
        }
    }

    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        self.view().file("flush", path).map(drop)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.view().list(dir).map(drop)
    }

    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        self.view().list(root).map(drop)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        let (key, _) = self.view().place("lock", path)?;
        Ok(self.locks.lock(key))
    }

    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        let (key, _) = self.view().place("lock", path)?;
        Ok(self.locks.lock_shared(key))
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        let (key, _) = self.view().place("lock", path)?;
        Ok(self.locks.try_lock(key))
    }

    fn boot_id(&self) -> [u8; 16] {
        self.below.boot_id()
    }

    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        match self.view().resolve(path, true)?.ancestors().find_map(|path| self.below.is_network(path).ok()) {
            Some(answer) => Ok(answer),
            None => self.below.is_network(path),
        }
    }

    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        walk::by_listing(self, root)
    }
}
