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
        let _names = self.share_names()?;
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
        self.named_by(&self.layout.claim(handle))
    }

    pub(super) fn release_claim(&self, handle: &Handle) -> Result<(), BackendError> {
        let releasing = BackendError::disk(format!("release the claim to '{handle}'"));
        self.remove_if_there(&self.layout.claim(handle)).map_err(releasing)
    }

    /// Where the agent is that is being renamed away from a handle under which nothing stands now.
    pub(super) fn moving_to(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        self.named_by(&self.layout.moving(handle))
    }

    /// The handle that a link in `locks` names.
    fn named_by(&self, path: &Path) -> Result<Option<Handle>, BackendError> {
        let text = match self.disk.read_link(path) {
            Ok(text) => text,
            Err(DiskError::NotFound { .. }) => return Ok(None),
            Err(error) => {
                let shown = self.layout.shown(path);
                return Err(BackendError::disk(format!("look at '{}'", shown.display()))(error));
            }
        };
        let owner = text.to_str().and_then(|text| text.parse().ok());
        owner.map(Some).ok_or_else(|| BackendError::corrupt(self.layout.shown(path), "it names no agent"))
    }

    /// Moves an agent's directory and leaves a link, so that a runtime that reads the old path goes on.
    /// The two change places in one step: at no time is there nothing under the old handle. Every step may
    /// be done again.
    pub(super) fn move_agent(&self, from: &Handle, to: &Handle) -> Result<(), BackendError> {
        let doing = || BackendError::disk(format!("rename agent '{from}' to '{to}'"));
        let (old, new) = (self.layout.agent(from), self.layout.agent(to));
        if self.kind_of(&old).map_err(doing())? != Some(FileKind::Dir) {
            return self.leave_link(from, to);
        }
        // A link to itself until it has the old place.
        let spare = self.layout.spare_link(to);
        self.remove_if_there(&spare).map_err(doing())?;
        self.disk.symlink(Path::new(to.as_str()), &spare).map_err(doing())?;
        self.disk.rename(&spare, &new).map_err(doing())?;
        match self.disk.exchange(&old, &new) {
            Err(error) if error.io_kind() == ErrorKind::Unsupported => self.move_in_steps(from, to),
            result => result.map_err(doing()),
        }
    }

    /// The same where two things cannot change places in one step: while there is nothing under the old
    /// handle, an entry in `locks` says where the agent is.
    fn move_in_steps(&self, from: &Handle, to: &Handle) -> Result<(), BackendError> {
        let doing = || BackendError::disk(format!("rename agent '{from}' to '{to}'"));
        let moving = self.layout.moving(from);
        self.remove_if_there(&moving).map_err(doing())?;
        self.disk.symlink(Path::new(to.as_str()), &moving).map_err(doing())?;
        self.or_mark_store(self.disk.sync_dir(&self.layout.locks()).map_err(doing()))?;
        let new = self.layout.agent(to);
        self.remove_if_there(&new).map_err(doing())?;
        self.disk.rename(&self.layout.agent(from), &new).map_err(doing())?;
        self.leave_link(from, to)
    }

    fn leave_link(&self, from: &Handle, to: &Handle) -> Result<(), BackendError> {
        let doing = || BackendError::disk(format!("rename agent '{from}' to '{to}'"));
        let old = self.layout.agent(from);
        if self.kind_of(&old).map_err(doing())?.is_none() {
            // Were the link durable before the move, nothing would lead to the directory.
            self.or_mark_store(self.disk.sync_dir(&self.layout.agents()).map_err(doing()))?;
            self.disk.symlink(Path::new(to.as_str()), &old).map_err(doing())?;
        }
        self.remove_if_there(&self.layout.moving(from)).map_err(doing())
    }

    fn kind_of(&self, path: &Path) -> Result<Option<FileKind>, DiskError> {
        self.disk.stat(path).map(|stat| stat.map(|stat| stat.kind))
    }

    fn remove_if_there(&self, path: &Path) -> Result<(), DiskError> {
        match self.disk.remove_file(path) {
            Err(DiskError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }
}
