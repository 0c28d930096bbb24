//! Two JSON values to the list of changes that leads from one to the other, and such a list
//! applied. Knows lists and their keys, not what a field means.

mod apply;
mod lists;

use serde_json::{Map, Value};

use super::path::{ListKeys, Node, Path, Step};

pub use apply::apply;

pub(crate) use lists::{Keyed, is_mistakable, longest_increasing};

/// Lists nested in more lists than this are compared as a whole.
pub const LISTS_NESTED_MAX: usize = 16;

/// Most pairs of entries that are considered in all unkeyed lists of one comparison together;
/// beyond it lists are compared position by position, or as a whole when their lengths differ.
pub const LIST_PAIRS_MAX: usize = 16 * 1024 * 1024;

/// One difference between two documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where. Entries of lists without keys have their position in the new list, removed ones that
    /// in the old list.
    pub path: Path,
    /// What.
    pub kind: ChangeKind,
    /// For an added or removed list entry its position, from 0, in the list that has it.
    pub at: Option<usize>,
}

/// What happened to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeKind {
    /// It is new.
    Added(Value),
    /// It is gone.
    Removed(Value),
    /// It has become another.
    Changed {
        /// What it was.
        old: Value,
        /// What it is.
        new: Value,
    },
    /// This entry of a keyed list stands elsewhere among the entries that stayed.
    Moved {
        /// Its position in the old list, from 0.
        from: usize,
        /// Its position in the new list, from 0.
        to: usize,
    },
}

/// The changes that lead from one value to the other; none when they are equal.
///
/// Objects are compared field by field, in the old one's order and then the new fields. Lists with
/// keys are compared entry by entry if every entry is an object and has a key of its own; other
/// lists by their longest common part, what stands between being paired in order. Of each list
/// come first the removed entries, then the added and moved ones by their new positions, then the
/// changes within entries.
pub fn compare(old: &Value, new: &Value, keys: &ListKeys) -> Vec<Change> {
    let mut comparison = Comparison { changes: Vec::new(), pairs_left: LIST_PAIRS_MAX };
    comparison.values(old, new, Place::root(keys));
    comparison.changes
}

struct Comparison {
    changes: Vec<Change>,
    pairs_left: usize,
}

/// The steps to the values at hand; made into a path only when something changed there.
pub(crate) enum Trail<'a> {
    Root,
    Field(&'a Trail<'a>, &'a str),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    pub(crate) fn to_path(&self) -> Path {
        let (mut path, step) = match self {
            Self::Root => return Path::root(),
            Self::Field(above, name) => (above.to_path(), Step::Field((*name).to_owned())),
            Self::Key(above, key) => (above.to_path(), Step::Key((*key).to_owned())),
            Self::Index(above, index) => (above.to_path(), Step::Index(*index)),
        };
        path.push(step);
        path
    }
}

/// Where in the document two values stand.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) trail: &'a Trail<'a>,
    pub(crate) node: Option<&'a Node>,
    pub(crate) lists_above: usize,
}

impl<'a> Place<'a> {
    /// The root of a document with these keys.
    pub(crate) fn root(keys: &'a ListKeys) -> Self {
        Self { trail: &Trail::Root, node: Some(keys.root()), lists_above: 0 }
    }

    /// The field of that name, to which this trail leads.
    pub(crate) fn field(self, trail: &'a Trail<'a>, name: &str) -> Self {
        Self { trail, node: self.node.and_then(|node| node.field(name)), ..self }
    }

    /// The entry of a list to which this trail leads.
    pub(crate) fn entry(self, trail: &'a Trail<'a>) -> Self {
        let node = self.node.and_then(Node::entries);
        Self { trail, node, lists_above: self.lists_above + 1 }
    }
}

impl Comparison {
    fn values(&mut self, old: &Value, new: &Value, place: Place<'_>) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(old, new, place),
            (Value::Array(a), Value::Array(b)) if place.lists_above < LISTS_NESTED_MAX => {
                if !self.lists(a, b, place) {
                    self.changed(old, new, place.trail);
                }
            }
            _ if old == new => {}
            _ => self.changed(old, new, place.trail),
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: Place<'_>) {
        for (name, value) in old {
            let trail = Trail::Field(place.trail, name);
            let Some(new_value) = new.get(name) else {
                self.push(&trail, ChangeKind::Removed(value.clone()), None);
                continue;
            };
            self.values(value, new_value, place.field(&trail, name));
        }
        for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            self.push(&Trail::Field(place.trail, name), ChangeKind::Added(value.clone()), None);
        }
    }

    fn changed(&mut self, old: &Value, new: &Value, trail: &Trail<'_>) {
        self.push(trail, ChangeKind::Changed { old: old.clone(), new: new.clone() }, None);
    }

    fn push(&mut self, trail: &Trail<'_>, kind: ChangeKind, at: Option<usize>) {
        self.changes.push(Change { path: trail.to_path(), kind, at });
    }
}

#[cfg(test)]
mod tests;
