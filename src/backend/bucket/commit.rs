//! One operation on an agent that is there: what it brings is written first, then its state is swapped.
//!
//! Why it is safe. The swap is the commit point: what it names was written before it, and nothing else makes
//! an operation happen. It names the write that the checks were made on, so two writers never both pass. No
//! two writes of a state have the same bytes, so a swap never lands on a state that only looks like the one
//! expected. An answer that was lost is looked for in the state, and after others wrote, in the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::backend::{BackendError, ChainHead, Moved, Outcome, Transaction, chain, transaction};
use crate::log::RecordId;
use crate::object::Object;

use super::BucketError;
use super::agents::{Age, Loaded, Replayed};
use super::grace;
use super::requests::Swapped;
use super::retry::{self, SWAPS_MAX};
use super::segments::{self, Traces};
use super::stage;
use super::state::{Chain, Document, Lines, PackRef, State};
use super::store::Store;

/// The records of a transaction as lines.
pub(super) type TransactionLines = [(RecordId, Vec<u8>)];

/// What an operation makes of an agent.
pub(super) struct Next {
    pub(super) state: State,
    pub(super) replayed: Arc<Replayed>,
    pub(super) traces: Traces,
    /// Keys to remove once the state is written.
    over: Vec<String>,
}

/// What came of one try.
#[derive(Debug)]
pub(super) enum Step {
    Done(Outcome),
    /// Something is not as expected in what was read, which may be old.
    Moved(Moved),
    /// The head is still the one expected, or what was read was too old.
    Again,
}

