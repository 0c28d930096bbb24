//! Operations on many agents at once: each is atomic by itself, and all are made durable together, which
//! costs far fewer flushes than one after the other.

use crate::backend::{Derived, Outcome, Transaction};
use crate::log::RecordId;
use crate::refs::Handle;

use super::{Intent, Operation, Receipt, Repo, RepoError};

/// What was put together for one agent.
enum Prepared<T, E> {
    /// Nothing is left to do: it was idle, or refused.
    Settled(Result<(T, Receipt), E>),
    /// Its transaction stands at this place of those that are committed.
    Waits(T, Receipt, usize),
}

impl Repo {
    /// Makes one operation on each of several agents happen, as [`Repo::operate`] does. What is refused for
    /// one stops none of the others.
    ///
    /// # Errors
    /// For each agent by itself, as [`Repo::operate`].
    pub fn operate_many<T, E: From<RepoError>>(
        &self,
        agents: &[Handle],
        intent: &Intent<'_>,
        mut build: impl FnMut(usize, &mut Operation<'_>) -> Result<T, E>,
        mut derive: impl FnMut(&mut Operation<'_>, RecordId) -> Result<Vec<Derived>, E>,
    ) -> Vec<Result<(T, Receipt), E>> {
        let mut transactions: Vec<Transaction> = Vec::new();
        let mut prepared = Vec::with_capacity(agents.len());
        for (at, agent) in agents.iter().enumerate() {
            if agents.len() == 1 {
                return vec![self.operate(agent, intent, |operation| build(0, operation), derive)];
            }
            let one = self.prepare(agent, intent, &mut |operation| build(at, operation), &mut derive);
            prepared.push(match one {
                Err(error) => Prepared::Settled(Err(error)),
                Ok((value, receipt, None)) => Prepared::Settled(Ok((value, receipt))),
                Ok((value, receipt, Some(transaction))) => {
                    transactions.push(transaction);
                    Prepared::Waits(value, receipt, transactions.len() - 1)
                }
            });
        }
        // `None`: they failed together, although some may have happened.
        let outcomes = if transactions.is_empty() {
            None
        } else {
            let done = self.backend.commit_many(&transactions);
            done.map_err(|error| self.note_if_unapplied(error)).ok()
        };
        let mut settle = |(at, one): (usize, Prepared<T, E>)| match one {
            Prepared::Settled(result) => result,
            Prepared::Waits(value, receipt, place) => {
                match outcomes.as_ref().map(|outcomes| &outcomes[place]) {
                    Some(Outcome::Committed) => Ok((value, receipt)),
                    // The answer was lost: the log tells whether it happened, and nothing is done twice.
                    Some(Outcome::Unknown) => {
                        self.settle(&Outcome::Unknown, &receipt).map(|()| (value, receipt)).map_err(E::from)
                    }
                    None if self.settle(&Outcome::Unknown, &receipt).is_ok() => Ok((value, receipt)),
                    // By itself it is tried again, or tells why it cannot be.
                    Some(Outcome::Moved(_)) | None => {
                        self.operate(&agents[at], intent, |operation| build(at, operation), &mut derive)
                    }
                }
            }
        };
        prepared.into_iter().enumerate().map(&mut settle).collect()
    }
}
