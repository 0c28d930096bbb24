//! A commit: check what the operation expects, flush one journal record, bring the files up to
//! date.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::PoisonError;

use crate::backend::transaction::{check_group, first_moved};
use crate::backend::{BackendError, Head, Moved, Outcome, Transaction};
use crate::disk::{FileKind, LockGuard};
use crate::log::RefState;
use crate::refs::{Handle, RefName, Shape};

use super::apply::Present;
use super::examine::Tail;
use super::journal::{self, FIRST_RECORD, Op, RecordHeader, SECTOR, Slot};
use super::recover::Settled;
use super::{LocalBackend, apply};

/// A journal grows by at least its own length, up to this, in bytes: most flushes then write into
/// space that the file has already, and need not flush its length too.
const GROWTH_MAX_BYTES: u64 = 256 * 1024;
/// Most agents whose locks are held at once, where the disk can hold as many. Each group costs a flush, and
/// that of the second waits for the files of the first as well.
const GROUP_MAX: usize = 512;

/// The files of fewer agents than this are not worth a thread.
const BESIDE_FROM: usize = 32;

/// An operation that was checked and is ready to be written.
struct Prepared {
    agent: Handle,
    tail: Tail,
    ops: Vec<Op>,
    head: Head,
    creates: bool,
    /// Whether the agent's directory was just made, and nothing but its journal is in it.
    empty: bool,
    rename_to: Option<Handle>,
    /// Held until the operation is applied.
    _locks: Vec<Box<dyn LockGuard>>,
}

/// The lock on the names of the store, shared by those who make or rename agents: once for a group.
type Names = Option<Box<dyn LockGuard>>;

/// What came of the checks.
enum Checked {
    Ready(Box<Prepared>),
    Moved(Moved),
    /// First a rename has to be completed that a dead writer left.
    Renaming(Handle, Handle),
}

impl LocalBackend {
    pub(super) fn commit_one(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        let mut adopting = self.adopting(std::slice::from_ref(transaction))?;
        if let Some(moved) = adopting.refuses(transaction) {
            return Ok(Outcome::Moved(moved));
        }
        // Held until the operation is applied.
        let mut names = None;
        let prepared = loop {
            match self.prepare(transaction, &mut names)? {
                Checked::Ready(prepared) => break prepared,
                Checked::Moved(moved) => return Ok(Outcome::Moved(moved)),
                Checked::Renaming(from, to) => {
                    names = None;
                    self.finish_rename(&from, &to)?;
                }
            }
        };
        let agent = &prepared.agent;
        if let Some(to) = &prepared.rename_to {
            self.claim(to, agent)?;
        }
        self.settle_staged()?;
        let written = self.write_record(&prepared)?;
        if prepared.creates {
            // The names on the way to the record must be as durable as the record.
            self.sync_new_agent(agent).inspect_err(|_| self.poison(agent, Some(prepared.tail.offset)))?;
        }
        self.flush(agent, Some(prepared.tail.offset))?;
        self.finish(&prepared, written)?;
        Ok(Outcome::Committed)
    }

    pub(super) fn commit_group(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        check_group(transactions)?;
        if let [one] = transactions {
            return Ok(vec![self.commit_one(one)?]);
        }
        let mut outcomes = Vec::with_capacity(transactions.len());
        for group in transactions.chunks(self.disk.locks_max().clamp(1, GROUP_MAX)) {
            // Locks are taken in the order of handles, so that two groups never wait for each other.
            let mut order: Vec<usize> = (0..group.len()).collect();
            order.sort_by(|a, b| group[*a].agent.cmp(&group[*b].agent));
            let mut adopting = self.adopting(group)?;
            let refusals: HashMap<usize, Moved> =
                (0..group.len()).filter_map(|at| Some((at, adopting.refuses(&group[at])?))).collect();
            order.retain(|at| !refusals.contains_key(at));
            let mut names = None;
            let (prepared, mut found) = self.prepare_group(group, &order, &mut names)?;
            found.extend(refusals.into_iter().map(|(at, moved)| (at, Outcome::Moved(moved))));
            self.commit_prepared(&prepared)?;
            outcomes.extend((0..group.len()).map(|at| found.remove(&at).unwrap_or(Outcome::Committed)));
        }
        Ok(outcomes)
    }

