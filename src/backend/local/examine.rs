//! Looks at an agent's journal and log, and says what a writer or reader must do first.

use std::borrow::Cow;

use crate::backend::{BackendError, Head};
use crate::disk::{Disk, DiskError, FileKind};
use crate::refs::Handle;

use super::LocalBackend;
use super::journal::{self, FIRST_RECORD, Found, Op, RecordHeader, Slot};
use super::known::Looked;
use super::layout::Layout;

/// Largest journal that is read, in bytes.
pub(super) const JOURNAL_MAX_BYTES: u64 = 2 * journal::PAYLOAD_MAX_BYTES;

/// How much of a journal is read at once while its headers are followed, in bytes.
const WINDOW_BYTES: usize = 16 * 1024;

/// Where the next record of a journal goes, and what the log looks like now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// The journal's epoch.
    pub(super) epoch: u64,
    /// Whether the epoch began in another boot and has no record yet: the next record starts an epoch of
    /// this boot, because everything before it is durable.
    pub(super) old_boot: bool,
    /// Position of the next record in the epoch.
    pub(super) seq: u64,
    /// Where the next record starts.
    pub(super) offset: u64,
    /// Length of the journal's file, in bytes.
    pub(super) file_bytes: u64,
    /// Length of the log, in bytes.
    pub(super) log_bytes: u64,
    /// The head of the log, once it was read.
    pub(super) head: Option<Head>,
    /// Whether the header of the epoch is known to be durable.
    pub(super) flushed: bool,
    /// How the journal's file looked when this was last found to be so without a lock.
    pub(super) looked: Option<Looked>,
}

/// What an agent's journal and log say about each other.
#[derive(Debug)]
pub(super) enum State {
    /// There is no such agent; at most the debris of one that was never made.
    Absent,
    /// The files show everything that the journal holds.
    Clean(Tail),
    /// Records of the journal have to be applied first.
    Pending(Pending),
}

/// What has to be applied before an agent's files can be used.
#[derive(Debug)]
pub(super) struct Pending {
    /// The journal's slot.
    pub(super) slot: Slot,
    /// Operations of the records to apply, in order.
    pub(super) records: Vec<Vec<Op>>,
    /// Length and head of the log once they are applied: a slot for the epoch after.
    pub(super) reached: Slot,
    /// Whether the files were written in another boot, so that everything has to be made durable.
    pub(super) other_boot: bool,
    /// Whether the log lacks more than the last operation: no death of a writer does that.
    pub(super) cut: bool,
    /// The rename that the last record asks for; a rename is always the last record of its epoch.
    pub(super) renaming: Option<(Handle, Handle)>,
}

