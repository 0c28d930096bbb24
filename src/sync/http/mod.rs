//! Another store behind a server: a transport whose methods are requests. Keeps connections open between
//! them, and repeats only what can be asked twice. docs/sync-protocol.md describes the routes.

mod answer;
mod client;
mod far;
mod upload;

use std::io::{BufRead, BufReader, Read};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{ChainHead, KeptPack, Staged};
use crate::log::StoreId;
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;

use super::wire::{self, LinesItem, ObjectsItem};
use super::{AgentTip, LinesAsk, Listing, Need, PushOutcome, PushRequest, SyncError, Take, Told, Transport};
use answer::{Answer, Pieces, Resumed};
pub use client::Token;
use client::{Client, Lost, REMOTE};
pub use far::HttpBackend;

/// Largest part of a log that is taken in at once, in bytes.
const LINES_MAX_BYTES: u64 = 1 << 30;
/// Pushes are sent in one request up to about so many bytes of objects and lines.
const PUSH_BYTES: usize = 32 * 1024 * 1024;
/// Objects are asked for in one request up to about so many ids, of 67 bytes each.
const NEEDS_IDS: usize = 256 * 1024;
/// Pushes that are sent in one request.
const PUSH_AGENTS: usize = 4096;

/// A store behind a server.
#[derive(Debug)]
pub struct HttpTransport {
    client: Client,
    /// A listing that came before it was asked for.
    ahead: Mutex<Option<Listing>>,
}

impl HttpTransport {
    /// A store behind the server at an address; nothing is sent yet.
    ///
    /// # Errors
    /// `Address` when it is none that can be used.
    pub fn new(url: &str, token: Option<Token>) -> Result<Self, SyncError> {
        Ok(Self { client: Client::new(url, token, REMOTE)?, ahead: Mutex::new(None) })
    }

    fn ahead(&self) -> std::sync::MutexGuard<'_, Option<Listing>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        let answer = self.client.get_unless("agents", known)?;
        if answer.unchanged() {
            return Ok(None);
        }
        let store = answer.store();
        Ok(Some(answer.json::<wire::Listed>()?.at(store)))
    }

    fn ask<Q: Serialize, A: DeserializeOwned>(&self, route: &str, question: &Q) -> Result<A, SyncError> {
        self.client.ask(route, question)?.json()
    }

    fn same_number<T>(&self, asked: usize, got: Vec<T>) -> Result<Vec<T>, SyncError> {
        if asked == got.len() {
            return Ok(got);
        }
        Err(self.client.wrong(format!("gave {} answers to {asked} questions", got.len())))
    }

    /// Sends pushes in one request; an answer that is lost leaves each of them unknown.
    fn send(
        &self,
        requests: &[&PushRequest],
        results: &mut Vec<Result<PushOutcome, SyncError>>,
    ) -> Result<(), SyncError> {
        let mut body =
            zstd::stream::write::Encoder::new(Vec::new(), 3).map_err(|error| self.client.io(&error))?;
        let written = wire::write_requests(&mut body, requests.iter().copied());
        let body = written.and_then(|()| body.finish()).map_err(|error| self.client.io(&error))?;
        let unknown =
            |results: &mut Vec<_>| results.extend(requests.iter().map(|_| Ok(PushOutcome::Unknown)));
        let answer = match self.client.bring("push", body) {
            Ok(answer) => answer,
            Err(Lost::Before(error)) => return Err(error),
            Err(Lost::After(_)) => {
                unknown(results);
                return Ok(());
            }
        };
        let store = answer.store();
        match answer.json::<wire::PushAnswer>() {
            Ok(told) if told.results.len() == requests.len() => {
                results.extend(told.results.into_iter().map(|result| result.at(store)));
            }
            _ => unknown(results),
        }
        Ok(())
    }

    /// Brings what one request asks for.
    fn objects_of(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        let answer: Answer = self.client.ask("objects", &wire::Needs::of(needs))?;
        let mut source = answer.plain_items()?;
        loop {
            match wire::read_item(&mut source).map_err(|error| self.client.broken(&error))? {
                ObjectsItem::Data(bytes) => {
                    let mut pieces = Pieces::new(&mut source, bytes);
                    let taken = take(&mut BufReader::with_capacity(wire::PIECE_BYTES, &mut pieces));
                    // What the server said comes before what followed from it.
                    if let Some(error) = pieces.failure(&self.client) {
                        return Err(error);
                    }
                    if let Err(taken) = taken {
                        let over = pieces.is_over();
                        return Err(if over { said_next(&mut source).unwrap_or(taken) } else { taken });
                    }
                    pieces.rest();
                    if let Some(error) = pieces.failure(&self.client) {
                        return Err(error);
                    }
                }
                ObjectsItem::Pack => {}
                ObjectsItem::Broken(error) => return Err(error.into_error()),
                ObjectsItem::End => return Ok(()),
            }
        }
    }
}

