//! One small blocking interface for a disk and for a bucket: an agent's state, an object by id,
//! names by page, and one atomic commit. Knows refs, records and objects; never what an agent means.

pub mod bucket;
pub mod local;
pub mod memory;

mod chain;
mod error;
mod packs;
mod pages;
mod transaction;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
pub(crate) mod script;

use std::collections::BTreeMap;
use std::io::Read;

use crate::cache::Usage;
use crate::clock::Time;
use crate::disk::Stat;
use crate::log::{AgentId, ListEntry, RecordId, RefState, StoreId};
use crate::object::{Object, ObjectId};
use crate::pack::order::Step;
use crate::pack::{PackId, PackSummary, Packed};
use crate::refs::{Handle, RefName};

pub use chain::{ChainHead, ChainPart, kept_bytes};
pub use error::{BackendError, FarError, Fault};
pub use packs::{KeptPack, Repacked, Staged, StoredAs};
pub use pages::{Pages, pages};
pub use transaction::{Derived, Moved, Outcome, Transaction};

/// The newest record of an agent's log, and how long the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The agent's id.
    pub agent: AgentId,
    /// The newest record.
    pub record: RecordId,
    /// The time of the newest record.
    pub time: Time,
    /// Length of the log in bytes.
    pub log_bytes: u64,
}

/// Longest step of a file system's clock, with room, in nanoseconds.
const STEP_MAX_NS: u64 = 50_000_000;

/// What a file that is replaced when it changes, as that of a ref, looks like from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Glance([u64; 4]);

impl Glance {
    /// Of a file that is replaced whenever the ref moves: the new one exists beside the old one before that, so
    /// its number differs; times tell a number that is given again.
    pub fn of_file(stat: &Stat) -> Self {
        // Nanoseconds since 1970 fit until 2554.
        let low = |ns: i128| u64::try_from(ns).unwrap_or_default();
        Self([stat.inode, stat.len_bytes, low(stat.modified_ns), low(stat.changed_ns)])
    }

    /// Whether it is so old that whatever moves now looks different: the clock of a file system goes in steps of
    /// some milliseconds.
    pub fn is_settled(&self, now: Time) -> bool {
        let now_ns = u64::try_from(now.as_ms()).unwrap_or_default().saturating_mul(1_000_000);
        now_ns.saturating_sub(self.0[3]) > STEP_MAX_NS
    }
}

