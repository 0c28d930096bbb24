//! An id of its own for a store whose directory was copied. What was logged under the old id becomes a chain
//! that is kept, like that of any other store; the store's own log of each agent begins anew, with a record
//! that states all refs, as a clone's does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::agent::Agents;
use crate::backend::{Backend, BackendError, ChainPart, Head, pages};
use crate::history::{LogLines, Order};
use crate::log::{RefTable, StoreId};
use crate::object::Author;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Repo, RepoError};

use super::super::SyncError;
use super::view::{Relation, View};

/// How often it is begun anew when others write meanwhile.
const TRIES_MAX: u32 = 5;
/// How many agents are listed at once.
const PAGE: usize = 256;
/// The kind of operation that states the refs.
const KIND: &str = "new-id";

/// What became of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewId {
    /// The id that it had.
    pub before: StoreId,
    /// The id that it has.
    pub after: StoreId,
    /// Its agents.
    pub agents: Vec<Handle>,
}

/// Gives a store another id. Agents, commits, drafts, numbers and settings stay; the old store or the new
/// one is there, whole, whenever this is cut off. Nobody else may use the store meanwhile.
///
/// # Errors
/// `InUse` when somebody writes; `NewIdRuns` when another process is at it; when the store is damaged or cannot be written. It is then as it was.
pub fn new_id(
    repo: &Arc<Repo>,
    actor: &Author,
    via: &str,
    each: &mut dyn FnMut(&Handle),
) -> Result<NewId, SyncError> {
    let held = repo.lock_succession()?;
    let held = held.ok_or_else(|| BackendError::NotAStore(repo.root().to_path_buf()))?;
    repo.finish_succession(&held)?;
    let before = repo.backend().store_id();
    let old = Agents::new(Arc::clone(repo), actor.clone(), via);
    let mut busy = None;
    for _ in 0..TRIES_MAX {
        // Completes what dead writers left, so that nothing has to be completed under the locks.
        repo.backend().checkpoint()?;
        let looks = repo.looks()?;
        let successor = Arc::new(repo.begin_successor(&held)?);
        let new = Agents::new(Arc::clone(&successor), actor.clone(), via);
        let handles = all(repo.backend())?;
        let mut restated = Vec::with_capacity(handles.len());
        for handle in &handles {
            each(handle);
            restate(&old, &new, handle)?;
            let head = successor.backend().head(handle)?;
            restated.push((handle.clone(), head.ok_or_else(|| BackendError::NoSuchAgent(handle.clone()))?));
        }
        if repo.succeed(&looks, &successor, &restated, &held)? {
            let after = successor.backend().store_id();
            return Ok(NewId { before, after, agents: handles });
        }
        busy = handles.into_iter().next();
    }
    repo.finish_succession(&held)?;
    let busy = busy.map(BackendError::InUse).map_or(SyncError::SameStore(before), SyncError::from);
    Err(busy)
}

fn all(backend: &dyn Backend) -> Result<Vec<Handle>, SyncError> {
    let all: Result<Vec<Vec<Handle>>, BackendError> = pages(backend, PAGE).collect();
    Ok(all?.concat())
}

/// Makes an agent in the new store that is as it is in the old one.
fn restate(old: &Agents, new: &Agents, handle: &Handle) -> Result<(), SyncError> {
    let backend = old.repo().backend();
    let head = backend.head(handle)?.ok_or_else(|| BackendError::NoSuchAgent(handle.clone()))?;
    let table = replayed(backend, handle)?;
    let agreed = agreed(old, handle, &table)?;
    let chains = chains(backend, handle, head)?;
    new.run::<(), SyncError>(handle, KIND, "", |operation| {
        operation.adopt(head.agent);
        operation.cite(head.record.digest());
        for part in &chains {
            operation.keep_chain(part.clone());
        }
        for (name, entries) in &table.lists {
            for entry in entries {
                operation.write(name.clone(), Some(Target::Id(entry.id)), Vec::new())?;
            }
        }
        for (name, state) in table.refs.iter().filter(|(name, _)| !agreed.contains_key(name)) {
            operation.write(name.clone(), state.target.clone(), Vec::new())?;
        }
        for (name, target) in &agreed {
            operation.write(name.clone(), Some(target.clone()), Vec::new())?;
        }
        Ok(())
    })?;
    if agreed.is_empty() {
        return Ok(());
    }
    new.run::<(), SyncError>(handle, KIND, "", |operation| {
        for name in agreed.keys() {
            let target = table.refs.get(name).and_then(|state| state.target.clone());
            if operation.current(name)? != target {
                operation.write(name.clone(), target, Vec::new())?;
            }
        }
        // What runtimes read names the agent as its metadata did before.
        let active = operation.current(&RefName::active())?;
        operation.write(RefName::active(), active, Vec::new())?;
        Ok(())
    })?;
    Ok(())
}

fn replayed(backend: &dyn Backend, handle: &Handle) -> Result<RefTable, SyncError> {
    let mut table = RefTable::default();
    let lines = LogLines::new(backend, handle, Order::OldestFirst).map_err(RepoError::from)?;
    for line in lines.into_iter().flatten() {
        let (id, record) = line.map_err(RepoError::from)?;
        table
            .apply(id, &record)
            .map_err(|error| SyncError::Malformed { agent: handle.clone(), reason: error.to_string() })?;
    }
    Ok(table)
}

/// Where refs that moved since, here or at a remote, were when both had them at the same place: the new log
/// has to say so before it says where they are, since who moved them is read from it.
fn agreed(old: &Agents, handle: &Handle, table: &RefTable) -> Result<BTreeMap<RefName, Target>, SyncError> {
    let names = table.refs.keys().chain(table.lists.keys());
    let remotes: BTreeSet<Handle> = names.filter_map(|name| Some(name.as_remote()?.0)).collect();
    let mut agreed: BTreeMap<RefName, Target> = BTreeMap::new();
    for remote in remotes {
        let view = View::of(old, Some(handle), &remote, None)?;
        for name in view.names() {
            let (Some(target), Some(there)) = (view.agreed(&name), name.at_remote(&remote)) else { continue };
            // What two remotes agreed on at different places can be said of one of them only.
            if view.relation(&name) != Relation::Same && agreed.get(&name).is_none_or(|told| told == target) {
                agreed.insert(there, target.clone());
                agreed.insert(name, target.clone());
            }
        }
    }
    Ok(agreed)
}

/// All logs of an agent, as the new store keeps them.
fn chains(backend: &dyn Backend, handle: &Handle, head: Head) -> Result<Vec<ChainPart>, SyncError> {
    let length = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let lines = backend.read_log(handle, 0, length(head.log_bytes))?;
    let mut parts = vec![ChainPart { store: backend.store_id(), offset: 0, lines }];
    for chain in backend.chains(handle)? {
        let lines = backend.read_chain(handle, chain.store, 0, length(chain.bytes))?;
        parts.push(ChainPart { store: chain.store, offset: 0, lines });
    }
    Ok(parts)
}
