//! Brings a pack while it is made: what reads it and what sends it are two threads, a few pieces apart.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use reqwest::blocking::Body;

use crate::backend::BackendError;
use crate::pack::PackError;
use crate::sync::SyncError;
use crate::sync::wire::PIECE_BYTES;

use super::answer::Answer;
use super::client::Client;

/// Pieces that wait to be sent.
const PIECES_AHEAD: usize = 8;

/// Pieces on their way to be sent.
struct Sent {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.ended {
                return Ok(read);
            }
            match self.pieces.recv() {
                Ok(piece) => {
                    let piece = piece?;
                    self.ended = piece.is_empty();
                    self.piece = io::Cursor::new(piece);
                }
                // Whoever read the pack is gone: the request must not end as if it were whole.
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

/// Sends a pack; gives what was answered.
///
/// # Errors
/// When the pack cannot be read, and what the server says to it.
pub(super) fn send<'a>(client: &'a Client, pack: &mut dyn Read) -> Result<Answer<'a>, SyncError> {
    let (sender, pieces) = sync_channel(PIECES_AHEAD);
    let body = Sent { pieces, piece: io::Cursor::new(Vec::new()), ended: false };
    std::thread::scope(|scope| {
        let sent = scope.spawn(move || client.stage(Body::new(body)));
        let read = pump(pack, &sender);
        drop(sender);
        let answer = match sent.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        read.map_err(|error| BackendError::from(PackError::reading(error, 0)))?;
        Ok(answer?)
    })
}

/// Hands the pack on, as long as somebody takes it.
fn pump(pack: &mut dyn Read, sender: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = pack.take(PIECE_BYTES as u64).read_to_end(&mut piece);
        let ended = piece.is_empty();
        if let Err(error) = read {
            // The request fails with it.
            let _ = sender.send(Err(io::Error::from(error.kind())));
            return Err(error);
        }
        if sender.send(Ok(piece)).is_err() || ended {
            return Ok(());
        }
    }
}
