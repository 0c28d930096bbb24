//! In which order to add the objects of a history, and what each is likely to resemble.
//!
//! Measured (docs/benchmarks.md) with one agent of 2,000 versions: newest first 473 bytes per version,
//! oldest first 505, as they were published 507; so the newest comes first, which also makes what is
//! read most the quickest to read.

use std::collections::{HashMap, HashSet};

use crate::object::ObjectId;

/// So many objects of a series build each on the one before. With [`STRIDE`] it keeps a series of
/// 14,000 within the depth that a pack allows, and was 7 % smaller than chains started anew.
const RUN: usize = 20;
/// The first of each run builds on the first of the run before, except every third, which builds on
/// the third before, and so on with each power.
const STRIDE: usize = 3;
/// The first of so many series of a name is the model for the others. With one model for all it would
/// be out of the window soon; were each the model of the next, every agent would be a delta deeper.
const SERIES_PER_MODEL: usize = 16;
/// A model builds on the one before, but after so many series a new one begins.
const SERIES_PER_FIRST_MODEL: usize = 64;

/// One object to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The object.
    pub id: ObjectId,
    /// An object added before that it is likely to resemble.
    pub base_hint: Option<ObjectId>,
}

/// Orders objects series by series. A series is one thing over time: the block `prompt` of one agent,
/// its trees, its commits. Within it the newest comes first, and older ones build on newer ones. The
/// first of a series builds on the first of an earlier series of the same name: agents made from one
/// another resemble each other.
///
/// An object comes once, where it occurs first. Remembers all ids it was given.
#[derive(Debug, Default)]
pub struct Order {
    seen: HashSet<ObjectId>,
    models: HashMap<String, Model>,
}

/// What stands model for the series of a name.
#[derive(Debug)]
struct Model {
    id: ObjectId,
    series: usize,
}

impl Order {
    /// Begins with no object.
    pub fn new() -> Self {
        Self::default()
    }

    /// The steps that add one series, given oldest first as a history is, under a name that like
    /// series of other agents share.
    pub fn series(&mut self, name: &str, oldest_first: &[ObjectId]) -> Vec<Step> {
        let newest_first: Vec<ObjectId> = oldest_first.iter().rev().copied().collect();
        let Some(newest) = newest_first.first() else {
            return Vec::new();
        };
        let model = self.model(name, *newest);
        let steps = newest_first.iter().enumerate().map(|(at, id)| {
            let base_hint = if at == 0 { model } else { Some(newest_first[at - reach(at)]) };
            Step { id: *id, base_hint }
        });
        steps.filter(|step| self.seen.insert(step.id)).collect()
    }

    /// What the first of a series builds on.
    fn model(&mut self, name: &str, newest: ObjectId) -> Option<ObjectId> {
        let model = self.models.entry(name.to_owned()).or_insert(Model { id: newest, series: 0 });
        let at = model.series;
        model.series += 1;
        if !at.is_multiple_of(SERIES_PER_MODEL) {
            return Some(model.id);
        }
        let before = std::mem::replace(&mut model.id, newest);
        (!at.is_multiple_of(SERIES_PER_FIRST_MODEL)).then_some(before)
    }
}

/// How far before it the object stands on which the one at a place after the first builds.
fn reach(at: usize) -> usize {
    let (mut reach, mut next) = (1, RUN);
    while at.is_multiple_of(next) {
        (reach, next) = (next, next * STRIDE);
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ObjectId {
        ObjectId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    fn check(order: &mut Order, oldest_first: &[usize], expected: &[(usize, Option<usize>)]) {
        let ids: Vec<ObjectId> = oldest_first.iter().map(|number| id(*number)).collect();
        let steps = order.series("prompt", &ids);
        let expected: Vec<Step> =
            expected.iter().map(|(at, base)| Step { id: id(*at), base_hint: base.map(id) }).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn the_newest_comes_first_and_nothing_twice() {
        let mut order = Order::new();
        check(&mut order, &[], &[]);
        check(&mut order, &[1, 2, 3], &[(3, None), (2, Some(3)), (1, Some(2))]);
        check(&mut order, &[2, 4, 2, 5], &[(5, Some(3)), (4, Some(2))]);
    }

    #[test]
    fn a_model_stands_for_some_series_and_then_another() {
        let mut order = Order::new();
        let base_of = |at: usize| match at {
            0 | 64 => None,
            1..=16 => Some(id(0)),
            17..=32 => Some(id(16)),
            33..=48 => Some(id(32)),
            49..=63 => Some(id(48)),
            _ => Some(id(64)),
        };
        for at in 0..70 {
            assert_eq!(order.series("voice", &[id(at)])[0].base_hint, base_of(at), "{at}");
        }
        assert_eq!(order.series("tools", &[id(1000)])[0].base_hint, None);
    }

    #[test]
    fn a_long_series_stays_shallow() {
        let mut depths = vec![0];
        for at in 1..14_000 {
            depths.push(depths[at - reach(at)] + 1);
        }
        let deepest = depths.iter().max().expect("there are some");
        assert!(*deepest < usize::from(super::super::limits::PACK_MAX_DEPTH), "{deepest}");
        assert_eq!((depths[19], depths[20], depths[40], depths[60]), (19, 1, 2, 1));
    }
}
