//! A draft as files that a person edits: `agents/<agent>/` in the working directory, one file per
//! block. Knows agents and the disk; never HTTP or a terminal.
//!
//! No file is ever read, written or removed through a symbolic link, and no file whose content the
//! store does not have is overwritten or removed without a copy. What was checked out, and what each
//! file looked like then, is remembered in the store's `worktree/` (the index).

mod agent_file;
mod apply;
mod checkout;
mod discard;
mod error;
mod fault;
mod files;
mod index;
mod layout;
mod loose;
mod marked;
mod obstacles;
mod place;
mod save;
mod scan;
mod status;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::agent::{AgentError, Agents};
use crate::disk::{FileKind, LockGuard};
use crate::refs::Handle;
use crate::repo::{STORE_DIR, random_bytes};

pub use agent_file::AgentFile;
pub use apply::{APPLY_SURFACE, Action, ApplyOptions, Expect, Outcome, Planned};
pub use checkout::{CheckedOut, bytes_of};
pub use discard::{Brought, Discarded};
pub use error::{Conflict, Switch, WorktreeError};
pub use fault::Fault;
pub use layout::{AGENT_FILE, AGENTS_DIR, file_name};
pub use loose::{LooseAgent, agent_dirs, read_agent, unknown_dirs};
pub use save::{Beside, Saved, faults_in};
pub use scan::content;
pub use status::{FileState, MovedDraft, WorkFile, WorkStatus};

use files::Files;

/// The directory of a store in which checkouts are remembered.
const STATE_DIR: &str = "worktree";

/// A working directory, and the store that its files are drafts of.
#[derive(Debug)]
pub struct Worktree<'a> {
    agents: &'a Agents,
    root: PathBuf,
    state: PathBuf,
}

impl<'a> Worktree<'a> {
    /// The working directory that `directory` (an absolute path) is in: the one that holds the store;
    /// for a store elsewhere the nearest one upwards that holds checked-out agents, else `directory`.
    ///
    /// # Errors
    /// When a directory on the way cannot be looked at.
    pub fn find(agents: &'a Agents, directory: &Path) -> Result<Self, WorktreeError> {
        let store = agents.repo().root();
        let beside = store.parent().filter(|_| store.ends_with(STORE_DIR));
        if let Some(root) = beside.filter(|root| directory.starts_with(root)) {
            return Ok(Self { agents, root: root.to_path_buf(), state: store.join(STATE_DIR) });
        }
        let mut root = directory.to_path_buf();
        for dir in directory.ancestors() {
            if holds_agents(agents, dir)? {
                root = dir.to_path_buf();
                break;
            }
        }
        // Several working directories may share one store: each remembers its own checkouts.
        let name = blake3::hash(root.to_string_lossy().as_bytes()).to_hex();
        let state = store.join(STATE_DIR).join(format!("at-{}", &name[..16]));
        Ok(Self { agents, root, state })
    }

    /// The working directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The agent whose files `directory` is among, or below.
    pub fn agent_at(&self, directory: &Path) -> Option<Handle> {
        let inside = directory.strip_prefix(self.root.join(AGENTS_DIR)).ok()?;
        inside.components().next()?.as_os_str().to_str()?.parse().ok()
    }

    /// The directory of an agent's files.
    pub fn dir(&self, agent: &Handle) -> PathBuf {
        self.root.join(AGENTS_DIR).join(agent.as_str())
    }

    /// The agents that have files here, in order of their handles. Directories without an
    /// `agent.json` are none.
    ///
    /// # Errors
    /// `Symlink`, or when a directory cannot be read.
    pub fn checked_out(&self) -> Result<Vec<Handle>, WorktreeError> {
        let dir = self.root.join(AGENTS_DIR);
        if !self.files().is_dir(&dir)? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (name, kind) in self.agents.repo().disk().list(&dir)? {
            let Ok(handle) = name.parse::<Handle>() else { continue };
            let file = self.dir(&handle).join(AGENT_FILE);
            let disk = self.agents.repo().disk();
            if kind == FileKind::Dir && disk.stat(&file)?.is_some() {
                found.push(handle);
            }
        }
        Ok(found)
    }

    /// The directories beside those of agents of which nothing says what they are: without an
    /// `agent.json`. By name, in order.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn unknown(&self) -> Result<Vec<String>, WorktreeError> {
        let disk = self.agents.repo().disk().as_ref();
        if !self.files().is_dir(&self.root.join(AGENTS_DIR))? {
            return Ok(Vec::new());
        }
        let dirs = unknown_dirs(disk, &self.root)?;
        Ok(dirs.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn files(&self) -> Files<'_> {
        Files::new(self.agents.repo().disk().as_ref(), &self.root)
    }

    fn index_path(&self, agent: &Handle) -> PathBuf {
        self.state.join(format!("{agent}.json"))
    }

    /// Where an edit that could not be saved is kept; the directory is made.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn edit_dir(&self) -> Result<PathBuf, WorktreeError> {
        let random = u128::from_be_bytes(random_bytes().map_err(AgentError::from)?);
        let name = format!("{random:032x}");
        let dir = self.state.join("edit").join(name);
        self.agents.repo().disk().create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Two commands that write files or the index wait for each other.
    fn lock(&self) -> Result<Box<dyn LockGuard>, WorktreeError> {
        let disk = self.agents.repo().disk();
        disk.create_dir_all(&self.state)?;
        // What is checked out here means nothing in a clone; a store made earlier does not leave it out.
        let ignore = self.agents.repo().root().join(STATE_DIR).join(".gitignore");
        if disk.stat(&ignore)?.is_none() {
            disk.write_atomic(&ignore, b"*\n")?;
        }
        Ok(disk.lock(&self.state.join("lock"))?)
    }
}

/// A file's path as messages show it: relative to the working directory.
fn shown(agent: &Handle, file: &str) -> String {
    format!("{AGENTS_DIR}/{agent}/{file}")
}

fn holds_agents(agents: &Agents, dir: &Path) -> Result<bool, WorktreeError> {
    let disk = agents.repo().disk();
    let inside = dir.join(AGENTS_DIR);
    // The directory of a store has agents of its own, which are no files to edit.
    let is_dir = disk.stat(&inside)?.is_some_and(|stat| stat.kind == FileKind::Dir);
    if !is_dir || disk.stat(&dir.join("objects"))?.is_some() {
        return Ok(false);
    }
    for (name, kind) in disk.list(&inside)? {
        if kind == FileKind::Dir && disk.stat(&inside.join(name).join(AGENT_FILE))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
