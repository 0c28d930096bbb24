//! Flushes, and what becomes of an agent or a store when one fails: nobody may go on as if nothing
//! had happened, in no process, until it is taken into use again by `recover`.

use std::path::Path;

use crate::backend::BackendError;
use crate::disk::{DiskError, FileKind, TEMPORARY_PREFIX};
use crate::object::ObjectId;
use crate::refs::Handle;

use super::apply::Present;
use super::examine::{JOURNAL_MAX_BYTES, State};
use super::journal::{self, SECTOR, Slot};
use super::{LocalBackend, apply, loose};

impl LocalBackend {
    /// Flushes a journal. After a failure nobody may trust what it holds: the record just written, at
    /// `record`, is made unreadable, and the journal is marked for all processes.
    pub(super) fn flush(&self, agent: &Handle, record: Option<u64>) -> Result<(), BackendError> {
        let path = self.layout.journal(agent);
        self.disk.sync_file(&path).map_err(|error| {
            self.poison(agent, record);
            BackendError::disk(format!("flush the journal of agent '{agent}'"))(error)
        })
    }

    /// Marks a journal whose flush failed, and makes the record at `record` unreadable: it was never
    /// acknowledged.
    pub(super) fn poison(&self, agent: &Handle, record: Option<u64>) {
        self.forget(agent);
        // Best effort, both: where even this fails, the error that is being returned says what happened.
        let _ = self.disk.write_at(&self.layout.poison(agent), 0, b"a flush of this journal failed\n");
        if let Some(offset) = record {
            let _ = self.disk.write_at(&self.layout.journal(agent), offset, &[0; SECTOR]);
        }
    }

    /// Makes every file of the store durable.
    pub(super) fn sync_everything(&self) -> Result<(), BackendError> {
        let result = self.disk.sync_all(self.layout.root());
        self.or_mark_store(result.map_err(BackendError::disk("make the store's files durable")))
    }

    /// Makes the names on the way to a new agent's journal durable.
    pub(super) fn sync_new_agent(&self, agent: &Handle) -> Result<(), BackendError> {
        let dirs = [self.layout.agent(agent), self.layout.agents(), self.layout.root().to_path_buf()];
        let result = dirs.iter().try_for_each(|dir| self.disk.sync_dir(dir));
        self.or_mark_store(result.map_err(BackendError::disk(format!("make agent '{agent}' durable"))))
    }

    /// A failed flush of more than one journal may have lost anything in the store.
    pub(super) fn or_mark_store(&self, result: Result<(), BackendError>) -> Result<(), BackendError> {
        if result.is_err() {
            self.forget_all();
            // Best effort: where even this fails, the error that is being returned says what happened.
            let _ = self.disk.write_at(&self.layout.sync_failed(), 0, b"a flush of this store failed\n");
        }
        result
    }