/// Needs in portions of about `max_ids` ids, so that no request is larger than a server takes it. An agent
/// of which more is wanted is in several of them.
fn batches(needs: &[Need], max_ids: usize) -> Vec<Vec<Need>> {
    let (mut batches, mut batch, mut ids) = (Vec::new(), Vec::new(), 0);
    for need in needs {
        for wants in need.wants.chunks(max_ids) {
            // A handle takes no more than four ids do.
            let more = wants.len() + need.haves.len() + 4;
            if !batch.is_empty() && ids + more > max_ids {
                batches.push(std::mem::take(&mut batch));
                ids = 0;
            }
            ids += more;
            batch.push(Need { wants: wants.to_vec(), ..need.clone() });
        }
    }
    if !batch.is_empty() || batches.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Why nothing more comes, if the next item says so.
fn said_next(source: &mut dyn BufRead) -> Option<SyncError> {
    match wire::read_item(source) {
        Ok(ObjectsItem::Broken(error)) => Some(error.into_error()),
        _ => None,
    }
}

impl Transport for HttpTransport {
    fn store(&self) -> Result<StoreId, SyncError> {
        if let Some(store) = self.client.store() {
            return Ok(store);
        }
        // Whose it is comes with every answer, and what there is will be asked next.
        let listing = self.list(None)?;
        *self.ahead() = listing;
        self.client.store().ok_or_else(|| self.client.wrong("does not say whose store it is".to_owned()))
    }

    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        let ahead = self.ahead().take();
        match ahead {
            Some(listing) => Ok((known != Some(listing.state.as_str())).then_some(listing)),
            None => self.list(known),
        }
    }

    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        let answer = self.client.ask("tips", &wire::Handles::of(handles))?;
        let store = answer.store();
        let tips = self.same_number(handles.len(), answer.json::<wire::Tips>()?.tips)?;
        Ok(tips.into_iter().map(|tip| tip.map(|tip| tip.at(store))).collect())
    }

    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        let answer: wire::Chains = self.ask("chains", &wire::Handles::of(handles))?;
        let chains = self.same_number(handles.len(), answer.chains)?;
        Ok(chains.into_iter().map(|heads| heads.into_iter().map(Into::into).collect()).collect())
    }

    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        let answer = self.client.ask("lines", &wire::Asks::of(asks))?;
        let mut source = answer.items()?;
        let within = |ask: usize| {
            let known = (ask < asks.len()).then_some(ask);
            known.ok_or_else(|| self.client.wrong(format!("answered what was not asked, as {ask}")))
        };
        loop {
            match wire::read_item(&mut source).map_err(|error| self.client.broken(&error))? {
                LinesItem::Log { ask, end, offset, bytes } => {
                    let lines = wire::read_bytes(&mut source, bytes, LINES_MAX_BYTES);
                    let lines = lines.map_err(|error| self.client.broken(&error))?;
                    take(within(ask)?, Ok(LinesItem::told(end, offset, lines)));
                }
                LinesItem::Failed { ask, error } => take(within(ask)?, Err(error.into_error())),
                LinesItem::Broken(error) => return Err(error.into_error()),
                LinesItem::End => return Ok(()),
            }
        }
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        Ok(self.client.get("packs")?.json::<wire::Packs>()?.into_plain())
    }

    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        let first = self.client.get_from(&format!("packs/{id}"), offset)?;
        let mut source = Resumed::new(&self.client, *id, offset, first)?;
        let taken = take(&mut source);
        match source.failure() {
            Some(error) => Err(error),
            None => taken,
        }
    }

    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        batches(needs, NEEDS_IDS).iter().try_for_each(|batch| self.objects_of(batch, take))
    }

    fn lacks(&self, asks: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        let answer: wire::Lacking = self.ask("lacks", &wire::Lacks::of(asks))?;
        self.same_number(asks.len(), answer.into_plain())
    }

    fn is_far(&self) -> bool {
        true
    }

    fn stage(&self, pack: &mut dyn Read) -> Result<Staged, SyncError> {
        let answer = upload::send(&self.client, pack)?;
        Ok(answer.json::<wire::StagedShape>()?.into())
    }

    fn push(&self, requests: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        let mut results = Vec::with_capacity(requests.len());
        let mut one_go = |batch: &[&PushRequest]| {
            let Err(error) = self.send(batch, &mut results) else { return Ok(()) };
            if results.is_empty() {
                return Err(error);
            }
            // Others happened before: these did not, each for the same reason.
            let failure = wire::Failure::of(&error);
            results.extend(batch.iter().map(|_| Err(failure.clone().into_error())));
            Ok(())
        };
        let (mut batch, mut size_bytes) = (Vec::new(), 0);
        for request in requests {
            let objects: usize = request.objects.iter().map(|object| object.payload.len()).sum();
            let lines: usize = request.chains.iter().map(|part| part.lines.len()).sum();
            if !batch.is_empty() && (size_bytes + objects + lines > PUSH_BYTES || batch.len() == PUSH_AGENTS)
            {
                one_go(&std::mem::take(&mut batch))?;
                size_bytes = 0;
            }
            size_bytes += objects + lines;
            batch.push(request);
        }
        if !batch.is_empty() {
            one_go(&batch)?;
        }
        Ok(results)
    }
}
