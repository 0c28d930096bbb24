//! One store takes the place of another: made beside it, with the same objects and an id of its own, it
//! changes places with it in one step. At every moment the store's path leads to a whole store.
//!
//! While it is made, its directory of objects is a link to the store's. In the step it becomes one to where
//! that is afterwards; then link and directory change places, too, and what is left is removed. Who dies in
//! between leaves a store that works, and [`LocalBackend::finish_succession`] does the rest.
//!
//! The directory of locks is linked as well: a lock is one file all the while, under either path. All of it
//! happens under one lock, and the step itself while nobody makes or renames an agent, or holds one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::{Backend, BackendError, Head};
use crate::disk::{Disk, FileKind, LockGuard, Stat, TEMPORARY_PREFIX};
use crate::log::StoreId;
use crate::refs::Handle;

use super::{LocalBackend, parent};

/// What a successor has of its own; of all else it has links to directories and copies of files.
const OWN: &[&str] = &["format", "format.new", "agents", "cache", "sync.failed"];
/// Largest file beside what is versioned, in bytes.
const BESIDE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How a store's agents looked, for telling whether anybody wrote since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks(Vec<(String, FileKind, Option<Stat>, Option<Stat>)>);

/// The right to let a store be succeeded, or to complete that: one process at a time has it.
#[derive(Debug)]
pub struct Succession {
    _guard: Box<dyn LockGuard>,
}

/// Where the successor of the store in `root` is made.
fn beside(root: &Path) -> PathBuf {
    let mut name = root.file_name().unwrap_or_default().to_os_string();
    name.push(".new-id");
    root.with_file_name(name)
}

fn doing() -> impl FnOnce(crate::disk::DiskError) -> BackendError {
    BackendError::disk("make the store that takes this one's place")
}

impl LocalBackend {
    /// How the agents look.
    ///
    /// # Errors
    /// When they cannot be looked at.
    pub fn looks(&self) -> Result<Looks, BackendError> {
        let mut looks = Vec::new();
        for (name, kind) in self.disk.list(&self.layout.agents()).map_err(doing())? {
            let dir = self.layout.agents().join(&name);
            let stat = |file: &str| self.disk.stat(&dir.join(file)).map_err(doing());
            let (journal, log) =
                if kind == FileKind::Dir { (stat("journal")?, stat("log")?) } else { (None, None) };
            looks.push((name, kind, journal, log));
        }
        Ok(Looks(looks))
    }

    /// Takes the lock under which the store is succeeded. Nobody waits for it.
    ///
    /// # Errors
    /// `NewIdRuns` when somebody has it; `OtherId` when the store was succeeded after it was opened.
    pub fn lock_succession(&self) -> Result<Succession, BackendError> {
        let locking = BackendError::disk("lock the store against another 'new-id'");
        let guard = self.in_locks(|| self.disk.try_lock(&self.layout.succession_lock())).map_err(locking)?;
        let succession = Succession { _guard: guard.ok_or(BackendError::NewIdRuns)? };
        self.refuse_other_id()?;
        Ok(succession)
    }

    /// Keeps the store from being succeeded while an agent is made or renamed.
    pub(super) fn share_names(&self) -> Result<Box<dyn LockGuard>, BackendError> {
        let locking = BackendError::disk("lock the handles of the store");
        let guard = self.in_locks(|| self.disk.lock_shared(&self.layout.names_lock())).map_err(locking)?;
        self.refuse_other_id()?;
        Ok(guard)
    }

