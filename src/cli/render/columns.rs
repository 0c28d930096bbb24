//! Both sides beside each other: `|` between lines that differ, `<` and `>` beside lines that only
//! one side has.

use unicode_width::UnicodeWidthChar as _;

use crate::diff::{ChangeKind, Line, Tag, TextChange};

use super::super::error::CliError;
use super::super::terminal::{Output, Style, plain_line};
use super::words;
use crate::agent::{Comparison, ShownChange as Shown};

/// Columns of an output that is no terminal and does not say.
const WIDTH_DEFAULT: usize = 130;
/// Fewest columns that are used.
const WIDTH_MIN: usize = 20;
/// Columns between the two sides: a mark and a space on each side of it.
const GAP: usize = 3;

/// Shows every change in two columns.
pub(super) fn show(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    let columns = Columns { out, width: (width().max(WIDTH_MIN) - GAP) / 2 };
    columns.row(Style::Strong, &comparison.old.title(), ' ', &comparison.new.title())?;
    for group in &comparison.blocks {
        out.line(format!("\n{}", out.paint(Style::Strong, &plain_line(group.name()))))?;
        for shown in &group.changes {
            columns.change(shown)?;
        }
    }
    for stat in comparison.fieldless() {
        out.line(format!("\n{}", out.paint(Style::Strong, &plain_line(stat.name.as_str()))))?;
        out.line(format!("  {}", out.paint(Style::Note, &comparison.without_fields(stat))))?;
    }
    Ok(())
}

/// Columns of the screen, as the environment or the terminal says.
fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let size = || rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let seen = || size().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    said.or_else(seen).unwrap_or(WIDTH_DEFAULT)
}

struct Columns<'a> {
    out: &'a Output,
    width: usize,
}

impl Columns<'_> {
    fn change(&self, shown: &Shown) -> Result<(), CliError> {
        let hidden = if shown.hides { " (a masked secret changed)" } else { "" };
        let moved = match &shown.field.change.kind {
            ChangeKind::Moved { from, to } => format!(": moved from position {} to {}", from + 1, to + 1),
            _ => String::new(),
        };
        let head = format!("{}{moved}{hidden}", plain_line(&shown.path));
        self.out.line(format!("  {}", self.out.paint(Style::Note, &head)))?;
        match (&shown.field.change.kind, &shown.field.text) {
            (ChangeKind::Moved { .. }, _) => Ok(()),
            (ChangeKind::Added(value), _) => self.values(&[], &words::lines_of(value)),
            (ChangeKind::Removed(value), _) => self.values(&words::lines_of(value), &[]),
            (ChangeKind::Changed { .. }, Some(text)) => self.text(text),
            (ChangeKind::Changed { old, new }, None) => {
                self.values(&words::lines_of(old), &words::lines_of(new))
            }
        }
    }

    fn values(&self, old: &[String], new: &[String]) -> Result<(), CliError> {
        for at in 0..old.len().max(new.len()) {
            self.pair(old.get(at).map(String::as_str), new.get(at).map(String::as_str))?;
        }
        Ok(())
    }

    fn text(&self, text: &TextChange) -> Result<(), CliError> {
        for hunk in &text.hunks {
            let (old, new) = (format!("line {}", hunk.old_start), format!("line {}", hunk.new_start));
            self.row(Style::Id, &old, ' ', &new)?;
            let mut rest = hunk.lines.as_slice();
            while let [first, ..] = rest {
                if first.tag == Tag::Same {
                    let line = words::marked(first);
                    self.pair(Some(&line), Some(&line))?;
                    rest = &rest[1..];
                    continue;
                }
                let (removed, after) = run(rest, Tag::Removed);
                let (added, after) = run(after, Tag::Added);
                self.values(&removed, &added)?;
                rest = after;
            }
        }
        Ok(())
    }

    fn pair(&self, old: Option<&str>, new: Option<&str>) -> Result<(), CliError> {
        let mark = match (old, new) {
            (Some(old), Some(new)) if old == new => ' ',
            (Some(_), Some(_)) => '|',
            (Some(_), None) => '<',
            (None, _) => '>',
        };
        let (left, right) = if mark == ' ' { (None, None) } else { (Some(Style::Bad), Some(Style::Good)) };
        self.cells((old.unwrap_or_default(), left), mark, (new.unwrap_or_default(), right))
    }

    fn row(&self, style: Style, old: &str, mark: char, new: &str) -> Result<(), CliError> {
        self.cells((&plain_line(old), Some(style)), mark, (&plain_line(new), Some(style)))
    }

    fn cells(
        &self,
        (old, old_style): (&str, Option<Style>),
        mark: char,
        (new, new_style): (&str, Option<Style>),
    ) -> Result<(), CliError> {
        let (left, right) = (wrap(old, self.width), wrap(new, self.width));
        let paint = |style: Option<Style>, text: &str| {
            style.map_or_else(|| text.to_owned(), |style| self.out.paint(style, text))
        };
        let nothing = (String::new(), 0);
        for at in 0..left.len().max(right.len()) {
            let (old, old_width) = left.get(at).unwrap_or(&nothing);
            let (new, _) = right.get(at).unwrap_or(&nothing);
            let padding = " ".repeat(self.width - old_width);
            let line = format!("{}{padding} {mark} {}", paint(old_style, old), paint(new_style, new));
            self.out.line(line.trim_end_matches(' '))?;
        }
        Ok(())
    }
}

fn run(lines: &[Line], tag: Tag) -> (Vec<String>, &[Line]) {
    let len = lines.iter().take_while(|line| line.tag == tag).count();
    (lines[..len].iter().map(words::marked).collect(), &lines[len..])
}

/// The text in pieces that fit a column, each with its width; one empty piece for no text. Breaks
/// after a space where there is one in the second half.
fn wrap(text: &str, width: usize) -> Vec<(String, usize)> {
    let mut pieces = Vec::new();
    let (mut piece, mut used) = (String::new(), 0);
    for c in text.replace('\t', "    ").chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width {
            let at = piece.rfind(' ').map(|at| at + 1).filter(|at| *at > piece.len() / 2);
            let rest = piece.split_off(at.unwrap_or(piece.len()));
            pieces.push(measured(std::mem::replace(&mut piece, rest)));
            used = measured(piece.clone()).1;
        }
        piece.push(c);
        used += wide;
    }
    pieces.push(measured(piece));
    pieces
}

fn measured(text: String) -> (String, usize) {
    let width = text.chars().filter_map(unicode_width::UnicodeWidthChar::width).sum();
    (text, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, width: usize, expected: &[&str]) {
        let pieces: Vec<String> = wrap(text, width).into_iter().map(|(piece, _)| piece).collect();
        assert_eq!(pieces, expected, "{text:?}");
    }

    #[test]
    fn text_breaks_at_words_and_never_outgrows_its_column() {
        check("", 10, &[""]);
        check("short", 10, &["short"]);
        check("one two three", 10, &["one two ", "three"]);
        check("abcdefghijklmno", 10, &["abcdefghij", "klmno"]);
        check("a bcdefghijklmno", 10, &["a bcdefghi", "jklmno"]);
        check("日本語日本語", 5, &["日本", "語日", "本語"]);
        for (piece, width) in wrap("नमस्ते 日本語 words \t and more words", 8) {
            assert!(width <= 8, "{piece:?}");
        }
    }
}