impl Store {
    /// Makes an operation happen on an agent that is there.
    pub(super) async fn commit(
        &self,
        transaction: &Transaction,
        lines: &TransactionLines,
    ) -> Result<Outcome, BackendError> {
        let start = self.tick();
        let mut packs: Option<Vec<PackRef>> = None;
        let mut fresh = false;
        for attempt in 0..SWAPS_MAX {
            let age = if fresh { Age::Since(start) } else { Age::Tried };
            let step = self.try_commit(transaction, lines, age, &mut packs).await?;
            match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Moved(moved) if fresh => return Ok(Outcome::Moved(moved)),
                Step::Moved(_) => fresh = true,
                Step::Again => {
                    fresh = true;
                    retry::back_off(self.contents.requests.world.as_ref(), attempt).await?;
                }
            }
        }
        Err(BucketError::Contended(transaction.agent.to_string()).into())
    }

    async fn try_commit(
        &self,
        transaction: &Transaction,
        lines: &TransactionLines,
        age: Age,
        packs: &mut Option<Vec<PackRef>>,
    ) -> Result<Step, BackendError> {
        let moved = |moved| Ok(Step::Moved(moved));
        let loaded = self.owner(&transaction.agent, age).await?;
        let Some(loaded) = loaded.filter(|found| found.state.handle == transaction.agent) else {
            return moved(Moved::Head);
        };
        let too_old = |error: &BackendError| {
            age == Age::Tried && matches!(error, BackendError::Bucket(BucketError::Missing(_)))
        };
        let replayed = match self.agents.replayed(&self.contents, &loaded).await {
            Err(error) if too_old(&error) => {
                self.agents.doubt(loaded.state.agent);
                return Ok(Step::Again);
            }
            other => other?,
        };
        if let Some(found) = check(&loaded, &replayed, transaction)? {
            self.agents.doubt(loaded.state.agent);
            return moved(found);
        }
        if let Some(to) = &transaction.rename_to
            && let Some(taken) = self.claim(&loaded, to).await?
        {
            return moved(taken);
        }
        let packs = match packs {
            Some(packs) => packs,
            None => packs.insert(self.bring(transaction, &loaded.state.packs).await?),
        };
        let next = match self.next(&loaded, &replayed, transaction, lines, packs).await {
            // What was tried first may be so old that a piece is gone.
            Err(error) if too_old(&error) => {
                self.agents.doubt(loaded.state.agent);
                return Ok(Step::Again);
            }
            other => other?,
        };
        self.swap(&loaded, next, lines).await
    }

    /// Swaps the state of an agent for the next one.
    pub(super) async fn swap(
        &self,
        before: &Loaded,
        next: Next,
        lines: &TransactionLines,
    ) -> Result<Step, BackendError> {
        let Next { state, replayed, traces, over } = next;
        let (key, path, at_us) = (state.agent, state.agent.path(), self.tick());
        let is_ours = |bytes: &[u8]| state.is_write(&path, bytes);
        let swapped =
            self.contents.requests.swap(&path, Some(&before.version), state.encode(), is_ours).await;
        let found = match swapped {
            Swapped::Landed(version) => {
                let renamed = state.handle != before.state.handle;
                self.agents.keep(&Arc::new(Loaded { state, version }), at_us);
                self.agents.keep_replayed(key, replayed);
                self.losses.store(0, Ordering::Relaxed);
                self.contents.discard(over).await;
                if renamed {
                    // The rename has happened; whoever writes the names next makes up for what fails here.
                    let _ = self.finish_claims().await;
                }
                return Ok(Step::Done(Outcome::Committed));
            }
            Swapped::Moved(Some(found)) => found,
            Swapped::Moved(None) => return Err(BucketError::Missing(path).into()),
            Swapped::Unknown(_) => {
                self.agents.doubt(key);
                return Ok(Step::Done(Outcome::Unknown));
            }
        };
        // Everything was written; only whether it was overtaken after it landed has to be found out.
        let Ok(now) = self.agents.take_in(key, &found, at_us) else {
            return Ok(Step::Done(Outcome::Unknown));
        };
        let (_, line) = lines.first().expect("a transaction has a record");
        let there = now.state.log.read(&self.contents, before.state.log.bytes(), line.len()).await;
        let Ok(there) = there else { return Ok(Step::Done(Outcome::Unknown)) };
        if there == *line {
            return Ok(Step::Done(Outcome::Committed));
        }
        if now.state.counter == before.state.counter + 1 {
            self.contents.discard(traces.written).await;
        }
        if now.state.record == before.state.record {
            return Ok(Step::Again);
        }
        // Others are writing this agent: let the next who reads it ask, and not all at once.
        let losses = self.losses.fetch_add(1, Ordering::Relaxed);
        retry::back_off(self.contents.requests.world.as_ref(), losses.min(5)).await?;
        self.agents.doubt(key);
        Ok(Step::Done(Outcome::Moved(Moved::Head)))
    }

    /// Writes what an operation brings that the agent lacks; the packs that it relies on.
    pub(super) async fn bring(
        &self,
        transaction: &Transaction,
        has: &[PackRef],
    ) -> Result<Vec<PackRef>, BackendError> {
        let mut packs = Vec::new();
        for id in transaction.staged.iter().flat_map(|staged| &staged.packs) {
            packs.push(self.staged_pack(id).await?);
        }
        let there = |object: &Object| {
            let id = object.id();
            self.contents.holds(has, &id) || self.contents.holds(&packs, &id)
        };
        let new: Vec<&Object> = transaction.objects.iter().filter(|object| !there(object)).collect();
        for portion in stage::portions(&new) {
            packs.push(self.contents.put_objects(portion.iter().map(|object| (*object, None))).await?);
        }
        Ok(packs)
    }

    /// What an operation makes of an agent; writes the pieces that takes.
    pub(super) async fn next(
        &self,
        before: &Loaded,
        replayed: &Replayed,
        transaction: &Transaction,
        lines: &TransactionLines,
        packs: &[PackRef],
    ) -> Result<Next, BackendError> {
        let contents = &self.contents;
        let (mut state, mut table) = (before.state.clone(), replayed.table.clone());
        let (mut traces, mut text) = (Traces::default(), Vec::new());
        for (record, (id, line)) in transaction.records.iter().zip(lines) {
            let applied = table.apply(*id, record);
            applied.map_err(|error| BackendError::BadTransaction(error.to_string()))?;
            text.extend_from_slice(line);
            (state.record, state.time) = (*id, record.time);
        }
        let heads = extended(&state, contents.store, transaction)?;
        state.log.append(&text, contents, &mut traces).await?;
        for (part, head) in transaction.chains.iter().zip(heads) {
            let at = match state.chains.binary_search_by_key(&part.store, |chain| chain.store) {
                Ok(at) => at,
                Err(at) => {
                    let new = Chain { store: part.store, record: head.record, lines: Lines::default() };
                    state.chains.insert(at, new);
                    at
                }
            };
            let chain = &mut state.chains[at];
            chain.record = head.record;
            chain.lines.append(&part.lines, contents, &mut traces).await?;
        }
        for derived in &transaction.derived {
            let old = state.derived.iter().position(|document| document.name == derived.name);
            traces.replaced.extend(old.map(|at| state.derived.remove(at).blob.path()));
            if let Some(content) = &derived.content {
                let blob = contents.put_blob(content).await?;
                traces.written.push(blob.path());
                state.derived.push(Document { name: derived.name.clone(), blob });
            }
        }
        for pack in packs {
            state.packs = segments::with_pack(state.packs, pack.clone(), contents, &mut traces).await?;
        }
        if let Some(to) = &transaction.rename_to {
            state.handle = to.clone();
        }
        let replaced = std::mem::take(&mut traces.replaced);
        let over = grace::note(&mut state.replaced, replaced, self.now(), contents).await?;
        (state.counter, state.nonce) = (state.counter + 1, contents.nonce()?);
        let replayed = Arc::new(Replayed::of(&state, table));
        Ok(Next { state, replayed, traces, over })
    }
}

/// The ends of the chains that a transaction extends, every line of it verified.
fn extended(
    state: &State,
    own: crate::log::StoreId,
    transaction: &Transaction,
) -> Result<Vec<ChainHead>, BackendError> {
    let heads = transaction.chains.iter().map(|part| {
        let before = state.chains.iter().find(|chain| chain.store == part.store).map(Chain::head);
        chain::extended(part, own, state.agent.agent, before)
    });
    heads.collect()
}

/// What is not as the transaction expects.
fn check(
    loaded: &Loaded,
    replayed: &Replayed,
    transaction: &Transaction,
) -> Result<Option<Moved>, BackendError> {
    if transaction.records.first().and_then(|record| record.prev) != Some(loaded.state.record) {
        return Ok(Some(Moved::Head));
    }
    if !transaction.is_for(loaded.state.agent.agent) {
        return Err(BackendError::BadTransaction("its record belongs to another agent".to_owned()));
    }
    transaction::first_moved(transaction, |name| Ok(replayed.target(name)))
}
