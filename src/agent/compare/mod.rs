//! Two configs and what differs between them, ready to be shown: secrets masked, changes by block,
//! narrowed to the paths that are wanted. Knows no form of showing.

mod json;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::check::{mask_text, mask_value};
use crate::diff::path::{self, Path};
use crate::diff::{BlockChange, Change, ChangeKind, ConfigDiff, FieldChange, compare_blocks};
use crate::object::{BlockName, Content, ObjectId};
use crate::profile::Profile;
use crate::refs::Handle;

use super::{AgentError, Agents, Config};

pub use json::kind_name;

/// One of two configs that are compared.
#[derive(Debug, Clone)]
pub struct Side {
    /// The agent.
    pub agent: Handle,
    /// What it is, beside the agent's handle: `V3`, a draft's name, `files`.
    pub name: String,
    /// The commit that holds it; none for files and for nothing at all.
    pub id: Option<ObjectId>,
    /// The config.
    pub config: Config,
}

impl Side {
    /// `support@V3`.
    pub fn title(&self) -> String {
        format!("{}@{}", self.agent, self.name)
    }
}

/// One change, as it is to be shown.
#[derive(Debug)]
pub struct Shown {
    /// The field, in its shortest form.
    pub path: String,
    /// What changed.
    pub field: FieldChange,
    /// Whether something changed that a mask hides.
    pub hides: bool,
}

/// The changes of one block.
#[derive(Debug)]
pub struct BlockChanges {
    /// The block; none where fields of several are one value.
    pub block: Option<BlockName>,
    /// What changed in it.
    pub changes: Vec<Shown>,
}

impl BlockChanges {
    /// The block's name, or what stands for it.
    pub fn name(&self) -> &str {
        self.block.as_ref().map_or("config", BlockName::as_str)
    }
}

/// Two configs and what differs between them.
#[derive(Debug)]
pub struct Comparison {
    /// The older side.
    pub old: Side,
    /// The newer side.
    pub new: Side,
    /// How much changed in each block.
    pub stats: Vec<BlockChange>,
    /// What changed, by block.
    pub blocks: Vec<BlockChanges>,
    /// Whether secrets were masked on either side.
    pub masked: bool,
}

impl Comparison {
    /// Compares two configs; secrets are masked in what is kept, unless they are to be revealed.
    pub fn new(agents: &Agents, old: Side, new: Side, reveal: bool) -> Self {
        let raw = agents.diff(&old.config, &new.config);
        let profile = std::sync::Arc::clone(&new.config.profile);
        let mut stats = compare_blocks(&old.config.blocks, &new.config.blocks);
        stats.sort_by_key(|stat| rank(&profile, Some(&stat.name)));
        let (old_masked, new_masked) = (mask_value(&old.config.value), mask_value(&new.config.value));
        let masked = !reveal && (old_masked != old.config.value || new_masked != new.config.value);
        if !masked {
            let blocks = by_block(raw, &profile, &BTreeSet::new(), masked);
            return Self { old, new, stats, blocks, masked };
        }
        let (old, new) = (masked_side(old, old_masked), masked_side(new, new_masked));
        let shown = agents.diff(&old.config, &new.config);
        let (diff, hidden) = with_hidden(raw, shown, &new.config);
        let blocks = by_block(diff, &profile, &hidden, masked);
        Self { old, new, stats, blocks, masked }
    }

