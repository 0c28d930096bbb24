//! A commit: check what the operation expects, flush one journal record, bring the files up to
//! date.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use crate::backend::transaction::first_moved;
use crate::backend::{BackendError, Head, Moved, Outcome, Transaction};
use crate::disk::{FileKind, LockGuard};
use crate::log::{ListEntry, RefState};
use crate::refs::{Handle, RefName, Shape, Target};

use super::examine::Tail;
use super::files;
use super::journal::{self, FIRST_RECORD, Op, Slot};
use super::layout::{ATTRIBUTES, LOG};
use super::{LocalBackend, apply, loose};

/// A journal longer than this is started anew before the next record, in bytes.
const CHECKPOINT_BYTES: u64 = 1024 * 1024;
/// A journal grows by at least its own length, up to this, in bytes: most flushes then write into
/// space that the file has already, and need not flush its length too.
const GROWTH_MAX_BYTES: u64 = 256 * 1024;
/// Most agents whose locks are held at once.
const GROUP_MAX: usize = 128;

/// An operation that was checked and is ready to be written.
struct Prepared {
    agent: Handle,
    tail: Tail,
    ops: Vec<Op>,
    head: Head,
    creates: bool,
    /// Held until the operation is applied.
    _locks: Vec<Box<dyn LockGuard>>,
}

impl LocalBackend {
    pub(super) fn commit_one(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        let prepared = match self.prepare(transaction)? {
            Ok(prepared) => prepared,
            Err(moved) => return Ok(Outcome::Moved(moved)),
        };
        let written = self.write_record(&prepared)?;
        self.flush(&prepared.agent, Some(prepared.tail.offset))?;
        if prepared.creates {
            // The journal's name must be as durable as its content.
            let doing = || BackendError::disk(format!("make agent '{}' durable", prepared.agent));
            self.disk.sync_dir(&self.layout.agent(&prepared.agent)).map_err(doing())?;
            self.disk.sync_dir(&self.layout.agents()).map_err(doing())?;
        }
        self.finish(&prepared, written)?;
        Ok(Outcome::Committed)
    }

