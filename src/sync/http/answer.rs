//! Answers: JSON, items in a run of bytes, packs; each refused when it is not of the type that it should be.

use std::io::{self, BufRead, BufReader, Read};

use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::log::StoreId;
use crate::pack::PackId;
use crate::sync::SyncError;
use crate::sync::wire::{self, ObjectsItem, ToldFailure, WireError};

use super::client::Client;

/// How often a pack that broke off is taken up again, in one go.
const RESUMES_MAX: u32 = 4;
/// Longest answer that says why something was refused, in bytes.
const REFUSAL_MAX_BYTES: u64 = 1024 * 1024;

/// The text of a header.
pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// What a server refused with.
pub(super) fn refused(client: &Client, response: Response) -> SyncError {
    let status = response.status();
    let mut text = Vec::new();
    let read = response.take(REFUSAL_MAX_BYTES).read_to_end(&mut text);
    let told = read.ok().and_then(|_| serde_json::from_slice::<ToldFailure>(&text).ok());
    match told {
        None => client.wrong(format!("answered '{status}' without a reason")),
        // The server speaks of the header, which is no matter of who runs a command.
        Some(told) if status == StatusCode::UNAUTHORIZED => {
            told.error.with_hint(client.token_hint()).into_error()
        }
        Some(told) => told.error.into_error(),
    }
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    client: &'a Client,
    response: Response,
    store: StoreId,
}

impl<'a> Answer<'a> {
    pub(super) fn new(client: &'a Client, response: Response, store: StoreId) -> Self {
        Self { client, response, store }
    }

    /// Whose store it is.
    pub(super) fn store(&self) -> StoreId {
        self.store
    }

    /// Whether it says that nothing changed.
    pub(super) fn unchanged(&self) -> bool {
        self.response.status() == StatusCode::NOT_MODIFIED
    }

    fn of_type(&self, expected: &str) -> Result<(), SyncError> {
        match header(&self.response, CONTENT_TYPE.as_str()) {
            Some(found) if found.split(';').next() == Some(expected) => Ok(()),
            found => Err(self.client.wrong(format!(
                "answered with '{}' where '{expected}' belongs",
                found.unwrap_or("nothing that is named")
            ))),
        }
    }

    /// The document.
    pub(super) fn json<T: DeserializeOwned>(self) -> Result<T, SyncError> {
        self.of_type(wire::JSON_TYPE)?;
        let compressed = header(&self.response, CONTENT_ENCODING.as_str()) == Some("zstd");
        let client = self.client;
        let read = |source: &mut dyn Read| {
            let mut text = Vec::new();
            source.take(wire::JSON_MAX_BYTES + 1).read_to_end(&mut text).map_err(WireError::reading)?;
            if text.len() as u64 > wire::JSON_MAX_BYTES {
                return Err(WireError::TooLong { max_bytes: wire::JSON_MAX_BYTES });
            }
            serde_json::from_slice(&text).map_err(|error| WireError::Shape(error.to_string()))
        };
        let mut response = self.response;
        let document = if compressed {
            wire::expanded(response).and_then(|mut source| read(&mut source))
        } else {
            read(&mut response)
        };
        document.map_err(|error| client.broken(&error))
    }

    /// Compressed items.
    pub(super) fn items(self) -> Result<impl BufRead, SyncError> {
        self.of_type(wire::ITEMS_TYPE)?;
        let client = self.client;
        wire::expanded(self.response).map_err(|error| client.broken(&error))
    }

    /// Items that carry what is compressed itself.
    pub(super) fn plain_items(self) -> Result<BufReader<Response>, SyncError> {
        self.of_type(wire::PLAIN_ITEMS_TYPE)?;
        Ok(BufReader::with_capacity(wire::PIECE_BYTES, self.response))
    }
}

/// A pack that comes as items.
pub(super) struct Pieces<'a> {
    source: &'a mut dyn BufRead,
    left_bytes: u64,
    over: bool,
    failure: Option<Failed>,
}

enum Failed {
    Told(SyncError),
    Wire(WireError),
}

impl<'a> Pieces<'a> {
    pub(super) fn new(source: &'a mut dyn BufRead, first_bytes: u64) -> Self {
        Self { source, left_bytes: first_bytes, over: false, failure: None }
    }

    fn fail(&mut self, failed: Failed) -> io::Error {
        self.failure = Some(failed);
        self.over = true;
        io::ErrorKind::UnexpectedEof.into()
    }

    /// Reads over what nobody wanted, to the pack's end.
    pub(super) fn rest(&mut self) {
        // What fails is kept.
        let _ = io::copy(self, &mut io::sink());
    }

    /// Whether all that came of it was read.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Why it ended before its end.
    pub(super) fn failure(&mut self, client: &Client) -> Option<SyncError> {
        match self.failure.take()? {
            Failed::Told(error) => Some(error),
            Failed::Wire(error) => Some(client.broken(&error)),
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left_bytes == 0 && !self.over {
            match wire::read_item(self.source) {
                Ok(ObjectsItem::Data(bytes)) => self.left_bytes = bytes,
                Ok(ObjectsItem::Pack) => self.over = true,
                Ok(ObjectsItem::Broken(failure)) => return Err(self.fail(Failed::Told(failure.into_error()))),
                Ok(ObjectsItem::End) => return Err(self.fail(Failed::Wire(WireError::CutOff))),
                Err(error) => return Err(self.fail(Failed::Wire(error))),
            }
        }
        if self.over || buffer.is_empty() {
            return Ok(0);
        }
        let len = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(buffer.len());
        match self.source.read(&mut buffer[..len]) {
            Ok(0) => Err(self.fail(Failed::Wire(WireError::CutOff))),
            Ok(read) => {
                self.left_bytes -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(Failed::Wire(WireError::reading(error)))),
        }
    }
}

/// A pack that is taken up again where it broke off.
pub(super) struct Resumed<'a> {
    client: &'a Client,
    id: PackId,
    at: u64,
    response: Response,
    resumes: u32,
    failure: Option<SyncError>,
}

impl<'a> Resumed<'a> {
    pub(super) fn new(client: &'a Client, id: PackId, at: u64, first: Answer<'a>) -> Result<Self, SyncError> {
        let response = from(client, at, first)?;
        Ok(Self { client, id, at, response, resumes: 0, failure: None })
    }

    /// Why it ended before its end.
    pub(super) fn failure(self) -> Option<SyncError> {
        self.failure
    }
}

/// The bytes of an answer, once it is known to begin where it was asked to.
fn from(client: &Client, at: u64, answer: Answer<'_>) -> Result<Response, SyncError> {
    answer.of_type(wire::PACK_TYPE)?;
    let range = header(&answer.response, CONTENT_RANGE.as_str());
    let begins = match range {
        Some(range) => range.strip_prefix("bytes ").is_some_and(|range| range.starts_with(&format!("{at}-"))),
        None => at == 0,
    };
    if begins {
        Ok(answer.response)
    } else {
        Err(client.wrong(format!("did not go on at byte {at} of a pack")))
    }
}

impl Read for Resumed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let broke = match self.response.read(buffer) {
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => error,
            };
            self.resumes += 1;
            let again = match self.resumes {
                0..=RESUMES_MAX => self
                    .client
                    .get_from(&format!("packs/{}", self.id), self.at)
                    .and_then(|answer| from(self.client, self.at, answer)),
                _ => Err(self.client.broken(&WireError::Io(broke))),
            };
            match again {
                Ok(response) => self.response = response,
                Err(error) => {
                    self.failure = Some(error);
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}
