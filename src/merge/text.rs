//! Three texts to one, by line.

use std::ops::Range;

use crate::diff::text::Compared;

use super::align::settle;
use super::regions::{Owner, edits, regions};
use super::{Lines, Sides, Stretch};

/// Merges two texts that both came from a third and all differ: the merged text, in which ours stands
/// where they conflict, and those stretches.
///
/// As in git, changes of both sides conflict when they overlap or when no unchanged line stands
/// between them; the same change on both sides does not.
pub(super) fn merge(base: &str, ours: &str, theirs: &str) -> (String, Vec<Stretch>) {
    let (to_ours, to_theirs) = (Compared::new(base, ours), Compared::new(base, theirs));
    let texts = Sides { base: &to_ours.old, ours: &to_ours.new, theirs: &to_theirs.new };
    let alike = |a: Range<usize>, b: Range<usize>| texts.ours[a] == texts.theirs[b];
    let (mut merged, mut lines_done, mut stretches) = (String::with_capacity(ours.len()), 0, Vec::new());
    let our_edits = settle(texts.base, texts.ours, &edits(&to_ours.ops));
    let their_edits = settle(texts.base, texts.theirs, &edits(&to_theirs.ops));
    for region in regions(texts.base.len(), &our_edits, &their_edits, alike) {
        let Sides { base, ours, theirs } = region.at;
        if region.owner == Owner::Both {
            stretches.push(Stretch {
                at: lines_done + 1,
                sides: Sides {
                    base: lines(texts.base, base),
                    ours: lines(texts.ours, ours.clone()),
                    theirs: lines(texts.theirs, theirs.clone()),
                },
            });
        }
        let taken = match region.owner {
            Owner::Theirs => &texts.theirs[theirs],
            Owner::Agreed | Owner::Ours | Owner::Both => &texts.ours[ours],
        };
        lines_done += taken.len();
        merged.extend(taken.iter().copied());
    }
    (merged, stretches)
}

fn lines(text: &[&str], at: Range<usize>) -> Lines {
    Lines { start: at.start + 1, text: text[at].concat() }
}

/// A text with other lines in the place of some stretches: what stands before, between and behind
/// them, and for each stretch what `instead` makes of it. None when the text does not have, at a
/// stretch's place, what ours had there.
pub(super) fn replace(
    text: &str,
    stretches: &[Stretch],
    mut instead: impl FnMut(&Stretch, &mut String),
) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for stretch in stretches {
        let start = stretch.at.checked_sub(1).filter(|start| *start >= done)?;
        let end = start + stretch.sides.ours.text.split_inclusive('\n').count();
        if lines.get(start..end)?.concat() != stretch.sides.ours.text {
            return None;
        }
        out.extend(lines[done..start].iter().copied());
        instead(stretch, &mut out);
        done = end;
    }
    out.extend(lines[done..].iter().copied());
    Some(out)
}
