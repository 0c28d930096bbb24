//! Which store gives the numbers of an agent: the remote that it has them from, until this store takes over.

use crate::agent::{Agents, Number};
use crate::refs::{Handle, RefName, Target};

use super::super::SyncError;
use super::super::news::handles_by_id;
use super::view::View;
use super::{Renumbered, Synced};

/// An agent, and what became of its numbers.
pub type Taken = (Handle, Result<Synced, SyncError>);

/// Lets this store give the numbers of the agents that have them from a remote: what was published here and
/// has none yet gets the next ones. For when that store is lost; if it is not, and goes on, one number will
/// be two versions.
///
/// # Errors
/// When the agents cannot be listed; of each agent by itself what this store refuses.
pub fn take_over(agents: &Agents, remote: &Handle) -> Result<Vec<Taken>, SyncError> {
    let mut handles: Vec<Handle> = handles_by_id(agents.repo().backend())?.into_values().collect();
    handles.sort();
    let mut mine = Vec::new();
    for handle in handles {
        let upstream = agents.repo().backend().read_ref(&handle, &RefName::upstream())?;
        let list = RefName::versions().at_remote(remote).map(Target::Ref);
        if upstream.is_some_and(|upstream| upstream.target == list) {
            mine.push(handle);
        }
    }
    let done = agents.run_many::<Synced, SyncError>(&mine, "take-over", |at, operation| {
        let view = View::of(agents, Some(&mine[at]), remote, Some(None))?;
        let (standing, waiting) = (view.versions().len(), view.provisional());
        let mut synced = Synced::default();
        for (at, id) in waiting.iter().enumerate() {
            operation.write(RefName::versions(), Some(Target::Id(*id)), Vec::new())?;
            let number = |provisional| Number { position: (standing + at) as u64 + 1, provisional };
            synced.renumbered.push(Renumbered { id: *id, before: number(true), after: number(false) });
        }
        if let Some(last) = waiting.last() {
            operation.write(RefName::pushed(), Some(Target::Id(*last)), Vec::new())?;
        }
        operation.write(RefName::upstream(), None, Vec::new())?;
        Ok(synced)
    });
    let told = done.into_iter().map(|done| {
        done.map(|(synced, receipt)| Synced {
            operation: receipt.operation,
            changes: receipt.changes,
            ..synced
        })
    });
    Ok(mine.iter().cloned().zip(told).collect())
}
