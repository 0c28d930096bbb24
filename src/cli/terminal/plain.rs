//! Makes stored text harmless for a terminal: what would steer it is shown as an escape instead.

use std::borrow::Cow;

use super::style::SEQUENCES;

/// Characters that reorder what a reader sees: bidirectional marks, embeddings, overrides, isolates.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character steers a terminal or hides the order of text; newline and tab do not.
pub(super) fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || reorders(c)
}

fn escape(text: &str, steers: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Text of any number of lines, safe to print.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Text that must stay on one line, safe to print: line ends and tabs are shown as escapes too.
pub(crate) fn plain_line(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control() || reorders(c))
}

/// Text that recto itself put colours into: they stay, everything else is made safe.
pub(super) fn plain_but_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        out += &plain(before);
        let known = SEQUENCES.iter().find(|sequence| from.starts_with(**sequence));
        let (kept, length) = known.map_or((Cow::Borrowed("\\u{1b}"), 1), |s| (Cow::Borrowed(*s), s.len()));
        out += &kept;
        rest = &from[length..];
    }
    out + &plain(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(plain(input), expected, "{input:?}");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        check("a\u{1b}[31mred", "a\\u{1b}[31mred");
        check("title \u{1b}]0;x\u{7}", "title \\u{1b}]0;x\\u{7}");
        check("c1 \u{9b}2J", "c1 \\u{9b}2J");
        check("over\rwritten\u{8}", "over\\rwritten\\u{8}");
        check("del\u{7f}", "del\\u{7f}");
        check("user\u{202e}txt.exe", "user\\u{202e}txt.exe");
        check("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["", "two\nlines\tand a tab", "नमस्ते 日本語 👩\u{200d}💻", "back\\slash"]
        {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(plain_line("a\nb\tc"), "a\\nb\\tc");
    }

    #[test]
    fn only_colours_that_recto_makes_survive() {
        let green = "\u{1b}[32mok\u{1b}[0m";
        assert_eq!(plain_but_colours(green), green);
        assert_eq!(plain_but_colours("\u{1b}[2Jx\u{9b}"), "\\u{1b}[2Jx\\u{9b}");
    }
}
