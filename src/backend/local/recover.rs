//! Completes what a dead writer left, replays a journal after another boot, and starts journals
//! anew.

use crate::backend::{BackendError, Derived, pages};
use crate::disk::{DiskError, LockGuard};
use crate::refs::Handle;

use super::apply::Present;
use super::examine::{Pending, State, Tail};
use super::journal::{self, FIRST_RECORD, Slot};
use super::{LocalBackend, apply};

/// Most agents whose journals are started anew with one flush.
const CHECKPOINT_GROUP: usize = 128;

/// What was found of an agent under its lock, once everything that can be done with that lock is done.
#[derive(Debug)]
pub(super) enum Settled {
    /// There is no such agent.
    Absent,
    /// Its files show everything that happened.
    Clean(Tail),
    /// A rename has to be completed first, which takes the locks of both handles.
    Renaming(Handle, Handle),
}

/// An agent's lock, and where its journal ends.
type Held = (Vec<Box<dyn LockGuard>>, Tail);

impl LocalBackend {
    /// Takes the locks of handles; they must be in order, so that no two writers wait for each other.
    pub(super) fn lock(&self, handles: &[&Handle]) -> Result<Vec<Box<dyn LockGuard>>, BackendError> {
        debug_assert!(handles.is_sorted());
        let lock = |handle: &&Handle| {
            let locking = BackendError::disk(format!("lock agent '{handle}'"));
            self.in_locks(|| self.disk.lock(&self.layout.lock(handle))).map_err(locking)
        };
        handles.iter().map(lock).collect()
    }

    /// Does something in the directory of locks, which is made where it is not there: an empty directory is
    /// what copies and backups leave out, and nothing in it is needed but while somebody writes.
    pub(super) fn in_locks<T>(&self, act: impl Fn() -> Result<T, DiskError>) -> Result<T, DiskError> {
        match act() {
            // Where there is no store any more, none is begun.
            Err(DiskError::NotFound { .. }) if self.disk.stat(&self.layout.format())?.is_some() => {
                self.disk.create_dir_all(&self.layout.locks())?;
                // A claim that is made durable in it must not be lost with its name.
                self.disk.sync_dir(self.layout.root())?;
                act()
            }
            done => done,
        }
    }

    /// Under the agent's lock: applies everything that its journal holds.
    pub(super) fn settle(&self, agent: &Handle) -> Result<Settled, BackendError> {
        self.refuse_failed(agent)?;
        let pending = match self.examine(self.disk.as_ref(), agent)? {
            State::Absent => return Ok(Settled::Absent),
            State::Clean(tail) => {
                self.remember(agent, tail);
                return Ok(Settled::Clean(tail));
            }
            State::Pending(pending) => pending,
        };
        if let Some((from, to)) = pending.renaming {
            return Ok(Settled::Renaming(from, to));
        }
        self.complete(agent, &pending)?;
        match self.examine(self.disk.as_ref(), agent)? {
            State::Clean(tail) => {
                self.remember(agent, tail);
                Ok(Settled::Clean(tail))
            }
            State::Absent | State::Pending(_) => {
                let journal = self.layout.shown(&self.layout.journal(agent));
                Err(BackendError::corrupt(journal, "its records cannot be applied"))
            }
        }
    }

    /// The same with the lock taken here, and an unfinished rename completed.
    pub(super) fn settle_locked(&self, agent: &Handle) -> Result<Option<Tail>, BackendError> {
        Ok(self.settled_under_lock(agent)?.map(|(_, tail)| tail))
    }

    /// The same, and the lock is held on.
    pub(super) fn settled_under_lock(&self, agent: &Handle) -> Result<Option<Held>, BackendError> {
        loop {
            let guards = self.lock(&[agent])?;
            match self.settle(agent)? {
                Settled::Absent => return Ok(None),
                Settled::Clean(tail) => return Ok(Some((guards, tail))),
                Settled::Renaming(from, to) => {
                    drop(guards);
                    self.finish_rename(&from, &to)?;
                }
            }
        }
    }

