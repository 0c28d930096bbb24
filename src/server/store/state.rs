//! Agents whole, each at one record: what a command line looks at, in one answer.

use axum::response::Response;

use crate::backend::{Backend, Head};
use crate::log::RecordId;
use crate::refs::{Handle, RefName, Shape};
use crate::server::call::{Call, Shared};
use crate::server::problem::Problem;
use crate::sync::wire::Text;
use crate::sync::wire::store::{
    AgentState, ENTRIES_MAX, REFS_MAX, RefShape, STATES_MAX, StateShape, StatesAsk, StatesTold,
};

use super::read::{at_most, part};

/// How often an agent that moves while it is read is read again.
const TRIES_MAX: usize = 5;

pub(super) async fn states(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: StatesAsk| {
        at_most("agents", ask.agents.len(), STATES_MAX)?;
        let backend = shared.repo.backend();
        let state = |(handle, known): (Text<Handle>, Option<Text<RecordId>>)| {
            state_of(backend, &handle.0, known.map(|known| known.0))
                .unwrap_or_else(|problem| StateShape::Failed(*problem.failure))
        };
        Ok(StatesTold { states: ask.agents.into_iter().map(state).collect() })
    })
    .await
}

/// What is under a handle.
pub(super) fn state_of(
    backend: &dyn Backend,
    handle: &Handle,
    known: Option<RecordId>,
) -> Result<StateShape, Problem> {
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(head) = backend.head(handle)? else {
            let now = backend.locate(handle)?;
            if now.as_ref() == Some(handle) && tries < TRIES_MAX {
                continue;
            }
            return Ok(StateShape::Elsewhere(now.filter(|now| now != handle).map(Text)));
        };
        if known == Some(head.record) {
            return Ok(StateShape::Same);
        }
        let read = read(backend, handle, head);
        // Whoever writes meanwhile ends some time: what was read then is at most newer than its head.
        let stands = backend.head(handle)?.is_some_and(|now| now.record == head.record);
        if stands || tries == TRIES_MAX {
            return Ok(StateShape::Agent(Box::new(read?)));
        }
    }
}

fn read(backend: &dyn Backend, handle: &Handle, head: Head) -> Result<AgentState, Problem> {
    let refs = backend.all_refs(handle)?;
    let complete = refs.len() <= REFS_MAX;
    let told = |name: &RefName| complete || (name.shape() == Shape::Single && name.split().0.is_none());
    let refs = refs.iter().filter(|(name, _)| told(name)).map(|(name, state)| RefShape::of(name, state));
    let lists = [RefName::versions(), RefName::unpushed()];
    let lists = lists.iter().map(|list| part(backend, handle, list, None, ENTRIES_MAX));
    let lists = lists.collect::<Result<_, _>>()?;
    Ok(AgentState::of(head, complete, refs.collect(), lists, backend.chains(handle)?))
}
