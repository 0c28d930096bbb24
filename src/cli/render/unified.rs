//! Differences as a patch of the files that blocks are checked out as.

use crate::diff::text;
use crate::object::{BlockName, Content};
use crate::refs::Handle;
use crate::worktree::{AGENTS_DIR, bytes_of, file_name};

use super::super::error::CliError;
use super::super::terminal::Output;
use crate::agent::Comparison;

/// Unchanged lines around each change.
const CONTEXT_LINES: usize = 3;
/// The mode of a file that a patch makes or removes.
const MODE: &str = "100644";
/// What git calls an empty file: GNU patch removes one only if told so.
const EMPTY_BLOB: &str = "e69de29";
/// What git calls a file that is not there.
const NO_BLOB: &str = "0000000";
/// What stands for a file that is not there.
const NOTHING: &str = "/dev/null";

/// Shows one patch for each file that differs; `patch -p1` and `git apply` apply it where the old
/// side's agent is checked out.
pub(super) fn show(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    let (old, new) = (&comparison.old, &comparison.new);
    if old.agent != new.agent {
        // Both programs pass over words before the first patch.
        out.raw(format!("{}\n", comparison.title(" -> ")).as_bytes())?;
    }
    for stat in &comparison.stats {
        let (was, is) = (old.config.blocks.get(&stat.name), new.config.blocks.get(&stat.name));
        let patch = match (was, is) {
            // A block of another kind is another file.
            (Some(was), Some(is)) if was.kind() != is.kind() => {
                patch(&old.agent, &stat.name, Some(was), None)
                    + &patch(&old.agent, &stat.name, None, Some(is))
            }
            _ => patch(&old.agent, &stat.name, was, is),
        };
        out.raw(patch.as_bytes())?;
    }
    if comparison.masked {
        out.warn("secrets are masked: what this patch makes of a file is refused; --reveal shows them");
    }
    Ok(())
}

/// The patch of one file, which at least one side has. Without a line that says so, the programs could
/// not tell a file that is empty from one that is not there.
fn patch(agent: &Handle, block: &BlockName, old: Option<&Content>, new: Option<&Content>) -> String {
    let Some(content) = new.or(old) else { return String::new() };
    let path = format!("{AGENTS_DIR}/{agent}/{}", file_name(block, &content.kind()));
    let (from, to) = (format!("a/{path}"), format!("b/{path}"));
    let text = |content: Option<&Content>| {
        content.map_or_else(String::new, |content| String::from_utf8_lossy(&bytes_of(content)).into_owned())
    };
    let (old_text, new_text) = (text(old), text(new));
    let mut lines = vec![format!("diff --git {from} {to}")];
    let (from, to) = match (old, new) {
        (None, _) => {
            lines.push(format!("new file mode {MODE}"));
            lines.extend(new_text.is_empty().then(|| format!("index {NO_BLOB}..{EMPTY_BLOB}")));
            (NOTHING.to_owned(), to)
        }
        (_, None) => {
            lines.push(format!("deleted file mode {MODE}"));
            lines.extend(old_text.is_empty().then(|| format!("index {EMPTY_BLOB}..{NO_BLOB}")));
            (from, NOTHING.to_owned())
        }
        _ => (from, to),
    };
    lines.push(text::unified(&from, &to, &old_text, &new_text, CONTEXT_LINES));
    lines.join("\n")
}
