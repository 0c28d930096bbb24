//! Files below the working directory, reached by no symbolic link: every directory between the two
//! is looked at before a file in it is touched. The working directory itself may be reached by one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, FileKind, Stat, TEMPORARY_PREFIX};

use super::WorktreeError;

/// How the name of a file begins that waits to change places with another; then comes that one's name.
const ASIDE_PREFIX: &str = "checkout-";

/// Somebody wrote a file meanwhile: what they wrote was left alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meanwhile {
    /// Where an edit lies whose place another one has taken.
    pub(super) beside: Option<PathBuf>,
}

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

    /// The number of a directory on its volume; `None` when it is not there.
    pub(super) fn inode(&self, dir: &Path) -> Result<Option<u64>, WorktreeError> {
        Ok(if self.is_dir(dir)? { self.disk.stat(dir)?.map(|stat| stat.inode) } else { None })
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
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), WorktreeError> {
        self.regular(path)?;
        Ok(self.disk.write_atomic(path, bytes)?)
    }

    /// Writes a file where there is none, or in place of one that still looks as it did, and returns how
    /// what was written looks.
    pub(super) fn replace(
        &self,
        path: &Path,
        bytes: &[u8],
        expected: Option<&Stat>,
    ) -> Result<Result<Stat, Meanwhile>, WorktreeError> {
        if !same(self.regular(path)?.as_ref(), expected) {
            return Ok(Err(Meanwhile { beside: None }));
        }
        let aside = aside(path);
        if let Some(beside) = self.keep_beside(&aside, path)? {
            return Ok(Err(Meanwhile { beside: Some(beside) }));
        }
        self.disk.write_atomic(&aside, bytes)?;
        let Some(ours) = self.disk.stat(&aside)? else {
            return Err(WorktreeError::Vanished { path: aside });
        };
        let exchanged = match expected {
            Some(_) => self.disk.exchange(&aside, path),
            None => Err(DiskError::new("exchange", path, ErrorKind::Unsupported.into())),
        };
        match exchanged {
            // What was there is held now, and can be looked at without anybody writing it anew.
            Ok(()) if self.is_as(&aside, expected)? => self.disk.remove_file(&aside)?,
            Ok(()) => return Ok(Err(self.exchange_back(&aside, path, &ours)?)),
            Err(error) if error.io_kind() == ErrorKind::Unsupported || error.is_not_found() => {
                if !self.is_as(path, expected)? {
                    self.disk.remove_file(&aside)?;
                    return Ok(Err(Meanwhile { beside: None }));
                }
                self.disk.rename(&aside, path)?;
            }
            Err(error) => return Err(error.into()),
        }
        // What stands there by now may be an edit already, which must not be taken for what was written.
        let there = self.disk.stat(path)?.filter(|there| same(Some(there), Some(&ours)));
        Ok(there.ok_or(Meanwhile { beside: None }))
    }

    /// Removes a file that still looks as it did.
    pub(super) fn take_away(
        &self,
        path: &Path,
        expected: &Stat,
    ) -> Result<Result<(), Meanwhile>, WorktreeError> {
        if self.regular(path)?.is_none() {
            return Ok(Ok(()));
        }
        let aside = aside(path);
        if let Some(beside) = self.keep_beside(&aside, path)? {
            return Ok(Err(Meanwhile { beside: Some(beside) }));
        }
        match self.disk.rename(path, &aside) {
            Err(error) if error.is_not_found() => return Ok(Ok(())),
            renamed => renamed?,
        }
        if self.is_as(&aside, Some(expected))? {
            return Ok(Ok(self.disk.remove_file(&aside)?));
        }
        Ok(Err(self.move_back(&aside, path)?))
    }

    /// Puts back what was not to be replaced, whatever it is; in its place stands ours, unless that was
    /// written again.
    fn exchange_back(&self, aside: &Path, path: &Path, ours: &Stat) -> Result<Meanwhile, WorktreeError> {
        match self.disk.exchange(aside, path) {
            Ok(()) if self.is_as(aside, Some(ours))? => {
                self.disk.remove_file(aside)?;
                Ok(Meanwhile { beside: None })
            }
            Ok(()) => Ok(Meanwhile { beside: self.keep_beside(aside, path)? }),
            Err(error) if error.is_not_found() => self.move_back(aside, path),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves back what was not to be removed, whatever it is; beside its place when that is taken.
    fn move_back(&self, aside: &Path, path: &Path) -> Result<Meanwhile, WorktreeError> {
        if self.disk.stat(path)?.is_some() {
            return Ok(Meanwhile { beside: self.keep_beside(aside, path)? });
        }
        self.disk.rename(aside, path)?;
        Ok(Meanwhile { beside: None })
    }

    /// Moves what waits aside, if anything does, to a free name beside its place, and returns that.
    pub(super) fn keep_beside(&self, aside: &Path, path: &Path) -> Result<Option<PathBuf>, WorktreeError> {
        if self.disk.stat(aside)?.is_none() {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut beside = path.with_file_name(format!("{name}.edited"));
        let mut count = 1;
        while self.disk.stat(&beside)?.is_some() {
            count += 1;
            beside = path.with_file_name(format!("{name}.edited.{count}"));
        }
        self.disk.rename(aside, &beside)?;
        Ok(Some(beside))
    }

    /// What a checkout that died left aside in a directory: where it is, and the name of the file in whose
    /// place it stood, or was to stand.
    pub(super) fn left_aside(&self, dir: &Path) -> Result<Vec<(PathBuf, String)>, WorktreeError> {
        if !self.is_dir(dir)? {
            return Ok(Vec::new());
        }
        let mut left = Vec::new();
        for (name, _) in self.disk.list(dir)? {
            let file = name.strip_prefix(TEMPORARY_PREFIX).and_then(|name| name.strip_prefix(ASIDE_PREFIX));
            left.extend(file.map(|file| (dir.join(&name), file.to_owned())));
        }
        Ok(left)
    }

    /// Whether what stands at a path, link or directory too, looks like that file.
    fn is_as(&self, path: &Path, expected: Option<&Stat>) -> Result<bool, WorktreeError> {
        Ok(same(self.disk.stat(path)?.as_ref(), expected))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), WorktreeError> {
        if self.regular(path)?.is_some() {
            self.disk.remove_file(path)?;
        }
        Ok(())
    }
}

/// Whether both are absent, or the same file with the same content. Its place does not matter, so neither
/// does the time at which it was moved.
fn same(one: Option<&Stat>, other: Option<&Stat>) -> bool {
    let content = |stat: &Stat| (stat.kind, stat.len_bytes, stat.modified_ns, stat.inode);
    one.map(content) == other.map(content)
}

/// Where a file waits to change places with another.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{TEMPORARY_PREFIX}{ASIDE_PREFIX}{name}"))
}
