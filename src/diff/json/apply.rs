//! Applying a list of changes, as `compare` gives it, to a document.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diff::path::{self, ListKeys, Node, Path, PathError, Step, key_of, walk_mut, what};

use super::{Change, ChangeKind};

/// Makes the changes in a document. Applied to the old value of a comparison, they give the new.
///
/// Nothing is checked against what the changes say was there before.
///
/// # Errors
/// Those of [`path::set`] and [`path::remove`], and `NoEntry` or `BeyondEnd` when a list has no such
/// entry. The document is then changed in part and of no use: apply changes to a copy.
pub fn apply(root: &mut Value, changes: &[Change], keys: &ListKeys) -> Result<(), PathError> {
    let mut rest = changes;
    while let Some(change) = rest.first() {
        let Some(list) = list_of(change) else {
            match &change.kind {
                ChangeKind::Added(value) | ChangeKind::Changed { new: value, .. } => {
                    path::set(root, &change.path, keys, value.clone())?;
                }
                ChangeKind::Removed(_) => {
                    path::remove(root, &change.path, keys)?;
                }
                ChangeKind::Moved { .. } => {}
            }
            rest = &rest[1..];
            continue;
        };
        let count = rest.iter().take_while(|next| list_of(next) == Some(list)).count();
        let (run, after) = rest.split_at(count);
        let at = Path::from(list.to_vec());
        let (list, node) = walk_mut(root, &at, keys)?;
        let Value::Array(entries) = list else {
            return Err(not_a_list(run, at, list));
        };
        *entries = rearranged(std::mem::take(entries), run, node, &at)?;
        rest = after;
    }
    Ok(())
}

/// The steps to the list that this change adds to, removes from or moves in.
fn list_of(change: &Change) -> Option<&[Step]> {
    match change.path.steps().split_last()? {
        (Step::Field(_), _) => None,
        (Step::Key(_) | Step::Index(_), _) if matches!(change.kind, ChangeKind::Changed { .. }) => None,
        (Step::Key(_) | Step::Index(_), list) => Some(list),
    }
}

fn not_a_list(run: &[Change], at: Path, found: &Value) -> PathError {
    let entry = run[0].path.last().map(ToString::to_string).unwrap_or_default();
    PathError::NotAList { at, entry, found: what(found) }
}

/// A list with all changes of one run made: first what leaves its place, then what gets a new one.
fn rearranged(
    list: Vec<Value>,
    run: &[Change],
    node: Option<&Node>,
    at: &Path,
) -> Result<Vec<Value>, PathError> {
    let len = list.len();
    let beyond = |index: usize| PathError::BeyondEnd { at: at.clone(), index, len };
    let key = |entry| node.and_then(Node::key).and_then(|field| key_of(entry, field));
    let keyed = list.iter().enumerate().filter_map(|(index, entry)| Some((key(entry)?, index)));
    let by_key: BTreeMap<&str, usize> = keyed.collect();
    let mut leaving = Vec::new();
    for change in run.iter().filter(|change| !matches!(change.kind, ChangeKind::Added(_))) {
        leaving.push(match change.path.last() {
            Some(Step::Index(index)) => *index,
            Some(Step::Key(key)) => *by_key.get(key.as_str()).ok_or_else(|| PathError::NoEntry {
                at: at.clone(),
                key: key.clone(),
                have: by_key.keys().map(|&key| key.to_owned()).collect(),
            })?,
            _ => continue,
        });
    }
    let mut list: Vec<Option<Value>> = list.into_iter().map(Some).collect();
    let mut leaving = leaving.into_iter();
    let mut arriving = Vec::new();
    for change in run {
        let mut leave = || {
            let index = leaving.next().unwrap_or(len);
            list.get_mut(index).and_then(Option::take).ok_or_else(|| beyond(index))
        };
        match &change.kind {
            ChangeKind::Removed(_) => drop(leave()?),
            ChangeKind::Moved { to, .. } => arriving.push((*to, leave()?)),
            ChangeKind::Added(value) => arriving.push((change.at.unwrap_or(usize::MAX), value.clone())),
            ChangeKind::Changed { .. } => {}
        }
    }
    arriving.sort_by_key(|(to, _)| *to);
    let mut staying = list.into_iter().flatten();
    let mut result = Vec::with_capacity(len);
    for (to, value) in arriving {
        result.extend(staying.by_ref().take(to.saturating_sub(result.len())));
        if result.len() < to && to != usize::MAX {
            return Err(beyond(to));
        }
        result.push(value);
    }
    result.extend(staying);
    Ok(result)
}
