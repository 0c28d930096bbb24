//! An agent of another store is made here once, whatever handles are asked for: who makes one holds the lock
//! on ids from before it looks whether that agent is here until it is made.
//!
//! That lock is taken before those of agents, and nobody who holds one of these waits for it. An agent that
//! is made by itself, under the id of its first record, needs none of this: nobody else can have that id.

use std::collections::{HashMap, HashSet};

use crate::backend::{Backend as _, BackendError, Moved, Transaction};
use crate::disk::LockGuard;
use crate::error::{Classify as _, Kind};
use crate::log::AgentId;
use crate::refs::Handle;

use super::LocalBackend;

/// The right to make agents of other stores, and which of those that are wanted are here already.
pub(super) struct Adopting {
    here: HashMap<AgentId, Handle>,
    _guard: Option<Box<dyn LockGuard>>,
}

impl Adopting {
    /// Why an operation cannot make its agent; those of a group are asked about in their order.
    pub(super) fn refuses(&mut self, transaction: &Transaction) -> Option<Moved> {
        let id = transaction.adopts()?;
        let by = self.here.entry(id).or_insert_with(|| transaction.agent.clone());
        (*by != transaction.agent).then(|| Moved::IdTaken(by.clone()))
    }
}

impl LocalBackend {
    /// Before agents' locks are taken: makes sure that no agent comes to be here twice.
    pub(super) fn adopting(&self, transactions: &[Transaction]) -> Result<Adopting, BackendError> {
        let wanted: HashSet<AgentId> = transactions.iter().filter_map(Transaction::adopts).collect();
        let mut here = HashMap::new();
        if wanted.is_empty() || self.unknown_to_others {
            return Ok(Adopting { here, _guard: None });
        }
        let locking = BackendError::disk("lock the ids of the store");
        let guard = self.in_locks(|| self.disk.lock(&self.layout.ids_lock())).map_err(locking)?;
        for handle in self.every_handle()? {
            if let Some((id, handle)) = self.id_of(&handle)?
                && wanted.contains(&id)
            {
                here.insert(id, handle);
            }
        }
        Ok(Adopting { here, _guard: Some(guard) })
    }

    /// The handles of all agents at one moment: while none is being renamed, so that none is missed.
    fn every_handle(&self) -> Result<Vec<Handle>, BackendError> {
        let locking = BackendError::disk("lock the handles of the store");
        let _names = self.in_locks(|| self.disk.lock(&self.layout.names_lock())).map_err(locking)?;
        self.directories()
    }

    /// The id of the agent that had a handle a moment ago, and its handle now. One that is too damaged to say
    /// its id keeps nobody out.
    fn id_of(&self, handle: &Handle) -> Result<Option<(AgentId, Handle)>, BackendError> {
        let mut at = handle.clone();
        loop {
            let found = match self.head(&at) {
                Ok(Some(head)) => return Ok(Some((head.agent, at))),
                Ok(None) => self.follow(&at),
                Err(error) => Err(error),
            };
            match found {
                Ok(Some(next)) => at = next,
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == Kind::Corrupt => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}