    /// Puts a derived document where it is missing or damaged, or removes one without content, if the log still ends with `head`, from
    /// which the document was made; `false` when somebody was faster.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace_derived(
        &self,
        agent: &Handle,
        head: crate::log::RecordId,
        derived: &Derived,
    ) -> Result<bool, BackendError> {
        let _guard = self.lock(&[agent])?;
        if self.head_under_lock(agent)?.record != head {
            return Ok(false);
        }
        let path = self.layout.agent(agent).join(&derived.name);
        let doing = || BackendError::disk(format!("write '{}'", derived.name));
        match &derived.content {
            Some(content) => {
                self.disk.write_atomic(&path, content).map_err(doing())?;
                self.disk.sync_file(&path).map_err(doing())?;
            }
            None => match self.disk.remove_file(&path) {
                Err(DiskError::NotFound { .. }) => {}
                removed => removed.map_err(doing())?,
            },
        }
        Ok(true)
    }

    /// Applies what is pending; under the locks that it takes.
    pub(super) fn complete(&self, agent: &Handle, pending: &Pending) -> Result<(), BackendError> {
        if pending.slot.log_bytes == 0 {
            // The writer may have died before the names on the way to the journal were durable.
            self.sync_new_agent(agent)?;
        }
        // What a dead writer wrote may not be durable yet, and nobody may see what can still be lost.
        self.flush(agent, None)?;
        let ops = journal::fold(&pending.records);
        self.sweep_agent(agent)?;
        self.sweep_objects(&ops)?;
        apply::apply(self.disk.as_ref(), &self.layout, agent, &ops, Present::Keep, &|id| self.is_packed(id))?;
        let mut at = agent;
        if let Some((from, to)) = &pending.renaming {
            self.move_agent(from, to)?;
            at = to;
        }
        if pending.other_boot || pending.renaming.is_some() {
            self.sync_everything()?;
            self.start_epoch(at, &pending.slot, &pending.reached)?;
        }
        Ok(())
    }

    /// Says in a journal that its records are no longer needed: everything that they wrote is durable.
    pub(super) fn start_epoch(
        &self,
        agent: &Handle,
        old: &Slot,
        reached: &Slot,
    ) -> Result<u64, BackendError> {
        let slot = Slot { epoch: old.epoch + 1, ..reached.clone() };
        self.write_slot(agent, &slot)?;
        self.flush(agent, None)?;
        Ok(slot.epoch)
    }

    pub(super) fn write_slot(&self, agent: &Handle, slot: &Slot) -> Result<(), BackendError> {
        let path = self.layout.journal(agent);
        let writing = BackendError::disk("write the journal's header");
        self.disk.write_at(&path, slot.offset(), &slot.encode()).map_err(writing)
    }

    /// Starts an agent's journal anew; under its lock, with everything applied.
    pub(super) fn start_anew(&self, agent: &Handle, tail: &Tail) -> Result<Tail, BackendError> {
        self.sync_everything()?;
        let tail = self.next_epoch(agent, tail)?;
        self.remember(agent, tail);
        Ok(tail)
    }

    fn next_epoch(&self, agent: &Handle, tail: &Tail) -> Result<Tail, BackendError> {
        let head = match tail.head {
            Some(head) => head,
            None => self.head_under_lock(agent)?,
        };
        let head_id = Some(head.record);
        let slot = Slot { epoch: tail.epoch, boot: self.boot, log_bytes: tail.log_bytes, head: head_id };
        let epoch = self.start_epoch(agent, &slot, &slot)?;
        let (head, flushed) = (Some(head), true);
        Ok(Tail { epoch, seq: 0, offset: FIRST_RECORD, head, flushed, old_boot: false, ..*tail })
    }

    /// Starts the journals of all agents anew and cuts them to nothing: one flush of the volume, and
    /// one of each journal that held something.
    pub(super) fn checkpoint_all(&self) -> Result<(), BackendError> {
        pages(self, CHECKPOINT_GROUP).try_for_each(|page| self.checkpoint_group(&page?))
    }

    fn checkpoint_group(&self, agents: &[Handle]) -> Result<(), BackendError> {
        // Completed first: that takes the locks of other handles, which the group below may not wait for.
        for agent in agents {
            self.settle_locked(agent)?;
        }
        let _guards = self.lock(&agents.iter().collect::<Vec<_>>())?;
        let mut full = Vec::new();
        for agent in agents {
            match self.settle(agent)? {
                Settled::Clean(tail) if tail.seq > 0 => full.push((agent, tail)),
                // A rename that came in between starts the journal anew itself.
                Settled::Clean(_) | Settled::Absent | Settled::Renaming(..) => {}
            }
        }
        if full.is_empty() {
            return Ok(());
        }
        self.sync_everything()?;
        for (agent, tail) in full {
            let tail = self.next_epoch(agent, &tail)?;
            let path = self.layout.journal(agent);
            self.disk.truncate(&path, FIRST_RECORD).map_err(BackendError::disk("cut the journal"))?;
            self.remember(agent, Tail { file_bytes: FIRST_RECORD, ..tail });
        }
        Ok(())
    }
}
