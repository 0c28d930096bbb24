//! The lines of a log, first to last or last to first, in bounded memory.

use std::collections::VecDeque;

use crate::backend::{Backend, BackendError};
use crate::error::{Classify, Kind};
use crate::log::{Record, RecordError, RecordId};
use crate::refs::Handle;

/// How much of a log is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The backend refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A line of the log is damaged.
    #[error("the log of agent '{agent}' is damaged")]
    Damaged {
        /// The agent.
        agent: Handle,
        /// What is wrong with the line.
        source: RecordError,
    },
    /// An object that history names is not there, or is of another kind.
    #[error("commit '{0}' is missing")]
    Missing(crate::object::ObjectId),
    /// A stored object does not decode.
    #[error(transparent)]
    Object(#[from] crate::object::ObjectError),
}

impl Classify for HistoryError {
    fn kind(&self) -> Kind {
        match self {
            Self::Backend(error) => error.kind(),
            Self::Damaged { .. } | Self::Missing(_) | Self::Object(_) => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Backend(error) => error.hint(),
            _ => Some("run 'recto fsck' for all that is damaged".to_owned()),
        }
    }
}

/// Which end of a log comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the first operation on.
    OldestFirst,
    /// From the last operation back.
    NewestFirst,
}

/// Iterates over the records of one log as it was when the iterator was made.
#[derive(Debug)]
pub struct LogLines<'a> {
    backend: &'a dyn Backend,
    agent: Handle,
    order: Order,
    needle: Option<memchr::memmem::Finder<'static>>,
    /// What was not read yet: `start..end` of the log, in bytes.
    start: u64,
    end: u64,
    /// Whole lines that were read, in the order asked for.
    ready: VecDeque<Vec<u8>>,
    /// The part of a line that the last chunk cut off.
    part: Vec<u8>,
}

impl<'a> LogLines<'a> {
    /// The log of an agent; `None` when there is no such agent.
    ///
    /// # Errors
    /// When the agent cannot be read.
    pub fn new(backend: &'a dyn Backend, agent: &Handle, order: Order) -> Result<Option<Self>, HistoryError> {
        let Some(head) = backend.head(agent)? else { return Ok(None) };
        Ok(Some(Self {
            backend,
            agent: agent.clone(),
            order,
            needle: None,
            start: 0,
            end: head.log_bytes,
            ready: VecDeque::new(),
            part: Vec::new(),
        }))
    }

    /// Only lines that contain this text are parsed and returned: a fast first sieve.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.needle = Some(memchr::memmem::Finder::new(text.as_bytes()).into_owned());
        self
    }

    /// The next line that passes the sieve, without its newline.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, HistoryError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            if self.start >= self.end {
                let rest = std::mem::take(&mut self.part);
                let rest = rest.strip_suffix(b"\n").map_or(rest.clone(), <[u8]>::to_vec);
                let passes = !rest.is_empty() && self.passes(&rest);
                return Ok(passes.then_some(rest));
            }
            match self.order {
                Order::OldestFirst => self.read_forwards()?,
                Order::NewestFirst => self.read_backwards()?,
            }
        }
    }

    fn passes(&self, line: &[u8]) -> bool {
        self.needle.as_ref().is_none_or(|needle| needle.find(line).is_some())
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, HistoryError> {
        let bytes = self.backend.read_log(&self.agent, offset, len)?;
        if bytes.len() < len {
            let reason = "it became shorter while it was read".to_owned();
            let source = RecordError { reason };
            return Err(HistoryError::Damaged { agent: self.agent.clone(), source });
        }
        Ok(bytes)
    }

    fn chunk_len(&self) -> usize {
        usize::try_from(self.end - self.start).unwrap_or(usize::MAX).min(CHUNK_BYTES)
    }

    fn read_forwards(&mut self) -> Result<(), HistoryError> {
        let len = self.chunk_len();
        let bytes = self.read(self.start, len)?;
        self.start += len as u64;
        let mut rest = bytes.as_slice();
        while let Some(at) = memchr::memchr(b'\n', rest) {
            self.part.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            let line = std::mem::take(&mut self.part);
            if self.passes(&line) {
                self.ready.push_back(line);
            }
        }
        self.part.extend_from_slice(rest);
        Ok(())
    }

    fn read_backwards(&mut self) -> Result<(), HistoryError> {
        let len = self.chunk_len();
        let mut bytes = self.read(self.end - len as u64, len)?;
        self.end -= len as u64;
        bytes.append(&mut self.part);
        // The first line of what was read may begin before it.
        let first_end = if self.start == self.end {
            0
        } else {
            memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1)
        };
        for line in bytes[first_end..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).rev() {
            if self.passes(line) {
                self.ready.push_back(line.to_vec());
            }
        }
        bytes.truncate(first_end);
        self.part = bytes;
        Ok(())
    }
}

