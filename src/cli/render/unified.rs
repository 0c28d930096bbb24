//! Differences as a patch of the files that blocks are checked out as.

use crate::diff::text;
use crate::object::BlockName;
use crate::worktree::{AGENTS_DIR, bytes_of, file_name};

use super::super::error::CliError;
use super::super::terminal::Output;
use super::comparison::{Comparison, Side};

/// Unchanged lines around each change.
const CONTEXT_LINES: usize = 3;

/// Shows one patch for each block that differs; `patch -p1` applies it where agents are checked out.
pub(super) fn show(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    for stat in &comparison.stats {
        let (old_name, old) = file(&comparison.old, &stat.name, "a");
        let (new_name, new) = file(&comparison.new, &stat.name, "b");
        out.raw(text::unified(&old_name, &new_name, &old, &new, CONTEXT_LINES).as_bytes())?;
    }
    if comparison.masked {
        out.warn("secrets are masked: what this patch makes of a file is refused; --reveal shows them");
    }
    Ok(())
}

/// The name and the content of the file that a block is checked out as.
fn file(side: &Side, block: &BlockName, root: &str) -> (String, String) {
    let Some(content) = side.config.blocks.get(block) else { return ("/dev/null".to_owned(), String::new()) };
    let name = format!("{root}/{AGENTS_DIR}/{}/{}", side.agent, file_name(block, &content.kind()));
    (name, String::from_utf8_lossy(&bytes_of(content)).into_owned())
}