    /// Keeps what lies in these blocks or at, above or below these fields. Returns the names that
    /// are in neither config.
    ///
    /// # Errors
    /// When a config cannot be read.
    pub fn only(&mut self, agents: &Agents, wanted: &[(String, Path)]) -> Result<Vec<String>, AgentError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let profile = &self.new.config.profile;
        let full: Vec<Path> = wanted.iter().map(|(_, path)| profile.resolve_path(path)).collect();
        let is_wanted = |block: Option<&BlockName>, path: &Path| {
            wanted.iter().zip(&full).any(|((name, _), full)| {
                block.is_some_and(|block| block.as_str() == name)
                    || full.is_prefix_of(path)
                    || path.is_prefix_of(full)
            })
        };
        let has = |config: &Config, name: &str, full: &Path| {
            config.blocks.keys().any(|block| block.as_str() == name)
                || path::get(&config.value, full, profile.list_keys()).is_some()
        };
        let mut unknown = Vec::new();
        for ((name, _), full) in wanted.iter().zip(&full) {
            let mut known = [&self.old, &self.new].iter().any(|side| has(&side.config, name, full));
            // What both sides have the same may not have been read.
            for id in [&self.old, &self.new].iter().filter_map(|side| side.id) {
                known = known || has(&agents.config(&id)?, name, full);
            }
            if !known {
                unknown.push(name.clone());
            }
        }
        for group in &mut self.blocks {
            let block = group.block.clone();
            group.changes.retain(|shown| is_wanted(block.as_ref(), &shown.field.change.path));
        }
        self.blocks.retain(|group| !group.changes.is_empty());
        let left: BTreeSet<&str> = self.blocks.iter().map(BlockChanges::name).collect();
        let named = |block: &str| wanted.iter().any(|(name, _)| name == block);
        self.stats.retain(|stat| left.contains(stat.name.as_str()) || named(stat.name.as_str()));
        Ok(unknown)
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.stats.is_empty()
    }

    /// The blocks that differ though no field of the config does: an empty block that is new or gone,
    /// the same value as text and as JSON.
    pub fn fieldless(&self) -> impl Iterator<Item = &BlockChange> {
        let shared = self.blocks.iter().any(|group| group.block.is_none());
        self.stats.iter().filter(move |stat| {
            !shared && !self.blocks.iter().any(|group| group.block.as_ref() == Some(&stat.name))
        })
    }

    /// What happened to a block of which no field differs.
    pub fn without_fields(&self, stat: &BlockChange) -> String {
        let kind = |side: &Side| side.config.blocks.get(&stat.name).map(Content::kind);
        match (kind(&self.old), kind(&self.new)) {
            (None, _) => "the block is new and has no fields".to_owned(),
            (_, None) => "the block is gone and had no fields".to_owned(),
            (Some(old), Some(new)) if old != new => {
                format!("the same value, as {} and not as {} any more", new.name(), old.name())
            }
            _ => "the block differs, its fields do not".to_owned(),
        }
    }

    /// What is compared: `support V3 -> V4`, the two names joined by a text.
    pub fn title(&self, joint: &str) -> String {
        if self.old.agent == self.new.agent {
            format!("{} {}{joint}{}", self.old.agent, self.old.name, self.new.name)
        } else {
            format!("{}{joint}{}", self.old.title(), self.new.title())
        }
    }

    /// What the old side is, beside the agent's handle.
    pub fn old_name(&self) -> &str {
        &self.old.name
    }

    /// How many fields differ.
    pub fn count(&self) -> usize {
        self.blocks.iter().map(|group| group.changes.len()).sum()
    }
}

fn masked_side(side: Side, value: Value) -> Side {
    let Side { agent, name, id, config } = side;
    // Placed again from the masked value, so that a block is masked as its fields are.
    let blocks = config.profile.split(&value).unwrap_or_else(|_| {
        let mask = |content: Content| match content {
            Content::Text(text) => Content::Text(mask_text(&text).into_owned()),
            Content::Json(value) => Content::Json(mask_value(&value)),
        };
        config.blocks.into_iter().map(|(name, content)| (name, mask(content))).collect()
    });
    Side { agent, name, id, config: Config { blocks, value, ..config } }
}

/// The changes between masked configs, and in their places those of which the masks show nothing.
/// Returns also the paths at which something is hidden.
fn with_hidden(raw: ConfigDiff, shown: ConfigDiff, new: &Config) -> (ConfigDiff, BTreeSet<Path>) {
    let mut hidden = BTreeSet::new();
    let mut waiting: Vec<Option<FieldChange>> = shown.changes.into_iter().map(Some).collect();
    let mut changes = Vec::with_capacity(raw.changes.len());
    let lines = |field: &FieldChange| field.text.as_ref().map(|text| (text.added, text.removed));
    for was in raw.changes {
        let twin = waiting
            .iter_mut()
            .find(|field| field.as_ref().is_some_and(|field| field.change.path == was.change.path));
        if let Some(twin) = twin.and_then(Option::take) {
            if lines(&twin) != lines(&was) {
                hidden.insert(was.change.path);
            }
            changes.push(twin);
            continue;
        }
        let path = was.change.path;
        let value = path::get(&new.value, &path, new.profile.list_keys()).cloned().unwrap_or_default();
        hidden.insert(path.clone());
        let kind = ChangeKind::Changed { old: value.clone(), new: value };
        changes.push(FieldChange { change: Change { path, kind, at: None }, text: None });
    }
    changes.extend(waiting.into_iter().flatten());
    (ConfigDiff { changes }, hidden)
}

fn by_block(diff: ConfigDiff, profile: &Profile, hidden: &BTreeSet<Path>, masked: bool) -> Vec<BlockChanges> {
    let shown = |field: FieldChange| {
        let path = profile.short_path(&field.change.path).to_string();
        let path = if masked { mask_text(&path).into_owned() } else { path };
        let hides = hidden.contains(&field.change.path);
        Shown { path, field, hides }
    };
    let mut groups: Vec<BlockChanges> = diff
        .by_block(|path| profile.block_of(path))
        .into_iter()
        .map(|(block, fields)| BlockChanges { block, changes: fields.into_iter().map(shown).collect() })
        .collect();
    groups.sort_by_key(|group| rank(profile, group.block.as_ref()));
    groups
}

/// Where a block stands in the order of its profile; blocks that it does not name come last.
fn rank(profile: &Profile, block: Option<&BlockName>) -> usize {
    let at = profile.blocks().iter().position(|spec| Some(&spec.name) == block);
    at.unwrap_or(usize::MAX)
}

/// The names that narrow a comparison, each as a path where it is one.
///
/// # Errors
/// When one of them is no path.
pub fn wanted(names: &[String]) -> Result<Vec<(String, Path)>, path::PathError> {
    names.iter().map(|name| Ok((name.clone(), name.parse()?))).collect()
}