impl Iterator for LogLines<'_> {
    type Item = Result<(RecordId, Record), HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.next_line() {
            Ok(line) => line?,
            Err(error) => return Some(Err(error)),
        };
        let parsed = Record::from_line_unchecked(&line);
        Some(parsed.map_err(|source| HistoryError::Damaged { agent: self.agent.clone(), source }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Transaction;
    use crate::backend::memory::MemoryBackend;
    use crate::clock::Time;
    use crate::log::StoreId;
    use crate::object::Author;

    fn store(records: usize, note: &dyn Fn(usize) -> String) -> (MemoryBackend, Handle) {
        let backend = MemoryBackend::new(StoreId([1; 16]));
        let agent: Handle = "a".parse().expect("a handle");
        let mut head = None;
        for at in 0..records {
            let prev = backend.head(&agent).expect("memory").map(|head| head.record);
            let record = Record {
                prev,
                store: backend.store_id(),
                agent: head,
                nonce: [u8::try_from(at % 256).expect("a byte"); 16],
                kind: format!("k{at}"),
                actor: Author { name: "Ana".to_owned(), email: None },
                via: "test".to_owned(),
                time: Time::from_ms(0).expect("a time"),
                changes: Vec::new(),
                cites: Vec::new(),
                note: note(at),
                sig: None,
                ext: serde_json::Map::new(),
            };
            head = head.or(Some(record.id()));
            backend.commit(&Transaction::new(agent.clone(), record)).expect("committed");
        }
        (backend, agent)
    }

    fn kinds(lines: LogLines<'_>) -> Vec<String> {
        lines.map(|line| line.expect("a record").1.kind).collect()
    }

    #[test]
    fn both_orders_give_every_line_also_across_chunks() {
        let (backend, agent) = store(40, &|at| "x".repeat(at * 400));
        let expected: Vec<String> = (0..40).map(|at| format!("k{at}")).collect();
        let forwards =
            LogLines::new(&backend, &agent, Order::OldestFirst).expect("memory").expect("an agent");
        assert_eq!(kinds(forwards), expected);
        let mut backwards =
            kinds(LogLines::new(&backend, &agent, Order::NewestFirst).expect("memory").expect("an agent"));
        backwards.reverse();
        assert_eq!(backwards, expected);
    }

    #[test]
    fn a_line_longer_than_a_chunk_is_one_line() {
        let (backend, agent) = store(3, &|at| if at == 1 { "y".repeat(200_000) } else { String::new() });
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let lines = LogLines::new(&backend, &agent, order).expect("memory").expect("an agent");
            assert_eq!(lines.count(), 3);
        }
    }

    #[test]
    fn the_sieve_leaves_out_lines_without_the_text() {
        let (backend, agent) = store(10, &|at| format!("note-{at}-"));
        let lines = LogLines::new(&backend, &agent, Order::NewestFirst).expect("memory").expect("an agent");
        assert_eq!(kinds(lines.containing("note-7-")), ["k7"]);
    }
}
