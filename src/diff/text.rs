//! Two texts to the lines that differ, as data and as a unified diff. Knows nothing of where the
//! texts come from. No clock limits the work, only sizes do: the same texts always give the same.

use std::fmt::Write as _;

use similar::{Algorithm, ChangeTag, DiffOp, InlineChangeOptions, TextDiff, group_diff_ops};

/// Most lines, of both texts together and without their common beginning and end, that are
/// matched; beyond it all of them count as replaced.
pub const MATCHED_LINES_MAX: usize = 200_000;

/// Longest stretch of replaced lines, old and new together, in which changed words are marked, in
/// bytes.
pub const MARKED_STRETCH_MAX_BYTES: usize = 32 * 1024;

/// Most text in which changed words are marked in one comparison, in bytes.
pub const MARKED_TOTAL_MAX_BYTES: usize = 256 * 1024;

/// Most lines of context around a change.
pub const CONTEXT_MAX_LINES: usize = 1_000_000;

/// Lines that differ, with those around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The first line in the old text, from 1; the line before it when `old_len` is 0.
    pub old_start: usize,
    /// How many lines of the old text.
    pub old_len: usize,
    /// The first line in the new text, from 1; the line before it when `new_len` is 0.
    pub new_start: usize,
    /// How many lines of the new text.
    pub new_len: usize,
    /// The lines; removed ones stand before those added in their place.
    pub lines: Vec<Line>,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which of the texts have it.
    pub tag: Tag,
    /// The line in pieces, each with whether it is what changed within the line. Together they are
    /// the line with its line feed, which only the last line of a text may lack.
    pub pieces: Vec<(bool, String)>,
}

/// Which of two texts have a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Both.
    Same,
    /// The old one.
    Removed,
    /// The new one.
    Added,
}

/// The hunks that lead from one text to the other, with so many unchanged lines around each; none
/// when the texts are equal. Lines end with line feeds; carriage returns belong to the line.
pub fn lines(old: &str, new: &str, context: usize) -> Vec<Hunk> {
    let compared = Compared::new(old, new);
    let mut marked_left_bytes = MARKED_TOTAL_MAX_BYTES;
    compared
        .groups(context)
        .iter()
        .map(|ops| {
            let mut hunk = header(ops);
            for op in ops {
                compared.push_lines(op, &mut marked_left_bytes, &mut hunk.lines);
            }
            hunk
        })
        .collect()
}

/// How many lines the new text has that the old one has not, and the reverse: (added, removed).
pub fn stat(old: &str, new: &str) -> (usize, usize) {
    let compared = Compared::new(old, new);
    let changed = compared.ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    changed
        .fold((0, 0), |(added, removed), op| (added + op.new_range().len(), removed + op.old_range().len()))
}

/// A unified diff that `patch` can apply; empty when the texts are equal. A text that does not
/// exist is named `/dev/null` and is empty.
pub fn unified(old_name: &str, new_name: &str, old: &str, new: &str, context: usize) -> String {
    let compared = Compared::new(old, new);
    let mut out = String::new();
    for ops in compared.groups(context) {
        if out.is_empty() {
            out = format!("--- {}\n+++ {}\n", file_name(old_name), file_name(new_name));
        }
        let Hunk { old_start, old_len, new_start, new_len, .. } = header(&ops);
        let (old_range, new_range) = (range(old_start, old_len), range(new_start, new_len));
        writeln!(out, "@@ -{old_range} +{new_range} @@").expect("a string takes all that is written");
        for op in &ops {
            let (old, new) = (&compared.old[op.old_range()], &compared.new[op.new_range()]);
            if matches!(op, DiffOp::Equal { .. }) {
                push_unified(&mut out, ' ', old);
            } else {
                push_unified(&mut out, '-', old);
                push_unified(&mut out, '+', new);
            }
        }
    }
    out
}

