//! The tree of the simulated disk: files, directories and links by number, the entries that readers see, the
//! entries that are durable, and the directory operations in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::file::FileData;
use crate::disk::FileKind;

/// The number of the root directory, which is always durable.
pub(super) const ROOT: u64 = 1;

/// A name in a directory.
pub(super) type Name = (u64, String);

const MAX_LINKS_FOLLOWED: u32 = 40;

/// What a number stands for.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Dir,
    File(FileData),
    Link(PathBuf),
}

/// A numbered thing and when it last changed.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) changed: u64,
}

impl Node {
    pub(super) fn kind(&self) -> FileKind {
        match self.content {
            Content::Dir => FileKind::Dir,
            Content::File(_) => FileKind::File,
            Content::Link(_) => FileKind::Symlink,
        }
    }
}

/// One directory operation that no sync has covered: kept or lost as a whole, as a journalling file system does.
#[derive(Debug, Clone)]
pub(super) struct DirOp {
    pub(super) sequence: u64,
    pub(super) changes: Vec<(Name, Option<u64>)>,
    /// A sync of it failed: no later one makes it durable.
    pub(super) doomed: bool,
}

/// Where a path leads, its last component not followed.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Directory and name; the name of the root itself is empty.
    pub(super) name: Name,
    /// What stands there.
    pub(super) inode: Option<u64>,
}

impl Place {
    fn dir(inode: u64) -> Self {
        Self { name: (inode, String::new()), inode: Some(inode) }
    }
}

/// The whole tree.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) entries: BTreeMap<Name, u64>,
    /// The durable entries, with the operation that made each: an older one never overrides it.
    pub(super) durable: BTreeMap<Name, (u64, Option<u64>)>,
    pub(super) pending: Vec<DirOp>,
    next_inode: u64,
    /// Counts changes: the clock of this disk.
    sequence: u64,
}

