//! One operation on one agent: what it read, what it moves, and the loop that makes it happen as
//! one record although others may be writing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Map;

use crate::backend::{ChainPart, Derived, Head, Moved, Outcome, Staged, Transaction};
use crate::clock::Time;
use crate::encoding::Digest;
use crate::history::{LogLines, Order};
use crate::log::{AgentId, Change, Former, Record, RecordId, RefState};
use crate::object::{Author, BlockName, Object, ObjectId};
use crate::refs::{Expected, Handle, RefName, Shape, Target};

use super::{Repo, RepoError, random_bytes};

/// How often an operation is tried anew when others moved what it read.
const TRIES_MAX: u32 = 200;
/// How far the clock may stand behind the last operation before that is an error, in milliseconds:
/// what clocks of machines that keep time differ by.
const CLOCK_SLACK_MS: i64 = 5_000;
/// Changes of one record take about so many bytes at most; an operation with more has several records.
const RECORD_CHANGES_BYTES: usize = 256 * 1024;
/// About how many bytes a change has besides its names.
const CHANGE_BYTES: usize = 256;

/// Who does what, through which surface, and why.
#[derive(Debug, Clone)]
pub struct Intent<'a> {
    /// The kind of operation.
    pub kind: &'a str,
    /// Who acts.
    pub actor: &'a Author,
    /// The surface.
    pub via: &'a str,
    /// Why, in the actor's words.
    pub note: &'a str,
    /// Whether it is only to be seen what would happen: everything is checked, nothing is written.
    pub rehearsal: bool,
    /// What has to hold for it to happen, all of it.
    pub expects: &'a [Expectation],
}

/// What has to hold for an operation to happen: somebody saw the agent so, and acts on that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// What a ref points to, or the newest record, has to be what was seen.
    Seen {
        /// The ref; none where only the end of the log counts.
        at: Option<RefName>,
        /// Ids, of which one has to be there.
        ids: Vec<String>,
    },
    /// A ref has to be the one that this record made: one that was made anew under its name is another one.
    Made {
        /// The ref.
        at: RefName,
        /// The record.
        by: RecordId,
    },
}

impl Expectation {
    /// Says what is not so.
    ///
    /// # Errors
    /// `NotAsExpected`; when the ref cannot be read.
    fn check(&self, operation: &mut Operation<'_>) -> Result<(), RepoError> {
        let (what, expected, actual) = match self {
            Self::Seen { at, ids } => {
                let head = operation.head().map(|id| id.to_string());
                let target = match at {
                    Some(name) => operation.target(name)?.map(|target| target.to_string()),
                    None => None,
                };
                let holds = |id: &String| Some(id) == head.as_ref() || Some(id) == target.as_ref();
                if ids.iter().any(holds) {
                    return Ok(());
                }
                let what = at.as_ref().map_or_else(|| "the last operation".to_owned(), told);
                (what, ids.join(", "), if at.is_some() { target } else { head })
            }
            Self::Made { at, by } => {
                let made = operation.read(at)?.map(|state| state.created);
                if made == Some(*by) {
                    return Ok(());
                }
                (told(at), format!("made by {by}"), made.map(|made| format!("made by {made}")))
            }
        };
        Err(RepoError::NotAsExpected {
            agent: operation.agent.clone(),
            what,
            expected,
            actual: actual.unwrap_or_else(|| "none".to_owned()),
        })
    }
}

/// A ref as people call what it is.
fn told(name: &RefName) -> String {
    name.as_draft().map_or_else(|| format!("'{name}'"), |draft| format!("draft '{draft}'"))
}

/// What an operation did.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The agent, under the handle that it has now.
    pub agent: Handle,
    /// The operation's id; `None` when there was nothing to do, or it was a rehearsal.
    pub operation: Option<RecordId>,
    /// The operation's time.
    pub time: Time,
    /// The refs that it moved, or in a rehearsal would move.
    pub changes: Vec<Change>,
}

