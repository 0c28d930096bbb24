//! The body of an answer that blocking code writes, piece by piece, as fast as its client takes it.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::sync::wire::PIECE_BYTES;

/// Pieces that wait to be sent.
const PIECES_AHEAD: usize = 4;

/// The end of a stream that is sent.
pub(super) struct Streamed {
    pieces: Receiver<Bytes>,
}

impl Streamed {
    /// A stream of pieces that come from elsewhere.
    pub(super) fn of(pieces: Receiver<Bytes>) -> Self {
        Self { pieces }
    }
}

/// The end that is written to, outside of async code only. What is not flushed is not sent.
pub(super) struct Sink {
    pieces: Sender<Bytes>,
    handle: Handle,
    stall: Duration,
    piece: Vec<u8>,
}

/// A stream, which breaks when its client takes nothing for as long as `stall`.
pub(super) fn stream(stall: Duration) -> (Sink, Streamed) {
    let (sender, pieces) = channel(PIECES_AHEAD);
    let piece = Vec::with_capacity(PIECE_BYTES);
    (Sink { pieces: sender, handle: Handle::current(), stall, piece }, Streamed { pieces })
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..len]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let sending = self.pieces.send(piece.into());
        match self.handle.block_on(async { timeout(self.stall, sending).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
