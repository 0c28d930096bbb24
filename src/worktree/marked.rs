//! Files of a draft in which conflicts wait: with markers around what is in question. Such a file is as
//! it was checked out while it holds exactly what was written, and decides once no marker is left in it.

use std::collections::BTreeMap;

use crate::agent::Config;
use crate::merge::{Conflict, markers};
use crate::object::BlockName;
use crate::refs::Handle;

use super::index::{Indexed, files_of};
use super::{Fault, Worktree, WorktreeError, file_name};

/// A file that was written with markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// The digest of its bytes, in hexadecimal digits.
    pub(super) digest: String,
    /// How long its markers are.
    pub(super) length: usize,
}

impl Marked {
    fn of(text: &str, length: usize) -> Self {
        Self { digest: digest(text.as_bytes()), length }
    }

    /// Whether a file holds exactly what was written.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        digest(bytes) == self.digest
    }

    /// The first marker that is left in a file, as what is wrong with it.
    pub(super) fn left(&self, bytes: &[u8], shown: &str) -> Option<Fault> {
        let text = String::from_utf8_lossy(bytes);
        let at = text.lines().position(|line| markers::has_markers(line, self.length))?;
        Some(still_marked(shown, at + 1))
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A conflict is left in a file at a line.
pub(super) fn still_marked(shown: &str, line: usize) -> Fault {
    let message =
        "a conflict is left here: keep the lines of one side, and delete the others and the markers";
    Fault { file: shown.to_owned(), at: Some((line, 1)), message: message.to_owned() }
}

/// The files of a draft, and the text of those with markers.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    pub(super) files: BTreeMap<String, Indexed>,
    pub(super) texts: BTreeMap<String, String>,
}

impl Worktree<'_> {
    /// The files of a commit as a checkout writes them.
    pub(super) fn drawn(&self, agent: &Handle, config: &Config) -> Result<Drawn, WorktreeError> {
        let mut drawn = Drawn { files: files_of(&config.tree), texts: BTreeMap::new() };
        let Some(record) = self.agents.conflicts(agent, &config.commit)? else { return Ok(drawn) };
        let mut by_block: BTreeMap<&BlockName, Vec<&Conflict>> = BTreeMap::new();
        for conflict in &record.conflicts {
            by_block.entry(&conflict.block).or_default().push(conflict);
        }
        let policies = config.profile.merge_policies();
        for (name, conflicts) in by_block {
            let Some(content) = config.blocks.get(name) else { continue };
            let keys = policies.get(name).cloned().unwrap_or_default();
            // What no file can show waits to be decided by name.
            let Ok(Some(text)) = markers::block(Some(content), &conflicts, &keys, &record.labels) else {
                continue;
            };
            let file = file_name(name, &content.kind());
            if let Some(indexed) = drawn.files.get_mut(&file) {
                let length = markers::length_for(content, &conflicts);
                indexed.marked = Some(Marked::of(&text, length));
                drawn.texts.insert(file, text);
            }
        }
        Ok(drawn)
    }
}
