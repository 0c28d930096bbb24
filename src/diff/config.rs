//! A diff of two whole configs, as data for those who show it: the fields that differ, with hunks
//! for those that are texts, by block if wanted. Knows no block and no profile by name.

use serde_json::Value;

use super::json::{self, Change, ChangeKind};
use super::path::{ListKeys, Path};
use super::text::{self, Hunk, Tag};

/// What differs between two configs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigDiff {
    /// The fields, in the order of [`json::compare`].
    pub changes: Vec<FieldChange>,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Where, what, and for list entries at which position.
    pub change: Change,
    /// The lines that differ, when the field is a text in both configs.
    pub text: Option<TextChange>,
}

/// How a text differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// The lines that differ, with those around them.
    pub hunks: Vec<Hunk>,
    /// How many lines the new text has that the old one has not.
    pub added: usize,
    /// How many lines the old text has that the new one has not.
    pub removed: usize,
}

/// Compares two configs. The strings at paths that `is_text` accepts are compared by line, with
/// so many unchanged lines around each change.
pub fn compare_configs(
    old: &Value,
    new: &Value,
    keys: &ListKeys,
    is_text: impl Fn(&Path) -> bool,
    context: usize,
) -> ConfigDiff {
    let changes = json::compare(old, new, keys).into_iter();
    let with_text = |change: Change| {
        let text = match &change.kind {
            ChangeKind::Changed { old: Value::String(old), new: Value::String(new) }
                if is_text(&change.path) =>
            {
                Some(TextChange::new(old, new, context))
            }
            _ => None,
        };
        FieldChange { change, text }
    };
    ConfigDiff { changes: changes.map(with_text).collect() }
}

impl TextChange {
    fn new(old: &str, new: &str, context: usize) -> Self {
        let hunks = text::lines(old, new, context);
        let count =
            |tag: Tag| hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.tag == tag).count();
        Self { added: count(Tag::Added), removed: count(Tag::Removed), hunks }
    }
}

impl ConfigDiff {
    /// Whether the configs are equal.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes by block, blocks in the order of their first change.
    ///
    /// `block_of` gives none for a place that is in no single block, such as an object whose fields
    /// are in several. When such an object was added or removed as a whole, the change is
    /// taken apart into those of its fields; other changes of such places come under none.
    pub fn by_block<B: PartialEq>(
        self,
        block_of: impl Fn(&Path) -> Option<B>,
    ) -> Vec<(Option<B>, Vec<FieldChange>)> {
        let mut groups: Vec<(Option<B>, Vec<FieldChange>)> = Vec::new();
        let mut waiting: Vec<FieldChange> = self.changes;
        waiting.reverse();
        while let Some(field) = waiting.pop() {
            let block = block_of(&field.change.path);
            if block.is_none()
                && let Some(parts) = parts(&field.change)
            {
                waiting.extend(parts.into_iter().rev().map(|change| FieldChange { change, text: None }));
                continue;
            }
            match groups.iter_mut().find(|(name, _)| *name == block) {
                Some((_, fields)) => fields.push(field),
                None => groups.push((block, vec![field])),
            }
        }
        groups
    }
}

/// An object added or removed as a whole, field by field.
fn parts(change: &Change) -> Option<Vec<Change>> {
    let (fields, kind): (_, fn(Value) -> ChangeKind) = match &change.kind {
        ChangeKind::Added(Value::Object(fields)) => (fields, ChangeKind::Added),
        ChangeKind::Removed(Value::Object(fields)) => (fields, ChangeKind::Removed),
        _ => return None,
    };
    let part = |(name, value): (&String, &Value)| Change {
        path: change.path.field(name),
        kind: kind(value.clone()),
        at: None,
    };
    (!fields.is_empty()).then(|| fields.iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn diff(old: &Value, new: &Value) -> ConfigDiff {
        let is_text = |path: &Path| path.to_string() == "main.prompt";
        compare_configs(old, new, &ListKeys::new(), is_text, 1)
    }

    #[test]
    fn texts_carry_their_hunks_and_other_fields_do_not() {
        let old = json!({"main": {"prompt": "a\nb\nc\nd\n", "note": "x"}, "n": 1});
        let new = json!({"main": {"prompt": "a\nB\nc\nd\n", "note": "y"}, "n": 1});
        let changes = diff(&old, &new).changes;
        let paths: Vec<String> = changes.iter().map(|field| field.change.path.to_string()).collect();
        assert_eq!(paths, ["main.note", "main.prompt"]);
        assert_eq!(changes[0].text, None);
        let text = changes[1].text.as_ref().expect("hunks");
        assert_eq!((text.added, text.removed, text.hunks.len()), (1, 1, 1));
        assert_eq!((text.hunks[0].old_start, text.hunks[0].old_len), (1, 3));
        assert!(diff(&old, &old).is_empty());
    }

    #[test]
    fn a_text_that_was_none_before_is_a_plain_change() {
        let changes = diff(&json!({"main": {"prompt": null}}), &json!({"main": {"prompt": "a\n"}})).changes;
        assert_eq!((changes.len(), &changes[0].text), (1, &None));
    }

    #[test]
    fn groups_by_block_and_takes_apart_what_spans_several() {
        let old = json!({"voice": {"id": 1, "speed": 2}, "old": {}});
        let new = json!({"main": {"prompt": "a", "tools": [1]}, "voice": {"id": 2, "speed": 3}});
        let block_of = |path: &Path| match path.to_string().as_str() {
            "main.prompt" => Some("prompt"),
            "main.tools" => Some("tools"),
            path if path.starts_with("voice") => Some("voice"),
            _ => None,
        };
        let shown: Vec<String> = diff(&old, &new)
            .by_block(block_of)
            .into_iter()
            .map(|(block, fields)| {
                let paths: Vec<String> = fields.iter().map(|field| field.change.path.to_string()).collect();
                format!("{block:?}: {}", paths.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "None: old",
                "Some(\"voice\"): voice.id voice.speed",
                "Some(\"prompt\"): main.prompt",
                "Some(\"tools\"): main.tools"
            ]
        );
    }
}