/// Two texts by line, and what leads from one to the other; nothing at all when they are equal.
pub(crate) struct Compared<'a> {
    pub(crate) old: Vec<&'a str>,
    pub(crate) new: Vec<&'a str>,
    pub(crate) ops: Vec<DiffOp>,
}

impl<'a> Compared<'a> {
    pub(crate) fn new(old: &'a str, new: &'a str) -> Self {
        let (old, new): (Vec<_>, Vec<_>) = if old == new {
            (Vec::new(), Vec::new())
        } else {
            (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect())
        };
        let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let tail_of = old[head..].iter().rev().zip(new[head..].iter().rev());
        let tail = tail_of.take_while(|(a, b)| a == b).count();
        let (old_len, new_len) = (old.len() - head - tail, new.len() - head - tail);
        let ops = if old_len + new_len > MATCHED_LINES_MAX {
            let between = match (old_len, new_len) {
                (0, _) => DiffOp::Insert { old_index: head, new_index: head, new_len },
                (_, 0) => DiffOp::Delete { old_index: head, old_len, new_index: head },
                _ => DiffOp::Replace { old_index: head, old_len, new_index: head, new_len },
            };
            let after = DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail };
            let mut ops = vec![DiffOp::Equal { old_index: 0, new_index: 0, len: head }, between, after];
            ops.retain(|op| !op.old_range().is_empty() || !op.new_range().is_empty());
            ops
        } else {
            let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(&old, &new);
            diff.ops().to_vec()
        };
        Self { old, new, ops }
    }

    fn groups(&self, context: usize) -> Vec<Vec<DiffOp>> {
        let mut groups = group_diff_ops(self.ops.clone(), context.min(CONTEXT_MAX_LINES));
        groups.retain(|ops| ops.iter().any(|op| !matches!(op, DiffOp::Equal { .. })));
        groups
    }

    fn push_lines(&self, op: &DiffOp, marked_left_bytes: &mut usize, out: &mut Vec<Line>) {
        let (old, new) = (&self.old[op.old_range()], &self.new[op.new_range()]);
        let whole = |tag, lines: &[&str]| -> Vec<Line> {
            let line = |text: &&str| Line { tag, pieces: vec![(false, (*text).to_owned())] };
            lines.iter().map(line).collect()
        };
        match op {
            DiffOp::Equal { .. } => out.extend(whole(Tag::Same, old)),
            DiffOp::Delete { .. } => out.extend(whole(Tag::Removed, old)),
            DiffOp::Insert { .. } => out.extend(whole(Tag::Added, new)),
            DiffOp::Replace { .. } => {
                let size_bytes = old.iter().chain(new).map(|line| line.len()).sum::<usize>();
                if size_bytes <= MARKED_STRETCH_MAX_BYTES.min(*marked_left_bytes) {
                    *marked_left_bytes -= size_bytes;
                    out.extend(marked(old, new));
                } else {
                    out.extend(whole(Tag::Removed, old));
                    out.extend(whole(Tag::Added, new));
                }
            }
        }
    }
}

/// Replaced lines, with the words marked that changed.
fn marked(old: &[&str], new: &[&str]) -> Vec<Line> {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(old, new);
    let whole = DiffOp::Replace { old_index: 0, old_len: old.len(), new_index: 0, new_len: new.len() };
    let mut options = InlineChangeOptions::new();
    options.algorithm(Algorithm::Myers);
    let changes = diff.iter_inline_changes_with_options_deadline(&whole, options, None);
    changes
        .map(|change| Line {
            tag: match change.tag() {
                ChangeTag::Equal => Tag::Same,
                ChangeTag::Delete => Tag::Removed,
                ChangeTag::Insert => Tag::Added,
            },
            pieces: change.values().iter().map(|&(emphasised, text)| (emphasised, text.to_owned())).collect(),
        })
        .collect()
}

