//! Temporary files that processes left that died: nothing reads them, and they are removed where nobody
//! can be about to rename them.

use std::path::Path;

use crate::backend::{BackendError, pages};
use crate::disk::{DiskError, FileKind, TEMPORARY_PREFIX};
use crate::refs::Handle;

use super::journal::Op;
use super::rebuild::is_marker;
use super::{LocalBackend, loose};

/// How old a temporary file outside agents must be to be taken for left, in nanoseconds: writers of
/// objects hold no lock that tells.
const LEFT_AFTER_NS: i128 = 3_600 * 1_000_000_000;
/// How many agents are listed at once.
const PAGE: usize = 256;

/// Whether a path is that of a temporary file.
pub(super) fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY_PREFIX))
}

impl LocalBackend {
    /// Removes what dead processes left: under each agent's lock what is in its directory and the link of
    /// a rename to its handle, and what lies elsewhere in the store for more than an hour. Returns how many
    /// files it removed.
    ///
    /// # Errors
    /// When a directory cannot be listed, or a file not removed.
    pub fn sweep(&self) -> Result<u64, BackendError> {
        let mut removed = 0;
        for page in pages(self, PAGE) {
            for agent in &page? {
                let _guard = self.lock(&[agent])?;
                removed += self.sweep_agent(agent)?;
            }
        }
        let oldest = self.volume_time()? - LEFT_AFTER_NS;
        removed += self.sweep_dir(self.layout.root(), oldest)?;
        removed += self.sweep_dir(&self.layout.agents(), oldest)?;
        for entry in self.disk.walk(&self.layout.objects()) {
            let entry = entry.map_err(BackendError::disk("list the objects"))?;
            let path = self.layout.objects().join(&entry.path);
            // Those among the packs tell by themselves whether their writers live.
            if entry.kind == FileKind::File && is_temporary(&path) && !path.starts_with(self.layout.packs()) {
                removed += self.remove_old(&path, oldest)?;
            }
        }
        Ok(removed + self.sweep_packs()?)
    }

    /// Removes the temporary files that lie in a directory itself.
    fn sweep_dir(&self, dir: &Path, oldest: i128) -> Result<u64, BackendError> {
        let listing = BackendError::disk("list what was left");
        let mut removed = 0;
        for (name, kind) in self.disk.list(dir).map_err(listing)? {
            let path = dir.join(&name);
            if kind == FileKind::Dir || !is_temporary(&path) {
                continue;
            }
            removed += match self.layout.spare_link_of(&path) {
                Some(handle) => {
                    let _guard = self.lock(&[&handle])?;
                    self.remove_left(&path)?
                }
                None => self.remove_old(&path, oldest)?,
            };
        }
        Ok(removed)
    }

    /// Removes the temporary files of an agent; under its lock, which every writer of them holds.
    pub(super) fn sweep_agent(&self, agent: &Handle) -> Result<u64, BackendError> {
        let dir = self.layout.agent(agent);
        let stat = self.disk.stat(&dir).map_err(BackendError::disk("look at the agent"))?;
        if stat.is_none_or(|stat| stat.kind != FileKind::Dir) {
            // It was renamed: behind the link that it left are files that another lock guards.
            return Ok(0);
        }
        let mut removed = 0;
        for entry in self.disk.walk(&dir) {
            let entry = match entry {
                Err(DiskError::NotFound { .. }) => continue,
                entry => entry.map_err(BackendError::disk(format!("list the files of agent '{agent}'")))?,
            };
            if entry.kind == FileKind::File && is_temporary(&entry.path) && !is_marker(&entry.path) {
                removed += self.remove_left(&dir.join(&entry.path))?;
            }
        }
        Ok(removed)
    }

    /// Removes the temporary files of objects that a dead writer's record brings: those whose content is
    /// the beginning of such an object, and more than all objects begin with. Should one be another writer's of the same object, that one finds
    /// it gone when it renames it, and writes it again.
    pub(super) fn sweep_objects(&self, ops: &[Op]) -> Result<(), BackendError> {
        for op in ops {
            let Op::Object { id, file } = op else { continue };
            let dir = self.layout.fan_out(id);
            let names = match self.disk.list(&dir) {
                Err(DiskError::NotFound { .. }) => continue,
                names => names.map_err(BackendError::disk("list the objects"))?,
            };
            for (name, kind) in names {
                let path = dir.join(name);
                if kind != FileKind::File || !is_temporary(&path) {
                    continue;
                }
                match self.disk.read(&path, file.len() as u64) {
                    Ok(content) if content.len() > loose::HEADER_BYTES && file.starts_with(&content) => {
                        self.remove_left(&path)?;
                    }
                    Ok(_) | Err(DiskError::NotFound { .. } | DiskError::TooLarge { .. }) => {}
                    Err(error) => return Err(BackendError::disk("look at what was left")(error)),
                }
            }
        }
        Ok(())
    }

    fn remove_old(&self, path: &Path, oldest: i128) -> Result<u64, BackendError> {
        let stat = self.disk.stat(path).map_err(BackendError::disk("look at what was left"))?;
        if stat.is_some_and(|stat| stat.modified_ns < oldest) { self.remove_left(path) } else { Ok(0) }
    }

    fn remove_left(&self, path: &Path) -> Result<u64, BackendError> {
        match self.disk.remove_file(path) {
            Ok(()) => Ok(1),
            Err(DiskError::NotFound { .. }) => Ok(0),
            Err(error) => Err(BackendError::disk("remove what was left")(error)),
        }
    }

    /// The present time as files of this volume have it.
    fn volume_time(&self) -> Result<i128, BackendError> {
        let probe = self.layout.root().join(format!("{TEMPORARY_PREFIX}time"));
        let doing = || BackendError::disk("see what time it is");
        self.disk.write_atomic(&probe, b"").map_err(doing())?;
        let stat = self.disk.stat(&probe).map_err(doing())?;
        self.remove_left(&probe)?;
        Ok(stat.map_or(0, |stat| stat.modified_ns))
    }
}
