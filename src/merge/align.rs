//! Where an edit is put that could as well stand elsewhere: a line added between two like it may be
//! the first or the second. Does what git does (`xdl_change_compact` in xdiff/xdiffi.c), so that the
//! same edits of two sides meet or do not meet as in git.

use std::ops::Range;

use super::regions::Edit;

/// Slides every edit down as far as it goes, or to where lines removed and lines added meet in one
/// edit; edits that meet on the way become one.
pub(super) fn settle(base: &[&str], side: &[&str], edits: &[Edit]) -> Vec<Edit> {
    let mut removed = Flags::new(base, edits.iter().map(|edit| edit.base.clone()));
    let mut added = Flags::new(side, edits.iter().map(|edit| edit.side.clone()));
    removed.compact(&added);
    added.compact(&removed);
    let mut settled = Vec::with_capacity(edits.len());
    let (mut gone, mut come) = (removed.first(), added.first());
    loop {
        if !gone.is_empty() || !come.is_empty() {
            settled.push(Edit { base: gone.clone(), side: come.clone() });
        }
        // Between two groups stands one unchanged line, the same in both.
        match (removed.next(&gone), added.next(&come)) {
            (Some(next_gone), Some(next_come)) => (gone, come) = (next_gone, next_come),
            _ => return settled,
        }
    }
}

/// The lines of one text, and which of them the other lacks. They form groups: before, between and
/// behind the other lines there is one each, mostly empty, as many in both texts.
struct Flags<'a> {
    lines: &'a [&'a str],
    changed: Vec<bool>,
}

impl<'a> Flags<'a> {
    fn new(lines: &'a [&'a str], ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let mut changed = vec![false; lines.len()];
        for range in ranges {
            changed[range].fill(true);
        }
        Self { lines, changed }
    }

    /// The group that begins there.
    fn from(&self, start: usize) -> Range<usize> {
        start..start + self.changed[start..].iter().take_while(|changed| **changed).count()
    }

    fn first(&self) -> Range<usize> {
        self.from(0)
    }

    fn next(&self, group: &Range<usize>) -> Option<Range<usize>> {
        (group.end < self.lines.len()).then(|| self.from(group.end + 1))
    }

    fn previous(&self, group: &Range<usize>) -> Option<Range<usize>> {
        let end = group.start.checked_sub(1)?;
        Some(self.start_of(end)..end)
    }

    /// The start of the group that ends there.
    fn start_of(&self, end: usize) -> usize {
        (0..end).rev().take_while(|&at| self.changed[at]).last().unwrap_or(end)
    }

    /// Moves a group up by one line, if what it loses below is what it gains above.
    fn slide_up(&mut self, group: &mut Range<usize>) -> bool {
        let can = group.start > 0 && self.lines[group.start - 1] == self.lines[group.end - 1];
        if can {
            self.changed[group.start - 1] = true;
            self.changed[group.end - 1] = false;
            *group = self.start_of(group.start)..group.end - 1;
        }
        can
    }

    /// Moves a group down by one line, if what it loses above is what it gains below.
    fn slide_down(&mut self, group: &mut Range<usize>) -> bool {
        let can = group.end < self.lines.len() && self.lines[group.start] == self.lines[group.end];
        if can {
            self.changed[group.start] = false;
            self.changed[group.end] = true;
            *group = group.start + 1..self.from(group.end).end;
        }
        can
    }

    /// Slides all groups to where they belong, given those of the other text.
    fn compact(&mut self, other: &Flags<'_>) {
        const PAIRED: &str = "both texts have as many groups";
        let (mut group, mut its_other) = (self.first(), other.first());
        loop {
            if !group.is_empty() {
                let mut highest;
                let mut meets;
                loop {
                    let len = group.len();
                    while self.slide_up(&mut group) {
                        its_other = other.previous(&its_other).expect(PAIRED);
                    }
                    highest = group.end;
                    meets = !its_other.is_empty();
                    while self.slide_down(&mut group) {
                        its_other = other.next(&its_other).expect(PAIRED);
                        meets |= !its_other.is_empty();
                    }
                    if group.len() == len {
                        break;
                    }
                }
                if group.end != highest && meets {
                    while its_other.is_empty() && self.slide_up(&mut group) {
                        its_other = other.previous(&its_other).expect(PAIRED);
                    }
                }
            }
            let Some(next) = self.next(&group) else { return };
            group = next;
            its_other = other.next(&its_other).expect(PAIRED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::text::Compared;
    use crate::merge::regions::edits;

    /// The edits between two texts of one-letter lines.
    fn check(base: &str, side: &str, wanted: &[(Range<usize>, Range<usize>)]) {
        let lines = |text: &str| text.chars().map(|line| format!("{line}\n")).collect::<String>();
        let (base, side) = (lines(base), lines(side));
        let compared = Compared::new(&base, &side);
        let settled = settle(&compared.old, &compared.new, &edits(&compared.ops));
        let settled: Vec<_> = settled.into_iter().map(|Edit { base, side }| (base, side)).collect();
        assert_eq!(settled, wanted);
    }

    #[test]
    fn an_edit_stands_as_far_down_as_it_can() {
        check("ab", "aab", &[(1..1, 1..2)]);
        check("aab", "ab", &[(1..2, 1..1)]);
        check("a b c", "a b b c", &[(4..4, 4..6)]);
        check("abc", "xbcy", &[(0..1, 0..1), (3..3, 3..4)]);
    }

    #[test]
    fn lines_removed_and_lines_added_meet_where_they_can() {
        check("01230", "2230", &[(0..2, 0..1)]);
        check("abbd", "abbbe", &[(3..4, 3..5)]);
    }
}
