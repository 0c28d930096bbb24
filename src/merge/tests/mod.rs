//! What merges, what conflicts, and what becomes of conflicts.

mod carrying;
mod deciding;
mod marking;
mod merging;
mod properties;

use serde_json::Value;

use super::*;
use crate::diff::path::Path;

fn name(name: &str) -> BlockName {
    name.parse().expect("a block name")
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn blocks(entries: &[(&str, Content)]) -> Blocks {
    entries.iter().map(|(key, content)| (name(key), content.clone())).collect()
}

/// A config of the one JSON block `j`.
fn json_block(value: &Value) -> Blocks {
    blocks(&[("j", Content::Json(value.clone()))])
}

fn policies(patterns: &[(&str, &str)]) -> Policies {
    let mut keys = ListKeys::new();
    for (pattern, key) in patterns {
        keys.insert(pattern, key).expect("a pattern");
    }
    Policies::from([(name("j"), keys)])
}

/// Tools by name, and their parameters by `id`.
fn tools() -> Policies {
    policies(&[("tools", "name"), ("tools[].parameters", "id")])
}

/// Merges one JSON block.
fn merge_json(base: &Value, ours: &Value, theirs: &Value) -> Merged {
    config(&json_block(base), &json_block(ours), &json_block(theirs), &tools())
}

/// The merged JSON block.
fn value_of(merged: &Merged) -> &Value {
    merged.blocks[&name("j")].as_json().expect("a JSON block")
}

fn labels() -> Sides<String> {
    Sides { base: "support@V3", ours: "support@tone", theirs: "support@origin/V7" }.map(str::to_owned)
}
