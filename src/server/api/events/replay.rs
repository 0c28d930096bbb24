//! What a listener missed, from the logs.

use axum::body::Bytes;

use crate::history::{End, HistoryError, LogLines, Order, records};
use crate::log::Record;
use crate::repo::{Repo, RepoError};

use super::event;
use super::position::Position;
use crate::server::api::shapes::Operation;

/// Tells everything from a position to the ends that are given; whether all of it could be told.
///
/// # Errors
/// When a log cannot be read.
pub(super) fn replay(
    repo: &Repo,
    from: &Position,
    ends: &[End],
    send: &mut dyn FnMut(Bytes) -> bool,
) -> Result<bool, RepoError> {
    let mut position = from.clone();
    for end in ends {
        let start = match from.told(end.head.agent) {
            Some(told) => told,
            None if end.head.time.as_ms() < from.oldest_ms() => continue,
            None => first_since(repo, end, from.oldest_ms())?,
        };
        let mut goes_on = true;
        records(repo.backend(), &end.handle, (start, end.head.log_bytes), &mut |id, record, offset| {
            position.catch_up(end.head.agent, record.time, offset);
            goes_on = send(event(&Operation::told(&end.handle, id, record), &position));
            goes_on
        })?;
        if !goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where the first record of a log begins that says it happened then or later, in bytes.
fn first_since(repo: &Repo, end: &End, oldest_ms: i64) -> Result<u64, HistoryError> {
    let Some(mut lines) = LogLines::new(repo.backend(), &end.handle, Order::NewestFirst)? else {
        return Ok(end.head.log_bytes);
    };
    let mut start = None;
    while let Some(line) = lines.next_line()? {
        let Ok((id, record)) = Record::from_line(&line) else { break };
        // The log may have grown since.
        if start.is_none() && id == end.head.record {
            start = Some(end.head.log_bytes);
        }
        let Some(at) = &mut start else { continue };
        if record.time.as_ms() < oldest_ms {
            break;
        }
        *at = at.saturating_sub(line.len() as u64 + 1);
    }
    Ok(start.unwrap_or(end.head.log_bytes))
}