impl LocalBackend {
    /// Examines an agent through `disk`. Without the agent's lock a writer may be met in the middle of
    /// something, and then even an error means only that it has to be looked at again.
    pub(super) fn examine(&self, disk: &dyn Disk, agent: &Handle) -> Result<State, BackendError> {
        let dir = disk.stat(&self.layout.agent(agent)).map_err(BackendError::disk("look at the agent"))?;
        if dir.is_none_or(|stat| stat.kind != FileKind::Dir) {
            return Ok(State::Absent);
        }
        let path = self.layout.journal(agent);
        // Before anything that it tells of is read.
        let looked = disk.stat(&path).map_err(BackendError::disk("look at the journal"))?;
        let looked = looked.map(|stat| Looked::beginning(None, stat));
        let log_bytes = length(disk, &self.layout, agent)?;
        let damaged = |reason: &str| BackendError::corrupt(self.layout.shown(&path), reason);
        if let Some(looked) = looked
            && let Some(tail) = self.plainly_clean(disk, agent, log_bytes, looked)?
        {
            return Ok(State::Clean(tail));
        }
        let bytes = match disk.read(&path, JOURNAL_MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(DiskError::NotFound { .. }) if log_bytes == 0 => return self.absent(disk, agent),
            Err(DiskError::NotFound { .. }) => return Err(damaged("it is missing")),
            Err(error) => {
                return Err(BackendError::disk(format!("read the journal of agent '{agent}'"))(error));
            }
        };
        let Some(slot) = Slot::newest(&bytes) else {
            return if log_bytes == 0 {
                self.absent(disk, agent)
            } else {
                Err(damaged("both of its headers are damaged"))
            };
        };
        if log_bytes < slot.log_bytes {
            let log = self.layout.shown(&self.layout.log(agent));
            return Err(BackendError::corrupt(log, "it is shorter than it was at the last checkpoint"));
        }
        let records = journal::happened(&bytes, &slot, log_bytes).map_err(damaged)?;
        let Some(last) = records.last() else {
            return if slot.log_bytes == 0 {
                self.absent(disk, agent)
            } else {
                Ok(State::Clean(self.tail(&bytes, &slot, &records)))
            };
        };
        let last_ops = last.ops().ok_or_else(|| damaged("its last record is damaged"))?;
        let renaming = match last_ops.last() {
            Some(Op::Rename { from, to }) => Some((from.clone(), to.clone())),
            _ => None,
        };
        let other_boot = slot.boot != self.boot;
        if !other_boot && log_bytes == last.header.log_bytes && renaming.is_none() {
            return Ok(State::Clean(self.tail(&bytes, &slot, &records)));
        }
        let before = records.len().checked_sub(2).map_or(slot.log_bytes, |at| records[at].header.log_bytes);
        let cut = log_bytes < before;
        let reached = Slot {
            boot: self.boot,
            log_bytes: last.header.log_bytes,
            head: last.header.head,
            ..slot.clone()
        };
        let records = if other_boot || cut {
            let all: Option<Vec<_>> = records.iter().map(Found::ops).collect();
            all.ok_or_else(|| damaged("a record in its middle is damaged"))?
        } else {
            vec![last_ops]
        };
        Ok(State::Pending(Pending { slot, records, reached, other_boot, cut, renaming }))
    }

    /// The end of a journal of this boot of which everything is applied, as nearly always: only the
    /// headers of its records are read, and the last record. `None` when it takes a closer look.
    ///
    /// A record is written only after the one before it was applied, so when the log is as long as the
    /// last header says, nothing was left undone, whatever the sectors behind it hold.
    fn plainly_clean(
        &self,
        disk: &dyn Disk,
        agent: &Handle,
        log_bytes: u64,
        looked: Looked,
    ) -> Result<Option<Tail>, BackendError> {
        let path = self.layout.journal(agent);
        let failed = BackendError::disk(format!("read the journal of agent '{agent}'"));
        let read = |offset, length| match disk.read_at(&path, offset, length) {
            Err(DiskError::NotFound { .. }) => Ok(Vec::new()),
            other => other,
        };
        let ended = || -> Result<Option<Tail>, DiskError> {
            let mut window = read(0, WINDOW_BYTES)?;
            let Some(slot) = Slot::newest(&window).filter(|slot| slot.boot == self.boot) else {
                return Ok(None);
            };
            let (mut start, mut offset, mut seq) = (0, FIRST_RECORD, 0);
            let mut last: Option<(u64, RecordHeader)> = None;
            loop {
                if offset + journal::HEADER_BYTES as u64 > start + window.len() as u64 {
                    start = offset;
                    window = read(start, WINDOW_BYTES)?;
                }
                let at = usize::try_from(offset - start).expect("within the window");
                let header = window.get(at..).and_then(|bytes| RecordHeader::decode(bytes, slot.epoch, seq));
                let Some(header) = header else { break };
                let next = header.next_offset(offset);
                last = Some((offset, header));
                (offset, seq) = (next, seq + 1);
            }
            let Some((at, header)) = last.filter(|(_, header)| header.log_bytes == log_bytes) else {
                return Ok(None);
            };
            let length = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
            let from = at + journal::HEADER_BYTES as u64;
            let seen = from.checked_sub(start).and_then(|skipped| usize::try_from(skipped).ok());
            let seen = seen.and_then(|skipped| window.get(skipped..)?.get(..length));
            let payload = match seen {
                Some(payload) => Cow::Borrowed(payload),
                None => Cow::Owned(read(from, length)?),
            };
            let Some(ops) = header.ops(&payload) else { return Ok(None) };
            let file_bytes = looked.len_bytes();
            if matches!(ops.last(), Some(Op::Rename { .. })) || file_bytes < offset {
                return Ok(None);
            }
            Ok(Some(Tail {
                epoch: slot.epoch,
                old_boot: false,
                seq,
                offset,
                file_bytes,
                log_bytes,
                head: None,
                flushed: false,
                looked: Some(looked),
            }))
        };
        ended().map_err(failed)
    }

