//! Commits. An answer that was lost is not guessed at: the log says whether the operation happened; while it
//! says no, the same operation is sent again, of which the store takes one only, since each names the record
//! that it follows.

use std::time::{Duration, Instant};

use crate::backend::{BackendError, FarError, Moved, Outcome, Transaction};
use crate::history::{LogLines, Order};
use crate::log::RecordId;
use crate::sync::http::client::Lost;
use crate::sync::wire::store::StateShape;
use crate::sync::wire::{self, CommitAnswer};

use super::HttpBackend;
use super::error::far;
use super::state::Found;

/// Pauses before it is looked what became of an operation whose answer was lost.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
/// Operations are sent in one request up to about so many bytes of objects and lines.
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// Operations that are sent in one request.
const BATCH_OPERATIONS: usize = 4096;

/// What an operation takes to be sent, about, in bytes.
fn size_bytes(transaction: &Transaction) -> usize {
    let objects: usize = transaction.objects.iter().map(|object| object.payload.len()).sum();
    let lines: usize = transaction.chains.iter().map(|part| part.lines.len()).sum();
    objects + lines
}

impl HttpBackend {
    /// Sends operations in one request.
    fn send(
        &self,
        route: &str,
        body: Vec<u8>,
        count: usize,
    ) -> Result<(Vec<Outcome>, Option<StateShape>), Sent> {
        let answer = self.client.bring(route, body).map_err(|lost| match lost {
            Lost::Before(error) => Sent::Refused(far(error)),
            Lost::After(_) => Sent::Lost,
        })?;
        match answer.json::<CommitAnswer>() {
            Ok(CommitAnswer::Outcomes { outcomes, after }) if outcomes.len() == count => {
                Ok((outcomes.into_iter().map(Into::into).collect(), after.map(|after| *after)))
            }
            Ok(CommitAnswer::Failed(failure)) => Err(Sent::Refused(far(failure.into_error()))),
            Ok(CommitAnswer::Bad(reason)) => Err(Sent::Refused(BackendError::BadTransaction(reason))),
            Ok(CommitAnswer::Outcomes { .. }) | Err(_) => Err(Sent::Lost),
        }
    }

    fn body_of<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a Transaction>,
    ) -> Result<Vec<u8>, BackendError> {
        self.compressed(|sink| wire::write_operations(sink, transactions, self.sends_derived))
    }

    pub(super) fn commit_one(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        let lines = transaction.lines(self.who.store.0)?;
        let id = lines.last().map(|(id, _)| *id);
        let happened = || id.is_some_and(|id| self.holds(transaction, id).unwrap_or(false));
        let body = self.body_of([transaction])?;
        let mut pauses = PAUSES.into_iter();
        let mut lost = false;
        loop {
            let sent = self.send("commit", body.clone(), 1);
            self.expire();
            match sent {
                Ok((outcomes, after)) => {
                    let outcome = outcomes.into_iter().next().unwrap_or(Outcome::Unknown);
                    if outcome == Outcome::Committed {
                        self.learn(transaction, &lines, after);
                    } else if lost && happened() {
                        // It was sent before, and is in its own way.
                        return Ok(Outcome::Committed);
                    }
                    return Ok(outcome);
                }
                Err(Sent::Refused(error)) if !lost => return Err(error),
                Err(_) => lost = true,
            }
            let Some(pause) = pauses.next() else { return Ok(Outcome::Unknown) };
            std::thread::sleep(pause);
            if happened() {
                return Ok(Outcome::Committed);
            }
        }
    }

    /// Keeps what is known since an operation happened.
    fn learn(&self, transaction: &Transaction, lines: &[(RecordId, Vec<u8>)], after: Option<StateShape>) {
        self.keep_all(&transaction.objects);
        let handle = transaction.rename_to.as_ref().unwrap_or(&transaction.agent);
        if let Some(after) = after
            && let Ok(Some(Found::Agent(state))) = self.take_in(handle, None, after, Instant::now())
        {
            let bytes: Vec<u8> = lines.iter().flat_map(|(_, line)| line.iter().copied()).collect();
            // Only where these lines are the last, it is known where they stand.
            if lines.last().is_some_and(|(id, _)| *id == state.head.record) {
                self.append((state.head.agent, None), state.head.log_bytes, &bytes);
            }
        }
    }

    /// Whether the log has an operation.
    fn holds(&self, transaction: &Transaction, id: RecordId) -> Result<bool, BackendError> {
        self.expire();
        let before = transaction.records.first().and_then(|record| record.prev);
        for handle in transaction.rename_to.iter().chain([&transaction.agent]) {
            let lines = LogLines::new(self, handle, Order::NewestFirst);
            let lines = lines.map_err(|error| BackendError::from(FarError::new(error)))?;
            for line in lines.into_iter().flatten() {
                match line.map_err(|error| BackendError::from(FarError::new(error)))?.0 {
                    line if line == id => return Ok(true),
                    line if Some(line) == before => break,
                    _ => {}
                }
            }
        }
        Ok(false)
    }

    pub(super) fn commit_all(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        for transaction in transactions {
            transaction.lines(self.who.store.0)?;
        }
        let mut outcomes = Vec::with_capacity(transactions.len());
        let mut rest = transactions;
        while !rest.is_empty() {
            let mut batch_bytes = 0;
            let fits = |transaction: &&Transaction| {
                batch_bytes += size_bytes(transaction);
                batch_bytes <= BATCH_BYTES
            };
            let count = rest.iter().take(BATCH_OPERATIONS).take_while(fits).count().max(1);
            let (batch, others) = rest.split_at(count);
            let sent = self.send("commits", self.body_of(batch)?, count);
            self.expire();
            match sent {
                Ok((told, _)) => outcomes.extend(told),
                Err(Sent::Lost) => outcomes.extend(batch.iter().map(|_| Outcome::Unknown)),
                Err(Sent::Refused(error)) if outcomes.is_empty() => return Err(error),
                // Others happened before, and these can be tried one by one.
                Err(Sent::Refused(_)) => {
                    outcomes.extend(batch.iter().map(|_| Outcome::Moved(Moved::Head)));
                }
            }
            rest = others;
        }
        Ok(outcomes)
    }
}

/// Why there is no outcome.
enum Sent {
    /// It was not done.
    Refused(BackendError),
    /// It may have been done.
    Lost,
}
