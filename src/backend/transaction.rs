//! What a writer wants to happen, and what came of it. Plain data; the backends act on it.

use std::collections::HashSet;

use crate::log::Record;
use crate::object::Object;
use crate::refs::{Expected, Handle, RefName, Target};

/// One operation on one agent: its records, the objects it brings, what it relies on.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The agent.
    pub agent: Handle,
    /// Every object that the operation brings to this agent.
    pub objects: Vec<Object>,
    /// The records to append, in order; the first names the present head as its `prev`.
    pub records: Vec<Record>,
    /// Refs that the operation read and relies on, besides those that its records move.
    pub expects: Vec<(RefName, Expected)>,
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
    /// The log has another head, or the agent exists already, or is gone.
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
    /// The handle is taken by another agent.
    HandleTaken(Handle),
}

impl Transaction {
    /// A transaction of one record.
    pub fn new(agent: Handle, record: Record) -> Self {
        Self {
            agent,
            objects: Vec::new(),
            records: vec![record],
            expects: Vec::new(),
            derived: Vec::new(),
            rename_to: None,
        }
    }

    /// Whether this transaction creates its agent.
    pub fn creates(&self) -> bool {
        self.records.first().is_some_and(|record| record.prev.is_none())
    }
}

/// The first ref that is not where the transaction needs it, given how to look one up: what it
/// expects, and where each of its changes starts from. A later record of the same transaction may
/// start from what an earlier one wrote.
pub(super) fn first_moved<E>(
    transaction: &Transaction,
    mut target_of: impl FnMut(&RefName) -> Result<Option<Target>, E>,
) -> Result<Option<Moved>, E> {
    for (name, expected) in &transaction.expects {
        let actual = target_of(name)?;
        if !expected.allows(actual.as_ref()) {
            return Ok(Some(Moved::Ref { name: name.clone(), expected: expected.clone(), actual }));
        }
    }
    let mut written: HashSet<&RefName> = HashSet::new();
    for change in transaction.records.iter().flat_map(|record| &record.changes) {
        if !written.insert(&change.name) {
            continue;
        }
        let actual = target_of(&change.name)?;
        if actual != change.from {
            let expected = Expected::same_as(change.from.as_ref());
            return Ok(Some(Moved::Ref { name: change.name.clone(), expected, actual }));
        }
    }
    Ok(None)
}
