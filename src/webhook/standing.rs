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
    /// Since when something could not be told; `None` when what was tried last was taken.
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
        let failure = cursors.failure.as_ref();
        let mut standing = Self {
            failing_since: cursors.failing.values().min().copied(),
            failed_at: failure.and_then(super::cursors::Failure::at),
            failed_with: failure.map(|failure| failure.reason().to_owned()),
            waiting: 0,
        };
        for end in ends.iter().filter(|end| hook.hears(&end.handle)) {
            let agent = end.head.agent;
            let told = cursors.told.get(&agent).copied().unwrap_or(0);
            records(backend, &end.handle, (told, end.head.log_bytes), &mut |operation, record, _| {
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
