//! Before an agent is read: is what its files show everything that happened? If not, it is completed,
//! or, where the store may not be written, replayed in memory.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::BackendError;
use crate::disk::{DiskError, OverlayDisk, SharedDisk, Stat};
use crate::refs::Handle;

use super::apply::Present;
use super::examine::{Pending, State};
use super::known::{KNOWN_MAX, Standing};
use super::recover::Settled;
use super::{LocalBackend, apply};

/// How long it is waited before an agent is tried to be completed anew, for which there was no space.
const RETRY: Duration = Duration::from_secs(1);

/// How often an agent that is not as it should be is looked at again, where its lock cannot be taken.
const LOOKS: usize = 4;

/// An agent whose journal was replayed in memory.
#[derive(Debug)]
pub(super) struct Overlaid {
    disk: Arc<OverlayDisk>,
    seen: Seen,
    /// When to try again, where a full disk was the reason; who may not write does not try.
    retry: Option<Instant>,
}

/// The journal and the log that a replay began with; once they are others, somebody completed it.
type Seen = [Option<Stat>; 2];

impl LocalBackend {
    /// Makes sure that an agent's files can be read as they are; `false` when there is no such agent.
    /// Looks at the file of the journal each time, into it only when somebody wrote.
    pub(super) fn ready(&self, agent: &Handle) -> Result<bool, BackendError> {
        if self.is_overlaid(agent)? {
            return Ok(true);
        }
        match self.standing(agent)? {
            Standing::Shown => Ok(true),
            Standing::Begun => self.catch_up(agent, true),
            Standing::Changed => self.look(agent, true),
            Standing::Unknown => self.look(agent, false),
        }
    }

    /// The same for an agent that must exist.
    pub(super) fn require(&self, agent: &Handle) -> Result<(), BackendError> {
        if self.ready(agent)? { Ok(()) } else { Err(BackendError::NoSuchAgent(agent.clone())) }
    }

    fn look(&self, agent: &Handle, known: bool) -> Result<bool, BackendError> {
        let forgotten = self.forgotten();
        match self.examine(self.disk.as_ref(), agent) {
            Ok(State::Absent) => {
                if known {
                    self.forget(agent);
                }
                Ok(false)
            }
            Ok(State::Clean(tail)) => {
                self.remember_unless_forgotten(agent, tail, forgotten);
                Ok(true)
            }
            // Perhaps a writer was met between two of its steps: its lock tells.
            Ok(State::Pending(_)) | Err(BackendError::Corrupt { .. }) => self.catch_up(agent, known),
            Err(error) => Err(error),
        }
    }

    /// Completes what a dead writer left. A writer that is alive is waited for once, when nothing is
    /// known of the agent; a reader that goes on sees what is written as it is written.
    fn catch_up(&self, agent: &Handle, known: bool) -> Result<bool, BackendError> {
        let settled = if known {
            self.settle_if_free(agent)
        } else {
            self.settle_locked(agent).map(|tail| Some(tail.is_some()))
        };
        match settled {
            Err(BackendError::Disk { source: DiskError::Denied { .. }, .. }) => {
                self.catch_up_in_memory(agent, None)
            }
            Err(BackendError::Disk { source: DiskError::Full { .. }, .. }) => {
                self.catch_up_in_memory(agent, Some(Instant::now() + RETRY))
            }
            Ok(Some(found)) => {
                // The files show it all now.
                self.overlaid().remove(agent);
                Ok(found)
            }
            other => other.map(|found| found.unwrap_or(true)),
        }
    }

    /// Completes what a dead writer left, unless somebody holds the agent's lock: `None`.
    fn settle_if_free(&self, agent: &Handle) -> Result<Option<bool>, BackendError> {
        let locking = BackendError::disk(format!("lock agent '{agent}'"));
        let Some(guard) = self.in_locks(|| self.disk.try_lock(&self.layout.lock(agent))).map_err(locking)?
        else {
            return Ok(None);
        };
        match self.settle(agent)? {
            Settled::Absent => {
                self.forget(agent);
                Ok(Some(false))
            }
            Settled::Clean(_) => Ok(Some(true)),
            Settled::Renaming(from, to) => {
                drop(guard);
                self.finish_rename(&from, &to)?;
                self.settle_locked(agent).map(|tail| Some(tail.is_some()))
            }
        }
    }

