//! The rename of an agent. It moves a directory that readers and writers of two handles look at, so it
//! takes both locks, claims the new handle first, and is the last record of its journal's epoch.

use std::io::ErrorKind;
use std::path::Path;

use crate::backend::BackendError;
use crate::disk::{DiskError, FileKind};
use crate::refs::Handle;

use super::LocalBackend;
use super::examine::State;

impl LocalBackend {
    /// Makes a handle the agent's own before it is renamed to it, durably: the record that says so may
    /// become visible long after its writer died, and then nobody else may be there.
    pub(super) fn claim(&self, to: &Handle, agent: &Handle) -> Result<(), BackendError> {
        let doing = || BackendError::disk(format!("claim the name '{to}'"));
        match self.disk.symlink(Path::new(agent.as_str()), &self.layout.claim(to)) {
            Err(error @ DiskError::Io { .. }) if error.io_kind() != ErrorKind::AlreadyExists => {
                return Err(doing()(error));
            }
            Ok(()) | Err(DiskError::Io { .. }) => {}
            Err(error) => return Err(doing()(error)),
        }
        self.or_mark_store(self.disk.sync_dir(&self.layout.locks()).map_err(doing()))
    }

    /// Completes a rename that a dead writer left, or finds that it never happened.
    pub(super) fn finish_rename(&self, from: &Handle, to: &Handle) -> Result<(), BackendError> {
        let _guards = self.lock(&if from < to { [from, to] } else { [to, from] })?;
        let stat =
            self.disk.stat(&self.layout.agent(from)).map_err(BackendError::disk("look at the agent"))?;
        let at = if stat.is_some_and(|stat| stat.kind == FileKind::Dir) { from } else { to };
        self.refuse_failed(at)?;
        if let State::Pending(pending) = self.examine(self.disk.as_ref(), at)?
            && pending.renaming.as_ref() == Some(&(from.clone(), to.clone()))
        {
            self.complete(at, &pending)?;
        }
        self.forget(from);
        self.forget(to);
        self.release_claim(to)
    }

    /// Whose handle this is going to be, should a rename be under way.
    pub(super) fn claimed_by(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        let path = self.layout.claim(handle);
        let text = match self.disk.read_link(&path) {
            Ok(text) => text,
            Err(DiskError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(BackendError::disk(format!("look at the claim to '{handle}'"))(error)),
        };
        let owner = text.to_str().and_then(|text| text.parse().ok());
        owner.map(Some).ok_or_else(|| BackendError::corrupt(self.layout.shown(&path), "it names no agent"))
    }

    pub(super) fn release_claim(&self, handle: &Handle) -> Result<(), BackendError> {
        match self.disk.remove_file(&self.layout.claim(handle)) {
            Ok(()) | Err(DiskError::NotFound { .. }) => Ok(()),
            Err(error) => Err(BackendError::disk(format!("release the claim to '{handle}'"))(error)),
        }
    }

    /// Moves an agent's directory and leaves a link, so that a runtime that reads the old path goes on.
    /// Every step may be done again.
    pub(super) fn move_agent(&self, from: &Handle, to: &Handle) -> Result<(), BackendError> {
        let doing = || BackendError::disk(format!("rename agent '{from}' to '{to}'"));
        let (old, new) = (self.layout.agent(from), self.layout.agent(to));
        let kind = |path: &Path| self.disk.stat(path).map(|stat| stat.map(|stat| stat.kind)).map_err(doing());
        if kind(&old)? == Some(FileKind::Dir) {
            if kind(&new)? == Some(FileKind::Symlink) {
                self.disk.remove_file(&new).map_err(doing())?;
            }
            self.disk.rename(&old, &new).map_err(doing())?;
        }
        if kind(&old)?.is_none() {
            // Were the link durable before the move, nothing would lead to the directory.
            self.or_mark_store(self.disk.sync_dir(&self.layout.agents()).map_err(doing()))?;
            self.disk.symlink(Path::new(to.as_str()), &old).map_err(doing())?;
        }
        Ok(())
    }
}
