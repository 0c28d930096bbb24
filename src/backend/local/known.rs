//! What is remembered of agents, and whether it still holds: as long as a journal's file looks the
//! same, no writer has come since, and the agent is where it was.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::{BackendError, Head};
use crate::clock::{Clock as _, SystemClock};
use crate::disk::{DiskError, FileKind, Stat};
use crate::refs::Handle;

use super::LocalBackend;
use super::examine::{Tail, length};
use super::journal::{self, FIRST_RECORD, Op, RecordHeader, Slot};

/// Most agents of which something is remembered; beyond it all are forgotten and looked at anew.
pub(super) const KNOWN_MAX: usize = 16 * 1024;

/// Two writes within this time may leave a file with the same time: the clock of the kernel ticks 100
/// times a second, or more often.
const TICK: Duration = Duration::from_millis(20);
/// The same on file systems that count whole seconds, or every second one.
const COARSE_TICK: Duration = Duration::from_millis(2500);

/// How a journal's file looked, and since when it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    stat: Stat,
    first: Instant,
    /// Whether the journal was read after every later write would look different.
    settled: bool,
}

impl Looked {
    /// At the beginning of a look: the journal was just found as `stat` says, and is read from now on.
    pub(super) fn beginning(before: Option<Self>, stat: Stat) -> Self {
        let same = before.filter(|before| before.stat == stat);
        let first = same.map_or_else(Instant::now, |before| before.first);
        let coarse = stat.modified_ns % 1_000_000_000 == 0;
        let tick = if coarse { COARSE_TICK } else { TICK };
        let waited = same.is_some() && first.elapsed() > tick;
        Self { stat, first, settled: waited || is_past(stat.changed_ns.max(stat.modified_ns)) }
    }

    /// As another process found it, for sure.
    pub(super) fn noted(stat: Stat) -> Self {
        Self { stat, first: Instant::now(), settled: true }
    }

    /// How the journal's file looks as long as nobody writes; `None` while a write might leave it like that.
    pub(super) fn for_sure(&self) -> Option<Stat> {
        Some(self.stat).filter(|stat| self.settled && stat.kind == FileKind::File && !stat.executable)
    }

    /// Length of the journal's file, in bytes.
    pub(super) fn len_bytes(&self) -> u64 {
        self.stat.len_bytes
    }

    fn says_unchanged(&self, stat: &Stat) -> bool {
        self.settled && self.stat == *stat
    }
}

impl Tail {
    fn is_unchanged(&self, stat: &Stat) -> bool {
        self.looked.is_some_and(|looked| looked.says_unchanged(stat))
    }
}

/// Whether a time of a file lies so far back that whoever writes now leaves another: more than the coarsest
/// tick, since some volumes take their time from another machine. One that lies ahead does not.
fn is_past(time_ns: i128) -> bool {
    let now_ns = i128::from(SystemClock.now().as_ms()) * 1_000_000;
    u128::try_from(now_ns - time_ns).is_ok_and(|past_ns| past_ns > COARSE_TICK.as_nanos())
}

/// What is known of an agent without its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Unknown,
    /// Its files show everything that its journal holds.
    Shown,
    /// Its journal holds a record that the files do not show: a writer is at work, or died.
    Begun,
    /// Its journal was started anew, or the agent moved.
    Changed,
}

