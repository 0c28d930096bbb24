//! The simulated disk's side of the interface.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::image::Content;
use super::{FILE_MAX_BYTES, SimDisk, State, Step};
use crate::disk::{Disk, DiskError, FileKind, LockGuard, Stat, Walk, walk};

/// Syncs what `files` and `dirs` name; a fault loses all of it.
fn sync(state: &mut State, files: &BTreeSet<u64>, dirs: &BTreeSet<u64>) -> io::Result<()> {
    let (failed, result) = match state.step()? {
        Step::Done => (false, Ok(())),
        Step::Half => return Err(io::Error::other(super::PowerIsOff)),
        Step::Fails(fault) => (true, Err(fault.error())),
    };
    for inode in files {
        if let Some(Content::File(data)) = state.image.nodes.get_mut(inode).map(|node| &mut node.content) {
            if failed { data.lose() } else { data.sync() }
        }
    }
    state.image.sync_entries(dirs, failed);
    result
}

impl SimDisk {
    /// The number of a lock file, created if absent.
    fn lock_key(&self, path: &Path) -> Result<u64, DiskError> {
        let mut state = self.state();
        let key = state.writable().and_then(|()| {
            state.ensure_file(path)?;
            Ok(state.image.file(path)?.0)
        });
        key.map_err(|e| DiskError::of_file("lock", path, e))
    }
}

impl Disk for SimDisk {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        let state = self.state();
        let found = state.alive().and_then(|()| state.image.file(path));
        let (_, data) = found.map_err(|e| DiskError::of_file("read", path, e))?;
        let size_bytes = data.live().len() as u64;
        if size_bytes > max_bytes {
            return Err(DiskError::TooLarge { path: path.to_owned(), size_bytes, max_bytes });
        }
        Ok(data.live().to_vec())
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        let state = self.state();
        let found = state.alive().and_then(|()| state.image.file(path));
        let live = found.map_err(|e| DiskError::of_file("read", path, e))?.1.live();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        Ok(live[start..live.len().min(start.saturating_add(len))].to_vec())
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        let state = self.state();
        let place = match state.alive().and_then(|()| state.image.locate(path)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) if Errno::from_io_error(&e) == Some(Errno::LOOP) => return Ok(None),
            place => place.map_err(|e| DiskError::new("stat", path, e))?,
        };
        Ok(place.inode.map(|inode| {
            let node = &state.image.nodes[&inode];
            let len_bytes = match &node.content {
                Content::File(data) => data.live().len() as u64,
                Content::Dir | Content::Link(_) => 0,
            };
            let time_ns = i128::from(node.changed) * 1_000_000;
            let kind = node.kind();
            let executable = kind != FileKind::File;
            Stat { kind, len_bytes, modified_ns: time_ns, changed_ns: time_ns, inode, executable }
        }))
    }

    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        let state = self.state();
        let found = state.alive().and_then(|()| state.image.dir(dir));
        let inode = found.map_err(|e| DiskError::new("list", dir, e))?;
        let kind = |inode| state.image.nodes[&inode].kind();
        Ok(state.image.children(inode).map(|(name, inode)| (name.to_owned(), kind(inode))).collect())
    }

    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let mut create = || {
            state.alive()?;
            let mut missing = Vec::new();
            for dir in dir.ancestors() {
                match state.image.dir(dir) {
                    Ok(_) => break,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(dir),
                    Err(e) => return Err(e),
                }
            }
            for dir in missing.into_iter().rev() {
                state.writable()?;
                state.change(|image| image.create(dir, Content::Dir))?;
            }
            Ok(())
        };
        create().map_err(|e| DiskError::new("create the directory", dir, e))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| state.write_atomic(path, bytes));
        result.map_err(|e| DiskError::new("write", path, e))
    }

    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| {
            state.ensure_file(path)?;
            state.write(path, offset, bytes)
        });
        result.map_err(|e| DiskError::of_file("write", path, e))
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        let mut state = self.state();
        let len = usize::try_from(len_bytes).ok().filter(|len| *len <= FILE_MAX_BYTES);
        let result = state.writable().and_then(|()| {
            let len = len.ok_or(io::ErrorKind::StorageFull)?;
            state.change(|image| image.touch(path).map(|data| data.set_len(len)))
        });
        result.map_err(|e| DiskError::of_file("truncate", path, e))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| state.change(|image| image.rename(from, to)));
        result.map_err(|e| DiskError::new("rename", from, e))
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| {
            if state.no_exchange {
                return Err(io::ErrorKind::Unsupported.into());
            }
            state.change(|image| image.exchange(one, other))
        });
        result.map_err(|e| DiskError::new("exchange", one, e))
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| state.change(|image| image.remove(path, false)));
        result.map_err(|e| DiskError::of_file("remove", path, e))
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.writable().and_then(|()| state.change(|image| image.remove(dir, true)));
        result.map_err(|e| DiskError::new("remove the directory", dir, e))
    }

    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let content = Content::Link(target.to_owned());
        let result = state.writable().and_then(|()| state.change(|image| image.create(link, content)));
        result.map(drop).map_err(|e| DiskError::new("make the link", link, e))
    }

    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        let state = self.state();
        let target = state.alive().and_then(|()| {
            let inode = state.image.locate(link)?.inode.ok_or(io::ErrorKind::NotFound)?;
            match &state.image.nodes[&inode].content {
                Content::Link(target) => Ok(target.clone()),
                Content::Dir | Content::File(_) => Err(io::ErrorKind::InvalidInput.into()),
            }
        });
        target.map_err(|e| DiskError::new("read the link", link, e))
    }

    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.alive().and_then(|()| {
            let files = BTreeSet::from([state.image.file(path)?.0]);
            sync(&mut state, &files, &BTreeSet::new())
        });
        result.map_err(|e| DiskError::of_file("flush", path, e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.alive().and_then(|()| {
            let dirs = BTreeSet::from([state.image.dir(dir)?]);
            sync(&mut state, &BTreeSet::new(), &dirs)
        });
        result.map_err(|e| DiskError::new("flush the directory", dir, e))
    }

    /// Stricter than the real disk: what lies beside `root` stays unsynced.
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        let result = state.alive().and_then(|()| {
            let below = state.image.below(state.image.dir(root)?);
            sync(&mut state, &below, &below)?;
            state.image.forget();
            Ok(())
        });
        result.map_err(|e| DiskError::new("flush the volume of", root, e))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.lock_key(path).map(|key| self.locks.lock(key))
    }

    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.lock_key(path).map(|key| self.locks.lock_shared(key))
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        self.lock_key(path).map(|key| self.locks.try_lock(key))
    }

    fn boot_id(&self) -> [u8; 16] {
        self.state().boot_id
    }

    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        match self.stat(path)? {
            Some(_) => Ok(self.state().network),
            None => Err(DiskError::NotFound { operation: "look at the volume of", path: path.to_owned() }),
        }
    }

    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        walk::by_listing(self, root)
    }
}
