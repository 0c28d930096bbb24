//! A profile's content as plain data: blocks, fields, and the rules of each. Reads nothing, checks
//! nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diff::path::{ListKeys, Path};
use crate::object::{BlockName, EntryKind};

/// What becomes of a draft when it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftPolicy {
    /// Any number of drafts, each of which goes away when it is published.
    Many,
    /// One draft `main` that always exists and is re-based on what it published.
    One,
}

/// A block that a config of this profile may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSpec {
    /// The block's name.
    pub name: BlockName,
    /// Whether the block is text or JSON.
    pub kind: EntryKind,
    /// What the block holds, in a few words.
    pub description: String,
}

/// A field of a config and the one block that holds it.
#[derive(Debug, Clone)]
pub struct Field {
    /// The field's path under the API's names.
    pub path: Path,
    /// The block that holds the field.
    pub block: BlockName,
    /// A shorter name that paths may begin with instead.
    pub alias: Option<String>,
    /// The field's JSON Schema (2020-12); `$ref` may point into the profile's definitions.
    pub schema: Value,
    /// The path as keys; never empty.
    pub(super) keys: Vec<String>,
}

impl Field {
    /// The field's name within its block: the last key of its path.
    pub fn key(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }
}

/// What becomes of top-level fields that the profile does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are refused by name.
    Refuse,
    /// They are kept together in this block.
    Keep(BlockName),
    /// Each is a block of its own.
    OwnBlock,
}

/// An object whose fields live in several blocks.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) keys: Vec<String>,
    /// Fields that must be there when the object is.
    pub(super) required: Vec<String>,
}

/// A rule across fields that JSON Schema cannot express.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// No two items of a list have the same text under a key.
    Unique { list: Vec<String>, key: String },
    /// The edges of a graph lead from and to nodes that exist.
    Edges { graph: Vec<String> },
    /// A value with this prefix is accepted only while another field has a value.
    OnlyWith { field: Vec<String>, prefix: String, other: Vec<String>, value: String, absent: String },
}

/// A name of the vendor's resolved shape and the places that it is read from, best first.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) from: Vec<Vec<String>>,
}

/// How a patch is applied.
#[derive(Debug, Clone, Default)]
pub(super) struct PatchRule {
    /// Whether `null` removes a top-level field.
    pub(super) null_removes: bool,
    /// Top-level objects that are merged by one level instead of replaced.
    pub(super) merge: Vec<String>,
}

/// How the vendor's documents are read.
#[derive(Debug, Clone, Default)]
pub(super) struct ImportSpec {
    /// Keys under which an answer wraps its document.
    pub(super) envelopes: Vec<String>,
    /// Keys under which a document holds a version's record; its labels are not the agent's.
    pub(super) wrappers: Vec<String>,
    /// The key of the resolved config.
    pub(super) flat: Option<String>,
    /// The key of the resolved config that is keyed by block.
    pub(super) by_block: Option<String>,
    /// The key of the agent's title.
    pub(super) title: Option<String>,
    /// Keys of the vendor's own ids.
    pub(super) vendor_ids: Vec<String>,
    /// Keys that occur in answers only.
    pub(super) drop: Vec<String>,
}

/// Where a key of a config leads.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// To a field, by its position in [`Shape::fields`].
    Field(usize),
    /// To an object whose fields live in several blocks.
    Inner(BTreeMap<String, Node>),
}

/// A profile's content.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) draft_policy: DraftPolicy,
    pub(super) title_field: Option<String>,
    pub(super) unknown: Unknown,
    pub(super) blocks: Vec<BlockSpec>,
    pub(super) containers: Vec<Container>,
    pub(super) fields: Vec<Field>,
    pub(super) definitions: Value,
    pub(super) list_keys: ListKeys,
    pub(super) rules: Vec<Rule>,
    pub(super) resolved: Vec<Resolved>,
    pub(super) patch: PatchRule,
    pub(super) metadata: Vec<String>,
    pub(super) import: ImportSpec,
    pub(super) defaults: Value,
    /// The fields by their keys.
    pub(super) index: BTreeMap<String, Node>,
}

impl Shape {
    /// The block of that name.
    pub(super) fn block(&self, name: &str) -> Option<&BlockSpec> {
        self.blocks.iter().find(|spec| spec.name.as_str() == name)
    }

    /// The fields that a block holds.
    pub(super) fn fields_of<'a>(&'a self, block: &'a BlockName) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.block == *block)
    }
}

/// The fields by their keys; the second value names fields whose path another field's path blocks.
pub(super) fn index(fields: &[Field]) -> (BTreeMap<String, Node>, Vec<usize>) {
    let mut root = BTreeMap::new();
    let mut blocked = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        if !insert(&mut root, &field.keys, at) {
            blocked.push(at);
        }
    }
    (root, blocked)
}

fn insert(level: &mut BTreeMap<String, Node>, keys: &[String], at: usize) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    if rest.is_empty() {
        if level.contains_key(first) {
            return false;
        }
        level.insert(first.clone(), Node::Field(at));
        return true;
    }
    match level.entry(first.clone()).or_insert_with(|| Node::Inner(BTreeMap::new())) {
        Node::Inner(inner) => insert(inner, rest, at),
        Node::Field(_) => false,
    }
}

/// The value that keys lead to.
pub(super) fn at_keys<'a>(root: &'a Value, keys: &[String]) -> Option<&'a Value> {
    keys.iter().try_fold(root, |value, key| value.get(key))
}
