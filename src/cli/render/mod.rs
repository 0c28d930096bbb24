//! How differences between two configs are shown, for every verb that shows them. Knows configs
//! and the terminal; never how the configs were found.

mod columns;
mod comparison;
mod fields;
mod json;
mod summary;
mod unified;
mod words;

pub(crate) use comparison::{Comparison, Side, wanted};

use super::error::CliError;
use super::terminal::Output;

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
        return out.json(json::value(comparison));
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

/// Shows which fields differ, a line each, without their values.
///
/// # Errors
/// As [`diff`].
pub(crate) fn overview(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    summary::fields(out, comparison)
}

/// The fields that differ as JSON, without their values: `path`, `block`, `change`.
pub(crate) fn overview_value(comparison: &Comparison) -> serde_json::Value {
    json::overview(comparison)
}

/// The comparison as JSON, for verbs that show more than it; as in `docs/reference/json/diff.json`.
pub(crate) fn diff_value(comparison: &Comparison) -> serde_json::Value {
    json::value(comparison)
}
