//! Differences field by field: `~` changed, `+` added, `-` removed, `>` moved.

use serde_json::Value;

use crate::diff::{ChangeKind, Tag, TextChange, text};

use super::super::error::CliError;
use super::super::terminal::{Output, Style, plain_line};
use super::words;
use crate::agent::{Comparison, ShownChange as Shown};

/// Longest pair of values that is shown as `old -> new` on one line, in characters.
const PAIR_MAX_CHARS: usize = 100;

/// Shows every change under the name of its block.
pub(super) fn show(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    out.line(out.paint(Style::Strong, &plain_line(&comparison.title(" -> "))))?;
    for group in groups(out, comparison) {
        out.line("")?;
        group.iter().try_for_each(|line| out.line(line))?;
    }
    Ok(())
}

/// The changes of each block, as lines of which the first is its name.
pub(super) fn groups(out: &Output, comparison: &Comparison) -> Vec<Vec<String>> {
    let head = |name: &str| vec![out.paint(Style::Strong, &plain_line(name))];
    let mut groups = Vec::new();
    for group in &comparison.blocks {
        let mut lines = Lines { out, lines: head(group.name()) };
        group.changes.iter().for_each(|shown| lines.change(shown));
        groups.push(lines.lines);
    }
    for stat in comparison.fieldless() {
        let mut lines = head(stat.name.as_str());
        lines.push(format!("  {} {}", out.paint(Style::Note, "~"), comparison.without_fields(stat)));
        groups.push(lines);
    }
    groups
}

/// Lines that are put together.
struct Lines<'a> {
    out: &'a Output,
    lines: Vec<String>,
}

impl Lines<'_> {
    fn change(&mut self, shown: &Shown) {
        match (&shown.field.change.kind, &shown.field.text) {
            (ChangeKind::Moved { from, to }, _) => {
                self.head(shown, ">", &format!(": moved from position {} to {}", from + 1, to + 1));
            }
            (ChangeKind::Added(value), _) => self.one_sided(shown, value, Tag::Added),
            (ChangeKind::Removed(value), _) => self.one_sided(shown, value, Tag::Removed),
            (ChangeKind::Changed { .. }, Some(text)) => {
                self.head(shown, "~", &format!(": {}", counted(text)));
                self.hunks(text);
            }
            (ChangeKind::Changed { old, new }, None) if old == new => {
                let value = words::on_one_line(new).map_or_else(String::new, |value| format!(": {value}"));
                self.head(shown, "~", &value);
            }
            (ChangeKind::Changed { old, new }, None) => self.changed(shown, old, new),
        }
    }

    /// The line that names the field.
    fn head(&mut self, shown: &Shown, sign: &str, rest: &str) {
        let style = match sign {
            "+" => Style::Good,
            "-" => Style::Bad,
            _ => Style::Note,
        };
        let hidden = if shown.hides { " (a masked secret changed)" } else { "" };
        let (sign, path) = (self.out.paint(style, sign), plain_line(&shown.path));
        self.lines.push(format!("  {sign} {path}{rest}{hidden}"));
    }

    fn one_sided(&mut self, shown: &Shown, value: &Value, tag: Tag) {
        let sign = words::sign(tag).to_string();
        if let Some(value) = words::on_one_line(value) {
            self.head(shown, &sign, &format!(": {value}"));
        } else {
            self.head(shown, &sign, "");
            self.value(value, tag);
        }
    }

    fn changed(&mut self, shown: &Shown, old: &Value, new: &Value) {
        let (Some(was), Some(is)) = (words::on_one_line(old), words::on_one_line(new)) else {
            self.head(shown, "~", "");
            self.value(old, Tag::Removed);
            self.value(new, Tag::Added);
            return;
        };
        if was.chars().count() + is.chars().count() <= PAIR_MAX_CHARS {
            self.head(shown, "~", &format!(": {was} -> {is}"));
            return;
        }
        self.head(shown, "~", "");
        // Long values are compared as the lines they are, so that the words that changed stand out.
        for hunk in text::lines(&format!("{was}\n"), &format!("{is}\n"), 0) {
            let lines = hunk.lines.iter().map(|line| format!("    {}", words::painted(self.out, line)));
            self.lines.extend(lines);
        }
    }

    fn value(&mut self, value: &Value, tag: Tag) {
        let sign = words::sign(tag);
        for line in words::lines_of(value) {
            let text = format!("{sign} {line}");
            let text = text.trim_end_matches(' ');
            let painted =
                words::style(tag).map_or_else(|| text.to_owned(), |style| self.out.paint(style, text));
            self.lines.push(format!("    {painted}"));
        }
    }

    fn hunks(&mut self, text: &TextChange) {
        for hunk in &text.hunks {
            let (old, new) = ((hunk.old_start, hunk.old_len), (hunk.new_start, hunk.new_len));
            let place = format!("@@ -{},{} +{},{} @@", old.0, old.1, new.0, new.1);
            self.lines.push(format!("    {}", self.out.paint(Style::Id, &place)));
            for line in &hunk.lines {
                let text = format!("    {}", words::painted(self.out, line));
                self.lines.push(text.trim_end_matches(' ').to_owned());
                if words::is_unended(line) {
                    self.lines.push(self.out.paint(Style::Dim, "    \\ no line feed at the end"));
                }
            }
        }
    }
}

/// `+3 -1 lines`.
pub(super) fn counted(text: &TextChange) -> String {
    format!("+{} -{} lines", text.added, text.removed)
}
