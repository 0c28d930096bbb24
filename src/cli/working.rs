//! Which working files a verb is about: those of the agents named, of the agent whose directory this
//! is, or all.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::agent::Agents;
use crate::error::Kind;
use crate::history::Spec;
use crate::refs::Handle;
use crate::worktree::{Fault, Worktree};

use super::agents::draft_name;
use super::context::Context;
use super::error::CliError;

/// The working directory that the command runs in.
///
/// # Errors
/// When a directory cannot be looked at.
pub(super) fn tree<'a>(ctx: &Context, agents: &'a Agents) -> Result<Worktree<'a>, CliError> {
    Ok(Worktree::find(agents, ctx.directory())?)
}

/// The agents whose files are meant: those named (a draft named with one must be what is checked
/// out), else the one whose directory this is, else all that have files here.
///
/// # Errors
/// When a name is none, or another draft is checked out.
pub(super) fn chosen(ctx: &Context, tree: &Worktree<'_>, names: &[String]) -> Result<Vec<Handle>, CliError> {
    if names.is_empty() {
        return match tree.agent_at(ctx.directory()) {
            Some(agent) => Ok(vec![agent]),
            None => Ok(tree.checked_out()?),
        };
    }
    let mut chosen: Vec<Handle> = Vec::new();
    for name in names {
        let spec: Spec = name.parse()?;
        if spec.explicit {
            let status = tree.status(&spec.agent)?;
            if draft_name(&spec.revision).as_ref() != Some(&status.draft) {
                let message = format!(
                    "'{}' is checked out of agent '{}', not '{}'",
                    status.draft, spec.agent, spec.revision
                );
                let hint = format!("recto checkout {name}");
                return Err(CliError::new(Kind::Refused, message).hint(hint));
            }
        }
        if !chosen.contains(&spec.agent) {
            chosen.push(spec.agent);
        }
    }
    Ok(chosen)
}

/// The agent and the file that a path names, seen from where the command runs; none when the path
/// leads nowhere into the files of an agent.
pub(super) fn file_at(ctx: &Context, tree: &Worktree<'_>, text: &str) -> Option<(Handle, String)> {
    let path = plain(&ctx.directory().join(text));
    let agent = tree.agent_at(&path)?;
    let file = path.strip_prefix(tree.dir(&agent)).ok()?.to_str()?.to_owned();
    (!file.is_empty()).then_some((agent, file))
}

/// A path without `.` and `..`, by its words alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// A fault in JSON.
pub(super) fn fault_value(fault: &Fault) -> Value {
    let (line, column) = fault.at.unzip();
    json!({"file": fault.file, "line": line, "column": column, "message": fault.message})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_detours() {
        assert_eq!(plain(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(plain(Path::new("/../x")), Path::new("/x"));
    }
}
