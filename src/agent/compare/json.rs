//! Differences as JSON: `docs/reference/json/diff.json`.

use serde_json::{Map, Value, json};

use crate::diff::{BlockChange, BlockChangeKind, ChangeKind, Hunk, Tag, TextChange};
use crate::object::{BlockName, Content};

use super::{BlockChanges, Comparison, Shown, Side};

impl Comparison {
    /// Everything that differs, as JSON.
    pub fn to_value(&self) -> Value {
        value(self)
    }

    /// The fields that differ, without their values.
    pub fn overview(&self) -> Value {
        overview(self)
    }

    /// What the sizes of a block's change count: `lines` or `values`.
    pub fn unit(&self, stat: &BlockChange) -> &'static str {
        let sides = [&self.new, &self.old];
        let content = sides.iter().find_map(|side| side.config.blocks.get(&stat.name));
        match content {
            Some(Content::Text(_)) => "lines",
            _ => "values",
        }
    }
}

/// What happened to a block, in a word.
pub fn kind_name(kind: BlockChangeKind) -> &'static str {
    match kind {
        BlockChangeKind::Added => "added",
        BlockChangeKind::Removed => "removed",
        BlockChangeKind::Changed => "changed",
    }
}

fn value(comparison: &Comparison) -> Value {
    let blocks: Vec<Value> = comparison
        .stats
        .iter()
        .map(|stat| {
            json!({
                "name": stat.name.as_str(),
                "change": kind_name(stat.kind),
                "added": stat.stat.added,
                "removed": stat.stat.removed,
                "of": comparison.unit(stat),
            })
        })
        .collect();
    let changes = |group: &BlockChanges| {
        let block = group.block.as_ref().map(|block| block.as_str().to_owned());
        group.changes.iter().map(|shown| change(shown, block.as_deref())).collect::<Vec<Value>>()
    };
    json!({
        "old": side(&comparison.old),
        "new": side(&comparison.new),
        "equal": comparison.is_empty(),
        "masked": comparison.masked,
        "blocks": blocks,
        "changes": comparison.blocks.iter().flat_map(changes).collect::<Vec<Value>>(),
    })
}

fn side(side: &Side) -> Value {
    json!({
        "agent": side.agent.as_str(),
        "name": side.name,
        "id": side.id.map(|id| id.to_string()),
        "profile": side.config.profile.name(),
    })
}

fn overview(comparison: &Comparison) -> Value {
    let groups = comparison.blocks.iter();
    let fields = groups.flat_map(|group| group.changes.iter().map(move |shown| (group, shown)));
    fields
        .map(|(group, shown)| {
            let block = group.block.as_ref().map(BlockName::as_str);
            json!({"path": shown.path, "block": block, "change": change_name(&shown.field.change.kind)})
        })
        .collect()
}

fn change_name(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added(_) => "added",
        ChangeKind::Removed(_) => "removed",
        ChangeKind::Changed { .. } => "changed",
        ChangeKind::Moved { .. } => "moved",
    }
}

fn change(shown: &Shown, block: Option<&str>) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("path", shown.path.as_str().into());
    put("block", block.into());
    put("change", change_name(&shown.field.change.kind).into());
    match &shown.field.change.kind {
        ChangeKind::Added(value) => put("new", value.clone()),
        ChangeKind::Removed(value) => put("old", value.clone()),
        ChangeKind::Changed { old, new } => put("old", old.clone()).or(put("new", new.clone())),
        ChangeKind::Moved { from, to } => put("from", (*from).into()).or(put("to", (*to).into())),
    };
    if let Some(at) = shown.field.change.at {
        put("at", at.into());
    }
    if let Some(text) = &shown.field.text {
        put("text", text_value(text));
    }
    if shown.hides {
        put("hides_secret", true.into());
    }
    Value::Object(map)
}

fn text_value(text: &TextChange) -> Value {
    let hunk = |hunk: &Hunk| {
        let lines: Vec<Value> = hunk
            .lines
            .iter()
            .map(|line| {
                let pieces = line.pieces.iter();
                let pieces: Vec<Value> =
                    pieces.map(|(changed, text)| json!({"changed": changed, "text": text})).collect();
                json!({"tag": tag_name(line.tag), "pieces": pieces})
            })
            .collect();
        json!({
            "old_start": hunk.old_start,
            "old_len": hunk.old_len,
            "new_start": hunk.new_start,
            "new_len": hunk.new_len,
            "lines": lines,
        })
    };
    let hunks: Vec<Value> = text.hunks.iter().map(hunk).collect();
    json!({"added": text.added, "removed": text.removed, "hunks": hunks})
}

fn tag_name(tag: Tag) -> &'static str {
    match tag {
        Tag::Same => "same",
        Tag::Removed => "removed",
        Tag::Added => "added",
    }
}