impl LocalBackend {
    pub(super) fn known(&self) -> MutexGuard<'_, HashMap<Handle, Tail>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, agent: &Handle, tail: Tail) {
        remember(&mut self.known(), agent, tail);
    }

    /// Remembers what was seen without a lock, unless something was forgotten since.
    pub(super) fn remember_unless_forgotten(&self, agent: &Handle, tail: Tail, forgotten: u64) {
        let mut known = self.known();
        if self.forgotten() == forgotten {
            remember(&mut known, agent, tail);
        }
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    pub(super) fn forget_all(&self) {
        let mut known = self.known();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        known.clear();
    }

    pub(super) fn forget(&self, agent: &Handle) {
        let mut known = self.known();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        known.remove(agent);
    }

    /// Whether what is remembered of an agent still holds; costs one look at the journal's file as long
    /// as nobody writes.
    pub(super) fn standing(&self, agent: &Handle) -> Result<Standing, BackendError> {
        let Some(tail) = self.known().get(agent).copied() else { return Ok(Standing::Unknown) };
        let forgotten = self.forgotten();
        let stat = self.disk.stat(&self.layout.journal(agent));
        let Some(stat) = stat.map_err(BackendError::disk("look at the journal"))? else {
            return Ok(Standing::Changed);
        };
        if tail.is_unchanged(&stat) {
            return Ok(Standing::Shown);
        }
        let looked = Some(Looked::beginning(tail.looked, stat));
        let (standing, now) = match self.read_on(agent, tail) {
            // It was renamed between the two looks.
            Err(BackendError::Disk {
                source: DiskError::NotFound { .. } | DiskError::NotAFile { .. },
                ..
            }) => (Standing::Changed, tail),
            other => other?,
        };
        if standing == Standing::Shown {
            let tail = Tail { looked, file_bytes: stat.len_bytes, ..now };
            self.remember_unless_forgotten(agent, tail, forgotten);
        }
        Ok(standing)
    }

    /// Whether it is certain, by one look at the journal's file, that nobody wrote since the agent was looked
    /// at last: then it is where it was, too, because a rename begins with a record.
    pub(super) fn is_unchanged(&self, agent: &Handle) -> Result<bool, BackendError> {
        let tail = self.known().get(agent).copied();
        tail.map_or(Ok(false), |tail| self.looks_unchanged(agent, &tail))
    }

    /// The same of what was remembered.
    pub(super) fn looks_unchanged(&self, agent: &Handle, tail: &Tail) -> Result<bool, BackendError> {
        if tail.looked.is_none_or(|looked| !looked.settled) {
            return Ok(false);
        }
        let stat = self.disk.stat(&self.layout.journal(agent));
        let stat = stat.map_err(BackendError::disk("look at the journal"))?;
        Ok(stat.is_some_and(|stat| tail.is_unchanged(&stat)))
    }

    /// The head of an agent that was looked at before, if nobody wrote since.
    pub(super) fn unchanged_head(&self, agent: &Handle) -> Result<Option<Head>, BackendError> {
        let Some(tail) = self.known().get(agent).copied() else { return Ok(None) };
        if tail.head.is_none() || !self.looks_unchanged(agent, &tail)? {
            return Ok(None);
        }
        Ok(tail.head)
    }

    /// Reads what a journal has behind a remembered end.
    fn read_on(&self, agent: &Handle, mut tail: Tail) -> Result<(Standing, Tail), BackendError> {
        let path = self.layout.journal(agent);
        let read = |offset, len| {
            let reading = BackendError::disk(format!("read the journal of agent '{agent}'"));
            self.disk.read_at(&path, offset, len).map_err(reading)
        };
        let slots = read(0, usize::try_from(FIRST_RECORD).expect("two sectors"))?;
        if Slot::newest(&slots).is_none_or(|slot| slot.epoch != tail.epoch) {
            return Ok((Standing::Changed, tail));
        }
        loop {
            let bytes = read(tail.offset, journal::HEADER_BYTES)?;
            let Some(header) = RecordHeader::decode(&bytes, tail.epoch, tail.seq) else { break };
            let start = tail.offset + journal::HEADER_BYTES as u64;
            let payload = read(start, usize::try_from(header.payload_bytes).unwrap_or(usize::MAX))?;
            match header.ops(&payload).as_deref() {
                None => return Ok((Standing::Begun, tail)),
                // It moves the agent, and starts the journal anew.
                Some([.., Op::Rename { .. }]) => return Ok((Standing::Changed, tail)),
                Some(_) => {}
            }
            let (offset, log_bytes) = (header.next_offset(tail.offset), header.log_bytes);
            tail = Tail { seq: tail.seq + 1, offset, log_bytes, head: None, ..tail };
        }
        // Read last: a log that grew since shows more than these records, never less.
        let shown = length(self.disk.as_ref(), &self.layout, agent)? >= tail.log_bytes;
        Ok((if shown { Standing::Shown } else { Standing::Begun }, tail))
    }
}

fn remember(known: &mut HashMap<Handle, Tail>, agent: &Handle, tail: Tail) {
    if known.len() >= KNOWN_MAX && !known.contains_key(agent) {
        known.clear();
    }
    known.insert(agent.clone(), tail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_is_enough_where_the_last_write_is_past() {
        const SECOND_NS: i128 = 1_000_000_000;
        let now_ns = i128::from(SystemClock.now().as_ms()) * 1_000_000;
        let settled = |at_ns: i128| {
            let (kind, executable) = (FileKind::File, false);
            let stat =
                Stat { kind, len_bytes: 1, modified_ns: at_ns, changed_ns: at_ns, inode: 1, executable };
            Looked::beginning(None, stat).says_unchanged(&stat)
        };
        assert!(settled(now_ns - 4 * SECOND_NS));
        // The next write may get the same time, or one that another machine's clock gives.
        assert!(!settled(now_ns - SECOND_NS));
        assert!(!settled(now_ns));
        assert!(!settled(now_ns + 60 * SECOND_NS));
    }
}
