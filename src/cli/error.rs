//! What a verb fails with, how it is shown, and the one place where a kind becomes an exit code.

use serde_json::{Value, json};

use crate::check::mask_text;
use crate::error::{Classify, Kind, causes};

use super::terminal::{Output, Style, plain};

/// How a verb ended when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done,
    /// The answer is no: exits with 1, without an error.
    No,
    /// What was found has that kind (`fsck` finds damage): its exit code, without an error.
    Found(Kind),
}

impl Exit {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Found(kind) => exit_code(kind),
        }
    }
}

/// The exit code of a kind of failure.
pub(crate) fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::NotFound | Kind::Refused | Kind::Io => 1,
        Kind::Usage => 2,
        Kind::Conflict => 3,
        Kind::Corrupt => 4,
        Kind::Invalid => 5,
        Kind::Bug => 70,
        Kind::Interrupted => 130,
    }
}

/// The word for a kind in JSON.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "not_found",
        Kind::Refused => "refused",
        Kind::Usage => "usage",
        Kind::Conflict => "conflict",
        Kind::Corrupt => "corrupt",
        Kind::Invalid => "invalid",
        Kind::Io => "io",
        Kind::Interrupted => "interrupted",
        Kind::Bug => "bug",
    }
}

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub(crate) enum CliError {
    /// It failed.
    Failed(Box<Failure>),
    /// Whoever read the output has gone: nothing more to say, and no failure.
    Closed,
}

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The coarse kind.
    pub(crate) kind: Kind,
    /// What is wrong; the first line.
    pub(crate) message: String,
    /// Single problems, candidates, both sides: one line each.
    pub(crate) details: Vec<String>,
    /// What each failure was caused by, the nearest first.
    pub(crate) causes: Vec<String>,
    /// A command that helps.
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// A failure of the command line itself.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Failed(Box::new(Failure { kind, message, details: Vec::new(), causes: Vec::new(), hint: None }))
    }

    /// The words of the request are wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Replaces the hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Failed(failure) = &mut self {
            failure.hint = Some(hint.into());
        }
        self
    }

    /// Adds lines that say more: every problem, every candidate.
    #[must_use]
    pub(crate) fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        if let Self::Failed(failure) = &mut self {
            failure.details.extend(lines);
        }
        self
    }

    /// The failure as JSON; null when there is none.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Failed(failure) => failure.to_value(),
            Self::Closed => Value::Null,
        }
    }

    /// The failure in one line, with what caused it and what helps.
    pub(crate) fn brief(&self) -> String {
        let Self::Failed(failure) = self else { return String::new() };
        let mut text = failure.message.clone();
        for cause in &failure.causes {
            text = format!("{text}: {cause}");
        }
        for detail in &failure.details {
            text = format!("{text}; {detail}");
        }
        match &failure.hint {
            Some(hint) => format!("{text} (hint: {hint})"),
            None => text,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Failed(failure) => exit_code(failure.kind),
            Self::Closed => 0,
        }
    }
}

impl<E: Classify> From<E> for CliError {
    fn from(error: E) -> Self {
        let message = error.to_string();
        let causes = causes(&error);
        let (kind, hint) = (error.kind(), error.hint());
        // A problem quotes the value that has it, which may be a secret.
        let details = error.details().iter().map(|line| mask_text(line).into_owned()).collect();
        Self::Failed(Box::new(Failure { kind, message, details, causes, hint }))
    }
}

impl Failure {
    /// The failure as JSON.
    pub(crate) fn to_value(&self) -> Value {
        json!({
            "error": {
                "kind": kind_name(self.kind),
                "message": self.message,
                "details": self.details,
                "causes": self.causes,
                "hint": self.hint,
            }
        })
    }

    /// The failure for people: the problem, the lines that say more, the causes, the hint.
    pub(crate) fn to_text(&self, paint: impl Fn(Style, &str) -> String) -> String {
        let line = |style, label: &str, text: &str| format!("{} {}\n", paint(style, label), plain(text));
        let mut text = line(Style::Bad, "error:", &self.message);
        for detail in self.details.iter().flat_map(|detail| detail.lines()) {
            text.extend(["  ", &plain(detail), "\n"]);
        }
        text.extend(self.causes.iter().map(|cause| line(Style::Dim, "caused by:", cause)));
        text.extend(self.hint.iter().map(|hint| line(Style::Note, "hint:", hint)));
        text
    }

    /// Shows the failure on stderr.
    pub(crate) fn show(&self, out: &Output) {
        if out.is_json() {
            out.error_json(&self.to_value());
        } else {
            out.error_text(&self.to_text(|style, text| out.paint_error(style, text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the volume is full")]
    struct Inner;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write '{name}'")]
    struct Outer {
        name: &'static str,
        source: Inner,
    }

    impl Classify for Outer {
        fn kind(&self) -> Kind {
            Kind::Io
        }

        fn hint(&self) -> Option<String> {
            Some("df -h".to_owned())
        }
    }

    fn failure() -> Failure {
        match CliError::from(Outer { name: "x\u{1b}[2J", source: Inner }) {
            CliError::Failed(failure) => *failure,
            CliError::Closed => panic!("a failure is no closed pipe"),
        }
    }

    #[test]
    fn causes_and_hints_have_lines_of_their_own() {
        let text = failure().to_text(|_, text| text.to_owned());
        let expected = "error: cannot write 'x\\u{1b}[2J'\ncaused by: the volume is full\nhint: df -h\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_carries_the_same_parts() {
        let value = failure().to_value();
        assert_eq!(value["error"]["kind"], "io");
        assert_eq!(value["error"]["causes"][0], "the volume is full");
        assert_eq!(value["error"]["hint"], "df -h");
    }

    #[test]
    fn every_kind_has_the_exit_code_of_the_reference() {
        let codes = [
            (Kind::NotFound, 1),
            (Kind::Refused, 1),
            (Kind::Usage, 2),
            (Kind::Conflict, 3),
            (Kind::Corrupt, 4),
            (Kind::Invalid, 5),
            (Kind::Io, 1),
            (Kind::Interrupted, 130),
            (Kind::Bug, 70),
        ];
        for (kind, code) in codes {
            assert_eq!(exit_code(kind), code, "{kind:?}");
        }
    }
}
