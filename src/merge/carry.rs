//! Conflicts that wait while their blocks are edited: an edit of the place in question decides it, any
//! other edit leaves it waiting.

use crate::diff::path::{self, ListKeys};
use crate::diff::text::Compared;
use crate::object::{Blocks, Content};

use super::regions::{Edit, edits};
use super::{Conflict, Dispute, Policies, Stretch};

impl Conflict {
    /// The conflict as it is in blocks that were edited since, in which its lines may stand elsewhere;
    /// none when what was in question is now something else, so that somebody has decided it.
    ///
    /// Of conflicting lines those wait on that no edit touched.
    pub fn carried(&self, before: &Blocks, after: &Blocks, policies: &Policies) -> Option<Self> {
        let (was, is) = (before.get(&self.block), after.get(&self.block));
        if was == is {
            return Some(self.clone());
        }
        match (&self.dispute, was, is) {
            (Dispute::Value { path, .. }, Some(Content::Json(was)), Some(Content::Json(is))) => {
                let none = ListKeys::new();
                let keys = policies.get(&self.block).unwrap_or(&none);
                let still = path::get(was, path, keys) == path::get(is, path, keys);
                let parent = path.parent().is_some_and(|parent| path::get(is, &parent, keys).is_some());
                (still && parent).then(|| self.clone())
            }
            (Dispute::Lines(stretches), Some(Content::Text(was)), Some(Content::Text(is))) => {
                let made = edits(&Compared::new(was, is).ops);
                let waiting: Vec<Stretch> =
                    stretches.iter().filter_map(|stretch| moved(stretch, &made)).collect();
                let dispute = Dispute::Lines(waiting);
                let none = matches!(&dispute, Dispute::Lines(waiting) if waiting.is_empty());
                (!none).then(|| Self { block: self.block.clone(), dispute })
            }
            _ => None,
        }
    }
}

/// A stretch where it stands after edits; none when one of them touched it.
fn moved(stretch: &Stretch, made: &[Edit]) -> Option<Stretch> {
    let start = stretch.at - 1;
    let end = start + stretch.sides.ours.text.split_inclusive('\n').count();
    let mut at = start;
    for Edit { base, side } in made {
        let inserted_at = base.is_empty().then_some(base.start);
        let touches = match inserted_at {
            // Lines put where there were none are what somebody wants there.
            Some(place) if start == end => place == start,
            Some(place) => start < place && place < end,
            None if start == end => base.start < start && start < base.end,
            None => base.start < end && start < base.end,
        };
        if touches {
            return None;
        }
        if base.end <= start {
            at = at + side.len() - base.len();
        }
    }
    Some(Stretch { at: at + 1, sides: stretch.sides.clone() })
}
