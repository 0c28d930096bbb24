//! Comparing lists: by key where entries have one, by their longest common part elsewhere.

use std::collections::HashMap;

use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::diff::path::{Node, as_index, key_of};

use super::{ChangeKind, Comparison, Place, Trail};

/// A list whose entries all have a key of their own.
pub(crate) struct Keyed<'a> {
    pub(crate) entries: Vec<(&'a str, &'a Value)>,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Keyed<'a> {
    /// None when an entry has no key, or two have the same.
    pub(crate) fn new(list: &'a [Value], field: &str) -> Option<Self> {
        let mut entries = Vec::with_capacity(list.len());
        let mut positions = HashMap::with_capacity(list.len());
        for (at, entry) in list.iter().enumerate() {
            let key = key_of(entry, field)?;
            entries.push((key, entry));
            if positions.insert(key, at).is_some() {
                return None;
            }
        }
        Some(Self { entries, positions })
    }

    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.positions.get(key).copied()
    }

    /// The entry with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.position(key).map(|at| self.entries[at].1)
    }
}

/// Which entries of two lists without keys belong together, apart from the equal ones.
#[derive(Default)]
struct Matching {
    /// Positions in the old list.
    removed: Vec<usize>,
    /// Positions in the new list.
    added: Vec<usize>,
    /// Position in the old list, position in the new one.
    paired: Vec<(usize, usize)>,
}

impl Comparison {
    /// Compares two lists; false, with nothing noted, when they differ and only as a whole.
    pub(super) fn lists(&mut self, old: &[Value], new: &[Value], place: Place<'_>) -> bool {
        let Some(field) = place.node.and_then(Node::key) else {
            return self.unkeyed_lists(old, new, place);
        };
        if old == new {
            return true;
        }
        if let (Some(old), Some(new)) = (Keyed::new(old, field), Keyed::new(new, field)) {
            self.keyed_lists(&old, &new, place);
            return true;
        }
        if old.iter().chain(new).any(|entry| is_mistakable(entry, field)) {
            return false;
        }
        self.unkeyed_lists(old, new, place)
    }

    fn keyed_lists(&mut self, old: &Keyed<'_>, new: &Keyed<'_>, place: Place<'_>) {
        for (at, (key, entry)) in old.entries.iter().enumerate() {
            if new.position(key).is_none() {
                let gone = ChangeKind::Removed((*entry).clone());
                self.push(&Trail::Key(place.trail, key), gone, Some(at));
            }
        }
        let common: Vec<usize> = new.entries.iter().filter_map(|(key, _)| old.position(key)).collect();
        let mut steady = longest_increasing(&common).into_iter().peekable();
        for (to, (key, entry)) in new.entries.iter().enumerate() {
            let trail = Trail::Key(place.trail, key);
            match old.position(key) {
                None => self.push(&trail, ChangeKind::Added((*entry).clone()), Some(to)),
                Some(from) if steady.peek() == Some(&from) => {
                    steady.next();
                }
                Some(from) => self.push(&trail, ChangeKind::Moved { from, to }, None),
            }
        }
        for (key, entry) in &old.entries {
            if let Some(at) = new.position(key) {
                self.values(entry, new.entries[at].1, place.entry(&Trail::Key(place.trail, key)));
            }
        }
    }

    fn unkeyed_lists(&mut self, old: &[Value], new: &[Value], place: Place<'_>) -> bool {
        let Some(matching) = self.matching(old, new) else { return false };
        for at in matching.removed {
            self.push(&Trail::Index(place.trail, at), ChangeKind::Removed(old[at].clone()), Some(at));
        }
        for at in matching.added {
            self.push(&Trail::Index(place.trail, at), ChangeKind::Added(new[at].clone()), Some(at));
        }
        for (from, to) in matching.paired {
            self.values(&old[from], &new[to], place.entry(&Trail::Index(place.trail, to)));
        }
        true
    }

    /// None when the lists are too long to be matched.
    fn matching(&mut self, old: &[Value], new: &[Value]) -> Option<Matching> {
        let mut matching = Matching::default();
        if old.len() == 1 && new.len() == 1 {
            matching.paired.push((0, 0));
            return Some(matching);
        }
        let skipped = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[skipped..], &new[skipped..]);
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
        let pairs = old.len().saturating_mul(new.len());
        if pairs <= 1 || pairs > self.pairs_left {
            if pairs > 1 && old.len() != new.len() {
                return None;
            }
            matching.replace((skipped, old.len()), (skipped, new.len()));
            return Some(matching);
        }
        self.pairs_left -= pairs;
        let mut classes = HashMap::new();
        let mut class_of = |value| {
            let next = classes.len();
            *classes.entry(value).or_insert(next)
        };
        let old: Vec<usize> = old.iter().map(&mut class_of).collect();
        let new: Vec<usize> = new.iter().map(&mut class_of).collect();
        for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            if !matches!(op, DiffOp::Equal { .. }) {
                let (old, new) = (op.old_range(), op.new_range());
                matching.replace((skipped + old.start, old.len()), (skipped + new.start, new.len()));
            }
        }
        Some(matching)
    }
}

impl Matching {
    /// Pairs the entries of two stretches in order; what is left over is removed or added.
    fn replace(&mut self, (old_start, old_len): (usize, usize), (new_start, new_len): (usize, usize)) {
        let common = old_len.min(new_len);
        self.paired.extend((0..common).map(|at| (old_start + at, new_start + at)));
        self.removed.extend(old_start + common..old_start + old_len);
        self.added.extend(new_start + common..new_start + new_len);
    }
}

/// Whether a path by position could be taken for one by this entry's key: a position stands for a key
/// where an entry has that text as its key.
pub(crate) fn is_mistakable(entry: &Value, field: &str) -> bool {
    key_of(entry, field).is_some_and(|key| as_index(key).is_some())
}

/// A longest increasing subsequence of distinct numbers, by patience sorting.
pub(crate) fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let pile = piles.partition_point(|&top| numbers[top] < *number);
        before.push(pile.checked_sub(1).map(|left| piles[left]));
        if pile == piles.len() {
            piles.push(at);
        } else {
            piles[pile] = at;
        }
    }
    let mut found: Vec<usize> =
        std::iter::successors(piles.last().copied(), |&at| before[at]).map(|at| numbers[at]).collect();
    found.reverse();
    found
}
