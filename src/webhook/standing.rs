//! How telling a webhook goes: whether it fails, since when and with what, and how many events wait.

use crate::backend::{Backend, BackendError};
use crate::clock::Time;
use crate::history::{End, records};

use super::Hook;
use super::cursors::Cursors;
use super::event::events;

/// How telling a webhook goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when something that waits could not be told; `None` when nothing that waits was tried in vain.
    pub failing_since: Option<Time>,
    /// When it was tried the last time, while it fails.
    pub failed_at: Option<Time>,
    /// With what that failed.
    pub failed_with: Option<String>,
    /// How many events it was not told of yet.
    pub waiting: u64,
}

impl Standing {
    /// How a webhook that was told as far as `cursors` stands, where logs end so.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(super) fn of(
        backend: &dyn Backend,
        hook: &Hook,
        cursors: &Cursors,
        ends: &[End],
    ) -> Result<Self, BackendError> {
        let told = |agent| cursors.told.get(&agent).copied().unwrap_or(0);
        let waits = |end: &&End| told(end.head.agent) < end.head.log_bytes && hook.hears(&end.handle);
        let waiting: Vec<&End> = ends.iter().filter(waits).collect();
        let since = |end: &&End| cursors.failing.get(&end.head.agent).copied();
        let mut standing = Self { failing_since: waiting.iter().filter_map(since).min(), ..Self::default() };
        if let Some(failure) = cursors.failure.as_ref().filter(|_| standing.failing_since.is_some()) {
            (standing.failed_at, standing.failed_with) = (failure.at(), Some(failure.reason().to_owned()));
        }
        for end in waiting {
            let agent = end.head.agent;
            records(backend, &end.handle, (told(agent), end.head.log_bytes), &mut |operation, record, _| {
                // Its handle may have become another agent's.
                let is_of_agent = record.agent.unwrap_or(operation) == agent;
                if is_of_agent {
                    let wanted = events(record).into_iter().filter(|event| hook.events.contains(&event.kind));
                    standing.waiting += wanted.count() as u64;
                }
                is_of_agent
            })?;
        }
        Ok(standing)
    }
}
