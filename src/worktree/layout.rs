//! What the file of a block is named, and which block a file name means. Pure.

use std::collections::BTreeMap;

use crate::object::{BlockName, EntryKind};

/// The directory that holds a directory for each agent.
pub const AGENTS_DIR: &str = "agents";
/// The file that says which agent a directory holds, and what its files are based on.
pub const AGENT_FILE: &str = "agent.json";

const TEXT: &str = ".md";
const JSON: &str = ".json";
/// Set behind the name of a JSON block that would take the place of `agent.json`; no block name has it.
const ASIDE: char = '~';

fn is_agent(name: &str) -> bool {
    name.eq_ignore_ascii_case("agent")
}

/// The name of a block's file: `<block>.md` for a text, `<block>.json` for everything else; a JSON
/// block `agent` is `agent~.json`.
pub fn file_name(block: &BlockName, kind: &EntryKind) -> String {
    match kind {
        EntryKind::Text => format!("{block}{TEXT}"),
        _ if is_agent(block.as_str()) => format!("{block}{ASIDE}{JSON}"),
        _ => format!("{block}{JSON}"),
    }
}

/// The block that a file name means; none when no block's file is named so.
pub(super) fn block_of(file: &str) -> Option<(BlockName, EntryKind)> {
    if let Some(stem) = file.strip_suffix(TEXT) {
        return Some((stem.parse().ok()?, EntryKind::Text));
    }
    let stem = file.strip_suffix(JSON)?;
    let name = match stem.strip_suffix(ASIDE) {
        Some(name) => is_agent(name).then_some(name)?,
        None => (!is_agent(stem)).then_some(stem)?,
    };
    Some((name.parse().ok()?, EntryKind::Json))
}

/// Two file names that some disks take for the same.
pub(super) fn clash<'a>(files: impl Iterator<Item = &'a str>) -> Option<(String, String)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for file in files {
        if let Some(other) = seen.insert(file.to_ascii_lowercase(), file) {
            return Some((other.to_owned(), file.to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_one_file_and_every_file_one_block() {
        let check = |block: &str, kind: EntryKind, expected: &str| {
            let block: BlockName = block.parse().expect("a block name");
            assert_eq!(file_name(&block, &kind), expected);
            assert_eq!(block_of(expected), Some((block, kind)));
        };
        check("prompt", EntryKind::Text, "prompt.md");
        check("voice", EntryKind::Json, "voice.json");
        check("agent", EntryKind::Json, "agent~.json");
        check("Agent", EntryKind::Json, "Agent~.json");
        check("agent", EntryKind::Text, "agent.md");
        check("v1.2-beta", EntryKind::Json, "v1.2-beta.json");
        check("notes.md", EntryKind::Json, "notes.md.json");
    }

    #[test]
    fn files_of_editors_and_systems_are_no_blocks() {
        for file in [
            "agent.json",
            "Agent.json",
            ".md",
            ".json",
            "prompt",
            "prompt.md~",
            "#prompt.md#",
            ".prompt.md.swp",
            ".DS_Store",
            "prompt .md",
            "voice~.json",
            "con.json",
            "a..b.md",
            "-x.md",
            "prompt.MD",
            "ü.md",
        ] {
            assert_eq!(block_of(file), None, "{file}");
        }
    }

    #[test]
    fn names_that_differ_by_case_alone_are_found() {
        assert_eq!(clash(["a.md", "b.md", "A.md"].into_iter()), Some(("a.md".into(), "A.md".into())));
        assert_eq!(clash(["a.md", "a.json"].into_iter()), None);
    }
}
