//! Conflicts written into the files that people edit, as git writes them with `diff3`: whoever keeps
//! one side of each and deletes the rest, markers included, has decided.
//!
//! ```text
//! <<<<<<< support@tone
//! Hi.
//! ||||||| support@V3
//! Hello.
//! =======
//! Welcome.
//! >>>>>>> support@origin/V7
//! ```
//!
//! A JSON block is laid out for people, with such markers around the lines of each value in question,
//! so it cannot be read as JSON until it is decided. Every side has the commas that it needs: where an
//! entry that may go is the last one, the end of the entry before it stands within the markers too.

mod json;

use crate::diff::path::ListKeys;
use crate::encoding::canonical;
use crate::object::Content;

use super::resolve::stale;
use super::{Conflict, ConflictKind, Dispute, MergeError, Sides, Stretch, text};

/// The shortest markers, in characters. They are longer when a text has such lines of its own.
pub const LENGTH_MIN: usize = 7;

/// What a marked line begins with, over and over.
const MARKS: [char; 4] = ['<', '|', '=', '>'];

/// A block as it is written into a file while its conflicts wait: `content` is the merged block, and
/// the conflicts are all those of this block.
///
/// None when the sides are of different kinds, or ours lacks the block: no file then holds both sides,
/// and the conflict waits to be decided by name. A side that lacks the block has no lines; it is chosen
/// by removing the file.
///
/// # Errors
/// `Stale` when the content has changed since at the place of a conflict.
pub fn block(
    content: Option<&Content>,
    conflicts: &[&Conflict],
    keys: &ListKeys,
    labels: &Sides<String>,
) -> Result<Option<String>, MergeError> {
    let Some(content) = content else { return Ok(None) };
    let whole = conflicts.iter().find_map(|conflict| match &conflict.dispute {
        Dispute::Block(sides) => Some((conflict, sides)),
        _ => None,
    });
    if let Some((conflict, sides)) = whole {
        return whole_block(content, conflict, sides, labels);
    }
    match content {
        Content::Text(text) => lines(text, conflicts, labels).map(Some),
        Content::Json(value) => {
            json::write(value, conflicts, keys, &Marks::new(labels, LENGTH_MIN)).map(Some)
        }
    }
}

/// How long the markers are in a file that [`block`] makes of these.
pub fn length_for(content: &Content, conflicts: &[&Conflict]) -> usize {
    let texts = conflicts.iter().flat_map(|conflict| match &conflict.dispute {
        Dispute::Lines(stretches) => side_texts(stretches).collect(),
        Dispute::Block(sides) => {
            sides.as_ref().into_array().into_iter().flatten().filter_map(as_text).collect()
        }
        Dispute::Value { .. } => Vec::new(),
    });
    length(texts.chain(as_text(content)))
}

/// Whether a file still has markers of that length: a line that begins with so many `<`, `|` or `>`
/// and a space. A line of `=` alone also underlines a heading in Markdown, and is not counted.
pub fn has_markers(text: &str, length: usize) -> bool {
    text.lines().any(|line| {
        let marks = line.chars().next().filter(|mark| MARKS.contains(mark) && *mark != '=');
        marks.is_some_and(|mark| {
            let rest = line.trim_start_matches(mark);
            line.len() - rest.len() == length && rest.starts_with(' ')
        })
    })
}

/// The line, from 1, at which a conflict begins that is written out in a text: all four markers of one
/// length, in their order.
pub fn find(text: &str) -> Option<usize> {
    let mut open: Option<(usize, usize, usize)> = None;
    for (at, line) in text.lines().enumerate() {
        let Some(mark) = line.chars().next().filter(|mark| MARKS.contains(mark)) else { continue };
        let rest = line.trim_start_matches(mark);
        let length = line.len() - rest.len();
        let is_whole = if mark == '=' { rest.is_empty() } else { rest.starts_with(' ') };
        if length < LENGTH_MIN || !is_whole {
            continue;
        }
        let place = MARKS.iter().position(|known| *known == mark).expect("it is one of them");
        open = match open {
            _ if place == 0 => Some((at + 1, length, 0)),
            Some((begin, known, before)) if known == length && place == before + 1 => {
                if place + 1 == MARKS.len() {
                    return Some(begin);
                }
                Some((begin, known, place))
            }
            other => other,
        };
    }
    None
}

