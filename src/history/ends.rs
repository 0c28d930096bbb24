//! Where the logs of all agents end, and the records between two places of one: how whoever follows what
//! happens finds it, whoever did it.

use crate::backend::{Backend, BackendError, Head, pages};
use crate::log::{Record, RecordId};
use crate::refs::Handle;

/// Agents whose heads are looked at in one step.
const PAGE: usize = 256;
/// How much of a log is read at once, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// Where the log of an agent ended when it was looked at.
#[derive(Debug, Clone)]
pub struct End {
    /// The agent's handle.
    pub handle: Handle,
    /// Its newest operation.
    pub head: Head,
}

/// Hands where the logs of all agents end to `found`.
///
/// # Errors
/// When the agents cannot be read.
pub fn ends(backend: &dyn Backend, found: &mut dyn FnMut(End)) -> Result<(), BackendError> {
    for handles in pages(backend, PAGE) {
        let handles = handles?;
        let heads = backend.heads(&handles)?;
        for (handle, head) in handles.into_iter().zip(heads) {
            if let Some(head) = head {
                found(End { handle, head });
            }
        }
    }
    Ok(())
}

/// Hands the records of a log between two places, in bytes, to `found`, each with where it ends, until that
/// says no. What is no record is left out.
///
/// # Errors
/// When the log cannot be read.
pub fn records(
    backend: &dyn Backend,
    agent: &Handle,
    (start, end): (u64, u64),
    found: &mut dyn FnMut(RecordId, &Record, u64) -> bool,
) -> Result<(), BackendError> {
    let (mut at, mut held) = (start, Vec::new());
    let mut read_to = start;
    while read_to < end {
        let len = usize::try_from(end - read_to).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let piece = backend.read_log(agent, read_to, len)?;
        if piece.is_empty() {
            return Ok(());
        }
        read_to += piece.len() as u64;
        held.extend_from_slice(&piece);
        let mut used = 0;
        while let Some(len) = memchr::memchr(b'\n', &held[used..]) {
            let line = &held[used..used + len];
            used += len + 1;
            at += len as u64 + 1;
            match Record::from_line(line) {
                Ok((id, record)) => {
                    if !found(id, &record, at) {
                        return Ok(());
                    }
                }
                // A place that is no line's beginning: whoever made it up gets what follows.
                Err(error) => tracing::debug!(error = %error, "a line of a log is none"),
            }
        }
        held.drain(..used);
    }
    Ok(())
}
