//! Deciding a conflict: what one side has, or something else, is put in its place.

use serde_json::Value;

use crate::diff::path::{self, ListKeys, Node, Path, Step, key_of, walk_mut};
use crate::object::{BlockName, Blocks, Content};

use super::{Conflict, Dispute, Lines, MergeError, Merged, Policies, Sides, text};

/// What is decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// What ours has, which stands there already.
    Ours,
    /// What theirs has.
    Theirs,
    /// What both sides came from.
    Base,
    /// Something else: the whole block, the value, or for conflicting lines the whole text, with all
    /// that stands beside those lines.
    Given(Content),
}

impl Choice {
    fn of<T>(&self, sides: Sides<T>) -> Option<T> {
        match self {
            Self::Ours => Some(sides.ours),
            Self::Theirs => Some(sides.theirs),
            Self::Base => Some(sides.base),
            Self::Given(_) => None,
        }
    }
}

/// Decides one conflict in blocks that a merge made, which may have been edited elsewhere since.
///
/// Of conflicting lines only those are replaced; what the merge combined in the same text stays.
///
/// # Errors
/// `Stale` when there no longer stands what ours had there, whatever is chosen; `WrongKind` or `WrongKey`
/// when what is given does not fit there. The blocks then stay as they are.
pub fn resolve(
    blocks: &mut Blocks,
    conflict: &Conflict,
    choice: &Choice,
    policies: &Policies,
) -> Result<(), MergeError> {
    let name = &conflict.block;
    match &conflict.dispute {
        Dispute::Block(sides) => {
            if blocks.get(name) != sides.ours.as_ref() {
                return Err(stale(conflict));
            }
            let chosen = choice.of(sides.as_ref()).cloned();
            let given = || if let Choice::Given(content) = choice { Some(content.clone()) } else { None };
            put(blocks, name, chosen.unwrap_or_else(given));
        }
        Dispute::Lines(stretches) => {
            let given = match choice {
                Choice::Given(Content::Text(text)) => Some(text),
                Choice::Given(Content::Json(_)) => return Err(wrong_kind(conflict, "JSON", "text")),
                _ => None,
            };
            let Some(Content::Text(text)) = blocks.get(name) else { return Err(stale(conflict)) };
            let replaced = text::replace(text, stretches, |stretch, out| {
                let lines: Option<&Lines> = choice.of(stretch.sides.as_ref());
                out.extend(lines.map(|lines| lines.text.as_str()));
            });
            let replaced = replaced.ok_or_else(|| stale(conflict))?;
            put(blocks, name, Some(Content::Text(given.cloned().unwrap_or(replaced))));
        }
        Dispute::Value { path, after, sides } => {
            let value = match choice {
                Choice::Given(Content::Json(value)) => Some(value),
                Choice::Given(Content::Text(_)) => return Err(wrong_kind(conflict, "text", "JSON")),
                _ => choice.of(sides.as_ref()).and_then(Option::as_ref),
            };
            let Some(Content::Json(root)) = blocks.get_mut(name) else { return Err(stale(conflict)) };
            let none = ListKeys::new();
            let place = Place { conflict, path, after, ours: sides.ours.as_ref() };
            place.set(root, policies.get(name).unwrap_or(&none), value)?;
        }
    }
    Ok(())
}

impl Merged {
    /// Decides all conflicts of a block, or those at and below a path in it, the same way, and returns
    /// them. Those of a whole block and of lines of text are at its root.
    ///
    /// # Errors
    /// As [`resolve`]; nothing is changed then.
    pub fn resolve(
        &mut self,
        block: &BlockName,
        below: &Path,
        choice: &Choice,
        policies: &Policies,
    ) -> Result<Vec<Conflict>, MergeError> {
        let is_meant = |conflict: &Conflict| conflict.block == *block && below.is_prefix_of(&conflict.path());
        let mut blocks = self.blocks.clone();
        for conflict in self.conflicts.iter().filter(|conflict| is_meant(conflict)) {
            resolve(&mut blocks, conflict, choice, policies)?;
        }
        self.blocks = blocks;
        Ok(self.conflicts.extract_if(.., |conflict| is_meant(conflict)).collect())
    }
}

fn put(blocks: &mut Blocks, name: &BlockName, content: Option<Content>) {
    match content {
        Some(content) => blocks.insert(name.clone(), content),
        None => blocks.remove(name),
    };
}

pub(super) fn stale(conflict: &Conflict) -> MergeError {
    MergeError::Stale { block: conflict.block.clone(), path: conflict.path() }
}

fn wrong_kind(conflict: &Conflict, given: &'static str, wanted: &'static str) -> MergeError {
    MergeError::WrongKind { block: conflict.block.clone(), path: conflict.path(), given, wanted }
}

/// Where in a list an entry belongs that follows the first of these keys that is there: first, if none
/// is.
pub(super) fn place_after(after: &[String], position: impl Fn(&str) -> Option<usize>) -> usize {
    after.iter().find_map(|key| position(key)).map_or(0, |before| before + 1)
}

struct Place<'a> {
    conflict: &'a Conflict,
    path: &'a Path,
    after: &'a [String],
    ours: Option<&'a Value>,
}

impl Place<'_> {
    fn set(&self, root: &mut Value, keys: &ListKeys, value: Option<&Value>) -> Result<(), MergeError> {
        let stale = || stale(self.conflict);
        let (parent, last) = self.path.parent().zip(self.path.last()).ok_or_else(stale)?;
        let now = match path::resolve(root, self.path, keys) {
            Ok(now) => Some(now),
            Err(error) if error.is_absence() => None,
            Err(_) => return Err(stale()),
        };
        if now != self.ours {
            return Err(stale());
        }
        let (parent, node) = walk_mut(root, &parent, keys).map_err(|_| stale())?;
        match (last, parent, value) {
            (Step::Field(name), Value::Object(fields), Some(value)) => {
                fields.insert(name.clone(), value.clone());
            }
            (Step::Field(name), Value::Object(fields), None) => {
                fields.remove(name);
            }
            (Step::Index(at), Value::Array(list), Some(value)) => {
                *list.get_mut(*at).ok_or_else(stale)? = value.clone();
            }
            (Step::Key(key), Value::Array(list), value) => {
                let field = node.and_then(Node::key).ok_or_else(stale)?;
                self.set_entry(list, field, key, value)?;
            }
            _ => return Err(stale()),
        }
        Ok(())
    }

    fn set_entry(
        &self,
        list: &mut Vec<Value>,
        field: &str,
        key: &str,
        value: Option<&Value>,
    ) -> Result<(), MergeError> {
        let position = |key: &str| list.iter().position(|entry| key_of(entry, field) == Some(key));
        match (position(key), value) {
            (_, Some(value)) if key_of(value, field) != Some(key) => Err(MergeError::WrongKey {
                block: self.conflict.block.clone(),
                path: self.path.clone(),
                key_field: field.to_owned(),
                key: key.to_owned(),
            }),
            (Some(at), Some(value)) => {
                list[at] = value.clone();
                Ok(())
            }
            (Some(at), None) => {
                list.remove(at);
                Ok(())
            }
            (None, Some(value)) => {
                list.insert(place_after(self.after, position), value.clone());
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}