    pub(super) fn commit_group(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        let mut outcomes = Vec::with_capacity(transactions.len());
        for group in transactions.chunks(GROUP_MAX) {
            self.commit_chunk(group, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    fn commit_chunk(&self, group: &[Transaction], outcomes: &mut Vec<Outcome>) -> Result<(), BackendError> {
        // Locks are taken in the order of handles, so that two groups never wait for each other.
        let mut order: Vec<usize> = (0..group.len()).collect();
        order.sort_by(|a, b| group[*a].agent.cmp(&group[*b].agent));
        let twice = order.windows(2).any(|pair| group[pair[0]].agent == group[pair[1]].agent);
        if twice || group.iter().any(|transaction| transaction.rename_to.is_some()) {
            return Err(BackendError::BadTransaction("a group holds an agent twice, or a rename".to_owned()));
        }
        let mut prepared = Vec::new();
        let mut found: HashMap<usize, Outcome> = HashMap::new();
        for at in order {
            match self.prepare(&group[at])? {
                Ok(one) => prepared.push(one),
                Err(moved) => drop(found.insert(at, Outcome::Moved(moved))),
            }
        }
        if prepared.is_empty() {
            outcomes.extend((0..group.len()).map(|at| found.remove(&at).unwrap_or(Outcome::Committed)));
            return Ok(());
        }
        // Objects staged before must be durable before any record that relies on them can be.
        if self.staged.swap(false, Ordering::SeqCst) {
            self.sync_everything(&prepared[0].agent)?;
        }
        let written = prepared.iter().map(|one| self.write_record(one)).collect::<Result<Vec<_>, _>>()?;
        self.disk.sync_all(self.layout.root()).map_err(|error| {
            for one in &prepared {
                self.mark_poisoned(&one.agent);
            }
            BackendError::disk("flush the journals")(error)
        })?;
        for (one, written) in prepared.iter().zip(written) {
            self.finish(one, written)?;
        }
        outcomes.extend((0..group.len()).map(|at| found.remove(&at).unwrap_or(Outcome::Committed)));
        Ok(())
    }

    /// Takes the locks and checks everything that the operation expects.
    fn prepare(&self, transaction: &Transaction) -> Result<Result<Prepared, Moved>, BackendError> {
        let agent = &transaction.agent;
        let mut handles = vec![agent];
        handles.extend(&transaction.rename_to);
        handles.sort();
        let locks = handles
            .iter()
            .map(|handle| self.disk.lock(&self.layout.lock(handle)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(BackendError::disk(format!("lock agent '{agent}'")))?;
        let tail = match self.tail_under_lock(agent)? {
            Some(_) if transaction.creates() => return Ok(Err(Moved::HandleTaken(agent.clone()))),
            Some(tail) => tail,
            None if transaction.creates() => match self.new_agent(agent)? {
                Some(tail) => tail,
                None => return Ok(Err(Moved::HandleTaken(agent.clone()))),
            },
            None => return Ok(Err(Moved::Head)),
        };
        if !transaction.creates() {
            let head = self.read_head(agent)?.record;
            if transaction.records.first().and_then(|record| record.prev) != Some(head) {
                return Ok(Err(Moved::Head));
            }
            if let Some(moved) = first_moved(transaction, |name| self.target(agent, name))? {
                return Ok(Err(moved));
            }
        }
        if let Some(taken) = self.rename_target_taken(transaction)? {
            return Ok(Err(taken));
        }
        let (ops, head) = self.plan(transaction, &tail)?;
        let size_bytes = journal::ops_bytes(&ops);
        if size_bytes > journal::PAYLOAD_MAX_BYTES {
            return Err(BackendError::TooLarge { size_bytes, max_bytes: journal::PAYLOAD_MAX_BYTES });
        }
        let full = tail.offset + size_bytes > CHECKPOINT_BYTES && tail.offset > FIRST_RECORD;
        let tail = if full { self.start_anew(agent, &tail)? } else { tail };
        let creates = transaction.creates();
        Ok(Ok(Prepared { agent: agent.clone(), tail, ops, head, creates, _locks: locks }))
    }

    fn tail_under_lock(&self, agent: &Handle) -> Result<Option<Tail>, BackendError> {
        let known = self.known().get(agent).copied();
        let poison = self.layout.poison(agent);
        if let Some(tail) = known {
            let looking = BackendError::disk("look at the agent");
            if self.disk.stat(&poison).map_err(looking)?.is_none() && self.still_the_end(agent, &tail)? {
                return Ok(Some(tail));
            }
            self.forget(agent);
        }
        self.settle(agent)
    }

    /// Where the first record of a new agent goes; `None` when its handle is taken.
    fn new_agent(&self, agent: &Handle) -> Result<Option<Tail>, BackendError> {
        let dir = self.layout.agent(agent);
        let doing = || BackendError::disk(format!("make agent '{agent}'"));
        match self.disk.stat(&dir).map_err(doing())?.map(|stat| stat.kind) {
            None => self.disk.create_dir_all(&dir).map_err(doing())?,
            Some(FileKind::Dir) => {}
            Some(_) => return Ok(None),
        }
        Ok(Some(Tail { epoch: 1, seq: 0, offset: FIRST_RECORD, file_bytes: 0, log_bytes: 0, head: None }))
    }

    fn rename_target_taken(&self, transaction: &Transaction) -> Result<Option<Moved>, BackendError> {
        let Some(to) = &transaction.rename_to else { return Ok(None) };
        let path = self.layout.agent(to);
        let doing = || BackendError::disk(format!("look at agent '{to}'"));
        let free = match self.disk.stat(&path).map_err(doing())?.map(|stat| stat.kind) {
            None => true,
            Some(FileKind::Symlink) => {
                let leads_to = self.disk.read_link(&path).map_err(doing())?;
                leads_to.to_str() == Some(transaction.agent.as_str())
            }
            Some(_) => false,
        };
        Ok((!free).then(|| Moved::HandleTaken(to.clone())))
    }

    /// Everything that the operation writes, in the order in which it is to appear: objects, then
    /// refs, `ACTIVE` the last of them, and at the very end the log, whose length tells whether all
    /// before it was done.
    fn plan(&self, transaction: &Transaction, tail: &Tail) -> Result<(Vec<Op>, Head), BackendError> {
        let agent = &transaction.agent;
        let mut plan = Plan::default();
        let mut log = Vec::new();
        let mut head = None;
        for record in &transaction.records {
            let (id, line) = record.to_line();
            let before = plan.carried(record, |name| self.ref_state(agent, name))?;
            for change in &record.changes {
                match change.name.shape() {
                    Shape::List => {
                        let Some(Target::Id(to)) = change.to else {
                            let reason = format!("'{}' is a list and only grows", change.name);
                            return Err(BackendError::BadTransaction(reason));
                        };
                        let list = plan.lists.entry(change.name.clone()).or_default();
                        list.push_str(&files::encode_entry(&ListEntry { id: to, record: id }));
                    }
                    Shape::Single | Shape::Attribute => {
                        let current = match &change.continues {
                            Some(name) => before.get(name).cloned().flatten(),
                            None => plan.state(&change.name, |name| self.ref_state(agent, name))?,
                        };
                        let state = RefState::after(current.as_ref(), change.to.clone(), id);
                        plan.set(change.name.clone(), state);
                    }
                }
            }
            log.extend_from_slice(&line);
            let owner = record.agent.unwrap_or(id);
            let log_bytes = tail.log_bytes + log.len() as u64;
            head = Some(Head { agent: owner, record: id, time: record.time, log_bytes });
        }
        let head = head.ok_or_else(|| BackendError::BadTransaction("it has no record".to_owned()))?;
        let mut ops: Vec<Op> = Vec::new();
        for object in &transaction.objects {
            ops.push(Op::Object { id: object.id(), file: loose::encode(object) });
        }
        for (name, text) in &plan.lists {
            let offset = self.list_length(agent, name)? * files::LIST_LINE_BYTES;
            ops.push(Op::Append { path: name.to_string(), offset, content: text.clone().into_bytes() });
        }
        if !plan.attributes.is_empty() {
            let path = self.layout.attributes(agent);
            let stat = self.disk.stat(&path).map_err(BackendError::disk("look at the attributes"))?;
            let offset = stat.map_or(0, |stat| stat.len_bytes);
            ops.push(Op::Append {
                path: ATTRIBUTES.to_owned(),
                offset,
                content: plan.attributes.into_bytes(),
            });
        }
        let mut singles: Vec<_> = plan.singles.into_iter().collect();
        singles.sort_by_key(|(name, _)| (name.as_str() == RefName::ACTIVE, name.clone()));
        for derived in &transaction.derived {
            let path = derived.name.clone();
            ops.push(match &derived.content {
                Some(content) => Op::Replace { path, content: content.clone() },
                None => Op::Remove { path },
            });
        }
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

    /// Writes the journal record; it counts once it is flushed. Returns the journal's end after it.
    fn write_record(&self, prepared: &Prepared) -> Result<Tail, BackendError> {
        let Prepared { agent, tail, ops, head, .. } = prepared;
        let (header, mut bytes) =
            journal::encode_record(tail.epoch, tail.seq, head.log_bytes, head.record, ops);
        let mut start = tail.offset;
        if tail.file_bytes == 0 {
            let slot = Slot { epoch: tail.epoch, boot: self.boot, log_bytes: 0, head: None };
            let mut file = vec![0; usize::try_from(FIRST_RECORD).expect("two sectors")];
            let at = usize::try_from(slot.offset()).expect("one of two sectors");
            file[at..at + 512].copy_from_slice(&slot.encode());
            file.append(&mut bytes);
            bytes = file;
            start = 0;
        }
        let end = start + bytes.len() as u64;
        let mut file_bytes = tail.file_bytes.max(end);
        if end > tail.file_bytes && tail.file_bytes > 0 {
            file_bytes = end + tail.file_bytes.min(GROWTH_MAX_BYTES);
            bytes.resize(usize::try_from(file_bytes - start).expect("a record fits in memory"), 0);
        }
        let path = self.layout.journal(agent);
        self.disk.write_at(&path, start, &bytes).map_err(|error| {
            self.forget(agent);
            BackendError::disk(format!("write the journal of agent '{agent}'"))(error)
        })?;
        Ok(Tail {
            epoch: tail.epoch,
            seq: tail.seq + 1,
            offset: header.next_offset(tail.offset),
            file_bytes,
            log_bytes: head.log_bytes,
            head: Some(*head),
        })
    }

    /// Brings the files up to date; the operation has happened already.
    fn finish(&self, prepared: &Prepared, tail: Tail) -> Result<(), BackendError> {
        let agent = &prepared.agent;
        apply::apply(self.disk.as_ref(), &self.layout, agent, &prepared.ops).map_err(|source| {
            self.forget(agent);
            BackendError::Unapplied { agent: agent.clone(), source: Box::new(source) }
        })?;
        match prepared.ops.last() {
            Some(Op::Rename { to, .. }) => {
                self.forget(agent);
                self.remember(to, tail);
            }
            _ => self.remember(agent, tail),
        }
        Ok(())
    }
}

/// The refs that a transaction writes, as they stand after each of its records.
#[derive(Default)]
struct Plan {
    lists: HashMap<RefName, String>,
    attributes: String,
    singles: HashMap<RefName, RefState>,
    latest: HashMap<RefName, RefState>,
}

impl Plan {
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
        record: &crate::log::Record,
        mut read: impl FnMut(&RefName) -> Result<Option<RefState>, E>,
    ) -> Result<HashMap<RefName, Option<RefState>>, E> {
        let names = record.changes.iter().filter_map(|change| change.continues.as_ref());
        names.map(|name| Ok((name.clone(), self.state(name, &mut read)?))).collect()
    }
}
