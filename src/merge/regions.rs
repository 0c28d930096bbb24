//! What two sides changed in one sequence, laid side by side: where only one side changed something,
//! where both did alike, and where they meet. Knows no texts and no values, only positions.

use std::ops::Range;

use similar::DiffOp;

use super::Sides;

/// A stretch of the base and what one side has in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) base: Range<usize>,
    pub(super) side: Range<usize>,
}

/// Whose changes a region has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's, or the same of both.
    Agreed,
    Ours,
    Theirs,
    /// Different ones of both.
    Both,
}

/// A stretch of all three sequences. Together the regions cover each of them, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) owner: Owner,
    pub(super) at: Sides<Range<usize>>,
}

/// The edits that a diff consists of, adjoining ones as one.
pub(super) fn edits(ops: &[DiffOp]) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (base, side) = (op.old_range(), op.new_range());
        match edits.last_mut() {
            Some(last) if last.base.end == base.start && last.side.end == side.start => {
                last.base.end = base.end;
                last.side.end = side.end;
            }
            _ => edits.push(Edit { base, side }),
        }
    }
    edits
}

/// Lays the edits of both sides side by side. Edits that overlap or touch, with nothing unchanged
/// between them, belong to one region, as in git's `xdl_merge` (xdiff/xmerge.c). `alike` tells whether
/// a stretch of ours is the same as one of theirs. `len` is the length of the base.
pub(super) fn regions(
    len: usize,
    ours: &[Edit],
    theirs: &[Edit],
    alike: impl Fn(Range<usize>, Range<usize>) -> bool,
) -> Vec<Region> {
    let mut walk = Walk { ours, theirs, done: Sides::default(), regions: Vec::new() };
    while let Some(start) = walk.next_start() {
        walk.agreed_up_to(start);
        let (ours, theirs) = walk.take_cluster(start);
        walk.push(ours, theirs, &alike);
    }
    walk.agreed_up_to(len);
    walk.regions
}

struct Walk<'a> {
    /// The edits that are still to come.
    ours: &'a [Edit],
    theirs: &'a [Edit],
    /// How far the regions go.
    done: Sides<usize>,
    regions: Vec<Region>,
}

impl<'a> Walk<'a> {
    fn next_start(&self) -> Option<usize> {
        [self.ours, self.theirs].iter().filter_map(|edits| Some(edits.first()?.base.start)).min()
    }

    fn agreed_up_to(&mut self, base: usize) {
        let len = base - self.done.base;
        if len > 0 {
            let at = self.done.map(|start| start..start + len);
            self.regions.push(Region { owner: Owner::Agreed, at });
            self.done = self.done.map(|start| start + len);
        }
    }

    /// The edits of either side that hang together from here on.
    fn take_cluster(&mut self, start: usize) -> (&'a [Edit], &'a [Edit]) {
        let (mut ours, mut theirs, mut end) = (0, 0, start);
        loop {
            if let Some(edit) = self.ours.get(ours).filter(|edit| edit.base.start <= end) {
                end = end.max(edit.base.end);
                ours += 1;
            } else if let Some(edit) = self.theirs.get(theirs).filter(|edit| edit.base.start <= end) {
                end = end.max(edit.base.end);
                theirs += 1;
            } else {
                break;
            }
        }
        let cluster = (&self.ours[..ours], &self.theirs[..theirs]);
        (self.ours, self.theirs) = (&self.ours[ours..], &self.theirs[theirs..]);
        cluster
    }

    fn push(&mut self, ours: &[Edit], theirs: &[Edit], alike: impl Fn(Range<usize>, Range<usize>) -> bool) {
        let ends = ours.last().into_iter().chain(theirs.last());
        let base_end = ends.map(|edit| edit.base.end).max().unwrap_or(self.done.base);
        // Behind its last edit a side goes on as the base does.
        let side_end = |edits: &[Edit], done: usize| match edits.last() {
            Some(edit) => edit.side.end + (base_end - edit.base.end),
            None => done + (base_end - self.done.base),
        };
        let end = Sides {
            base: base_end,
            ours: side_end(ours, self.done.ours),
            theirs: side_end(theirs, self.done.theirs),
        };
        let start = self.done;
        let at = Sides {
            base: start.base..end.base,
            ours: start.ours..end.ours,
            theirs: start.theirs..end.theirs,
        };
        let owner = match (ours, theirs) {
            (_, []) => Owner::Ours,
            ([], _) => Owner::Theirs,
            ([a], [b]) if a.base == b.base && alike(a.side.clone(), b.side.clone()) => Owner::Agreed,
            _ => Owner::Both,
        };
        self.done = end;
        self.regions.push(Region { owner, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(base: Range<usize>, side: Range<usize>) -> Edit {
        Edit { base, side }
    }

    /// The regions as text: the owner, then the stretches of base, ours and theirs.
    fn check(len: usize, ours: &[Edit], theirs: &[Edit], wanted: &[&str]) {
        let alike = |a: Range<usize>, b: Range<usize>| a.len() == b.len();
        let shown: Vec<String> = regions(len, ours, theirs, alike)
            .into_iter()
            .map(|Region { owner, at: Sides { base, ours, theirs } }| {
                format!("{owner:?} {base:?} {ours:?} {theirs:?}")
            })
            .collect();
        assert_eq!(shown, wanted);
    }

    #[test]
    fn edits_with_something_between_them_stay_apart() {
        check(
            5,
            &[edit(0..1, 0..2)],
            &[edit(2..3, 2..2)],
            &[
                "Ours 0..1 0..2 0..1",
                "Agreed 1..2 2..3 1..2",
                "Theirs 2..3 3..4 2..2",
                "Agreed 3..5 4..6 2..4",
            ],
        );
        check(0, &[], &[], &[]);
        check(2, &[], &[], &["Agreed 0..2 0..2 0..2"]);
    }

    #[test]
    fn edits_that_touch_or_overlap_are_one_region() {
        check(2, &[edit(0..1, 0..2)], &[edit(1..2, 1..1)], &["Both 0..2 0..3 0..1"]);
        check(1, &[edit(1..1, 1..2)], &[edit(1..1, 1..3)], &["Agreed 0..1 0..1 0..1", "Both 1..1 1..2 1..3"]);
        check(
            6,
            &[edit(0..1, 0..1), edit(3..4, 3..5)],
            &[edit(1..3, 1..1)],
            &["Both 0..4 0..5 0..2", "Agreed 4..6 5..7 2..4"],
        );
    }

    #[test]
    fn the_same_edit_of_both_is_agreed() {
        check(
            3,
            &[edit(1..2, 1..2)],
            &[edit(1..2, 1..2)],
            &["Agreed 0..1 0..1 0..1", "Agreed 1..2 1..2 1..2", "Agreed 2..3 2..3 2..3"],
        );
        check(3, &[edit(1..2, 1..2)], &[edit(1..3, 1..2)], &["Agreed 0..1 0..1 0..1", "Both 1..3 1..3 1..2"]);
    }

    #[test]
    fn adjoining_steps_of_a_diff_are_one_edit() {
        let ops = [
            DiffOp::Equal { old_index: 0, new_index: 0, len: 1 },
            DiffOp::Delete { old_index: 1, old_len: 2, new_index: 1 },
            DiffOp::Insert { old_index: 3, new_index: 1, new_len: 1 },
            DiffOp::Equal { old_index: 3, new_index: 2, len: 1 },
            DiffOp::Insert { old_index: 4, new_index: 3, new_len: 1 },
        ];
        assert_eq!(edits(&ops), [edit(1..3, 1..2), edit(4..4, 3..4)]);
    }
}
