//! What the records of a log add up to: the state of every ref.

use std::collections::BTreeMap;

use crate::error::{Classify, Kind};
use crate::refs::{RefName, Shape, Target};

use super::{Change, Former, Record, RecordId};

/// The state of one ref; every part of it follows from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefState {
    /// What it points to.
    pub target: Option<Target>,
    /// How often it was moved since it was created, which counts as 1.
    pub revision: u64,
    /// The record that created it: its identity.
    pub created: RecordId,
    /// The record that moved it last.
    pub moved: RecordId,
}

impl RefState {
    /// The state of a ref that was removed, to be carried on.
    pub fn of_former(former: Former) -> Self {
        let Former { created, revision } = former;
        Self { target: None, revision, created, moved: created }
    }

    /// The state after a move by `record`; `before` is the state that it carries on.
    pub fn after(before: Option<&Self>, target: Option<Target>, record: RecordId) -> Self {
        match before {
            Some(before) => {
                Self { target, revision: before.revision + 1, created: before.created, moved: record }
            }
            None => Self { target, revision: 1, created: record, moved: record },
        }
    }
}

/// One entry of a list ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListEntry {
    /// What was appended.
    pub id: crate::object::ObjectId,
    /// The record that appended it.
    pub record: RecordId,
}

/// The state of all refs of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefTable {
    /// Refs with one target, and attributes of commits.
    pub refs: BTreeMap<RefName, RefState>,
    /// Lists.
    pub lists: BTreeMap<RefName, Vec<ListEntry>>,
    /// What refs were that the last record removed: the next one may take them up again.
    gone: BTreeMap<RefName, Former>,
}

/// A record does not follow from the refs before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The ref was elsewhere than the record says.
    #[error("the record moves '{name}' from {said}, but it was at {actual}")]
    Elsewhere {
        /// The ref.
        name: RefName,
        /// What the record says.
        said: String,
        /// What the refs before it say.
        actual: String,
    },
    /// A change that no ref of that name can make.
    #[error("the record makes a change to '{name}' that such a ref cannot make")]
    Impossible {
        /// The ref.
        name: RefName,
    },
}

impl Classify for ReplayError {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}

/// Whether a ref that points to nothing is still kept: those of one segment are, so that readers
/// find `none` in `ACTIVE` and never a missing file.
pub(crate) fn kept_when_none(name: &RefName) -> bool {
    name.shape() == Shape::Single && name.split().0.is_none()
}

