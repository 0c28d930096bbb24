//! Commits and their parents.

use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::backend::Backend;
use crate::clock::Time;
use crate::object::{Commit, Kind, ObjectId};

use super::HistoryError;

/// Reads a commit.
///
/// # Errors
/// `Missing` when it is not there or is no commit; `Object` when it does not decode.
pub fn commit(backend: &dyn Backend, id: &ObjectId) -> Result<Commit, HistoryError> {
    let object = backend.object(id)?.filter(|object| object.kind == Kind::Commit);
    let object = object.ok_or(HistoryError::Missing(*id))?;
    Ok(Commit::from_payload(&object.payload)?)
}

/// Whether `ancestor` is `commit` or one of the commits before it.
///
/// # Errors
/// When a commit on the way cannot be read.
pub fn descends_from(
    backend: &dyn Backend,
    id: &ObjectId,
    ancestor: &ObjectId,
) -> Result<bool, HistoryError> {
    let mut seen = HashSet::new();
    let mut open = vec![*id];
    while let Some(next) = open.pop() {
        if next == *ancestor {
            return Ok(true);
        }
        if seen.insert(next) {
            open.extend(commit(backend, &next)?.parents);
        }
    }
    Ok(false)
}

/// Reached from the one side, from the other, or from a common ancestor that was found already.
const ONE: u8 = 1;
const OTHER: u8 = 2;
const PAST: u8 = 4;

/// The nearest common ancestor of two commits, each of which counts as its own; none when they have
/// none. Of several that do not descend from one another (both sides merged the other one crosswise)
/// the newest is taken, and of two of the same time that of the greater id: everybody gets the same.
///
/// Walks from the newest commits back and stops at the common ones, as git's `paint_down_to_common`
/// (commit-reach.c). Clocks that went wrong make the walk longer, not the answer another one.
///
/// # Errors
/// When a commit on the way cannot be read.
pub fn merge_base(
    backend: &dyn Backend,
    one: &ObjectId,
    other: &ObjectId,
) -> Result<Option<ObjectId>, HistoryError> {
    let mut walk = Walk { backend, reached: HashMap::new(), open: BinaryHeap::new() };
    walk.reach(*one, ONE)?;
    walk.reach(*other, OTHER)?;
    let mut common: Vec<(Time, ObjectId)> = Vec::new();
    while walk.has_more() {
        let Some((time, id)) = walk.open.pop() else { break };
        let mut flags = walk.reached[&id].0;
        if flags == ONE | OTHER {
            common.push((time, id));
            flags |= PAST;
        }
        for parent in walk.reached[&id].2.clone() {
            walk.reach(parent, flags)?;
        }
    }
    common.retain(|(_, id)| walk.reached[id].0 & PAST == 0);
    let all = common.clone();
    for (_, id) in &all {
        for (_, other) in all.iter().filter(|(_, other)| other != id) {
            if descends_from(backend, other, id)? {
                common.retain(|(_, kept)| kept != id);
                break;
            }
        }
    }
    Ok(common.into_iter().max().map(|(_, id)| id))
}

/// Whether `ancestor` is `commit` or one of those before it: as [`descends_from`], but a short walk where
/// the two are near each other, whatever the answer.
///
/// # Errors
/// As [`merge_base`].
pub fn is_ancestor(
    backend: &dyn Backend,
    ancestor: &ObjectId,
    commit: &ObjectId,
) -> Result<bool, HistoryError> {
    Ok(merge_base(backend, ancestor, commit)? == Some(*ancestor))
}

struct Walk<'a> {
    backend: &'a dyn Backend,
    reached: HashMap<ObjectId, (u8, Time, Vec<ObjectId>)>,
    open: BinaryHeap<(Time, ObjectId)>,
}

impl Walk<'_> {
    fn reach(&mut self, id: ObjectId, flags: u8) -> Result<(), HistoryError> {
        if !self.reached.contains_key(&id) {
            let commit = commit(self.backend, &id)?;
            self.reached.insert(id, (0, commit.time, commit.parents));
        }
        if let Some((known, time, _)) = self.reached.get_mut(&id)
            && *known & flags != flags
        {
            *known |= flags;
            self.open.push((*time, id));
        }
        Ok(())
    }

    /// Whether anything is left to be looked at that does not lie behind a common ancestor.
    fn has_more(&self) -> bool {
        self.open.iter().any(|(_, id)| self.reached[id].0 & PAST == 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use crate::backend::memory::MemoryBackend;
    use crate::log::StoreId;
    use crate::object::Author;

    use super::*;

    /// Commits that exist by name, each with its parents and its time in seconds.
    struct Graph {
        backend: MemoryBackend,
        ids: HashMap<String, ObjectId>,
    }

    fn graph(lines: &[(&str, &[&str], i64)]) -> Graph {
        let mut graph = Graph { backend: MemoryBackend::new(StoreId([1; 16])), ids: HashMap::new() };
        for (name, parents, seconds) in lines {
            let commit = Commit {
                profile: ObjectId::from_bytes([1; 32]),
                tree: ObjectId::from_bytes([2; 32]),
                parents: parents.iter().map(|parent| graph.ids[*parent]).collect(),
                author: Author { name: "Ana".to_owned(), email: None },
                time: Time::from_ms(1_772_000_000_000 + seconds * 1000).expect("a time"),
                message: (*name).to_owned(),
                ext: Map::new(),
            };
            let object = commit.to_object().expect("small");
            graph.ids.insert((*name).to_owned(), object.id());
            graph.backend.stage(&[object]).expect("staged");
        }
        graph
    }

    impl Graph {
        fn check(&self, one: &str, other: &str, expected: Option<&str>) {
            for (a, b) in [(one, other), (other, one)] {
                let found = merge_base(&self.backend, &self.ids[a], &self.ids[b]).expect("read");
                assert_eq!(found, expected.map(|name| self.ids[name]), "{a} and {b}");
            }
        }
    }

    #[test]
    fn the_nearest_common_ancestor_is_found() {
        let graph = graph(&[
            ("1", &[], 1),
            ("2", &["1"], 2),
            ("3", &["2"], 3),
            ("4", &["2"], 4),
            ("5", &["4"], 5),
            ("alone", &[], 6),
            ("merged", &["3", "4"], 7),
        ]);
        graph.check("3", "5", Some("2"));
        graph.check("5", "5", Some("5"));
        graph.check("1", "5", Some("1"));
        graph.check("merged", "5", Some("4"));
        graph.check("alone", "5", None);
        for (ancestor, commit, expected) in [("1", "merged", true), ("5", "3", false), ("3", "3", true)] {
            let found = is_ancestor(&graph.backend, &graph.ids[ancestor], &graph.ids[commit]);
            assert_eq!(found.expect("read"), expected, "{ancestor} {commit}");
        }
    }

    #[test]
    fn of_crosswise_merges_the_newest_base_is_taken() {
        let graph = graph(&[
            ("1", &[], 1),
            ("a", &["1"], 2),
            ("b", &["1"], 3),
            ("x", &["a", "b"], 4),
            ("y", &["b", "a"], 5),
        ]);
        graph.check("x", "y", Some("b"));
    }

    #[test]
    fn clocks_that_went_wrong_do_not_change_the_answer() {
        let graph = graph(&[
            ("1", &[], 90),
            ("2", &["1"], 1),
            ("3", &["2"], 80),
            ("4", &["2"], 2),
            ("5", &["4", "1"], 70),
        ]);
        graph.check("3", "5", Some("2"));
        graph.check("1", "5", Some("1"));
    }
}