fn as_text(content: &Content) -> Option<&str> {
    match content {
        Content::Text(text) => Some(text),
        Content::Json(_) => None,
    }
}

fn whole_block(
    content: &Content,
    conflict: &Conflict,
    sides: &Sides<Option<Content>>,
    labels: &Sides<String>,
) -> Result<Option<String>, MergeError> {
    if sides.ours.as_ref() != Some(content) {
        return Err(stale(conflict));
    }
    if conflict.kind() == ConflictKind::KindChanged {
        return Ok(None);
    }
    let as_file = |content: &Content| match content {
        Content::Text(text) => text.clone(),
        Content::Json(value) => canonical::pretty(value),
    };
    let files = sides.as_ref().map(|side| side.as_ref().map_or_else(String::new, as_file));
    let mut out = String::new();
    Marks::new(labels, length_for(content, &[conflict])).write(&mut out, files.as_ref().map(String::as_str));
    Ok(Some(out))
}

fn lines(text: &str, conflicts: &[&Conflict], labels: &Sides<String>) -> Result<String, MergeError> {
    let mut marked = text.to_owned();
    for conflict in conflicts {
        let Dispute::Lines(stretches) = &conflict.dispute else { return Err(stale(conflict)) };
        let length = length(side_texts(stretches).chain([text]));
        let first = text.split_inclusive('\n').next().unwrap_or_default();
        let line_end = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        let marks = Marks { line_end, ..Marks::new(labels, length) };
        let write = |stretch: &Stretch, out: &mut String| {
            marks.write(out, stretch.sides.as_ref().map(|lines| lines.text.as_str()));
        };
        marked = text::replace(&marked, stretches, write).ok_or_else(|| stale(conflict))?;
    }
    Ok(marked)
}

fn side_texts(stretches: &[Stretch]) -> impl Iterator<Item = &str> {
    stretches.iter().flat_map(|stretch| stretch.sides.as_ref().into_array()).map(|lines| lines.text.as_str())
}

/// One more than the longest run of marks with which a line of these texts begins.
fn length<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    let run = |line: &str| {
        let mark = line.chars().next().filter(|mark| MARKS.contains(mark))?;
        Some(line.len() - line.trim_start_matches(mark).len())
    };
    let longest = texts.into_iter().flat_map(str::lines).filter_map(run).max().unwrap_or(0);
    LENGTH_MIN.max(longest + 1)
}

/// How the sides of a conflict are told apart in a file.
#[derive(Clone, Copy)]
struct Marks<'a> {
    labels: &'a Sides<String>,
    length: usize,
    line_end: &'static str,
}

impl<'a> Marks<'a> {
    fn new(labels: &'a Sides<String>, length: usize) -> Self {
        Self { labels, length, line_end: "\n" }
    }

    /// Writes the lines of all sides, each ended by a line feed.
    fn write(&self, out: &mut String, sides: Sides<&str>) {
        let Sides { base, ours, theirs } = self.labels.as_ref();
        self.mark(out, '<', ours);
        self.side(out, sides.ours);
        self.mark(out, '|', base);
        self.side(out, sides.base);
        self.mark(out, '=', "");
        self.side(out, sides.theirs);
        self.mark(out, '>', theirs);
    }

    fn mark(&self, out: &mut String, mark: char, label: &str) {
        out.extend(std::iter::repeat_n(mark, self.length));
        if mark != '=' {
            out.push(' ');
        }
        out.extend(label.chars().map(|c| if c.is_control() { ' ' } else { c }));
        out.push_str(self.line_end);
    }

    fn side(&self, out: &mut String, lines: &str) {
        out.push_str(lines);
        if !lines.is_empty() && !lines.ends_with('\n') {
            out.push_str(self.line_end);
        }
    }
}
