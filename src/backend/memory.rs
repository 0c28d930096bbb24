//! A store in memory: the smallest thing that keeps the `Backend` promises, for tests and for
//! looking at a config without a store.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::log::{ListEntry, Record, RecordId, RefState, RefTable, StoreId, Verifier};
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::{
    Backend, BackendError, ChainHead, Fault, Head, Moved, Outcome, Staged, Transaction, chain, transaction,
};

/// A store whose content lives as long as the value.
#[derive(Debug)]
pub struct MemoryBackend {
    store: StoreId,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<ObjectId, Object>,
    agents: BTreeMap<Handle, Agent>,
    forwards: HashMap<Handle, Handle>,
}

#[derive(Debug, Default, Clone)]
struct Agent {
    head: Option<Head>,
    log: Vec<u8>,
    table: RefTable,
    derived: BTreeMap<String, Vec<u8>>,
    chains: BTreeMap<StoreId, (ChainHead, Vec<u8>)>,
}

impl MemoryBackend {
    /// An empty store of that id.
    pub fn new(store: StoreId) -> Self {
        Self { store, inner: Mutex::new(Inner::default()) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, agent: &Handle, read: impl FnOnce(&Agent) -> T) -> Result<T, BackendError> {
        let inner = self.lock();
        let found = inner.agents.get(agent).ok_or_else(|| BackendError::NoSuchAgent(agent.clone()))?;
        Ok(read(found))
    }
}

impl Backend for MemoryBackend {
    fn store_id(&self) -> StoreId {
        self.store
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<Handle>, BackendError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self
            .lock()
            .agents
            .range((start, Bound::Unbounded))
            .take(limit)
            .map(|(name, _)| name.clone())
            .collect())
    }

    fn locate(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        Ok(self.lock().locate(handle))
    }

