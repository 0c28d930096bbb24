//! What the verbs that change an agent say in common: the operation, and the command that takes
//! exactly that operation back.

use serde_json::{Value, json};

use crate::agent::{CheckReport, VersionInfo};
use crate::check::mask_text;
use crate::object::ObjectId;
use crate::refs::Handle;
use crate::repo::Receipt;

use super::terminal::Report;

/// Something done to an agent.
#[derive(Debug)]
pub(super) struct Done<'a> {
    receipt: &'a Receipt,
    dry_run: bool,
}

impl<'a> Done<'a> {
    /// What an operation's receipt tells.
    pub(super) fn new(receipt: &'a Receipt, dry_run: bool) -> Self {
        Self { receipt, dry_run }
    }

    /// Whether refs moved, or in a rehearsal would.
    pub(super) fn moved(&self) -> bool {
        !self.receipt.changes.is_empty()
    }

    /// A report that begins with what moved, or with why nothing did. Says how to undo it.
    pub(super) fn report(&self, moved: impl Into<String>, unmoved: impl Into<String>) -> Report {
        let undo = format!("recto undo {}", self.receipt.agent);
        self.report_undone_by(undo, moved, unmoved)
    }

    /// As [`Self::report`], where another command than `undo` is the way back.
    pub(super) fn report_undone_by(
        &self,
        undo: impl Into<String>,
        moved: impl Into<String>,
        unmoved: impl Into<String>,
    ) -> Report {
        let report = self.report_for_good(moved, unmoved);
        let Some(id) = self.receipt.operation else { return report };
        let undo: String = undo.into();
        // Undoing the last operation is safe to repeat only if it names that operation.
        let named = undo.starts_with("recto undo ");
        report.undo(if named { format!("{undo} --expect {}", id.short()) } else { undo })
    }

    /// As [`Self::report`], where no command takes exactly this back any more.
    pub(super) fn report_for_good(&self, moved: impl Into<String>, unmoved: impl Into<String>) -> Report {
        let line = match (self.moved(), self.dry_run) {
            (true, false) => moved.into(),
            (true, true) => format!("dry run: {}", moved.into()),
            (false, _) => unmoved.into(),
        };
        let operation = self.receipt.operation;
        Report::new(line)
            .field("agent", self.receipt.agent.as_str())
            .field("operation", operation.map(|id| id.to_string()))
            .field("changed", self.moved())
            .field("dry_run", self.dry_run)
    }
}

/// The command that takes a new agent out of use: `undo` cannot, and what serves goes on serving.
pub(super) fn put_away(agent: &Handle, serves: bool) -> String {
    let archive = format!("recto agent archive {agent}");
    if serves { format!("recto unpublish {agent} && {archive}") } else { archive }
}

/// An id that an operation made: none in a rehearsal, whose ids depend on the time of the real thing.
pub(super) fn made(id: ObjectId, dry_run: bool) -> Option<String> {
    (!dry_run).then(|| id.to_string())
}

/// A version in JSON.
pub(super) fn version_value(version: &VersionInfo) -> Value {
    json!({
        "number": Value::from(version.number),
        "id": version.id.to_string(),
        "label": version.label,
        "description": version.description,
        "author": version.author.to_value(),
        "time": version.time.to_string(),
        "parents": version.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "operation": version.record.to_string(),
        "check": version.check.name(),
        "active": version.active,
        "pinned": version.pinned,
        "withdrawn": version.withdrawn,
    })
}

/// The findings of a check, a line each.
pub(super) fn finding_lines(check: &CheckReport) -> Vec<String> {
    let line = |finding: &crate::check::Finding| {
        let masked = finding.masked.as_ref().map(|masked| format!(" ({masked})")).unwrap_or_default();
        let (severity, rule, path) = (finding.severity.name(), finding.rule, &finding.path);
        mask_text(&format!("{severity} {rule} {path}: {}{masked}", finding.message)).into_owned()
    };
    check.report.findings.iter().map(line).collect()
}