    /// The same for who may not write: the journal is replayed in memory, unless a writer is at work
    /// all the while.
    fn catch_up_in_memory(&self, agent: &Handle, retry: Option<Instant>) -> Result<bool, BackendError> {
        let mut damage = None;
        for _ in 0..LOOKS {
            let seen = self.seen(agent)?;
            let forgotten = self.forgotten();
            match self.examine(self.disk.as_ref(), agent) {
                Ok(State::Absent) => return Ok(false),
                Ok(State::Clean(tail)) => {
                    self.remember_unless_forgotten(agent, tail, forgotten);
                    return Ok(true);
                }
                Ok(State::Pending(pending)) => {
                    if self.replay_in_memory(agent, &pending, (seen, retry))? {
                        return Ok(true);
                    }
                    damage = None;
                }
                Err(error @ BackendError::Corrupt { .. }) => damage = Some(error),
                Err(error) => return Err(error),
            }
        }
        damage.map_or(Ok(true), Err)
    }

    /// The disk to read an agent from: over the real one lies what had to be replayed in memory.
    pub(super) fn view(&self, agent: &Handle) -> SharedDisk {
        let overlays = self.overlaid();
        match overlays.get(agent) {
            Some(overlaid) => Arc::clone(&overlaid.disk) as SharedDisk,
            None => Arc::clone(&self.disk),
        }
    }

    /// Every replay in memory, to look for objects in.
    pub(super) fn overlays(&self) -> Vec<Arc<OverlayDisk>> {
        let overlays = self.overlaid();
        overlays.values().map(|overlaid| Arc::clone(&overlaid.disk)).collect()
    }

    /// Whether an agent's replay in memory is what its files would show. Once somebody who may write
    /// has completed it, it is dropped.
    fn is_overlaid(&self, agent: &Handle) -> Result<bool, BackendError> {
        let (seen, is_tried) = {
            let mut overlays = self.overlaid();
            let Some(overlaid) = overlays.get_mut(agent) else { return Ok(false) };
            let is_tried = overlaid.retry.is_some_and(|at| at <= Instant::now());
            if is_tried {
                // By one at a time: the others read what is in memory.
                overlaid.retry = Some(Instant::now() + RETRY);
            }
            (overlaid.seen, is_tried)
        };
        let still = self.seen(agent)? == seen;
        if !still {
            let mut overlays = self.overlaid();
            // Another thread may have put a newer one there.
            if overlays.get(agent).is_some_and(|overlaid| overlaid.seen == seen) {
                overlays.remove(agent);
            }
        }
        Ok(still && !is_tried)
    }

    fn overlaid(&self) -> MutexGuard<'_, HashMap<Handle, Overlaid>> {
        self.overlays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an agent's files do not show yet what happened, as there is no space for that.
    pub(super) fn waits_for_space(&self, agent: &Handle) -> bool {
        self.overlaid().get(agent).is_some_and(|overlaid| overlaid.retry.is_some())
    }

    /// Agents whose files do not show yet what happened, as there is no space for that.
    pub(super) fn waiting_for_space(&self) -> Vec<Handle> {
        let overlays = self.overlaid();
        let mut waiting: Vec<Handle> =
            overlays.iter().filter(|(_, one)| one.retry.is_some()).map(|(agent, _)| agent.clone()).collect();
        waiting.sort();
        waiting
    }

    fn seen(&self, agent: &Handle) -> Result<Seen, BackendError> {
        let stat = |path| self.disk.stat(path).map_err(BackendError::disk("look at the agent"));
        Ok([stat(&self.layout.journal(agent))?, stat(&self.layout.log(agent))?])
    }

    /// Applies a journal in memory; `false` when it, or the files below, were written to meanwhile, by a
    /// writer that completes the same or took it back. An unfinished rename waits for such a writer.
    fn replay_in_memory(
        &self,
        agent: &Handle,
        pending: &Pending,
        (seen, retry): (Seen, Option<Instant>),
    ) -> Result<bool, BackendError> {
        // Nobody may see what can still be lost.
        let flushing = BackendError::disk(format!("flush the journal of agent '{agent}'"));
        self.disk.sync_file(&self.layout.journal(agent)).map_err(flushing)?;
        // A flush of its writer may have failed before, and then this one says nothing.
        self.refuse_failed(agent)?;
        let disk = Arc::new(OverlayDisk::new(Arc::clone(&self.disk)));
        for ops in &pending.records {
            apply::apply(disk.as_ref(), &self.layout, agent, ops, Present::Keep, &|id| self.is_packed(id))?;
        }
        let same = match self.examine(self.disk.as_ref(), agent) {
            Ok(State::Pending(again)) => again.reached == pending.reached,
            Ok(State::Absent | State::Clean(_)) | Err(BackendError::Corrupt { .. }) => false,
            Err(error) => return Err(error),
        };
        if !same || self.seen(agent)? != seen {
            return Ok(false);
        }
        let mut overlays = self.overlaid();
        if overlays.len() >= KNOWN_MAX {
            overlays.clear();
        }
        overlays.insert(agent.clone(), Overlaid { disk, seen, retry });
        Ok(true)
    }
}
