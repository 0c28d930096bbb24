//! What is said when recto itself is wrong, and the exit code for it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

use crate::error::Kind;

use super::error::{Failure, exit_code};
use super::terminal::{Options, Output};

/// Runs a command; a panic in it is shown as a bug and becomes its exit code.
pub(super) fn guard(options: Options, run: impl FnOnce() -> u8) -> u8 {
    set_hook(Box::new(move |info| show(options, info)));
    caught(run)
}

fn caught(run: impl FnOnce() -> u8) -> u8 {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| exit_code(Kind::Bug))
}

fn show(options: Options, info: &PanicHookInfo<'_>) {
    let out = Output::new(Options { no_pager: true, ..options });
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    describe(text, info.location().map(ToString::to_string)).show(&out);
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        out.error_text(&format!("{trace}\n"));
    }
}

fn describe(text: &str, place: Option<String>) -> Failure {
    let hint =
        "what was acknowledged is kept; report this text, the command, and what 'recto --version' says";
    Failure {
        kind: Kind::Bug,
        message: format!("recto has a bug: {text}"),
        details: Vec::from_iter(place),
        causes: Vec::new(),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_exit_code() {
        assert_eq!(caught(|| 5), 5);
        assert_eq!(caught(|| panic!("on purpose")), 70);
    }

    #[test]
    fn a_bug_is_told_with_its_place_and_how_to_report_it() {
        let text =
            describe("no such row", Some("src/x.rs:1:2".to_owned())).to_text(|_, text| text.to_owned());
        assert!(text.starts_with("error: recto has a bug: no such row\n  src/x.rs:1:2\nhint: "), "{text}");
        assert!(text.contains("'recto --version'"), "{text}");
    }
}
