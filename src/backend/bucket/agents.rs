//! Agents as they were last read: their states, and what their logs add up to, replayed when it is asked for.

use std::sync::Arc;

use crate::backend::{BackendError, Head};
use crate::cache::Usage;
use crate::clock::Time;
use crate::log::{RecordId, RefTable, Verifier};
use crate::refs::{RefName, Shape, Target};

use super::cache::Recent;
use super::contents::Contents;
use super::layout::AgentKey;
use super::requests::{Found, Look, Version};
use super::state::State;

/// Log lines whose agents are kept replayed, in bytes.
const REPLAYED_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// States that are kept, in bytes.
const STATES_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// What an agent counts for besides its log, in bytes.
const AGENT_BYTES: u64 = 4 * 1024;
/// How old a state may be from which a swap is tried: far less than what it names is kept for.
const TRIED_MAX_AGE_US: u64 = 10 * 60 * 1_000_000;

/// How old what is read may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// As old as a reader takes it.
    Read,
    /// What a writer tries first.
    Tried,
    /// Asked for after this tick.
    Since(u64),
}

/// An agent as it was at one write of its state.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) version: Version,
}

impl Loaded {
    /// An agent before its first operation; there is no version of it yet.
    pub(super) fn before_first(state: State) -> Self {
        Self { state, version: Version::none() }
    }

    pub(super) fn head(&self) -> Head {
        self.state.head()
    }
}

/// What an agent's log adds up to, up to a record.
#[derive(Debug, Clone)]
pub(super) struct Replayed {
    pub(super) record: RecordId,
    pub(super) time: Time,
    pub(super) log_bytes: u64,
    pub(super) table: RefTable,
}

impl Replayed {
    /// What that of a state is, given the refs.
    pub(super) fn of(state: &State, table: RefTable) -> Self {
        Self { record: state.record, time: state.time, log_bytes: state.log.bytes(), table }
    }

    /// What a ref points to; for a list, its last entry.
    pub(super) fn target(&self, name: &RefName) -> Option<Target> {
        match name.shape() {
            Shape::List => self.table.lists.get(name)?.last().map(|entry| Target::Id(entry.id)),
            Shape::Single | Shape::Attribute => self.table.refs.get(name)?.target.clone(),
        }
    }
}

/// An agent, and the tick at which it was last asked for.
#[derive(Debug, Clone)]
struct Asked {
    loaded: Arc<Loaded>,
    at_us: u64,
}

/// Agents as they were last read.
#[derive(Debug)]
pub(super) struct Agents {
    asked: Recent<AgentKey, Asked>,
    replayed: Recent<AgentKey, Arc<Replayed>>,
    max_age_us: u64,
}

impl Agents {
    pub(super) fn new(max_age_us: u64) -> Self {
        let replayed = Recent::new(REPLAYED_MAX_BYTES);
        Self { asked: Recent::new(STATES_MAX_BYTES), replayed, max_age_us }
    }

    /// What is kept in memory.
    pub(super) fn usage(&self) -> [Usage; 2] {
        [self.asked.usage("states"), self.replayed.usage("logs")]
    }

    /// The tick after which something has to have been asked for; `None` when it has to be asked for now.
    pub(super) fn limit_us(&self, age: Age, now_us: u64) -> Option<u64> {
        match age {
            Age::Read if self.max_age_us == 0 => None,
            Age::Read => Some(now_us.saturating_sub(self.max_age_us)),
            Age::Tried => Some(now_us.saturating_sub(TRIED_MAX_AGE_US)),
            Age::Since(tick_us) => Some(tick_us),
        }
    }

    /// All agents that are kept.
    pub(super) fn kept(&self) -> Vec<Arc<Loaded>> {
        self.asked.newest_first().into_iter().map(|asked| asked.loaded).collect()
    }

    /// Lets the next read ask for an agent that is known to be written by others.
    pub(super) fn doubt(&self, key: AgentKey) {
        self.asked.change(&key, |asked| asked.at_us = 0);
    }

    /// Keeps an agent, unless a later state of it is.
    pub(super) fn keep(&self, loaded: &Arc<Loaded>, at_us: u64) {
        let state = &loaded.state;
        let chains = state.chains.iter().map(|chain| chain.lines.tail.len()).sum::<usize>();
        let bytes = (state.log.tail.len() + chains) as u64 + AGENT_BYTES;
        let counter = loaded.state.counter;
        let asked = Asked { loaded: Arc::clone(loaded), at_us };
        let better = |old: &Asked| (old.loaded.state.counter, old.at_us) <= (counter, at_us);
        self.asked.put_if(&loaded.state.agent, asked, bytes, better);
    }

