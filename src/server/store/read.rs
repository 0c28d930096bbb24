//! Questions about agents: which there are, their refs, their lists, their logs.

use std::io::{self, Write};

use axum::response::Response;

use crate::backend::Backend;
use crate::error::Kind;
use crate::refs::{RefName, Shape};
use crate::server::call::{Call, Shared, json, with_type};
use crate::server::problem::Problem;
use crate::sync::wire::store::{
    AgentsAsk, BytesItem, DerivedAsk, ENTRIES_MAX, FarHeads, FindAsk, HANDLES_MAX, IDS_MAX, Ids,
    LOG_MAX_BYTES, LacksAsk, ListAsk, ListShape, LogAsk, RefShape, RefsAsk, RefsTold, STORE_FORMAT,
    StoreShape,
};
use crate::sync::wire::{Handles, ITEMS_TYPE, write_item};

/// How hard what is sent is compressed.
const LEVEL: i32 = 3;

/// Refuses to answer so much at once.
pub(super) fn at_most(what: &str, asked: usize, max: usize) -> Result<(), Problem> {
    if asked <= max {
        return Ok(());
    }
    Err(Problem::malformed(format!("{asked} {what} are asked for at once, and {max} is the most")))
}

/// An answer of items, which `write` writes.
pub(super) fn items(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Response, Problem> {
    let written = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).and_then(|mut sink| {
        write(&mut sink)?;
        sink.finish()
    });
    let failed = |error| {
        Problem::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Bug,
            format!("the answer cannot be written: {error}"),
        )
    };
    let body = written.map_err(failed)?;
    Ok(with_type(Response::new(body.into()), ITEMS_TYPE))
}

fn bytes(bytes: Option<&[u8]>) -> Result<Response, Problem> {
    items(|sink| {
        write_item(sink, &BytesItem { bytes: bytes.map(|bytes| bytes.len() as u64) })?;
        sink.write_all(bytes.unwrap_or_default())
    })
}

/// Whose store it is, and who asks.
pub(super) async fn store(call: Call) -> Result<Response, Problem> {
    let (headers, caller) = (call.headers.clone(), call.caller.clone());
    call.work(0, move |shared, _| {
        let caller = caller.ok_or_else(|| Problem::forbidden("nobody is known to ask"))?;
        let store = shared.repo.backend().store_id();
        json(&headers, &StoreShape::of(store, STORE_FORMAT, caller.acts_as(), caller.role().name()))
    })
    .await
}

pub(super) async fn agents(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: AgentsAsk| {
        at_most("agents", ask.limit, HANDLES_MAX)?;
        let handles = shared.repo.backend().agents(ask.after.map(|after| after.0).as_ref(), ask.limit)?;
        Ok(Handles::of(&handles))
    })
    .await
}

pub(super) async fn heads(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: Handles| {
        let handles = ask.into_plain();
        at_most("agents", handles.len(), HANDLES_MAX)?;
        let heads = shared.repo.backend().heads(&handles)?;
        Ok(FarHeads { heads: heads.into_iter().map(|head| head.map(Into::into)).collect() })
    })
    .await
}

pub(super) async fn refs(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: RefsAsk| {
        at_most("refs", ask.names.len(), IDS_MAX)?;
        let (backend, agent) = (shared.repo.backend(), ask.agent.0);
        let mut refs = Vec::new();
        for name in &ask.names {
            refs.extend(backend.read_ref(&agent, &name.0)?.map(|state| RefShape::of(&name.0, &state)));
        }
        if let Some(namespace) = &ask.namespace {
            refs.extend(
                backend.refs(&agent, namespace)?.iter().map(|(name, state)| RefShape::of(name, state)),
            );
        } else if ask.names.is_empty() {
            refs.extend(backend.all_refs(&agent)?.iter().map(|(name, state)| RefShape::of(name, state)));
        }
        Ok(RefsTold { refs })
    })
    .await
}

/// A part of a list; its last entries when no start is named.
pub(super) fn part(
    backend: &dyn Backend,
    agent: &crate::refs::Handle,
    list: &RefName,
    start: Option<u64>,
    limit: usize,
) -> Result<ListShape, Problem> {
    if list.shape() != Shape::List {
        return Err(Problem::malformed(format!("'{list}' is no list")));
    }
    let len = backend.list_len(agent, list)?;
    let start = start.unwrap_or_else(|| len.saturating_sub(limit as u64));
    let entries = backend.list(agent, list, start, limit)?;
    // It may have grown meanwhile.
    Ok(ListShape::of(list, len.max(start + entries.len() as u64), start, &entries))
}

pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: ListAsk| {
        at_most("entries", ask.limit, ENTRIES_MAX)?;
        part(shared.repo.backend(), &ask.agent.0, &ask.list.0, ask.start, ask.limit)
    })
    .await
}

pub(super) async fn log(call: Call) -> Result<Response, Problem> {
    call.respond(|shared: &Shared, ask: LogAsk| {
        let len = usize::try_from(ask.len.min(LOG_MAX_BYTES)).unwrap_or(usize::MAX);
        let backend = shared.repo.backend();
        let read = match ask.store.filter(|store| store.0 != backend.store_id()) {
            Some(store) => backend.read_chain(&ask.agent.0, store.0, ask.offset, len)?,
            None => backend.read_log(&ask.agent.0, ask.offset, len)?,
        };
        bytes(Some(&read))
    })
    .await
}

pub(super) async fn derived(call: Call) -> Result<Response, Problem> {
    call.respond(|shared: &Shared, ask: DerivedAsk| {
        if ask.name.starts_with('.') || ask.name.contains('/') {
            return Err(Problem::malformed(format!("'{}' cannot be a document's name", ask.name)));
        }
        bytes(shared.repo.backend().derived(&ask.agent.0, &ask.name)?.as_deref())
    })
    .await
}

pub(super) async fn find(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: FindAsk| {
        at_most("ids", ask.limit, IDS_MAX)?;
        Ok(Ids::of(&shared.repo.backend().find(&ask.prefix, ask.limit)?))
    })
    .await
}

pub(super) async fn lacks(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, ask: LacksAsk| {
        at_most("ids", ask.ids.len(), IDS_MAX)?;
        let ids: Vec<_> = ask.ids.into_iter().map(|id| id.0).collect();
        Ok(Ids::of(&shared.repo.backend().lacks(&ask.agent.0, &ids)?))
    })
    .await
}
