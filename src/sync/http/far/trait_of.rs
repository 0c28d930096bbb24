//! The promises of a backend, each kept by one request at most.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::backend::{Backend, BackendError, ChainHead, Fault, Head, Outcome, Staged, Transaction};
use crate::log::{ListEntry, RefState, StoreId};
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName};
use crate::sync::wire::store::{
    AgentsAsk, DerivedAsk, FarHead, FarHeads, FindAsk, HANDLES_MAX, IDS_MAX, Ids, LacksAsk, STATES_MAX,
};
use crate::sync::wire::{Handles, JSON_MAX_BYTES, Text};

use super::HttpBackend;
use super::state::Found;

impl Backend for HttpBackend {
    fn store_id(&self) -> StoreId {
        self.who.store.0
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<Handle>, BackendError> {
        let last = self.known().listed_all.clone();
        if last.is_some_and(|(last, when)| after == Some(&last) && when.elapsed() < self.max_age) {
            return Ok(Vec::new());
        }
        let (asked_at, mut handles) = (Instant::now(), Vec::<Handle>::new());
        let mut ended = false;
        while !ended && handles.len() < limit {
            let after = handles.last().or(after).cloned().map(Text);
            let asked = (limit - handles.len()).min(HANDLES_MAX);
            let page: Handles = self.ask("agents", &AgentsAsk { after, limit: asked })?;
            let page = page.into_plain();
            ended = page.len() < asked;
            handles.extend(page);
        }
        let mut known = self.known();
        if let Some(last) = handles.last().filter(|_| ended) {
            known.listed_all = Some((last.clone(), asked_at));
        }
        known.listed.clone_from(&handles);
        drop(known);
        Ok(handles)
    }

    fn locate(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        Ok(match self.found(handle)? {
            Found::Agent(_) => Some(handle.clone()),
            Found::Elsewhere(now) => now,
        })
    }

    fn head(&self, agent: &Handle) -> Result<Option<Head>, BackendError> {
        Ok(match self.found(agent)? {
            Found::Agent(state) => Some(state.head),
            Found::Elsewhere(_) => None,
        })
    }

    fn heads(&self, agents: &[Handle]) -> Result<Vec<Option<Head>>, BackendError> {
        let mut heads = Vec::with_capacity(agents.len());
        for batch in agents.chunks(HANDLES_MAX) {
            let told: FarHeads = self.ask("heads", &Handles::of(batch))?;
            for told in self.same_number(batch.len(), told.heads)? {
                let head = told.map(FarHead::into_plain);
                heads.push(match head {
                    Some(None) => return Err(self.wrong("told of an impossible time")),
                    Some(head) => head,
                    None => None,
                });
            }
        }
        Ok(heads)
    }

    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        self.one_ref(agent, name)
    }

    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError> {
        self.namespace(agent, namespace)
    }

    fn all_refs(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        self.every_ref(agent)
    }

    fn list_len(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        Ok(self.end(agent, name)?.len)
    }

    fn list(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        self.entries(agent, name, start, limit)
    }

    fn read_log(&self, agent: &Handle, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        let head = self.state(agent)?.head;
        self.log_part(agent, (head.agent, None), head.log_bytes, offset, len)
    }

    fn chains(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError> {
        Ok(self.state(agent)?.chains.clone())
    }

    fn read_chain(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let state = self.state(agent)?;
        let Some(chain) = state.chains.iter().find(|chain| chain.store == store) else {
            return Ok(Vec::new());
        };
        self.log_part(agent, (state.head.agent, Some(store)), chain.bytes, offset, len)
    }

    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.state(agent)?;
        let ask = DerivedAsk { agent: Text(agent.clone()), name: name.to_owned() };
        self.ask_bytes("derived", &ask, JSON_MAX_BYTES)
    }

    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        self.one_object(id)
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        let ask = FindAsk { prefix: prefix.to_owned(), limit: limit.min(IDS_MAX) };
        Ok(self.ask::<_, Ids>("find", &ask)?.into_plain())
    }

    fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        self.bring(objects)
    }

    fn lacks(&self, agent: &Handle, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BackendError> {
        let mut lacking = Vec::new();
        for batch in ids.chunks(IDS_MAX) {
            let ids = batch.iter().copied().map(Text).collect();
            let ask = LacksAsk { agent: Text(agent.clone()), ids };
            lacking.extend(self.ask::<_, Ids>("lacks", &ask)?.into_plain());
        }
        Ok(lacking)
    }

    fn relied(&self, _: &Handle, _: &[ObjectId]) -> Result<(Vec<ObjectId>, Staged), BackendError> {
        // The server finds out what has to be brought besides when it takes an operation in.
        Ok((Vec::new(), Staged::default()))
    }

    fn near(&self, agents: &[Handle], _: &Staged) {
        if agents.len() <= STATES_MAX && !agents.is_empty() {
            // What fails is asked for again, and then told.
            let _ = self.look(agents);
        }
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        self.commit_one(transaction)
    }

    fn commit_many(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        self.commit_all(transactions)
    }

    fn checkpoint(&self) -> Result<(), BackendError> {
        // What a server acknowledged is durable.
        Ok(())
    }

    fn audit(&self, _: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        // Whose files they are examines them.
        Ok(())
    }
}