    /// An agent; `None` when it has no state.
    pub(super) async fn load(
        &self,
        contents: &Contents,
        key: AgentKey,
        age: Age,
    ) -> Result<Option<Arc<Loaded>>, BackendError> {
        let now_us = contents.requests.world.ticks_us();
        let kept = self.asked.get(&key);
        let limit_us = self.limit_us(age, now_us);
        if let Some(kept) = &kept
            && limit_us.is_some_and(|limit_us| kept.at_us > limit_us)
        {
            return Ok(Some(Arc::clone(&kept.loaded)));
        }
        let kept = kept.map(|kept| kept.loaded);
        let known = kept.as_ref().map(|kept| &kept.version);
        match (contents.requests.get(&key.path(), known).await?, kept) {
            (Look::Found(found), _) => self.take_in(key, &found, now_us).map(Some),
            (Look::Same, Some(kept)) => {
                self.keep(&kept, now_us);
                Ok(Some(kept))
            }
            (Look::Absent | Look::Same, _) => {
                self.asked.remove(&key);
                Ok(None)
            }
        }
    }

    /// An agent from a state that was just read.
    pub(super) fn take_in(
        &self,
        key: AgentKey,
        found: &Found,
        at_us: u64,
    ) -> Result<Arc<Loaded>, BackendError> {
        let state = State::decode(&key.path(), &found.bytes)?;
        let loaded = Arc::new(Loaded { state, version: found.version.clone() });
        self.keep(&loaded, at_us);
        Ok(loaded)
    }

    /// Keeps what an agent's log adds up to.
    pub(super) fn keep_replayed(&self, key: AgentKey, replayed: Arc<Replayed>) {
        let bytes = replayed.log_bytes * 2 + AGENT_BYTES;
        self.replayed.put(&key, replayed, bytes);
    }

    /// What the log of an agent adds up to, carrying on from what was replayed before.
    pub(super) async fn replayed(
        &self,
        contents: &Contents,
        loaded: &Loaded,
    ) -> Result<Arc<Replayed>, BackendError> {
        let (state, key) = (&loaded.state, loaded.state.agent);
        let before = self.replayed.get(&key);
        let log_bytes = state.log.bytes();
        if let Some(before) = &before
            && (before.record, before.log_bytes) == (state.record, log_bytes)
        {
            return Ok(Arc::clone(before));
        }
        let table = match before.filter(|before| before.log_bytes <= log_bytes) {
            Some(before) => match replay(contents, state, Some(&before)).await {
                // What is kept may be of a time that the bucket was set back from.
                Err(BackendError::Corrupt { .. }) => replay(contents, state, None).await?,
                other => other?,
            },
            None => replay(contents, state, None).await?,
        };
        let replayed = Arc::new(Replayed::of(state, table));
        self.keep_replayed(key, Arc::clone(&replayed));
        Ok(replayed)
    }
}

/// What the log of a state adds up to, carrying on from what was replayed before.
async fn replay(
    contents: &Contents,
    state: &State,
    before: Option<&Replayed>,
) -> Result<RefTable, BackendError> {
    let corrupt = |reason: String| BackendError::corrupt(state.agent.path(), reason);
    let store = contents.store;
    let (mut verifier, mut table, offset) = match before {
        Some(before) => {
            let verifier = Verifier::resume(store, state.agent.agent, before.record, 0);
            (verifier, before.table.clone(), before.log_bytes)
        }
        None => (Verifier::new(store), RefTable::default(), 0),
    };
    let lines = state.log.read(contents, offset, usize::MAX / 2).await?;
    let mut time = before.map(|before| before.time);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let body = line.strip_suffix(b"\n").ok_or_else(|| corrupt("its log is cut off".to_owned()))?;
        let (id, record) = verifier.next(body).map_err(|error| corrupt(error.to_string()))?;
        table.apply(id, &record).map_err(|error| corrupt(error.to_string()))?;
        time = Some(record.time);
    }
    let end = (verifier.head(), verifier.agent(), time);
    if end != (Some(state.record), Some(state.agent.agent), Some(state.time)) {
        return Err(corrupt("its log has another end than it says".to_owned()));
    }
    Ok(table)
}
