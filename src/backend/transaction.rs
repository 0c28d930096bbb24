//! What a writer wants to happen, and what came of it. Plain data; the backends act on it.

use std::collections::HashMap;

use crate::log::{AgentId, Record, RecordId, StoreId};
use crate::object::Object;
use crate::refs::{Expected, Handle, RefName, Target};

use super::{BackendError, ChainPart, Staged};

/// One operation on one agent: its records, the objects it brings, what it relies on.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The agent.
    pub agent: Handle,
    /// Every object that the operation brings to this agent.
    pub objects: Vec<Object>,
    /// What was written ahead that the operation relies on as well; none when nothing was.
    pub staged: Option<Staged>,
    /// The records to append, in order; the first names the present head as its `prev`.
    pub records: Vec<Record>,
    /// Refs that the operation read and relies on, besides those that its records move.
    pub expects: Vec<(RefName, Expected)>,
    /// Lines of other stores' chains that are kept from now on; at most one part for each store.
    pub chains: Vec<ChainPart>,
    /// Documents to replace in the same operation.
    pub derived: Vec<Derived>,
    /// The agent's new handle, when the operation renames it.
    pub rename_to: Option<Handle>,
}

/// A document that follows from refs and objects, kept for readers without this library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Its file name.
    pub name: String,
    /// Its content; `None` removes it.
    pub content: Option<Vec<u8>>,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It happened and is durable.
    Committed,
    /// Something is not as expected; nothing was written.
    Moved(Moved),
    /// The answer was lost: whether it happened is to be looked up in the log by record id.
    Unknown,
}

/// What a transaction found in place of what it expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The log has another head, or the agent is gone.
    Head,
    /// A ref points elsewhere.
    Ref {
        /// The ref.
        name: RefName,
        /// What was expected.
        expected: Expected,
        /// What it points to.
        actual: Option<Target>,
    },
    /// The handle is taken: by an agent, or by an entry that forwards to one.
    HandleTaken(Handle),
    /// The agent that was to be made is in the store already, under this handle.
    IdTaken(Handle),
}

impl Transaction {
    /// A transaction of one record.
    pub fn new(agent: Handle, record: Record) -> Self {
        Self {
            agent,
            objects: Vec::new(),
            staged: None,
            records: vec![record],
            expects: Vec::new(),
            chains: Vec::new(),
            derived: Vec::new(),
            rename_to: None,
        }
    }

    /// Whether this transaction creates its agent.
    pub fn creates(&self) -> bool {
        self.records.first().is_some_and(|record| record.prev.is_none())
    }

    /// The id of the agent that it creates, when another store made that agent.
    pub(super) fn adopts(&self) -> Option<AgentId> {
        self.records.first().filter(|record| record.prev.is_none())?.agent
    }

    /// The records as lines of the log, with their ids, after checking all that can be checked
    /// without looking at the agent: nothing may be written that could not be read again.
    ///
    /// # Errors
    /// `BadTransaction` with what is wrong.
    pub fn lines(&self, store: StoreId) -> Result<Vec<(RecordId, Vec<u8>)>, BackendError> {
        let bad = |reason: String| Err(BackendError::BadTransaction(reason));
        let Some(first) = self.records.first() else { return bad("it has no record".to_owned()) };
        let creates = first.prev.is_none();
        let mut lines: Vec<(RecordId, Vec<u8>)> = Vec::with_capacity(self.records.len());
        for record in &self.records {
            let (id, line) = record.to_line();
            let body = &line[..line.len() - 1];
            if let Err(error) = Record::from_line(body) {
                return bad(format!("its record cannot be read again: {error}"));
            }
            // The first record of an agent that another store made names it; else its id is the agent's.
            let agent = match lines.first() {
                Some((id, _)) if creates => Some(first.agent.unwrap_or(*id)),
                _ => first.agent,
            };
            if record.store != store || record.agent != agent {
                return bad("its record belongs to another store or agent".to_owned());
            }
            if lines.last().is_some_and(|(before, _)| record.prev != Some(*before)) {
                return bad("its records do not follow each other".to_owned());
            }
            lines.push((id, line));
        }
        let mut stores: Vec<StoreId> = self.chains.iter().map(|part| part.store).collect();
        stores.sort_unstable();
        if stores.windows(2).any(|pair| pair[0] == pair[1]) {
            return bad("it extends a chain twice".to_owned());
        }
        if self.rename_to.as_ref().is_some_and(|to| creates || *to == self.agent) {
            return bad("it renames what it creates, or to the same name".to_owned());
        }
        let escapes = |name: &str| name.starts_with('.') || name.contains('/');
        if let Some(derived) = self.derived.iter().find(|derived| escapes(&derived.name)) {
            return bad(format!("'{}' cannot be a document's name", derived.name));
        }
        Ok(lines)
    }

    /// Whether the records were made for the agent that is there.
    pub(super) fn is_for(&self, agent: AgentId) -> bool {
        self.records.first().is_none_or(|record| record.agent == Some(agent))
    }
}

/// Refuses a group in which no order of the operations would be the one meant.
pub(super) fn check_group(transactions: &[Transaction]) -> Result<(), BackendError> {
    let mut agents: Vec<&Handle> = transactions.iter().map(|transaction| &transaction.agent).collect();
    agents.sort();
    let twice = agents.windows(2).any(|pair| pair[0] == pair[1]);
    if twice || transactions.iter().any(|transaction| transaction.rename_to.is_some()) {
        return Err(BackendError::BadTransaction("a group holds an agent twice, or a rename".to_owned()));
    }
    Ok(())
}

/// The first ref that is not where the transaction needs it, given how to look one up: what it
/// expects, and where each of its changes starts from. A later change of the same transaction starts
/// from what an earlier one wrote.
pub(super) fn first_moved(
    transaction: &Transaction,
    mut target_of: impl FnMut(&RefName) -> Result<Option<Target>, BackendError>,
) -> Result<Option<Moved>, BackendError> {
    for (name, expected) in &transaction.expects {
        let actual = target_of(name)?;
        if !expected.allows(actual.as_ref()) {
            return Ok(Some(Moved::Ref { name: name.clone(), expected: expected.clone(), actual }));
        }
    }
    let mut written: HashMap<&RefName, Option<&Target>> = HashMap::new();
    for change in transaction.records.iter().flat_map(|record| &record.changes) {
        if let Some(before) = written.insert(&change.name, change.to.as_ref()) {
            if before == change.from.as_ref() {
                continue;
            }
            let reason = format!("it moves '{}' twice, and not from where it was then", change.name);
            return Err(BackendError::BadTransaction(reason));
        }
        let actual = target_of(&change.name)?;
        if actual != change.from {
            let expected = Expected::same_as(change.from.as_ref());
            return Ok(Some(Moved::Ref { name: change.name.clone(), expected, actual }));
        }
    }
    Ok(None)
}