    /// Checks a group; the outcomes of those that are not to be written stand at their positions.
    fn prepare_group(
        &self,
        group: &[Transaction],
        order: &[usize],
        names: &mut Names,
    ) -> Result<(Vec<Prepared>, HashMap<usize, Outcome>), BackendError> {
        'again: loop {
            let mut prepared = Vec::new();
            let mut found = HashMap::new();
            for at in order {
                match self.prepare(&group[*at], names)? {
                    Checked::Ready(one) => prepared.push(*one),
                    Checked::Moved(moved) => drop(found.insert(*at, Outcome::Moved(moved))),
                    Checked::Renaming(from, to) => {
                        // Its locks may be among those held, or before them in their order.
                        drop(prepared);
                        *names = None;
                        self.finish_rename(&from, &to)?;
                        continue 'again;
                    }
                }
            }
            return Ok((prepared, found));
        }
    }

    fn commit_prepared(&self, group: &[Prepared]) -> Result<(), BackendError> {
        if group.is_empty() {
            return Ok(());
        }
        self.settle_staged()?;
        let mut written = Vec::with_capacity(group.len());
        for (at, one) in group.iter().enumerate() {
            let tail = self.write_record(one).inspect_err(|_| {
                for before in &group[..at] {
                    self.withdraw(before);
                }
            })?;
            written.push(tail);
        }
        self.sync_everything().inspect_err(|_| {
            for one in group {
                self.poison(&one.agent, Some(one.tail.offset));
            }
        })?;
        let all: Vec<(&Prepared, Tail)> = group.iter().zip(written).collect();
        // Agents have their files for themselves. Making files takes as long as everything before it.
        let (some, others) = all.split_at(if all.len() < BESIDE_FROM { 0 } else { all.len() / 2 });
        let finish = |all: &[(&Prepared, Tail)]| -> Result<(), BackendError> {
            // All of them have happened: that one cannot be brought up to date holds up none of the others.
            let finished: Vec<_> = all.iter().map(|(one, tail)| self.finish(one, *tail)).collect();
            finished.into_iter().collect()
        };
        std::thread::scope(|scope| {
            let spawn = || std::thread::Builder::new().spawn_scoped(scope, || finish(some));
            let beside = (!some.is_empty()).then(spawn);
            let finished = finish(others);
            let joined = match beside {
                None => Ok(()),
                Some(Ok(thread)) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // There is no thread to be had, and all of this has happened.
                Some(Err(_)) => finish(some),
            };
            joined.and(finished)
        })
    }

    /// Objects staged before must be durable before any record that relies on them can be. Who comes
    /// meanwhile waits: the flush may be on account of its objects too.
    fn settle_staged(&self) -> Result<(), BackendError> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if *staged {
            self.sync_everything()?;
            *staged = false;
        }
        Ok(())
    }

    /// Takes the locks and checks everything that the operation expects.
    fn prepare(&self, transaction: &Transaction, names: &mut Names) -> Result<Checked, BackendError> {
        let lines = transaction.lines(self.store)?;
        let agent = &transaction.agent;
        let mut handles = vec![agent];
        handles.extend(&transaction.rename_to);
        handles.sort();
        let locks = self.lock(&handles)?;
        let wanted = transaction.rename_to.as_ref().or(transaction.creates().then_some(agent));
        if wanted.is_some() && names.is_none() {
            *names = Some(self.share_names()?);
        }
        if let Some(wanted) = wanted
            && let Some(owner) = self.claimed_by(wanted)?
        {
            return Ok(Checked::Renaming(owner, wanted.clone()));
        }
        if let Some(wanted) = wanted
            && let Some(to) = self.moving_to(wanted)?
        {
            return Ok(Checked::Renaming(wanted.clone(), to));
        }
        let mut empty = false;
        let tail = match self.tail_under_lock(agent)? {
            Settled::Renaming(from, to) => return Ok(Checked::Renaming(from, to)),
            Settled::Clean(_) if transaction.creates() => {
                return Ok(Checked::Moved(Moved::HandleTaken(agent.clone())));
            }
            Settled::Clean(tail) => tail,
            Settled::Absent if transaction.creates() => match self.new_agent(agent)? {
                Some((tail, made)) => {
                    empty = made;
                    tail
                }
                None => return Ok(Checked::Moved(Moved::HandleTaken(agent.clone()))),
            },
            Settled::Absent => return Ok(Checked::Moved(Moved::Head)),
        };
        // Under the lock nothing moves: what was read once is not read again.
        let mut states: HashMap<RefName, Option<RefState>> = HashMap::new();
        let mut state_of = |name: &RefName| {
            // A new agent has no refs.
            if transaction.creates() {
                return Ok(None);
            }
            if let Some(state) = states.get(name) {
                return Ok(state.clone());
            }
            let state = self.ref_state(agent, name)?;
            if state.is_none() && name.shape() == Shape::Single && name.as_remote().is_none() {
                self.refuse_lost(agent, name)?;
            }
            states.insert(name.clone(), state.clone());
            Ok(state)
        };
        if let Some(moved) = self.first_moved(transaction, &mut state_of)? {
            return Ok(Checked::Moved(moved));
        }
        let (ops, head) = self.plan(transaction, &lines, &tail, &mut state_of)?;
        let size_bytes = journal::ops_bytes(&ops);
        if size_bytes > journal::PAYLOAD_MAX_BYTES {
            return Err(BackendError::TooLarge { size_bytes, max_bytes: journal::PAYLOAD_MAX_BYTES });
        }
        let full = tail.offset + size_bytes > self.checkpoint_bytes && tail.offset > FIRST_RECORD;
        let tail = if full { self.start_anew(agent, &tail)? } else { tail };
        let creates = transaction.creates();
        let rename_to = transaction.rename_to.clone();
        let agent = agent.clone();
        let prepared = Prepared { agent, tail, ops, head, creates, empty, rename_to, _locks: locks };
        Ok(Checked::Ready(Box::new(prepared)))
    }

    /// What is not as the operation expects.
    fn first_moved(
        &self,
        transaction: &Transaction,
        state_of: &mut impl FnMut(&RefName) -> Result<Option<RefState>, BackendError>,
    ) -> Result<Option<Moved>, BackendError> {
        let agent = &transaction.agent;
        if !transaction.creates() {
            let head = self.head_under_lock(agent)?;
            if transaction.records.first().and_then(|record| record.prev) != Some(head.record) {
                return Ok(Some(Moved::Head));
            }
            if !transaction.is_for(head.agent) {
                return Err(BackendError::BadTransaction("its record belongs to another agent".to_owned()));
            }
        }
        let creates = transaction.creates();
        let target = |name: &RefName| match name.shape() {
            _ if creates => Ok(None),
            Shape::List => self.last_entry(agent, name),
            Shape::Single | Shape::Attribute => Ok(state_of(name)?.and_then(|state| state.target)),
        };
        if let Some(moved) = first_moved(transaction, target)? {
            return Ok(Some(moved));
        }
        let Some(to) = &transaction.rename_to else { return Ok(None) };
        let stat = self.disk.stat(&self.layout.agent(to));
        let free = match stat.map_err(BackendError::disk(format!("look at agent '{to}'")))? {
            None => true,
            // A name that the agent had before.
            Some(stat) if stat.kind == FileKind::Symlink => self.leads_to(to, agent)?,
            Some(_) => false,
        };
        Ok((!free).then(|| Moved::HandleTaken(to.clone())))
    }

    fn tail_under_lock(&self, agent: &Handle) -> Result<Settled, BackendError> {
        let known = self.known().get(agent).copied();
        let tail = match known {
            Some(tail) if self.still_settled(agent, &tail)? => tail,
            _ => {
                self.forget(agent);
                match self.settle(agent)? {
                    Settled::Clean(tail) => tail,
                    other => return Ok(other),
                }
            }
        };
        if tail.seq > 0 || tail.old_boot || tail.flushed {
            return Ok(Settled::Clean(tail));
        }
        // Whoever started this epoch may have died before its header was durable. The first record
        // takes the place of one of the epoch before, so the header must not be lost after it.
        self.flush(agent, None)?;
        let tail = Tail { flushed: true, ..tail };
        self.remember(agent, tail);
        Ok(Settled::Clean(tail))
    }

    fn still_settled(&self, agent: &Handle, tail: &Tail) -> Result<bool, BackendError> {
        self.refuse_failed(agent)?;
        self.still_the_end(agent, tail)
    }

    /// Where the first record of a new agent goes, and whether its directory was made for it; `None` when its
    /// handle is taken.
    fn new_agent(&self, agent: &Handle) -> Result<Option<(Tail, bool)>, BackendError> {
        let dir = self.layout.agent(agent);
        let doing = || BackendError::disk(format!("make agent '{agent}'"));
        let there = self.disk.stat(&dir).map_err(doing())?.map(|stat| stat.kind);
        match there {
            None => self.disk.create_dir_all(&dir).map_err(doing())?,
            Some(FileKind::Dir) => {}
            Some(_) => return Ok(None),
        }
        let tail = Tail {
            epoch: 1,
            old_boot: false,
            seq: 0,
            offset: FIRST_RECORD,
            file_bytes: 0,
            log_bytes: 0,
            head: None,
            flushed: false,
            looked: None,
        };
        Ok(Some((tail, there.is_none())))
    }

    /// Writes the journal record; it counts once it is flushed. Returns the journal's end after it.
    fn write_record(&self, prepared: &Prepared) -> Result<Tail, BackendError> {
        let Prepared { agent, tail, ops, head, .. } = prepared;
        let path = self.layout.journal(agent);
        let failed = |error| {
            self.forget(agent);
            BackendError::disk(format!("write the journal of agent '{agent}'"))(error)
        };
        let epoch = if tail.old_boot { tail.epoch + 1 } else { tail.epoch };
        let (mut start, mut slots) = (tail.offset, Vec::new());
        if tail.file_bytes == 0 {
            let slot = Slot { epoch, boot: self.boot, log_bytes: 0, head: None };
            slots.resize(usize::try_from(FIRST_RECORD).expect("two sectors"), 0);
            let at = usize::try_from(slot.offset()).expect("one of two sectors");
            slots[at..at + SECTOR].copy_from_slice(&slot.encode());
            start = 0;
        } else if tail.old_boot {
            // The flush of the record makes its epoch durable too; one without the other is no record.
            let before = self.head_under_lock(agent)?.record;
            let slot = Slot { epoch, boot: self.boot, log_bytes: tail.log_bytes, head: Some(before) };
            self.write_slot(agent, &slot)?;
        }
        let (header, mut bytes) =
            journal::encode_record(&slots, epoch, tail.seq, head.log_bytes, head.record, ops);
        let end = start + bytes.len() as u64;
        let mut file_bytes = tail.file_bytes.max(end);
        if end > tail.file_bytes && tail.file_bytes > 0 {
            file_bytes = end + tail.file_bytes.min(GROWTH_MAX_BYTES);
            bytes.resize(usize::try_from(file_bytes - start).expect("a record fits in memory"), 0);
        }
        self.disk.write_at(&path, start, &bytes).map_err(|error| {
            self.withdraw(prepared);
            failed(error)
        })?;
        let offset = header.next_offset(tail.offset);
        let (seq, log_bytes) = (tail.seq + 1, head.log_bytes);
        let (head, flushed) = (Some(*head), true);
        Ok(Tail { epoch, old_boot: false, seq, offset, file_bytes, log_bytes, head, flushed, looked: None })
    }

    /// Makes a record unreadable whose operation is reported as failed: the next user of the agent must
    /// not take it for one of a writer that died.
    fn withdraw(&self, prepared: &Prepared) {
        self.forget(&prepared.agent);
        let Prepared { agent, tail, .. } = prepared;
        let path = self.layout.journal(agent);
        if self.disk.write_at(&path, tail.offset, &[0; SECTOR]).is_ok() {
            return;
        }
        // On a full disk what cannot be made unreadable was not written in the first place.
        let unreadable = match self.disk.read_at(&path, tail.offset, journal::HEADER_BYTES) {
            Ok(bytes) => [tail.epoch, tail.epoch + 1]
                .iter()
                .all(|epoch| RecordHeader::decode(&bytes, *epoch, tail.seq).is_none()),
            Err(error) => error.is_not_found(),
        };
        if !unreadable {
            self.poison(agent, None);
        }
    }

    /// Lets the refs that an operation moves look changed where their files could not be: who keeps in memory what one
    /// served has to look at the journal now. That takes no room on a disk that is full.
    fn touch_moved(&self, prepared: &Prepared) {
        for op in &prepared.ops {
            let Op::Replace { path, .. } = op else { continue };
            let path = self.layout.agent(&prepared.agent).join(path);
            if let Ok(Some(stat)) = self.disk.stat(&path) {
                let _looks_as_before = self.disk.truncate(&path, stat.len_bytes);
            }
        }
    }

    /// Brings the files up to date; the operation has happened already.
    fn finish(&self, prepared: &Prepared, tail: Tail) -> Result<(), BackendError> {
        let agent = &prepared.agent;
        let unapplied = |source| {
            self.forget(agent);
            self.touch_moved(prepared);
            BackendError::Unapplied { agent: agent.clone(), source: Box::new(source) }
        };
        let (disk, layout, ops) = (self.disk.as_ref(), &self.layout, &prepared.ops);
        if prepared.empty {
            apply::make_dirs(disk, layout, agent, ops).map_err(unapplied)?;
        }
        let present = if prepared.empty { Present::Nothing } else { Present::Keep };
        let applied = apply::apply(disk, layout, agent, ops, present, &|id| self.is_packed(id));
        applied.map_err(unapplied)?;
        let Some(to) = &prepared.rename_to else {
            self.remember(agent, tail);
            return Ok(());
        };
        self.forget(agent);
        self.move_agent(agent, to).map_err(unapplied)?;
        // A rename ends its epoch, so that no journal is ever replayed across one.
        self.start_anew(to, &tail).map_err(unapplied)?;
        self.release_claim(to).map_err(unapplied)
    }
}
