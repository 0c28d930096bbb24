//! The objects that others lead to: a commit to its tree, profile and parents, a tree to its blocks.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::object::{Commit, Kind, Object, ObjectId, Tree};

use super::SyncError;

/// Reads objects wherever they are.
pub(super) type Lookup<'a> = dyn Fn(&ObjectId) -> Result<Option<Arc<Object>>, SyncError> + 'a;

/// What an object is a state of: those that share it resemble each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// A version or a state of a draft.
    Commit,
    /// The blocks of one.
    Tree,
    /// A block under a name.
    Block(String),
    /// A profile, metadata, what a ref says of a commit.
    Other,
}

/// An object on its way.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: ObjectId,
    pub(super) role: Role,
    pub(super) object: Arc<Object>,
}

/// Commits that are there with all that they lead to.
pub(super) struct Known<'a> {
    near: HashSet<ObjectId>,
    load: Box<dyn Fn() -> Result<HashSet<ObjectId>, SyncError> + 'a>,
    all: OnceCell<HashSet<ObjectId>>,
}

impl<'a> Known<'a> {
    /// Those that are likely to be asked for, and how to find all: a long list is read when it is needed.
    pub(super) fn new(
        near: HashSet<ObjectId>,
        load: impl Fn() -> Result<HashSet<ObjectId>, SyncError> + 'a,
    ) -> Self {
        Self { near, load: Box::new(load), all: OnceCell::new() }
    }

    /// No others than these.
    pub(super) fn only(all: HashSet<ObjectId>) -> Self {
        Self::new(all, || Ok(HashSet::new()))
    }

    pub(super) fn contains(&self, id: &ObjectId) -> Result<bool, SyncError> {
        if self.near.contains(id) {
            return Ok(true);
        }
        if self.all.get().is_none() {
            let _ = self.all.set((self.load)()?);
        }
        Ok(self.all.get().is_some_and(|all| all.contains(id)))
    }
}

/// Takes what is visited.
type Visit<'a> = dyn FnMut(Item) -> Result<(), SyncError> + 'a;

/// What an object leads to.
///
/// # Errors
/// `Object` when it is malformed.
pub(super) fn links(id: &ObjectId, object: &Object) -> Result<Vec<ObjectId>, SyncError> {
    Ok(match object.kind {
        Kind::Block => Vec::new(),
        Kind::Tree => Tree::links(&object.payload).map_err(|source| SyncError::Object { id: *id, source })?,
        Kind::Commit => {
            let (mut links, others) = links_of_commit(id, object)?;
            links.extend(others);
            links
        }
    })
}

/// A commit's parents, and what else it leads to.
///
/// # Errors
/// `Object` when it is malformed.
pub(super) fn links_of_commit(
    id: &ObjectId,
    object: &Object,
) -> Result<(Vec<ObjectId>, [ObjectId; 2]), SyncError> {
    let commit = commit_of(id, object)?;
    Ok((commit.parents, [commit.profile, commit.tree]))
}

/// Visits every object that `wants` lead to, and the commits in `known` do not; what an object leads to
/// comes before it, and the older of two commits first.
///
/// # Errors
/// `Incomplete` when one is not there; what `visit` returns.
pub(super) fn walk(
    lookup: &Lookup<'_>,
    wants: &[ObjectId],
    known: &Known<'_>,
    visit: &mut Visit<'_>,
) -> Result<(), SyncError> {
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let wanted: HashSet<ObjectId> = wants.iter().copied().collect();
    let mut commits = Vec::new();
    let mut open: Vec<ObjectId> = wants.iter().rev().copied().collect();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if !wanted.contains(&id) && known.contains(&id)? {
            mark(lookup, &id, &mut seen)?;
        } else {
            let object = lookup(&id)?.ok_or(SyncError::Incomplete(id))?;
            if object.kind == Kind::Commit {
                let commit = commit_of(&id, &object)?;
                open.extend(commit.parents.iter().copied());
                let others = [(commit.profile, Role::Other), (commit.tree, Role::Tree)];
                commits.push((commit.time, others, Item { id, role: Role::Commit, object }));
            } else {
                below(lookup, Item { id, role: Role::Other, object }, &mut seen, visit)?;
            }
        }
    }
    // Parents are never younger than their children; of the same instant, those found later are older.
    commits.reverse();
    commits.sort_by_key(|(time, ..)| *time);
    for (_, others, commit) in commits {
        for (next, role) in others {
            if seen.insert(next) {
                let object = lookup(&next)?.ok_or(SyncError::Incomplete(next))?;
                below(lookup, Item { id: next, role, object }, &mut seen, visit)?;
            }
        }
        visit(commit)?;
    }
    Ok(())
}

/// A tree with its blocks before it, or a block.
fn below(
    lookup: &Lookup<'_>,
    item: Item,
    seen: &mut HashSet<ObjectId>,
    visit: &mut Visit<'_>,
) -> Result<(), SyncError> {
    if item.object.kind == Kind::Tree {
        for entry in tree_of(&item.id, &item.object)?.entries() {
            if seen.insert(entry.id) {
                let object = lookup(&entry.id)?.ok_or(SyncError::Incomplete(entry.id))?;
                let role = Role::Block(entry.name.to_string());
                visit(Item { id: entry.id, role, object })?;
            }
        }
    }
    visit(item)
}

/// What a known commit has need not be visited for those that were made from it.
pub(super) fn mark(
    lookup: &Lookup<'_>,
    id: &ObjectId,
    seen: &mut HashSet<ObjectId>,
) -> Result<(), SyncError> {
    let Some(object) = lookup(id)?.filter(|object| object.kind == Kind::Commit) else { return Ok(()) };
    let commit = commit_of(id, &object)?;
    seen.extend([commit.profile, commit.tree]);
    if let Some(tree) = lookup(&commit.tree)? {
        seen.extend(tree_of(&commit.tree, &tree)?.entries().iter().map(|entry| entry.id));
    }
    Ok(())
}

/// The objects of a known commit by what they are states of: new ones are likely to resemble them.
///
/// # Errors
/// When one is damaged.
pub(super) fn roles(lookup: &Lookup<'_>, id: &ObjectId) -> Result<Vec<(Role, ObjectId)>, SyncError> {
    let Some(object) = lookup(id)?.filter(|object| object.kind == Kind::Commit) else {
        return Ok(Vec::new());
    };
    let tree = commit_of(id, &object)?.tree;
    let mut roles = vec![(Role::Commit, *id), (Role::Tree, tree)];
    if let Some(object) = lookup(&tree)? {
        let tree = tree_of(&tree, &object)?;
        roles.extend(tree.entries().iter().map(|entry| (Role::Block(entry.name.to_string()), entry.id)));
    }
    Ok(roles)
}

fn commit_of(id: &ObjectId, object: &Object) -> Result<Commit, SyncError> {
    Commit::from_payload(&object.payload).map_err(|source| SyncError::Object { id: *id, source })
}

fn tree_of(id: &ObjectId, object: &Object) -> Result<Tree, SyncError> {
    Tree::from_payload(&object.payload).map_err(|source| SyncError::Object { id: *id, source })
}
