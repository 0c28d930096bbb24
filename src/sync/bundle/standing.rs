//! A bundle beside a store: what of each agent is there already, and what is not that must be.

use crate::backend::{Backend, ChainHead};
use crate::log::StoreId;
use crate::refs::Handle;
use crate::repo::Repo;

use super::super::SyncError;
use super::super::news::{handles_by_id, record_at};
use super::manifest::{BundledAgent, Manifest, Mark};
use super::{Missing, Needs};

/// What a store has of an agent of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The bundle can be used, and is new.
    Ready,
    /// All that it has is there, and the log up to here.
    Past(ChainHead),
    /// Something must be brought before.
    Missing(Needs),
    /// What is there is not the log that the bundle has, although it has its name.
    Other,
}

/// What a store has of each agent of a bundle, in the bundle's order.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn look(backend: &dyn Backend, manifest: &Manifest) -> Result<Vec<Standing>, SyncError> {
    let here = handles_by_id(backend)?;
    let one = |agent: &BundledAgent| standing(backend, here.get(&agent.id), manifest.store, agent);
    manifest.agents.iter().map(one).collect()
}

/// What nobody has who has nothing.
pub(super) fn of_nothing(manifest: &Manifest) -> Vec<Standing> {
    let one = |agent: &BundledAgent| agent.needs().map_or(Standing::Ready, Standing::Missing);
    manifest.agents.iter().map(one).collect()
}

/// What is missing of the agents that are asked for.
pub(super) fn missing(manifest: &Manifest, standings: &[Standing]) -> Vec<Missing> {
    let agents = manifest.agents.iter().zip(standings);
    let one = |(agent, standing): (&BundledAgent, &Standing)| match standing {
        Standing::Missing(needs) => Some(Missing { agent: agent.handle.clone(), needs: *needs }),
        _ => None,
    };
    agents.filter_map(one).collect()
}

fn standing(
    backend: &dyn Backend,
    local: Option<&Handle>,
    store: StoreId,
    agent: &BundledAgent,
) -> Result<Standing, SyncError> {
    let kept = match local {
        Some(handle) => log_of(backend, handle, store)?,
        None => None,
    };
    let (Some(handle), Some(kept)) = (local, kept) else {
        return Ok(agent.needs().map_or(Standing::Ready, Standing::Missing));
    };
    let is_at =
        |mark: Mark| Ok::<_, SyncError>(record_at(backend, handle, store, mark.bytes)? == Some(mark.record));
    let (since, end) = (agent.own().since, agent.own().end);
    if kept.bytes >= end.bytes {
        return Ok(if is_at(end)? { Standing::Past(kept) } else { Standing::Other });
    }
    match (since, agent.needs()) {
        (Some(since), Some(needs)) if since.bytes > kept.bytes => Ok(Standing::Missing(needs)),
        (Some(since), _) if !is_at(since)? => Ok(Standing::Other),
        _ => Ok(Standing::Ready),
    }
}

/// The end of a store's log of an agent, as it is here.
fn log_of(backend: &dyn Backend, handle: &Handle, store: StoreId) -> Result<Option<ChainHead>, SyncError> {
    if store == backend.store_id() {
        let head = backend.head(handle)?;
        return Ok(head.map(|head| ChainHead { store, record: head.record, bytes: head.log_bytes }));
    }
    Ok(backend.chains(handle)?.into_iter().find(|head| head.store == store))
}

/// The agents of a store, by their handles there, of which it keeps the log of the bundle's store.
///
/// # Errors
/// When the store cannot be read.
pub fn known_in(repo: &Repo, manifest: &Manifest) -> Result<Vec<Handle>, SyncError> {
    let backend = repo.backend();
    let here = handles_by_id(backend)?;
    let mut known = Vec::new();
    for handle in manifest.agents.iter().filter_map(|agent| here.get(&agent.id)) {
        if log_of(backend, handle, manifest.store)?.is_some() {
            known.push(handle.clone());
        }
    }
    Ok(known)
}
