//! A directory of block files, read: `NAME.md` is text, `NAME.json` is JSON, `@agent.json` says what
//! the blocks are of.

use std::path::Path;

use serde_json::Value;

use crate::agent::{AGENT_FILE, Agents, BlockFiles};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::disk::FileKind;
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::object::{BlockName, Content};

/// Reads a directory; the second value names what is no block file.
///
/// # Errors
/// When a file cannot be read, is no JSON or no text, or names no block; when there is none.
pub(super) fn read(
    ctx: &Context,
    agents: &Agents,
    dir: &Path,
) -> Result<(BlockFiles, Vec<String>), CliError> {
    let mut files = BlockFiles::default();
    let mut left_out = Vec::new();
    for (name, kind) in ctx.disk().list(dir)? {
        let block = name.rsplit_once('.').filter(|(_, extension)| ["md", "json"].contains(extension));
        let Some((stem, extension)) = block.filter(|_| kind == FileKind::File && !name.starts_with('.'))
        else {
            left_out.push(name);
            continue;
        };
        let bytes = ctx.disk().read(&dir.join(&name), BLOCK_MAX_BYTES as u64)?;
        let wrong = |reason: String| CliError::new(Kind::Invalid, format!("'{name}' is wrong: {reason}"));
        let parsed = || json::parse(&bytes).map_err(|error| wrong(error.to_string()));
        if name == AGENT_FILE {
            let about = parsed()?;
            let text = |key: &str| about.get(key).and_then(Value::as_str);
            files.title = text("title").map(str::to_owned);
            files.profile = text("profile").map(|name| agents.profile_named(name)).transpose()?;
            continue;
        }
        let block: BlockName = stem.parse().map_err(|error| wrong(format!("{error}")))?;
        let content = if extension == "json" {
            Content::Json(parsed()?)
        } else {
            Content::Text(String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8 text".to_owned()))?)
        };
        if files.blocks.insert(block, content).is_some() {
            return Err(wrong(format!("block '{stem}' has two files")));
        }
    }
    if files.blocks.is_empty() {
        let message = format!("'{}' holds no block files", dir.display());
        return Err(CliError::new(Kind::NotFound, message).hint("block files are NAME.md and NAME.json"));
    }
    Ok((files, left_out))
}
