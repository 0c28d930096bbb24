//! Three lists to one: by key where entries have one, by their common part elsewhere.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;
use similar::{Algorithm, capture_diff_slices};

use crate::diff::json::{Keyed, Place, Trail, is_mistakable};
use crate::diff::path::Node;

use super::json::Merging;
use super::regions::{Edit, Owner, Region, edits, regions};
use super::{Dispute, Sides, order};

impl Merging {
    /// The merged list; none, with nothing noted, when the lists conflict as a whole.
    pub(super) fn lists(&mut self, sides: Sides<&[Value]>, place: Place<'_>) -> Option<Vec<Value>> {
        let Some(field) = place.node.and_then(Node::key) else {
            return self.unkeyed_lists(sides, place);
        };
        let keyed = sides.map(|list| Keyed::new(list, field));
        if let Sides { base: Some(base), ours: Some(ours), theirs: Some(theirs) } = &keyed {
            return Some(self.keyed_lists(Sides { base, ours, theirs }, place));
        }
        if sides.into_array().into_iter().flatten().any(|entry| is_mistakable(entry, field)) {
            return None;
        }
        self.unkeyed_lists(sides, place)
    }

    fn keyed_lists(&mut self, sides: Sides<&Keyed<'_>>, place: Place<'_>) -> Vec<Value> {
        let added = sides.theirs.entries.iter().filter(|(key, _)| sides.ours.position(key).is_none());
        // None for an entry that theirs changed and ours removed: it has a place, and no value yet.
        let mut merged: HashMap<&str, Option<Value>> = HashMap::with_capacity(sides.ours.entries.len());
        let mut ghosts: HashMap<&str, usize> = HashMap::new();
        for (key, _) in sides.ours.entries.iter().chain(added) {
            let trail = Trail::Key(place.trail, key);
            let (entries, noted) = (sides.map(|list| list.get(key)), self.disputes.len());
            let value = self.values(entries, place.entry(&trail));
            if value.is_none() && self.disputes.len() > noted {
                ghosts.insert(key, noted);
            }
            if value.is_some() || ghosts.contains_key(key) {
                merged.insert(key, value);
            }
        }
        let order = order::merged(sides, |key| merged.contains_key(key));
        for (at, key) in order.iter().enumerate() {
            let Some(Dispute::Value { after, .. }) = ghosts.get(key).map(|&noted| &mut self.disputes[noted])
            else {
                continue;
            };
            for before in order[..at].iter().rev() {
                after.push((*before).to_owned());
                if !ghosts.contains_key(before) {
                    break;
                }
            }
        }
        order.into_iter().filter_map(|key| merged.remove(key).flatten()).collect()
    }

    fn unkeyed_lists(&mut self, sides: Sides<&[Value]>, place: Place<'_>) -> Option<Vec<Value>> {
        let mut classes: HashMap<&Value, usize> = HashMap::new();
        let classes = sides.map(|list| {
            let class_of = |value| {
                let next = classes.len();
                *classes.entry(value).or_insert(next)
            };
            list.iter().map(class_of).collect::<Vec<usize>>()
        });
        let ours = self.align(&classes.base, &classes.ours)?;
        let theirs = self.align(&classes.base, &classes.theirs)?;
        let alike = |a: Range<usize>, b: Range<usize>| classes.ours[a] == classes.theirs[b];
        let regions = regions(sides.base.len(), &ours, &theirs, alike);
        let is_positional = |region: &Region| {
            let inside =
                |edit: &&Edit| edit.base.start >= region.at.base.start && edit.base.end <= region.at.base.end;
            ours.iter().chain(&theirs).filter(inside).all(|edit| edit.base.len() == edit.side.len())
        };
        if regions.iter().any(|region| region.owner == Owner::Both && !is_positional(region)) {
            return None;
        }
        let mut merged = Vec::with_capacity(sides.ours.len());
        for Region { owner, at } in regions {
            match owner {
                Owner::Agreed | Owner::Ours => merged.extend_from_slice(&sides.ours[at.ours]),
                Owner::Theirs => merged.extend_from_slice(&sides.theirs[at.theirs]),
                Owner::Both => {
                    for ((base, ours), theirs) in at.base.zip(at.ours).zip(at.theirs) {
                        let entries = Sides {
                            base: sides.base.get(base),
                            ours: sides.ours.get(ours),
                            theirs: sides.theirs.get(theirs),
                        };
                        let trail = Trail::Index(place.trail, merged.len());
                        merged.extend(self.values(entries, place.entry(&trail)));
                    }
                }
            }
        }
        Some(merged)
    }

    /// What one side changed in a list; none when the lists are too long to be compared.
    ///
    /// Where it explains as much, entries are taken to have been replaced in their places rather than
    /// removed here and added there: a path to a place then stays right.
    fn align(&mut self, base: &[usize], side: &[usize]) -> Option<Vec<Edit>> {
        let head = base.iter().zip(side).take_while(|(a, b)| a == b).count();
        let (base, side) = (&base[head..], &side[head..]);
        let tail = base.iter().rev().zip(side.iter().rev()).take_while(|(a, b)| a == b).count();
        let (base, side) = (&base[..base.len() - tail], &side[..side.len() - tail]);
        self.pairs_left = self.pairs_left.checked_sub(base.len().saturating_mul(side.len()))?;
        let mut found = edits(&capture_diff_slices(Algorithm::Myers, base, side));
        if base.len() == side.len() {
            let touched: usize = found.iter().map(|edit| edit.base.len() + edit.side.len()).sum();
            let differing = (0..base.len()).filter(|&at| base[at] != side[at]);
            if 2 * differing.clone().count() <= touched {
                found = differing.map(|at| Edit { base: at..at + 1, side: at..at + 1 }).collect();
            }
        }
        let shifted = |range: Range<usize>| range.start + head..range.end + head;
        Some(
            found
                .into_iter()
                .map(|edit| Edit { base: shifted(edit.base), side: shifted(edit.side) })
                .collect(),
        )
    }
}