/// Where agents, their refs and logs, and objects are kept.
///
/// Readers take no lock. What a commit wrote is visible as a whole only to a reader that started
/// after it returned; a writer is protected by what its transaction expects.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The store's id.
    fn store_id(&self) -> StoreId;

    /// Handles of agents after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<Handle>, BackendError>;

    /// The handle under which an agent is found now: `handle` itself, or what it was renamed to.
    ///
    /// # Errors
    /// When the entry cannot be read or leads nowhere.
    fn locate(&self, handle: &Handle) -> Result<Option<Handle>, BackendError>;

    /// The head of an agent's log; `None` when there is no such agent.
    ///
    /// # Errors
    /// `Corrupt` when the end of the log is damaged.
    fn head(&self, agent: &Handle) -> Result<Option<Head>, BackendError>;

    /// The heads of several agents' logs.
    ///
    /// # Errors
    /// As `head`.
    fn heads(&self, agents: &[Handle]) -> Result<Vec<Option<Head>>, BackendError> {
        agents.iter().map(|agent| self.head(agent)).collect()
    }

    /// The state of a ref that is no list; `None` when it does not exist.
    ///
    /// # Errors
    /// `Corrupt` when the ref is damaged.
    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError>;

    /// What a ref looks like, told in one step and without waiting for anything; `None` when it is not there,
    /// and where that cannot be told. A ref that looks the same was not moved.
    fn glance(&self, agent: &Handle, name: &RefName) -> Option<Glance> {
        let _ = (agent, name);
        None
    }

    /// Agents whose files were found not to show what happened, as a full disk keeps them from being brought up to
    /// date.
    fn waiting_for_space(&self) -> Vec<Handle> {
        Vec::new()
    }

    /// What is kept in memory of what was read, and how much it may be.
    fn usage(&self) -> Vec<Usage> {
        Vec::new()
    }

    /// Whether an agent is found under that very handle, not under what it was renamed to: told in one step and
    /// without waiting for anything; `false` also where that cannot be told.
    fn is_here(&self, agent: &Handle) -> bool {
        let _ = agent;
        false
    }

    /// Whether the store is still where it was found, told in one step and without waiting for anything; `true`
    /// also where that cannot be told. What is missing from a store that is not there says nothing.
    fn is_there(&self) -> bool {
        true
    }

    /// All refs of a namespace (`drafts`), in order of their names.
    ///
    /// # Errors
    /// As `read_ref`.
    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError>;

    /// Every ref of an agent but its lists, in order of their names.
    ///
    /// # Errors
    /// As `read_ref`.
    fn all_refs(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError>;

    /// How many entries a list has.
    ///
    /// # Errors
    /// `Corrupt` when the list is damaged.
    fn list_len(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError>;

    /// Entries of a list from position `start` (0 is the first), at most `limit`.
    ///
    /// # Errors
    /// `Corrupt` when the list is damaged.
    fn list(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError>;

    /// Up to `len` bytes of an agent's log from `offset`.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn read_log(&self, agent: &Handle, offset: u64, len: usize) -> Result<Vec<u8>, BackendError>;

    /// The chains of other stores that are kept of an agent, in order of the stores' ids.
    ///
    /// # Errors
    /// `Corrupt` when the end of one is damaged.
    fn chains(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError>;

    /// Up to `len` bytes of another store's chain from `offset`; nothing when none is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_chain(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError>;

    /// A document derived from an agent's refs (`ACTIVE.json`).
    ///
    /// # Errors
    /// When it cannot be read.
    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError>;

    /// An object, verified against its id; `None` when it is not here.
    ///
    /// # Errors
    /// `Corrupt` when what is stored is not the object.
    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError>;

    /// Ids that begin with these hexadecimal digits, in order, at most `limit`.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError>;

    /// Writes objects ahead of a `commit_many` that brings refs to them; nothing points to them yet.
    ///
    /// # Errors
    /// When they cannot be written.
    fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError>;

    /// Writes the objects of a pack that stands by itself ahead, as `stage` does, and hands each to `seen`
    /// once it was found to be what its id says. Nothing of a pack that is wrong is relied on later.
    ///
    /// # Errors
    /// `Pack` when it is cut off or wrong; when it cannot be written.
    fn stage_pack(
        &self,
        pack: &mut dyn Read,
        seen: &mut dyn FnMut(&Packed),
    ) -> Result<(PackSummary, Staged), BackendError> {
        packs::stage_unpacked(self, pack, seen)
    }

    /// Those of the objects that have to be brought before refs of the agent may lead to them.
    ///
    /// # Errors
    /// When it cannot be looked.
    fn lacks(&self, agent: &Handle, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BackendError> {
        let _ = agent;
        // What is damaged is not there.
        let lacking = ids.iter().filter(|id| !matches!(self.object(id), Ok(Some(_))));
        Ok(lacking.copied().collect())
    }

    /// Of objects that are in the store, those that an operation on the agent has to bring all the same, and
    /// what was staged that others of them are in. Nothing where objects are every agent's.
    ///
    /// # Errors
    /// When it cannot be looked.
    fn relied(&self, agent: &Handle, ids: &[ObjectId]) -> Result<(Vec<ObjectId>, Staged), BackendError> {
        Ok((self.lacks(agent, ids)?, Staged::default()))
    }

    /// Says that objects of these agents, and what was staged, are about to be read: what is far away is
    /// brought near, all of it at once. Nothing depends on it.
    fn near(&self, agents: &[Handle], staged: &Staged) {
        let _ = (agents, staged);
    }

    /// The same for logs of agents, its own and those of other stores, each from the end that is kept.
    fn near_lines(&self, asks: &[(&Handle, &[ChainHead])]) {
        let _ = asks;
    }

    /// Asks whether what this store lies on keeps the promises without which operations would be lost.
    ///
    /// # Errors
    /// The promise that it breaks; when it cannot be asked.
    fn probe(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Hands each object that is kept to `found`, and how; one that is kept twice comes twice, loose first.
    /// Nothing comes from a backend where there is nothing to put into packs.
    ///
    /// # Errors
    /// When their names cannot be read.
    fn stored(&self, found: &mut dyn FnMut(ObjectId, StoredAs)) -> Result<(), BackendError> {
        let _ = found;
        Ok(())
    }

    /// The packs that are kept as they are.
    ///
    /// # Errors
    /// When their names cannot be read.
    fn packs(&self) -> Result<Vec<KeptPack>, BackendError> {
        Ok(Vec::new())
    }

    /// Up to `len` bytes of such a pack from `offset`; nothing when it is not here (any more).
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_pack(&self, id: &PackId, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        let _ = (id, offset, len);
        Ok(Vec::new())
    }

    /// Puts objects into one pack, in an order and with hints of what each resembles, and then removes
    /// what holds nothing besides. Others may read and write all the while.
    ///
    /// # Errors
    /// When an object cannot be read or the pack cannot be written; nothing was removed then.
    fn repack(&self, order: &mut dyn Iterator<Item = Step>) -> Result<Repacked, BackendError> {
        let _ = order;
        Ok(Repacked::default())
    }

    /// Makes one operation happen, atomically and durably, or not at all.
    ///
    /// # Errors
    /// When nothing was done, with the cause; `Unapplied` when the operation is durable and the
    /// files will show it at the agent's next use.
    fn commit(&self, transaction: &Transaction) -> Result<Outcome, BackendError>;

    /// Makes operations of different agents happen, each atomic by itself, all durable on return;
    /// objects staged before count as theirs. Costs far fewer flushes than as many `commit`s.
    ///
    /// # Errors
    /// As `commit`; of the transactions given some may have been done.
    fn commit_many(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError>;

    /// Makes every file of the store durable and empties the journals.
    ///
    /// # Errors
    /// When a flush fails.
    fn checkpoint(&self) -> Result<(), BackendError>;

    /// Examines what only this backend knows of (files, journals, stored objects) and hands each
    /// fault to `found`. Takes no longer than reading everything once.
    ///
    /// # Errors
    /// When the examination itself cannot go on.
    fn audit(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError>;
}
