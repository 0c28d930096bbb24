//! What a piece of text means, and the colour that stands for it. Never the only sign of anything.

use std::ffi::OsStr;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not at all.
    Never,
}

impl ColorChoice {
    /// Whether to use colours on a stream, given what `NO_COLOR` and `TERM` say.
    pub(super) fn decide(self, terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A heading or a name that matters.
    Strong,
    /// Less important than the rest.
    Dim,
    /// Added, serving, passed.
    Good,
    /// Removed, failed.
    Bad,
    /// A warning, something to look at.
    Note,
    /// An id or a position.
    Id,
}

const RESET: &str = "\u{1b}[0m";

/// Every sequence that recto writes to a terminal.
pub(super) const SEQUENCES: [&str; 7] =
    ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[31m", "\u{1b}[33m", "\u{1b}[36m", RESET];

impl Style {
    fn sequence(self) -> &'static str {
        match self {
            Self::Strong => SEQUENCES[0],
            Self::Dim => SEQUENCES[1],
            Self::Good => SEQUENCES[2],
            Self::Bad => SEQUENCES[3],
            Self::Note => SEQUENCES[4],
            Self::Id => SEQUENCES[5],
        }
    }

    /// The text in this style, where colours are on.
    pub(super) fn paint(self, colours: bool, text: &str) -> String {
        if colours && !text.is_empty() {
            format!("{}{text}{RESET}", self.sequence())
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_option_then_the_surroundings() {
        let check = |choice: ColorChoice, terminal, no_color: Option<&str>, term: Option<&str>, expected| {
            let decided = choice.decide(terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(decided, expected, "{choice:?} {terminal} {no_color:?} {term:?}");
        };
        check(ColorChoice::Auto, true, None, Some("xterm"), true);
        check(ColorChoice::Auto, true, Some(""), None, true);
        check(ColorChoice::Auto, true, Some("1"), None, false);
        check(ColorChoice::Auto, true, None, Some("dumb"), false);
        check(ColorChoice::Auto, false, None, None, false);
        check(ColorChoice::Always, false, Some("1"), Some("dumb"), true);
        check(ColorChoice::Never, true, None, None, false);
    }

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Style::Good.paint(false, "x"), "x");
        assert_eq!(Style::Good.paint(true, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
