//! The objects that others lead to: a commit to its tree, profile and parents, a tree to its blocks.

use std::collections::HashSet;

use crate::object::{Commit, Kind, Object, ObjectId, Tree};

use super::SyncError;

/// Reads objects wherever they are.
pub(super) type Lookup<'a> = dyn Fn(&ObjectId) -> Result<Option<Object>, SyncError> + 'a;

/// Visits every object that `wants` lead to, and the commits in `known` do not; what an object leads to
/// comes before it, and the older of two commits first.
///
/// # Errors
/// `Incomplete` when one is not there; what `visit` returns.
pub(super) fn walk(
    lookup: &Lookup<'_>,
    wants: &[ObjectId],
    known: &HashSet<ObjectId>,
    visit: &mut dyn FnMut(ObjectId, Object) -> Result<(), SyncError>,
) -> Result<(), SyncError> {
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let mut commits = Vec::new();
    let mut open: Vec<ObjectId> = wants.iter().rev().copied().collect();
    while let Some(id) = open.pop() {
        if known.contains(&id) {
            mark(lookup, &id, &mut seen)?;
        } else if seen.insert(id) {
            let object = lookup(&id)?.ok_or(SyncError::Incomplete(id))?;
            if object.kind == Kind::Commit {
                let commit = commit_of(&id, &object)?;
                open.extend(commit.parents.iter().copied());
                commits.push((commit.time, id));
            } else {
                below(lookup, id, object, &mut seen, visit)?;
            }
        }
    }
    // Parents are never younger than their children; of the same instant, those found later are older.
    commits.reverse();
    commits.sort_by_key(|(time, _)| *time);
    for (_, id) in commits {
        let object = lookup(&id)?.ok_or(SyncError::Incomplete(id))?;
        let commit = commit_of(&id, &object)?;
        for next in [commit.profile, commit.tree] {
            if seen.insert(next) {
                let object = lookup(&next)?.ok_or(SyncError::Incomplete(next))?;
                below(lookup, next, object, &mut seen, visit)?;
            }
        }
        visit(id, object)?;
    }
    Ok(())
}

/// A tree with its blocks before it, or a block.
fn below(
    lookup: &Lookup<'_>,
    id: ObjectId,
    object: Object,
    seen: &mut HashSet<ObjectId>,
    visit: &mut dyn FnMut(ObjectId, Object) -> Result<(), SyncError>,
) -> Result<(), SyncError> {
    if object.kind == Kind::Tree {
        for entry in tree_of(&id, &object)?.entries() {
            if seen.insert(entry.id) {
                let block = lookup(&entry.id)?.ok_or(SyncError::Incomplete(entry.id))?;
                visit(entry.id, block)?;
            }
        }
    }
    visit(id, object)
}

/// What a known commit has need not be visited for those that were made from it.
fn mark(lookup: &Lookup<'_>, id: &ObjectId, seen: &mut HashSet<ObjectId>) -> Result<(), SyncError> {
    if !seen.insert(*id) {
        return Ok(());
    }
    let Some(object) = lookup(id)?.filter(|object| object.kind == Kind::Commit) else { return Ok(()) };
    let commit = commit_of(id, &object)?;
    seen.extend([commit.profile, commit.tree]);
    if let Some(tree) = lookup(&commit.tree)? {
        seen.extend(tree_of(&commit.tree, &tree)?.entries().iter().map(|entry| entry.id));
    }
    Ok(())
}

fn commit_of(id: &ObjectId, object: &Object) -> Result<Commit, SyncError> {
    Commit::from_payload(&object.payload).map_err(|source| SyncError::Object { id: *id, source })
}

fn tree_of(id: &ObjectId, object: &Object) -> Result<Tree, SyncError> {
    Tree::from_payload(&object.payload).map_err(|source| SyncError::Object { id: *id, source })
}
