//! Differences field by field: `~` changed, `+` added, `-` removed, `>` moved.

use serde_json::Value;

use crate::diff::{ChangeKind, Tag, TextChange, text};

use super::super::error::CliError;
use super::super::terminal::{Output, Style, plain_line};
use super::comparison::{Comparison, Shown};
use super::words;

/// Longest pair of values that is shown as `old -> new` on one line, in characters.
const PAIR_MAX_CHARS: usize = 100;

/// Shows every change under the name of its block.
pub(super) fn show(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    out.line(out.paint(Style::Strong, &plain_line(&comparison.title(" -> "))))?;
    for group in &comparison.blocks {
        out.line(format!("\n{}", out.paint(Style::Strong, &plain_line(group.name()))))?;
        for shown in &group.changes {
            change(out, shown)?;
        }
    }
    Ok(())
}

fn change(out: &Output, shown: &Shown) -> Result<(), CliError> {
    let path = plain_line(&shown.path);
    let hidden = if shown.hides { " (a masked secret changed)" } else { "" };
    let head = |sign: &str, rest: &str| {
        let style = match sign {
            "+" => Style::Good,
            "-" => Style::Bad,
            _ => Style::Note,
        };
        out.line(format!("  {} {path}{rest}{hidden}", out.paint(style, sign)))
    };
    match (&shown.field.change.kind, &shown.field.text) {
        (ChangeKind::Moved { from, to }, _) => {
            head(">", &format!(": moved from position {} to {}", from + 1, to + 1))
        }
        (ChangeKind::Added(value), _) => one_sided(out, value, Tag::Added, |rest| head("+", rest)),
        (ChangeKind::Removed(value), _) => one_sided(out, value, Tag::Removed, |rest| head("-", rest)),
        (ChangeKind::Changed { .. }, Some(text)) => {
            head("~", &format!(": {}", counted(text)))?;
            hunks(out, text)
        }
        (ChangeKind::Changed { old, new }, None) if old == new => {
            head("~", &words::on_one_line(new).map_or_else(String::new, |value| format!(": {value}")))
        }
        (ChangeKind::Changed { old, new }, None) => changed(out, old, new, |rest| head("~", rest)),
    }
}

/// `+3 -1 lines`.
pub(super) fn counted(text: &TextChange) -> String {
    let lines = if text.added + text.removed == 1 { "line" } else { "lines" };
    format!("+{} -{} {lines}", text.added, text.removed)
}

fn one_sided(
    out: &Output,
    value: &Value,
    tag: Tag,
    head: impl Fn(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if let Some(value) = words::on_one_line(value) {
        return head(&format!(": {value}"));
    }
    head("")?;
    lines(out, value, tag)
}

fn changed(
    out: &Output,
    old: &Value,
    new: &Value,
    head: impl Fn(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if let (Some(was), Some(is)) = (words::on_one_line(old), words::on_one_line(new)) {
        if was.chars().count() + is.chars().count() <= PAIR_MAX_CHARS {
            return head(&format!(": {was} -> {is}"));
        }
        head("")?;
        // Long values are compared as the lines they are, so that the words that changed stand out.
        let compared = text::lines(&format!("{was}\n"), &format!("{is}\n"), 0);
        return compared
            .iter()
            .flat_map(|hunk| &hunk.lines)
            .try_for_each(|line| out.line(format!("    {}", words::painted(out, line))));
    }
    head("")?;
    lines(out, old, Tag::Removed)?;
    lines(out, new, Tag::Added)
}

fn lines(out: &Output, value: &Value, tag: Tag) -> Result<(), CliError> {
    let sign = words::sign(tag);
    words::lines_of(value).iter().try_for_each(|line| {
        let text = format!("{sign} {line}");
        let text = text.trim_end_matches(' ');
        let painted = words::style(tag).map_or_else(|| text.to_owned(), |style| out.paint(style, text));
        out.line(format!("    {painted}"))
    })
}

fn hunks(out: &Output, text: &TextChange) -> Result<(), CliError> {
    for hunk in &text.hunks {
        let (old, new) = ((hunk.old_start, hunk.old_len), (hunk.new_start, hunk.new_len));
        let place = format!("@@ -{},{} +{},{} @@", old.0, old.1, new.0, new.1);
        out.line(format!("    {}", out.paint(Style::Id, &place)))?;
        for line in &hunk.lines {
            out.line(format!("    {}", words::painted(out, line)).trim_end_matches(' '))?;
            if words::is_unended(line) {
                out.line(out.paint(Style::Dim, "    \\ no line feed at the end"))?;
            }
        }
    }
    Ok(())
}