/// An operation being put together. Everything it reads is expected to be the same when it is
/// committed; if it is not, it is put together again.
#[derive(Debug)]
pub struct Operation<'r> {
    repo: &'r Repo,
    agent: Handle,
    head: Option<Head>,
    time: Time,
    reads: BTreeMap<RefName, Option<RefState>>,
    last_entries: BTreeMap<RefName, Option<Target>>,
    changes: Vec<Change>,
    /// Where the last change of each ref stands.
    changed: HashMap<RefName, usize>,
    /// With their ids: hashing a payload costs more than keeping what came of it.
    objects: Vec<(ObjectId, Object)>,
    brought: HashMap<ObjectId, usize>,
    cites: Vec<Digest>,
    chains: Vec<ChainPart>,
    adopts: Option<AgentId>,
    staged: Option<Staged>,
    note: Option<String>,
    rename_to: Option<Handle>,
}

impl Operation<'_> {
    /// The store.
    pub fn repo(&self) -> &Repo {
        self.repo
    }

    /// The agent's handle.
    pub fn agent(&self) -> &Handle {
        &self.agent
    }

    /// The agent's id; `None` while it is being created.
    pub fn agent_id(&self) -> Option<AgentId> {
        self.head.map(|head| head.agent)
    }

    /// The agent's id, also while it is being created by a record with that id.
    pub fn identity(&self, first: RecordId) -> AgentId {
        self.agent_id().or(self.adopts).unwrap_or(first)
    }

    /// The newest record before this operation; `None` while the agent is being created.
    pub fn head(&self) -> Option<RecordId> {
        self.head.map(|head| head.record)
    }

    /// Creates the agent as one that another store made: it has that id.
    pub fn adopt(&mut self, agent: AgentId) {
        self.adopts = Some(agent);
    }

    /// Keeps lines of another store's chain; that alone is worth a record.
    pub fn keep_chain(&mut self, part: ChainPart) {
        self.chains.push(part);
    }

    /// Says that objects which this operation relies on were staged, so that they are made durable first.
    pub fn rely_on(&mut self, staged: &Staged) {
        self.staged.get_or_insert_default().extend(staged.clone());
    }

    /// The operation's time.
    pub fn time(&self) -> Time {
        self.time
    }

    /// A ref's state before this operation.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, name: &RefName) -> Result<Option<RefState>, RepoError> {
        if let Some(state) = self.reads.get(name) {
            return Ok(state.clone());
        }
        let state = match self.head {
            Some(_) => self.repo.backend().read_ref(&self.agent, name)?,
            None => None,
        };
        self.reads.insert(name.clone(), state.clone());
        Ok(state)
    }

    /// What a ref points to before this operation; for a list, its last entry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn target(&mut self, name: &RefName) -> Result<Option<Target>, RepoError> {
        if name.shape() != Shape::List {
            return Ok(self.read(name)?.and_then(|state| state.target));
        }
        if let Some(last) = self.last_entries.get(name) {
            return Ok(last.clone());
        }
        let last = if self.head.is_some() {
            let backend = self.repo.backend();
            let len = backend.list_len(&self.agent, name)?;
            let entries = backend.list(&self.agent, name, len.saturating_sub(1), 1)?;
            entries.first().map(|entry| Target::Id(entry.id))
        } else {
            None
        };
        self.last_entries.insert(name.clone(), last.clone());
        Ok(last)
    }

    /// What a ref points to after what was written so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn current(&mut self, name: &RefName) -> Result<Option<Target>, RepoError> {
        match self.changed.get(name) {
            Some(at) => Ok(self.changes[*at].to.clone()),
            None => self.target(name),
        }
    }

    /// Moves a ref, naming the blocks in which the two targets differ.
    ///
    /// # Errors
    /// When the ref cannot be read.
    pub fn write(
        &mut self,
        name: RefName,
        to: Option<Target>,
        blocks: Vec<BlockName>,
    ) -> Result<(), RepoError> {
        let from = self.current(&name)?;
        self.push(Change::new(name, from, to).touching(blocks));
        Ok(())
    }

    fn push(&mut self, change: Change) {
        self.changed.insert(change.name.clone(), self.changes.len());
        self.changes.push(change);
    }

    /// Makes a ref again that the last operation removed: it stays the same ref.
    ///
    /// # Errors
    /// When a ref cannot be read.
    pub fn resume_ref(
        &mut self,
        name: RefName,
        to: Option<Target>,
        former: Former,
        blocks: Vec<BlockName>,
    ) -> Result<(), RepoError> {
        let from = self.current(&name)?;
        let change = Change::new(name, from, to).touching(blocks);
        self.push(Change { resumes: Some(former), ..change });
        Ok(())
    }

    /// Gives a ref another name; it stays the same ref.
    ///
    /// # Errors
    /// When a ref cannot be read.
    pub fn rename_ref(&mut self, old: &RefName, new: RefName) -> Result<(), RepoError> {
        let target = self.current(old)?;
        let from = self.current(&new)?;
        self.push(Change::new(old.clone(), target.clone(), None));
        self.push(Change { continues: Some(old.clone()), ..Change::new(new, from, target) });
        Ok(())
    }

    /// Brings an object; returns its id.
    pub fn put(&mut self, object: Object) -> ObjectId {
        let id = object.id();
        if self.brought(&id).is_none() {
            self.brought.insert(id, self.objects.len());
            self.objects.push((id, object));
        }
        id
    }

    /// Brings several objects.
    pub fn put_all(&mut self, objects: Vec<Object>) {
        for object in objects {
            self.put(object);
        }
    }

    /// An object that this operation brings.
    pub fn brought(&self, id: &ObjectId) -> Option<&Object> {
        self.brought.get(id).map(|at| &self.objects[*at].1)
    }

    /// Names something that the operation is based on.
    pub fn cite(&mut self, id: Digest) {
        self.cites.push(id);
    }

    /// Replaces the note of the intent.
    pub fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// Gives the agent another handle.
    pub fn rename_agent(&mut self, to: Handle) {
        self.rename_to = Some(to);
    }

    /// The changes put together so far.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The records of the operation: one, or as many as its changes take. Refs that are no lists and no
    /// attributes are moved by the last.
    fn records(&self, intent: &Intent<'_>) -> Result<(Vec<Record>, RecordId), RepoError> {
        let mut records: Vec<Record> = Vec::new();
        let (mut first, mut last): (Option<RecordId>, Option<RecordId>) = (None, None);
        for changes in portions(&self.changes) {
            let before = last.or(self.head.map(|head| head.record));
            let record = Record {
                prev: before,
                store: self.repo.backend().store_id(),
                agent: self.head.map(|head| head.agent).or(self.adopts).or(first),
                nonce: random_bytes()?,
                kind: intent.kind.to_owned(),
                actor: intent.actor.clone(),
                via: intent.via.to_owned(),
                time: self.time,
                changes,
                cites: self.cites.clone(),
                note: self.note.clone().unwrap_or_else(|| intent.note.to_owned()),
                sig: None,
                ext: Map::new(),
            };
            last = Some(record.id());
            first = first.or(last);
            records.push(record);
        }
        Ok((records, last.expect("there is at least one portion")))
    }

    fn transaction(self, records: Vec<Record>, derived: Vec<Derived>) -> Transaction {
        // A ref that a record moves is expected to be where its first change starts from.
        let changes = records.iter().flat_map(|record| &record.changes);
        let moved: BTreeSet<&RefName> = changes.map(|change| &change.name).collect();
        let mut expects: Vec<(RefName, Expected)> = Vec::new();
        for (name, state) in self.reads.iter().filter(|(name, _)| !moved.contains(name)) {
            let target = state.as_ref().and_then(|state| state.target.as_ref());
            expects.push((name.clone(), Expected::same_as(target)));
        }
        for (name, last) in self.last_entries.iter().filter(|(name, _)| !moved.contains(name)) {
            expects.push((name.clone(), Expected::same_as(last.as_ref())));
        }
        Transaction {
            agent: self.agent,
            objects: self.objects.into_iter().map(|(_, object)| object).collect(),
            staged: self.staged,
            records,
            expects,
            chains: self.chains,
            derived,
            rename_to: self.rename_to,
        }
    }
}

