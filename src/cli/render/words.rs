//! Lines of a text that differs, with the changed words marked, and values on lines.

use std::fmt::Write as _;

use serde_json::Value;

use crate::diff::{Line, Tag};
use crate::encoding::canonical;

use super::super::terminal::{Output, Style, plain};

/// A line without its line feed, made safe, in pieces: whether each changed, and its text.
fn pieces(line: &Line) -> Vec<(bool, String)> {
    let mut pieces: Vec<(bool, String)> = Vec::new();
    for (changed, text) in &line.pieces {
        let text = plain(text.strip_suffix('\n').unwrap_or(text)).into_owned();
        match pieces.last_mut() {
            Some((last, before)) if last == changed => *before += &text,
            _ => pieces.push((*changed, text)),
        }
    }
    pieces.retain(|(_, text)| !text.is_empty());
    // A line that changed from end to end has no words to tell apart.
    if let [(changed, _)] = pieces.as_mut_slice() {
        *changed = false;
    }
    pieces
}

fn marks(tag: Tag) -> (&'static str, &'static str) {
    match tag {
        Tag::Removed => ("[-", "-]"),
        Tag::Added | Tag::Same => ("{+", "+}"),
    }
}

/// The style of lines that only one text has.
pub(super) fn style(tag: Tag) -> Option<Style> {
    match tag {
        Tag::Same => None,
        Tag::Removed => Some(Style::Bad),
        Tag::Added => Some(Style::Good),
    }
}

/// The sign of such a line.
pub(super) fn sign(tag: Tag) -> char {
    match tag {
        Tag::Same => ' ',
        Tag::Removed => '-',
        Tag::Added => '+',
    }
}

/// A line, with brackets around changed words: `Be [-kind-].`, `Be {+polite+}.`
pub(super) fn marked(line: &Line) -> String {
    let (open, close) = marks(line.tag);
    pieces(line).iter().fold(String::new(), |mut text, (changed, piece)| {
        if *changed {
            write!(text, "{open}{piece}{close}").expect("a string takes all that is written");
        } else {
            text += piece;
        }
        text
    })
}

/// The same line with its sign, and in colours where these are on; brackets stay, as colours alone
/// say nothing to some.
pub(super) fn painted(out: &Output, line: &Line) -> String {
    let (sign, text) = (sign(line.tag), marked(line));
    let text = if text.is_empty() { sign.to_string() } else { format!("{sign} {text}") };
    match style(line.tag) {
        Some(style) => out.paint(style, text.trim_end_matches(' ')),
        None => text.trim_end_matches(' ').to_owned(),
    }
}

/// Whether the line is the last of a text that does not end with a line feed.
pub(super) fn is_unended(line: &Line) -> bool {
    !line.pieces.last().is_some_and(|(_, text)| text.ends_with('\n'))
}

/// A value on the lines that it needs: a text of several lines as it stands, everything else as
/// JSON.
pub(super) fn lines_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.trim_end_matches('\n').contains('\n') => {
            text.lines().map(|line| plain(line).into_owned()).collect()
        }
        _ => canonical::pretty(value).lines().map(|line| plain(line).into_owned()).collect(),
    }
}

/// A value that fits on one line, as JSON.
pub(super) fn on_one_line(value: &Value) -> Option<String> {
    match lines_of(value).as_slice() {
        [line] => Some(line.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(tag: Tag, pieces: &[(bool, &str)], expected: &str) {
        let pieces = pieces.iter().map(|(changed, text)| (*changed, (*text).to_owned())).collect();
        assert_eq!(marked(&Line { tag, pieces }), expected);
    }

    #[test]
    fn changed_words_stand_in_brackets() {
        check(Tag::Removed, &[(false, "Be "), (true, "kind"), (false, ".\n")], "Be [-kind-].");
        check(Tag::Added, &[(false, "Be "), (true, "po"), (true, "lite"), (false, ".\n")], "Be {+polite+}.");
    }

    #[test]
    fn a_line_that_changed_whole_has_no_brackets() {
        check(Tag::Added, &[(true, "All new\n")], "All new");
        check(Tag::Added, &[(true, "All new"), (true, "\n")], "All new");
    }

    #[test]
    fn stored_text_cannot_steer_the_terminal() {
        check(Tag::Added, &[(false, "a\u{1b}[31m"), (true, "b\r\n")], "a\\u{1b}[31m{+b\\r+}");
    }

    #[test]
    fn a_text_of_several_lines_is_not_shown_as_json() {
        assert_eq!(lines_of(&json!("a\n\"b\"\n")), ["a", "\"b\""]);
        assert_eq!(lines_of(&json!("a\n")), ["\"a\\n\""]);
        assert_eq!(on_one_line(&json!([1, 2])), None);
        assert_eq!(on_one_line(&json!([])), Some("[]".to_owned()));
    }
}
