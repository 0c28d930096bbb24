//! Commits and their parents.

use std::collections::HashSet;

use crate::backend::Backend;
use crate::object::{Commit, Kind, ObjectId};

use super::HistoryError;

/// Reads a commit.
///
/// # Errors
/// `Missing` when it is not there or is no commit; `Object` when it does not decode.
pub fn commit(backend: &dyn Backend, id: &ObjectId) -> Result<Commit, HistoryError> {
    let object = backend.object(id)?.filter(|object| object.kind == Kind::Commit);
    let object = object.ok_or(HistoryError::Missing(*id))?;
    Ok(Commit::from_payload(&object.payload)?)
}

/// Whether `ancestor` is `commit` or one of the commits before it.
///
/// # Errors
/// When a commit on the way cannot be read.
pub fn descends_from(
    backend: &dyn Backend,
    id: &ObjectId,
    ancestor: &ObjectId,
) -> Result<bool, HistoryError> {
    let mut seen = HashSet::new();
    let mut open = vec![*id];
    while let Some(next) = open.pop() {
        if next == *ancestor {
            return Ok(true);
        }
        if seen.insert(next) {
            open.extend(commit(backend, &next)?.parents);
        }
    }
    Ok(false)
}