fn header(ops: &[DiffOp]) -> Hunk {
    let span = |first: std::ops::Range<usize>, last: std::ops::Range<usize>| {
        let len = last.end - first.start;
        (first.start + usize::from(len > 0), len)
    };
    let (first, last) = (ops[0], ops[ops.len() - 1]);
    let (old_start, old_len) = span(first.old_range(), last.old_range());
    let (new_start, new_len) = span(first.new_range(), last.new_range());
    Hunk { old_start, old_len, new_start, new_len, lines: Vec::new() }
}

fn range(start: usize, len: usize) -> String {
    if len == 1 { start.to_string() } else { format!("{start},{len}") }
}

fn push_unified(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A file name as `patch` reads it: in quotes as in C when it holds what could be misread, and
/// ended by a tab when it holds spaces.
fn file_name(name: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if name.chars().all(plain) {
        let end = if name.contains(' ') { "\t" } else { "" };
        return format!("{name}{end}");
    }
    let mut quoted = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes all that is written"),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(hunks: &[Hunk]) -> String {
        let mut out = String::new();
        for hunk in hunks {
            let Hunk { old_start, old_len, new_start, new_len, lines } = hunk;
            writeln!(out, "@ {old_start},{old_len} {new_start},{new_len}").expect("a string");
            for Line { tag, pieces } in lines {
                out += match tag {
                    Tag::Same => " ",
                    Tag::Removed => "-",
                    Tag::Added => "+",
                };
                for (emphasised, text) in pieces {
                    let (open, close) = if *emphasised { ("[", "]") } else { ("", "") };
                    out.extend([open, text, close]);
                }
            }
        }
        out
    }

    #[test]
    fn marks_the_words_that_changed() {
        let old = "one\nYou are a kind agent.\nthree\n";
        let new = "one\nYou are a brief agent.\nthree\n";
        let wanted = "@ 1,3 1,3\n one\n-You are a [kind] agent.\n+You are a [brief] agent.\n three\n";
        assert_eq!(show(&lines(old, new, 3)), wanted);
        assert_eq!(show(&lines(old, new, 0)).lines().next(), Some("@ 2,1 2,1"));
    }

    #[test]
    fn equal_texts_have_no_hunks() {
        assert_eq!(lines("a\nb", "a\nb", 3), []);
        assert_eq!(unified("a", "b", "x\n", "x\n", 3), "");
        assert_eq!(stat("a", "a"), (0, 0));
    }

    #[test]
    fn counts_lines() {
        assert_eq!(stat("", "a\nb"), (2, 0));
        assert_eq!(stat("a\nb\nc\n", "a\nx\ny\nc\n"), (2, 1));
        assert_eq!(stat("a", "a\n"), (1, 1));
        assert_eq!(stat("a\r\n", "a\n"), (1, 1));
    }

    #[test]
    fn writes_unified_diffs() {
        let check = |old: &str, new: &str, wanted: &str| {
            assert_eq!(unified("old", "new", old, new, 1), format!("--- old\n+++ new\n{wanted}"));
        };
        check("a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
        check("", "a\n", "@@ -0,0 +1 @@\n+a\n");
        check("a\n", "", "@@ -1 +0,0 @@\n-a\n");
        check("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
        check("a\nb", "x\nb", "@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n");
        check(
            "1\n2\n3\n4\n5\n",
            "0\n2\n3\n4\n6\n",
            "@@ -1,2 +1,2 @@\n-1\n+0\n 2\n@@ -4,2 +4,2 @@\n 4\n-5\n+6\n",
        );
    }

    #[test]
    fn names_are_written_as_patch_reads_them() {
        let head = |name: &str| unified(name, "b", "", "x\n", 3).lines().next().map(str::to_owned);
        assert_eq!(head("a/prompt.md").as_deref(), Some("--- a/prompt.md"));
        assert_eq!(head("my prompt").as_deref(), Some("--- my prompt\t"));
        assert_eq!(head("a\n+\"é").as_deref(), Some("--- \"a\\012+\\\"\\303\\251\""));
        assert_eq!(head("é").as_deref(), Some("--- é"));
    }

    #[test]
    fn huge_texts_are_compared_without_matching() {
        let text = |salt: usize| -> String {
            let lines = (0..MATCHED_LINES_MAX).map(|line| (line * 7 % 11 + salt).to_string() + "\n");
            lines.collect()
        };
        let (old, new) = (text(0), text(20));
        assert_eq!(stat(&old, &new), (MATCHED_LINES_MAX, MATCHED_LINES_MAX));
        let appended = format!("{old}{old}");
        assert_eq!(stat(&old, &appended), (MATCHED_LINES_MAX, 0));
        let hunks = lines(&old, &new, usize::MAX);
        assert_eq!((hunks.len(), hunks[0].lines.len()), (1, 2 * MATCHED_LINES_MAX));
    }

    #[test]
    fn long_stretches_have_no_words_marked() {
        let old = format!("{}x\n", "word ".repeat(MARKED_STRETCH_MAX_BYTES / 5));
        let new = format!("{}y\n", "word ".repeat(MARKED_STRETCH_MAX_BYTES / 5));
        let hunks = lines(&old, &new, 0);
        assert!(hunks[0].lines.iter().all(|line| line.pieces.iter().all(|(emphasised, _)| !emphasised)));
    }

    /// Applies a unified diff strictly, as `patch` does.
    fn patched(old: &str, diff: &str) -> String {
        let lines: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut at, mut out) = (0, String::new());
        let mut rest = diff.split_inclusive('\n').skip(2).peekable();
        while let Some(line) = rest.next() {
            if let Some(head) = line.strip_prefix("@@ -") {
                let range = head.split(' ').next().expect("a range");
                let (start, len) = range.split_once(',').unwrap_or((range, "1"));
                let start: usize = start.parse().expect("a number");
                let start = if len == "0" { start } else { start - 1 };
                out += &lines[at..start].concat();
                at = start;
                continue;
            }
            let unended = rest.next_if(|next| next.starts_with('\\')).is_some();
            let text = if unended { &line[1..line.len() - 1] } else { &line[1..] };
            if !line.starts_with('+') {
                assert_eq!(lines[at], text);
                at += 1;
            }
            if !line.starts_with('-') {
                out += text;
            }
        }
        out + &lines[at..].concat()
    }

    proptest! {
        #[test]
        fn hunks_and_unified_diffs_lead_to_the_new_text(
            old in "([ab+@\\\\-]{0,2}\r?\n){0,12}[ab]{0,2}",
            new in "([ab+@\\\\-]{0,2}\r?\n){0,12}[ab]{0,2}",
            context in 0..4usize,
        ) {
            let diff = unified("a", "b", &old, &new, context);
            prop_assert_eq!(patched(&old, &diff), &*new, "{}", diff);
            let (mut added, mut removed) = (0, 0);
            for hunk in lines(&old, &new, context) {
                let with = |tag: Tag| hunk.lines.iter().filter(move |line| line.tag == tag);
                let text = |without: Tag| -> String {
                    let lines = hunk.lines.iter().filter(|line| line.tag != without);
                    lines.flat_map(|line| line.pieces.iter().map(|(_, text)| text.as_str())).collect()
                };
                let expected = |text: &str, start: usize, len: usize| -> String {
                    text.split_inclusive('\n').skip(start.saturating_sub(1)).take(len).collect()
                };
                prop_assert_eq!(text(Tag::Added), expected(&old, hunk.old_start, hunk.old_len));
                prop_assert_eq!(text(Tag::Removed), expected(&new, hunk.new_start, hunk.new_len));
                added += with(Tag::Added).count();
                removed += with(Tag::Removed).count();
            }
            prop_assert_eq!((added, removed), stat(&old, &new));
        }
    }
}
