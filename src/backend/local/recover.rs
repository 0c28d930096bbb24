//! Completes what a dead writer left, replays a journal after another boot, and starts journals
//! anew.

use std::sync::{Arc, PoisonError};

use crate::backend::{Backend, BackendError};
use crate::disk::{DiskError, OverlayDisk};
use crate::refs::Handle;

use super::examine::{Pending, State, Tail};
use super::journal::{FIRST_RECORD, SECTOR_BYTES, Slot};
use super::{LocalBackend, apply};

impl LocalBackend {
    /// Makes sure that an agent's files can be read as they are; `false` when there is no such
    /// agent. Looks at the journal once per agent and process.
    pub(super) fn ready(&self, agent: &Handle) -> Result<bool, BackendError> {
        if self.known().contains_key(agent) {
            return Ok(true);
        }
        match self.examine(self.view().as_ref(), agent)? {
            State::Absent => Ok(false),
            State::Clean(tail) => {
                self.remember(agent, tail);
                Ok(true)
            }
            State::Pending(pending) => self.catch_up(agent, &pending),
        }
    }

    /// The same for an agent that must exist.
    pub(super) fn require(&self, agent: &Handle) -> Result<(), BackendError> {
        if self.ready(agent)? { Ok(()) } else { Err(BackendError::NoSuchAgent(agent.clone())) }
    }

    fn catch_up(&self, agent: &Handle, pending: &Pending) -> Result<bool, BackendError> {
        match self.disk.lock(&self.layout.lock(agent)) {
            Ok(_guard) => Ok(self.settle(agent)?.is_some()),
            Err(DiskError::Denied { .. }) => {
                self.replay_in_memory(agent, pending)?;
                Ok(true)
            }
            Err(error) => Err(BackendError::disk(format!("lock agent '{agent}'"))(error)),
        }
    }

    /// Under the agent's lock: the end of its journal after everything in it is applied; `None`
    /// when there is no such agent.
    pub(super) fn settle(&self, agent: &Handle) -> Result<Option<Tail>, BackendError> {
        let disk = self.disk.as_ref();
        if disk.stat(&self.layout.poison(agent)).map_err(BackendError::disk("look at the agent"))?.is_some() {
            return Err(BackendError::Poisoned(agent.clone()));
        }
        let pending = match self.examine(disk, agent)? {
            State::Absent => return Ok(None),
            State::Clean(tail) => {
                self.remember(agent, tail);
                return Ok(Some(tail));
            }
            State::Pending(pending) => pending,
        };
        // What a dead writer wrote may not be durable yet, and nobody may see what can still be lost.
        self.flush(agent, None)?;
        for ops in &pending.records {
            apply::apply(disk, &self.layout, agent, ops)?;
        }
        if pending.other_boot {
            let reached = self.examine_applied(agent, &pending)?;
            self.start_epoch(agent, &pending.slot, reached)?;
        }
        match self.examine(disk, agent)? {
            State::Clean(tail) => {
                self.remember(agent, tail);
                Ok(Some(tail))
            }
            // A rename that was completed: the agent is under its new handle now.
            State::Absent => Ok(None),
            State::Pending(_) => {
                let journal = self.layout.shown(&self.layout.journal(agent));
                Err(BackendError::corrupt(journal, "its records cannot be applied"))
            }
        }
    }

    /// Length of the log and its head after a replay of the whole journal.
    fn examine_applied(&self, agent: &Handle, pending: &Pending) -> Result<Slot, BackendError> {
        let log_bytes = super::examine::length(self.disk.as_ref(), &self.layout, agent)?;
        let head =
            if pending.records.is_empty() { pending.slot.head } else { Some(self.read_head(agent)?.record) };
        Ok(Slot { epoch: pending.slot.epoch, boot: self.boot, log_bytes, head })
    }

    /// Makes every file durable, then says in the journal that its records are no longer needed.
    fn start_epoch(&self, agent: &Handle, old: &Slot, reached: Slot) -> Result<Slot, BackendError> {
        self.sync_everything(agent)?;
        let slot = Slot { epoch: old.epoch + 1, ..reached };
        let path = self.layout.journal(agent);
        self.disk
            .write_at(&path, slot.offset(), &slot.encode())
            .map_err(BackendError::disk("write the journal's header"))?;
        self.flush(agent, None)?;
        Ok(slot)
    }

    /// Starts an agent's journal anew; under its lock, with everything applied.
    pub(super) fn start_anew(&self, agent: &Handle, tail: &Tail) -> Result<Tail, BackendError> {
        let head = match tail.head {
            Some(head) => head,
            None => self.read_head(agent)?,
        };
        let old =
            Slot { epoch: tail.epoch, boot: self.boot, log_bytes: tail.log_bytes, head: Some(head.record) };
        let slot = self.start_epoch(agent, &old.clone(), old)?;
        let tail = Tail { epoch: slot.epoch, seq: 0, offset: FIRST_RECORD, head: Some(head), ..*tail };
        self.remember(agent, tail);
        Ok(tail)
    }

