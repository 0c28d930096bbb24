//! Before an agent is read: is what its files show everything that happened? If not, it is completed,
//! or, where the store may not be written, replayed in memory.

use std::sync::{Arc, PoisonError};

use crate::backend::BackendError;
use crate::disk::{DiskError, OverlayDisk, SharedDisk, Stat};
use crate::refs::Handle;

use super::apply::Present;
use super::examine::{Pending, State};
use super::{KNOWN_MAX, LocalBackend, apply};

/// How often an agent that seems damaged is looked at again, where its lock cannot be taken.
const LOOKS: usize = 4;

/// An agent whose journal was replayed in memory.
#[derive(Debug)]
pub(super) struct Overlaid {
    disk: Arc<OverlayDisk>,
    seen: Seen,
}

/// The journal and the log that a replay began with; once they are others, somebody completed it.
type Seen = [Option<Stat>; 2];

impl LocalBackend {
    /// Makes sure that an agent's files can be read as they are; `false` when there is no such
    /// agent. Looks at the journal once per agent and process.
    pub(super) fn ready(&self, agent: &Handle) -> Result<bool, BackendError> {
        if self.known().contains_key(agent) || self.is_overlaid(agent)? {
            return Ok(true);
        }
        let forgotten = self.forgotten();
        match self.examine(self.disk.as_ref(), agent) {
            Ok(State::Absent) => Ok(false),
            Ok(State::Clean(tail)) => {
                self.remember_unless_forgotten(agent, tail, forgotten);
                Ok(true)
            }
            Ok(State::Pending(pending)) => self.catch_up(agent, Ok(pending)),
            // Perhaps a writer was met between two of its steps: its lock tells.
            Err(error @ BackendError::Corrupt { .. }) => self.catch_up(agent, Err(error)),
            Err(error) => Err(error),
        }
    }

    /// The same for an agent that must exist.
    pub(super) fn require(&self, agent: &Handle) -> Result<(), BackendError> {
        if self.ready(agent)? { Ok(()) } else { Err(BackendError::NoSuchAgent(agent.clone())) }
    }

    fn catch_up(
        &self,
        agent: &Handle,
        mut seen: Result<Pending, BackendError>,
    ) -> Result<bool, BackendError> {
        match self.settle_locked(agent) {
            Err(BackendError::Disk { source: DiskError::Denied { .. } | DiskError::Full { .. }, .. }) => {}
            other => return other.map(|tail| tail.is_some()),
        }
        for _ in 0..LOOKS {
            if !matches!(seen, Err(BackendError::Corrupt { .. })) {
                break;
            }
            seen = match self.examine(self.disk.as_ref(), agent) {
                Ok(State::Absent) => return Ok(false),
                Ok(State::Clean(_)) => return Ok(true),
                Ok(State::Pending(pending)) => Ok(pending),
                Err(error) => Err(error),
            };
        }
        self.replay_in_memory(agent, &seen?)?;
        Ok(true)
    }

    /// The disk to read an agent from: over the real one lies what had to be replayed in memory.
    pub(super) fn view(&self, agent: &Handle) -> SharedDisk {
        let overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        match overlays.get(agent) {
            Some(overlaid) => Arc::clone(&overlaid.disk) as SharedDisk,
            None => Arc::clone(&self.disk),
        }
    }

    /// Every replay in memory, to look for objects in.
    pub(super) fn overlays(&self) -> Vec<Arc<OverlayDisk>> {
        let overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        overlays.values().map(|overlaid| Arc::clone(&overlaid.disk)).collect()
    }

    fn is_overlaid(&self, agent: &Handle) -> Result<bool, BackendError> {
        let seen = {
            let overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(overlaid) = overlays.get(agent) else { return Ok(false) };
            overlaid.seen
        };
        let still = self.seen(agent)? == seen;
        if !still {
            self.overlays.lock().unwrap_or_else(PoisonError::into_inner).remove(agent);
        }
        Ok(still)
    }

    fn seen(&self, agent: &Handle) -> Result<Seen, BackendError> {
        let stat = |path| self.disk.stat(path).map_err(BackendError::disk("look at the agent"));
        Ok([stat(&self.layout.journal(agent))?, stat(&self.layout.log(agent))?])
    }

    /// Applies a journal in memory. An unfinished rename waits for somebody who may write.
    fn replay_in_memory(&self, agent: &Handle, pending: &Pending) -> Result<(), BackendError> {
        let seen = self.seen(agent)?;
        // Nobody may see what can still be lost.
        let flushing = BackendError::disk(format!("flush the journal of agent '{agent}'"));
        self.disk.sync_file(&self.layout.journal(agent)).map_err(flushing)?;
        let disk = Arc::new(OverlayDisk::new(Arc::clone(&self.disk)));
        for ops in &pending.records {
            apply::apply(disk.as_ref(), &self.layout, agent, ops, Present::Keep)?;
        }
        let mut overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        if overlays.len() >= KNOWN_MAX {
            overlays.clear();
        }
        overlays.insert(agent.clone(), Overlaid { disk, seen });
        Ok(())
    }
}
