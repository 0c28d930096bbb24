//! The order of a merged list with keys.

use std::collections::{HashMap, HashSet};

use crate::diff::json::{Keyed, longest_increasing};

use super::Sides;

/// The keys that stay, in the order of ours, with what theirs added or moved behind the entry that it
/// follows in theirs, and there behind what ours added.
///
/// An entry that both sides moved stays where ours has it: that is no conflict, since among entries
/// that are told apart by key the order carries little.
pub(super) fn merged<'a>(sides: Sides<&Keyed<'a>>, stays: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let (by_ours, by_theirs) = (moved(sides.ours, sides), moved(sides.theirs, sides));
    let is_placed =
        |key: &str| sides.ours.position(key).is_none() || (by_theirs.contains(key) && !by_ours.contains(key));
    let keys_of = |list: &Keyed<'a>| list.entries.iter().map(|(key, _)| *key).collect::<Vec<&'a str>>();
    let mut placed: HashMap<Option<&str>, Vec<&'a str>> = HashMap::new();
    let mut before = None;
    for key in keys_of(sides.theirs).into_iter().filter(|key| stays(key)) {
        if is_placed(key) {
            placed.entry(before).or_default().push(key);
        } else {
            before = Some(key);
        }
    }
    let is_added = |key: &str| sides.base.position(key).is_none() && sides.theirs.position(key).is_none();
    let mut order = Vec::with_capacity(sides.ours.entries.len());
    // What is due as soon as the entries end that ours added here.
    let mut due = placed.remove(&None).unwrap_or_default();
    for key in keys_of(sides.ours).into_iter().filter(|key| stays(key) && !is_placed(key)) {
        if !is_added(key) {
            order.append(&mut due);
        }
        order.push(key);
        due.extend(placed.remove(&Some(key)).unwrap_or_default());
    }
    order.append(&mut due);
    order
}

/// The entries common to all that a side moved, as few as possible.
fn moved<'a>(side: &Keyed<'a>, sides: Sides<&Keyed<'_>>) -> HashSet<&'a str> {
    let is_common = |key: &str| sides.into_array().into_iter().all(|list| list.position(key).is_some());
    let common: Vec<(&str, usize)> = side
        .entries
        .iter()
        .filter(|(key, _)| is_common(key))
        .filter_map(|(key, _)| Some((*key, sides.base.position(key)?)))
        .collect();
    let positions: Vec<usize> = common.iter().map(|(_, at)| *at).collect();
    let mut steady = longest_increasing(&positions).into_iter().peekable();
    common.into_iter().filter(|(_, at)| steady.next_if_eq(at).is_none()).map(|(key, _)| key).collect()
}
