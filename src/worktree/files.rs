//! Files below the working directory, reached by no symbolic link: every directory between the two
//! is looked at before a file in it is touched. The working directory itself may be reached by one.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, FileKind, Stat};

use super::WorktreeError;

/// The files below a working directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) disk: &'a dyn Disk,
    root: &'a Path,
}

impl<'a> Files<'a> {
    pub(super) fn new(disk: &'a dyn Disk, root: &'a Path) -> Self {
        Self { disk, root }
    }

    /// Whether a directory is there.
    ///
    /// # Errors
    /// `Symlink` when it, or a directory on the way from the root, is a link; `NotADirectory`.
    pub(super) fn is_dir(&self, dir: &Path) -> Result<bool, WorktreeError> {
        let inside = dir.strip_prefix(self.root).unwrap_or(dir);
        let mut path: PathBuf = self.root.to_path_buf();
        for part in inside.components() {
            path.push(part);
            match self.disk.stat(&path)?.map(|stat| stat.kind) {
                None => return Ok(false),
                Some(FileKind::Dir) => {}
                Some(FileKind::Symlink) => return Err(WorktreeError::Symlink { path }),
                Some(_) => return Err(WorktreeError::NotADirectory { path }),
            }
        }
        Ok(true)
    }

    /// Makes a directory and those above it.
    pub(super) fn make_dir(&self, dir: &Path) -> Result<(), WorktreeError> {
        if !self.is_dir(dir)? {
            self.disk.create_dir_all(dir)?;
        }
        Ok(())
    }

    /// What stands at a file's place: `None`, or a regular file.
    ///
    /// # Errors
    /// `Symlink`, `NotAFile`, `NotADirectory`.
    pub(super) fn regular(&self, path: &Path) -> Result<Option<Stat>, WorktreeError> {
        let dir = path.parent().unwrap_or(self.root);
        if !self.is_dir(dir)? {
            return Ok(None);
        }
        match self.disk.stat(path)? {
            None => Ok(None),
            Some(stat) if stat.kind == FileKind::File => Ok(Some(stat)),
            Some(stat) if stat.kind == FileKind::Symlink => {
                Err(WorktreeError::Symlink { path: path.to_owned() })
            }
            Some(_) => Err(WorktreeError::NotAFile { path: path.to_owned() }),
        }
    }

    /// Writes a file in one step; nothing but a regular file is replaced.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<Stat, WorktreeError> {
        self.regular(path)?;
        self.disk.write_atomic(path, bytes)?;
        let stat = self.regular(path)?;
        stat.ok_or_else(|| WorktreeError::Vanished { path: path.to_owned() })
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), WorktreeError> {
        if self.regular(path)?.is_some() {
            self.disk.remove_file(path)?;
        }
        Ok(())
    }
}