impl Image {
    /// An empty root.
    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node { content: Content::Dir, changed: 0 })]),
            entries: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            next_inode: ROOT + 1,
            sequence: 0,
        }
    }

    /// Follows a path from the root, but no link that is its last component; a relative path is taken from the
    /// root too.
    pub(super) fn locate(&self, path: &Path) -> io::Result<Place> {
        self.resolve(path, false)
    }

    fn resolve(&self, path: &Path, follow_last: bool) -> io::Result<Place> {
        let parts = |path: &Path| -> Vec<PathBuf> {
            path.components().map(|part| PathBuf::from(part.as_os_str())).collect()
        };
        let mut todo = VecDeque::from(parts(path));
        let mut above = vec![ROOT];
        let mut place = Place::dir(ROOT);
        let mut followed = 0;
        while let Some(part) = todo.pop_front() {
            let here = above[above.len() - 1];
            let name = match part.components().next() {
                Some(Component::Normal(name)) => name.to_str().ok_or(io::ErrorKind::InvalidFilename)?,
                Some(Component::ParentDir) => {
                    above.truncate((above.len() - 1).max(1));
                    place = Place::dir(above[above.len() - 1]);
                    continue;
                }
                Some(Component::RootDir) => {
                    above.truncate(1);
                    place = Place::dir(ROOT);
                    continue;
                }
                _ => continue,
            };
            let key = (here, name.to_owned());
            let inode = self.entries.get(&key).copied();
            place = Place { name: key, inode };
            let node = inode.map(|inode| &self.nodes[&inode]);
            match node.map(|node| &node.content) {
                Some(Content::Link(target)) if follow_last || !todo.is_empty() => {
                    followed += 1;
                    if followed > MAX_LINKS_FOLLOWED {
                        return Err(Errno::LOOP.into());
                    }
                    parts(target).into_iter().rev().for_each(|part| todo.push_front(part));
                    place = Place::dir(here);
                }
                Some(Content::Dir) => above.push(inode.expect("a node was found by its number")),
                _ if todo.is_empty() => {}
                None => return Err(io::ErrorKind::NotFound.into()),
                Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
            }
        }
        Ok(place)
    }

    /// The regular file at a path.
    pub(super) fn file(&self, path: &Path) -> io::Result<(u64, &FileData)> {
        let inode = self.locate(path)?.inode.ok_or(io::ErrorKind::NotFound)?;
        match &self.nodes[&inode].content {
            Content::File(data) => Ok((inode, data)),
            Content::Dir => Err(Errno::ISDIR.into()),
            Content::Link(_) => Err(Errno::LOOP.into()),
        }
    }

    /// The regular file at a path, to be changed without a trace.
    pub(super) fn file_mut(&mut self, path: &Path) -> io::Result<&mut FileData> {
        let (inode, _) = self.file(path)?;
        match self.nodes.get_mut(&inode).map(|node| &mut node.content) {
            Some(Content::File(data)) => Ok(data),
            _ => unreachable!("it was just found to be a file"),
        }
    }

    /// The regular file at a path, to be changed now.
    pub(super) fn touch(&mut self, path: &Path) -> io::Result<&mut FileData> {
        let (inode, _) = self.file(path)?;
        self.sequence += 1;
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.changed = self.sequence;
        }
        self.file_mut(path)
    }

    /// The directory at a path, a link to it followed.
    pub(super) fn dir(&self, path: &Path) -> io::Result<u64> {
        let inode = self.resolve(path, true)?.inode.ok_or(io::ErrorKind::NotFound)?;
        match self.nodes[&inode].content {
            Content::Dir => Ok(inode),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The entries of a directory, sorted by name.
    pub(super) fn children(&self, dir: u64) -> impl Iterator<Item = (&str, u64)> {
        let from = (dir, String::new())..(dir + 1, String::new());
        self.entries.range(from).map(|((_, name), inode)| (name.as_str(), *inode))
    }

    /// Puts a new thing where nothing stands.
    pub(super) fn create(&mut self, path: &Path, content: Content) -> io::Result<u64> {
        let place = self.locate(path)?;
        if place.inode.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, Node { content, changed: self.sequence + 1 });
        self.enter(vec![(place.name, Some(inode))]);
        Ok(inode)
    }

    /// Takes a thing over from another image, durable under its name.
    pub(super) fn adopt(&mut self, name: Name, node: Node) -> u64 {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.sequence = self.sequence.max(node.changed);
        self.nodes.insert(inode, node);
        self.entries.insert(name.clone(), inode);
        self.durable.insert(name, (0, Some(inode)));
        inode
    }

    /// Moves an entry, in place of what may be at `to`.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.locate(from)?, self.locate(to)?);
        let inode = from.inode.ok_or(io::ErrorKind::NotFound)?;
        let is_dir = |inode: u64| self.nodes[&inode].kind() == FileKind::Dir;
        if from.name.1.is_empty() || to.name.1.is_empty() && to.inode == Some(ROOT) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match to.inode {
            Some(other) if other == inode => return Ok(()),
            Some(other) if is_dir(other) && !is_dir(inode) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(other) if is_dir(inode) && !is_dir(other) => return Err(io::ErrorKind::NotADirectory.into()),
            Some(other) if is_dir(other) && self.children(other).next().is_some() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        if self.below(inode).contains(&to.name.0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.enter(vec![(from.name, None), (to.name, Some(inode))]);
        Ok(())
    }

    /// Lets two entries change places.
    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        let (one, other) = (self.locate(one)?, self.locate(other)?);
        let (first, second) =
            one.inode.zip(other.inode).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let inside = |dir: u64, place: &Place| self.below(dir).contains(&place.name.0);
        if first != second && (inside(first, &other) || inside(second, &one)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.enter(vec![(one.name, Some(second)), (other.name, Some(first))]);
        Ok(())
    }

    /// Removes an entry: a directory if `dir`, else anything but one.
    pub(super) fn remove(&mut self, path: &Path, dir: bool) -> io::Result<()> {
        let place = self.locate(path)?;
        let inode = place.inode.ok_or(io::ErrorKind::NotFound)?;
        match (self.nodes[&inode].kind() == FileKind::Dir, dir) {
            (true, false) => return Err(Errno::ISDIR.into()),
            (false, true) => return Err(io::ErrorKind::NotADirectory.into()),
            (true, true) if place.name.1.is_empty() => return Err(io::ErrorKind::InvalidInput.into()),
            (true, true) if self.children(inode).next().is_some() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        self.enter(vec![(place.name, None)]);
        Ok(())
    }

    /// Changes entries as one operation, not durable yet.
    fn enter(&mut self, changes: Vec<(Name, Option<u64>)>) {
        self.sequence += 1;
        for ((dir, name), inode) in &changes {
            match inode {
                Some(inode) => self.entries.insert((*dir, name.clone()), *inode),
                None => self.entries.remove(&(*dir, name.clone())),
            };
            if let Some(node) = self.nodes.get_mut(dir) {
                node.changed = self.sequence;
            }
        }
        self.pending.push(DirOp { sequence: self.sequence, changes, doomed: false });
    }

    /// A directory and every directory and file below it.
    pub(super) fn below(&self, dir: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::from([dir]);
        let mut todo = vec![dir];
        while let Some(dir) = todo.pop() {
            for (_, inode) in self.children(dir) {
                if found.insert(inode) {
                    todo.push(inode);
                }
            }
        }
        found
    }

    /// Ends a sync of the entries of `dirs`: they are durable, or after a failure never will be.
    pub(super) fn sync_entries(&mut self, dirs: &BTreeSet<u64>, failed: bool) {
        let covered = |op: &DirOp| op.changes.iter().any(|((dir, _), _)| dirs.contains(dir));
        if failed {
            self.pending.iter_mut().filter(|op| covered(op)).for_each(|op| op.doomed = true);
            return;
        }
        let synced = self.pending.extract_if(.., |op| !op.doomed && covered(op));
        for op in synced {
            settle(&mut self.durable, &op);
        }
    }

    /// Drops what no name, old or new, leads to.
    pub(super) fn forget(&mut self) {
        let pending = self.pending.iter().flat_map(|op| op.changes.iter().filter_map(|(_, inode)| *inode));
        let durable = self.durable.values().filter_map(|(_, inode)| *inode);
        let known: BTreeSet<u64> =
            self.entries.values().copied().chain(durable).chain(pending).chain([ROOT]).collect();
        self.nodes.retain(|inode, _| known.contains(inode));
    }

    /// Every path, with its number, parents first.
    pub(super) fn paths(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        let mut todo = vec![(PathBuf::from("/"), ROOT)];
        while let Some((dir, inode)) = todo.pop() {
            for (name, inode) in self.children(inode) {
                let path = dir.join(name);
                found.push((path.clone(), inode));
                todo.push((path, inode));
            }
        }
        found.sort();
        found
    }
}

/// Makes one operation's entries part of `entries`, unless a later operation already settled them.
pub(super) fn settle(entries: &mut BTreeMap<Name, (u64, Option<u64>)>, op: &DirOp) {
    for (name, inode) in &op.changes {
        let entry = entries.entry(name.clone()).or_insert((0, None));
        if entry.0 <= op.sequence {
            *entry = (op.sequence, *inode);
        }
    }
}