    pub(super) fn sync_everything(&self, agent: &Handle) -> Result<(), BackendError> {
        self.disk.sync_all(self.layout.root()).map_err(|error| {
            self.mark_poisoned(agent);
            BackendError::disk("make the store's files durable")(error)
        })
    }

    /// Flushes a journal. After a failure nobody may trust what it holds: the record just written,
    /// at `record`, is made unreadable, and the journal is marked for all processes.
    pub(super) fn flush(&self, agent: &Handle, record: Option<u64>) -> Result<(), BackendError> {
        let path = self.layout.journal(agent);
        self.disk.sync_file(&path).map_err(|error| {
            self.forget(agent);
            self.mark_poisoned(agent);
            if let Some(offset) = record {
                let sector = [0; SECTOR_BYTES as usize];
                // Best effort: the mark above already keeps everybody out.
                let _ = self.disk.write_at(&path, offset, &sector);
            }
            BackendError::disk(format!("flush the journal of agent '{agent}'"))(error)
        })
    }

    pub(super) fn mark_poisoned(&self, agent: &Handle) {
        self.forget(agent);
        // Best effort: where even this fails, the error that is being returned says what happened.
        let _ = self.disk.write_at(&self.layout.poison(agent), 0, b"a flush of this journal failed\n");
    }

    /// Takes an agent into use again after a failed flush: keeps what its files show, drops a record
    /// that was never acknowledged, makes everything durable, and starts the journal anew. Returns
    /// whether there was anything to do.
    ///
    /// # Errors
    /// When the journal is damaged beyond its unacknowledged end, or a flush fails again.
    pub fn recover(&self, agent: &Handle) -> Result<bool, BackendError> {
        let _guard = self
            .disk
            .lock(&self.layout.lock(agent))
            .map_err(BackendError::disk(format!("lock agent '{agent}'")))?;
        let poison = self.layout.poison(agent);
        let looking = || BackendError::disk("look at the agent");
        let poisoned = self.disk.stat(&poison).map_err(looking())?.is_some();
        let tail = match self.examine(self.disk.as_ref(), agent)? {
            State::Absent if poisoned => None,
            State::Absent => return Err(BackendError::NoSuchAgent(agent.clone())),
            State::Clean(tail) => Some(tail),
            State::Pending(pending) => {
                for ops in &pending.records {
                    apply::apply(self.disk.as_ref(), &self.layout, agent, ops)?;
                }
                match self.examine(self.disk.as_ref(), agent)? {
                    State::Clean(tail) => Some(tail),
                    State::Absent => None,
                    State::Pending(again) => {
                        let reached = self.examine_applied(agent, &again)?;
                        self.start_epoch(agent, &again.slot, reached)?;
                        None
                    }
                }
            }
        };
        if !poisoned {
            return Ok(false);
        }
        if let Some(tail) = tail {
            self.start_anew(agent, &tail)?;
        }
        match self.disk.remove_file(&poison) {
            Ok(()) | Err(DiskError::NotFound { .. }) => {}
            Err(error) => return Err(BackendError::disk("remove the mark of the failed flush")(error)),
        }
        self.disk
            .sync_all(self.layout.root())
            .map_err(BackendError::disk("make the store's files durable"))?;
        Ok(true)
    }

    /// Starts the journals of all agents anew.
    pub(super) fn checkpoint_all(&self) -> Result<(), BackendError> {
        let mut after: Option<Handle> = None;
        loop {
            let page = self.agents(after.as_ref(), 256)?;
            for agent in &page {
                let locking = BackendError::disk(format!("lock agent '{agent}'"));
                let _guard = self.disk.lock(&self.layout.lock(agent)).map_err(locking)?;
                if let Some(tail) = self.settle(agent)?.filter(|tail| tail.seq > 0) {
                    self.start_anew(agent, &tail)?;
                }
            }
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(()),
            }
        }
    }

    /// Applies a journal in memory, where the store may not be written.
    fn replay_in_memory(&self, agent: &Handle, pending: &Pending) -> Result<(), BackendError> {
        let overlay = {
            let mut slot = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slot.get_or_insert_with(|| Arc::new(OverlayDisk::new(Arc::clone(&self.disk)))))
        };
        for ops in &pending.records {
            apply::apply(overlay.as_ref(), &self.layout, agent, ops)?;
        }
        let log_bytes = super::examine::length(overlay.as_ref(), &self.layout, agent)?;
        let tail = Tail { epoch: 0, seq: 0, offset: 0, file_bytes: 0, log_bytes, head: None };
        self.remember(agent, tail);
        Ok(())
    }
}
