//! A store behind a server as a backend: every read and every commit is at most one request, and what was told
//! is kept for a moment, or for ever where it cannot change. docs/sync-protocol.md describes the routes.

mod commit;
mod error;
mod logs;
mod objects;
mod state;
mod trait_of;

use std::io::BufRead;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::BackendError;
use crate::object::Author;
use crate::refs::Handle;
use crate::sync::wire::store::{STORE_FORMAT, StoreShape};
use crate::sync::wire::{self, WireError};

use super::Token;
use super::client::{Client, STORE};
use error::far;
use logs::Logs;
use objects::Objects;
use state::States;

/// How old what is told of an agent may be: a commit that fails on it looks again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// A store behind a server.
#[derive(Debug)]
pub struct HttpBackend {
    client: Client,
    who: StoreShape,
    max_age: Duration,
    /// Whether documents that follow from operations are sent along; servers make them themselves.
    sends_derived: bool,
    known: Mutex<Known>,
}

/// What was told.
#[derive(Debug, Default)]
struct Known {
    states: States,
    /// Handles that were listed last: who lists agents is about to look at them.
    listed: Vec<Handle>,
    /// The last handle of all, and when it was told that it is.
    listed_all: Option<(Handle, Instant)>,
    objects: Objects,
    logs: Logs,
}

impl HttpBackend {
    /// Reaches the store behind the server at an address.
    ///
    /// # Errors
    /// When it is no address that can be used, the server cannot be reached, or does not let in.
    pub fn open(url: &str, token: Option<Token>) -> Result<Self, BackendError> {
        let client = Client::new(url, token, STORE).map_err(far)?;
        let answer = client.get("").map_err(far)?;
        let store = answer.store();
        let who: StoreShape = answer.json().map_err(far)?;
        if who.format != STORE_FORMAT {
            return Err(BackendError::Format { found: who.format.to_string(), known: STORE_FORMAT });
        }
        if who.store.0 != store {
            return Err(far(client.wrong("names two stores as its own".to_owned())));
        }
        Ok(Self { client, who, max_age: MAX_AGE, sends_derived: false, known: Mutex::default() })
    }

    /// The same store, for a server that takes what it is sent: for tests of what lies below.
    #[cfg(test)]
    pub(crate) fn unchecked(self) -> Self {
        Self { sends_derived: true, ..self }
    }

    /// As whom the server has those act who show this token; none where they say it themselves.
    pub fn actor(&self) -> Option<Author> {
        self.who.actor()
    }

    /// The word for what may be done with the token.
    pub fn role(&self) -> &str {
        &self.who.role
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks with a document, and is answered with one.
    fn ask<Q: Serialize, A: DeserializeOwned>(&self, route: &str, question: &Q) -> Result<A, BackendError> {
        self.client.ask(route, question).and_then(super::answer::Answer::json).map_err(far)
    }

    /// Asks with a document, and is answered with items, which `read` reads to their end.
    fn ask_items<Q: Serialize, A>(
        &self,
        route: &str,
        question: &Q,
        read: impl FnOnce(&mut dyn BufRead) -> Result<A, WireError>,
    ) -> Result<A, BackendError> {
        let mut source =
            self.client.ask(route, question).and_then(super::answer::Answer::items).map_err(far)?;
        read(&mut source).map_err(|error| far(self.client.broken(&error)))
    }

    /// Asks for bytes; `None` when there is no such thing.
    fn ask_bytes<Q: Serialize>(
        &self,
        route: &str,
        question: &Q,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, BackendError> {
        self.ask_items(route, question, |source| {
            let item: wire::store::BytesItem = wire::read_item(source)?;
            item.bytes.map(|len| wire::read_bytes(source, len, max_bytes)).transpose()
        })
    }

    fn wrong(&self, reason: impl Into<String>) -> BackendError {
        far(self.client.wrong(reason.into()))
    }

    fn same_number<T>(&self, asked: usize, got: Vec<T>) -> Result<Vec<T>, BackendError> {
        if asked == got.len() {
            return Ok(got);
        }
        Err(self.wrong(format!("gave {} answers to {asked} questions", got.len())))
    }

    /// Compresses items that are to be sent.
    fn compressed(
        &self,
        write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> Result<Vec<u8>, BackendError> {
        let written = zstd::stream::write::Encoder::new(Vec::new(), 3).and_then(|mut body| {
            write(&mut body)?;
            body.finish()
        });
        written.map_err(|error| far(self.client.io(&error)))
    }
}
