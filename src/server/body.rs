//! The body of a request as something that blocking code reads: bounded in length, in time and, where it
//! is kept in memory, in what all requests keep together.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::limits::Limits;

/// How much of a body that was refused is read over, so that its sender comes to see the answer; in bytes.
const OVER_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long that may take.
const OVER_MAX: Duration = Duration::from_secs(2);

/// Why a body is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It is too large.
    #[error("the request has more than the {max_bytes} bytes that are taken")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// What it holds is too much, though its text is not.
    #[error("what the request holds takes more memory than one request may")]
    TooMuch,
    /// It came too slowly.
    #[error("the request came too slowly")]
    Slow,
    /// It ended before its end.
    #[error("the request is cut off")]
    CutOff,
    /// Other requests have all the memory.
    #[error("the server has too much to do: no memory is left for this request")]
    Full,
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::other(refused)
    }
}

/// The body of a request. To be read outside of async code only.
pub(super) struct BodyReader {
    body: Body,
    handle: Handle,
    piece: Bytes,
    read_bytes: u64,
    max_bytes: u64,
    began: Instant,
    patience: Duration,
    bytes_per_second: u64,
    failure: Option<Refused>,
    ended: bool,
}

impl BodyReader {
    /// A body of at most `max_bytes`; one that says itself that it is larger is not read.
    pub(super) fn new(body: Body, limits: &Limits, max_bytes: u64) -> Self {
        let failure = (body.size_hint().lower() > max_bytes).then_some(Refused::TooLarge { max_bytes });
        Self {
            body,
            handle: Handle::current(),
            piece: Bytes::new(),
            read_bytes: 0,
            max_bytes,
            began: Instant::now(),
            patience: limits.body,
            bytes_per_second: limits.body_bytes_per_second.max(1),
            failure,
            ended: false,
        }
    }

    /// Why it could not be read to its end.
    pub(super) fn failure(&self) -> Option<Refused> {
        self.failure
    }

    /// Reads on to the end, within bounds, so that an early answer is seen by who is still sending.
    pub(super) fn read_over(&mut self) {
        let until = Instant::now() + OVER_MAX;
        let mut over_bytes = 0;
        while !self.ended && over_bytes < OVER_MAX_BYTES {
            match self.next(until) {
                Ok(Some(piece)) => over_bytes += piece.len() as u64,
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn next(&mut self, until: Instant) -> Result<Option<Bytes>, Refused> {
        let body = &mut self.body;
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        match self.handle.block_on(async { timeout_at(until, frame).await }) {
            Err(_) => Err(Refused::Slow),
            Ok(Some(Err(_))) => Err(Refused::CutOff),
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            // Trailers say nothing here.
            Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
        }
    }

    fn advance(&mut self) -> Result<(), Refused> {
        while self.piece.is_empty() && !self.ended {
            let earned = Duration::from_secs(self.read_bytes / self.bytes_per_second);
            let Some(piece) = self.next(self.began + self.patience + earned)? else { return Ok(()) };
            self.read_bytes += piece.len() as u64;
            if self.read_bytes > self.max_bytes {
                return Err(Refused::TooLarge { max_bytes: self.max_bytes });
            }
            self.piece = piece;
        }
        Ok(())
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_none() {
            self.failure = self.advance().err();
        }
        if let Some(refused) = self.failure {
            return Err(refused.into());
        }
        let len = self.piece.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}

/// What the bodies of all requests take in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    taken_bytes: AtomicU64,
    max_bytes: u64,
}

impl Memory {
    /// So much for all.
    pub(super) fn new(max_bytes: u64) -> Arc<Self> {
        Arc::new(Self { taken_bytes: AtomicU64::new(0), max_bytes })
    }
}

/// What one request takes of it, until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Counted {
    /// Takes more.
    ///
    /// # Errors
    /// When there is not so much left, or never was.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), Refused> {
        self.bytes += bytes;
        let taken_bytes = self.memory.taken_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.bytes > self.memory.max_bytes {
            return Err(Refused::TooMuch);
        }
        if taken_bytes > self.memory.max_bytes { Err(Refused::Full) } else { Ok(()) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.memory.taken_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads what will be kept in memory: refuses beyond a limit, and when there is no room left.
pub(super) struct Kept<R> {
    source: R,
    counted: Counted,
    max_bytes: u64,
}

impl<R: Read> Kept<R> {
    /// Reads at most `max_bytes`.
    pub(super) fn new(source: R, memory: &Arc<Memory>, max_bytes: u64) -> Self {
        Self { source, counted: Counted { memory: Arc::clone(memory), bytes: 0 }, max_bytes }
    }

    /// What was read, to be held as long as it is kept.
    pub(super) fn counted(self) -> Counted {
        self.counted
    }
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(buffer)?;
        let added = self.counted.add(len as u64);
        if self.counted.bytes > self.max_bytes {
            return Err(Refused::TooLarge { max_bytes: self.max_bytes }.into());
        }
        added?;
        Ok(len)
    }
}
