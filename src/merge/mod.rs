//! Three configs to one, or to what has to be decided: by field where a block is JSON, by line where
//! it is text. Pure: knows nothing of files, of clocks or of what a field means.
//!
//! Everything is a three-way merge of trees, with other parts in the roles:
//!
//! | what is done | base | ours | theirs |
//! |---|---|---|---|
//! | merge of two lines of work | their merge base | the one that goes on | the other |
//! | cherry-pick of a version's change | the version's parent | the draft | the version |
//! | revert of a version | the version | the draft | the version's parent |
//!
//! One block alone is picked by handing over a `theirs` that is `base` in all other blocks.
//!
//! `docs/concepts/merge.md` says what combines and what conflicts.

mod align;
mod carry;
mod conflict;
mod error;
mod json;
mod lists;
pub mod markers;
mod order;
pub mod record;
mod regions;
mod resolve;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::path::ListKeys;
use crate::object::{BlockName, Blocks, Content};

pub use conflict::{Conflict, ConflictKind, Dispute, Lines, Sides, Stretch};
pub use error::MergeError;
pub use record::Record;
pub use resolve::{Choice, resolve};

/// The keys by which the lists of each JSON block are matched, their places counted from the block's
/// root. A block that is not named has none.
pub type Policies = BTreeMap<BlockName, ListKeys>;

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    /// Every change of both sides that does not conflict, and where they do conflict, what ours has.
    pub blocks: Blocks,
    /// What has to be decided, by block and then in the order of the content.
    pub conflicts: Vec<Conflict>,
}

/// Merges two configs that both came from a third.
///
/// A change that only one side made is taken, and so is one that both made alike. Absent, null and
/// the empty string are three different things.
pub fn config(base: &Blocks, ours: &Blocks, theirs: &Blocks, policies: &Policies) -> Merged {
    let names: BTreeSet<&BlockName> = ours.keys().chain(theirs.keys()).collect();
    let none = ListKeys::new();
    let mut merged = Merged::default();
    for name in names {
        let sides = Sides { base: base.get(name), ours: ours.get(name), theirs: theirs.get(name) };
        let (content, disputes) = block(sides, policies.get(name).unwrap_or(&none));
        merged.blocks.extend(content.map(|content| (name.clone(), content)));
        let conflict = |dispute| Conflict { block: name.clone(), dispute };
        merged.conflicts.extend(disputes.into_iter().map(conflict));
    }
    merged
}

fn block(sides: Sides<Option<&Content>>, keys: &ListKeys) -> (Option<Content>, Vec<Dispute>) {
    if let Some(undisputed) = sides.undisputed() {
        return (undisputed.cloned(), Vec::new());
    }
    match (sides.base, sides.ours, sides.theirs) {
        (Some(Content::Text(base)), Some(Content::Text(ours)), Some(Content::Text(theirs))) => {
            let (text, stretches) = text::merge(base, ours, theirs);
            let dispute = (!stretches.is_empty()).then_some(Dispute::Lines(stretches));
            return (Some(Content::Text(text)), dispute.into_iter().collect());
        }
        (base @ (None | Some(Content::Json(_))), Some(Content::Json(ours)), Some(Content::Json(theirs))) => {
            let base = base.and_then(Content::as_json);
            if let Some((value, disputes)) = json::merge(base, ours, theirs, keys) {
                return (Some(Content::Json(value)), disputes);
            }
        }
        _ => {}
    }
    (sides.ours.cloned(), vec![Dispute::Block(sides.map(Option::<&Content>::cloned))])
}
