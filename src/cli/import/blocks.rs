//! A directory of block files, read: as `recto checkout` and `recto export` write it, or without its
//! `agent.json`.

use std::path::Path;

use crate::agent::{Agents, BlockFiles};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::disk::FileKind;
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::object::{BlockName, Content};
use crate::refs::Handle;
use crate::worktree::{AGENT_FILE, file_name, read_agent};

/// What a directory holds.
#[derive(Debug, Default)]
pub(super) struct Dir {
    pub(super) files: BlockFiles,
    /// The agent that its `agent.json` names.
    pub(super) agent: Option<Handle>,
    /// What is no block file.
    pub(super) left_out: Vec<String>,
}

/// Reads a directory.
///
/// # Errors
/// Every problem of its files; when there is none.
pub(super) fn read(ctx: &Context, agents: &Agents, dir: &Path) -> Result<Dir, CliError> {
    if ctx.disk().stat(&dir.join(AGENT_FILE))?.is_none() {
        return plain(ctx, dir);
    }
    match read_agent(agents, dir, dir)? {
        Ok(found) => Ok(Dir {
            files: BlockFiles {
                blocks: found.config.blocks,
                title: found.file.title,
                profile: Some(found.config.profile),
            },
            agent: Some(found.file.agent),
            left_out: found.untracked,
        }),
        Err(faults) => {
            let message = format!("the files in '{}' are no valid config", dir.display());
            Err(CliError::new(Kind::Invalid, message).details(faults.iter().map(ToString::to_string)))
        }
    }
}

/// Reads a directory that does not say whose blocks it holds.
fn plain(ctx: &Context, dir: &Path) -> Result<Dir, CliError> {
    let mut read = Dir::default();
    for (file, kind) in ctx.disk().list(dir)? {
        let Some(name) = block_of(&file).filter(|_| kind == FileKind::File) else {
            read.left_out.push(file);
            continue;
        };
        let bytes = ctx.disk().read(&dir.join(&file), BLOCK_MAX_BYTES as u64)?;
        let wrong = |reason: String| CliError::new(Kind::Invalid, format!("'{file}' is wrong: {reason}"));
        let content = if is_json(&file) {
            Content::Json(json::parse(&bytes).map_err(|error| wrong(error.to_string()))?)
        } else {
            Content::Text(String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8 text".to_owned()))?)
        };
        if file_name(&name, &content.kind()) != file {
            read.left_out.push(file);
        } else if read.files.blocks.insert(name.clone(), content).is_some() {
            return Err(wrong(format!("block '{name}' has two files")));
        }
    }
    if read.files.blocks.is_empty() {
        let message = format!("'{}' holds no block files", dir.display());
        return Err(CliError::new(Kind::NotFound, message).hint("block files are NAME.md and NAME.json"));
    }
    Ok(read)
}

fn is_json(file: &str) -> bool {
    file.strip_suffix(".json").is_some()
}

/// The block that a file would be of; the file's name must then be the one that this block has.
fn block_of(file: &str) -> Option<BlockName> {
    let stem = file.strip_suffix(".md").or_else(|| file.strip_suffix(".json"))?;
    stem.strip_suffix('~').unwrap_or(stem).parse().ok()
}
