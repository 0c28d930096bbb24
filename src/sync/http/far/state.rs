//! What agents are: told whole, at one record, for many at once; kept for a moment, and then only asked whether
//! it is still so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::backend::{BackendError, ChainHead, Head};
use crate::log::{ListEntry, RefState};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::sync::wire::Text;
use crate::sync::wire::store::{
    AgentState, ENTRIES_MAX, ListAsk, ListShape, RefShape, RefsAsk, RefsTold, STATES_MAX, StateShape,
    StatesAsk, StatesTold,
};

use super::HttpBackend;
use super::error::far;

/// Of how many agents that were listed states are asked for at once.
const LISTED_AHEAD: usize = 64;

/// An agent at one record.
#[derive(Debug)]
pub(super) struct State {
    pub(super) head: Head,
    pub(super) chains: Vec<ChainHead>,
    refs: BTreeMap<RefName, RefState>,
    complete: bool,
    /// Namespaces that were asked for, where not all refs came.
    namespaces: Mutex<HashMap<String, Arc<BTreeMap<RefName, RefState>>>>,
    lists: Mutex<HashMap<RefName, Arc<End>>>,
}

/// The end of a list.
#[derive(Debug)]
pub(super) struct End {
    pub(super) len: u64,
    start: u64,
    entries: Vec<ListEntry>,
}

/// What is under a handle.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// Nothing, or an agent that has another handle now.
    Elsewhere(Option<Handle>),
    /// The agent.
    Agent(Arc<State>),
}

/// What was found, and when; not even a moment ago when it is known to be old.
pub(super) type States = HashMap<Handle, (Option<Instant>, Found)>;

impl From<ListShape> for End {
    fn from(shape: ListShape) -> Self {
        Self { len: shape.len, start: shape.start, entries: shape.entries().collect() }
    }
}

impl State {
    fn of(told: AgentState) -> Option<Self> {
        let chains = told.chains();
        let lists = told.lists.into_iter().map(|list| (list.list.0.clone(), Arc::new(list.into())));
        Some(Self {
            head: told.head.into_plain()?,
            chains,
            refs: told.refs.into_iter().map(RefShape::into_plain).collect(),
            complete: told.complete,
            namespaces: Mutex::default(),
            lists: Mutex::new(lists.collect()),
        })
    }

    /// Refs that came with it, whether or not they are all.
    pub(super) fn refs_told(&self) -> &BTreeMap<RefName, RefState> {
        &self.refs
    }

    /// Versions near one, itself among them, or the last ones when it is none; so many on each side at most.
    pub(super) fn versions_near(&self, id: &ObjectId, count: usize) -> Vec<ObjectId> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = lists.get(&RefName::versions()).map_or(&[][..], |end| &end.entries);
        let at = entries.iter().position(|entry| entry.id == *id).unwrap_or(entries.len());
        let near = entries.iter().skip(at.saturating_sub(count)).take(2 * count + 1);
        near.map(|entry| entry.id).collect()
    }
}

impl HttpBackend {
    /// Says that whatever was told may be so no longer.
    pub(super) fn expire(&self) {
        let mut known = self.known();
        known.states.values_mut().for_each(|(when, _)| *when = None);
        known.listed_all = None;
    }

    fn fresh(&self, handle: &Handle) -> Option<Found> {
        let known = self.known();
        let (when, found) = known.states.get(handle)?;
        when.is_some_and(|when| when.elapsed() < self.max_age).then(|| found.clone())
    }

    /// The agents that were listed after one.
    fn listed_after(&self, handle: &Handle) -> Vec<Handle> {
        let known = self.known();
        let after = known.listed.iter().skip_while(|listed| *listed != handle).skip(1);
        after.take(LISTED_AHEAD).cloned().collect()
    }

    /// What is under a handle.
    pub(super) fn found(&self, handle: &Handle) -> Result<Found, BackendError> {
        if let Some(found) = self.fresh(handle) {
            return Ok(found);
        }
        let mut handles = vec![handle.clone()];
        let listed = self.listed_after(handle);
        handles.extend(listed.into_iter().filter(|handle| self.fresh(handle).is_none()));
        self.look(&handles)?.ok_or_else(|| self.wrong("did not say what it was asked"))
    }

    /// Asks what is under handles; gives what is under the first.
    pub(super) fn look(&self, handles: &[Handle]) -> Result<Option<Found>, BackendError> {
        let mut first = None;
        for (batch, handles) in handles.chunks(STATES_MAX).enumerate() {
            let before: Vec<Option<Arc<State>>> = {
                let known = self.known();
                let agent = |handle| match known.states.get(handle) {
                    Some((_, Found::Agent(state))) => Some(Arc::clone(state)),
                    _ => None,
                };
                handles.iter().map(agent).collect()
            };
            let ask = |(handle, before): (&Handle, &Option<Arc<State>>)| {
                (Text(handle.clone()), before.as_ref().map(|state| Text(state.head.record)))
            };
            let asked = Instant::now();
            let told: StatesTold =
                self.ask("states", &StatesAsk { agents: handles.iter().zip(&before).map(ask).collect() })?;
            let told = self.same_number(handles.len(), told.states)?;
            for (at, ((handle, before), told)) in handles.iter().zip(before).zip(told).enumerate() {
                let is_first = batch + at == 0;
                match self.take_in(handle, before, told, asked) {
                    Ok(found) if is_first => first = found,
                    Err(error) if is_first => return Err(error),
                    // Who asks for it by itself is told.
                    _ => {}
                }
            }
        }
        Ok(first)
    }