impl Repo {
    /// Makes one operation happen: `build` puts it together from what it reads, `derive` makes the
    /// documents that follow from it. Both run again when somebody else was faster. An operation
    /// without changes is not recorded.
    ///
    /// # Errors
    /// What `build` or `derive` returns; what the backend refuses; `ClockBehind`; `IdTaken` for an agent that
    /// is adopted.
    pub fn operate<T, E: From<RepoError>>(
        &self,
        agent: &Handle,
        intent: &Intent<'_>,
        mut build: impl FnMut(&mut Operation<'_>) -> Result<T, E>,
        mut derive: impl FnMut(&mut Operation<'_>, RecordId) -> Result<Vec<Derived>, E>,
    ) -> Result<(T, Receipt), E> {
        for attempt in 0..TRIES_MAX {
            let (value, receipt, transaction) = self.prepare(agent, intent, &mut build, &mut derive)?;
            let Some(transaction) = transaction else { return Ok((value, receipt)) };
            match self.commit_prepared(&transaction)? {
                Outcome::Moved(Moved::HandleTaken(_)) if attempt > 0 => break,
                Outcome::Moved(Moved::IdTaken(by)) => {
                    return Err(RepoError::IdTaken { agent: agent.clone(), by }.into());
                }
                Outcome::Moved(_) => back_off(attempt),
                outcome => {
                    self.settle(&outcome, &receipt)?;
                    return Ok((value, receipt));
                }
            }
        }
        Err(RepoError::Contended { agent: agent.clone() }.into())
    }

    /// Refuses where something does not hold now.
    ///
    /// # Errors
    /// `NotAsExpected`; when the agent cannot be read.
    pub fn see_to(&self, agent: &Handle, expectation: &Expectation) -> Result<(), RepoError> {
        expectation.check(&mut self.begin(agent)?)
    }

    /// Puts an operation together: its transaction, unless there is nothing to write.
    pub(super) fn prepare<T, E: From<RepoError>>(
        &self,
        agent: &Handle,
        intent: &Intent<'_>,
        build: &mut impl FnMut(&mut Operation<'_>) -> Result<T, E>,
        derive: &mut impl FnMut(&mut Operation<'_>, RecordId) -> Result<Vec<Derived>, E>,
    ) -> Result<(T, Receipt, Option<Transaction>), E> {
        let mut operation = self.begin(agent)?;
        for expectation in intent.expects {
            expectation.check(&mut operation)?;
        }
        let value = build(&mut operation)?;
        let time = operation.time;
        let idle = operation.changes.is_empty() && operation.chains.is_empty();
        if intent.rehearsal || idle {
            let (agent, changes) = (agent.clone(), operation.changes);
            return Ok((value, Receipt { agent, operation: None, time, changes }, None));
        }
        let (records, id) = operation.records(intent)?;
        let derived = derive(&mut operation, id)?;
        // The records have them too.
        let changes = std::mem::take(&mut operation.changes);
        let agent = operation.rename_to.clone().unwrap_or_else(|| agent.clone());
        let transaction = operation.transaction(records, derived);
        Ok((value, Receipt { agent, operation: Some(id), time, changes }, Some(transaction)))
    }

    /// Sees that what may have happened did.
    pub(super) fn settle(&self, outcome: &Outcome, receipt: &Receipt) -> Result<(), RepoError> {
        let unknown = *outcome == Outcome::Unknown;
        // A log that cannot be read does not say that nothing happened.
        let holds = |id| self.log_holds(&receipt.agent, id).unwrap_or(false);
        if unknown && !receipt.operation.is_some_and(holds) {
            return Err(RepoError::Unknown { agent: receipt.agent.clone() });
        }
        Ok(())
    }

    /// Shows an operation that was put together elsewhere as if it were put together here, to be looked at
    /// before it is committed. It has the time of its last record.
    ///
    /// # Errors
    /// When the agent cannot be read; `ClockBehind`; what `look` returns.
    pub fn inspect<T, E: From<RepoError>>(
        &self,
        transaction: &Transaction,
        look: impl FnOnce(&mut Operation<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut operation = self.begin(&transaction.agent)?;
        if let Some(last) = transaction.records.last() {
            operation.time = last.time;
        }
        operation.adopts = transaction.records.first().and_then(|record| record.agent);
        operation.put_all(transaction.objects.clone());
        for change in transaction.records.iter().flat_map(|record| &record.changes) {
            operation.push(change.clone());
        }
        operation.staged.clone_from(&transaction.staged);
        operation.rename_to.clone_from(&transaction.rename_to);
        look(&mut operation)
    }

    /// The present time for an operation on an agent: never before that of the agent's last one.
    ///
    /// # Errors
    /// `ClockBehind` when the clock stands too far behind it.
    pub fn time_after(&self, agent: &Handle, last: Option<Time>) -> Result<Time, RepoError> {
        let now = self.clock.now();
        let Some(last) = last.filter(|last| *last > now) else { return Ok(now) };
        let behind_ms = last.as_ms() - now.as_ms();
        let allowed = || self.settings().map(|settings| settings.get("clock.backwards") == Some("allow"));
        if behind_ms > CLOCK_SLACK_MS && !allowed()? {
            return Err(RepoError::ClockBehind { agent: agent.clone(), now, last });
        }
        Ok(last)
    }

    fn commit_prepared(&self, transaction: &Transaction) -> Result<Outcome, RepoError> {
        if transaction.staged.is_none() {
            return Ok(self.commit_one(transaction)?);
        }
        let outcomes = self.backend.commit_many(std::slice::from_ref(transaction));
        let done = outcomes.map(|outcomes| outcomes.into_iter().next().unwrap_or(Outcome::Unknown));
        Ok(self.happened(transaction, done)?)
    }

    fn begin(&self, agent: &Handle) -> Result<Operation<'_>, RepoError> {
        let head = self.backend.head(agent)?;
        let time = self.time_after(agent, head.map(|head| head.time))?;
        Ok(Operation {
            repo: self,
            agent: agent.clone(),
            head,
            time,
            reads: BTreeMap::new(),
            last_entries: BTreeMap::new(),
            changes: Vec::new(),
            changed: HashMap::new(),
            objects: Vec::new(),
            brought: HashMap::new(),
            cites: Vec::new(),
            chains: Vec::new(),
            adopts: None,
            staged: None,
            note: None,
            rename_to: None,
        })
    }

    pub(super) fn log_holds(&self, agent: &Handle, id: RecordId) -> Result<bool, RepoError> {
        let Some(lines) = LogLines::new(self.backend(), agent, Order::NewestFirst)? else { return Ok(false) };
        for line in lines.containing(&id.to_string()) {
            if line?.0 == id {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Changes by record. What must stand in one record, refs with one target, stands together in the last.
fn portions(changes: &[Change]) -> Vec<Vec<Change>> {
    let bytes_of = |change: &Change| {
        let blocks: usize = change.blocks.iter().map(|name| name.as_str().len() + 3).sum();
        change.name.as_str().len() + blocks + CHANGE_BYTES
    };
    if changes.iter().map(bytes_of).sum::<usize>() <= RECORD_CHANGES_BYTES {
        return vec![changes.to_vec()];
    }
    let (single, many): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| change.name.shape() == Shape::Single);
    let mut portions = Vec::new();
    let (mut portion, mut size_bytes) = (Vec::new(), 0);
    for change in many {
        size_bytes += bytes_of(change);
        if size_bytes > RECORD_CHANGES_BYTES {
            portions.push(std::mem::take(&mut portion));
            size_bytes = bytes_of(change);
        }
        portion.push(change.clone());
    }
    portion.extend(single.into_iter().cloned());
    portions.push(portion);
    portions
}

/// Waits a little, longer after each try, and not the same time as the others who wait.
fn back_off(attempt: u32) {
    let jitter = u64::from(std::process::id() ^ attempt.wrapping_mul(0x9e37_79b9)) % 200;
    std::thread::sleep(std::time::Duration::from_micros(u64::from(attempt.min(50)) * 40 + jitter));
}
