//! The merged view of an overlay: what was changed here, and the disk below where nothing was.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::MutexGuard;

use rustix::io::Errno;

use crate::disk::{Disk, DiskError, FileKind, Stat, TEMPORARY_PREFIX};

const MAX_LINKS_FOLLOWED: u32 = 40;

/// Numbers of things made here, so far up that no real inode meets them.
const FIRST_INODE: u64 = 1 << 62;

/// What stands at a path instead of what the disk below has there.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Gone,
    Dir,
    File(Vec<u8>),
    Link(PathBuf),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) content: Content,
    /// The change that put it there: its time.
    pub(super) changed: u64,
    pub(super) inode: u64,
}

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// By absolute path without links on the way.
    pub(super) entries: BTreeMap<PathBuf, Entry>,
    pub(super) count: u64,
}

/// The view of one call: the changes, held, and the disk below them.
pub(super) struct View<'a> {
    pub(super) below: &'a dyn Disk,
    pub(super) changes: MutexGuard<'a, Changes>,
}

impl View<'_> {
    /// What stands at a resolved path.
    pub(super) fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        let Some(entry) = self.changes.entries.get(path) else { return self.below.stat(path) };
        let (kind, len_bytes) = match &entry.content {
            Content::Gone => return Ok(None),
            Content::Dir => (FileKind::Dir, 0),
            Content::File(bytes) => (FileKind::File, bytes.len() as u64),
            Content::Link(_) => (FileKind::Symlink, 0),
        };
        let time_ns = i128::from(entry.changed) * 1_000_000;
        let executable = kind != FileKind::File;
        let inode = entry.inode;
        Ok(Some(Stat { kind, len_bytes, modified_ns: time_ns, changed_ns: time_ns, inode, executable }))
    }

    pub(super) fn link(&self, path: &Path) -> Result<PathBuf, DiskError> {
        match self.changes.entries.get(path).map(|entry| &entry.content) {
            Some(Content::Link(target)) => Ok(target.clone()),
            Some(_) => Err(refused("read the link", path, io::ErrorKind::InvalidInput)),
            None => self.below.read_link(path),
        }
    }

    /// The absolute path without links on the way, so that one file has one name here.
    pub(super) fn resolve(&self, path: &Path, follow_last: bool) -> Result<PathBuf, DiskError> {
        let absolute = std::path::absolute(path).map_err(|e| DiskError::new("find", path, e))?;
        let parts = |path: &Path| -> Vec<PathBuf> {
            path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
        };
        let mut todo = parts(&absolute);
        let mut found = PathBuf::new();
        let mut followed = 0;
        while let Some(part) = todo.pop() {
            if matches!(part.components().next(), Some(Component::ParentDir)) {
                found.pop();
                continue;
            }
            let next = found.join(&part);
            let last = todo.is_empty() && !follow_last;
            let is_link = !last && self.stat(&next)?.is_some_and(|stat| stat.kind == FileKind::Symlink);
            if !is_link {
                found = next;
                continue;
            }
            followed += 1;
            if followed > MAX_LINKS_FOLLOWED {
                return Err(refused("find", path, Errno::LOOP));
            }
            todo.extend(parts(&self.link(&next)?));
        }
        Ok(found)
    }

    /// The resolved path of a file to read or change, which is there.
    pub(super) fn file(&self, operation: &'static str, path: &Path) -> Result<PathBuf, DiskError> {
        let resolved = self.resolve(path, false)?;
        match self.stat(&resolved)?.map(|stat| stat.kind) {
            Some(FileKind::File) => Ok(resolved),
            Some(_) => Err(DiskError::NotAFile { operation, path: path.to_owned() }),
            None => Err(DiskError::NotFound { operation, path: path.to_owned() }),
        }
    }

    /// The resolved path of something to put into a directory, which must be there.
    pub(super) fn place(
        &self,
        operation: &'static str,
        path: &Path,
    ) -> Result<(PathBuf, Option<Stat>), DiskError> {
        let resolved = self.resolve(path, false)?;
        let dir = resolved.parent().unwrap_or(Path::new("/"));
        match self.stat(dir)?.map(|stat| stat.kind) {
            Some(FileKind::Dir) => {}
            Some(_) => return Err(DiskError::new(operation, path, io::ErrorKind::NotADirectory.into())),
            None => return Err(DiskError::NotFound { operation, path: path.to_owned() }),
        }
        let stat = self.stat(&resolved)?;
        Ok((resolved, stat))
    }

    /// A file's bytes, from here or from below.
    pub(super) fn bytes(&self, resolved: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        match self.changes.entries.get(resolved).map(|entry| &entry.content) {
            Some(Content::File(bytes)) if bytes.len() as u64 > max_bytes => Err(DiskError::TooLarge {
                path: resolved.to_owned(),
                size_bytes: bytes.len() as u64,
                max_bytes,
            }),
            Some(Content::File(bytes)) => Ok(bytes.clone()),
            Some(_) => Err(DiskError::NotAFile { operation: "read", path: resolved.to_owned() }),
            None => self.below.read(resolved, max_bytes),
        }
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        let resolved = self.resolve(dir, true)?;
        match self.stat(&resolved)?.map(|stat| stat.kind) {
            Some(FileKind::Dir) => {}
            Some(_) => return Err(DiskError::new("list", dir, io::ErrorKind::NotADirectory.into())),
            None => return Err(DiskError::NotFound { operation: "list", path: dir.to_owned() }),
        }
        let mut names: BTreeMap<String, FileKind> = match self.below.list(&resolved) {
            Ok(entries) => entries.into_iter().collect(),
            Err(e) if e.is_not_found() || e.io_kind() == io::ErrorKind::NotADirectory => BTreeMap::new(),
            Err(e) => return Err(e),
        };
        let inside = self.changes.entries.range(resolved.clone()..);
        let inside = inside.take_while(|(path, _)| path.starts_with(&resolved));
        for (path, entry) in inside.filter(|(path, _)| path.parent() == Some(&resolved)) {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| DiskError::BadName { path: path.clone() })?.to_owned();
            match entry.content {
                Content::Gone => names.remove(&name),
                Content::Dir => names.insert(name, FileKind::Dir),
                Content::File(_) => names.insert(name, FileKind::File),
                Content::Link(_) => names.insert(name, FileKind::Symlink),
            };
        }
        Ok(names.into_iter().collect())
    }

    /// Puts something at a resolved path. A file that is changed in place keeps its number.
    pub(super) fn put(&mut self, resolved: PathBuf, content: Content, inode: Option<u64>) {
        self.changes.count += 1;
        let changed = self.changes.count;
        let inode = inode.unwrap_or(FIRST_INODE + changed);
        self.changes.entries.insert(resolved, Entry { content, changed, inode });
    }

    /// Moves a resolved path with all that lies below it.
    fn relocate(&mut self, from: &Path, to: &Path, kind: FileKind) -> Result<(), DiskError> {
        let content = match kind {
            FileKind::Dir => {
                for (name, kind) in self.list(from)? {
                    self.relocate(&from.join(&name), &to.join(&name), kind)?;
                }
                Content::Dir
            }
            FileKind::Symlink => Content::Link(self.link(from)?),
            FileKind::File => Content::File(self.bytes(from, u64::MAX)?),
            FileKind::Other => {
                return Err(DiskError::NotAFile { operation: "rename", path: from.to_owned() });
            }
        };
        let inode = self.stat(from)?.map(|stat| stat.inode);
        self.put(from.to_owned(), Content::Gone, None);
        self.put(to.to_owned(), content, inode);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), DiskError> {
        const VERB: &str = "rename";
        let fail = |kind: io::ErrorKind| DiskError::new(VERB, from, kind.into());
        let (source, stat) = self.place(VERB, from)?;
        let kind = stat.ok_or_else(|| fail(io::ErrorKind::NotFound))?.kind;
        let (goal, occupant) = self.place(VERB, to)?;
        if source == goal {
            return Ok(());
        }
        if goal.starts_with(&source) {
            return Err(fail(io::ErrorKind::InvalidInput));
        }
        match occupant.map(|stat| stat.kind) {
            Some(FileKind::Dir) if kind != FileKind::Dir => return Err(fail(io::ErrorKind::IsADirectory)),
            Some(FileKind::Dir) if !self.list(&goal)?.is_empty() => {
                return Err(fail(io::ErrorKind::DirectoryNotEmpty));
            }
            Some(FileKind::Dir) | None => {}
            Some(_) if kind == FileKind::Dir => return Err(fail(io::ErrorKind::NotADirectory)),
            Some(_) => {}
        }
        self.relocate(&source, &goal, kind)
    }

    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> Result<(), DiskError> {
        const VERB: &str = "exchange";
        let absent = |path: &Path| DiskError::NotFound { operation: VERB, path: path.to_owned() };
        let (first, stat) = self.place(VERB, one)?;
        let first_kind = stat.ok_or_else(|| absent(one))?.kind;
        let (second, stat) = self.place(VERB, other)?;
        let second_kind = stat.ok_or_else(|| absent(other))?.kind;
        if first == second {
            return Ok(());
        }
        if second.starts_with(&first) || first.starts_with(&second) {
            return Err(DiskError::new(VERB, one, io::ErrorKind::InvalidInput.into()));
        }
        // By way of a name that no listing shows: nobody looks while the view is held.
        let aside = second.with_file_name(format!("{TEMPORARY_PREFIX}exchange-{}", self.changes.count));
        self.relocate(&second, &aside, second_kind)?;
        self.relocate(&first, &second, first_kind)?;
        self.relocate(&aside, &first, second_kind)?;
        self.changes.entries.retain(|path, _| !path.starts_with(&aside));
        Ok(())
    }

    /// Changes the bytes of a file in place.
    pub(super) fn edit(
        &mut self,
        operation: &'static str,
        path: &Path,
        edit: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), DiskError> {
        let resolved = self.file(operation, path)?;
        self.changes.count += 1;
        let now = self.changes.count;
        if let Some(Entry { content: Content::File(bytes), changed, .. }) =
            self.changes.entries.get_mut(&resolved)
        {
            *changed = now;
            return edit(bytes).map_err(|e| DiskError::new(operation, path, e));
        }
        let inode = self.stat(&resolved)?.map(|stat| stat.inode);
        let mut bytes = self.bytes(&resolved, u64::MAX)?;
        edit(&mut bytes).map_err(|e| DiskError::new(operation, path, e))?;
        self.put(resolved, Content::File(bytes), inode);
        Ok(())
    }
}

/// Makes room for `end` bytes, as far as there is memory.
pub(super) fn grow(bytes: &mut Vec<u8>, end: u64) -> io::Result<()> {
    let end = usize::try_from(end).map_err(|_| io::ErrorKind::StorageFull)?;
    bytes.try_reserve(end.saturating_sub(bytes.len())).map_err(|_| io::ErrorKind::StorageFull)?;
    if end > bytes.len() {
        bytes.resize(end, 0);
    }
    Ok(())
}

/// An error met where a file is expected.
pub(super) fn refused(operation: &'static str, path: &Path, kind: impl Into<io::Error>) -> DiskError {
    DiskError::of_file(operation, path, kind.into())
}