impl RefTable {
    /// Applies one record.
    ///
    /// # Errors
    /// When a change does not start from where its ref is.
    pub fn apply(&mut self, id: RecordId, record: &Record) -> Result<(), ReplayError> {
        let carried: Vec<(RefName, RefState)> = record
            .changes
            .iter()
            .filter_map(|change| change.continues.as_ref())
            .filter_map(|name| self.refs.get(name).map(|state| (name.clone(), state.clone())))
            .collect();
        let gone = std::mem::take(&mut self.gone);
        for change in &record.changes {
            if change.resumes.is_some_and(|former| gone.get(&change.name) != Some(&former)) {
                return Err(ReplayError::Impossible { name: change.name.clone() });
            }
            if change.name.shape() == Shape::List {
                self.append(id, change)?;
            } else {
                self.step(id, change, &carried)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, record: RecordId, change: &Change) -> Result<(), ReplayError> {
        let list = self.lists.entry(change.name.clone()).or_default();
        let last = list.last().map(|entry| Target::Id(entry.id));
        if last != change.from {
            return Err(elsewhere(change, last.as_ref()));
        }
        let Some(Target::Id(id)) = change.to else {
            return Err(ReplayError::Impossible { name: change.name.clone() });
        };
        list.push(ListEntry { id, record });
        Ok(())
    }

    fn step(
        &mut self,
        record: RecordId,
        change: &Change,
        carried: &[(RefName, RefState)],
    ) -> Result<(), ReplayError> {
        let current = self.refs.get(&change.name);
        let actual = current.and_then(|state| state.target.as_ref());
        if actual != change.from.as_ref() {
            return Err(elsewhere(change, actual));
        }
        let former = change.resumes.map(RefState::of_former);
        let before = match &change.continues {
            Some(name) => carried.iter().find(|(old, _)| old == name).map(|(_, state)| state),
            None => current.or(former.as_ref()),
        };
        let state = RefState::after(before, change.to.clone(), record);
        if state.target.is_none() && !kept_when_none(&change.name) {
            if let Some(RefState { created, revision, .. }) = self.refs.remove(&change.name) {
                self.gone.insert(change.name.clone(), Former { created, revision });
            }
        } else {
            self.refs.insert(change.name.clone(), state);
        }
        Ok(())
    }
}

fn elsewhere(change: &Change, actual: Option<&Target>) -> ReplayError {
    let word = |target: Option<&Target>| target.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    ReplayError::Elsewhere {
        name: change.name.clone(),
        said: word(change.from.as_ref()),
        actual: word(actual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::log::StoreId;
    use crate::object::{Author, ObjectId};

    fn record(changes: Vec<Change>) -> Record {
        Record {
            prev: None,
            store: StoreId([0; 16]),
            agent: None,
            nonce: [0; 16],
            kind: "test".to_owned(),
            actor: Author { name: "Ana".to_owned(), email: None },
            via: "test".to_owned(),
            time: Time::from_ms(0).expect("a time"),
            changes,
            cites: Vec::new(),
            note: String::new(),
            sig: None,
            ext: serde_json::Map::new(),
        }
    }

    fn id(byte: u8) -> RecordId {
        RecordId::from_digest(crate::encoding::Digest::from_bytes([byte; 32]))
    }

    #[allow(clippy::unnecessary_wraps)] // the changes under test take options
    fn target(byte: u8) -> Option<Target> {
        Some(Target::Id(ObjectId::from_bytes([byte; 32])))
    }

    fn draft(name: &str) -> RefName {
        RefName::draft(&name.parse().expect("a handle"))
    }

    #[test]
    fn revisions_count_and_renames_keep_identity() {
        let mut table = RefTable::default();
        table.apply(id(1), &record(vec![Change::new(draft("a"), None, target(1))])).expect("created");
        table.apply(id(2), &record(vec![Change::new(draft("a"), target(1), target(2))])).expect("moved");
        let renamed = Change { continues: Some(draft("a")), ..Change::new(draft("b"), None, target(2)) };
        let gone = Change::new(draft("a"), target(2), None);
        table.apply(id(3), &record(vec![gone, renamed])).expect("renamed");
        let state = &table.refs[&draft("b")];
        assert_eq!((state.revision, state.created, state.moved), (3, id(1), id(3)));
        assert!(!table.refs.contains_key(&draft("a")));
    }

    #[test]
    fn what_the_record_before_removed_can_be_taken_up_again() {
        let mut table = RefTable::default();
        table.apply(id(1), &record(vec![Change::new(draft("a"), None, target(1))])).expect("created");
        table.apply(id(2), &record(vec![Change::new(draft("a"), target(1), target(2))])).expect("moved");
        table.apply(id(3), &record(vec![Change::new(draft("a"), target(2), None)])).expect("removed");
        let back = |created, revision| {
            let resumes = Some(Former { created: id(created), revision });
            record(vec![Change { resumes, ..Change::new(draft("a"), None, target(2)) }])
        };
        for wrong in [back(2, 2), back(1, 1), back(1, 3)] {
            let refused = table.clone().apply(id(4), &wrong);
            assert!(matches!(refused, Err(ReplayError::Impossible { .. })), "{refused:?}");
        }
        let mut later = table.clone();
        later.apply(id(4), &record(Vec::new())).expect("something else");
        assert!(later.apply(id(5), &back(1, 2)).is_err(), "only what was removed just before");
        table.apply(id(4), &back(1, 2)).expect("taken up again");
        let state = &table.refs[&draft("a")];
        assert_eq!((state.revision, state.created, state.moved), (3, id(1), id(4)));
    }

    #[test]
    fn active_stays_when_nothing_serves() {
        let mut table = RefTable::default();
        table.apply(id(1), &record(vec![Change::new(RefName::active(), None, None)])).expect("created");
        assert_eq!(table.refs[&RefName::active()].target, None);
    }

    #[test]
    fn lists_grow_and_a_wrong_start_is_refused() {
        let mut table = RefTable::default();
        table.apply(id(1), &record(vec![Change::new(RefName::versions(), None, target(1))])).expect("V1");
        table
            .apply(id(2), &record(vec![Change::new(RefName::versions(), target(1), target(2))]))
            .expect("V2");
        assert_eq!(table.lists[&RefName::versions()].len(), 2);
        let stale = record(vec![Change::new(RefName::versions(), target(1), target(3))]);
        assert!(matches!(table.apply(id(3), &stale), Err(ReplayError::Elsewhere { .. })));
        let shrink = record(vec![Change::new(RefName::versions(), target(2), None)]);
        assert!(matches!(table.apply(id(3), &shrink), Err(ReplayError::Impossible { .. })));
    }
}
