//! What is said when recto itself is wrong, and the exit code for it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

use crate::error::Kind;

use super::error::{CliError, Failure, exit_code};
use super::terminal::{Options, Output};

/// Runs a command; a panic in it is shown as a bug and becomes its exit code.
pub(super) fn guard(options: Options, run: impl FnOnce() -> u8) -> u8 {
    set_hook(Box::new(move |info| show(options, info)));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| exit_code(Kind::Bug))
}

fn show(options: Options, info: &PanicHookInfo<'_>) {
    let out = Output::new(Options { no_pager: true, ..options });
    describe(info).show(&out);
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        out.error_text(&format!("{trace}\n"));
    }
}

fn describe(info: &PanicHookInfo<'_>) -> Failure {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let error = CliError::new(Kind::Bug, format!("recto has a bug: {text}{place}"));
    let hint =
        "what was acknowledged is kept; please report this text, the command, and what 'recto version' says";
    match error.hint(hint) {
        CliError::Failed(failure) => *failure,
        CliError::Closed => unreachable!("it was made as a failure"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_exit_code() {
        assert_eq!(guard(Options::default(), || 5), 5);
        assert_eq!(guard(Options { quiet: true, ..Options::default() }, || panic!("on purpose")), 70);
        drop(std::panic::take_hook());
    }
}