    /// Makes a store beside this one that has its objects, settings and names that agents had, another id,
    /// and no agents. What an earlier try left is removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin_successor(&self, store: StoreId, _held: &Succession) -> Result<Self, BackendError> {
        let (disk, root) = (self.disk.as_ref(), self.root());
        let side = beside(root);
        clear(disk, &side)?;
        disk.create_dir_all(&side).map_err(doing())?;
        for (name, kind) in disk.list(root).map_err(doing())? {
            if OWN.contains(&name.as_str()) || name.starts_with(TEMPORARY_PREFIX) {
                continue;
            }
            let (from, to) = (root.join(&name), side.join(&name));
            match kind {
                FileKind::Dir => disk.symlink(&across(root, &name), &to).map_err(doing())?,
                FileKind::Symlink => {
                    let target = disk.read_link(&from).map_err(doing())?;
                    disk.symlink(&target, &to).map_err(doing())?;
                }
                FileKind::File => copy(disk, &from, &to)?,
                FileKind::Other => {}
            }
        }
        let made = Self::create(Arc::clone(&self.disk), &side, store)?;
        let successor = Self { unknown_to_others: true, ..made };
        for (name, kind) in disk.list(&self.layout.agents()).map_err(doing())? {
            if kind == FileKind::Symlink && !name.starts_with(TEMPORARY_PREFIX) {
                let target = disk.read_link(&self.layout.agents().join(&name)).map_err(doing())?;
                disk.symlink(&target, &successor.layout.agents().join(&name)).map_err(doing())?;
            }
        }
        Ok(successor)
    }

    /// Lets the successor take this store's place, durably; `false` when somebody wrote since the agents
    /// looked so, or makes or renames an agent, and everything is as it was. `restated` are the agents that
    /// were made in the successor, with their heads there.
    ///
    /// # Errors
    /// `Corrupt` when what is beside the store is not that successor with those agents; `InUse` when somebody writes right now; when the file system cannot let two directories change
    /// places in one step. The store is then as it was.
    pub fn succeed(
        &self,
        looks: &Looks,
        store: StoreId,
        restated: &[(Handle, Head)],
        _held: &Succession,
    ) -> Result<bool, BackendError> {
        let (disk, root) = (self.disk.as_ref(), self.root());
        let side = beside(root);
        if !self.is_restated(looks, restated)? {
            return Ok(false);
        }
        self.check_successor(&side, store, restated)?;
        // Kept until the old directory is gone: whoever wants to make an agent then finds the other id.
        let names = self.disk.try_lock(&self.layout.names_lock()).map_err(doing())?;
        let Some(_names) = names else { return Ok(false) };
        let _guards = self.lock_all(looks)?;
        if self.looks()? != *looks {
            return Ok(false);
        }
        let links = links(disk, root, &side)?;
        for name in &links {
            disk.remove_file(&side.join(name)).map_err(doing())?;
            disk.symlink(&across(&side, name), &side.join(name)).map_err(doing())?;
        }
        disk.sync_all(&side).map_err(doing())?;
        disk.sync_dir(parent(root)).map_err(doing())?;
        disk.exchange(root, &side).map_err(doing())?;
        disk.sync_dir(parent(root)).map_err(doing())?;
        finish(disk, root)?;
        Ok(true)
    }

    /// Whether every agent that was looked at was restated. One that a dead process only began is none.
    fn is_restated(&self, looks: &Looks, restated: &[(Handle, Head)]) -> Result<bool, BackendError> {
        for (name, kind, ..) in &looks.0 {
            let Ok(handle) = name.parse::<Handle>() else { continue };
            let is_there = restated.iter().any(|(restated, _)| *restated == handle);
            if *kind == FileKind::Dir && !is_there && self.head(&handle)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses to let anything take this store's place but what was made for that.
    fn check_successor(
        &self,
        side: &Path,
        store: StoreId,
        restated: &[(Handle, Head)],
    ) -> Result<(), BackendError> {
        let bad = |reason: &str| Err(BackendError::corrupt(side.to_path_buf(), reason));
        let successor = Self::open(Arc::clone(&self.disk), side)?;
        if successor.store != store {
            return bad("it is not the store that was made there");
        }
        for (handle, head) in restated {
            if successor.head(handle)?.as_ref() != Some(head) {
                return bad(&format!("agent '{handle}' is not as it was stated there"));
            }
        }
        Ok(())
    }

    /// Completes what a process left that died right after a store was succeeded, and removes what was left
    /// before that; `false` when there was nothing.
    ///
    /// # Errors
    /// When it cannot be completed.
    pub fn finish_succession(&self, _held: &Succession) -> Result<bool, BackendError> {
        let there = self.disk.stat(&beside(self.root())).map_err(doing())?.is_some();
        if there {
            finish(self.disk.as_ref(), self.root())?;
        }
        Ok(there)
    }

    fn lock_all(&self, looks: &Looks) -> Result<Vec<Box<dyn LockGuard>>, BackendError> {
        let handles = looks.0.iter().filter_map(|(name, ..)| name.parse::<Handle>().ok());
        let lock = |handle: Handle| {
            let guard = self.disk.try_lock(&self.layout.lock(&handle)).map_err(doing())?;
            guard.ok_or(BackendError::InUse(handle))
        };
        handles.map(lock).collect()
    }
}

/// The text of a link that leads from a directory beside `root` to what is in it.
fn across(root: &Path, name: &str) -> PathBuf {
    Path::new("..").join(root.file_name().unwrap_or_default()).join(name)
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), BackendError> {
    let bytes = disk.read(from, BESIDE_MAX_BYTES).map_err(doing())?;
    disk.write_atomic(to, &bytes).map_err(doing())
}

/// What is a directory in one store and a link in the other.
fn links(disk: &dyn Disk, of: &Path, to: &Path) -> Result<Vec<String>, BackendError> {
    let mut found = Vec::new();
    for (name, kind) in disk.list(of).map_err(doing())? {
        let other = disk.stat(&to.join(&name)).map_err(doing())?;
        if kind == FileKind::Dir && other.is_some_and(|stat| stat.kind == FileKind::Symlink) {
            found.push(name);
        }
    }
    Ok(found)
}

/// Brings the directories home that are still where the store was before, and removes the rest.
fn finish(disk: &dyn Disk, root: &Path) -> Result<(), BackendError> {
    let side = beside(root);
    for name in links(disk, &side, root)? {
        disk.exchange(&root.join(&name), &side.join(&name)).map_err(doing())?;
    }
    disk.sync_dir(root).map_err(doing())?;
    disk.sync_dir(&side).map_err(doing())?;
    clear(disk, &side)
}

/// Removes a store that was succeeded, or one that did not come to that: never objects.
fn clear(disk: &dyn Disk, side: &Path) -> Result<(), BackendError> {
    let Some(stat) = disk.stat(side).map_err(doing())? else { return Ok(()) };
    let objects = disk.stat(&side.join("objects")).map_err(doing())?;
    if stat.kind != FileKind::Dir || objects.is_some_and(|stat| stat.kind != FileKind::Symlink) {
        let reason = "it is in the way, and holds what no command left there";
        return Err(BackendError::corrupt(side.to_path_buf(), reason));
    }
    let entries = disk.walk(side).collect::<Result<Vec<_>, _>>().map_err(doing())?;
    for entry in entries.iter().rev() {
        let path = side.join(&entry.path);
        let removed =
            if entry.kind == FileKind::Dir { disk.remove_dir(&path) } else { disk.remove_file(&path) };
        removed.map_err(doing())?;
    }
    disk.remove_dir(side).map_err(doing())?;
    disk.sync_dir(parent(side)).map_err(doing())
}