    /// Keeps what was told of a handle, of which `before` was known.
    pub(super) fn take_in(
        &self,
        handle: &Handle,
        before: Option<Arc<State>>,
        told: StateShape,
        when: Instant,
    ) -> Result<Option<Found>, BackendError> {
        let found = match (told, before) {
            (StateShape::Elsewhere(now), _) => Found::Elsewhere(now.map(|now| now.0)),
            (StateShape::Same, Some(before)) => Found::Agent(before),
            (StateShape::Same, None) => return Err(self.wrong("left out what was not known")),
            (StateShape::Agent(told), _) => {
                let state = State::of(*told);
                Found::Agent(Arc::new(state.ok_or_else(|| self.wrong("told of an impossible time"))?))
            }
            (StateShape::Failed(failure), _) => return Err(far(failure.into_error())),
        };
        self.known().states.insert(handle.clone(), (Some(when), found.clone()));
        Ok(Some(found))
    }

    /// The agent under a handle.
    pub(super) fn state(&self, agent: &Handle) -> Result<Arc<State>, BackendError> {
        match self.found(agent)? {
            Found::Agent(state) => Ok(state),
            Found::Elsewhere(_) => Err(BackendError::NoSuchAgent(agent.clone())),
        }
    }

    /// The refs of a namespace, where not all came.
    fn asked(
        &self,
        agent: &Handle,
        state: &State,
        namespace: &str,
    ) -> Result<Arc<BTreeMap<RefName, RefState>>, BackendError> {
        let cache = || state.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refs) = cache().get(namespace) {
            return Ok(Arc::clone(refs));
        }
        let namespace = namespace.to_owned();
        let wanted = Some(namespace.clone());
        let ask = RefsAsk { agent: Text(agent.clone()), names: Vec::new(), namespace: wanted };
        let refs = Arc::new(self.told_refs(&ask)?);
        cache().insert(namespace, Arc::clone(&refs));
        Ok(refs)
    }

    fn told_refs(&self, ask: &RefsAsk) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        let told: RefsTold = self.ask("refs", ask)?;
        Ok(told.refs.into_iter().map(RefShape::into_plain).collect())
    }

    pub(super) fn one_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        let state = self.state(agent)?;
        match (state.refs.get(name), name.split().0) {
            (None, Some(namespace)) if !state.complete => {
                Ok(self.asked(agent, &state, namespace)?.get(name).cloned())
            }
            (found, _) => Ok(found.cloned()),
        }
    }

    pub(super) fn namespace(
        &self,
        agent: &Handle,
        namespace: &str,
    ) -> Result<Vec<(RefName, RefState)>, BackendError> {
        let state = self.state(agent)?;
        let asked = if state.complete { None } else { Some(self.asked(agent, &state, namespace)?) };
        let refs = asked.as_deref().unwrap_or(&state.refs).iter();
        let mine = refs.filter(|(name, _)| name.split().0 == Some(namespace));
        Ok(mine.map(|(name, state)| (name.clone(), state.clone())).collect())
    }

    pub(super) fn every_ref(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        let state = self.state(agent)?;
        if state.complete {
            return Ok(state.refs.clone());
        }
        self.told_refs(&RefsAsk { agent: Text(agent.clone()), names: Vec::new(), namespace: None })
    }

    /// The end of a list.
    pub(super) fn end(&self, agent: &Handle, list: &RefName) -> Result<Arc<End>, BackendError> {
        let state = self.state(agent)?;
        let cache = || state.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = cache().get(list) {
            return Ok(Arc::clone(end));
        }
        let (agent, name) = (Text(agent.clone()), Text(list.clone()));
        let told: ListShape =
            self.ask("list", &ListAsk { agent, list: name, start: None, limit: ENTRIES_MAX })?;
        let end = Arc::new(End::from(told));
        cache().insert(list.clone(), Arc::clone(&end));
        Ok(end)
    }

    pub(super) fn entries(
        &self,
        agent: &Handle,
        list: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        let end = self.end(agent, list)?;
        let until = end.len.min(start.saturating_add(limit as u64));
        let (mut at, mut entries) = (start, Vec::new());
        while at < until.min(end.start) {
            let limit = usize::try_from(until.min(end.start) - at).unwrap_or(usize::MAX).min(ENTRIES_MAX);
            let (agent, name) = (Text(agent.clone()), Text(list.clone()));
            let told: ListShape = self.ask("list", &ListAsk { agent, list: name, start: Some(at), limit })?;
            let before = entries.len();
            entries.extend(told.entries());
            if entries.len() == before {
                return Err(self.wrong("told less of a list than there is"));
            }
            at += (entries.len() - before) as u64;
        }
        let rest = end.entries.iter().zip(end.start..);
        entries.extend(rest.filter(|(_, place)| (at..until).contains(place)).map(|(entry, _)| *entry));
        Ok(entries)
    }
}