    fn head(&self, agent: &Handle) -> Result<Option<Head>, BackendError> {
        Ok(self.lock().agents.get(agent).and_then(|agent| agent.head))
    }

    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        self.with(agent, |agent| agent.table.refs.get(name).cloned())
    }

    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError> {
        self.with(agent, |agent| {
            let mine = agent.table.refs.iter().filter(|(name, _)| name.split().0 == Some(namespace));
            mine.map(|(name, state)| (name.clone(), state.clone())).collect()
        })
    }

    fn all_refs(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        self.with(agent, |agent| agent.table.refs.clone())
    }

    fn list_len(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        self.with(agent, |agent| agent.table.lists.get(name).map_or(0, |list| list.len() as u64))
    }

    fn list(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        self.with(agent, |agent| {
            let list = agent.table.lists.get(name).map_or(&[][..], Vec::as_slice);
            list.iter().skip(start).take(limit).copied().collect()
        })
    }

    fn read_log(&self, agent: &Handle, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.with(agent, |agent| agent.log.iter().skip(offset).take(len).copied().collect())
    }

    fn chains(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError> {
        self.with(agent, |agent| agent.chains.values().map(|(head, _)| *head).collect())
    }

    fn read_chain(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.with(agent, |agent| {
            let bytes = agent.chains.get(&store).map_or(&[][..], |(_, bytes)| bytes);
            bytes.iter().skip(offset).take(len).copied().collect()
        })
    }

    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.with(agent, |agent| agent.derived.get(name).cloned())
    }

    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        Ok(self.lock().objects.get(id).cloned())
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        let inner = self.lock();
        let matching = inner.objects.keys().filter(|id| id.to_string().starts_with(prefix));
        Ok(matching.take(limit).copied().collect())
    }

    fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        let mut inner = self.lock();
        for object in objects {
            inner.objects.entry(object.id()).or_insert_with(|| object.clone());
        }
        Ok(Staged::default())
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        let lines = transaction.lines(self.store)?;
        let mut inner = self.lock();
        if let Some(moved) = inner.check(transaction)? {
            return Ok(Outcome::Moved(moved));
        }
        let mut agent = inner.agents.get(&transaction.agent).cloned().unwrap_or_default();
        for (record, (id, line)) in transaction.records.iter().zip(lines) {
            agent.append(record, id, &line)?;
        }
        let id = agent.head.expect("a record was appended").agent;
        for part in &transaction.chains {
            let before = agent.chains.get(&part.store).map(|(head, _)| *head);
            let head = chain::extended(part, self.store, id, before)?;
            let kept = agent.chains.entry(part.store).or_insert_with(|| (head, Vec::new()));
            kept.0 = head;
            kept.1.extend_from_slice(&part.lines);
        }
        for derived in &transaction.derived {
            match &derived.content {
                Some(content) => agent.derived.insert(derived.name.clone(), content.clone()),
                None => agent.derived.remove(&derived.name),
            };
        }
        for object in &transaction.objects {
            inner.objects.insert(object.id(), object.clone());
        }
        if let Some(new) = &transaction.rename_to {
            inner.agents.remove(&transaction.agent);
            inner.forwards.insert(transaction.agent.clone(), new.clone());
        }
        let handle = transaction.rename_to.as_ref().unwrap_or(&transaction.agent).clone();
        inner.forwards.remove(&handle);
        inner.agents.insert(handle, agent);
        Ok(Outcome::Committed)
    }

    fn commit_many(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        transaction::check_group(transactions)?;
        transactions.iter().map(|transaction| self.commit(transaction)).collect()
    }

    fn checkpoint(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn audit(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        let inner = self.lock();
        for (id, object) in &inner.objects {
            if object.id() != *id {
                found(Fault::new(format!("object {id}"), "it does not hash to its id"));
            }
        }
        for (handle, agent) in &inner.agents {
            let mut verifier = Verifier::new(self.store);
            let lines = agent.log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            for line in lines {
                if let Err(error) = verifier.next(line) {
                    found(Fault::new(format!("log of agent {handle}"), error.to_string()));
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Inner {
    /// The handle that an agent has now.
    fn locate(&self, handle: &Handle) -> Option<Handle> {
        let mut at = handle;
        while !self.agents.contains_key(at) {
            at = self.forwards.get(at)?;
        }
        Some(at.clone())
    }

    /// What is not as the transaction expects.
    fn check(&self, transaction: &Transaction) -> Result<Option<Moved>, BackendError> {
        let agent = self.agents.get(&transaction.agent);
        let taken = |handle: &Handle| self.locate(handle).is_some();
        if transaction.creates() {
            if taken(&transaction.agent) {
                return Ok(Some(Moved::HandleTaken(transaction.agent.clone())));
            }
            let is_wanted = |agent: &Agent| agent.head.map(|head| head.agent) == transaction.adopts();
            let adopted =
                transaction.adopts().and_then(|_| self.agents.iter().find(|(_, one)| is_wanted(one)));
            if let Some((by, _)) = adopted {
                return Ok(Some(Moved::IdTaken(by.clone())));
            }
        } else {
            let Some(head) = agent.and_then(|agent| agent.head) else { return Ok(Some(Moved::Head)) };
            if transaction.records.first().and_then(|record| record.prev) != Some(head.record) {
                return Ok(Some(Moved::Head));
            }
            if !transaction.is_for(head.agent) {
                return Err(BackendError::BadTransaction("its record belongs to another agent".to_owned()));
            }
        }
        let target = |name: &RefName| agent.and_then(|agent| agent.target(name));
        if let Some(moved) = transaction::first_moved(transaction, |name| Ok(target(name)))? {
            return Ok(Some(moved));
        }
        let to = transaction.rename_to.as_ref();
        let to = to.filter(|to| self.locate(to).is_some_and(|owner| owner != transaction.agent));
        Ok(to.map(|to| Moved::HandleTaken(to.clone())))
    }
}

impl Agent {
    fn target(&self, name: &RefName) -> Option<Target> {
        match name.shape() {
            Shape::List => self.table.lists.get(name)?.last().map(|entry| Target::Id(entry.id)),
            Shape::Single | Shape::Attribute => self.table.refs.get(name)?.target.clone(),
        }
    }

    fn append(&mut self, record: &Record, id: RecordId, line: &[u8]) -> Result<(), BackendError> {
        let applied = self.table.apply(id, record);
        applied.map_err(|error| BackendError::BadTransaction(error.to_string()))?;
        self.log.extend_from_slice(line);
        let agent = record.agent.unwrap_or(id);
        self.head = Some(Head { agent, record: id, time: record.time, log_bytes: self.log.len() as u64 });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::conformance;

    #[test]
    fn conforms() {
        conformance::run(&|| Box::new(MemoryBackend::new(crate::backend::script::STORE)));
    }
}