    fn tail(&self, journal: &[u8], slot: &Slot, records: &[Found<'_>]) -> Tail {
        Tail {
            epoch: slot.epoch,
            old_boot: slot.boot != self.boot,
            seq: records.len() as u64,
            offset: journal::end_of(records),
            file_bytes: journal.len() as u64,
            log_bytes: records.last().map_or(slot.log_bytes, |found| found.header.log_bytes),
            head: None,
            flushed: false,
            looked: None,
        }
    }

    /// An agent without a log and without a record has never been made; if it has refs all the
    /// same, its history was lost, which is not the same as having none.
    fn absent(&self, disk: &dyn Disk, agent: &Handle) -> Result<State, BackendError> {
        for name in ["ACTIVE", "meta", "versions", "drafts"] {
            let path = self.layout.agent(agent).join(name);
            if disk.stat(&path).map_err(BackendError::disk("look at the agent"))?.is_some() {
                return Err(BackendError::corrupt(
                    self.layout.shown(&self.layout.log(agent)),
                    format!("it is missing, though '{name}' is there"),
                ));
            }
        }
        Ok(State::Absent)
    }

    /// Whether a remembered tail still is the end of the journal: the same epoch, and no record of
    /// a writer in another process behind it.
    pub(super) fn still_the_end(&self, agent: &Handle, tail: &Tail) -> Result<bool, BackendError> {
        let path = self.layout.journal(agent);
        let read = |offset, len| match self.disk.read_at(&path, offset, len) {
            Err(DiskError::NotFound { .. }) => Ok(Vec::new()),
            other => other.map_err(BackendError::disk(format!("read the journal of agent '{agent}'"))),
        };
        // Most journals are short: one read shows both headers.
        let end = usize::try_from(tail.offset).unwrap_or(usize::MAX).saturating_add(journal::HEADER_BYTES);
        let slots = read(0, if end <= WINDOW_BYTES { end } else { 1024 })?;
        if Slot::newest(&slots).is_none_or(|slot| slot.epoch != tail.epoch) {
            return Ok(false);
        }
        let next = if end <= WINDOW_BYTES {
            slots.get(end - journal::HEADER_BYTES..).unwrap_or_default().to_vec()
        } else {
            read(tail.offset, journal::HEADER_BYTES)?
        };
        if journal::RecordHeader::decode(&next, tail.epoch, tail.seq).is_some() {
            return Ok(false);
        }
        let dir = self.disk.stat(&self.layout.agent(agent));
        let dir = dir.map_err(BackendError::disk("look at the agent"))?;
        Ok(dir.is_some_and(|stat| stat.kind == FileKind::Dir)
            && length(self.disk.as_ref(), &self.layout, agent)? == tail.log_bytes)
    }
}

/// Length of an agent's log, in bytes; 0 when it has none.
pub(super) fn length(disk: &dyn Disk, layout: &Layout, agent: &Handle) -> Result<u64, BackendError> {
    let stat = disk.stat(&layout.log(agent)).map_err(BackendError::disk("look at the log"))?;
    Ok(stat.map_or(0, |stat| stat.len_bytes))
}
