//! A walk for disks that have no better one: lists directory after directory.

use std::path::{Path, PathBuf};

use super::{Disk, DiskError, FileKind, Walk, WalkEntry};

/// A directory being gone through: its path below the root, and what of it is still to be met.
type Level = (PathBuf, std::vec::IntoIter<(String, FileKind)>);

struct Listing<'a> {
    disk: &'a dyn Disk,
    root: PathBuf,
    levels: Vec<Level>,
    /// The directory to list before anything else is met.
    next: Option<PathBuf>,
}

/// Walks as [`Disk::walk`] promises, by [`Disk::list`].
pub(super) fn by_listing<'a>(disk: &'a dyn Disk, root: &Path) -> Walk<'a> {
    Box::new(Listing { disk, root: root.to_owned(), levels: Vec::new(), next: Some(PathBuf::new()) })
}

impl Iterator for Listing<'_> {
    type Item = Result<WalkEntry, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(dir) = self.next.take() {
                match self.disk.list(&self.root.join(&dir)) {
                    Ok(entries) => self.levels.push((dir, entries.into_iter())),
                    Err(error) if error.is_not_found() && !dir.as_os_str().is_empty() => {}
                    Err(error) => return Some(Err(error)),
                }
            }
            let (dir, entries) = self.levels.last_mut()?;
            if let Some((name, kind)) = entries.next() {
                let path = dir.join(name);
                self.next = (kind == FileKind::Dir).then(|| path.clone());
                return Some(Ok(WalkEntry { path, kind }));
            }
            self.levels.pop();
        }
    }
}
