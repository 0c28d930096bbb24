//! How much differs in each block, or only in which.

use crate::agent::{Comparison, block_change_name};
use crate::diff::ChangeKind;

use super::super::count::count;
use super::super::error::CliError;
use super::super::terminal::{Cell, Output, Style, Table, plain_line};
use super::fields;

/// Shows a table of the blocks that differ, and a sum.
pub(super) fn stat(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    stat_lines(out, comparison).iter().try_for_each(|line| out.line(line))
}

/// The lines of that table, and the sum.
pub(super) fn stat_lines(out: &Output, comparison: &Comparison) -> Vec<String> {
    let mut table = Table::new(["BLOCK", "CHANGE", "ADDED", "REMOVED", "OF"]);
    for stat in &comparison.stats {
        table.row([
            stat.name.as_str().into(),
            block_change_name(stat.kind).into(),
            Cell::new(Style::Good, format!("+{}", stat.stat.added)),
            Cell::new(Style::Bad, format!("-{}", stat.stat.removed)),
            comparison.unit(stat).into(),
        ]);
    }
    let mut lines = table.lines(|style, text| out.paint(style, text));
    let (blocks, fields) = (comparison.stats.len(), comparison.count());
    let title = plain_line(&comparison.title(" -> ")).into_owned();
    lines.push(format!(
        "{title}: {} differ{} in {}",
        count(fields, "field"),
        if fields == 1 { "s" } else { "" },
        count(blocks, "block")
    ));
    lines
}

/// Shows the names of the blocks that differ.
pub(super) fn names(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    comparison.stats.iter().try_for_each(|stat| out.line(plain_line(stat.name.as_str())))
}

/// Shows the fields that differ, a line each.
pub(super) fn fields(out: &Output, comparison: &Comparison) -> Result<(), CliError> {
    for shown in comparison.blocks.iter().flat_map(|group| &group.changes) {
        let (style, sign) = match &shown.field.change.kind {
            ChangeKind::Added(_) => (Style::Good, "+"),
            ChangeKind::Removed(_) => (Style::Bad, "-"),
            ChangeKind::Changed { .. } => (Style::Note, "~"),
            ChangeKind::Moved { .. } => (Style::Note, ">"),
        };
        let lines = shown.field.text.as_ref().map(|text| format!(": {}", fields::counted(text)));
        let (sign, lines) = (out.paint(style, sign), lines.unwrap_or_default());
        out.line(format!("  {sign} {}{lines}", plain_line(&shown.path)))?;
    }
    for stat in comparison.fieldless() {
        let (sign, what) = (out.paint(Style::Note, "~"), comparison.without_fields(stat));
        out.line(format!("  {sign} {}: {what}", plain_line(stat.name.as_str())))?;
    }
    Ok(())
}
