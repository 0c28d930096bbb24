//! Objects on their way into the store: written ahead of the moves of refs that will rely on them,
//! many at once.

use std::collections::HashSet;

use crate::backend::Staged;
use crate::object::{Object, ObjectId};
use crate::repo::RepoError;

use crate::agent::{AgentError, Agents};

/// Objects waiting to be staged, at most, in bytes of their payloads.
const STAGE_BYTES: usize = 4 * 1024 * 1024;
/// Objects waiting to be staged, at most.
const STAGE_OBJECTS: usize = 8192;
/// Ids remembered as staged already.
const STAGED_MAX: usize = 256 * 1024;
/// Most threads that stage objects or read lines.
pub(super) const THREADS_MAX: usize = 4;

/// How many threads are worth starting.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// Objects on their way into the store.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    agents: &'a Agents,
    waiting: Vec<Object>,
    waiting_bytes: usize,
    staged: HashSet<ObjectId>,
    /// What was staged since it was last taken.
    written: Staged,
    /// Whether objects could not be staged: then no move may rely on them.
    pub(super) failed: bool,
    /// Objects that were brought so far, each counted once as far as that is remembered.
    pub(super) objects: u64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(agents: &'a Agents) -> Self {
        Self {
            agents,
            waiting: Vec::new(),
            waiting_bytes: 0,
            staged: HashSet::new(),
            written: Staged::default(),
            failed: false,
            objects: 0,
        }
    }

    /// Brings an object; one that was brought lately is not written again.
    pub(super) fn bring(&mut self, id: ObjectId, object: Object) -> Result<(), AgentError> {
        if !self.staged.insert(id) {
            return Ok(());
        }
        self.objects += 1;
        self.waiting_bytes += object.payload.len();
        self.waiting.push(object);
        if self.waiting_bytes >= STAGE_BYTES || self.waiting.len() >= STAGE_OBJECTS {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// What was staged for the operations that come now; those after them bring again what they need.
    pub(super) fn take_written(&mut self) -> Staged {
        self.staged.clear();
        std::mem::take(&mut self.written)
    }

    /// Writes what waits. Files are compressed and written by as many threads as there are cores.
    pub(super) fn flush(&mut self) -> Result<(), AgentError> {
        let objects = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if self.staged.len() > STAGED_MAX {
            self.staged.clear();
        }
        if objects.is_empty() || self.agents.rehearsal {
            return Ok(());
        }
        let backend = self.agents.repo().backend();
        let share = objects.len().div_ceil(threads()).max(64);
        std::thread::scope(|scope| {
            let parts: Vec<_> =
                objects.chunks(share).map(|part| scope.spawn(move || backend.stage(part))).collect();
            let done = parts.into_iter().map(|part| part.join().expect("a backend does not panic"));
            done.collect::<Result<Vec<Staged>, _>>()
        })
        .map_err(|error| {
            self.failed = true;
            RepoError::from(error).into()
        })
        .map(|staged| staged.into_iter().for_each(|staged| self.written.extend(staged)))
    }
}
