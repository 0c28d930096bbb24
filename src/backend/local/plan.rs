//! What an operation writes: its journal record's content.

use std::collections::{HashMap, HashSet};

use crate::backend::chain::extended;
use crate::backend::{BackendError, Head, Transaction};
use crate::log::{Change, ListEntry, Record, RecordId, RefState};
use crate::refs::{RefName, Shape, Target};

use super::examine::Tail;
use super::files;
use super::journal::Op;
use super::layout::{ATTRIBUTES, CHAINS, LOG};
use super::{LocalBackend, loose};

impl LocalBackend {
    /// Everything that the operation writes, in the order in which it is to appear: objects, then
    /// refs, `ACTIVE` the last of them, and at the very end the log, whose length tells whether all
    /// before it was done.
    pub(super) fn plan(
        &self,
        transaction: &Transaction,
        lines: &[(RecordId, Vec<u8>)],
        tail: &Tail,
        state_of: &mut impl FnMut(&RefName) -> Result<Option<RefState>, BackendError>,
    ) -> Result<(Vec<Op>, Head), BackendError> {
        let agent = &transaction.agent;
        let mut plan = Plan::default();
        let mut log = Vec::with_capacity(lines.iter().map(|(_, line)| line.len()).sum());
        let mut head = None;
        for (record, (id, line)) in transaction.records.iter().zip(lines) {
            plan.record(record, *id, &mut *state_of)?;
            log.extend_from_slice(line);
            let owner = record.agent.unwrap_or(*id);
            let log_bytes = tail.log_bytes + log.len() as u64;
            head = Some(Head { agent: owner, record: *id, time: record.time, log_bytes });
        }
        let head = head.ok_or_else(|| BackendError::BadTransaction("it has no record".to_owned()))?;
        let mut ops: Vec<Op> = Vec::new();
        let mut brought = HashSet::new();
        for object in &transaction.objects {
            let id = object.id();
            if brought.insert(id) && !self.is_durably_packed(&id) {
                ops.push(Op::Object { id, file: loose::encode(object) });
            }
        }
        self.append_lists(transaction, &mut plan, &mut ops)?;
        let kept = if transaction.creates() { Vec::new() } else { self.chain_heads(agent)? };
        for part in &transaction.chains {
            let before = kept.iter().find(|kept| kept.store == part.store).copied();
            extended(part, self.store, head.agent, before)?;
            let (path, offset, content) =
                (format!("{CHAINS}/{}", part.store), part.offset, part.lines.clone());
            ops.push(Op::Append { path, offset, content });
        }
        for derived in &transaction.derived {
            let path = derived.name.clone();
            ops.push(match &derived.content {
                Some(content) => Op::Replace { path, content: content.clone() },
                None => Op::Remove { path },
            });
        }
        let mut singles: Vec<_> = plan.singles.into_iter().collect();
        singles.sort_by_key(|(name, _)| (name.as_str() == RefName::ACTIVE, name.clone()));
        for (name, state) in singles {
            let gone = state.target.is_none() && !crate::log::kept_when_none(&name);
            let path = name.to_string();
            let content = files::encode_ref(&state).into_bytes();
            ops.push(if gone { Op::Remove { path } } else { Op::Replace { path, content } });
        }
        ops.push(Op::Append { path: LOG.to_owned(), offset: tail.log_bytes, content: log });
        if let Some(to) = &transaction.rename_to {
            ops.push(Op::Rename { from: agent.clone(), to: to.clone() });
        }
        Ok((ops, head))
    }

    fn append_lists(
        &self,
        transaction: &Transaction,
        plan: &mut Plan,
        ops: &mut Vec<Op>,
    ) -> Result<(), BackendError> {
        // A new agent's files are all empty.
        let (agent, new) = (&transaction.agent, transaction.creates());
        for (name, text) in std::mem::take(&mut plan.lists) {
            let length = if new { 0 } else { self.whole_list_length(agent, &name)? };
            let offset = length * files::LIST_LINE_BYTES;
            ops.push(Op::Append { path: name.to_string(), offset, content: text });
        }
        if !plan.attributes.is_empty() {
            let look = || self.disk.stat(&self.layout.attributes(agent));
            let stat = if new { Ok(None) } else { look() };
            let stat = stat.map_err(BackendError::disk("look at the attributes"))?;
            if !new && stat.is_none_or(|stat| stat.len_bytes == 0) {
                self.refuse_lost_attributes(agent)?;
            }
            let (path, offset) = (ATTRIBUTES.to_owned(), stat.map_or(0, |stat| stat.len_bytes));
            ops.push(Op::Append { path, offset, content: std::mem::take(&mut plan.attributes).into_bytes() });
        }
        Ok(())
    }
}

/// The refs that a transaction writes, as they stand after each of its records.
#[derive(Default)]
struct Plan {
    lists: HashMap<RefName, Vec<u8>>,
    attributes: String,
    singles: HashMap<RefName, RefState>,
    latest: HashMap<RefName, RefState>,
}

impl Plan {
    /// Takes in one record.
    fn record(
        &mut self,
        record: &Record,
        id: RecordId,
        mut read: impl FnMut(&RefName) -> Result<Option<RefState>, BackendError>,
    ) -> Result<(), BackendError> {
        let before = self.carried(record, &mut read)?;
        for change in &record.changes {
            if change.name.shape() == Shape::List {
                self.append(change, id)?;
                continue;
            }
            let current = if let Some(name) = &change.continues {
                before.get(name).cloned().flatten()
            } else {
                let former = change.resumes.map(RefState::of_former);
                self.state(&change.name, &mut read)?.or(former)
            };
            self.set(change.name.clone(), RefState::after(current.as_ref(), change.to.clone(), id));
        }
        Ok(())
    }

    fn append(&mut self, change: &Change, record: RecordId) -> Result<(), BackendError> {
        let Some(Target::Id(id)) = change.to else {
            let reason = format!("'{}' is a list and only grows", change.name);
            return Err(BackendError::BadTransaction(reason));
        };
        let entry = ListEntry { id, record };
        match self.lists.get_mut(&change.name) {
            Some(list) => files::encode_entry(list, &entry),
            None => files::encode_entry(self.lists.entry(change.name.clone()).or_default(), &entry),
        }
        Ok(())
    }

    fn state<E>(
        &self,
        name: &RefName,
        read: impl FnOnce(&RefName) -> Result<Option<RefState>, E>,
    ) -> Result<Option<RefState>, E> {
        match self.latest.get(name) {
            Some(state) if state.target.is_none() && !crate::log::kept_when_none(name) => Ok(None),
            Some(state) => Ok(Some(state.clone())),
            None => read(name),
        }
    }

    fn set(&mut self, name: RefName, state: RefState) {
        if name.shape() == Shape::Attribute {
            self.attributes.push_str(&files::encode_attribute(&name, &state));
        } else {
            self.singles.insert(name.clone(), state.clone());
        }
        self.latest.insert(name, state);
    }

    /// The states, before a record, of the refs whose identity its changes carry on.
    fn carried<E>(
        &self,
        record: &Record,
        mut read: impl FnMut(&RefName) -> Result<Option<RefState>, E>,
    ) -> Result<HashMap<RefName, Option<RefState>>, E> {
        let names = record.changes.iter().filter_map(|change| change.continues.as_ref());
        names.map(|name| Ok((name.clone(), self.state(name, &mut read)?))).collect()
    }
}
