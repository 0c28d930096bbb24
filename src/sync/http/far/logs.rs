//! Bytes of logs: what was written stays, so that what was read is kept, and more is read than is asked for.

use std::collections::HashMap;

use crate::backend::BackendError;
use crate::log::{AgentId, StoreId};
use crate::refs::Handle;
use crate::sync::wire::Text;
use crate::sync::wire::store::{LOG_MAX_BYTES, LogAsk};

use super::HttpBackend;

/// How much is read at once at least, where there is so much, in bytes.
const AHEAD_BYTES: u64 = 256 * 1024;
/// How much of one log is kept, in bytes.
const KEPT_MAX_BYTES: usize = 32 * 1024 * 1024;

/// Which log: an agent's, or another store's of it.
pub(super) type Key = (AgentId, Option<StoreId>);

/// What is kept of logs: of each one run.
pub(super) type Logs = HashMap<Key, Run>;

/// Bytes of a log from an offset on.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    start: u64,
    bytes: Vec<u8>,
}

impl Run {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from `from` to `to`, as far as they are here.
    fn slice(&self, from: u64, to: u64) -> Option<Vec<u8>> {
        let place = |at: u64| usize::try_from(at.checked_sub(self.start)?).ok();
        Some(self.bytes.get(place(from)?..place(to)?)?.to_vec())
    }

    /// Both together, when they touch; else the newer one.
    fn joined(self, newer: Self) -> Self {
        let touch = newer.start <= self.end() && self.start <= newer.end();
        if !touch || self.bytes.len() + newer.bytes.len() > KEPT_MAX_BYTES {
            return newer;
        }
        let (mut first, second) = if self.start <= newer.start { (self, newer) } else { (newer, self) };
        let known = usize::try_from(first.end() - second.start).unwrap_or(usize::MAX);
        first.bytes.extend_from_slice(second.bytes.get(known..).unwrap_or_default());
        first
    }
}

impl HttpBackend {
    /// Bytes of a log that has `log_bytes`.
    pub(super) fn log_part(
        &self,
        agent: &Handle,
        key: Key,
        log_bytes: u64,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let to = log_bytes.min(offset.saturating_add(len as u64));
        if offset >= to {
            return Ok(Vec::new());
        }
        let kept = self.known().logs.get(&key).map(|run| (run.slice(offset, to), run.start, run.end()));
        let forwards = match kept {
            Some((Some(bytes), ..)) => return Ok(bytes),
            Some((None, start, end)) => (start..=end).contains(&offset) || offset == 0,
            None => offset == 0,
        };
        let (first, last) = if forwards {
            (offset, log_bytes.min(to.max(offset + AHEAD_BYTES)))
        } else {
            (offset.min(to.saturating_sub(AHEAD_BYTES)), to)
        };
        let run = Run { start: first, bytes: self.log_bytes(agent, key.1, first, last)? };
        let bytes = run.slice(offset, to.min(run.end())).unwrap_or_default();
        let mut known = self.known();
        let kept = known.logs.remove(&key);
        known.logs.insert(key, kept.map_or(run.clone(), |kept| kept.joined(run)));
        Ok(bytes)
    }

    /// Keeps bytes that a log has ended with since, at `end`.
    pub(super) fn append(&self, key: Key, end: u64, bytes: &[u8]) {
        let run = Run { start: end.saturating_sub(bytes.len() as u64), bytes: bytes.to_vec() };
        let mut known = self.known();
        if let Some(kept) = known.logs.remove(&key) {
            known.logs.insert(key, kept.joined(run));
        }
    }

    fn log_bytes(
        &self,
        agent: &Handle,
        store: Option<StoreId>,
        first: u64,
        last: u64,
    ) -> Result<Vec<u8>, BackendError> {
        let mut bytes = Vec::new();
        loop {
            let offset = first + bytes.len() as u64;
            let len = (last - offset).min(LOG_MAX_BYTES);
            let ask = LogAsk { agent: Text(agent.clone()), store: store.map(Text), offset, len };
            let part = self.ask_bytes("log", &ask, len)?.unwrap_or_default();
            bytes.extend_from_slice(&part);
            if part.is_empty() || first + bytes.len() as u64 >= last {
                return Ok(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, bytes: &[u8]) -> Run {
        Run { start, bytes: bytes.to_vec() }
    }

    #[test]
    fn runs_that_touch_are_one() {
        let check = |one: Run, two: Run, expected: (u64, &[u8])| {
            let joined = one.joined(two);
            assert_eq!((joined.start, joined.bytes.as_slice()), expected);
        };
        check(run(0, b"ab"), run(2, b"cd"), (0, b"abcd"));
        check(run(2, b"cd"), run(0, b"ab"), (0, b"abcd"));
        check(run(0, b"abc"), run(1, b"bcd"), (0, b"abcd"));
        check(run(1, b"b"), run(0, b"abcd"), (0, b"abcd"));
        check(run(0, b"ab"), run(3, b"d"), (3, b"d"));
    }

    #[test]
    fn what_is_not_there_is_no_slice() {
        let run = run(2, b"cdef");
        assert_eq!(run.slice(3, 5).as_deref(), Some(&b"de"[..]));
        assert_eq!(run.slice(2, 6).as_deref(), Some(&b"cdef"[..]));
        assert_eq!((run.slice(1, 3), run.slice(3, 7)), (None, None));
    }
}
