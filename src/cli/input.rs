//! What a verb reads from a file that the person names, or from stdin.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::disk::{Disk, FileKind, open_pipe};
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::CONFIG_MAX_BYTES;

use super::context::Context;
use super::error::CliError;

/// Most symbolic links that are followed to a file.
const LINKS_MAX: usize = 40;

/// The whole content of a file of at most `max_bytes`; `-`, or no name, is stdin.
///
/// # Errors
/// When it cannot be read, or is larger.
pub(crate) fn read(ctx: &Context, name: Option<&str>, max_bytes: u64) -> Result<Vec<u8>, CliError> {
    match name {
        None | Some("-") => read_all(&mut io::stdin().lock(), "stdin", max_bytes),
        Some(name) => {
            if let Some(mut pipe) = open_pipe(&ctx.directory().join(name))? {
                return read_all(&mut pipe, name, max_bytes);
            }
            let path = resolve(ctx.disk().as_ref(), &ctx.directory().join(name))?;
            Ok(ctx.disk().read(&path, max_bytes)?)
        }
    }
}

/// A JSON document of the size of a config; `-`, or no name, is stdin.
///
/// # Errors
/// When it cannot be read, or is no JSON.
pub(crate) fn document(ctx: &Context, name: Option<&str>) -> Result<Value, CliError> {
    let bytes = read(ctx, name, CONFIG_MAX_BYTES as u64)?;
    json::parse(&bytes).map_err(|error| {
        let name = name.filter(|name| *name != "-").unwrap_or("stdin");
        CliError::new(Kind::Invalid, format!("'{name}' is not JSON: {error}"))
    })
}

fn read_all(reader: &mut dyn Read, name: &str, max_bytes: u64) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    reader
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::new(Kind::Io, format!("cannot read '{name}': {error}")))?;
    if bytes.len() as u64 > max_bytes {
        return Err(CliError::new(Kind::Invalid, format!("'{name}' has more than {max_bytes} bytes")));
    }
    Ok(bytes)
}

/// The file that a path leads to: a store never follows links, but what a person names may be one.
///
/// # Errors
/// When links lead round in a circle, or cannot be read.
pub(crate) fn resolve(disk: &dyn Disk, path: &Path) -> Result<PathBuf, CliError> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match disk.stat(&path)? {
            Some(stat) if stat.kind == FileKind::Symlink => {
                let target = disk.read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("/")).join(target);
            }
            _ => return Ok(path),
        }
    }
    Err(CliError::new(Kind::Refused, format!("'{}' leads round in a circle", path.display())))
}