    /// Refuses an agent, or a store, whose flush failed.
    pub(super) fn refuse_failed(&self, agent: &Handle) -> Result<(), BackendError> {
        self.refuse_failed_store()?;
        let poison = self.disk.stat(&self.layout.poison(agent));
        match poison.map_err(BackendError::disk("look at the agent"))? {
            Some(_) => Err(BackendError::Poisoned(agent.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn refuse_failed_store(&self) -> Result<(), BackendError> {
        let failed = self.disk.stat(&self.layout.sync_failed());
        match failed.map_err(BackendError::disk("look at the store"))? {
            Some(_) => Err(BackendError::SyncFailed),
            None => Ok(()),
        }
    }

    /// Takes an agent into use again after a failed flush: keeps what its journal shows, writes all of it
    /// again and makes it durable. Where the whole store is marked, that is done with the whole store.
    /// Returns whether there was anything to do.
    ///
    /// # Errors
    /// When the journal is damaged beyond its unacknowledged end, or a flush fails again.
    pub fn recover(&self, agent: &Handle) -> Result<bool, BackendError> {
        if self.recover_store()? {
            return Ok(true);
        }
        let _guard = self.lock(&[agent])?;
        let looking = || BackendError::disk("look at the agent");
        let dir = self.disk.stat(&self.layout.agent(agent)).map_err(looking())?;
        // Through a forwarding entry lies another agent's directory, under another lock.
        let here = dir.is_some_and(|stat| stat.kind == FileKind::Dir);
        if !here || self.disk.stat(&self.layout.poison(agent)).map_err(looking())?.is_none() {
            return Ok(false);
        }
        self.rewrite(agent)?;
        self.sync_everything()?;
        self.unmark(&self.layout.poison(agent))?;
        Ok(true)
    }

    /// Takes a store into use again after a failed flush of it: writes again what the journals show, and
    /// every loose object, and makes all of it durable. Returns whether there was anything to do.
    ///
    /// # Errors
    /// As `recover`.
    pub fn recover_store(&self) -> Result<bool, BackendError> {
        if !matches!(self.refuse_failed_store(), Err(BackendError::SyncFailed)) {
            return Ok(false);
        }
        self.rewrite_objects()?;
        let listing = BackendError::disk("list the agents");
        let mut agents: Vec<Handle> = Vec::new();
        for (name, kind) in self.disk.list(&self.layout.agents()).map_err(listing)? {
            if let (FileKind::Dir, Ok(agent)) = (kind, name.parse()) {
                let _guard = self.lock(&[&agent])?;
                self.rewrite(&agent)?;
                agents.push(agent);
            }
        }
        self.sync_everything()?;
        agents.iter().try_for_each(|agent| self.unmark(&self.layout.poison(agent)))?;
        self.unmark(&self.layout.sync_failed())?;
        Ok(true)
    }

    /// Writes again everything that a journal holds, and the journal: after a failed flush the system may
    /// take for durable what it lost. A rename is left to the agent's next use.
    fn rewrite(&self, agent: &Handle) -> Result<(), BackendError> {
        if matches!(self.examine(self.disk.as_ref(), agent)?, State::Absent) {
            return Ok(());
        }
        let path = self.layout.journal(agent);
        let bytes =
            self.disk.read(&path, JOURNAL_MAX_BYTES).map_err(BackendError::disk("read the journal"))?;
        let log_bytes = super::examine::length(self.disk.as_ref(), &self.layout, agent)?;
        let damaged = |reason: &str| BackendError::corrupt(self.layout.shown(&path), reason);
        let slot = Slot::newest(&bytes).ok_or_else(|| damaged("both of its headers are damaged"))?;
        let records = journal::happened(&bytes, &slot, log_bytes).map_err(damaged)?;
        self.disk.write_at(&path, 0, &bytes).map_err(BackendError::disk("write the journal"))?;
        for record in &records {
            let ops = record.ops().ok_or_else(|| damaged("a record in its middle is damaged"))?;
            apply::apply(self.disk.as_ref(), &self.layout, agent, &ops, Present::Rewrite, &|_| false)?;
        }
        Ok(())
    }

    fn rewrite_objects(&self) -> Result<(), BackendError> {
        let root = self.layout.objects();
        for entry in self.disk.walk(&root) {
            let entry = entry.map_err(BackendError::disk("list the objects"))?;
            let path = root.join(&entry.path);
            let temporary = entry.path.file_name().is_none_or(|name| {
                name.to_string_lossy().starts_with(TEMPORARY_PREFIX) || entry.kind != FileKind::File
            });
            let Ok(id) = entry.path.to_string_lossy().replace('/', "").parse::<ObjectId>() else { continue };
            if temporary {
                continue;
            }
            let file = self.disk.read(&path, loose::FILE_MAX_BYTES);
            let file = file.map_err(BackendError::disk(format!("read object '{id}'")))?;
            // What is damaged stays as it is, for fsck to name.
            if loose::decode(&id, &file).is_ok() {
                let writing = BackendError::disk(format!("write object '{id}'"));
                apply::put(self.disk.as_ref(), &path, &file).map_err(writing)?;
            }
        }
        Ok(())
    }

    fn unmark(&self, mark: &Path) -> Result<(), BackendError> {
        let doing = || BackendError::disk("remove the mark of a failed flush");
        match self.disk.remove_file(mark) {
            Err(DiskError::NotFound { .. }) => return Ok(()),
            result => result.map_err(doing())?,
        }
        let dir = mark.parent().expect("a mark stands in a directory of the store");
        self.or_mark_store(self.disk.sync_dir(dir).map_err(doing()))
    }
}
