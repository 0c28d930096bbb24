//! How differences between two configs are shown, for every verb that shows them. Knows configs
//! and the terminal; never how the configs were found.

mod columns;
mod fields;
mod summary;
mod unified;
mod words;

pub(crate) use crate::agent::{Comparison, Side, wanted_paths as wanted};

use crate::diff::text;

use super::error::CliError;
use super::terminal::Output;

/// Longest comparison that is shown where it is not what was asked for, in lines.
const EXCERPT_MAX_LINES: usize = 100;

/// A form in which differences are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// Field by field, texts by line with the changed words marked.
    #[default]
    Fields,
    /// How much changed in each block.
    Stat,
    /// The names of the blocks that differ.
    Blocks,
    /// A patch of the blocks' files.
    Unified,
    /// Both sides beside each other, as wide as the terminal.
    SideBySide,
}

/// Shows a comparison: under `--json` always whole, under `--quiet` not at all.
///
/// # Errors
/// `Closed`, or what the system refuses.
pub(crate) fn diff(out: &Output, comparison: &Comparison, form: Form) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(comparison.to_value());
    }
    if out.is_quiet() {
        return Ok(());
    }
    if comparison.is_empty() {
        out.say(format!("no difference between {}", comparison.title(" and ")));
        return Ok(());
    }
    match form {
        Form::Fields => fields::show(out, comparison),
        Form::Stat => summary::stat(out, comparison),
        Form::Blocks => summary::names(out, comparison),
        Form::Unified => unified::show(out, comparison),
        Form::SideBySide => columns::show(out, comparison),
    }
}

/// The comparison field by field, as lines for a report; of a long one how much differs, and `all`, the
/// command that shows the rest.
pub(crate) fn excerpt(out: &Output, comparison: &Comparison, all: &str) -> Vec<String> {
    let lines: Vec<String> = fields::groups(out, comparison).concat();
    if lines.len() <= EXCERPT_MAX_LINES {
        return lines;
    }
    let mut lines = summary::stat_lines(out, comparison);
    lines.push(format!("all of it: {all}"));
    lines
}

/// The lines in which two texts differ, with the changed words marked.
pub(crate) fn changed_lines(out: &Output, old: &str, new: &str) -> Vec<String> {
    let hunks = text::lines(old, new, 0);
    hunks.iter().flat_map(|hunk| &hunk.lines).map(|line| words::painted(out, line)).collect()
}

/// A value on the lines that it needs, made safe.
pub(crate) fn value_lines(value: &serde_json::Value) -> Vec<String> {
    words::lines_of(value)
}

/// Shows which fields differ, a line each, without their values.
///
/// # Errors
/// As [`diff`].
pub(crate) fn overview(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    summary::fields(out, comparison)
}

/// The fields that differ as JSON, without their values: `path`, `block`, `change`.
pub(crate) fn overview_value(comparison: &Comparison) -> serde_json::Value {
    comparison.overview()
}
