//! Brings files up to date with a journal record. Every step may be done again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use crate::backend::BackendError;
use crate::disk::{Disk, DiskError};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};

use super::journal::Op;
use super::layout::Layout;
use super::loose;

/// Files of refs that no runtime has a use for.
const OWN: [&str; 4] = [RefName::META, "upstream", "pushed", "remotes"];

fn is_own(path: &str) -> bool {
    path.split('/').next().is_some_and(|first| OWN.contains(&first))
}

/// How often a file is begun whose temporary file or directory is not there when it is to be renamed.
const TRIES: usize = 8;

/// What to do with an object that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// Keep it if it is that object.
    Keep,
    /// The same; of the agent itself nothing is there, and nobody reads it yet.
    Nothing,
    /// Write it again: a flush failed, and what reads well may not be on the disk.
    Rewrite,
}

/// Does what the operations say, in their order, to the agent that is at `agent` now. An object that is in
/// a pack needs no file of its own.
pub(super) fn apply(
    disk: &dyn Disk,
    layout: &Layout,
    agent: &Handle,
    ops: &[Op],
    present: Present,
    packed: &dyn Fn(&ObjectId) -> bool,
) -> Result<(), BackendError> {
    let dir = layout.agent(agent);
    for op in ops {
        match op {
            Op::Object { id, .. } if present != Present::Rewrite && packed(id) => {}
            Op::Object { id, file } => keep_object(disk, layout, id, present, || Cow::Borrowed(file))?,
            // Only this library reads it, and not before the log shows that all files are there; where the
            // writer dies in between, it is written again.
            Op::Replace { path, content } if present == Present::Nothing && is_own(path) => {
                let writing = BackendError::disk(format!("write '{path}'"));
                disk.write_at(&dir.join(path), 0, content).map_err(writing)?;
            }
            Op::Replace { path, content } => {
                put(disk, &dir.join(path), content).map_err(BackendError::disk(format!("write '{path}'")))?;
            }
            Op::Append { path, offset, content } => {
                let path_on = dir.join(path);
                in_its_directory(disk, &path_on, || disk.write_at(&path_on, *offset, content))
                    .map_err(BackendError::disk(format!("append to '{path}'")))?;
            }
            Op::Remove { path } => match disk.remove_file(&dir.join(path)) {
                Ok(()) | Err(DiskError::NotFound { .. }) => {}
                Err(error) => return Err(BackendError::disk(format!("remove '{path}'"))(error)),
            },
            // Done apart, under the locks of both handles.
            Op::Rename { .. } => {}
        }
    }
    Ok(())
}

/// Makes the directories that the operations need in that of a new agent, in which there are none: no file
/// has to be refused first.
pub(super) fn make_dirs(
    disk: &dyn Disk,
    layout: &Layout,
    agent: &Handle,
    ops: &[Op],
) -> Result<(), BackendError> {
    let dir = layout.agent(agent);
    let mut made: HashSet<&str> = HashSet::new();
    for op in ops {
        let (Op::Replace { path, .. } | Op::Append { path, .. }) = op else { continue };
        for (end, _) in path.match_indices('/') {
            if made.insert(&path[..end]) {
                let making = BackendError::disk(format!("make the directory of '{path}'"));
                disk.create_dir_all(&dir.join(&path[..end])).map_err(making)?;
            }
        }
    }
    Ok(())
}

/// Keeps an object as a loose file.
pub(super) fn keep_object<'a>(
    disk: &dyn Disk,
    layout: &Layout,
    id: &ObjectId,
    present: Present,
    file: impl FnOnce() -> Cow<'a, [u8]>,
) -> Result<(), BackendError> {
    let path = layout.object(id);
    if present != Present::Rewrite {
        match disk.read(&path, loose::FILE_MAX_BYTES) {
            Ok(there) if loose::decode(id, &there).is_ok() => return Ok(()),
            Ok(_) | Err(DiskError::NotFound { .. } | DiskError::TooLarge { .. }) => {}
            Err(error) => return Err(BackendError::disk(format!("read object '{id}'"))(error)),
        }
    }
    put(disk, &path, &file()).map_err(BackendError::disk(format!("write object '{id}'")))
}

/// Writes a file in one step, and makes its directory on the way where it is not there yet. It may also be
/// that somebody took the temporary file for one that was left, and removed it: then it is written again.
pub(super) fn put(disk: &dyn Disk, path: &Path, content: &[u8]) -> Result<(), DiskError> {
    in_its_directory(disk, path, || disk.write_atomic(path, content))
}

/// Writes, and where something on the way was not there, makes the file's directory and writes again.
fn in_its_directory(
    disk: &dyn Disk,
    path: &Path,
    write: impl Fn() -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    for _ in 1..TRIES {
        match write() {
            Err(DiskError::NotFound { .. }) => {
                if let Some(dir) = path.parent() {
                    disk.create_dir_all(dir)?;
                }
            }
            other => return other,
        }
    }
    write()
}
