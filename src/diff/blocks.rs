//! Which blocks differ between two configs, and how much.

use serde_json::Value;

use crate::object::{BlockName, Blocks, Content};

use super::json::{self, ChangeKind};
use super::path::ListKeys;
use super::text;

/// One block that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockChange {
    /// The block.
    pub name: BlockName,
    /// What happened to it.
    pub kind: BlockChangeKind,
    /// How much.
    pub stat: Stat,
}

/// What happened to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockChangeKind {
    /// Only the new config has it.
    Added,
    /// Only the old config has it.
    Removed,
    /// Both have it, with different content.
    Changed,
}

/// The size of a change: lines of a text, single values (scalars, empty lists and objects) of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// How many the new content has that the old one has not.
    pub added: usize,
    /// How many the old content has that the new one has not.
    pub removed: usize,
}

/// The blocks that differ, in order of their names.
///
/// In JSON, a changed value counts as one removed and one added, and so does a list entry that
/// moved; lists are compared without keys.
pub fn compare_blocks(old: &Blocks, new: &Blocks) -> Vec<BlockChange> {
    let change = |name: &BlockName, kind, stat| BlockChange { name: name.clone(), kind, stat };
    let mut changes: Vec<BlockChange> = old
        .iter()
        .filter_map(|(name, was)| match new.get(name) {
            None => Some(change(name, BlockChangeKind::Removed, Stat { added: 0, removed: size(was) })),
            Some(is) if was == is => None,
            Some(is) => Some(change(name, BlockChangeKind::Changed, stat(was, is))),
        })
        .collect();
    for (name, is) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        changes.push(change(name, BlockChangeKind::Added, Stat { added: size(is), removed: 0 }));
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    changes
}

fn stat(old: &Content, new: &Content) -> Stat {
    match (old, new) {
        (Content::Text(old), Content::Text(new)) => {
            let (added, removed) = text::stat(old, new);
            Stat { added, removed }
        }
        (Content::Json(old), Content::Json(new)) => {
            let changes = json::compare(old, new, &ListKeys::new());
            changes.iter().map(|change| stat_of(&change.kind)).fold(Stat::default(), |sum, one| Stat {
                added: sum.added + one.added,
                removed: sum.removed + one.removed,
            })
        }
        _ => Stat { added: size(new), removed: size(old) },
    }
}

fn stat_of(kind: &ChangeKind) -> Stat {
    match kind {
        ChangeKind::Added(value) => Stat { added: values(value), removed: 0 },
        ChangeKind::Removed(value) => Stat { added: 0, removed: values(value) },
        ChangeKind::Changed { old, new } => Stat { added: values(new), removed: values(old) },
        ChangeKind::Moved { .. } => Stat { added: 1, removed: 1 },
    }
}

fn size(content: &Content) -> usize {
    match content {
        Content::Text(text) => text.split_inclusive('\n').count(),
        Content::Json(value) => values(value),
    }
}

fn values(value: &Value) -> usize {
    match value {
        Value::Object(fields) if !fields.is_empty() => fields.values().map(values).sum(),
        Value::Array(entries) if !entries.is_empty() => entries.iter().map(values).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blocks(entries: &[(&str, Content)]) -> Blocks {
        let name = |name: &str| name.parse().expect("a block name");
        entries.iter().map(|(key, content)| (name(key), content.clone())).collect()
    }

    #[test]
    fn names_the_blocks_that_differ_and_how_much() {
        let text = |text: &str| Content::Text(text.to_owned());
        let old = blocks(&[
            ("prompt", text("a\nb\n")),
            ("same", text("x")),
            ("tools", Content::Json(json!({"a": 1, "b": [1, 2, 3], "c": {}}))),
            ("voice", Content::Json(json!({"id": "v", "speed": 1, "extra": []}))),
            ("weird", text("1\n2\n3")),
        ]);
        let new = blocks(&[
            ("fresh", text("one\ntwo")),
            ("prompt", text("a\nB\nC\n")),
            ("same", text("x")),
            ("tools", Content::Json(json!({"a": 2, "b": [1, 3], "d": {"x": 1, "y": 2}}))),
            ("weird", Content::Json(json!([1, 2]))),
        ]);
        let shown: Vec<String> = compare_blocks(&old, &new)
            .iter()
            .map(|c| format!("{} {:?} +{} -{}", c.name, c.kind, c.stat.added, c.stat.removed))
            .collect();
        assert_eq!(
            shown,
            [
                "fresh Added +2 -0",
                "prompt Changed +2 -1",
                "tools Changed +3 -3",
                "voice Removed +0 -3",
                "weird Changed +2 -3",
            ]
        );
        assert_eq!(compare_blocks(&new, &new), []);
    }
}
